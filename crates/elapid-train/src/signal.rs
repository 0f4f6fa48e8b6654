//! A request to stop, from a signal or from the program itself.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
#[cfg(unix)]
use std::thread;
#[cfg(unix)]
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

/// Signals that come within this time are one.
#[cfg(unix)]
const SAME: Duration = Duration::from_secs(1);

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
    /// Once it is set, another of these signals ends the process at once; on Unix one that comes a second later or more, since
    /// `timeout` and batch systems send theirs to the process and to its group as well.
    ///
    /// # Errors
    ///
    /// If the operating system refuses a signal handler, or a thread.
    #[cfg(unix)]
    pub fn on_signals() -> io::Result<Self> {
        use signal_hook::consts::SIGUSR1;
        use signal_hook::iterator::Signals;
        use signal_hook::low_level::emulate_default_handler;

        let stop = Self::default();
        let own = stop.clone();
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGUSR1])?;
        let watch = move || {
            let mut first: Option<Instant> = None;
            for signal in signals.forever() {
                match first {
                    None => {
                        first = Some(Instant::now());
                        own.request(signal);
                    }
                    Some(first) if first.elapsed() < SAME => {}
                    // An error means that the signal has no default.
                    Some(_) => drop(emulate_default_handler(signal)),
                }
            }
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(watch)?;
        Ok(stop)
    }

    /// See the one of Unix.
    #[cfg(not(unix))]
    pub fn on_signals() -> io::Result<Self> {
        use signal_hook::flag;

        let stop = Self::default();
        for signal in [SIGINT, SIGTERM] {
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
    #[cfg(unix)]
    fn first_signal_sets_the_flag_and_its_echo_does_nothing() {
        let stop = StopFlag::on_signals().unwrap();
        for signal in [SIGTERM, SIGTERM, SIGINT] {
            signal_hook::low_level::raise(signal).unwrap();
        }
        let started = Instant::now();
        while stop.signal().is_none() {
            assert!(started.elapsed() < Duration::from_secs(10));
            thread::yield_now();
        }
        // Whichever of the two the thread found first.
        assert!([SIGTERM, SIGINT].contains(&stop.signal().unwrap()));
    }
}
