//! The pre-norm residual block of Mamba and Vim.

use burn::module::{Module, list_param_ids};
use burn::tensor::Tensor;

use crate::mixer::Mixer;
use crate::{Noise, Norm, Seen, drop_path, show};

/// Add, normalise, mix: the order of the official code, where the sum with the residual stream
/// comes first and the mixer's output leaves un-added.
///
/// ```text
/// residual ← residual + DropPath(hidden)      (the first block: residual = hidden)
/// hidden   ← mixer(norm(residual))
/// ```
///
/// Source: `Block.forward` in `vim/models_mamba.py` of hustvl/Vim. The drop rate of a block applies to
/// the hidden state that enters it, which is the output of the mixer before.
#[derive(Module, Debug)]
pub struct Block {
    /// Normalises the residual stream.
    pub norm: Norm,
    /// Mixes tokens.
    pub mixer: Mixer,
    drop_path: f64,
    residual_in_fp32: bool,
}

impl Block {
    /// A block whose incoming hidden state is dropped at rate `drop_path`.
    pub fn new(norm: Norm, mixer: Mixer, drop_path: f64, residual_in_fp32: bool) -> Self {
        Self {
            norm,
            mixer,
            drop_path,
            residual_in_fp32,
        }
    }

    /// Hidden state and residual stream behind the block.
    ///
    /// # Shapes
    ///
    /// All `[B, L, D]`; `residual` is absent in front of the first block.
    pub fn forward(
        &self,
        hidden: Tensor<3>,
        residual: Option<Tensor<3>>,
        noise: Option<&mut Noise>,
    ) -> (Tensor<3>, Tensor<3>) {
        self.pass(hidden, residual, noise, false)
    }

    /// [`forward`](Self::forward) of the sequence in reverse order, in the given order again.
    pub fn forward_mirrored(
        &self,
        hidden: Tensor<3>,
        residual: Option<Tensor<3>>,
        noise: Option<&mut Noise>,
    ) -> (Tensor<3>, Tensor<3>) {
        self.pass(hidden, residual, noise, true)
    }

    fn pass(
        &self,
        hidden: Tensor<3>,
        residual: Option<Tensor<3>>,
        mut noise: Option<&mut Noise>,
        mirrored: bool,
    ) -> (Tensor<3>, Tensor<3>) {
        // The first hidden state starts the stream whole.
        let scale = residual
            .as_ref()
            .and_then(|_| drop_path(&hidden, self.drop_path, noise.as_deref_mut()));
        let (normal, residual) = self
            .norm
            .add(hidden, residual, scale, self.residual_in_fp32);
        // A copy that nobody looks at would keep the mixer from reusing the memory.
        let input =
            noise
                .as_ref()
                .is_some_and(|noise| noise.is_watched())
                .then(|| match mirrored {
                    true => normal.clone().flip([1]),
                    false => normal.clone(),
                });
        let hidden = match mirrored {
            true => self.mixer.forward_mirrored(normal),
            false => self.mixer.forward(normal),
        };
        if let Some(input) = input {
            show(noise, || self.seen(input, &hidden, &residual));
        }
        (hidden, residual)
    }

    /// What the block shows of a pass, from its mixer's input and output and the stream.
    fn seen(&self, input: Tensor<3>, output: &Tensor<3>, stream: &Tensor<3>) -> Seen {
        Seen {
            params: list_param_ids(self),
            stream: Some(stream.clone()),
            output: output.clone(),
            dynamics: self.mixer.dynamics(input),
        }
    }

    /// Sum and norm behind the last block: `norm(residual + DropPath(hidden))`.
    pub fn finish(
        norm: &Norm,
        hidden: Tensor<3>,
        residual: Tensor<3>,
        rate: f64,
        mut noise: Option<&mut Noise>,
    ) -> Tensor<3> {
        let scale = drop_path(&hidden, rate, noise.as_deref_mut());
        let tokens = norm.add(hidden, Some(residual), scale, true).0;
        show(noise, || Seen::output(norm, tokens.clone()));
        tokens
    }
}

/// Drop rates of the blocks' incoming hidden states and of the last mixer's output: the official
/// schedule `[0] + linspace(0, rate, depth)`, whose last entry belongs to the final norm.
pub fn drop_path_rates(rate: f64, depth: usize) -> (Vec<f64>, f64) {
    let ramp = |i: usize| {
        if depth > 1 {
            rate * i as f64 / (depth - 1) as f64
        } else {
            0.0
        }
    };
    let mut rates = vec![0.0];
    rates.extend((0..depth.saturating_sub(1)).map(ramp));
    (rates, rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drop_rates_follow_the_official_list() {
        let (rates, last) = drop_path_rates(0.3, 4);
        let expected = [0.0, 0.0, 0.1, 0.2];
        assert!(
            rates
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-12)
        );
        assert_eq!((rates.len(), last), (4, 0.3));
    }
}
