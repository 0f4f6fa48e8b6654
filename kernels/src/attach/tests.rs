use burn::tensor::{DType, Tensor, TensorData};

use super::attach;
use crate::testing::{assert_close, device};

fn row(values: &[f32], device: &burn::tensor::Device) -> Tensor<1> {
    Tensor::from_data(
        TensorData::new(values.to_vec(), [values.len()]),
        (device, DType::F32),
    )
}

/// Two attached gradients, one of them twice, weighted by what the loss makes of the term.
#[test]
fn equals_the_product_with_nothing() {
    let device = device().autodiff();
    let run = |attach: fn(Tensor<1>, Tensor<1>, Tensor<1>) -> Tensor<1>| {
        let term = row(&[2.0], &device).require_grad();
        let x = row(&[5.0, -1.0, 0.5], &device).require_grad();
        let other = row(&[7.0], &device).require_grad();
        let y = attach(term.clone(), x.clone(), row(&[1.0, 2.0, 3.0], &device));
        let y = attach(y, other.clone(), row(&[-4.0], &device));
        let y = attach(y, x.clone(), row(&[0.5, 0.5, 0.0], &device));
        let loss = y.clone() * y * 0.25 + x.clone().sum();
        let grads = loss.backward();
        let of = |x: &Tensor<1>| x.grad(&grads).unwrap().into_data();
        [loss.into_data(), of(&term), of(&x), of(&other)]
    };
    let attached = run(attach);
    let plain =
        run(|term, x, gradient| term + ((x.clone() - x.detach()) * gradient.detach()).sum());
    for (got, expected) in attached.iter().zip(&plain) {
        assert_close(got, expected, 1e-6, 0.0, "attached");
    }
}

#[test]
fn constants_stay_constants() {
    for device in [device(), device().autodiff()] {
        let one = row(&[1.0], &device);
        let y = attach(one.clone(), one.clone(), one);
        assert!(!y.is_require_grad() && y.into_scalar::<f32>() == 1.0);
    }
}

#[test]
#[should_panic(expected = "attach: `gradient` is [1], expected [2]")]
fn wrong_shapes_are_named() {
    let row = |values| row(values, &device());
    attach(row(&[0.0]), row(&[0.0, 0.0]), row(&[0.0]));
}
