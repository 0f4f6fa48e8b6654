//! Numbered jobs done ahead by threads and delivered in order.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use crate::error::DataError;

/// Finished results that each worker may have waiting, besides the one it is working on.
const WAITING: usize = 1;

/// The results of `make` for each of `jobs`, in order; the iterator ends after the first error.
///
/// With 0 workers every job is done on the calling thread when it is asked for. Otherwise `workers`
/// threads work at most two jobs each ahead; dropping the iterator stops and joins them.
pub(crate) fn in_order<T: Send + 'static>(
    jobs: Range<usize>,
    workers: usize,
    make: impl Fn(usize) -> Result<T, DataError> + Send + Sync + 'static,
) -> Box<dyn Iterator<Item = Result<T, DataError>> + Send> {
    if workers == 0 {
        Box::new(UntilError(Some(jobs.map(make))))
    } else {
        Box::new(UntilError(Some(Prefetch::start(
            jobs,
            workers,
            Arc::new(make),
        ))))
    }
}

/// Ends with the first error, and lets go of the inner iterator there.
struct UntilError<I>(Option<I>);

impl<T, I: Iterator<Item = Result<T, DataError>>> Iterator for UntilError<I> {
    type Item = Result<T, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.0.as_mut()?.next();
        if !matches!(item, Some(Ok(_))) {
            self.0 = None;
        }
        item
    }
}

/// Job `first + n` belongs to worker `n % workers` and comes back through that worker's own queue,
/// so reading the queues in turn restores the order without a buffer.
struct Prefetch<T> {
    first: usize,
    jobs: Range<usize>,
    queues: Vec<Receiver<Result<T, DataError>>>,
    threads: Vec<JoinHandle<()>>,
}

impl<T: Send + 'static> Prefetch<T> {
    fn start<F>(jobs: Range<usize>, workers: usize, make: Arc<F>) -> Self
    where
        F: Fn(usize) -> Result<T, DataError> + Send + Sync + 'static,
    {
        let workers = workers.min(jobs.len());
        let (mut queues, mut threads) = (Vec::new(), Vec::new());
        for worker in 0..workers {
            let (sender, queue) = sync_channel(WAITING);
            let own_jobs = (jobs.start + worker..jobs.end).step_by(workers);
            let make = Arc::clone(&make);
            let work = move || work(own_jobs, &sender, &*make);
            queues.push(queue);
            // A thread that cannot be started leaves its queue closed, which `next` reports.
            threads.extend(Builder::new().name(format!("loader-{worker}")).spawn(work));
        }
        Self {
            first: jobs.start,
            jobs,
            queues,
            threads,
        }
    }
}

fn work<T>(
    jobs: impl Iterator<Item = usize>,
    sender: &SyncSender<Result<T, DataError>>,
    make: impl Fn(usize) -> Result<T, DataError>,
) {
    for job in jobs {
        let result = make(job);
        let is_last = result.is_err();
        // Sending fails once the iterator is dropped.
        if sender.send(result).is_err() || is_last {
            return;
        }
    }
}

impl<T> Iterator for Prefetch<T> {
    type Item = Result<T, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let job = self.jobs.next()?;
        let queue = &self.queues[(job - self.first) % self.queues.len()];
        Some(
            queue
                .recv()
                .unwrap_or(Err(DataError::Worker { batch: job })),
        )
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        self.queues.clear();
        for thread in self.threads.drain(..) {
            // A panic was reported by the thread itself and, if its job was asked for, by `next`.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;

    /// Takes longest for the jobs that come first.
    fn slow_start(job: usize) -> Result<usize, DataError> {
        sleep(Duration::from_millis(8_u64.saturating_sub(job as u64)));
        Ok(job * 10)
    }

    fn failing_at_five(job: usize) -> Result<usize, DataError> {
        if job < 5 {
            Ok(job)
        } else {
            Err(DataError::Worker { batch: 77 })
        }
    }

    #[test]
    fn results_come_in_order_for_any_number_of_workers() {
        for workers in [0, 1, 2, 3, 16] {
            let results: Result<Vec<_>, _> = in_order(2..12, workers, slow_start).collect();
            assert!(results.unwrap().into_iter().eq((2..12).map(|job| job * 10)));
        }
        assert_eq!(in_order(3..3, 4, slow_start).count(), 0);
    }

    #[test]
    fn the_first_error_is_the_last_item() {
        for workers in [0, 1, 3] {
            let results: Vec<_> = in_order(0..usize::MAX, workers, failing_at_five).collect();
            assert_eq!(results.len(), 6);
            assert_eq!(results[5], Err(DataError::Worker { batch: 77 }));
        }
    }

    #[test]
    fn work_ahead_is_bounded() {
        let done = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&done);
        let mut results = in_order(0..usize::MAX, 3, move |job| {
            counter.fetch_add(1, Ordering::SeqCst);
            Ok(job)
        });
        results.next();
        sleep(Duration::from_millis(50));
        // One was taken; each of three workers has one waiting and one in hand.
        assert!(done.load(Ordering::SeqCst) <= 1 + 3 * 2);
    }

    #[test]
    fn dropping_the_iterator_ends_the_threads() {
        let token = Arc::new(());
        let held = Arc::clone(&token);
        let mut results = in_order(0..usize::MAX, 4, move |_| Ok(Arc::strong_count(&held)));
        results.next();
        drop(results);
        assert_eq!(Arc::strong_count(&token), 1);
    }

    #[test]
    fn a_panicking_worker_becomes_an_error() {
        let results: Vec<_> = in_order(0..9, 2, |job| {
            if job == 4 {
                panic!("on purpose")
            } else {
                Ok(job)
            }
        })
        .collect();
        assert_eq!(results.len(), 5);
        assert_eq!(results[4], Err(DataError::Worker { batch: 4 }));
    }
}
