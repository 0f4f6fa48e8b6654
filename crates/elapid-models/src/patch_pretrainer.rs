//! Masked patches of spectrograms: told apart and reconstructed (SSAST, arXiv 2110.09784; SSAMBA).

use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor, activation, s};
use elapid_nn::{Init, Linear, Noise, tiles};

use crate::ssamba::as_image;
use crate::{Ssamba, SsambaConfig};

/// Added to the logits of patches that are not masked, so that a softmax gives them nothing.
const NEVER: f64 = -1e9;

/// Two linear maps with a ReLU in between, from tokens to the values of a patch.
#[derive(Module, Debug)]
pub struct PatchHead {
    /// `[D, D]`
    pub hidden: Linear,
    /// `[V, D]`
    pub output: Linear,
}

impl PatchHead {
    fn new(init: &mut Init, width: usize, values: usize) -> Self {
        Self {
            hidden: Linear::new(init, width, width, true),
            output: Linear::new(init, width, values, true),
        }
    }

    /// `[B, P, D]` to `[B, P, V]`.
    fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        self.output
            .forward(activation::relu(self.hidden.forward(tokens)))
    }
}

/// An encoder with the two heads of SSAMBA's joint pretraining. Fields are named as in the official checkpoints.
#[derive(Module, Debug)]
pub struct PatchPretrainer {
    /// Spectrograms to tokens.
    pub v: Ssamba,
    /// Stands for every masked patch, `[1, 1, D]`.
    pub mask_embed: Param<Tensor<3>>,
    /// Tells masked patches apart.
    pub cpredlayer: PatchHead,
    /// Reconstructs them.
    pub gpredlayer: PatchHead,
    reconstruction: f64,
}

/// What became of a batch's masked patches.
#[derive(Clone, Debug)]
pub struct PatchScores {
    /// Share of the masked patches whose prediction is most like the patch itself, for each clip, `[B]`.
    pub accuracy: Tensor<1>,
    /// Contrastive loss of each clip, `[B]`.
    pub contrast: Tensor<1>,
    /// Mean squared error of each clip, `[B]`.
    pub error: Tensor<1>,
}

impl PatchPretrainer {
    /// Heads as PyTorch initialises them, a mask token of variance `1 / D` (Xavier). `reconstruction` is the weight of the
    /// squared error, the official λ; 10 in the official script.
    pub fn new(init: &mut Init, config: &SsambaConfig, reconstruction: f64) -> Self {
        let (width, values) = (config.embed_dim(), config.patch.iter().product());
        let v = Ssamba::new(init, config);
        let mask_embed = init.truncated_normal([1, 1, width], 1.0 / (width as f64).sqrt());
        Self {
            v,
            mask_embed,
            cpredlayer: PatchHead::new(init, width, values),
            gpredlayer: PatchHead::new(init, width, values),
            reconstruction,
        }
    }

    /// `contrast + λ · error`, `[1]`, the mean over a batch: two passes, each with a mask of its own.
    ///
    /// # Shapes
    ///
    /// - spectrograms `[B, T, F]`
    /// - masks `[B, P]` each, 1 where a patch is masked and 0 elsewhere: for the contrast and for the reconstruction
    pub fn loss(
        &self,
        spectrograms: Tensor<3>,
        [apart, rebuilt]: [Tensor<2>; 2],
        mut noise: Option<&mut Noise>,
    ) -> Tensor<1> {
        let targets = self.patches(spectrograms.clone());
        let patches = self.v.embed(spectrograms);
        let tokens = self.masked_tokens(patches.clone(), &apart, noise.as_deref_mut());
        let logits = self.similarities(tokens, &targets, &apart);
        let contrast = contrast(logits, &apart).mean();
        let tokens = self.masked_tokens(patches, &rebuilt, noise);
        let predicted = self.gpredlayer.forward(tokens).cast(DType::F32);
        contrast + squared_error(predicted, targets, &rebuilt).mean() * self.reconstruction
    }

    /// Losses and accuracy, clip by clip, in evaluation; shapes as for [`loss`](Self::loss).
    pub fn scores(&self, spectrograms: Tensor<3>, [apart, rebuilt]: [Tensor<2>; 2]) -> PatchScores {
        let targets = self.patches(spectrograms.clone());
        let patches = self.v.embed(spectrograms.clone());
        let tokens = self.masked_tokens(patches, &apart, None);
        let logits = self.similarities(tokens, &targets, &apart);
        let accuracy = accuracy(logits.clone(), &apart);
        let contrast = contrast(logits, &apart);
        let predicted = self.reconstruct(spectrograms, &rebuilt);
        let error = squared_error(predicted, targets, &rebuilt);
        PatchScores {
            accuracy,
            contrast,
            error,
        }
    }

    /// What the reconstructing head makes of every patch where those of `mask` are hidden.
    ///
    /// # Shapes
    ///
    /// - spectrograms `[B, T, F]`, mask `[B, P]`
    /// - output `[B, P, V]`, 32-bit, bins before frames in a patch
    pub fn reconstruct(&self, spectrograms: Tensor<3>, mask: &Tensor<2>) -> Tensor<3> {
        let tokens = self.masked_tokens(self.v.embed(spectrograms), mask, None);
        self.gpredlayer.forward(tokens).cast(DType::F32)
    }

    /// λ.
    pub fn reconstruction(&self) -> f64 {
        self.reconstruction
    }

    /// The values of the patches, `[B, P, V]`, 32-bit; no gradient flows to them.
    fn patches(&self, spectrograms: Tensor<3>) -> Tensor<3> {
        let [bins, frames] = self.v.patch();
        let [_, length, height] = spectrograms.dims();
        // Frames and bins behind the last whole patch are not seen.
        let whole = spectrograms.slice(s![.., ..length / frames * frames, ..height / bins * bins]);
        tiles(as_image(whole), [bins, frames])
            .cast(DType::F32)
            .detach()
    }

    /// The tokens of the patches, `[B, P, D]`, where masked patches have been replaced.
    fn masked_tokens(
        &self,
        patches: Tensor<3>,
        mask: &Tensor<2>,
        noise: Option<&mut Noise>,
    ) -> Tensor<3> {
        let dtype = patches.dtype();
        let hidden = mask.clone().cast(dtype).unsqueeze_dim::<3>(2);
        let kept = hidden.clone().neg() + 1.0;
        let stand_in = self.mask_embed.val().cast(dtype);
        let patches = patches * kept + hidden * stand_in;
        self.v.encode(patches, noise).slice(s![.., 1.., ..])
    }

    /// The product of each patch i with the prediction for each patch j, `[B, P, P]`; all others are out of the question
    /// where j is not masked.
    fn similarities(&self, tokens: Tensor<3>, targets: &Tensor<3>, mask: &Tensor<2>) -> Tensor<3> {
        let predicted = self.cpredlayer.forward(tokens).cast(DType::F32);
        let out = (mask.clone().neg() + 1.0) * NEVER;
        targets.clone().matmul(predicted.swap_dims(1, 2)) + out.unsqueeze_dim::<3>(1)
    }
}

/// InfoNCE of each clip, `[B]`: for every masked patch, the softmax runs over the predictions (as in the official code; the
/// published equation has the patches in their place).
fn contrast(logits: Tensor<3>, mask: &Tensor<2>) -> Tensor<1> {
    over_masked(-own(activation::log_softmax(logits, 2)), mask)
}

/// Share of the predictions j for which patch j is the one that picks j with the highest probability, `[B]`.
fn accuracy(logits: Tensor<3>, mask: &Tensor<2>) -> Tensor<1> {
    let [batch, patches, _] = logits.dims();
    let out = (mask.clone().neg() + 1.0) * NEVER;
    let picks = activation::log_softmax(logits, 2) + out.unsqueeze_dim::<3>(2);
    let highest = picks.clone().max_dim(1).reshape([batch, patches]);
    let is_own = own(picks).greater_equal(highest).float();
    over_masked(is_own, mask)
}

/// Mean squared error over the values of masked patches, `[B]`.
fn squared_error(predicted: Tensor<3>, targets: Tensor<3>, mask: &Tensor<2>) -> Tensor<1> {
    let apart = predicted - targets;
    over_masked((apart.clone() * apart).mean_dim(2).squeeze_dim(2), mask)
}

/// The diagonal of each matrix, `[B, P]`.
fn own(square: Tensor<3>) -> Tensor<2> {
    let size = square.dims()[1];
    let diagonal = Tensor::<2>::eye(size, &square.device()).unsqueeze_dim::<3>(0);
    (square * diagonal).sum_dim(2).squeeze_dim(2)
}

/// The mean of a row over what is masked, `[B]`.
fn over_masked(values: Tensor<2>, mask: &Tensor<2>) -> Tensor<1> {
    let sum = (values * mask.clone()).sum_dim(1);
    (sum / mask.clone().sum_dim(1)).squeeze_dim(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn contrast_and_accuracy_by_hand() {
        let device = Device::flex();
        let mask = Tensor::<2>::from_data([[1.0, 0.0, 1.0]], &device);
        let never = NEVER as f32;
        // Patch 0 picks prediction 0; patch 2 picks it as well, but less so.
        let logits = [[[3.0, never, 0.0], [9.0, never, 9.0], [1.0, never, 0.0]]];
        let logits = Tensor::<3>::from_data(logits, &device);
        let value = |x: Tensor<1>| x.into_scalar::<f32>();
        let expected = ((1.0 + (-3.0_f32).exp()).ln() + (1.0 + 1.0_f32.exp()).ln()) / 2.0;
        assert!((value(contrast(logits.clone(), &mask)) - expected).abs() < 1e-6);
        // Prediction 0 is picked most by patch 0, prediction 2 by patch 2.
        assert_eq!(value(accuracy(logits, &mask)), 1.0);
    }
}
