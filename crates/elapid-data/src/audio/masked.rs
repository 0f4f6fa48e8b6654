//! Batches of sounds with masks over their patches.

use std::ops::Range;

use rand_chacha::ChaCha8Rng;

use super::batch::{FilterbankBatch, FilterbankBatcher};
use super::patch_mask::{PatchMask, numbered};
use crate::error::DataError;
use crate::loader::{Batcher, Draw};
use crate::random::purpose;

/// Spectrograms, and which of their patches are masked in each of two passes.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskedBatch {
    /// The spectrograms.
    pub sounds: FilterbankBatch,
    /// 1 where a patch is masked and 0 elsewhere, `[B, P]` row-major, one for each pass.
    pub masks: [Vec<f32>; 2],
}

impl MaskedBatch {
    /// The batch in parts of `sounds`, the last of which may be smaller, in order.
    #[must_use]
    pub fn split(self, sounds: usize) -> Vec<Self> {
        let patches = self.patches();
        let [first, second] = &self.masks;
        let masks = first
            .chunks(sounds * patches)
            .zip(second.chunks(sounds * patches));
        let parts = self.sounds.split(sounds).into_iter().zip(masks);
        let parts = parts.map(|(sounds, (first, second))| Self {
            sounds,
            masks: [first.to_vec(), second.to_vec()],
        });
        parts.collect()
    }

    /// Patches of a spectrogram.
    #[must_use]
    pub fn patches(&self) -> usize {
        self.masks[0].len() / self.sounds.shape[0].max(1)
    }
}

/// Makes batches as a [`FilterbankBatcher`] does, and draws masks for them: in training from the generator of each sample, in
/// evaluation from its number alone, so that all evaluations are of the same masks.
pub struct MaskedBatcher {
    sounds: FilterbankBatcher,
    mask: PatchMask,
}

impl MaskedBatcher {
    /// # Errors
    ///
    /// If the number of masked patches is not legal.
    pub fn new(sounds: FilterbankBatcher, mask: PatchMask) -> Result<Self, DataError> {
        mask.check()?;
        Ok(Self { sounds, mask })
    }

    fn masked(
        &self,
        sounds: FilterbankBatch,
        generators: impl Iterator<Item = ChaCha8Rng>,
    ) -> MaskedBatch {
        let mut masks = [Vec::new(), Vec::new()];
        for mut rng in generators.take(sounds.shape[0]) {
            // The changes to the sound itself have the streams before this one.
            rng.set_stream(purpose::PATCHES);
            for mask in &mut masks {
                mask.extend(self.mask.draw(&mut rng));
            }
        }
        MaskedBatch { sounds, masks }
    }
}

impl Batcher for MaskedBatcher {
    type Batch = MaskedBatch;

    fn samples(&self) -> usize {
        self.sounds.samples()
    }

    fn train(&self, draws: &[Draw], rng: ChaCha8Rng) -> Result<MaskedBatch, DataError> {
        let sounds = self.sounds.train(draws, rng)?;
        let generators = draws.iter().map(|draw| draw.rng.clone());
        Ok(self.masked(sounds, generators))
    }

    fn eval(&self, samples: Range<usize>) -> Result<Option<MaskedBatch>, DataError> {
        let sounds = self.sounds.eval(samples.clone())?;
        let numbered = samples.map(|index| numbered(index as u64));
        Ok(sounds.map(|sounds| self.masked(sounds, numbered)))
    }

    fn warnings(&self) -> Vec<String> {
        self.sounds.warnings()
    }
}
