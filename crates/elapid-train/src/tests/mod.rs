//! Whole runs of a toy task.

mod pytorch;
mod resume;
mod run;
mod toy;

pub(crate) use toy::config;
