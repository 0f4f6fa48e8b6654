//! Tests of the crate as a whole; they go through the public functions.

mod defaults;
mod extends;
mod messages;
mod mutations;
mod names;
mod overrides;
mod round_trip;
mod sweep;

use std::path::Path;

use crate::{ConfigError, Plan};

/// The shortest experiment there is.
const MINIMAL: &str = r#"
[data]
name = "digits"

[model]
backbone = "vim"

[task]
kind = "classify"

[train]
epochs = 20
batch_size = 64
"#;

fn parse(text: &str) -> Result<Plan, ConfigError> {
    crate::parse(text, Path::new("configs/x.toml"))
}

/// [`MINIMAL`] with `from` replaced by `to`.
fn edited(from: &str, to: &str) -> String {
    assert!(
        MINIMAL.contains(from),
        "`{from}` is not in the minimal experiment"
    );
    MINIMAL.replace(from, to)
}
