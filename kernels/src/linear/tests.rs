//! The operator = burn's product, in the output and both gradients.

use burn::tensor::{DType, Device, Tensor};

use super::{linear, reference};
use crate::testing::{Named, Numbers, assert_all_close, device, half_types, poison, product_error};

type Operator = fn(Tensor<3>, Tensor<2>) -> Tensor<3>;

/// Batch, length, inputs, outputs.
type Sizes = [usize; 4];

/// Sums over few and many rows, in one part, in equal parts, and with a rest; widths that vectors fit and do not.
const SIZES: [Sizes; 9] = [
    [1, 1, 1, 1],
    [2, 3, 5, 7],
    [1, 64, 64, 64],
    [3, 67, 12, 96],
    [3, 67, 96, 12],
    [2, 513, 44, 40],
    [4, 512, 192, 48],
    [5, 1000, 24, 66],
    [8, 1031, 33, 17],
];

/// Output, and the gradients of a weighted sum of it.
fn results([b, l, k, n]: Sizes, operator: Operator, dtype: DType, device: &Device) -> Named {
    let mut numbers = Numbers::new(5);
    let device = device.clone().autodiff();
    let x = Tensor::<3>::from_data(numbers.normal([b, l, k]), (&device, dtype)).require_grad();
    let bound = (k as f64).powf(-0.5);
    let weight = numbers.uniform([n, k], -bound, bound);
    let weight = Tensor::<2>::from_data(weight, (&device, DType::F32)).require_grad();
    let factors = Tensor::<3>::from_data(numbers.normal([b, l, n]), (&device, dtype));
    poison(&device);
    let y = operator(x.clone(), weight.clone());
    let grads = (y.clone() * factors).sum().backward();
    vec![
        ("y", y.into_data()),
        ("dx", x.grad(&grads).unwrap().into_data()),
        ("dw", weight.grad(&grads).unwrap().into_data()),
    ]
}

#[test]
fn equals_the_plain_product() {
    for sizes in SIZES {
        let expected = results(sizes, reference::linear, DType::F32, &Device::flex());
        let got = results(sizes, linear, DType::F32, &device());
        let error = product_error();
        assert_all_close(&got, &expected, error, error, &format!("{sizes:?}"));
    }
}

#[test]
fn half_precision_is_the_rounded_32_bit_product() {
    for (dtype, error) in half_types() {
        for sizes in SIZES.into_iter().step_by(2) {
            let expected = results(sizes, reference::linear, DType::F32, &Device::flex());
            let got = results(sizes, linear, dtype, &device());
            assert_eq!(got[2].1.dtype(), DType::F32, "masters keep their precision");
            let wide = got.into_iter();
            let got = wide
                .map(|(n, data)| (n, data.convert_dtype(DType::F32)))
                .collect();
            assert_all_close(
                &got,
                &expected,
                error,
                error,
                &format!("{sizes:?} in {dtype:?}"),
            );
        }
    }
}

#[test]
fn gradients_are_the_same_in_every_run() {
    let run = || results([5, 1000, 24, 66], linear, DType::F32, &device());
    assert_eq!(run(), run());
}

#[test]
fn any_number_of_leading_axes() {
    let device = device();
    let mut numbers = Numbers::new(2);
    let x = Tensor::<4>::from_data(numbers.normal([2, 3, 4, 5]), (&device, DType::F32));
    let weight = Tensor::<2>::from_data(numbers.normal([6, 5]), (&device, DType::F32));
    let y = linear(x.clone(), weight.clone());
    let flat = linear(x.clone().reshape([24, 5]), weight.clone());
    assert_eq!(y.clone().reshape([24, 6]).into_data(), flat.into_data());
    // A view with rows that do not lie evenly is as good.
    let swapped = linear(x.swap_dims(0, 1), weight).swap_dims(0, 1);
    assert_eq!(swapped.into_data(), y.into_data());
}

#[test]
#[should_panic(expected = "linear: `x` is [2, 3], expected 4 in its last axis")]
fn wrong_shapes_are_named() {
    let x = Tensor::<2>::zeros([2, 3], &device());
    linear(x, Tensor::zeros([5, 4], &device()));
}
