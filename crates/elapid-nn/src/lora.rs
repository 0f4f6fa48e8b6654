//! Low-rank adapters (arXiv:2106.09685), by burn's reparameterisation of parameters.
//!
//! A parameter W with an adapter is used as `W + alpha / rank · U V`. Its own number stays what and where it is; the factors are
//! parameters of their own, named `….lora.a` and `….lora.b`, so that optimiser, checkpoints and average take them for any
//! others. Every use of the parameter makes the sum anew, which costs a product of rank `rank` and, in training, a
//! gradient of W's size that is multiplied by the factors: adapters save moments and the size of what is trained, not time.

use burn::module::{LoraAdapter, Module, Param, Reparameterizer};
use burn::tensor::Tensor;

use crate::Init;

/// The module with adapters of rank `rank` on the matrices whose path `wanted` accepts, and how many those are. What it computes
/// is what it was: U starts at zero, V as PyTorch draws a linear map's weight.
///
/// W is `[out, in]`, as in every official checkpoint, U (`a`) `[out, rank]` and V (`b`) `[rank, in]`. All other parameters
/// are left alone, whether they are trained or not.
pub fn with_adapters<M: Module>(
    module: M,
    init: &mut Init,
    rank: usize,
    alpha: f64,
    wanted: impl Fn(&str) -> bool,
) -> (M, usize) {
    let mut count = 0;
    let module = module.apply_reparameterization(Adapters {
        init,
        rank,
        scale: alpha / rank as f64,
        wanted,
        count: &mut count,
    });
    (module, count)
}

/// The module with its adapters summed into the matrices they belong to: it computes the same up to rounding, has the parameters
/// that it had before, and so can be saved as an official checkpoint. Without adapters it is as it was.
pub fn merged<M: Module>(module: M) -> M {
    module.materialize()
}

struct Adapters<'a, F> {
    init: &'a mut Init,
    rank: usize,
    scale: f64,
    wanted: F,
    count: &'a mut usize,
}

impl<F: Fn(&str) -> bool> Reparameterizer for Adapters<'_, F> {
    type Reparam = LoraAdapter;

    fn reparameterize<const D: usize>(
        &mut self,
        path: &str,
        param: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<LoraAdapter>) {
        if D != 2 || !(self.wanted)(path) {
            return (param, None);
        }
        let dims = param.base().dims();
        let (outputs, inputs) = (dims[0], dims[1]);
        *self.count += 1;
        let adapter = LoraAdapter {
            a: self.init.constant([outputs, self.rank], 0.0),
            b: self.init.torch_default([self.rank, inputs], inputs),
            scale: self.scale,
        };
        (param, Some(adapter))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};

    use super::*;
    use crate::Linear;

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn adapters_begin_as_nothing_and_merge_to_the_same() {
        let device = Device::flex().autodiff();
        let linear = Linear::new(&mut Init::new(1, &device), 6, 4, true);
        let x = Tensor::<2>::ones([3, 6], &device);
        let before = linear.forward(x.clone());
        let is_weight = |path: &str| path == "weight";
        let (mut adapted, count) =
            with_adapters(linear, &mut Init::new(2, &device), 2, 8.0, is_weight);
        assert_eq!(count, 1);
        assert_eq!(values(adapted.forward(x.clone())), values(before.clone()));
        assert_eq!(adapted.num_params(), 4 * 6 + 4 + 2 * (4 + 6));

        // As training would have it: U is not zero any more.
        adapted = adapted.map(&mut Shift);
        let moved = adapted.forward(x.clone());
        assert_ne!(values(moved.clone()), values(before));
        let merged = merged(adapted);
        assert_eq!(merged.num_params(), 4 * 6 + 4);
        let merged = merged.forward(x).into_data();
        merged.assert_approx_eq::<f32>(&moved.into_data(), Tolerance::absolute(1e-5));
    }

    struct Shift;

    impl burn::module::ModuleMapper for Shift {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| (tensor + 0.25).detach().require_grad())
        }
    }

    #[test]
    fn factors_are_drawn_on_the_host_in_order() {
        let drawn = |device: Device| {
            let linear = Linear::new(&mut Init::new(1, &device), 6, 4, false);
            let mut init = Init::new(2, &device);
            let (adapted, _) = with_adapters(linear, &mut init, 2, 2.0, |_| true);
            let adapter = adapted.weight.adapter().unwrap();
            (values(adapter.a.val()), values(adapter.b.val()))
        };
        let (a, b) = drawn(Device::flex());
        assert_eq!((a, b.clone()), drawn(Device::flex().autodiff()));
        assert!(b.iter().all(|value| value.abs() < 1.0 / 6_f32.sqrt()));
    }
}
