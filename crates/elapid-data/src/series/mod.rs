//! Series of numbers over time: tables with dates, labelled series, and arrays with labelled anomalies.

mod batch;

pub use batch::{SeriesBatch, WindowBatch};
