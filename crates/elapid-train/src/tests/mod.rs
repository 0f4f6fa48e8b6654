//! Whole runs of a toy task.

mod devices;
mod micro_batch;
mod profile;
mod pytorch;
mod resume;
mod run;
mod scaling;
mod toy;
mod unused;
