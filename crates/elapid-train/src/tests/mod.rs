//! Whole runs of a toy task.

mod pytorch;
mod resume;
mod run;
mod toy;
