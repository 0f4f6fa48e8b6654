//! The trainer: step loop, checkpoints, schedules, metrics and the run directory.
//!
//! A model reaches it as a [`Task`], data as a [`TrainSource`] and [`EvalSource`]s, settings as a
//! [`TrainConfig`]; no model, data set or config file is known here. [`Trainer::fit`] writes
//! everything a run leaves behind into its [`RunDir`], and [`Trainer::resume`] goes on from the
//! newest complete checkpoint as if the run had never stopped, bit for bit on the same device.

mod average;
pub mod checkpoint;
mod clip;
mod config;
mod error;
mod evaluate;
mod files;
mod freezing;
mod inputs;
mod interval;
mod lr_find;
mod memory;
mod metrics_log;
mod micro_batch;
mod noise;
mod not_finite;
mod optim;
mod packing;
mod picture;
mod plateau;
mod profile;
mod progress;
mod recovery;
mod replay;
pub mod report;
mod run_dir;
mod schedule;
mod session;
mod signal;
mod source;
mod spikes;
mod step;
mod task;
mod timestamp;
mod trainer;
mod trial;

pub use config::{TestWeights, TrainConfig};
pub use error::{BoxError, TrainError};
pub use evaluate::{Evaluation, evaluate};
pub use freezing::trained_at;
pub use inputs::Inputs;
pub use lr_find::{LrCurve, LrPoint, LrRange, LrSuggestion};
pub use metrics_log::MirrorFormat;
pub use micro_batch::MicroBatch;
pub use noise::{Noise, StepKey};
pub use not_finite::NotFinite;
pub use optim::{Method, ParamRule};
pub use packing::{Packed, PackedPart, Packer, Packing};
pub use picture::{GraphPicture, Line, Lines, Picture, Shows};
pub use plateau::{Descent, Plateau};
pub use profile::{Phases, Profile, Spread, Trained, profile};
pub use recovery::Recovery;
pub use replay::Replayed;
pub use run_dir::RunDir;
pub use schedule::{Decay, Schedule};
pub use signal::StopFlag;
pub use source::{Batches, EvalSource, Sources, TrainSource};
pub use spikes::Spikes;
pub use task::{Confusion, Measured, Tally, Task};
pub use trainer::{Ending, Outcome, Trainer};
pub use trial::Setup;

#[cfg(test)]
mod tests;
