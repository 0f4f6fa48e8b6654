//! Loss and gradients of a batch.

use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};

use crate::{Noise, Task, TrainError};

/// The mean loss over a batch, shape `[1]` and without autodiff graph, and its gradients.
///
/// With `micro_batch`, the batch is processed in parts of so many samples. Each part's mean counts by its share of
/// the samples, so the gradients are those of the whole batch, up to rounding, whatever the sizes of the
/// parts.
///
/// # Errors
///
/// [`TrainError::NothingToTrain`] if the loss depends on no parameter.
pub(crate) fn of_batch<T: Task>(
    task: &T,
    batch: T::Batch,
    micro_batch: Option<usize>,
    noise: Noise,
    device: &Device,
) -> Result<(Tensor<1>, GradientsParams), TrainError> {
    let samples = T::batch_len(&batch);
    let parts = match micro_batch {
        Some(size) if size < samples => T::split(batch, size),
        _ => vec![batch],
    };
    if let [batch] = parts.as_slice() {
        return one_part(task, batch, 1.0, noise, device);
    }
    let mut sum = GradientsAccumulator::new();
    let mut total: Option<Tensor<1>> = None;
    for (index, part) in (0..).zip(&parts) {
        let share = T::batch_len(part) as f64 / samples as f64;
        let (loss, gradients) = one_part(task, part, share, noise.of_part(index), device)?;
        sum.accumulate(task, gradients);
        total = Some(match total {
            Some(total) => total + loss,
            None => loss,
        });
    }
    let total = total.ok_or(TrainError::NothingToTrain)?;
    Ok((total, sum.grads()))
}

fn one_part<T: Task>(
    task: &T,
    batch: &T::Batch,
    share: f64,
    noise: Noise,
    device: &Device,
) -> Result<(Tensor<1>, GradientsParams), TrainError> {
    let loss = task.loss(batch, noise, device);
    if !loss.is_tracked() {
        return Err(TrainError::NothingToTrain);
    }
    let loss = if share == 1.0 { loss } else { loss * share };
    let gradients = GradientsParams::from_grads(loss.backward(), task);
    Ok((loss.inner(), gradients))
}
