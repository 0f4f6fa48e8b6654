//! Many small random numbers.

use crate::random::mix;

/// SplitMix64 (Steele, Lea and Flood 2014): a generator of one word, of which each node has its own, so that what is drawn for
/// a node does not depend on the others.
pub(super) struct QuickRandom(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl QuickRandom {
    /// The generator of `node` for `seed`.
    pub(super) fn of(seed: u64, node: u64) -> Self {
        Self(mix(seed ^ mix(node.wrapping_add(STEP))))
    }

    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A whole number below `choices`, which is above 0.
    pub(super) fn below(&mut self, choices: usize) -> usize {
        ((u128::from(self.word()) * choices as u128) >> 64) as usize
    }

    /// A number in `[0, 1)`.
    pub(super) fn unit(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.word() >> 11) as f64 * STEP
    }

    /// `count` different numbers below `choices`, or all of them if there are no more (Floyd's method).
    pub(super) fn some_below(&mut self, choices: usize, count: usize, into: &mut Vec<usize>) {
        into.clear();
        if choices <= count {
            into.extend(0..choices);
            return;
        }
        for top in choices - count..choices {
            let drawn = self.below(top + 1);
            let fresh = if into.contains(&drawn) { top } else { drawn };
            into.push(fresh);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_different_and_fair() {
        let mut random = QuickRandom::of(3, 1);
        let (mut seen, mut drawn) = ([0_usize; 10], Vec::new());
        for _ in 0..10_000 {
            random.some_below(10, 3, &mut drawn);
            drawn.iter().for_each(|&number| seen[number] += 1);
            assert!(drawn[0] != drawn[1] && drawn[1] != drawn[2] && drawn[0] != drawn[2]);
        }
        // Five standard deviations of 3,000 ± 46.
        assert!(
            seen.iter().all(|count| count.abs_diff(3000) < 230),
            "{seen:?}"
        );
        random.some_below(2, 3, &mut drawn);
        assert_eq!(drawn, [0, 1]);
    }

    #[test]
    fn nodes_have_generators_of_their_own() {
        let first = |seed, node| QuickRandom::of(seed, node).word();
        assert_eq!(first(1, 2), first(1, 2));
        assert_ne!(first(1, 2), first(1, 3));
        assert_ne!(first(1, 2), first(2, 2));
        assert_ne!(first(1, 2), first(2, 1));
    }
}
