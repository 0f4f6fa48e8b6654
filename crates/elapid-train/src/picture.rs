//! What a test leaves for people to look at besides numbers.

use serde::{Deserialize, Deserializer, Serialize};

/// A drawing of the report, kept in `pictures.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Picture {
    /// Lines over a whole number, such as a forecast over time.
    Lines(Lines),
    /// Nodes and edges, each node in the colour of its class.
    Graph(GraphPicture),
}

/// Lines of one quantity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lines {
    /// Stands above the drawing.
    pub title: String,
    /// What the horizontal axis counts, such as `step`.
    pub over: String,
    /// The lines, in the order of the legend.
    pub lines: Vec<Line>,
    /// Where something begins: a place on the axis, and what.
    pub mark: Option<(u64, String)>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// What the legend says.
    pub label: String,
    /// What it shows, which decides its colour.
    pub shows: Shows,
    /// Place on the axis of the first value; the others follow one by one.
    pub first: u64,
    /// The values. In a file `null` stands for one that is not finite.
    #[serde(deserialize_with = "not_finite")]
    pub values: Vec<f64>,
}

/// JSON has no NaN.
fn not_finite<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    let values = Vec::<Option<f64>>::deserialize(from)?.into_iter();
    Ok(values.map(|value| value.unwrap_or(f64::NAN)).collect())
}

/// What a line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shows {
    /// What was known.
    Given,
    /// What came true.
    Truth,
    /// What the model said, or how wrong it was.
    Predicted,
    /// Something to compare with.
    Reference,
}

/// A graph that has been laid out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GraphPicture {
    /// Stands above the drawing.
    pub title: String,
    /// Place of every node, between 0 and 1 along both axes.
    pub places: Vec<[f64; 2]>,
    /// Pairs of nodes.
    pub edges: Vec<[usize; 2]>,
    /// Class of every node that was evaluated.
    pub truth: Vec<Option<usize>>,
    /// Class that the model gives it.
    pub predicted: Vec<usize>,
    /// Names of the classes.
    pub classes: Vec<String>,
}
