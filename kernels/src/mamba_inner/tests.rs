//! The fused operator = the composition of its parts, in the output and every gradient.

use burn::tensor::{Bool, DType, Device, Tensor, TensorData};

use super::{Branch, InnerInput, mamba_inner, parts};
use crate::testing::{Named, Numbers, assert_all_close, device, half_types, poison};

#[derive(Clone, Copy, Debug)]
struct Case {
    batch: usize,
    length: usize,
    channels: usize,
    states: usize,
    rank: usize,
    taps: usize,
    both: bool,
    biases: bool,
    reset: bool,
}

const FULL: Case = Case {
    batch: 2,
    length: 37,
    channels: 24,
    states: 16,
    rank: 4,
    taps: 4,
    both: true,
    biases: true,
    reset: true,
};

impl Case {
    fn input(&self, device: &Device, dtype: DType) -> InnerInput {
        let mut numbers = Numbers::new(11);
        let xz = numbers.normal([self.batch, self.length, 2 * self.channels]);
        InnerInput {
            xz: Tensor::from_data(xz, (device, dtype)),
            forward: self.branch(&mut numbers, device),
            backward: self.both.then(|| self.branch(&mut numbers, device)),
            reset: self.reset.then(|| marks(self.batch, self.length, device)),
        }
    }

    fn branch(&self, numbers: &mut Numbers, device: &Device) -> Branch {
        let Self {
            channels: d,
            states: n,
            rank: r,
            taps: k,
            ..
        } = *self;
        let on = (device, DType::F32);
        let bias = |numbers: &mut Numbers| Tensor::from_data(numbers.uniform([d], -0.5, 0.5), on);
        let bound = (d as f64).powf(-0.5);
        Branch {
            conv_weight: Tensor::from_data(numbers.uniform([d, k], -0.5, 0.5), on),
            conv_bias: self.biases.then(|| bias(numbers)),
            x_proj: Tensor::from_data(numbers.uniform([r + 2 * n, d], -bound, bound), on),
            dt_proj: Tensor::from_data(numbers.uniform([d, r], -0.5, 0.5), on),
            dt_bias: self.biases.then(|| bias(numbers)),
            a_log: Tensor::from_data(numbers.uniform([d, n], -1.0, 1.0), on),
            skip: Tensor::from_data(numbers.normal([d]), on),
        }
    }
}

fn marks(batch: usize, length: usize, device: &Device) -> Tensor<2, Bool> {
    let mark = |i: usize| (i % length + i / length * 3) % 11 == 5;
    let values: Vec<bool> = (0..batch * length).map(mark).collect();
    Tensor::from_data(TensorData::new(values, [batch, length]), device)
}

/// Output, and the gradient of a fixed weighted sum of it with respect to every operand, by name.
fn results(
    case: &Case,
    inner: fn(InnerInput) -> Tensor<3>,
    dtype: DType,
    device: &Device,
) -> Named {
    let device = device.clone().autodiff();
    let mut input = case.input(&device, dtype);
    input.xz = input.xz.require_grad();
    track(&mut input.forward);
    input.backward.as_mut().map(track);
    let output = inner(input.clone());
    let mut numbers = Numbers::new(99);
    let weight = Tensor::from_data(numbers.normal(output.dims()), (&device, DType::F32));
    let grads = (output.clone().cast(DType::F32) * weight).sum().backward();

    let mut named = vec![
        ("output", output.into_data()),
        ("dxz", input.xz.grad(&grads).unwrap().into_data()),
    ];
    for branch in [Some(input.forward), input.backward].into_iter().flatten() {
        let matrix = |tensor: Tensor<2>| tensor.grad(&grads).unwrap().into_data();
        let vector = |tensor: Tensor<1>| tensor.grad(&grads).unwrap().into_data();
        named.push(("dconv_weight", matrix(branch.conv_weight)));
        named.push(("dx_proj", matrix(branch.x_proj)));
        named.push(("ddt_proj", matrix(branch.dt_proj)));
        named.push(("da_log", matrix(branch.a_log)));
        named.push(("dskip", vector(branch.skip)));
        named.extend(branch.conv_bias.map(|bias| ("dconv_bias", vector(bias))));
        named.extend(branch.dt_bias.map(|bias| ("ddt_bias", vector(bias))));
    }
    named
}

fn track(branch: &mut Branch) {
    let Branch {
        conv_weight,
        conv_bias,
        x_proj,
        dt_proj,
        dt_bias,
        a_log,
        skip,
    } = branch;
    for matrix in [conv_weight, x_proj, dt_proj, a_log] {
        *matrix = matrix.clone().require_grad();
    }
    *skip = skip.clone().require_grad();
    for bias in [conv_bias, dt_bias].into_iter().flatten() {
        *bias = bias.clone().require_grad();
    }
}

fn check(case: Case, dtype: DType, tolerance: f64) {
    poison(&device());
    let fused = results(&case, mamba_inner, dtype, &device());
    let parts = results(&case, parts::mamba_inner, dtype, &Device::flex());
    let what = format!("{case:?} in {dtype:?}");
    assert_all_close(&fused, &parts, tolerance, tolerance, &what);
}

/// A block holds four products behind each other.
const TOLERANCE: f64 = 1e-4;

#[test]
fn fused_equals_its_parts() {
    let bare = Case {
        both: false,
        biases: false,
        reset: false,
        ..FULL
    };
    for case in [FULL, bare] {
        for length in [1, 37, 130] {
            check(Case { length, ..case }, DType::F32, TOLERANCE);
        }
    }
}

#[test]
fn fused_equals_its_parts_at_odd_sizes() {
    let odd = Case {
        batch: 3,
        length: 19,
        channels: 7,
        states: 5,
        rank: 3,
        taps: 2,
        ..FULL
    };
    check(odd, DType::F32, TOLERANCE);
    check(
        Case {
            both: false,
            batch: 1,
            ..odd
        },
        DType::F32,
        TOLERANCE,
    );
    check(
        Case {
            channels: 1,
            rank: 1,
            states: 1,
            ..odd
        },
        DType::F32,
        TOLERANCE,
    );
}

#[test]
fn one_long_packed_sequence_equals_its_parts() {
    let graphs = Case {
        batch: 1,
        length: 515,
        channels: 48,
        rank: 3,
        both: false,
        ..FULL
    };
    check(graphs, DType::F32, TOLERANCE);
}

#[test]
fn half_precision_equals_its_parts() {
    for (dtype, tolerance) in half_types() {
        check(FULL, dtype, 2.0 * tolerance);
    }
}

#[test]
fn gradients_are_the_same_in_every_run() {
    let run = || results(&FULL, mamba_inner, DType::F32, &device());
    let first = run();
    poison(&device());
    assert_eq!(first, run());
}

#[test]
#[should_panic(expected = "mamba_inner: `x_proj` is [35, 24], expected [36, 24]")]
fn wrong_shapes_are_named() {
    let mut input = FULL.input(&Device::flex(), DType::F32);
    input.forward.x_proj = input.forward.x_proj.slice(burn::tensor::s![0..35]);
    mamba_inner(input);
}
