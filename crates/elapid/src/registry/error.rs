//! Plans that cannot be carried out.

/// Parts of a plan that do not fit together, or do not fit the data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlanError(pub(crate) String);

impl PlanError {
    /// That a model cannot be timed without data.
    pub(crate) fn of_bench(spec: &elapid_config::ModelSpec) -> Self {
        Self(format!(
            "the backbone `{}` takes samples of any size, so nothing says what to time it on; use `elapid train --profile` with a data set",
            spec.name()
        ))
    }
}
