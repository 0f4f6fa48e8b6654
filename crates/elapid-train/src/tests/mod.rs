//! Whole runs of a toy task.

mod profile;
mod pytorch;
mod resume;
mod run;
mod scaling;
mod toy;
