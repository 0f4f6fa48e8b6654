//! Timing of what brings training batches into memory.

use std::time::Instant;

use elapid_config::Plan;
use elapid_train::{BoxError, Task};
use serde::Serialize;

use crate::registry::{self, AnyTask};

/// Rounds of which the median is taken.
const ROUNDS: usize = 5;

/// How fast training batches are made.
#[derive(Clone, Debug, Serialize)]
pub struct DataTiming {
    /// Threads; 0 is the one that asks.
    pub workers: usize,
    /// Images in a batch.
    pub batch: usize,
    /// Images of one round.
    pub images: usize,
    /// Median images a second.
    pub images_per_s: f64,
    /// The slowest and the fastest round.
    pub range: [f64; 2],
}

/// Times five rounds of at least `images` training images each, as a plan prepares them, by `workers` threads.
///
/// # Errors
///
/// What keeps the data set from being opened or a batch from being made.
pub fn data(plan: &Plan, workers: usize, images: usize) -> Result<DataTiming, BoxError> {
    let mut plan = plan.clone();
    plan.data.common.workers = workers;
    let source = registry::open_data(&plan)?.train()?;
    let mut batches = source.iter_from(0);
    let batch = plan.train.batch_size;
    // Each thread works ahead by two batches, which are not to count as made in no time.
    for _ in 0..2 * workers + 1 {
        batches.next().transpose()?;
    }
    let count = images.div_ceil(batch);
    let mut rates = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let (started, mut made) = (Instant::now(), 0);
        for batch in batches.by_ref().take(count) {
            made += AnyTask::batch_len(&batch?);
        }
        rates.push(made as f64 / started.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    Ok(DataTiming {
        workers,
        batch,
        images: count * batch,
        images_per_s: rates[ROUNDS / 2],
        range: [rates[0], rates[ROUNDS - 1]],
    })
}
