//! The command's memory.

use libmimalloc_sys::{mi_option_set_default, mi_option_t};

/// Made for large blocks that come and go. glibc's gives those of more than 32 MB back to the system, which then has to clear a batch of images
/// page by page: that takes longer than filling it (`experiments/2026-11-23_image-loader`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// mimalloc's `mi_option_purge_delay`: milliseconds until freed memory is given back to the system.
const PURGE_DELAY: mi_option_t = 15;

/// Keeps memory that was freed for the next batch or tensor, for some seconds; `MIMALLOC_PURGE_DELAY` may say otherwise.
///
/// Giving it back takes more than the time of the call: every thread of the process has to be told, and the next batch finds the pages gone.
pub(crate) fn keep_freed() {
    const MILLISECONDS: std::ffi::c_long = 10_000;
    // SAFETY: the function takes numbers. No other thread sets options.
    #[allow(unsafe_code)]
    unsafe {
        mi_option_set_default(PURGE_DELAY, MILLISECONDS);
    }
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    #[test]
    fn the_option_is_the_delay() {
        // SAFETY: the function takes a number.
        #[allow(unsafe_code)]
        let delay = || unsafe { mi_option_get(PURGE_DELAY) };
        let usual = delay();
        assert!((1..=1000).contains(&usual), "{usual} ms");
        keep_freed();
        assert_eq!(delay(), 10_000);
    }
}
