//! Whole runs of a toy task.

mod resume;
mod run;
mod toy;

pub(crate) use toy::config;
