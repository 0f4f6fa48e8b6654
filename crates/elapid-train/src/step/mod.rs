//! One optimiser step, apart from what surrounds it: what it changes, what it reads, and the two ways of making it.
//!
//! | file | holds |
//! |---|---|
//! | `weights.rs` | what a step changes: task, moments, average |
//! | `operands.rs` | what a step reads: batch, noise, and the numbers that change from step to step |
//! | `recipe.rs` | the step itself: loss, gradients, clipping, update, average |
//! | `graphs.rs` | the step recorded as a hardware graph, and replayed |

mod graphs;
mod operands;
mod recipe;
mod weights;

pub(crate) use graphs::Machine;
pub(crate) use operands::{Numbers, Operands};
#[cfg(test)]
pub(crate) use recipe::gradients;
pub(crate) use recipe::{Made, Phase, Recipe};
pub(crate) use weights::Weights;
