//! A request to stop, from a signal or from the program itself.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[cfg(unix)]
use signal_hook::consts::SIGUSR1;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

#[cfg(unix)]
const SIGNALS: &[i32] = &[SIGINT, SIGTERM, SIGUSR1];
#[cfg(not(unix))]
const SIGNALS: &[i32] = &[SIGINT, SIGTERM];

/// Tells a trainer to finish its step, write a checkpoint and return.
///
/// Clones share one flag.
#[derive(Clone, Debug, Default)]
pub struct StopFlag {
    is_set: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl StopFlag {
    /// A flag that SIGINT, SIGTERM and SIGUSR1 (with which batch systems announce the end) set, from now until the
    /// process ends.
    ///
    /// Once it is set, the next of these signals ends the process at once.
    ///
    /// # Errors
    ///
    /// If the operating system refuses a signal handler.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        for &signal in SIGNALS {
            // Handlers run in the order of registration: the first signal passes this one, because
            // the flag is still down, and the second does not.
            flag::register_conditional_default(signal, stop.is_set.clone())?;
            flag::register_usize(signal, stop.signal.clone(), signal as usize)?;
            flag::register(signal, stop.is_set.clone())?;
        }
        Ok(stop)
    }

    /// Asks to stop as if `signal` had arrived.
    pub fn request(&self, signal: i32) {
        self.signal.store(signal as usize, Ordering::SeqCst);
        self.is_set.store(true, Ordering::SeqCst);
    }

    /// The signal that asked to stop, if one did.
    pub fn signal(&self) -> Option<i32> {
        let is_set = self.is_set.load(Ordering::SeqCst);
        is_set.then(|| self.signal.load(Ordering::SeqCst) as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_reaches_every_clone() {
        let stop = StopFlag::default();
        let seen = stop.clone();
        assert_eq!(seen.signal(), None);
        stop.request(SIGTERM);
        assert_eq!(seen.signal(), Some(SIGTERM));
    }

    #[test]
    fn first_signal_sets_the_flag() {
        let stop = StopFlag::on_signals().unwrap();
        signal_hook::low_level::raise(SIGTERM).unwrap();
        assert_eq!(stop.signal(), Some(SIGTERM));
    }
}
