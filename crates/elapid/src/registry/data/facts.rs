//! What a model and its predictions need to know of the data.

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
}

/// One value for each channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    /// Subtracted from the values.
    pub mean: Vec<f32>,
    /// What they are then divided by.
    pub std: Vec<f32>,
}
