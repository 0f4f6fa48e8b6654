//! The same work for many things at once.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Threads for work that is mostly waiting, as on a network file system.
pub(crate) const WAITING: usize = 16;

/// Threads for work that computes: one a core.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// What `work` makes of each item, in the order of the items, by up to `threads` threads.
///
/// # Panics
///
/// If `work` does.
pub(crate) fn map<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    filter_map(items.len(), threads, |at| Some(work(&items[at])))
}

/// What `work` finds for the numbers below `count`, in their order, by up to `threads` threads.
///
/// # Panics
///
/// If `work` does.
pub(crate) fn filter_map<R: Send>(
    count: usize,
    threads: usize,
    work: impl Fn(usize) -> Option<R> + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                return found;
            }
            found.extend(work(at).map(|result| (at, result)));
        }
    };
    let mut results: Vec<(usize, R)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.min(count)).map(|_| scope.spawn(work)).collect();
        let done = threads.into_iter().map(|thread| {
            let found = thread.join();
            found.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        done.flatten().collect()
    });
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Does `work` for the numbers below `count`, by up to `threads` threads, until one fails.
///
/// # Errors
///
/// The failure that came first.
///
/// # Panics
///
/// If `work` does.
pub(crate) fn try_each<E: Send + Sync>(
    count: usize,
    threads: usize,
    work: impl Fn(usize) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let failure = OnceLock::new();
    filter_map(count, threads, |at| {
        if failure.get().is_none()
            && let Err(error) = work(at)
        {
            // Another thread may have failed first.
            let _ = failure.set(error);
        }
        None::<()>
    });
    failure.into_inner().map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..100).collect();
        for threads in [1, 3, 200] {
            let squares = map(&items, threads, |item| item * item);
            assert!(squares.into_iter().eq((0..100).map(|item| item * item)));
        }
        assert!(map(&[], 4, |item: &u8| *item).is_empty());
    }

    #[test]
    fn the_first_failure_ends_the_work() {
        let done = AtomicUsize::new(0);
        let work = |at: usize| {
            done.fetch_add(1, Ordering::Relaxed);
            if at == 3 { Err(at) } else { Ok(()) }
        };
        assert_eq!(try_each(1000, 1, work), Err(3));
        assert_eq!(done.swap(0, Ordering::Relaxed), 4);
        assert_eq!(try_each(3, 2, work), Ok(()));
        assert_eq!(done.into_inner(), 3);
    }
}
