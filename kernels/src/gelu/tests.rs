//! The operator = burn's, and the formula in 64 bits.

use burn::tensor::{DType, Device, Tensor, activation};

use super::gelu;
use crate::testing::{Named, Numbers, assert_all_close};

fn results(shape: [usize; 3], operator: fn(Tensor<3>) -> Tensor<3>) -> Named {
    let mut numbers = Numbers::new(1);
    let device = Device::flex().autodiff();
    let mut tensor = || Tensor::<3>::from_data(numbers.normal(shape), (&device, DType::F32));
    let (x, factors) = (tensor().require_grad(), tensor());
    // A view with strides of its own.
    let y = operator((x.clone() * 3.0).swap_dims(0, 1)).swap_dims(0, 1);
    let grads = (y.clone() * factors).sum().backward();
    vec![
        ("y", y.into_data()),
        ("dx", x.grad(&grads).unwrap().into_data()),
    ]
}

#[test]
fn equals_burns() {
    for shape in [[1, 1, 1], [3, 5, 7], [2, 33, 16], [7, 100, 67]] {
        let expected = results(shape, activation::gelu);
        assert_all_close(
            &results(shape, gelu),
            &expected,
            1e-6,
            2e-6,
            &format!("{shape:?}"),
        );
    }
}

#[test]
fn far_from_zero() {
    let x = Tensor::<1>::from_data([-40.0, -12.0, 0.0, 12.0, 40.0], &Device::flex());
    let y = gelu(x).into_data().try_to_vec::<f32>().unwrap();
    assert_eq!(y[2..], [0.0, 12.0, 40.0]);
    assert!(y[..2].iter().all(|y| y.abs() < 1e-5), "{y:?}");
    let x = Tensor::<1>::from_data([f32::NAN], &Device::flex());
    assert!(gelu(x).into_scalar::<f32>().is_nan());
}
