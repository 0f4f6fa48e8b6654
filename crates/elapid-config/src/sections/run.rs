//! `[run]`: what the run is called, and its seed.

use crate::document::string_text;
use crate::error::{ConfigError, ErrorKind};
use crate::options::options;
use crate::range::at_least;
use crate::reader::SectionReader;

options! {
    /// The run as a whole.
    pub struct Run, checked by is_directory_name {
        /// Name of the run and of its directory: letters, digits, `.`, `_` and `-`.
        name: String = ("the name of the file");
        /// Seed of everything random: initial weights, data order, augmentation, dropout.
        seed: u64 = 0, at_least(0.0);
    }
}

fn is_directory_name(run: &Run, section: &SectionReader<'_>) -> Result<(), ConfigError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    // A name of points alone would be a directory that exists already.
    if run.name.chars().all(legal) && run.name.chars().any(|c| c != '.') {
        return Ok(());
    }
    let message = format!(
        "`name` in [run] must be made of letters, digits, `.`, `_` and `-`, got {}",
        string_text(&run.name)
    );
    Err(section
        .error(ErrorKind::OutOfRange, &["name"], message)
        .hint("it names the run's directory; write for example `name = \"vim_digits\"`"))
}
