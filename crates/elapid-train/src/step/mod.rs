//! One optimiser step, apart from what surrounds it: what it changes, what it reads, and the two ways of making it.
//!
//! | file | holds |
//! |---|---|
//! | `weights.rs` | what a step changes: task, moments, average |
//! | `operands.rs` | what a step reads: batch, noise, and the numbers that change from step to step |
//! | `recipe.rs` | the step itself: loss, gradients, clipping, update, average |
//! | `forms.rs` | which batches have been seen, and whether their steps are recorded |
//! | `graphs.rs` | the step recorded as a hardware graph, and replayed |
//! | `running.rs` | running statistics of batch norms |
//! | `row.rs` | loss and gradients as one row of numbers |
//! | `team.rs` | the step of several devices, which add up their rows |
//! | `engine.rs` | one device or several |

mod engine;
mod forms;
mod graphs;
mod operands;
mod recipe;
mod row;
mod running;
mod team;
mod weights;

pub(crate) use engine::Engine;
pub(crate) use graphs::Machine;
pub(crate) use operands::{Numbers, Operands};
#[cfg(test)]
pub(crate) use recipe::gradients;
pub(crate) use recipe::{Made, Phase, Recipe};
pub(crate) use team::Team;
pub(crate) use weights::{Weights, replaced};
