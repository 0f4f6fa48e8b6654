//! How sets of sounds are stored, one file for each layout.

pub mod audio_folder;
pub mod audioset;
pub mod esc50;
pub mod speech_commands;
mod table;

#[cfg(test)]
pub(super) mod write;
