//! The step in plain tensor operations.

use burn::tensor::Tensor;

use super::{AdamWOptions, Dials};

/// See [`adamw`](super::adamw); never in place.
pub fn adamw<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    [first, second]: [Tensor<D>; 2],
    dials: Dials,
    options: AdamWOptions,
) -> (Tensor<D>, [Tensor<D>; 2]) {
    let (dtype, moment) = (parameter.dtype(), first.dtype());
    let dial = |index: usize| {
        let at = dials.first + index;
        let number = dials.table.clone().slice(at..at + 1);
        number.reshape([1; D]).cast(moment)
    };
    let scale = dials.grad_scale.clone().reshape([1; D]).cast(moment);
    let is_made = scale.clone().lower_elem(0.0).bool_not();
    let chosen = |old: Tensor<D>, new: Tensor<D>| {
        let is_made = is_made.clone().expand(old.dims());
        old.mask_where(is_made, new)
    };
    let gradient = gradient.cast(moment) * scale;
    let mix = |old: Tensor<D>, new: Tensor<D>, beta: f32| old * beta + new * (1.0 - beta);
    let new_first = mix(first.clone(), gradient.clone(), options.beta_1);
    let new_second = mix(second.clone(), gradient.square(), options.beta_2);
    let root = new_second.clone().sqrt() / dial(2) + options.epsilon;
    let stepped = parameter.clone().cast(moment) * dial(0) - new_first.clone() / root * dial(1);
    let parameter = chosen(parameter, stepped.cast(dtype));
    (
        parameter,
        [chosen(first, new_first), chosen(second, new_second)],
    )
}
