//! From gradients to new weights.
//!
//! | file | holds |
//! |---|---|
//! | `method.rs` | AdamW, Adam, Lion and Muon: one step of one parameter |
//! | `table.rs` | what changes from step to step, as numbers in device memory |
//! | `update.rs` | the step of all parameters of a module |
//! | `scaler.rs` | loss scaling for 16-bit floats |
//! | `pool.rs` | tensors of any rank, by parameter |
//!
//! Burn's optimisers take the learning rate as a number of the host, which a recorded step would repeat for ever. These
//! read it from device memory and can write weights and moments where they lie.

mod method;
mod pool;
mod scaler;
mod table;
mod update;

use burn::module::ParamId;

pub use method::Method;
pub(crate) use pool::{Pool, filled, taken};
pub(crate) use scaler::{Scaler, unless_overflown};
pub(crate) use table::Table;
pub(crate) use update::{Update, update};

/// How one parameter is optimised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParamRule {
    /// The parameter.
    pub id: ParamId,
    /// Whether weight decay applies to it.
    pub decay: bool,
    /// What its learning rate is multiplied by.
    pub lr_scale: f64,
    /// The first step, counted from 0, that trains it; `u64::MAX` for a parameter that is never trained.
    pub trained_from: u64,
    /// Whether it is the matrix of a linear map between hidden states, which Muon orthogonalises.
    pub hidden_matrix: bool,
    /// How much of a batch's statistic it takes over, where it is a running one; it is not optimised then. The task's
    /// loss has to hand that statistic over as its gradient.
    pub running: Option<f64>,
}
