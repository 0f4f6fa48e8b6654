//! Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): a counter in, 64
//! random bits out, with nothing carried from one to the next.

/// Rotations of the rounds, repeated.
pub(super) const ROTATIONS: [u32; 8] = [13, 15, 26, 6, 17, 29, 16, 24];
/// What the third word of the key schedule starts from.
pub(super) const PARITY: u32 = 0x1BD1_1BDA;

/// The two random words of a key and a counter.
#[inline(always)]
pub(super) fn threefry2x32(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    let schedule = [key[0], key[1], key[0] ^ key[1] ^ PARITY];
    let mut x = counter[0].wrapping_add(schedule[0]);
    let mut y = counter[1].wrapping_add(schedule[1]);
    for group in 0..5_usize {
        for round in 0..4 {
            x = x.wrapping_add(y);
            y = y.rotate_left(ROTATIONS[4 * (group % 2) + round]) ^ x;
        }
        x = x.wrapping_add(schedule[(group + 1) % 3]);
        y = y
            .wrapping_add(schedule[(group + 2) % 3])
            .wrapping_add(group as u32 + 1);
    }
    [x, y]
}

/// Whether a random word falls below `rate`.
#[inline(always)]
pub(super) fn falls_below(word: u32, rate: f32) -> bool {
    // 24 bits, all of which a 32-bit float holds.
    ((word >> 8) as f32) * (1.0 / 16_777_216.0) < rate
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the Random123 distribution (`kat_vectors`, threefry2x32, 20 rounds).
    #[test]
    fn known_answers() {
        assert_eq!(threefry2x32([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
        assert_eq!(
            threefry2x32([u32::MAX; 2], [u32::MAX; 2]),
            [0x1cb9_96fc, 0xbb00_2be7]
        );
        assert_eq!(
            threefry2x32([0x1319_8a2e, 0x0370_7344], [0x243f_6a88, 0x85a3_08d3]),
            [0xc492_3a9c, 0x483d_f7a0]
        );
    }
}
