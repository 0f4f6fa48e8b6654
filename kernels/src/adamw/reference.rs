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
    let gradient = gradient.cast(moment) * scale;
    let mix = |old: Tensor<D>, new: Tensor<D>, beta: f32| old * beta + new * (1.0 - beta);
    let first = mix(first, gradient.clone(), options.beta_1);
    let second = mix(second, gradient.square(), options.beta_2);
    let root = second.clone().sqrt() / dial(2) + options.epsilon;
    let parameter = parameter.cast(moment) * dial(0) - first.clone() / root * dial(1);
    (parameter.cast(dtype), [first, second])
}
