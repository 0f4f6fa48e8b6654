//! Plans that cannot be carried out.

/// Parts of a plan that do not fit together, or do not fit the data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlanError(pub(super) String);
