//! How much memory a device has, and what becomes of the host's when it is free.

use burn::tensor::Device;

/// Bytes that a GPU may be asked to hold at once, by all that use it; `None` where the runtime does not say.
pub fn capacity(device: &Device) -> Option<u64> {
    match device.clone().inner().as_dispatch() {
        #[cfg(feature = "gpu")]
        burn::backend::DispatchDevice::Cube(device) => {
            device.client().properties().memory.max_memory()
        }
        _ => None,
    }
}

/// Lets the process keep memory of this machine that tensors have given back, for the next ones.
///
/// By default glibc returns large blocks to the system, which has to clear them page by page when they are asked for again: a twentieth of a small
/// model's training step on a CPU, and a seventh of reading images. Does nothing elsewhere. To be called before any thread is started.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const MIB: libc::c_int = 1 << 20;
        // SAFETY: the function takes numbers, and refuses with 0 those that it does not like.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, 32 * MIB);
            libc::mallopt(libc::M_TRIM_THRESHOLD, 256 * MIB);
            // More than the heap of a thread, or one that is empty for a moment is given back whole.
            libc::mallopt(libc::M_TOP_PAD, 128 * MIB);
        }
    }
}
