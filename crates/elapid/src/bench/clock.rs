//! Median times, of hardware graphs where the device has those.

use std::time::{Duration, Instant};

use burn::tensor::{Device, capture};

/// Rounds of which the median is taken.
const ROUNDS: usize = 7;
/// A round lasts at least this long, so that the clock and the launch of a graph do not count.
const ROUND: Duration = Duration::from_millis(20);

/// Median milliseconds of `run`, recorded once as a hardware graph where the device has those.
pub(super) fn median<T>(device: &Device, run: impl FnMut() -> T) -> (f64, bool) {
    let mut graph = capture(device, run);
    let hardware = graph.is_hardware();
    let mut round = |times: usize| {
        // A device that cannot drain its queue fails the next operation, with its own message.
        let _ = device.sync();
        let start = Instant::now();
        for _ in 0..times {
            // SAFETY: the operands live as long as the closure, nothing else uses the device, and
            // nobody reads the output.
            let _ = unsafe { graph.replay() };
        }
        let _ = device.sync();
        start.elapsed()
    };
    round(1);
    let times = (ROUND.as_secs_f64() / round(1).as_secs_f64())
        .ceil()
        .max(1.0) as usize;
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| round(times).as_secs_f64() * 1e3 / times as f64)
        .collect();
    rounds.sort_by(f64::total_cmp);
    (rounds[ROUNDS / 2], hardware)
}

/// Median milliseconds of `run` without replay.
pub(super) fn eager<T>(device: &Device, run: impl Fn() -> T) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let _ = device.sync();
            let start = Instant::now();
            drop(run());
            let _ = device.sync();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}
