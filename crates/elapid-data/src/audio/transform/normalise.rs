//! The scale of AudioSet models.

use crate::audio::filterbank::Frames;

/// `(value - mean) / (2 · std)`, the convention of AST and its descendants: the deviation of the result is 0.5.
pub(crate) fn normalise(frames: &mut Frames, mean: f32, std: f32) {
    for value in &mut frames.values {
        *value = (*value - mean) / (std * 2.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_becomes_what_ssamba_s_padding_is() {
        let mut frames = Frames {
            values: vec![0.0, -4.267_739_3, 0.301_258],
            bins: 3,
        };
        normalise(&mut frames, -4.267_739_3, 4.568_997_4);
        let expected = [0.467_032, 0.0, 0.5];
        for (value, expected) in frames.values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-5, "{value} {expected}");
        }
    }
}
