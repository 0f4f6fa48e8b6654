//! How much memory a device has.

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
