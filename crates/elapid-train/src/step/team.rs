//! Steps of several devices together.
//!
//! Every device holds the same weights and gets a share of each batch. The sums of losses and gradients over the devices
//! are the same bits on each, so all of them make the same update and their weights stay the same.
//!
//! One thread drives them all, since what it asks for is carried out in its absence: where steps are recorded, it starts
//! two graphs a device, up to the gradients and from there on. The sum in between is no part of a graph, because the devices
//! would have to be recorded at the same time, and is a small part of a step.

use burn::tensor::{Device, Tensor};
use elapid_kernels::buffers::overwrite;
use elapid_kernels::graph::{self, Graph};
use elapid_kernels::group::Group;

use super::forms::{Attempt, Forms, Turn};
use super::recipe::gradients;
use super::row::Places;
use super::{Made, Operands, Recipe, Weights};
use crate::optim::Scaler;
use crate::{Task, TrainError};

/// Makes steps on several devices by one recipe.
pub(crate) struct Team<T: Task> {
    recipe: Recipe,
    /// With autodiff.
    devices: Vec<Device>,
    group: Group,
    /// Weights of all devices but the first, whose are given and returned with every step.
    others: Vec<Weights<T>>,
    /// Is known from the first step on.
    places: Option<Places>,
    /// The row of every device where it is written in place, since then. Otherwise rows of zeros.
    rows: Vec<Tensor<1>>,
    forms: Forms<Vec<Recording>>,
    message: Option<String>,
}

/// The recorded step of one device, and what it reads and leaves.
struct Recording {
    gradients: Graph,
    update: Graph,
    operands: Operands,
    made: Made,
}

/// What a device has after an update, and the recording of it or why there is none.
struct Updated<T> {
    weights: Weights<T>,
    made: Made,
    recorded: Result<(Graph, Made), String>,
}

impl<T: Task> Team<T> {
    /// The team of several autodiff devices, the first of which holds `weights`. Records steps if `graphs` is set and all
    /// devices can.
    ///
    /// # Errors
    ///
    /// [`TrainError::Device`] if the weights could not be copied.
    pub(crate) fn new(
        recipe: Recipe,
        devices: Vec<Device>,
        graphs: bool,
        weights: &Weights<T>,
    ) -> Result<Self, TrainError> {
        let in_place = graphs && devices.iter().all(graph::is_supported);
        let others = devices[1..].iter().map(|device| {
            let copy = weights.copied(device)?;
            Ok(match in_place {
                true => copy.duplicated(),
                false => copy,
            })
        });
        let others = others.collect::<Result<_, TrainError>>()?;
        let group = Group::new(&devices);
        Ok(Self {
            recipe: recipe.in_place(in_place),
            devices,
            message: group.remark().map(str::to_owned),
            group,
            others,
            places: None,
            rows: Vec::new(),
            forms: Forms::new(),
        })
    }

    pub(crate) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    pub(crate) fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// Weights of all devices but the first.
    #[cfg(test)]
    pub(crate) fn others(&self) -> &[Weights<T>] {
        &self.others
    }

    /// Changes what is trained of all weights but the first device's, and forgets what was recorded.
    pub(crate) fn thaw(&mut self, thaw: impl Fn(T) -> T) {
        self.forms.clear();
        self.places = None;
        self.rows.clear();
        let others = std::mem::take(&mut self.others).into_iter();
        let thawed = others.map(|weights| Weights {
            task: thaw(weights.task),
            ..weights
        });
        self.others = thawed.collect();
    }

    /// Whether the next step of such a batch is recorded, which nothing else may disturb on the devices.
    pub(crate) fn is_about_to_record(&self, operands: &[Operands]) -> bool {
        let signatures: Vec<_> = operands.iter().map(Operands::signature).collect();
        self.forms.is_about_to_record(&signatures)
    }

    /// What there is to say since it was asked last.
    pub(crate) fn take_message(&mut self) -> Option<String> {
        self.message.take()
    }

    /// One step: `weights` are those of the first device, `operands` those of every device.
    ///
    /// # Errors
    ///
    /// [`TrainError::NothingToTrain`] if the loss depends on no parameter, [`TrainError::Device`] if a device fails.
    pub(crate) fn step(
        &mut self,
        weights: Weights<T>,
        operands: Vec<Operands>,
    ) -> Result<(Weights<T>, Made), TrainError> {
        let mut all = vec![weights];
        all.append(&mut self.others);
        let signatures = operands.iter().map(Operands::signature).collect();
        let turn = match self.recipe.is_in_place() {
            true => self.forms.turn(signatures),
            false => Turn::Make,
        };
        let (mut all, made) = match turn {
            Turn::Make => self.make(all, &operands)?,
            Turn::Record(attempt) => self.record(attempt, all, operands)?,
            Turn::Replay(recordings) => {
                let made = replay(recordings, &operands, &self.group, &self.rows)?;
                (all, made)
            }
        };
        self.others = all.split_off(1);
        let first = all.pop().expect("the first device's weights are left");
        Ok((first, made))
    }

    /// Makes a step one operation at a time.
    fn make(
        &mut self,
        all: Vec<Weights<T>>,
        operands: &[Operands],
    ) -> Result<(Vec<Weights<T>>, Made), TrainError> {
        let mut rows = Vec::with_capacity(all.len());
        for (member, (weights, operands)) in all.iter().zip(operands).enumerate() {
            rows.push(self.row(member, weights, operands)?);
        }
        let rows = summed(&self.group, rows, self.recipe.is_in_place())?;
        self.wait()?;
        let members = all.into_iter().zip(rows.iter().zip(operands));
        let updated = members.map(|(weights, (row, operands))| self.update(weights, row, operands));
        let (all, made): (Vec<_>, Vec<_>) = updated.unzip();
        Ok((all, of_first(made)))
    }

    /// Loss and gradients of one device's share, in a row.
    fn row(
        &mut self,
        member: usize,
        weights: &Weights<T>,
        operands: &Operands,
    ) -> Result<Tensor<1>, TrainError> {
        let task = &weights.task;
        let loss_scale = weights.scaler.as_ref().map(Scaler::scale);
        let found = match operands.parts.is_empty() {
            true => None,
            false => Some(gradients(task, operands, loss_scale.as_ref(), &mut |_| {})?),
        };
        let in_place = self.recipe.is_in_place();
        let places = match (&mut self.places, &found) {
            (Some(places), _) => places,
            (places, Some((_, gradients))) => places.insert(Places::of(task, gradients, in_place)),
            // The first device always has samples, if there are any.
            (None, None) => return Err(TrainError::NothingToTrain),
        };
        if self.rows.len() == member {
            self.rows.push(places.zeros(&operands.numbers.device()));
        }
        Ok(places.filled(&self.rows[member], task, found))
    }

    /// What follows from a row of sums.
    fn update(
        &self,
        weights: Weights<T>,
        row: &Tensor<1>,
        operands: &Operands,
    ) -> (Weights<T>, Made) {
        let places = self.places.as_ref().expect("a row was filled before");
        let (loss, gradients) = places.read(row, &weights.task);
        self.recipe
            .update(weights, loss, gradients, &operands.numbers)
    }

    /// Makes a step, and records the same one for those that follow. Devices are recorded one after the other, while the
    /// others have nothing to do: some calls would spoil a recording on another device.
    fn record(
        &mut self,
        attempt: Attempt,
        all: Vec<Weights<T>>,
        operands: Vec<Operands>,
    ) -> Result<(Vec<Weights<T>>, Made), TrainError> {
        let mut graphs = Vec::with_capacity(all.len());
        for (member, (weights, operands)) in all.iter().zip(&operands).enumerate() {
            match self.record_row(attempt, member, weights, operands)? {
                Ok(graph) => graphs.push(graph),
                Err(problem) => {
                    // A row that was to be written is unusable now.
                    self.rows.clear();
                    self.message = self.forms.refuse(attempt, &problem);
                    break;
                }
            }
        }
        if graphs.len() < all.len() {
            return self.make(all, &operands);
        }
        let rows = summed(&self.group, self.rows.clone(), true)?;
        let (mut weights, mut made) = (Vec::new(), Vec::new());
        let (mut recordings, mut problem) = (Vec::new(), None);
        let members = all.into_iter().zip(operands).zip(rows.iter().zip(graphs));
        for ((own, operands), (row, gradients)) in members {
            let updated = self.record_update(attempt, own, row, &operands)?;
            weights.push(updated.weights);
            made.push(updated.made);
            match updated.recorded {
                Ok((update, made)) => recordings.push(Recording {
                    gradients,
                    update,
                    operands,
                    made,
                }),
                Err(error) => problem = Some(error),
            }
        }
        match problem {
            None => self.forms.keep(attempt, recordings),
            Some(problem) => self.message = self.forms.refuse(attempt, &problem),
        }
        Ok((weights, of_first(made)))
    }

    /// Fills a device's row, and records that; the inner error is that it could not be recorded.
    fn record_row(
        &mut self,
        attempt: Attempt,
        member: usize,
        weights: &Weights<T>,
        operands: &Operands,
    ) -> Result<Result<Graph, String>, TrainError> {
        self.wait()?;
        let device = self.devices[member].clone();
        match graph::warm(&device, || self.row(member, weights, operands)) {
            Ok(row) => drop(row?),
            Err(problem) => return Ok(Err(problem)),
        }
        self.wait()?;
        graph::leave_room(&device, attempt.number);
        match graph::record(&device, || self.row(member, weights, operands)) {
            Ok((graph, row)) => row.map(|_| Ok(graph)),
            Err(problem) => Ok(Err(problem)),
        }
    }

    /// Updates a device's weights, and records that.
    fn record_update(
        &self,
        attempt: Attempt,
        weights: Weights<T>,
        row: &Tensor<1>,
        operands: &Operands,
    ) -> Result<Updated<T>, TrainError> {
        self.wait()?;
        let device = operands.key.device();
        // See `graphs.rs` for what the copy is there for, and why so early.
        let copy = weights.clone().duplicated();
        let warm = graph::warm(&device, || self.update(weights.clone(), row, operands));
        let (weights, made) = match warm {
            Ok(updated) => updated,
            Err(problem) => {
                let (weights, made) = self.update(weights, row, operands);
                let recorded = Err(problem);
                return Ok(Updated {
                    weights,
                    made,
                    recorded,
                });
            }
        };
        let made = made.duplicated();
        let copy = copy.overwritten(weights.clone());
        self.wait()?;
        graph::leave_room(&device, attempt.number);
        let (weights, recorded) =
            match graph::record(&device, || self.update(weights, row, operands)) {
                Ok((graph, (weights, made))) => (weights, Ok((graph, made))),
                Err(problem) => (copy, Err(problem)),
            };
        Ok(Updated {
            weights,
            made,
            recorded,
        })
    }

    /// Waits for all devices.
    fn wait(&self) -> Result<(), TrainError> {
        let mut synced = self.devices.iter().map(Device::sync);
        synced
            .try_for_each(|outcome| outcome)
            .map_err(|error| TrainError::Device(error.to_string()))
    }
}

/// Makes the recorded step with other operands. All devices are told what to do before any is waited for.
fn replay(
    recordings: &mut [Recording],
    operands: &[Operands],
    group: &Group,
    rows: &[Tensor<1>],
) -> Result<Made, TrainError> {
    let mut written = Vec::with_capacity(recordings.len());
    for (recording, operands) in recordings.iter().zip(operands) {
        written.push(recording.operands.overwrite(operands));
        start(&recording.gradients)?;
    }
    let sums = summed(group, rows.to_vec(), true)?;
    for recording in recordings.iter() {
        start(&recording.update)?;
    }
    drop((written, sums));
    // The next replay writes there again.
    Ok(recordings[0].made.clone().duplicated())
}

fn start(graph: &Graph) -> Result<(), TrainError> {
    // SAFETY: only called from `replay`, with graphs of a team. Its recordings hold the operands and the results, it holds
    // the rows and the weights of all devices but the first, and the session those; weights are replaced only by those of a later
    // step, in the same memory, and other threads get copies.
    #[allow(unsafe_code)]
    let outcome = unsafe { graph.replay() };
    outcome.map_err(TrainError::Device)
}

/// The sums of rows over all devices, in the memory of the rows if they are to be written `in_place`.
fn summed(
    group: &Group,
    rows: Vec<Tensor<1>>,
    in_place: bool,
) -> Result<Vec<Tensor<1>>, TrainError> {
    if !in_place {
        return group.sum(rows).map_err(TrainError::Device);
    }
    let sums = group.sum(rows.clone()).map_err(TrainError::Device)?;
    let sums = rows.iter().zip(sums);
    Ok(sums.map(|(row, sum)| overwrite(row, sum)).collect())
}

/// Loss and norm are the same on all devices.
fn of_first(mut made: Vec<Made>) -> Made {
    made.swap_remove(0)
}
