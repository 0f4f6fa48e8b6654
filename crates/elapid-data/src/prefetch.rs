//! Numbered jobs done ahead by threads and delivered in order.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use crate::error::DataError;

/// Jobs ahead of the one that is delivered next, per worker: one in hand, and one that waits.
const AHEAD: usize = 2;

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

/// Every worker takes the first job that nobody has, so that a slow one holds up no other.
struct Prefetch<T> {
    shared: Arc<Shared<T>>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared<T> {
    queue: Mutex<Queue<T>>,
    /// Something was delivered or finished.
    changed: Condvar,
    /// Most jobs begun and not delivered.
    most: usize,
}

struct Queue<T> {
    /// Jobs that nobody has taken.
    jobs: Range<usize>,
    /// The job that is delivered next, and behind the last one.
    due: Range<usize>,
    finished: HashMap<usize, Result<T, DataError>>,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        // What is changed under the lock is whole after each line.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue<T>>) -> MutexGuard<'a, Queue<T>> {
        self.changed
            .wait(queue)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job, once there is room for it; none after the last.
    fn take(&self) -> Option<usize> {
        let mut queue = self.lock();
        while !queue.jobs.is_empty() && queue.jobs.start >= queue.due.start + self.most {
            queue = self.wait(queue);
        }
        queue.jobs.next()
    }

    /// Nothing follows an error.
    fn finish(&self, job: usize, result: Result<T, DataError>) {
        let mut queue = self.lock();
        if result.is_err() {
            queue.jobs.end = queue.jobs.end.min(job + 1);
        }
        queue.finished.insert(job, result);
        self.changed.notify_all();
    }

    /// The next result in order; none after the last.
    fn deliver(&self) -> Option<Result<T, DataError>> {
        let mut queue = self.lock();
        let job = queue.due.next()?;
        self.changed.notify_all();
        loop {
            match queue.finished.remove(&job) {
                Some(result) => return Some(result),
                None => queue = self.wait(queue),
            }
        }
    }

    /// No job is begun any more.
    fn close(&self) {
        self.lock().jobs.end = 0;
        self.changed.notify_all();
    }
}

impl<T: Send + 'static> Prefetch<T> {
    fn start<F>(jobs: Range<usize>, workers: usize, make: Arc<F>) -> Self
    where
        F: Fn(usize) -> Result<T, DataError> + Send + Sync + 'static,
    {
        let workers = workers.min(jobs.len());
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue {
                due: jobs.clone(),
                jobs,
                finished: HashMap::new(),
            }),
            changed: Condvar::new(),
            most: AHEAD * workers,
        });
        let start = |worker| {
            let (shared, make) = (Arc::clone(&shared), Arc::clone(&make));
            let work = move || work(&shared, &*make);
            Builder::new().name(format!("loader-{worker}")).spawn(work)
        };
        // Threads that cannot be started leave their jobs to the others.
        let threads: Vec<_> = (0..workers).filter_map(|n| start(n).ok()).collect();
        Self { shared, threads }
    }
}

fn work<T>(shared: &Shared<T>, make: impl Fn(usize) -> Result<T, DataError>) {
    while let Some(job) = shared.take() {
        let lost = Err(DataError::Worker { batch: job });
        let mut in_hand = InHand {
            shared,
            job,
            result: lost,
        };
        in_hand.result = make(job);
    }
}

/// A job that was taken; something is delivered for it even if its worker panics.
struct InHand<'a, T> {
    shared: &'a Shared<T>,
    job: usize,
    result: Result<T, DataError>,
}

impl<T> Drop for InHand<'_, T> {
    fn drop(&mut self) {
        let handed_over = Err(DataError::Worker { batch: self.job });
        let result = std::mem::replace(&mut self.result, handed_over);
        self.shared.finish(self.job, result);
    }
}

impl<T> Iterator for Prefetch<T> {
    type Item = Result<T, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.threads.is_empty() {
            let batch = self.shared.lock().due.next()?;
            return Some(Err(DataError::Worker { batch }));
        }
        self.shared.deliver()
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        self.shared.close();
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
    use std::time::{Duration, Instant};

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
    fn a_slow_job_holds_up_no_worker() {
        let done = AtomicUsize::new(0);
        let results = in_order(0..6, 2, move |job| {
            let deadline = Instant::now() + Duration::from_secs(10);
            // The first job ends when all are done that may be begun beside it.
            while job == 0 && done.load(Ordering::SeqCst) < 3 {
                if Instant::now() > deadline {
                    return Err(DataError::Worker { batch: job });
                }
                sleep(Duration::from_millis(1));
            }
            done.fetch_add(1, Ordering::SeqCst);
            Ok(job)
        });
        assert!(
            results
                .collect::<Result<Vec<_>, _>>()
                .unwrap()
                .into_iter()
                .eq(0..6)
        );
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
