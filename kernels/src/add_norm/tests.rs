//! Native = reference in every output and gradient; reference = its finite differences.

use burn::tensor::{DType, Device, Tensor};

use super::{AddNormInput, AddNormOptions, NormKind, add_norm, reference};
use crate::testing::{Named, Numbers, assert_all_close, device, half_types, poison};

#[derive(Clone, Copy, Debug)]
struct Case {
    shape: [usize; 3],
    kind: NormKind,
    residual: bool,
    scale: bool,
    bias: bool,
    residual_in_fp32: bool,
}

const FULL: Case = Case {
    shape: [3, 7, 40],
    kind: NormKind::Layer,
    residual: true,
    scale: true,
    bias: true,
    residual_in_fp32: true,
};

const BARE: Case = Case {
    kind: NormKind::Rms,
    residual: false,
    scale: false,
    bias: false,
    ..FULL
};

impl Case {
    fn options(&self) -> AddNormOptions {
        AddNormOptions {
            kind: self.kind,
            epsilon: 1e-5,
            residual_in_fp32: self.residual_in_fp32,
        }
    }

    fn input(&self, device: &Device, dtype: DType) -> AddNormInput {
        let [batch, _, channels] = self.shape;
        let mut numbers = Numbers::new(5);
        let float = if dtype == DType::F64 {
            dtype
        } else {
            DType::F32
        };
        let stream = if self.residual_in_fp32 { float } else { dtype };
        let hidden = numbers.normal(self.shape);
        let residual = numbers.normal(self.shape);
        let scale = numbers.uniform([batch], 0.0, 2.0);
        let weight = numbers.uniform([channels], 0.5, 1.5);
        let bias = numbers.normal([channels]);
        let vector = |data| Tensor::<1>::from_data(data, (device, float));
        AddNormInput {
            hidden: Tensor::from_data(hidden, (device, dtype)),
            residual: self
                .residual
                .then(|| Tensor::from_data(residual, (device, stream))),
            row_scale: self.scale.then(|| vector(scale)),
            weight: vector(weight),
            bias: self.bias.then(|| vector(bias)),
        }
    }
}

type Operator = fn(AddNormInput, AddNormOptions) -> (Tensor<3>, Tensor<3>);

/// A fixed weighted sum of both outputs, in the type of the parameters.
fn loss(normal: &Tensor<3>, sum: &Tensor<3>, dtype: DType) -> Tensor<1> {
    let mut numbers = Numbers::new(99);
    let mut weighted = |tensor: &Tensor<3>| {
        let weight = numbers.normal(tensor.dims());
        let weight = Tensor::<3>::from_data(weight, (&tensor.device(), dtype));
        (tensor.clone().cast(dtype) * weight).sum()
    };
    weighted(normal) + weighted(sum)
}

/// Both outputs, and the gradient of [`loss`] with respect to every operand, by name.
fn results(case: &Case, operator: Operator, dtype: DType, device: &Device) -> Named {
    let device = device.clone().autodiff();
    let mut input = case.input(&device, dtype);
    input.hidden = input.hidden.require_grad();
    input.residual = input.residual.map(Tensor::require_grad);
    input.weight = input.weight.require_grad();
    input.bias = input.bias.map(Tensor::require_grad);
    let (normal, sum) = operator(input.clone(), case.options());
    let grads = loss(&normal, &sum, DType::F32).backward();
    let mut named = vec![
        ("normal", normal.into_data()),
        ("sum", sum.into_data()),
        ("dhidden", input.hidden.grad(&grads).unwrap().into_data()),
        ("dweight", input.weight.grad(&grads).unwrap().into_data()),
    ];
    if let Some(residual) = input.residual {
        named.push(("dresidual", residual.grad(&grads).unwrap().into_data()));
    }
    if let Some(bias) = input.bias {
        named.push(("dbias", bias.grad(&grads).unwrap().into_data()));
    }
    named
}

fn check(case: Case, dtype: DType, tolerance: f64) {
    poison(&device());
    let native = results(&case, add_norm, dtype, &device());
    let expected = results(&case, reference::add_norm, dtype, &Device::flex());
    let what = format!("{case:?} in {dtype:?}");
    assert_all_close(&native, &expected, tolerance, tolerance, &what);
}

#[test]
fn native_equals_reference_with_and_without_every_option() {
    for kind in [NormKind::Rms, NormKind::Layer] {
        for bits in 0..8 {
            let case = Case {
                kind,
                residual: bits & 1 > 0,
                scale: bits & 2 > 0,
                bias: bits & 4 > 0,
                ..FULL
            };
            check(case, DType::F32, 2e-5);
        }
    }
}

#[test]
fn native_equals_reference_at_awkward_sizes() {
    for width in [1, 2, 5, 33, 192, 258, 384, 1000, 2500] {
        for shape in [[1, 1, width], [2, 9, width]] {
            check(Case { shape, ..FULL }, DType::F32, 5e-5);
            check(Case { shape, ..BARE }, DType::F32, 5e-5);
        }
    }
    // More rows than units that sum the parameters' gradients.
    check(
        Case {
            shape: [5, 701, 8],
            ..FULL
        },
        DType::F32,
        5e-5,
    );
}

#[test]
fn half_precision_is_the_rounded_32_bit_result() {
    for (dtype, tolerance) in half_types() {
        for residual_in_fp32 in [true, false] {
            for case in [FULL, BARE] {
                let case = Case {
                    residual_in_fp32,
                    ..case
                };
                check(case, dtype, tolerance);
            }
        }
    }
}

#[test]
fn views_are_read_in_place() {
    let case = Case {
        kind: NormKind::Rms,
        bias: false,
        ..FULL
    };
    let mut input = case.input(&device(), DType::F32);
    let expected = add_norm(input.clone(), case.options());
    let [_, _, width] = case.shape;
    let joined = Tensor::cat(vec![input.hidden.clone(), input.hidden.clone() * 2.0], 2);
    input.hidden = joined.slice(burn::tensor::s![.., .., ..width]);
    let got = add_norm(input, case.options());
    assert_eq!(got.0.into_data(), expected.0.into_data());
    assert_eq!(got.1.into_data(), expected.1.into_data());
}

#[test]
fn gradients_are_the_same_in_every_run() {
    let run = || results(&FULL, add_norm, DType::F32, &device());
    let first = run();
    poison(&device());
    assert_eq!(first, run());
}

#[test]
fn reference_gradients_equal_finite_differences() {
    let device = Device::flex().autodiff();
    for kind in [NormKind::Rms, NormKind::Layer] {
        let case = Case {
            shape: [2, 2, 5],
            kind,
            ..FULL
        };
        let mut input = case.input(&device, DType::F64);
        input.hidden = input.hidden.require_grad();
        let run = |hidden: Tensor<3>| {
            let input = AddNormInput {
                hidden,
                ..input.clone()
            };
            let (normal, sum) = reference::add_norm(input, case.options());
            loss(&normal, &sum, DType::F64)
        };
        let grads = run(input.hidden.clone()).backward();
        let grad = input.hidden.grad(&grads).unwrap().into_data();
        let grad = grad.try_to_vec::<f64>().unwrap();
        let values = input.hidden.to_data().try_to_vec::<f64>().unwrap();
        for (i, expected) in grad.iter().enumerate() {
            let shifted = |by: f64| {
                let mut values = values.clone();
                values[i] += by;
                let data = burn::tensor::TensorData::new(values, case.shape);
                let hidden = Tensor::<3>::from_data(data, (&device, DType::F64));
                run(hidden).into_scalar::<f64>()
            };
            let difference = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
            assert!(
                (difference - expected).abs() < 1e-7,
                "{difference} {expected}"
            );
        }
    }
}

#[test]
#[should_panic(expected = "add_norm: `weight` is [40], expected [39]")]
fn wrong_shapes_are_named() {
    let mut input = FULL.input(&Device::flex(), DType::F32);
    input.hidden = input.hidden.slice(burn::tensor::s![.., .., ..39]);
    input.residual = None;
    add_norm(input, FULL.options());
}
