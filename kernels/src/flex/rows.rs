//! Strided views of 32-bit tensors whose innermost axis is contiguous.

use burn_flex::FlexTensor;

/// A view `[outer.., width]`: rows of `width` contiguous numbers, any strides between rows. A
/// slice of a projection (`x`, `z`, `B`, `C`) or a flipped tensor is read in place, uncopied.
pub(crate) struct Rows<'a, const O: usize> {
    data: &'a [f32],
    start: isize,
    strides: [isize; O],
    width: usize,
}

/// The tensor itself if its last axis is contiguous, a contiguous copy otherwise.
pub(crate) fn with_contiguous_rows(tensor: FlexTensor) -> FlexTensor {
    let layout = tensor.layout();
    let last = layout.num_dims() - 1;
    if layout.strides()[last] == 1 || layout.shape()[last] == 1 {
        tensor
    } else {
        tensor.to_contiguous()
    }
}

impl<'a, const O: usize> Rows<'a, O> {
    /// Views a tensor that went through [`with_contiguous_rows`].
    pub(crate) fn new(tensor: &'a FlexTensor) -> Self {
        let layout = tensor.layout();
        debug_assert_eq!(layout.num_dims(), O + 1);
        Self {
            data: tensor.storage::<f32>(),
            start: layout.start_offset() as isize,
            strides: std::array::from_fn(|axis| layout.strides()[axis]),
            width: layout.shape()[O],
        }
    }

    /// The row at the given outer indices.
    #[inline(always)]
    pub(crate) fn row(&self, index: [usize; O]) -> &'a [f32] {
        let steps = self.strides.iter().zip(index);
        let offset = steps.fold(self.start, |at, (stride, index)| {
            at + stride * index as isize
        });
        &self.data[offset as usize..offset as usize + self.width]
    }
}
