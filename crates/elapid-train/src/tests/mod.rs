//! Whole runs of a toy task.

mod pytorch;
mod resume;
mod run;
mod scaling;
mod toy;
