//! The operator = burn's product and sum, in the output and all gradients.

use burn::tensor::{DType, Device, Tensor};

use super::{linear, linear_halves, reference};
use crate::testing::{Named, Numbers, assert_all_close, device, half_types, poison};

type Operator = fn(Tensor<3>, Tensor<2>, Option<Tensor<1>>) -> Tensor<3>;

/// How far a 32-bit product may lie off, on every device.
const ERROR: f64 = 1e-5;

/// Batch, length, inputs, outputs.
type Sizes = [usize; 4];

/// Sums over few and many rows, in one part, in equal parts, and with a rest; widths that vectors fit and do not; products that one
/// thread makes, and several.
const SIZES: [Sizes; 11] = [
    [1, 1, 1, 1],
    [2, 3, 5, 7],
    [1, 1, 300, 40],
    [1, 64, 64, 64],
    [3, 67, 12, 96],
    [3, 67, 96, 12],
    [2, 513, 44, 40],
    [4, 512, 192, 48],
    [5, 1000, 24, 66],
    [8, 1031, 33, 17],
    [32, 11, 256, 254],
];

fn plain(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<3> {
    let y = reference::linear(x, weight);
    match bias {
        Some(bias) => y.clone() + bias.cast(y.dtype()).unsqueeze(),
        None => y,
    }
}

fn in_halves(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<3> {
    Tensor::cat(linear_halves(x, weight, bias).to_vec(), 2)
}

/// The operator on x with its first axes exchanged.
fn of_view(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<3> {
    linear(x.swap_dims(0, 1), weight, bias).swap_dims(0, 1)
}

fn without_bias(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<3> {
    let zero = bias.unwrap().mul_scalar(0.0);
    linear(x, weight, None) + zero.cast(DType::F32).unsqueeze()
}

/// Output, and the gradients of a weighted sum of it.
fn results([b, l, k, n]: Sizes, operator: Operator, dtype: DType, device: &Device) -> Named {
    let mut numbers = Numbers::new(5);
    let device = device.clone().autodiff();
    let x = Tensor::<3>::from_data(numbers.normal([b, l, k]), (&device, dtype)).require_grad();
    let bound = (k as f64).powf(-0.5);
    let weight = numbers.uniform([n, k], -bound, bound);
    let weight = Tensor::<2>::from_data(weight, (&device, DType::F32)).require_grad();
    let bias = numbers.normal([n]);
    let bias = Tensor::<1>::from_data(bias, (&device, DType::F32)).require_grad();
    let factors = Tensor::<3>::from_data(numbers.normal([b, l, n]), (&device, dtype));
    poison(&device);
    let y = operator(x.clone(), weight.clone(), Some(bias.clone()));
    let grads = (y.clone() * factors).sum().backward();
    vec![
        ("y", y.into_data()),
        ("dx", x.grad(&grads).unwrap().into_data()),
        ("dw", weight.grad(&grads).unwrap().into_data()),
        ("db", bias.grad(&grads).unwrap().into_data()),
    ]
}

#[test]
fn equals_the_plain_product() {
    for sizes in SIZES {
        let expected = results(sizes, plain, DType::F32, &Device::flex());
        for operator in [linear, of_view] {
            let got = results(sizes, operator, DType::F32, &device());
            assert_all_close(&got, &expected, ERROR, ERROR, &format!("{sizes:?}"));
        }
    }
}

#[test]
fn halves_are_those_of_the_whole() {
    for sizes in SIZES.into_iter().filter(|sizes| sizes[3] % 2 == 0) {
        let expected = results(sizes, plain, DType::F32, &Device::flex());
        let got = results(sizes, in_halves, DType::F32, &device());
        assert_all_close(&got, &expected, ERROR, ERROR, &format!("{sizes:?}"));
    }
}

#[test]
fn a_half_that_is_not_used_has_no_gradient() {
    let device = device().autodiff();
    for used in [0, 1] {
        let mut numbers = Numbers::new(3);
        let mut tensor = |shape: [usize; 2]| {
            Tensor::<2>::from_data(numbers.normal(shape), (&device, DType::F32)).require_grad()
        };
        let (x, weight, bias) = (tensor([7, 5]), tensor([6, 5]), tensor([1, 6]));
        let row = bias.clone().reshape([6]);
        let [first, second] = linear_halves(x.clone(), weight.clone(), Some(row));
        let half = if used == 0 { first } else { second };
        let grads = half.sum().backward();
        let of = |range: std::ops::Range<usize>| {
            let rows = weight.grad(&grads).unwrap().slice([range.clone()]);
            let biases = bias.grad(&grads).unwrap().slice([0..1, range]);
            let sum = |t: Tensor<2>| t.abs().sum().into_scalar::<f32>();
            [sum(rows), sum(biases)]
        };
        let (used, other) = (used * 3..used * 3 + 3, 3 - used * 3..6 - used * 3);
        assert_eq!(of(other), [0.0; 2]);
        assert_eq!(of(used.clone())[1], 21.0);
        let expected = weight.clone().slice([used]).sum_dim(0).into_data();
        let got = x.grad(&grads).unwrap().slice(6..7).into_data();
        got.assert_approx_eq::<f32>(&expected, burn::tensor::Tolerance::rel_abs(1e-5, 1e-6));
    }
}

#[test]
fn half_precision_is_the_rounded_32_bit_product() {
    for (dtype, error) in half_types() {
        for sizes in SIZES.into_iter().step_by(2) {
            let expected = results(sizes, plain, DType::F32, &Device::flex());
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
fn results_are_the_same_on_any_number_of_threads() {
    for sizes in [
        [5, 1000, 24, 66],
        [32, 11, 256, 254],
        [3, 67, 96, 12],
        [1, 1000, 300, 310],
    ] {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap().install(|| {
                [linear, in_halves]
                    .map(|operator| results(sizes, operator, DType::F32, &Device::flex()))
            })
        };
        let one = on(1);
        assert_eq!(on(2), one, "{sizes:?}");
        assert_eq!(on(5), one, "{sizes:?}");
    }
}

#[test]
fn without_a_bias_it_is_the_product() {
    let sizes = [3, 67, 12, 96];
    let expected = results(
        sizes,
        |x, w, b| plain(x, w, b.map(|b| b * 0.0)),
        DType::F32,
        &Device::flex(),
    );
    let got = results(sizes, without_bias, DType::F32, &device());
    assert_all_close(&got, &expected, ERROR, ERROR, "without a bias");
}

#[test]
fn any_number_of_leading_axes() {
    let device = device();
    let mut numbers = Numbers::new(2);
    let x = Tensor::<4>::from_data(numbers.normal([2, 3, 4, 5]), (&device, DType::F32));
    let weight = Tensor::<2>::from_data(numbers.normal([6, 5]), (&device, DType::F32));
    let y = linear(x.clone(), weight.clone(), None);
    let flat = linear(x.clone().reshape([24, 5]), weight.clone(), None);
    assert_eq!(y.clone().reshape([24, 6]).into_data(), flat.into_data());
    // A view with rows that do not lie evenly is as good.
    let swapped = linear(x.swap_dims(0, 1), weight, None).swap_dims(0, 1);
    assert_eq!(swapped.into_data(), y.into_data());
}

#[test]
fn views_are_read_as_they_are() {
    let device = device();
    let mut numbers = Numbers::new(7);
    let mut tensor =
        |shape: [usize; 2]| Tensor::<2>::from_data(numbers.normal(shape), (&device, DType::F32));
    let (x, weight, bias) = (tensor([40, 30]), tensor([30, 20]), tensor([1, 40]));
    let whole = |t: &Tensor<2>| Tensor::<2>::from_data(t.clone().into_data(), &device);
    for x in [
        x.clone().transpose().slice([0..30, 3..23]),
        x.clone().slice([5..6, 10..30]),
        x.clone().flip([0, 1]).slice([1..40, 2..22]),
        x.clone().slice([0..1, 0..20]).expand([9, 20]),
        x.slice([0..0, 0..20]),
    ] {
        for weight in [
            weight.clone(),
            weight.clone().flip([0]).slice(3..30),
            weight.clone().slice(0..20).transpose(),
        ] {
            let [outputs, _] = weight.dims();
            let bias = bias.clone().slice([0..1, 0..outputs]).reshape([outputs]);
            let got = linear(x.clone(), weight.clone(), Some(bias.clone()));
            let expected = linear(whole(&x), whole(&weight), Some(bias));
            let [got, expected] = [got, expected].map(|y| vec![("y", y.into_data())]);
            assert_all_close(&got, &expected, ERROR, ERROR, &format!("{:?}", x.dims()));
        }
    }
}

#[test]
#[should_panic(expected = "linear: `x` is [2, 3], expected 4 in its last axis")]
fn wrong_shapes_are_named() {
    let x = Tensor::<2>::zeros([2, 3], &device());
    linear(x, Tensor::zeros([5, 4], &device()), None);
}

#[test]
#[should_panic(expected = "linear: `bias` is [4], expected [5]")]
fn wrong_biases_are_named() {
    let x = Tensor::<2>::zeros([2, 4], &device());
    let bias = Tensor::zeros([4], &device());
    linear(x, Tensor::zeros([5, 4], &device()), Some(bias));
}
