//! elapid: state-space models across modalities, trained from one TOML file.
//!
//! This crate ties the others together. [`registry`] is the only place that knows every model, data
//! set and task: it turns a resolved [`Plan`](elapid_config::Plan) into built objects. The `elapid`
//! binary is a thin layer on it.

pub mod bench;
pub mod diagnose;
pub mod explain;
pub mod picture;
pub mod prepare;
pub mod registry;

pub use elapid_config as config;
pub use elapid_data as data;
pub use elapid_kernels as kernels;
pub use elapid_models as models;
pub use elapid_nn as nn;
pub use elapid_train as train;
