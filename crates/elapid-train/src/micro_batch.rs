//! How many samples are processed at a time.

use std::fmt;

use serde_json::Value;

use crate::memory::Gauge;
use crate::step::Operands;
use crate::trial::Setup;
use crate::{Packer, RunDir, Task, TrainError};

/// What the manifest calls the chosen number of samples.
const MEMBER: &str = "micro_batch";

/// Which of the sizes, from the whole batch down, is tried first where a small one tells what a large one takes.
const PROBE: usize = 4;
/// Steps of a trial where they are recorded: until one is repeated.
const RECORDED: usize = 5;
/// Steps of a trial on a GPU that records nothing: the second reads new weights, the third new moments.
const EAGER: usize = 3;

/// How many samples are processed at a time; a step still takes a whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MicroBatch {
    /// All of a batch.
    Whole,
    /// So many, at least 1.
    Of(usize),
    /// The largest power-of-two part of a batch that fits into memory, found out before the first step.
    Auto,
}

impl MicroBatch {
    /// The number, if there is one.
    pub fn samples(self) -> Option<usize> {
        match self {
            Self::Of(samples) => Some(samples),
            Self::Whole | Self::Auto => None,
        }
    }

    /// What [`Auto`](Self::Auto) came to when a run was started, since the noise of a step depends on it.
    ///
    /// # Errors
    ///
    /// Those of [`RunDir::manifest`]; [`TrainError::Damaged`] if the number is missing.
    pub fn noted(run: &RunDir) -> Result<Self, TrainError> {
        let manifest = run.manifest()?;
        let noted = manifest.get(MEMBER).and_then(Value::as_u64);
        match noted.and_then(|samples| usize::try_from(samples).ok()) {
            Some(samples @ 1..) => Ok(Self::Of(samples)),
            _ => Err(TrainError::Damaged {
                path: run.path().join("manifest.json"),
                problem: format!("`{MEMBER}` is no positive number"),
            }),
        }
    }
}

/// What [`MicroBatch::Auto`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Samples at a time.
    pub(crate) samples: usize,
    /// Samples of a batch, or of a device's share of one.
    batch: usize,
    is_shared: bool,
    /// Bytes that steps of this size take, and that there are for them, where both are known.
    bytes: Option<(u64, u64)>,
}

impl Chosen {
    /// Writes the number down for [`MicroBatch::noted`].
    pub(crate) fn note(&self, run: &RunDir) -> Result<(), TrainError> {
        run.record(&[(MEMBER, self.samples.into())])
    }
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { samples, batch, .. } = self;
        let whose = if self.is_shared { "device" } else { "batch" };
        write!(
            f,
            "micro_batch: {samples} of a {whose}'s {batch} samples at a time"
        )?;
        let gb = |bytes: u64| bytes as f64 / 1e9;
        match self.bytes {
            Some((taken, room)) => write!(f, "; they take {:.2} of {:.2} GB", gb(taken), gb(room)),
            None => Ok(()),
        }
    }
}

/// The largest power-of-two part of a device's share of a batch whose steps fit into memory, where `devices` share it.
/// Steps are made for it, with weights that are thrown away.
///
/// # Errors
///
/// [`TrainError::NoRoom`] if not even one sample fits, and whatever else goes wrong with data or device.
pub(crate) fn choose<T: Task>(
    task: &T,
    setup: &Setup<'_, T>,
    devices: usize,
) -> Result<Chosen, TrainError> {
    let first = setup.batches().next().transpose()?;
    let batch = first.map_or(1, |batch| T::batch_len(&batch)).max(1);
    let batch = batch.div_ceil(devices);
    let whole = Chosen {
        samples: batch,
        batch,
        is_shared: devices > 1,
        bytes: None,
    };
    let Some(gauge) = Gauge::new(setup.device) else {
        return Ok(whole);
    };
    let room = gauge.room();
    let found = search(&sizes(batch), room, |samples| {
        gauge.reset();
        match attempt(task, setup, samples, &gauge) {
            Ok(bytes) => Ok(Trial::Took(bytes)),
            // Out of memory is told by whoever reads a result, as any other failure of the device.
            Err(TrainError::Device(problem)) if gauge.forgives() => Ok(Trial::Failed(problem)),
            Err(error) => Err(error),
        }
    });
    gauge.reset();
    let (samples, taken) = found?;
    Ok(Chosen {
        samples,
        bytes: room.map(|room| (taken, room)),
        ..whole
    })
}

/// The batch, half of it, and so on to one sample.
fn sizes(batch: usize) -> Vec<usize> {
    let next = |size: &usize| (*size > 1).then(|| size.div_ceil(2));
    std::iter::successors(Some(batch), next).collect()
}

/// How it went.
enum Trial {
    /// The steps were made, and took so many bytes.
    Took(u64),
    /// They could not be made.
    Failed(String),
}

/// The largest of falling `sizes` that fits, and the bytes that it takes.
///
/// Where the room is known, a small size is tried first, and then the largest that should fit by what those before took.
/// Where it is not, sizes are tried from the largest down.
fn search(
    sizes: &[usize],
    room: Option<u64>,
    mut attempt: impl FnMut(usize) -> Result<Trial, TrainError>,
) -> Result<(usize, u64), TrainError> {
    let last = sizes.len() - 1;
    let mut at = room.map_or(0, |_| PROBE.min(last));
    // Sizes in front of this one are too large.
    let mut first = 0;
    let mut fits: Option<Took> = None;
    loop {
        let problem = match attempt(sizes[at])? {
            Trial::Took(bytes) if at == last || room.is_none_or(|room| bytes <= room) => {
                let took = Took { at, bytes };
                let larger = room.and_then(|room| {
                    let expected = |next: &usize| took.expected(fits, sizes, *next);
                    (first..at).find(|next| expected(next) <= room as f64)
                });
                match larger {
                    Some(larger) => {
                        (fits, at) = (Some(took), larger);
                        continue;
                    }
                    None => return Ok((sizes[at], bytes)),
                }
            }
            Trial::Took(bytes) => format!("it takes {bytes} bytes"),
            Trial::Failed(problem) => problem,
        };
        first = at + 1;
        match fits {
            Some(took) if took.at == first => return Ok((sizes[took.at], took.bytes)),
            _ if at == last => return Err(TrainError::NoRoom(problem)),
            _ => at = first,
        }
    }
}

/// What a size took, by its number.
#[derive(Clone, Copy)]
struct Took {
    at: usize,
    bytes: u64,
}

impl Took {
    /// The bytes that size number `next` should take: on the line through this and a smaller size. Without one, or if
    /// the line falls, as if all bytes were of the samples.
    fn expected(&self, smaller: Option<Self>, sizes: &[usize], next: usize) -> f64 {
        let size = |at: usize| sizes[at] as f64;
        let more = size(next) / size(self.at);
        let proportional = self.bytes as f64 * more;
        let Some(smaller) = smaller.filter(|smaller| smaller.bytes < self.bytes) else {
            return proportional;
        };
        let each = (self.bytes - smaller.bytes) as f64 / (size(self.at) - size(smaller.at));
        self.bytes as f64 + each * (size(next) - size(self.at))
    }
}

/// The bytes that steps in parts of `samples` take; two parts, since the second finds the gradients of the first in memory.
fn attempt<T: Task>(
    task: &T,
    setup: &Setup<'_, T>,
    samples: usize,
    gauge: &Gauge,
) -> Result<u64, TrainError> {
    let trial = setup.trial(task.clone());
    let device = trial.device.clone();
    let (mut weights, mut machine) = trial.into_machine(setup.config);
    let packer = Packer::new(task, 1, Some(samples));
    // As a checkpoint that is being written does.
    let held = weights.clone().duplicated();
    let steps = match (machine.works_in_place(), gauge.forgives()) {
        (true, _) => RECORDED,
        (false, true) => EAGER,
        (false, false) => 1,
    };
    for (step, batch) in (0..).zip(setup.batches().take(steps)) {
        let batch = batch?;
        let batch = match T::batch_len(&batch) > 2 * samples {
            true => T::split(batch, 2 * samples).swap_remove(0),
            false => batch,
        };
        let numbers = setup.numbers(machine.recipe(), step);
        let operands = Operands::upload(packer.pack(batch).whole(), &numbers, &device);
        let (next, made) = machine.step(weights, operands)?;
        made.read()?;
        weights = next;
    }
    // A recorded step gives its memory back when it is dropped.
    let taken = gauge.taken();
    drop((held, machine));
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a search finds, and the sizes it tries, where `fixed` and `each` sample take so many bytes, and more than
    /// `limit` bytes fail.
    fn searched(
        batch: usize,
        room: Option<u64>,
        limit: u64,
        [fixed, each]: [u64; 2],
    ) -> (Option<usize>, Vec<usize>) {
        let mut tried = Vec::new();
        let found = search(&sizes(batch), room, |size| {
            tried.push(size);
            let bytes = fixed + each * size as u64;
            Ok(match bytes <= limit {
                true => Trial::Took(bytes),
                false => Trial::Failed("out of memory".to_owned()),
            })
        });
        (found.ok().map(|(samples, _)| samples), tried)
    }

    #[test]
    fn sizes_are_halved_and_rounded_up() {
        assert_eq!(sizes(48), [48, 24, 12, 6, 3, 2, 1]);
        assert_eq!(sizes(1), [1]);
    }

    #[test]
    fn without_a_known_room_the_largest_comes_first() {
        assert_eq!(searched(64, None, 640, [0, 10]), (Some(64), vec![64]));
        let (found, tried) = searched(64, None, 200, [0, 10]);
        assert_eq!((found, tried), (Some(16), vec![64, 32, 16]));
        assert_eq!(searched(4, None, 5, [0, 10]), (None, vec![4, 2, 1]));
    }

    #[test]
    fn a_small_part_tells_what_larger_ones_take() {
        let (found, tried) = searched(64, Some(1000), 1000, [0, 10]);
        assert_eq!((found, tried), (Some(64), vec![4, 64]));
        let (found, tried) = searched(64, Some(200), 1000, [0, 10]);
        assert_eq!((found, tried), (Some(16), vec![4, 16]));
    }

    #[test]
    fn two_sizes_tell_what_does_not_grow_with_them() {
        let (found, tried) = searched(64, Some(400), 1000, [100, 4]);
        assert_eq!((found, tried), (Some(64), vec![4, 8, 64]));
        let (found, tried) = searched(64, Some(400), 1000, [100, 5]);
        assert_eq!((found, tried), (Some(32), vec![4, 8, 32]));
    }

    #[test]
    fn a_card_that_others_use_too_holds_less_than_its_size_says() {
        let (found, tried) = searched(64, Some(1000), 200, [0, 10]);
        assert_eq!((found, tried), (Some(16), vec![4, 64, 32, 16]));
        let (found, tried) = searched(64, Some(1000), 40, [0, 10]);
        assert_eq!((found, tried), (Some(4), vec![4, 64, 32, 16, 8]));
        let (found, tried) = searched(64, Some(1000), 15, [0, 10]);
        assert_eq!((found, tried), (Some(1), vec![4, 2, 1]));
    }

    #[test]
    fn the_smallest_part_is_kept_even_if_it_takes_more_than_its_share() {
        let (found, tried) = searched(64, Some(15), 1000, [10, 10]);
        assert_eq!((found, tried), (Some(1), vec![4, 2, 1]));
    }
}
