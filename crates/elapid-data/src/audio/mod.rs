//! Sounds: reading them, and what a network sees of them.

mod decode;
mod filterbank;
mod resample;
mod transform;
mod waveform;

pub use decode::{Recording, decode};
pub use filterbank::{Filterbank, FilterbankSettings, Frames, Window};
pub use resample::resample;
pub use transform::{AudioAugment, AudioPipeline, Changes, Input, Mixup};
pub use waveform::Waveform;
