//! Random numbers that follow from the seed and the step alone.

/// Where the randomness of one training step comes from.
///
/// Nothing is carried from step to step, so a resumed run draws what the uninterrupted one did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise {
    seed: u64,
    step: u64,
}

impl Noise {
    /// The noise of step `step`, counted from 0, in a run with `seed`.
    pub fn new(seed: u64, step: u64) -> Self {
        Self { seed, step }
    }

    /// The noise of part `index` of the step's batch, where it is processed in parts. That of part 0 is the
    /// step's own.
    pub(crate) fn of_part(self, index: u64) -> Self {
        match index {
            0 => self,
            index => Self {
                seed: mix(self.seed ^ mix(index)),
                ..self
            },
        }
    }

    /// A seed for one use of randomness within the step.
    ///
    /// `purpose` tells the uses apart, for instance drop path in layer 3 from dropout in layer 4.
    pub fn key(&self, purpose: u64) -> u64 {
        [self.step, purpose]
            .into_iter()
            .fold(mix(self.seed), |key, word| mix(key ^ word))
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
    fn parts_of_a_batch_have_noise_of_their_own() {
        let noise = Noise::new(3, 4);
        assert_eq!(noise.of_part(0), noise);
        let keys: BTreeSet<u64> = (0..50).map(|i| noise.of_part(i).key(0)).collect();
        assert_eq!(keys.len(), 50);
    }

    #[test]
    fn seed_step_and_purpose_all_count() {
        let mut keys = BTreeSet::new();
        for seed in 0..10 {
            for step in 0..10 {
                for purpose in 0..10 {
                    keys.insert(Noise::new(seed, step).key(purpose));
                }
            }
        }
        assert_eq!(keys.len(), 1000);
    }

    #[test]
    fn half_the_bits_change_from_step_to_step() {
        let flipped: u32 = (0..1000)
            .map(|step| (Noise::new(7, step).key(1) ^ Noise::new(7, step + 1).key(1)).count_ones())
            .sum();
        assert!((31_500..32_500).contains(&flipped), "{flipped} of 64000");
    }
}
