//! Counter-based order: any position of any epoch's permutation, without storing the permutation.

use crate::random::mix;

/// Each round leaves a position where it is with probability one half, and otherwise moves it to a
/// uniform place, so 64 rounds put the bias of a single position below 2⁻⁶³.
const ROUNDS: u64 = 64;

/// Odd constant nearest 2⁶⁴ divided by the golden ratio: the step of SplitMix64's counter.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The element at position `index` of the permutation of `0..len` that belongs to `(seed, epoch)`.
///
/// A pure function, a few hundred nanoseconds at any position. It is the swap-or-not shuffle of
/// Hoang, Morris and Rogaway (CRYPTO 2012): round `r` pairs `x` with `k_r - x` modulo `len` and
/// swaps the two if a hash of the larger says so. Every round is its own inverse, so the whole is
/// a bijection for every `len`.
///
/// # Panics
///
/// If `index` is not below `len`.
#[must_use]
pub fn permuted(seed: u64, epoch: u64, len: usize, index: usize) -> usize {
    assert!(index < len, "position {index} of a permutation of {len}");
    let key = mix(mix(seed.wrapping_add(STEP)) ^ epoch);
    let len = len as u64;
    let mut place = index as u64;
    for round in 1..=ROUNDS {
        let word = mix(key.wrapping_add(round.wrapping_mul(STEP)));
        let partner = difference(scale(word, len), place, len);
        if mix(word ^ place.max(partner)) & 1 == 1 {
            place = partner;
        }
    }
    place as usize
}

/// Maps a random word to `0..len` without a division.
fn scale(word: u64, len: u64) -> u64 {
    ((u128::from(word) * u128::from(len)) >> 64) as u64
}

/// `a - b` modulo `len`, for `a` and `b` below `len`.
fn difference(a: u64, b: u64, len: u64) -> u64 {
    if a >= b { a - b } else { a + (len - b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(seed: u64, epoch: u64, len: usize) -> Vec<usize> {
        (0..len)
            .map(|index| permuted(seed, epoch, len, index))
            .collect()
    }

    #[test]
    fn every_length_gives_a_bijection() {
        for len in (1..=130).chain([255, 256, 257, 1000, 1437, 4099]) {
            for epoch in 0..3 {
                let mut order = whole(9, epoch, len);
                order.sort_unstable();
                assert!(order.into_iter().eq(0..len), "length {len}, epoch {epoch}");
            }
        }
    }

    #[test]
    fn epochs_and_seeds_differ() {
        let order = whole(1, 0, 1000);
        for other in [whole(1, 1, 1000), whole(2, 0, 1000), whole(0, 1, 1000)] {
            // Two unrelated permutations agree in one position on average.
            let agreeing = order.iter().zip(&other).filter(|(a, b)| a == b).count();
            assert!(agreeing < 10, "{agreeing} positions agree");
        }
    }

    /// Pearson's statistic of observed counts against equal ones.
    fn chi_square(counts: &[usize]) -> f64 {
        let expected = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
        counts
            .iter()
            .map(|&count| (count as f64 - expected).powi(2) / expected)
            .sum()
    }

    #[test]
    fn the_first_position_is_uniform_over_seeds_and_epochs() {
        for len in [2, 3, 10, 50] {
            let (mut by_epoch, mut by_seed) = (vec![0; len], vec![0; len]);
            for draw in 0..20_000 {
                by_epoch[permuted(5, draw, len, 0)] += 1;
                by_seed[permuted(draw, 5, len, 0)] += 1;
            }
            // Mean plus five standard deviations of a chi-square with len - 1 degrees of freedom.
            let freedom = len as f64 - 1.0;
            let limit = freedom + 5.0 * (2.0 * freedom).sqrt();
            for counts in [by_epoch, by_seed] {
                let statistic = chi_square(&counts);
                assert!(statistic < limit, "length {len}: {statistic} ≥ {limit}");
            }
        }
    }

    #[test]
    fn neighbours_are_spread_over_all_pairs() {
        let mut pairs = [0; 5 * 5];
        for epoch in 0..20_000 {
            pairs[permuted(3, epoch, 5, 0) * 5 + permuted(3, epoch, 5, 1)] += 1;
        }
        let unequal: Vec<usize> = pairs
            .iter()
            .enumerate()
            .filter(|(at, _)| at / 5 != at % 5)
            .map(|(_, &n)| n)
            .collect();
        // 20 possible pairs: 19 degrees of freedom, mean plus five standard deviations.
        assert!(
            chi_square(&unequal) < 19.0 + 5.0 * 38_f64.sqrt(),
            "{unequal:?}"
        );
    }

    #[test]
    fn orders_are_pinned() {
        // Changing these numbers changes every recorded run. An independent implementation in
        // Python, with integers of any size, gives the same ones.
        assert_eq!(whole(0, 0, 10), [7, 5, 9, 2, 4, 8, 0, 3, 1, 6]);
        assert_eq!(whole(42, 3, 7), [4, 6, 5, 3, 1, 0, 2]);
        assert_eq!(permuted(42, 3, 1_281_167, 1_000_000), 410_387);
    }
}
