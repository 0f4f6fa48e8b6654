//! Eight tensors for one launch: a model has hundreds of parameters, most of them so small that a GPU spends more time between the
//! launches of an optimiser than in them.

use burn::backend::{Backend, ExtensionType, tensor::FloatTensor};
use burn_cubecl::tensor::CubeTensor;

use crate::cube::vector;

/// As many tensors as [`Eight`] holds.
pub(crate) const EIGHT: usize = 8;

/// Tensors of any shapes, in a form that crosses burn's backend dispatch.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "gpu"))]
#[allow(missing_docs)] // the first to the eighth
pub(crate) struct Eight<B: Backend> {
    pub a: FloatTensor<B>,
    pub b: FloatTensor<B>,
    pub c: FloatTensor<B>,
    pub d: FloatTensor<B>,
    pub e: FloatTensor<B>,
    pub f: FloatTensor<B>,
    pub g: FloatTensor<B>,
    pub h: FloatTensor<B>,
}

impl<B: Backend> Eight<B> {
    pub(crate) fn into_array(self) -> [FloatTensor<B>; EIGHT] {
        let Self {
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            h,
        } = self;
        [a, b, c, d, e, f, g, h]
    }
}

impl<B: Backend> From<[FloatTensor<B>; EIGHT]> for Eight<B> {
    fn from([a, b, c, d, e, f, g, h]: [FloatTensor<B>; EIGHT]) -> Self {
        Self {
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            h,
        }
    }
}

/// Which of two queues a tensor of this shape waits in: a launch reads all of its tensors in vectors of one width.
pub(crate) fn queue(shape: &[usize]) -> usize {
    usize::from(vector(shape.last().copied().unwrap_or(1)) == 1)
}

/// Whether a kernel may read and write so many buffers beside those that every kernel has.
pub(crate) fn can_bind(like: &CubeTensor, buffers: usize) -> bool {
    /// Sizes, and a reserve.
    const OTHERS: usize = 4;
    like.client.properties().hardware.max_bindings as usize >= buffers + OTHERS
}
