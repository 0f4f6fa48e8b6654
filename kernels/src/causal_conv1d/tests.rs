//! Native = reference in the output and every gradient; reference = the formula and its finite
//! differences in 64 bits.

use burn::tensor::{Bool, DType, Device, Tensor, TensorData, s};

use super::{ConvInput, ConvOptions, causal_conv1d, final_columns, reference};
use crate::testing::{Named, Numbers, assert_all_close, assert_close, device, half_types, poison};

/// Sizes and switches of one problem.
#[derive(Clone, Copy, Debug)]
struct Case {
    batch: usize,
    length: usize,
    channels: usize,
    taps: usize,
    options: ConvOptions,
    bias: bool,
    initial_columns: bool,
    reset: bool,
}

const FULL: Case = Case {
    batch: 2,
    length: 33,
    channels: 19,
    taps: 4,
    options: ConvOptions {
        silu: true,
        reverse: false,
    },
    bias: true,
    initial_columns: true,
    reset: true,
};

impl Case {
    fn reversed(self) -> Self {
        Self {
            options: ConvOptions {
                reverse: true,
                ..self.options
            },
            ..self
        }
    }

    fn input(&self, device: &Device, dtype: DType) -> ConvInput {
        let Self {
            batch: b,
            length: l,
            channels: d,
            taps: k,
            ..
        } = *self;
        let mut numbers = Numbers::new(3);
        let on = (device, dtype);
        ConvInput {
            x: Tensor::from_data(numbers.normal([b, l, d]), on),
            weight: Tensor::from_data(numbers.uniform([d, k], -0.5, 0.5), on),
            bias: self
                .bias
                .then(|| Tensor::from_data(numbers.uniform([d], -0.5, 0.5), on)),
            initial_columns: (self.initial_columns && k > 1)
                .then(|| Tensor::from_data(numbers.normal([b, k - 1, d]), on)),
            reset: self.reset.then(|| marks(b, l, device)),
        }
    }
}

/// Irregular sequence starts, some of them adjacent, that differ between batch elements.
fn marks(batch: usize, length: usize, device: &Device) -> Tensor<2, Bool> {
    let mark = |i: usize| matches!((i % length + i / length * 3) % 11, 5 | 6);
    let values: Vec<bool> = (0..batch * length).map(mark).collect();
    Tensor::from_data(TensorData::new(values, [batch, length]), device)
}

type Conv = fn(ConvInput, ConvOptions) -> Tensor<3>;

/// Results of the tested device's implementation.
fn native(case: &Case, dtype: DType) -> Named {
    poison(&device());
    results(case, causal_conv1d, dtype, device())
}

/// Results of the reference.
fn expected(case: &Case, dtype: DType) -> Named {
    results(case, reference::causal_conv1d, dtype, Device::flex())
}

fn results(case: &Case, conv: Conv, dtype: DType, device: Device) -> Named {
    let device = device.autodiff();
    let mut input = case.input(&device, dtype);
    input.x = input.x.require_grad();
    input.weight = input.weight.require_grad();
    input.bias = input.bias.map(Tensor::require_grad);
    input.initial_columns = input.initial_columns.map(Tensor::require_grad);
    let output = conv(input.clone(), case.options);
    let weights = Numbers::new(99).normal(output.dims());
    let weights = Tensor::from_data(weights, (&device, DType::F32));
    let grads = (output.clone().cast(DType::F32) * weights).sum().backward();
    let mut named = vec![
        ("output", output.into_data()),
        ("dx", input.x.grad(&grads).unwrap().into_data()),
        ("dweight", input.weight.grad(&grads).unwrap().into_data()),
    ];
    let bias = input.bias.map(|t| t.grad(&grads).unwrap().into_data());
    named.extend(bias.map(|data| ("dbias", data)));
    let columns = input
        .initial_columns
        .map(|t| t.grad(&grads).unwrap().into_data());
    named.extend(columns.map(|data| ("dcolumns", data)));
    named
}

fn check(case: Case) {
    let (native, expected) = (native(&case, DType::F32), expected(&case, DType::F32));
    assert_all_close(&native, &expected, 2e-5, 1e-5, &format!("{case:?}"));
}

#[test]
fn native_equals_reference_at_every_length_and_number_of_taps() {
    for length in [1, 2, 3, 7, 8, 9, 15, 16, 17, 63, 64, 65, 197] {
        for taps in [1, 2, 4, 7] {
            let case = Case {
                length,
                taps,
                ..FULL
            };
            check(case);
            check(case.reversed());
        }
    }
}

#[test]
fn native_equals_reference_with_many_taps() {
    for taps in [9, 17, 40] {
        for length in [1, 33, 200] {
            let case = Case {
                length,
                taps,
                channels: 12,
                ..FULL
            };
            check(case);
            check(case.reversed());
        }
    }
}

/// Vectors of one, two and four channels, idle units, and several blocks of channels.
#[test]
fn native_equals_reference_at_every_width() {
    for channels in [1, 2, 4, 6, 7, 64, 72, 130, 131, 384] {
        for length in [18, 131] {
            let case = Case {
                channels,
                length,
                ..FULL
            };
            check(case);
            check(case.reversed());
        }
    }
}

/// On a GPU: sequences long enough for the longest runs, and more runs than one round of units takes.
#[test]
fn native_equals_reference_on_long_and_on_many_sequences() {
    for (batch, length, channels) in [(2, 1031, 19), (1, 300_001, 4), (40_000, 3, 1)] {
        let case = Case {
            batch,
            length,
            channels,
            ..FULL
        };
        check(case);
        check(case.reversed());
    }
}

#[test]
fn native_equals_reference_with_and_without_every_option() {
    for bits in 0..16_u32 {
        let on = |bit: u32| bits >> bit & 1 == 1;
        for channels in [1, 7, 16, 131] {
            let case = Case {
                channels,
                options: ConvOptions {
                    silu: on(0),
                    reverse: false,
                },
                bias: on(1),
                initial_columns: on(2),
                reset: on(3),
                ..FULL
            };
            check(case);
            check(case.reversed());
        }
    }
}

#[test]
fn half_precision_is_the_rounded_32_bit_result() {
    for (dtype, tolerance) in half_types() {
        // A sum of few terms is more exact than a recurrence.
        let tolerance = tolerance / 2.0;
        for channels in [19, 22, 24] {
            let case = Case { channels, ..FULL };
            let (native, expected) = (native(&case, dtype), expected(&case, dtype));
            assert_all_close(
                &native,
                &expected,
                tolerance,
                tolerance,
                &format!("{dtype:?}, {case:?}"),
            );
        }
    }
}

#[test]
fn native_is_deterministic() {
    let case = Case {
        channels: 300,
        length: 500,
        ..FULL
    };
    let first = native(&case, DType::F32);
    for _ in 0..3 {
        assert_eq!(first, native(&case, DType::F32));
    }
}

#[test]
fn views_equal_copies() {
    let device = device();
    for case in [FULL, FULL.reversed()] {
        let mut input = case.input(&device, DType::F32);
        let expected = causal_conv1d(input.clone(), case.options);
        let joined = Tensor::cat(vec![input.x.clone() * 2, input.x.clone()], 2);
        input.x = joined.slice(s![.., .., case.channels..]);
        input.weight = (input.weight.transpose() * 1.0).transpose();
        let output = causal_conv1d(input, case.options);
        assert_eq!(output.to_data(), expected.to_data());
    }
}

/// Gradients that share memory are still tensors of their own, wherever they start in it.
#[test]
fn gradients_take_part_in_further_operations() {
    let device = device().autodiff();
    let input = FULL.input(&device, DType::F32);
    let (weight, bias) = (
        input.weight.require_grad(),
        input.bias.unwrap().require_grad(),
    );
    let input = ConvInput {
        weight: weight.clone(),
        bias: Some(bias.clone()),
        ..input
    };
    let grads = causal_conv1d(input, FULL.options).sum().backward();
    let (weight, bias) = (weight.grad(&grads).unwrap(), bias.grad(&grads).unwrap());
    let joined = Tensor::cat(
        vec![weight.clone() * 2.0, bias.clone().unsqueeze_dim(1) * 2.0],
        1,
    );
    let separate = Tensor::cat(vec![weight, bias.unsqueeze_dim(1)], 1);
    assert_eq!(joined.to_data(), (separate * 2.0).to_data());
}

#[test]
fn nothing_passes_a_border() {
    for case in [FULL, FULL.reversed()] {
        let case = Case {
            initial_columns: false,
            ..case
        };
        let device = device();
        let mut input = case.input(&device, DType::F32);
        // Not even what is not a number: the sequence that ends at token 16 is all NaN.
        let values: Vec<bool> = (0..66).map(|i| [10, 17].contains(&(i % 33))).collect();
        input.reset = Some(Tensor::from_data(TensorData::new(values, [2, 33]), &device));
        let nan = Tensor::full([2, 7, 19], f32::NAN, &device);
        input.x = input.x.slice_assign(s![.., 10..17, ..], nan);
        let output = causal_conv1d(input, case.options).into_data();
        let finite = output.try_to_vec::<f32>().unwrap();
        for (i, y) in finite.iter().enumerate() {
            let inside = (10..17).contains(&(i / 19 % 33));
            assert_eq!(y.is_nan(), inside, "element {i} is {y}");
        }
    }
}

#[test]
fn chunks_with_carried_columns_equal_one_pass() {
    let device = device();
    for taps in [1, 2, 4, 7] {
        for reverse in [false, true] {
            for reset in [false, true] {
                chunked(
                    Case {
                        taps,
                        reset,
                        options: ConvOptions {
                            silu: true,
                            reverse,
                        },
                        ..FULL
                    },
                    &device,
                );
            }
        }
    }
}

/// Chunks shorter than the filter included.
fn chunked(case: Case, device: &Device) {
    let whole = case.input(device, DType::F32);
    let expected = causal_conv1d(whole.clone(), case.options);
    let mut ranges = vec![0..9, 9..10, 10..12, 12..33];
    if case.options.reverse {
        ranges.reverse();
    }
    let mut columns = whole.initial_columns.clone();
    let mut outputs = Vec::new();
    for range in &ranges {
        let part = ConvInput {
            x: whole.x.clone().slice([0..2, range.clone()]),
            reset: whole.reset.clone().map(|t| t.slice([0..2, range.clone()])),
            initial_columns: columns,
            ..whole.clone()
        };
        let mut carried = part.clone();
        // In reverse, a mark at the first token of the chunk processed before separates the two.
        if case.options.reverse && range.end < 33 {
            carried.initial_columns = carried.initial_columns.map(|columns| {
                let mark = whole
                    .reset
                    .clone()
                    .map(|t| t.slice([0..2, range.end..range.end + 1]));
                match mark {
                    Some(mark) => columns * (mark.bool_not().float().unsqueeze_dim::<3>(2)),
                    None => columns,
                }
            });
        }
        outputs.push(causal_conv1d(carried.clone(), case.options));
        columns = Some(final_columns(&carried, case.options));
    }
    if case.options.reverse {
        outputs.reverse();
    }
    let output = Tensor::cat(outputs, 1);
    assert_close(
        &output.into_data(),
        &expected.into_data(),
        1e-5,
        1e-6,
        &format!("{case:?}"),
    );
}

#[test]
fn packed_sequences_equal_separate_ones() {
    let device = device();
    for case in [FULL, FULL.reversed()] {
        let case = Case {
            batch: 1,
            length: 40,
            reset: false,
            initial_columns: false,
            ..case
        };
        let mut packed = case.input(&device, DType::F32);
        let values: Vec<bool> = (0..40).map(|t| [0, 13, 14, 30].contains(&t)).collect();
        packed.reset = Some(Tensor::from_data(TensorData::new(values, [1, 40]), &device));
        let output = causal_conv1d(packed.clone(), case.options);
        let parts = [0..13, 13..14, 14..30, 30..40].map(|range| {
            let x = packed.x.clone().slice([0..1, range]);
            causal_conv1d(
                ConvInput {
                    x,
                    reset: None,
                    ..packed.clone()
                },
                case.options,
            )
        });
        let separate = Tensor::cat(parts.to_vec(), 1);
        assert_close(
            &output.into_data(),
            &separate.into_data(),
            1e-5,
            1e-6,
            "packed",
        );
    }
}

#[test]
fn reference_equals_the_sum_over_taps() {
    for case in [FULL, FULL.reversed()] {
        let case = Case {
            batch: 1,
            reset: false,
            ..case
        };
        let input = case.input(&Device::flex(), DType::F64);
        let read = |data: TensorData| data.try_to_vec::<f64>().unwrap();
        let (x, w) = (read(input.x.to_data()), read(input.weight.to_data()));
        let bias = read(input.bias.clone().unwrap().to_data());
        let columns = read(input.initial_columns.clone().unwrap().to_data());
        let output = read(reference::causal_conv1d(input, case.options).into_data());
        let (l, d, k) = (case.length as isize, case.channels, case.taps);
        let at = |t: isize, c: usize| match t {
            t if t < 0 => columns[(t + k as isize - 1) as usize * d + c],
            t if t >= l => columns[(t - l) as usize * d + c],
            t => x[t as usize * d + c],
        };
        let direction = if case.options.reverse { 1 } else { -1 };
        for t in 0..case.length {
            for c in 0..d {
                let tap =
                    |j: usize| w[c * k + k - 1 - j] * at(t as isize + direction * j as isize, c);
                let p = bias[c] + (0..k).map(tap).sum::<f64>();
                let expected = p / (1.0 + (-p).exp());
                assert!((output[t * d + c] - expected).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn reference_gradients_equal_finite_differences() {
    let case = Case {
        batch: 1,
        length: 6,
        channels: 2,
        taps: 3,
        ..FULL
    };
    let device = Device::flex().autodiff();
    let mut input = case.input(&device, DType::F64);
    input.x = input.x.require_grad();
    input.weight = input.weight.require_grad();
    let loss = |input: ConvInput| {
        reference::causal_conv1d(input, case.options)
            .powi_scalar(2)
            .sum()
            .into_scalar::<f64>()
    };
    let output = reference::causal_conv1d(input.clone(), case.options);
    let grads = output.powi_scalar(2).sum().backward();
    let moved = |data: TensorData, i: usize, by: f64| {
        let mut data = data;
        data.as_mut_slice::<f64>().unwrap()[i] += by;
        data
    };
    let dx = input
        .x
        .grad(&grads)
        .unwrap()
        .into_data()
        .try_to_vec::<f64>()
        .unwrap();
    for (i, grad) in dx.into_iter().enumerate() {
        let at = |by| ConvInput {
            x: Tensor::from_data(moved(input.x.to_data(), i, by), (&device, DType::F64)),
            ..input.clone()
        };
        assert!(((loss(at(1e-6)) - loss(at(-1e-6))) / 2e-6 - grad).abs() < 1e-7);
    }
    let dw = input
        .weight
        .grad(&grads)
        .unwrap()
        .into_data()
        .try_to_vec::<f64>()
        .unwrap();
    for (i, grad) in dw.into_iter().enumerate() {
        let at = |by| ConvInput {
            weight: Tensor::from_data(moved(input.weight.to_data(), i, by), (&device, DType::F64)),
            ..input.clone()
        };
        assert!(((loss(at(1e-6)) - loss(at(-1e-6))) / 2e-6 - grad).abs() < 1e-7);
    }
}

#[test]
#[should_panic(expected = "`bias` is [18], expected [19]")]
fn wrong_shapes_are_named() {
    let device = Device::flex();
    let mut input = FULL.input(&device, DType::F32);
    input.bias = input.bias.map(|bias| bias.slice(s![..18]));
    let _ = causal_conv1d(input, FULL.options);
}
