//! Parameters of all directions, side by side.

use burn::backend::TensorMetadata;
use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::cube::{address_type, contiguous, empty, spread};
use crate::mamba_inner::ops::BranchTensors;

const UNITS: usize = 256;

/// What the scan and the matrix products read. V directions.
pub(super) struct Packed {
    /// `−exp(a_log)`, `[V, D, N]`, 32-bit.
    pub(super) a: CubeTensor,
    /// `[V, D]`, 32-bit.
    pub(super) skip: CubeTensor,
    /// `[V, D]`, 32-bit.
    pub(super) dt_bias: Option<CubeTensor>,
    /// `[V, R + 2N, D]`, in the type of the activations.
    pub(super) x_proj: CubeTensor,
    /// `[V, D, R]`, in the type of the activations.
    pub(super) dt_proj: CubeTensor,
}

impl Packed {
    pub(super) fn new(branches: &[BranchTensors<CubeBackend>], dtype: DType) -> Self {
        let first = &branches[0];
        let count = branches.len();
        let [channels, states] = first.a_log.shape().dims();
        let [columns, _] = first.x_proj.shape().dims();
        let [_, rank] = first.dt_proj.shape().dims();
        let like = &first.a_log;
        let has_bias = first.dt_bias.as_option().is_some();
        let packed = Self {
            a: empty(like, [count, channels, states], DType::F32),
            skip: empty(like, [count, channels], DType::F32),
            dt_bias: has_bias.then(|| empty(like, [count, channels], DType::F32)),
            x_proj: empty(like, [count, columns, channels], dtype),
            dt_proj: empty(like, [count, channels, rank], dtype),
        };
        for (index, branch) in branches.iter().enumerate() {
            packed.write(index, branch, dtype);
        }
        packed
    }

    fn write(&self, index: usize, branch: &BranchTensors<CubeBackend>, dtype: DType) {
        let sources = [
            branch.a_log.clone(),
            branch.skip.clone(),
            branch.dt_bias.as_option().unwrap_or(&branch.skip).clone(),
            branch.x_proj.clone(),
            branch.dt_proj.clone(),
        ]
        .map(contiguous);
        let sizes = sources
            .each_ref()
            .map(|source| source.meta.shape().num_elements());
        let total: usize = sizes.iter().sum();
        // SAFETY: a unit beyond the sizes' sum leaves first; the others read one element of one source,
        // below its size, and write it at `index` times that size further on.
        unsafe {
            pack_kernel::launch_unchecked(
                &self.a.client,
                spread(total.div_ceil(UNITS)),
                CubeDim::new_1d(UNITS as u32),
                address_type(&[&self.a, &self.x_proj, &self.dt_proj]),
                sources[0].clone().into_buffer_arg(),
                sources[1].clone().into_buffer_arg(),
                sources[2].clone().into_buffer_arg(),
                sources[3].clone().into_buffer_arg(),
                sources[4].clone().into_buffer_arg(),
                self.a.clone().into_buffer_arg(),
                self.skip.clone().into_buffer_arg(),
                self.dt_bias
                    .as_ref()
                    .unwrap_or(&self.skip)
                    .clone()
                    .into_buffer_arg(),
                self.x_proj.clone().into_buffer_arg(),
                self.dt_proj.clone().into_buffer_arg(),
                SizesLaunch::new(sizes[0], sizes[1], sizes[3], sizes[4]),
                index,
                self.dt_bias.is_some(),
                dtype_to_storage_type(dtype),
            );
        }
    }
}

/// Elements of one direction's parameters.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
struct Sizes {
    a: usize,
    channels: usize,
    x_proj: usize,
    dt_proj: usize,
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn pack_kernel<F: Float>(
    a_log: &[f32],
    skip: &[f32],
    dt_bias: &[f32],
    x_proj: &[f32],
    dt_proj: &[f32],
    a_out: &mut [f32],
    skip_out: &mut [f32],
    dt_bias_out: &mut [f32],
    x_proj_out: &mut [F],
    dt_proj_out: &mut [F],
    sizes: Sizes,
    branch: usize,
    #[comptime] has_bias: bool,
    #[define(F)] _dtype: ElemType,
) {
    let mut element = ABSOLUTE_POS;
    if element < sizes.a {
        a_out[branch * sizes.a + element] = -a_log[element].exp();
        terminate!();
    }
    element -= sizes.a;
    if element < sizes.channels {
        skip_out[branch * sizes.channels + element] = skip[element];
        if comptime!(has_bias) {
            dt_bias_out[branch * sizes.channels + element] = dt_bias[element];
        }
        terminate!();
    }
    element -= sizes.channels;
    if element < sizes.x_proj {
        x_proj_out[branch * sizes.x_proj + element] = F::cast_from(x_proj[element]);
        terminate!();
    }
    element -= sizes.x_proj;
    if element < sizes.dt_proj {
        dt_proj_out[branch * sizes.dt_proj + element] = F::cast_from(dt_proj[element]);
    }
}
