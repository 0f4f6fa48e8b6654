//! Native = reference in both results and every gradient; reference = the formula and its finite
//! differences in 64 bits.

use burn::tensor::{DType, Device, Tensor, TensorData, capture, s};

use super::{AddNormInput, AddNormOptions, NormKind, add_norm, reference};
use crate::testing::{Named, Numbers, assert_all_close, assert_close, device, half_types, poison};

/// Sizes and switches of one problem.
#[derive(Clone, Copy, Debug)]
struct Case {
    batch: usize,
    length: usize,
    channels: usize,
    options: AddNormOptions,
    residual: bool,
    row_scale: bool,
    bias: bool,
    /// Which results the loss is made of.
    uses: Uses,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Uses {
    Both,
    Normal,
    Sum,
}

const FULL: Case = Case {
    batch: 3,
    length: 11,
    channels: 33,
    options: AddNormOptions {
        kind: NormKind::Layer,
        epsilon: 1e-5,
        residual_in_fp32: true,
    },
    residual: true,
    row_scale: true,
    bias: true,
    uses: Uses::Both,
};

impl Case {
    fn with(self, kind: NormKind) -> Self {
        let options = AddNormOptions {
            kind,
            ..self.options
        };
        Self { options, ..self }
    }

    fn input(&self, device: &Device, hidden: DType, residual: DType) -> AddNormInput {
        let Self {
            batch: b,
            length: l,
            channels: d,
            ..
        } = *self;
        let mut numbers = Numbers::new(3);
        let wide = match hidden {
            DType::F64 => DType::F64,
            _ => DType::F32,
        };
        // Some samples are dropped.
        let scales = (0..b).map(|i| if i % 3 == 1 { 0.0 } else { 1.25 });
        let scales = TensorData::new(scales.collect::<Vec<f64>>(), [b]);
        AddNormInput {
            hidden: Tensor::from_data(numbers.normal([b, l, d]), (device, hidden)),
            residual: self
                .residual
                .then(|| Tensor::from_data(numbers.normal([b, l, d]), (device, residual)) + 0.5),
            row_scale: self
                .row_scale
                .then(|| Tensor::from_data(scales, (device, wide))),
            weight: Tensor::from_data(numbers.uniform([d], 0.5, 1.5), (device, wide)),
            bias: self
                .bias
                .then(|| Tensor::from_data(numbers.uniform([d], -0.5, 0.5), (device, wide))),
        }
    }
}

type AddNorm = fn(AddNormInput, AddNormOptions) -> (Tensor<3>, Tensor<3>);

/// Results of the tested device's implementation.
fn native(case: &Case, hidden: DType, residual: DType) -> Named {
    poison(&device());
    results(case, add_norm, hidden, residual, device())
}

/// Results of the reference.
fn expected(case: &Case, hidden: DType, residual: DType) -> Named {
    results(case, reference::add_norm, hidden, residual, Device::flex())
}

fn results(
    case: &Case,
    operator: AddNorm,
    hidden: DType,
    residual: DType,
    device: Device,
) -> Named {
    let device = device.autodiff();
    let mut input = case.input(&device, hidden, residual);
    input.hidden = input.hidden.require_grad();
    input.residual = input.residual.map(|t| t.detach().require_grad());
    input.weight = input.weight.require_grad();
    input.bias = input.bias.map(Tensor::require_grad);
    let (normal, sum) = operator(input.clone(), case.options);
    let weighted = |output: &Tensor<3>, seed| {
        let weights = Numbers::new(seed).normal(output.dims());
        let weights = Tensor::from_data(weights, (&device, DType::F32));
        (output.clone().cast(DType::F32) * weights).sum()
    };
    let loss = match case.uses {
        Uses::Both => weighted(&normal, 99) + weighted(&sum, 98),
        Uses::Normal => weighted(&normal, 99),
        Uses::Sum => weighted(&sum, 98),
    };
    let grads = loss.backward();
    let mut named = vec![("normal", normal.into_data()), ("sum", sum.into_data())];
    let gradients = [
        ("dhidden", input.hidden.grad(&grads)),
        ("dresidual", input.residual.and_then(|t| t.grad(&grads))),
    ];
    named.extend(
        gradients
            .into_iter()
            .filter_map(|(name, grad)| Some((name, grad?.into_data()))),
    );
    let parameters = [
        ("dweight", input.weight.grad(&grads)),
        ("dbias", input.bias.and_then(|t| t.grad(&grads))),
    ];
    named.extend(
        parameters
            .into_iter()
            .filter_map(|(name, grad)| Some((name, grad?.into_data()))),
    );
    named
}

fn check(mut case: Case) {
    if case.channels == 1 {
        // A row of one has no variance: all that is left of it is rounding, divided by √ε.
        case.options.epsilon = 0.1;
    }
    let (native, expected) = (
        native(&case, DType::F32, DType::F32),
        expected(&case, DType::F32, DType::F32),
    );
    assert_all_close(&native, &expected, 2e-5, 1e-5, &format!("{case:?}"));
}

/// Vectors of one, two and four channels, idle units, rows of several cubes' length and of less than
/// a vector.
#[test]
fn native_equals_reference_at_every_width() {
    for channels in [1, 2, 3, 5, 8, 33, 64, 192, 384, 500, 768, 1000, 2049, 5120] {
        for kind in [NormKind::Rms, NormKind::Layer] {
            check(Case { channels, ..FULL }.with(kind));
        }
    }
}

/// Rows that do not fit a unit's registers.
#[test]
fn native_equals_reference_on_the_widest_rows() {
    for channels in [4_099, 8_192, 9_001, 50_002] {
        for kind in [NormKind::Rms, NormKind::Layer] {
            let case = Case {
                batch: 2,
                length: 3,
                channels,
                ..FULL
            };
            check(case.with(kind));
        }
    }
}

/// On a GPU: rows that leave a cube's group incomplete, and more groups than the backward pass has cubes.
#[test]
fn native_equals_reference_at_every_number_of_rows() {
    for (batch, length, channels) in [
        (1, 1, 4),
        (1, 1, 768),
        (1, 7, 192),
        (2, 197, 192),
        (5, 64, 384),
        (7, 1, 5),
        (1, 9001, 1),
        (4, 3001, 24),
        (2, 2500, 130),
    ] {
        for kind in [NormKind::Rms, NormKind::Layer] {
            let case = Case {
                batch,
                length,
                channels,
                ..FULL
            };
            check(case.with(kind));
        }
    }
}

#[test]
fn native_equals_reference_with_and_without_every_option() {
    for bits in 0..16_u32 {
        let on = |bit: u32| bits >> bit & 1 == 1;
        let kind = match on(3) {
            true => NormKind::Rms,
            false => NormKind::Layer,
        };
        for uses in [Uses::Both, Uses::Normal, Uses::Sum] {
            for channels in [19, 48] {
                let case = Case {
                    channels,
                    residual: on(0),
                    row_scale: on(1),
                    bias: on(2),
                    uses,
                    ..FULL
                };
                check(case.with(kind));
            }
        }
    }
}

#[test]
fn half_precision_is_the_rounded_32_bit_result() {
    for (dtype, tolerance) in half_types() {
        for stream in [DType::F32, dtype] {
            for bits in 0..8_u32 {
                let on = |bit: u32| bits >> bit & 1 == 1;
                for channels in [19, 22, 24] {
                    let case = Case {
                        channels,
                        options: AddNormOptions {
                            residual_in_fp32: on(0),
                            ..FULL.options
                        },
                        residual: on(1),
                        row_scale: on(2),
                        ..FULL
                    };
                    let (native, expected) =
                        (native(&case, dtype, stream), expected(&case, dtype, stream));
                    let what = format!("{dtype:?} on {stream:?}, {case:?}");
                    assert_all_close(&native, &expected, tolerance, tolerance, &what);
                }
            }
        }
    }
}

/// A 32-bit state on a 16-bit stream, and two 16-bit types.
#[test]
fn types_need_not_agree() {
    let halves = half_types();
    for (stream, tolerance) in &halves {
        for hidden in halves.iter().map(|(dtype, _)| *dtype).chain([DType::F32]) {
            let (native, expected) = (
                native(&FULL, hidden, *stream),
                expected(&FULL, hidden, *stream),
            );
            let tolerance = tolerance.max(2e-2);
            let what = format!("{hidden:?} on {stream:?}");
            assert_all_close(&native, &expected, tolerance, tolerance, &what);
        }
    }
}

#[test]
fn native_is_deterministic() {
    let case = Case {
        length: 300,
        channels: 300,
        ..FULL
    };
    let first = native(&case, DType::F32, DType::F32);
    for _ in 0..3 {
        assert_eq!(first, native(&case, DType::F32, DType::F32));
    }
}

/// The operator, forward and backward, recorded as a hardware graph where the device has those.
#[test]
fn replay_equals_eager_execution() {
    let device = device().autodiff();
    let mut input = FULL.input(&device, DType::F32, DType::F32);
    input.hidden = input.hidden.require_grad();
    input.weight = input.weight.require_grad();
    let run = || {
        let (normal, sum) = add_norm(input.clone(), FULL.options);
        let grads = (normal.clone().sum() + sum.clone().square().sum()).backward();
        let weight = input.weight.grad(&grads).unwrap().reshape([1, 1, -1]);
        let hidden = input.hidden.grad(&grads).unwrap();
        [normal.inner(), sum.inner(), hidden, weight]
    };
    let eager = run().map(Tensor::into_data);
    let mut graph = capture(&device, run);
    poison(&device);
    // SAFETY: the operands outlive the graph and nothing else uses them.
    let replayed = unsafe { graph.replay() };
    assert_eq!(replayed.clone().map(Tensor::into_data), eager);
}

#[test]
fn views_equal_copies() {
    let device = device();
    for channels in [19, 24] {
        let case = Case { channels, ..FULL };
        let mut input = case.input(&device, DType::F32, DType::F32);
        let (normal, sum) = add_norm(input.clone(), case.options);
        let twice = Tensor::cat(vec![input.hidden.clone() * 2, input.hidden], 2);
        input.hidden = twice.slice(s![.., .., channels..]);
        input.residual = input
            .residual
            .map(|t| t.swap_dims(0, 1) * 1.0)
            .map(|t| t.swap_dims(0, 1));
        let (normal_of_views, sum_of_views) = add_norm(input, case.options);
        assert_eq!(normal_of_views.to_data(), normal.to_data());
        assert_eq!(sum_of_views.to_data(), sum.to_data());
    }
}

/// Without an addition the sum is the hidden state itself: nothing that is done to one reaches the other.
#[test]
fn results_that_share_memory_stay_apart() {
    let device = device();
    let case = Case {
        residual: false,
        row_scale: false,
        ..FULL
    };
    let input = case.input(&device, DType::F32, DType::F32);
    let hidden = input.hidden.to_data();
    let (normal, sum) = add_norm(input.clone(), case.options);
    let expected = normal.to_data();
    let more = sum.clone() + 1.0;
    let doubled = input.hidden * 2.0;
    assert_eq!(sum.to_data(), hidden);
    assert_eq!((more - 1.0).to_data().shape(), hidden.shape());
    assert_close(&(doubled * 0.5).into_data(), &hidden, 0.0, 0.0, "doubled");
    assert_eq!(normal.to_data(), expected);
}

/// Blocks in a row, as in a model: the stream's gradient passes through every one of them.
#[test]
fn gradients_flow_along_the_stream() {
    let run = |operator: AddNorm, device: Device| {
        let device = device.autodiff();
        let case = FULL;
        let input = case.input(&device, DType::F32, DType::F32);
        let hidden = input.hidden.clone().require_grad();
        let weight = input.weight.clone().require_grad();
        let (mut state, mut stream) = (hidden.clone(), None);
        for _ in 0..4 {
            let (normal, sum) = operator(
                AddNormInput {
                    hidden: state,
                    residual: stream,
                    weight: weight.clone(),
                    ..input.clone()
                },
                case.options,
            );
            state = normal.tanh() * 0.5 + sum.clone() * 0.25;
            stream = Some(sum);
        }
        let grads = (state.square().sum() + stream.unwrap().sum()).backward();
        vec![
            ("dhidden", hidden.grad(&grads).unwrap().into_data()),
            ("dweight", weight.grad(&grads).unwrap().into_data()),
        ]
    };
    let native = run(add_norm, device());
    let expected = run(reference::add_norm, Device::flex());
    assert_all_close(&native, &expected, 5e-5, 2e-5, "four blocks");
}

/// A constant operand receives no gradient and takes none from the others.
#[test]
fn constants_are_left_out() {
    let device = device().autodiff();
    let mut input = FULL.input(&device, DType::F32, DType::F32);
    input.residual = input.residual.map(Tensor::detach);
    let bias = input.bias.unwrap().require_grad();
    input.bias = Some(bias.clone());
    let (normal, sum) = add_norm(input.clone(), FULL.options);
    let grads = (normal.sum() + sum.sum()).backward();
    assert!(input.hidden.grad(&grads).is_none() && input.weight.grad(&grads).is_none());
    let expected = TensorData::new(vec![33.0_f32; 33], [33]);
    assert_close(
        &bias.grad(&grads).unwrap().into_data(),
        &expected,
        1e-6,
        1e-6,
        "dbias",
    );
}

#[test]
fn reference_equals_the_formula() {
    for kind in [NormKind::Rms, NormKind::Layer] {
        let case = FULL.with(kind);
        let (l, d) = (case.length, case.channels);
        let input = case.input(&Device::flex(), DType::F64, DType::F64);
        let read = |data: TensorData| data.try_to_vec::<f64>().unwrap();
        let h = read(input.hidden.to_data());
        let r = read(input.residual.clone().unwrap().to_data());
        let scale = read(input.row_scale.clone().unwrap().to_data());
        let w = read(input.weight.to_data());
        let b = read(input.bias.clone().unwrap().to_data());
        let (normal, sum) = reference::add_norm(input, case.options);
        let (normal, sum) = (read(normal.into_data()), read(sum.into_data()));
        for row in 0..case.batch * l {
            let x: Vec<f64> = (row * d..(row + 1) * d)
                .map(|i| r[i] + scale[row / l] * h[i])
                .collect();
            let mean = match kind {
                NormKind::Rms => 0.0,
                NormKind::Layer => x.iter().sum::<f64>() / d as f64,
            };
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / d as f64;
            for (c, x) in x.iter().enumerate() {
                let y = (x - mean) / (variance + 1e-5).sqrt() * w[c] + b[c];
                assert!((sum[row * d + c] - x).abs() < 1e-12);
                assert!((normal[row * d + c] - y).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn reference_gradients_equal_finite_differences() {
    for kind in [NormKind::Rms, NormKind::Layer] {
        let case = Case {
            batch: 2,
            length: 2,
            channels: 5,
            ..FULL
        }
        .with(kind);
        let device = Device::flex().autodiff();
        let input = case.input(&device, DType::F64, DType::F64);
        let leaves = [
            input.hidden.clone().reshape([-1]).detach().require_grad(),
            input
                .residual
                .clone()
                .unwrap()
                .reshape([-1])
                .detach()
                .require_grad(),
            input.weight.clone().detach().require_grad(),
            input.bias.clone().unwrap().detach().require_grad(),
        ];
        let loss = |[hidden, residual, weight, bias]: [Tensor<1>; 4]| {
            let (normal, sum) = reference::add_norm(
                AddNormInput {
                    hidden: hidden.reshape([2, 2, 5]),
                    residual: Some(residual.reshape([2, 2, 5])),
                    row_scale: input.row_scale.clone(),
                    weight,
                    bias: Some(bias),
                },
                case.options,
            );
            normal.powi_scalar(3).sum() + sum.square().sum()
        };
        let grads = loss(leaves.clone()).backward();
        for operand in 0..4 {
            let grad = leaves[operand].grad(&grads).unwrap().into_data();
            for (i, grad) in grad.try_to_vec::<f64>().unwrap().into_iter().enumerate() {
                let at = |by: f64| {
                    let mut moved = leaves.clone();
                    let mut data = leaves[operand].to_data();
                    data.as_mut_slice::<f64>().unwrap()[i] += by;
                    moved[operand] = Tensor::from_data(data, (&device, DType::F64));
                    loss(moved).into_scalar::<f64>()
                };
                let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
                assert!((difference - grad).abs() < 1e-6 * (1.0 + grad.abs()));
            }
        }
    }
}

#[test]
#[should_panic(expected = "`row_scale` is [2], expected [3]")]
fn wrong_shapes_are_named() {
    let mut input = FULL.input(&Device::flex(), DType::F32, DType::F32);
    input.row_scale = input.row_scale.map(|scale| scale.slice(s![..2]));
    let _ = add_norm(input, FULL.options);
}
