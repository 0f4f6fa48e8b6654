//! Series of numbers over time: tables with dates, labelled series, and arrays with labelled anomalies.
//!
//! A table is read into memory once, standardised by its training rows, and batches are cut from it as windows. [`borders`]
//! are the rules by which published numbers divide rows.

mod anomaly;
mod batch;
pub mod borders;
mod ending;
mod following;
pub mod forecast;
mod hidden;
mod labelled;
mod marks;
mod number;
#[cfg(test)]
mod protocol_tests;
mod scaler;
mod stamp;
pub mod synth;
mod table;
mod windows;

pub use anomaly::{AnomalyOptions, anomaly};
pub use batch::{SeriesBatch, WindowBatch};
pub use ending::{Ending, ending};
pub use following::{Arrived, Following};
pub use forecast::{Features, Shares, Span, WindowSplits};
pub use hidden::known_values;
pub use labelled::{
    LabelledSplits, Normalised, Protocol, Rhythms, SeriesBatcher, SeriesSample, rhythms, uea,
};
pub use marks::Marks;
pub use scaler::Scaler;
pub use stamp::{Stamp, Step};
pub use table::{Missing, Roles, Table};
pub use windows::{Matrix, WindowBatcher, WindowShape, Windows};
