//! What a step changes.

use burn::module::{ModuleMapper, Param};
use burn::tensor::{Device, Tensor};
use elapid_kernels::buffers::{duplicate, overwrite};
use elapid_kernels::group;

use crate::optim::{Pool, Scaler, taken};
use crate::{Task, TrainConfig, TrainError};

/// The weights, and what follows them from step to step.
#[derive(Clone, Debug)]
pub(crate) struct Weights<T> {
    /// The task, on an autodiff device.
    pub(crate) task: T,
    /// The optimiser's moments: modules of the same form, outside autodiff.
    pub(crate) moments: Vec<T>,
    /// The averaged weights, where the settings ask for them, outside autodiff.
    pub(crate) average: Option<T>,
    /// What losses are multiplied by, where the settings ask for it.
    pub(crate) scaler: Option<Scaler>,
}

impl<T: Task> Weights<T> {
    /// Weights before their first step, with moments of zeros.
    pub(crate) fn new(task: T, config: &TrainConfig, device: &Device) -> Self {
        let plain = task.clone().valid();
        let device = device.clone().inner();
        Self {
            scaler: config.loss_scaling.then(|| Scaler::new(&device)),
            moments: (0..config.method.moments())
                .map(|_| plain.clone().map(&mut Zeros))
                .collect(),
            average: config.ema.map(|_| plain),
            task,
        }
    }

    /// What to evaluate: the averaged weights, where there are such.
    pub(crate) fn evaluated(&self) -> &T {
        self.average.as_ref().unwrap_or(&self.task)
    }

    /// The same on the autodiff device `device`, through main memory.
    ///
    /// # Errors
    ///
    /// [`TrainError::Device`] if a number could not be read.
    pub(crate) fn copied(&self, device: &Device) -> Result<Self, TrainError> {
        let plain = device.clone().inner();
        let mut copied = Copied {
            device: &plain,
            failed: None,
        };
        let mut copy = |module: &T| module.clone().map(&mut copied);
        let task = copy(&self.task);
        let moments = self.moments.iter().map(&mut copy).collect();
        let average = self.average.as_ref().map(&mut copy);
        if let Some(problem) = copied.failed {
            return Err(TrainError::Device(problem));
        }
        let scaler = self.scaler.as_ref().map(|scaler| {
            let copy = group::copied(scaler.0.clone(), &plain)?;
            Ok(Scaler(copy))
        });
        Ok(Self {
            task,
            moments,
            average,
            scaler: scaler.transpose().map_err(TrainError::Device)?,
        })
    }

    /// A copy in memory of its own, in which every tensor is row-major and without gaps.
    pub(crate) fn duplicated(self) -> Self {
        let copy = |module: T| module.map(&mut Duplicated);
        Self {
            task: copy(self.task),
            moments: self.moments.into_iter().map(copy).collect(),
            average: self.average.map(copy),
            scaler: self.scaler.map(|scaler| Scaler(duplicate(scaler.0))),
        }
    }

    /// The memory of these with the numbers of others in it.
    pub(crate) fn overwritten(self, others: Self) -> Self {
        let write = |target: T, other: T| {
            let (_, pool) = taken(other.valid());
            target.map(&mut Overwritten(pool))
        };
        let moments = self.moments.into_iter().zip(others.moments);
        let average = self.average.zip(others.average);
        let scaler = self.scaler.zip(others.scaler);
        Self {
            task: write(self.task, others.task),
            moments: moments
                .map(|(target, other)| write(target, other))
                .collect(),
            average: average.map(|(target, other)| write(target, other)),
            scaler: scaler.map(|(target, other)| Scaler(overwrite(&target.0, other.0))),
        }
    }
}

struct Zeros;

impl ModuleMapper for Zeros {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.zeros_like())
    }
}

struct Copied<'a> {
    device: &'a Device,
    /// What went wrong first.
    failed: Option<String>,
}

impl ModuleMapper for Copied<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        replaced(param, |tensor| {
            group::copied(tensor.clone(), self.device).unwrap_or_else(|problem| {
                self.failed.get_or_insert(problem);
                tensor
            })
        })
    }
}

struct Duplicated;

impl ModuleMapper for Duplicated {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        replaced(param, duplicate)
    }
}

struct Overwritten(Pool);

impl ModuleMapper for Overwritten {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.0.remove::<D>(param.id) {
            Some(value) => replaced(param, |target| overwrite(&target, value)),
            None => param,
        }
    }
}

/// The parameter with another tensor, as trainable and as tracked as it was.
pub(crate) fn replaced<const D: usize>(
    param: Param<Tensor<D>>,
    with: impl FnOnce(Tensor<D>) -> Tensor<D>,
) -> Param<Tensor<D>> {
    let (id, tensor, mapper) = param.consume();
    let is_trained = tensor.is_require_grad();
    let is_tracked = tensor.device().is_autodiff();
    let tensor = with(tensor.inner());
    let tensor = match is_tracked {
        true => Tensor::from_inner(tensor),
        false => tensor,
    };
    let tensor = match is_trained {
        true => tensor.require_grad(),
        false => tensor,
    };
    Param::from_mapped_value(id, tensor, mapper)
}
