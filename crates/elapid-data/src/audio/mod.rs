//! Sounds: reading them.

mod decode;
mod resample;
mod waveform;

pub use decode::{Recording, decode};
pub use resample::resample;
pub use waveform::Waveform;
