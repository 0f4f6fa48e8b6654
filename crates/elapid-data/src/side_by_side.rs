//! The same work for many things at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Threads for work that is mostly waiting, as on a network file system.
pub(crate) const WAITING: usize = 16;

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
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else {
                return done;
            };
            done.push((at, work(item)));
        }
    };
    let mut results: Vec<(usize, R)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.min(items.len()))
            .map(|_| scope.spawn(work))
            .collect();
        let done = threads.into_iter().map(|thread| {
            let done = thread.join();
            done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        done.flatten().collect()
    });
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
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
}
