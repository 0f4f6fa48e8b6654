//! The command line as a user meets it: files, messages, exit codes.

mod bad_input;
mod clock;
mod data;
mod devices;
mod diagnose;
mod disk;
mod faults;
mod fine_tune;
mod follow;
mod forecasters;
mod graphs;
mod kills;
mod official;
mod pictures;
mod profile;
mod rehearse;
mod resume;
mod runs;
mod segment;
mod series;
mod sounds;
mod support;
mod sweep;
mod train;
