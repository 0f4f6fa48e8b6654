//! The GPU implementation, for every CubeCL runtime.
//!
//! | file | holds |
//! |---|---|
//! | `form.rs` | what a kernel is specialised for, and which part of the problem a unit owns |
//! | `tokens.rs` | where the tokens of a tensor lie |
//! | `strategy.rs` | the choice of vectors, cubes and runs, from shape and device |
//! | `load.rs`, `window.rs` | loads, and the inputs that the taps see |
//! | `forward.rs`, `backward.rs` | the two kernels |
//! | `launch.rs` | operands, workspaces and launches |

mod backward;
mod form;
mod forward;
mod launch;
mod load;
mod strategy;
#[cfg(test)]
mod tests;
mod tokens;
mod window;

use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;

use super::ConvOptions;
use super::ops::{CausalConvBackward, CausalConvOps, ConvGrads, ConvTensors};
pub(crate) use launch::{Filter, Problem};
pub(crate) use tokens::Tokens;

impl CausalConvOps for CubeBackend {
    fn causal_conv1d_forward(input: ConvTensors<Self>, options: ConvOptions) -> FloatTensor<Self> {
        Problem::new(input, options).forward()
    }
}

impl CausalConvBackward for CubeBackend {
    fn causal_conv1d_backward(
        input: ConvTensors<Self>,
        options: ConvOptions,
        grad: FloatTensor<Self>,
    ) -> ConvGrads<Self> {
        Problem::new(input, options).backward(grad)
    }
}
