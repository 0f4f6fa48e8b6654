//! Windows of series as tensors, and the facts that tasks on them need.

use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};
use elapid_config::Plan;
use elapid_data::series::WindowBatch;
use elapid_train::Packing;

use super::classify::rounded;
use crate::registry::{Facts, PlanError, SeriesFacts};

/// What is known of the series, for the task `kind`.
pub(super) fn series<'a>(
    kind: &str,
    plan: &Plan,
    facts: &'a Facts,
) -> Result<&'a SeriesFacts, PlanError> {
    facts.series.as_ref().ok_or_else(|| {
        PlanError(format!(
            "`kind = \"{kind}\"` in [task] is for series, and the data set `{}` has none; use a data set of series, or another task",
            plan.data.source.name()
        ))
    })
}

/// `[B, L, C]`, in the type of stored activations.
pub(super) fn past_data(batch: &WindowBatch, storage: DType) -> TensorData {
    let shape = [batch.batch, batch.lookback, batch.variates];
    rounded(batch.past.clone(), shape, storage)
}

/// `[B, L, M]`, where there are marks.
pub(super) fn mark_data(batch: &WindowBatch) -> Option<TensorData> {
    let shape = [batch.batch, batch.lookback, batch.marks];
    (batch.marks > 0).then(|| TensorData::new(batch.past_marks.clone(), shape))
}

/// Lookback, and marks where there are any.
pub(super) fn past_packing(storage: DType) -> Packing<WindowBatch> {
    Arc::new(move |batch| {
        let past = past_data(&batch, storage);
        std::iter::once(past).chain(mark_data(&batch)).collect()
    })
}

/// `[B, H, T]`
pub(super) fn future_data(batch: &WindowBatch) -> TensorData {
    let shape = [batch.batch, batch.horizon, batch.targets];
    TensorData::new(batch.future.clone(), shape)
}

/// Lookback and marks on a device.
pub(super) fn on_device(
    batch: &WindowBatch,
    storage: DType,
    device: &Device,
) -> (Tensor<3>, Option<Tensor<3>>) {
    let past = Tensor::<3>::from_data(past_data(batch, DType::F32), device).cast(storage);
    let marks = mark_data(batch).map(|marks| Tensor::from_data(marks, device));
    (past, marks)
}
