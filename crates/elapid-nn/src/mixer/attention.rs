//! Multi-head self-attention: what state-space mixers are compared with.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;

use crate::{Init, Linear};

/// `softmax(Q Kᵀ / √d) V` of several heads of width d, between two linear maps (arXiv 1706.03762, section 3.2); every token sees all.
///
/// The time of a sequence of L tokens grows with L². In inference on a GPU burn's fused kernels keep no `[L, L]` scores; the
/// backward pass does keep them.
#[derive(Module, Debug)]
pub struct Attention {
    /// `[3D, D]`: queries, keys, values, as in timm's `Attention`.
    pub qkv: Linear,
    /// `[D, D]`
    pub out_proj: Linear,
    heads: usize,
}

impl Attention {
    /// Initialised as a ViT: weights N(0, 0.02), biases 0.
    ///
    /// # Panics
    ///
    /// Panics if `heads` does not divide `width`.
    pub fn new(init: &mut Init, width: usize, heads: usize) -> Self {
        assert!(width.is_multiple_of(heads), "heads of attention");
        Self {
            qkv: narrow(init, width, 3 * width),
            out_proj: narrow(init, width, width),
            heads,
        }
    }

    /// # Shapes
    ///
    /// - input, output `[B, L, D]`
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, length, width] = x.dims();
        let head = width / self.heads;
        let qkv = self.qkv.forward(x);
        // [B, L, 3 · H · d] to three times [B, H, L, d].
        let qkv = qkv
            .reshape([batch, length, 3 * self.heads, head])
            .swap_dims(1, 2);
        let part = |at: usize| {
            let heads = at * self.heads..(at + 1) * self.heads;
            qkv.clone().slice([0..batch, heads, 0..length, 0..head])
        };
        let options = AttentionModuleOptions::default();
        let mixed = attention(part(0), part(1), part(2), None, None, options);
        let mixed = mixed.swap_dims(1, 2).reshape([batch, length, width]);
        self.out_proj.forward(mixed)
    }
}

/// A linear map initialised as a ViT's.
pub(super) fn narrow(init: &mut Init, inputs: usize, outputs: usize) -> Linear {
    Linear {
        weight: init.truncated_normal([outputs, inputs], 0.02),
        bias: Some(init.constant([outputs], 0.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Distribution, Tolerance, activation};

    #[test]
    fn heads_attend_apart() {
        let device = Device::flex();
        let attention = Attention::new(&mut Init::new(0, &device), 6, 2);
        let x = Tensor::<3>::random([2, 5, 6], Distribution::Normal(0.0, 1.0), &device);
        let qkv = attention.qkv.forward(x.clone());
        let head = |from: usize| {
            let part = |at: usize| {
                let from = 6 * at + from;
                qkv.clone().slice([0..2, 0..5, from..from + 3])
            };
            let scores = part(0).matmul(part(1).swap_dims(1, 2)) / 3.0_f64.sqrt();
            activation::softmax(scores, 2).matmul(part(2))
        };
        let expected = attention
            .out_proj
            .forward(Tensor::cat(vec![head(0), head(3)], 2));
        let found = attention.forward(x).into_data();
        found.assert_approx_eq::<f32>(&expected.into_data(), Tolerance::rel_abs(1e-4, 1e-6));
    }
}
