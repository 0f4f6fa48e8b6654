//! Sums and repeated rows = burn's, in values and gradients, at sizes of one and several parts.

use burn::tensor::{DType, Device, Tensor};

use super::{reference, repeat_row, sum_rows};
use crate::testing::{Named, Numbers, assert_all_close, device, half_types, poison};

/// Rows, columns.
const SIZES: [[usize; 2]; 10] = [
    [1, 1],
    [7, 5],
    [64, 64],
    [129, 3],
    [1000, 48],
    [2049, 130],
    [20_000, 64],
    [30_011, 12],
    [5000, 1],
    [0, 4],
];

/// A product of both operators, and its gradients.
fn results([rows, columns]: [usize; 2], dtype: DType, device: &Device, plain: bool) -> Named {
    let mut numbers = Numbers::new(3);
    let device = device.clone().autodiff();
    let mut tensor = |shape: [usize; 2]| {
        let data = numbers.normal(shape);
        Tensor::<2>::from_data(data, (&device, dtype))
    };
    let x = tensor([rows, columns]).require_grad();
    let row = tensor([1, columns]).reshape([columns]).require_grad();
    let factors = tensor([rows, columns]);
    poison(&device);
    let (sums, repeated) = match plain {
        true => (
            reference::sum_rows(x.clone()),
            reference::repeat_row(row.clone()),
        ),
        false => (
            sum_rows(x.clone()),
            repeat_row(row.clone(), [rows, columns]),
        ),
    };
    assert_eq!(sums.dtype(), DType::F32);
    let y = x.clone() * repeated;
    let loss = (y.clone() * factors).cast(DType::F32).sum() + sums.clone().square().sum();
    let grads = loss.backward();
    vec![
        ("sums", sums.into_data()),
        ("y", y.into_data()),
        ("dx", x.grad(&grads).unwrap().into_data()),
        ("drow", row.grad(&grads).unwrap().into_data()),
    ]
}

#[test]
fn equals_burns_operations() {
    for sizes in SIZES {
        let expected = results(sizes, DType::F32, &Device::flex(), true);
        let got = results(sizes, DType::F32, &device(), false);
        assert_all_close(&got, &expected, 2e-4, 1e-5, &format!("{sizes:?}"));
    }
}

#[test]
fn half_precision_is_summed_in_32_bits() {
    for (dtype, _) in half_types() {
        let ones = Tensor::<2>::ones([30_000, 6], (&device(), dtype));
        let sums = sum_rows(ones).into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(sums, [30_000.0; 6], "{dtype:?}");
    }
}

#[test]
fn leading_axes_and_views() {
    let device = device();
    let x = Tensor::<3>::from_data(Numbers::new(1).normal([5, 7, 12]), (&device, DType::F32));
    for view in [x.clone(), x.clone().swap_dims(0, 1), x.narrow(2, 3, 4)] {
        let expected = reference::sum_rows(view.clone()).into_data();
        let got = sum_rows(view).into_data();
        assert_all_close(
            &vec![("sums", got)],
            &vec![("sums", expected)],
            1e-5,
            1e-5,
            "view",
        );
    }
}

#[test]
fn sums_are_the_same_in_every_run() {
    let run = || results([20_000, 64], DType::F32, &device(), false);
    assert_eq!(run(), run());
}

#[test]
#[should_panic(expected = "repeat_row: `row` has 3 columns, `shape` is [2, 4]")]
fn wrong_shapes_are_named() {
    repeat_row(Tensor::zeros([3], &device()), [2, 4]);
}
