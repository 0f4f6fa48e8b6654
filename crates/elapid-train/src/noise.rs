//! Random numbers that follow from the seed and the step alone.

use burn::tensor::{Device, Int, Tensor};
use elapid_kernels::random::random_key;

/// Draws that a part of a batch has to itself.
const DRAWS_OF_A_PART: u32 = 1 << 16;

/// Names a step of a run, and random numbers for it on the host.
///
/// Nothing is carried from step to step, so a resumed run draws what the uninterrupted one did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepKey {
    seed: u64,
    step: u64,
}

/// The randomness of one training step, in device memory.
///
/// It is read there, so that a recorded step draws anew whenever it is repeated.
#[derive(Clone, Debug)]
pub struct Noise {
    key: Tensor<1, Int>,
    first_draw: u32,
}

impl StepKey {
    /// The key of step `step`, counted from 0, in a run with `seed`.
    pub fn new(seed: u64, step: u64) -> Self {
        Self { seed, step }
    }

    /// A random word for one use of randomness within the step; `purpose` tells the uses apart.
    pub fn word(&self, purpose: u64) -> u64 {
        [self.step, purpose]
            .into_iter()
            .fold(mix(self.seed), |key, word| mix(key ^ word))
    }
}

impl Noise {
    /// The noise of a step, on the device that its masks are wanted on.
    pub fn new(key: StepKey, device: &Device) -> Self {
        Self::from_key(random_key(key.word(0), device))
    }

    /// Noise that follows from a key in device memory; see [`random_key`].
    pub(crate) fn from_key(key: Tensor<1, Int>) -> Self {
        Self { key, first_draw: 0 }
    }

    /// The noise of part `index` of the step's batch, where it is processed in parts. That of part 0 is the
    /// step's own.
    pub fn of_part(&self, index: u32) -> Self {
        Self {
            key: self.key.clone(),
            first_draw: index.wrapping_mul(DRAWS_OF_A_PART),
        }
    }

    /// The key, shape `[2]`; see [`elapid_kernels::random`].
    pub fn key(&self) -> Tensor<1, Int> {
        self.key.clone()
    }

    /// Number of the first of the 65,536 draws that are this noise's own.
    pub fn first_draw(&self) -> u32 {
        self.first_draw
    }
}

/// One output of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014): a bijection in which every input bit reaches every output bit.
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn mix_gives_the_published_sequence() {
        // The first outputs of SplitMix64 seeded with 0.
        let golden = 0x9E37_79B9_7F4A_7C15_u64;
        assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(mix(golden), 0x6E78_9E6A_A1B9_65F4);
        assert_eq!(mix(golden.wrapping_mul(2)), 0x06C4_5D18_8009_454F);
    }

    #[test]
    fn parts_of_a_batch_have_draws_of_their_own() {
        let noise = Noise::new(StepKey::new(3, 4), &Device::flex());
        assert_eq!(noise.of_part(0).first_draw(), noise.first_draw());
        let first: BTreeSet<u32> = (0..50).map(|i| noise.of_part(i).first_draw()).collect();
        assert_eq!(first.len(), 50);
    }

    #[test]
    fn seed_step_and_purpose_all_count() {
        let mut keys = BTreeSet::new();
        for seed in 0..10 {
            for step in 0..10 {
                for purpose in 0..10 {
                    keys.insert(StepKey::new(seed, step).word(purpose));
                }
            }
        }
        assert_eq!(keys.len(), 1000);
    }

    #[test]
    fn half_the_bits_change_from_step_to_step() {
        let word = |step| StepKey::new(7, step).word(1);
        let flipped: u32 = (0..1000)
            .map(|step| (word(step) ^ word(step + 1)).count_ones())
            .sum();
        assert!((31_500..32_500).contains(&flipped), "{flipped} of 64000");
    }
}
