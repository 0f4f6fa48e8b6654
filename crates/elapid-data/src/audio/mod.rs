//! Labelled sounds: reading them, what a network sees of them, and the layouts in which sets of them are stored.

mod batch;
mod dataset;
mod decode;
mod feature_cache;
mod files;
mod filterbank;
mod layout;
mod masked;
mod patch_mask;
mod resample;
pub mod synth;
mod transform;
mod waveform;

pub use batch::{AudioTargets, FilterbankBatch, FilterbankBatcher, Labelling};
pub use dataset::{AudioDataset, AudioSample, AudioSplits, Part, Source};
pub use decode::{Recording, decode};
pub use feature_cache::FeatureCache;
pub use filterbank::{Filterbank, FilterbankSettings, Frames, Window};
pub use layout::{audio_folder, audioset, esc50, speech_commands};
pub use masked::{MaskedBatch, MaskedBatcher};
pub use patch_mask::{MaskKeep, MaskShape, PatchMask};
pub use resample::resample;
pub use transform::{AudioAugment, AudioPipeline, Changes, Input, Mixup};
pub use waveform::Waveform;
