//! Tensors of any rank, by parameter.

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Tensors by parameter. Burn's container of gradients is one of any tensors.
pub(crate) type Pool = GradientsParams;

/// The parameters of a module, outside autodiff, and what is left of the module: its form, without numbers.
pub(crate) fn taken<M: Module>(module: M) -> (M, Pool) {
    let mut take = Take {
        pool: Pool::new(),
        anything: None,
    };
    let form = module.map(&mut take);
    (form, take.pool)
}

/// The module, with the parameters that `pool` holds.
pub(crate) fn filled<M: Module>(form: M, pool: Pool) -> M {
    form.map(&mut Fill(pool))
}

struct Take {
    pool: Pool,
    /// What is left in the place of a parameter, `[1]`. On GPUs empty tensors would take a page each, for which a recorded step may
    /// have no room.
    anything: Option<Tensor<1>>,
}

impl ModuleMapper for Take {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id = param.id;
        param.map(|tensor| {
            let device = tensor.device();
            let anything = (self.anything).get_or_insert_with(|| Tensor::empty([1], &device));
            self.pool.register(id, tensor.inner());
            anything.clone().reshape([1; D])
        })
    }
}

struct Fill(Pool);

impl ModuleMapper for Fill {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.0.remove::<D>(param.id) {
            Some(tensor) => param.map(|_| tensor),
            None => param,
        }
    }
}
