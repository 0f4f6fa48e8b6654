//! What a sound is.

/// One channel of sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Waveform {
    /// Pressure over time; full scale is -1 to 1.
    pub samples: Vec<f32>,
    /// Samples a second.
    pub rate: u32,
}

impl Waveform {
    /// Length in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate)
    }
}

/// The mean of the channels of sound whose channels alternate.
///
/// # Shapes
///
/// - `interleaved`: `[samples, channels]`; what is behind the last whole row is left out
/// - result: `[samples]`
///
/// # Panics
///
/// If there are no channels.
#[must_use]
pub(crate) fn mono(interleaved: Vec<f32>, channels: usize) -> Vec<f32> {
    if channels == 1 {
        return interleaved;
    }
    let rows = interleaved.chunks_exact(channels);
    rows.map(|row| row.iter().sum::<f32>() / channels as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_averaged() {
        assert_eq!(mono(vec![0.25, 0.75], 1), [0.25, 0.75]);
        assert_eq!(mono(vec![0.25, 0.75, -1.0, 1.0, 9.0], 2), [0.5, 0.0]);
        assert_eq!(mono([[0.5; 8], [-0.5; 8]].concat(), 8), [0.5, -0.5]);
    }
}
