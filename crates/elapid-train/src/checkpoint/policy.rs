//! Which checkpoints are kept.

/// What to do with the files after a checkpoint was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Name the checkpoint of this step as the best.
    MarkBest(u64),
    /// Delete the checkpoint of this step.
    Delete(u64),
}

/// What to do now that the newest of the checkpoints at `steps`, in ascending order, was written.
///
/// Kept are the `keep_last` newest, the newest in any case, those of `best`, which is in order of merit, and those of every
/// multiple of `keep_every`. The best is named before anything is deleted, so that the name never points at nothing.
pub fn after_save(
    steps: &[u64],
    keep_last: usize,
    keep_every: Option<u64>,
    best: &[u64],
) -> Vec<Action> {
    let top = best.iter().find(|best| steps.contains(best));
    let outdated = steps.len().saturating_sub(keep_last.max(1));
    let deleted = steps[..outdated]
        .iter()
        .filter(|step| !best.contains(step))
        .filter(|step| keep_every.is_none_or(|every| !step.is_multiple_of(every.max(1))))
        .map(|step| Action::Delete(*step));
    top.map(|top| Action::MarkBest(*top))
        .into_iter()
        .chain(deleted)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Action::{Delete, MarkBest};
    use super::*;

    #[test]
    fn newest_and_best_are_kept() {
        for (steps, keep_last, best, expected) in [
            (&[][..], 2, None, &[][..]),
            (&[10], 2, None, &[]),
            (&[10, 20], 2, None, &[]),
            (&[10, 20, 30], 2, None, &[Delete(10)]),
            (&[10, 20, 30], 2, Some(10), &[MarkBest(10)]),
            (&[10, 20, 30], 2, Some(20), &[MarkBest(20), Delete(10)]),
            (
                &[10, 20, 30, 40],
                1,
                Some(20),
                &[MarkBest(20), Delete(10), Delete(30)],
            ),
            (&[10, 20], 1, Some(20), &[MarkBest(20), Delete(10)]),
            // The best one is gone, or could not be written.
            (&[20, 30], 1, Some(10), &[Delete(20)]),
            // Never nothing at all.
            (&[10, 20], 0, None, &[Delete(10)]),
        ] {
            let best: &[u64] = best.as_slice();
            let actions = after_save(steps, keep_last, None, best);
            assert_eq!(
                actions, expected,
                "{steps:?}, last {keep_last}, best {best:?}"
            );
        }
    }

    #[test]
    fn several_best_ones_are_kept_and_the_first_of_them_is_named() {
        let steps = [10, 20, 30, 40];
        let actions = after_save(&steps, 1, None, &[20, 10]);
        assert_eq!(actions, [MarkBest(20), Delete(30)]);
        let actions = after_save(&steps, 1, None, &[50, 30]);
        assert_eq!(actions, [MarkBest(30), Delete(10), Delete(20)]);
    }

    #[test]
    fn every_so_many_are_kept_for_good() {
        let steps = [10, 20, 25, 40, 50, 60];
        let actions = after_save(&steps, 1, Some(20), &[50]);
        assert_eq!(actions, [MarkBest(50), Delete(10), Delete(25)]);
    }
}
