//! Exponential moving average of the weights.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// A copy of the weights that follows them slowly: `average ← d · average + (1 − d) · weights` after every step,
/// with `d = min(decay, (1 + step) / (10 + step))`, so that the first steps, whose weights are worth little, are
/// soon forgotten (as `ExponentialMovingAverage` of TensorFlow and timm's `ModelEmaV3` with warm-up have it).
///
/// It is evaluated in place of the weights.
#[derive(Clone, Debug)]
pub(crate) struct Average<M> {
    module: M,
    decay: f64,
}

impl<M: Module> Average<M> {
    /// An average that starts at these weights.
    pub(crate) fn new(module: &M, decay: f64) -> Self {
        Self {
            module: module.clone().valid(),
            decay,
        }
    }

    /// Takes in the weights after step `step`, counted from 0.
    pub(crate) fn follow(self, module: &M, step: u64) -> Self {
        let mut current = Collected(GradientsParams::new());
        module.clone().valid().visit(&mut current);
        let warm = (1.0 + step as f64) / (10.0 + step as f64);
        let mut blend = Blend {
            current: current.0,
            keep: self.decay.min(warm),
        };
        Self {
            module: self.module.map(&mut blend),
            ..self
        }
    }

    /// The averaged weights.
    pub(crate) fn module(&self) -> &M {
        &self.module
    }
}

/// Tensors by parameter. Burn's container of gradients is one of any tensors.
struct Collected(GradientsParams);

impl ModuleVisitor for Collected {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.register(param.id, param.val());
    }
}

struct Blend {
    current: GradientsParams,
    keep: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.current.remove::<D>(param.id) {
            Some(current) => {
                let keep = self.keep;
                param.map(|average| average * keep + current * (1.0 - keep))
            }
            None => param,
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[derive(Module, Debug)]
    struct One {
        weight: Param<Tensor<1>>,
    }

    #[test]
    fn average_follows_by_the_formula() {
        let device = Device::flex().autodiff();
        let mut one = One {
            weight: Param::from_tensor(Tensor::<1>::from_floats([1.0], &device).require_grad()),
        };
        let mut average = Average::new(&one, 0.5);
        let mut expected = 1.0;
        for step in 0..20_u64 {
            let value = (step * step) as f64;
            one.weight = one
                .weight
                .map(|_| Tensor::from_floats([value as f32], &device));
            average = average.follow(&one, step);
            let keep = (1.0 + step as f64) / (10.0 + step as f64);
            let keep = keep.min(0.5);
            expected = keep * expected + (1.0 - keep) * value;
        }
        let found = f64::from(average.module().weight.val().into_scalar::<f32>());
        assert!((found - expected).abs() < 1e-3, "{found} is not {expected}");
    }
}
