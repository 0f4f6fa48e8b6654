//! What a model and its predictions need to know of the data.

use elapid_data::graph::GraphFacts;
use elapid_data::series::Step;
use serde::{Deserialize, Serialize};

/// What a task is built from besides its plan. A run keeps it in its manifest, so that `predict` and `eval --weights`
/// work where the data are not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Names of the classes, in the order of their labels; none where nothing is classified.
    pub classes: Vec<String>,
    /// What raw values are normalised with, where they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalisation: Option<Normalisation>,
    /// What is known of series, where the data are such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<SeriesFacts>,
    /// Widths and categories of graphs, where samples are graphs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graphs: Option<GraphFacts>,
}

/// What is known of series of numbers over time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesFacts {
    /// Names of the variates, in the order of their columns.
    pub columns: Vec<String>,
    /// How many of them, the last ones, are forecast.
    pub targets: usize,
    /// Time marks of a step; 0 where steps have no dates.
    pub marks: usize,
    /// Steps of the longest sample.
    pub steps: usize,
    /// Time from one step to the next; `None` where steps have no dates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
}

/// One value for each channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    /// Subtracted from the values.
    pub mean: Vec<f32>,
    /// What they are then divided by.
    pub std: Vec<f32>,
}
