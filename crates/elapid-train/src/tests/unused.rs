//! What a step computes without need.

use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::toy::{Hits, config};
use crate::step::{Numbers, Operands, Recipe, Weights};
use crate::{Inputs, Noise, Packer, Packing, StepKey, Task};

/// The loss depends on one parameter, and much is computed from another that leads nowhere.
#[derive(Module, Debug)]
struct Wasteful {
    used: Param<Tensor<1>>,
    unused: Param<Tensor<1>>,
}

impl Task for Wasteful {
    type Batch = ();
    type Tally = Hits;

    fn packing(&self) -> Packing<()> {
        Arc::new(|()| Vec::new())
    }

    fn loss(&self, _: &Inputs, _: &Noise) -> Tensor<1> {
        for _ in 0..40 {
            drop(self.unused.val() * 2.0);
        }
        self.used.val().powi_scalar(2).sum()
    }

    fn tally(&self) -> Hits {
        Hits::default()
    }

    fn observe(&self, (): &(), _: &Device, _: &mut Hits) {}

    fn batch_len((): &()) -> usize {
        1
    }

    fn split((): (), _: usize) -> Vec<()> {
        vec![()]
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Autodiff keeps what hangs on a parameter for as long as there is the parameter; it used to look through all of it after every step.
#[test]
fn steps_do_not_slow_down_by_what_leads_nowhere() {
    let device = Device::flex().autodiff();
    let ones = || Param::from_tensor(Tensor::ones([4], &device).require_grad());
    let task = Wasteful {
        used: ones(),
        unused: ones(),
    };
    let settings = config(400);
    let recipe = Recipe::new(&settings, &[]);
    let mut weights = Weights::new(task, &settings, &device);
    let packer = Packer::new(&weights.task, 1, None);
    let mut times = Vec::new();
    for step in 0..400 {
        let numbers = Numbers {
            key: StepKey::new(0, step),
            table: recipe.numbers([0.1, 0.0], step, |step| step),
        };
        let operands = Operands::upload(packer.pack(()).whole(), &numbers, &device);
        let started = Instant::now();
        (weights, _) = recipe.make(weights, &operands).unwrap();
        times.push(started.elapsed());
    }
    let (first, last) = (times[20..60].to_vec(), times[360..].to_vec());
    let (first, last) = (median(first), median(last));
    assert!(last < 5 * first, "{first:?} became {last:?}");
}
