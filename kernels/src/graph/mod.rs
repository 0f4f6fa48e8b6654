//! Launches recorded once and repeated: CUDA and HIP graphs, and burn's software graphs elsewhere on GPUs.
//!
//! Burn's [`capture`](burn::tensor::capture) runs its closure several times to warm up, which a training step, whose every run
//! counts, cannot have. Here warming up and recording are steps of their own. A graph reads and writes the
//! buffers that it was recorded with; [`buffers`](crate::buffers) writes into those.

#[cfg(feature = "gpu")]
mod room;

use burn::backend::{Backend, BackendTypes, Dispatch};
use burn::tensor::Device;

/// A recorded sequence of launches.
#[derive(Debug)]
pub struct Graph {
    device: Device,
    recorded: Recorded,
}

struct Recorded(<Dispatch as BackendTypes>::GraphPrimitive);

impl std::fmt::Debug for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorded")
    }
}

/// Whether `device` records graphs; found out with an empty one.
pub fn is_supported(device: &Device) -> bool {
    let device = device.clone().inner();
    let at = device.as_dispatch();
    let opened = Dispatch::graph_prepare(at).and_then(|()| Dispatch::graph_start_capture(at));
    // In any case: what was prepared has to be closed.
    let _ = Dispatch::graph_stop_capture(at);
    opened.is_ok()
}

/// Runs `run`, after which [`record`] of the same operations finds all memory that it needs. Operations that are new
/// to the process should have run before, since their first run takes memory of its own.
///
/// # Errors
///
/// What the device said, if it records nothing, or is recording already. `run` was not called then.
pub fn warm<R>(device: &Device, run: impl FnOnce() -> R) -> Result<R, String> {
    let device = device.clone().inner();
    let at = device.as_dispatch();
    Dispatch::graph_prepare(at).map_err(|error| error.to_string())?;
    let result = run();
    Dispatch::sync(at).map_err(|error| error.to_string())?;
    Ok(result)
}

/// Makes memory for more than what [`warm`] needed; call it between that and [`record`], with the number of the attempt to
/// record, from 0. The two runs hand memory back at slightly different moments, because other threads do it, so that the recorded one
/// may need a block more, for which it can add no page. The first attempt gets more room for small blocks, which costs some
/// MiB, the others a page more for large ones as well.
pub fn leave_room(device: &Device, attempt: u32) {
    let device = device.clone().inner();
    #[cfg(feature = "gpu")]
    if let burn::backend::DispatchDevice::Cube(device) = device.as_dispatch() {
        room::leave(&device.client(), attempt);
    }
    #[cfg(not(feature = "gpu"))]
    let _ = attempt;
    // What was asked for is there before it is recorded in.
    let _ = device.sync();
}

/// Records the operations of `run` without carrying them out. Call [`warm`] first, from the same thread.
///
/// # Errors
///
/// What the device said, if the recording is not whole; for instance, because something in `run` reads a result.
/// Whatever `run` would have written must not be used any more.
pub fn record<R>(device: &Device, run: impl FnOnce() -> R) -> Result<(Graph, R), String> {
    let device = device.clone().inner();
    let at = device.as_dispatch();
    if let Err(error) = Dispatch::graph_start_capture(at) {
        let _ = Dispatch::graph_stop_capture(at);
        return Err(error.to_string());
    }
    let result = run();
    let recorded = Dispatch::graph_stop_capture(at).map_err(|error| error.to_string())?;
    let recorded = Recorded(recorded);
    Ok((Graph { device, recorded }, result))
}

impl Graph {
    /// Carries the recorded operations out, after everything that was asked for before.
    ///
    /// # Errors
    ///
    /// What the device said.
    ///
    /// # Safety
    ///
    /// Every tensor that the recorded operations read or write, and that was not made by them, still exists, and nothing
    /// uses one of them on another thread.
    pub unsafe fn replay(&self) -> Result<(), String> {
        // SAFETY: the caller's promise.
        unsafe { Dispatch::graph_replay(self.device.as_dispatch(), &self.recorded.0) }
            .map_err(|error| error.to_string())
    }
}
