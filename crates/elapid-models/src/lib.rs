//! State-space backbones, the tasks' heads on them, and adapters for published checkpoints.
//!
//! Models of series are in `series/`. A new image backbone is one file here, one variant of [`ImageBackbone`] and one line in its `forward`.

pub mod checkpoint;
mod cost;
pub mod graph;
mod image_classifier;
mod image_segmenter;
mod params;
mod patch_pretrainer;
pub mod series;
mod sound_classifier;
pub mod ssamba;
mod transformer;
pub mod vim;

pub use cost::Cost;
pub use graph::{GraphModel, GraphModelConfig};
pub use image_classifier::{ImageBackbone, ImageClassifier};
pub use image_segmenter::{DenseScores, ImageSegmenter, SegmenterConfig, SegmenterHead, stitched};
pub use params::{NamedParam, named_params};
pub use patch_pretrainer::{PatchHead, PatchPretrainer, PatchScores};
pub use series::{
    CausalMamba, CausalMambaConfig, DLinear, DLinearConfig, Forecaster, MambaSl, MambaSlConfig,
    RLinear, RLinearConfig, SMamba, SMambaConfig, Stream, TimeMachine, TimeMachineConfig,
};
pub use sound_classifier::{MlpHead, SoundClassifier, TokenPool};
pub use ssamba::{Ssamba, SsambaConfig};
pub use vim::{ClassToken, Pool, TapValue, Vim, VimConfig};
