//! One pass over a split.

use burn::tensor::Device;

use crate::{BoxError, Confusion, EvalSource, Measured, StopFlag, Tally, Task, TrainError};

/// What an evaluation found.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Samples seen.
    pub samples: u64,
    /// The metrics of the task.
    pub metrics: Vec<Measured>,
    /// Which class was taken for which, where the task has classes.
    pub confusion: Option<Confusion>,
    /// The first batch whose loss is not finite, counted from 0.
    pub not_finite: Option<u64>,
}

/// Evaluates a task, trained or in training, on all batches of `source`.
///
/// # Errors
///
/// [`TrainError::Data`] if a batch cannot be made, [`TrainError::DataEnded`] if there is none.
pub fn evaluate<T: Task>(
    task: &T,
    source: &dyn EvalSource<T::Batch>,
    device: &Device,
) -> Result<Evaluation, TrainError> {
    let (evaluation, _) = pass(task, source.iter(), "evaluation", device)?;
    Ok(evaluation)
}

/// Like [`evaluate`], with the sums themselves, but gives up with `None` as soon as `stop` is set.
pub(crate) fn evaluate_unless<T: Task>(
    stop: &StopFlag,
    task: &T,
    source: &dyn EvalSource<T::Batch>,
    split: &'static str,
    device: &Device,
) -> Result<Option<(Evaluation, T::Tally)>, TrainError> {
    let batches = source.iter().take_while(|_| stop.signal().is_none());
    let evaluation = pass(task, batches, split, device);
    // A pass cut short says nothing, not even that it was empty.
    match stop.signal() {
        Some(_) => Ok(None),
        None => evaluation.map(Some),
    }
}

fn pass<T: Task>(
    task: &T,
    batches: impl Iterator<Item = Result<T::Batch, BoxError>>,
    split: &'static str,
    device: &Device,
) -> Result<(Evaluation, T::Tally), TrainError> {
    let task = task.valid();
    let device = device.clone().without_autodiff();
    let mut tally = task.tally();
    let (mut samples, mut not_finite) = (0, None);
    for (number, batch) in (0..).zip(batches) {
        let batch = batch.map_err(|source| TrainError::Data {
            split,
            batch: number,
            source,
        })?;
        task.observe(&batch, &device, &mut tally);
        samples += T::batch_len(&batch) as u64;
        if not_finite.is_none() && !tally.is_finite() {
            not_finite = Some(number);
        }
    }
    if samples == 0 {
        return Err(TrainError::DataEnded { split, batches: 0 });
    }
    let evaluation = Evaluation {
        samples,
        metrics: tally.metrics(),
        confusion: tally.confusion(),
        not_finite,
    };
    Ok((evaluation, tally))
}
