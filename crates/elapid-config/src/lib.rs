//! Strict TOML experiment configs: text in, a resolved and printable [`Plan`] out.
//!
//! [`load`] reads one file, follows its `extends` chain, applies `--set` overrides, refuses every
//! name it does not know and returns a [`Plan`] in which every value is settled and knows where
//! it came from. Each option is declared once, in `sections/`, with its type, default, legal range
//! and documentation; reading, defaults, printing, suggestions and [`reference()`] use that
//! declaration.

mod check;
mod data_sets;
mod document;
mod error;
mod extends;
mod interval;
mod json_schema;
mod lines;
mod load;
mod nearest;
mod options;
mod origin;
mod overrides;
mod plan;
mod range;
mod reader;
mod reference;
mod schema;
mod sections;
mod sweep;
#[cfg(test)]
mod tests;
mod value;

pub use data_sets::{DataSet, data_sets};
pub use error::{ConfigError, ErrorKind};
pub use extends::parent;
pub use interval::Interval;
pub use json_schema::json_schema;
pub use load::{load, load_model, parse, parse_model};
pub use origin::{Origin, Place};
pub use plan::{Plan, differences};
pub use reference::reference;
pub use sections::*;
pub use sweep::{SEED, Sweep, SweepKind, Trial, load_sweep, parse_sweep};
