//! How much memory there is, and how much of it steps take.

use std::fs;

use burn::tensor::Device;
use elapid_kernels::memory::capacity;

/// How much of a GPU's free memory steps may take. The rest is for evaluation, and for what measuring missed.
const SHARE_OF_GPU: f64 = 0.9;
/// The same of main memory, where the system ends a process that takes too much.
const SHARE_OF_MAIN: f64 = 0.8;

/// Measures what was taken since it was made.
#[derive(Debug)]
pub(crate) enum Gauge {
    /// A GPU that reports its allocations.
    Gpu {
        device: Device,
        before: u64,
        /// `None` where the size of the card is unknown.
        free: Option<u64>,
    },
    /// Main memory, in a process that may read how much of it there is.
    Main { before: u64, free: u64 },
}

impl Gauge {
    /// `None` where nothing can be measured.
    pub(crate) fn new(device: &Device) -> Option<Self> {
        let plain = device.clone().inner();
        if let Some(usage) = plain.memory_pool_usage() {
            let before = usage.bytes_reserved;
            let free = capacity(&plain).map(|all| all.saturating_sub(before));
            return Some(Self::Gpu {
                device: plain,
                before,
                free,
            });
        }
        Some(Self::Main {
            before: own("VmRSS:")?,
            free: free_main()?,
        })
    }

    /// Bytes that steps may take, where it is known.
    pub(crate) fn room(&self) -> Option<u64> {
        let share = |free: u64, of: f64| (free as f64 * of) as u64;
        match self {
            Self::Gpu { free, .. } => free.map(|free| share(free, SHARE_OF_GPU)),
            Self::Main { free, .. } => Some(share(*free, SHARE_OF_MAIN)),
        }
    }

    /// Whether an allocation that fails is an error, and not the end of the process.
    pub(crate) fn forgives(&self) -> bool {
        matches!(self, Self::Gpu { .. })
    }

    /// Gives back what is not in use any more, and forgets the peak.
    pub(crate) fn reset(&self) {
        match self {
            Self::Gpu { device, .. } => {
                // What failed has been reported to whoever read its result.
                let _ = device.sync();
                device.memory_cleanup();
            }
            // Where it is not allowed the peak stays, and parts become smaller than they need be.
            Self::Main { .. } => {
                let _ = fs::write("/proc/self/clear_refs", "5");
            }
        }
    }

    /// The most bytes that were held at once since [`reset`](Self::reset), above those when the gauge was made.
    pub(crate) fn taken(&self) -> u64 {
        match self {
            Self::Gpu { device, before, .. } => {
                let usage = device.memory_pool_usage().unwrap_or_default();
                usage.bytes_reserved.saturating_sub(*before)
            }
            Self::Main { before, .. } => {
                own("VmHWM:").map_or(u64::MAX, |peak| peak.saturating_sub(*before))
            }
        }
    }
}

/// Bytes of this process.
fn own(name: &str) -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/self/status").ok()?, name)
}

/// Bytes that this process can have more of, by the system and by the limits of its group.
fn free_main() -> Option<u64> {
    let free = kilobytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let groups = [
        ("memory.max", "memory.current"),
        (
            "memory/memory.limit_in_bytes",
            "memory/memory.usage_in_bytes",
        ),
    ];
    let limits = groups.into_iter().filter_map(|(limit, used)| {
        let [limit, used] = [limit, used].map(|name| number(&format!("/sys/fs/cgroup/{name}")));
        Some(limit?.saturating_sub(used?))
    });
    limits.chain([free]).min()
}

/// The value of a line such as `VmRSS:   123 kB`, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    let number: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(1024 * number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_system_are_read_in_bytes() {
        let text = "VmPeak:\t 9 kB\nVmRSS:\t     12 kB\n";
        assert_eq!(kilobytes(text, "VmRSS:"), Some(12 * 1024));
        assert_eq!(kilobytes(text, "VmHWM:"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_taken_is_seen_even_when_it_is_given_back() {
        let gauge = Gauge::new(&Device::flex()).unwrap();
        assert!(!gauge.forgives());
        assert!(gauge.room().unwrap() > 0);
        gauge.reset();
        // Written to, since memory that is only asked for is not taken.
        let block = vec![1_u8; 64 << 20];
        assert!(std::hint::black_box(&block).iter().all(|byte| *byte == 1));
        drop(block);
        assert!(gauge.taken() >= 60 << 20, "{} bytes", gauge.taken());
    }
}
