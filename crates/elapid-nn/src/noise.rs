//! Random numbers of one training step.

use burn::module::Param;
use burn::tensor::{DType, Int, Tensor};
use elapid_kernels::attach::attach;
use elapid_kernels::random::{self, random_key};

use crate::Probe;

/// What a training pass carries through the layers: it draws the masks of drop path and dropout, in the order of the
/// layers, brings along a [`Probe`] if somebody watches, and takes home what batch norms saw. An evaluation needs none,
/// but [one that is watched](Self::in_evaluation).
///
/// Masks follow from a key in device memory and the number of the draw, so a resumed run draws what the uninterrupted one
/// would have, and a step that was recorded as a graph draws anew whenever it is repeated with another key.
#[derive(Debug)]
pub struct Noise<'a> {
    key: Tensor<1, Int>,
    next_draw: u32,
    probe: Option<&'a mut dyn Probe>,
    statistics: Option<Tensor<1>>,
    trains: bool,
}

impl<'a> Noise<'a> {
    /// The noise of a key, from [`random_key`]; draws are numbered from `first_draw`. Nobody watches.
    pub fn new(key: Tensor<1, Int>, first_draw: u32) -> Self {
        Self {
            key,
            next_draw: first_draw,
            probe: None,
            statistics: None,
            trains: true,
        }
    }

    /// The noise of a seed.
    pub fn seeded(seed: u64, device: &burn::tensor::Device) -> Self {
        Self::new(random_key(seed, device), 0)
    }

    /// The same draws, watched by `probe`.
    pub fn watched_by(self, probe: &'a mut dyn Probe) -> Self {
        Self {
            probe: Some(probe),
            ..self
        }
    }

    /// For an evaluation that is watched: nothing is drawn, and batch norms go by their running statistics, so that layers
    /// compute what they do without noise.
    pub fn in_evaluation(self) -> Self {
        Self {
            trains: false,
            ..self
        }
    }

    /// Whether the pass is one of training.
    pub(crate) fn trains(&self) -> bool {
        self.trains
    }

    /// Whether somebody watches.
    pub fn is_watched(&self) -> bool {
        self.probe.is_some()
    }

    /// Who watches.
    pub(crate) fn probe<'b>(&'b mut self) -> Option<&'b mut (dyn Probe + 'a)> {
        self.probe.as_deref_mut()
    }

    /// Factors, each 0 with probability `rate` and `1 / (1 − rate)` otherwise, 32-bit.
    pub(crate) fn keep_factors<const D: usize>(
        &mut self,
        shape: [usize; D],
        rate: f64,
    ) -> Tensor<D> {
        let draw = self.next_draw;
        self.next_draw = draw.wrapping_add(1);
        random::keep_factors(&self.key, draw, shape, rate)
    }

    /// Takes note of a batch's statistic, `[C]` and 32-bit, which `running` is to follow.
    pub(crate) fn track(&mut self, running: &Param<Tensor<1>>, seen: Tensor<1>) {
        let running = running.val();
        let nothing = || Tensor::zeros([1], (&running.device(), DType::F32));
        let term = self.statistics.take().unwrap_or_else(nothing);
        self.statistics = Some(attach(term, running, seen));
    }

    /// What has to be added to the loss for running statistics to follow those of the batch, shape `[1]`: zero, with
    /// the batch's statistics as gradients with respect to the running ones. `None` where there are none.
    pub fn statistics(&mut self) -> Option<Tensor<1>> {
        self.statistics.take()
    }
}
