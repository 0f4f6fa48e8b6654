//! Sounds: reading them, and their log-mel filterbanks.

mod decode;
mod filterbank;
mod resample;
mod waveform;

pub use decode::{Recording, decode};
pub use filterbank::{Filterbank, FilterbankSettings, Frames, Window};
pub use resample::resample;
pub use waveform::Waveform;
