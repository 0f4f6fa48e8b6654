//! Where the tokens of a tensor lie.

use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;

use super::form::StridesLaunch;
use crate::cube::{contiguous, float};

/// A tensor `[B, L, D]`, or such a part of one, in which the channels of a token lie side by side.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    /// The tensor.
    pub(crate) tensor: CubeTensor,
    /// Elements in front of the first token.
    pub(crate) first: usize,
    /// Elements from one sequence to the next; zero where there is but one.
    pub(crate) batch: usize,
    /// Elements from one token to the next; zero where there is but one.
    pub(crate) token: usize,
    /// Channels.
    pub(crate) channels: usize,
}

impl Tokens {
    /// The tensor in a float type, in place if the channels of a token lie side by side.
    pub(super) fn new(tensor: CubeTensor, dtype: DType) -> Self {
        let tensor = float(tensor, dtype);
        let (shape, strides) = (tensor.meta.shape(), tensor.meta.strides());
        let dense = !tensor.meta.is_tiled() && (strides[2] == 1 || shape[2] == 1);
        let tensor = if dense { tensor } else { contiguous(tensor) };
        let (shape, strides) = (tensor.meta.shape(), tensor.meta.strides());
        let [batch, token] = [0, 1].map(|axis| if shape[axis] > 1 { strides[axis] } else { 0 });
        let channels = shape[2];
        Self {
            tensor,
            first: 0,
            batch,
            token,
            channels,
        }
    }

    /// Tokens that `pitch` elements part, in sequences of `length`, from element `first`.
    pub(crate) fn within(
        tensor: &CubeTensor,
        first: usize,
        length: usize,
        channels: usize,
        pitch: usize,
    ) -> Self {
        Self {
            tensor: tensor.clone(),
            first,
            batch: length * pitch,
            token: pitch,
            channels,
        }
    }

    /// A number that divides the channels, and in elements the start of every token.
    pub(super) fn alignment(&self) -> usize {
        let offset = self.tensor.handle.offset_start.unwrap_or(0) as usize;
        let start = self.first + offset / self.tensor.dtype.size();
        // The lowest bit that is set in any of them.
        1 << (self.channels | start | self.batch | self.token).trailing_zeros()
    }

    /// In vectors of `width` elements.
    pub(super) fn strides(&self, width: usize) -> StridesLaunch {
        StridesLaunch::new(self.first / width, self.batch / width, self.token / width)
    }
}
