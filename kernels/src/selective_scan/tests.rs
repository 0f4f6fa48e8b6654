//! Native = reference in every output and gradient; reference = the formula and its finite
//! differences in 64 bits.

use burn::tensor::{Bool, DType, Device, Tensor, TensorData, capture, s};

use super::{
    ScanInput, ScanOptions, Tuning, bidirectional_scan, pair, reference, selective_scan,
    selective_scan_with_state,
};
use crate::testing::{Named, Numbers, assert_all_close, assert_close, device, half_types, poison};

/// Sizes and switches of one problem.
#[derive(Clone, Copy, Debug)]
struct Case {
    batch: usize,
    length: usize,
    channels: usize,
    groups: usize,
    states: usize,
    options: ScanOptions,
    skip: bool,
    gate: bool,
    bias: bool,
    initial_state: bool,
    reset: bool,
    /// Two directions at once.
    pair: bool,
}

const FULL: Case = Case {
    batch: 2,
    length: 33,
    channels: 19,
    groups: 1,
    states: 16,
    options: ScanOptions {
        delta_softplus: true,
        reverse: false,
        tuning: Tuning::AUTO,
    },
    skip: true,
    gate: true,
    bias: true,
    initial_state: true,
    reset: true,
    pair: false,
};

impl Case {
    fn reversed(self) -> Self {
        Self {
            options: ScanOptions {
                reverse: true,
                ..self.options
            },
            ..self
        }
    }

    /// Operands like those of a trained layer, reproducible.
    fn input(&self, device: &Device, dtype: DType) -> ScanInput {
        let Self {
            batch: b,
            length: l,
            channels: d,
            groups: g,
            states: n,
            ..
        } = *self;
        let mut numbers = Numbers::new(7);
        let on = (device, dtype);
        let directions = if self.pair { 2 } else { 1 };
        let (stacked, parameters) = (directions * b, directions * d);
        ScanInput {
            u: Tensor::from_data(numbers.normal([stacked, l, d]), on),
            delta: Tensor::from_data(numbers.uniform([stacked, l, d], -1.0, 0.8), on),
            a: Tensor::from_data(numbers.uniform([parameters, n], -1.5, -0.05), on),
            b: Tensor::from_data(numbers.normal([stacked, l, g, n]), on),
            c: Tensor::from_data(numbers.normal([stacked, l, g, n]), on),
            skip: self
                .skip
                .then(|| Tensor::from_data(numbers.normal([parameters]), on)),
            z: self
                .gate
                .then(|| Tensor::from_data(numbers.normal([b, l, d]), on)),
            delta_bias: self
                .bias
                .then(|| Tensor::from_data(numbers.uniform([parameters], -0.5, 0.5), on)),
            initial_state: self
                .initial_state
                .then(|| Tensor::from_data(numbers.normal([stacked, d, n]), on)),
            reset: self.reset.then(|| marks(b, l, device)),
        }
    }
}

/// Irregular sequence starts that differ between batch elements.
fn marks(batch: usize, length: usize, device: &Device) -> Tensor<2, Bool> {
    let mark = |i: usize| (i % length + i / length * 3) % 11 == 5;
    let values: Vec<bool> = (0..batch * length).map(mark).collect();
    Tensor::from_data(TensorData::new(values, [batch, length]), device)
}

/// Results of the tested device's implementation.
fn native(case: &Case, dtype: DType) -> Named {
    poison(&device());
    let scan = match case.pair {
        true => |input, options| without_state(bidirectional_scan(input, options)),
        false => selective_scan_with_state,
    };
    results(case, scan, dtype, device())
}

/// Results of the reference.
fn expected(case: &Case, dtype: DType) -> Named {
    let scan = match case.pair {
        true => |input, options| {
            let scan = |input, options| reference::selective_scan(input, options).0;
            without_state(pair::separately(input, options, scan))
        },
        false => reference::selective_scan,
    };
    results(case, scan, dtype, Device::flex())
}

/// Two directions return no state; one of nothing takes its place.
fn without_state(output: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
    let state = Tensor::zeros([1, 1, 1], (&output.device(), DType::F32));
    (output, state)
}

type Scan = fn(ScanInput, ScanOptions) -> (Tensor<3>, Tensor<3>);

/// Output, final state, and the gradient of a fixed weighted sum of both with respect to every
/// operand, by name.
fn results(case: &Case, scan: Scan, dtype: DType, device: Device) -> Named {
    let device = device.autodiff();
    let mut input = case.input(&device, dtype);
    track(&mut input);
    let (output, state) = scan(input.clone(), case.options);
    let mut numbers = Numbers::new(99);
    let weight = Tensor::from_data(numbers.normal(output.dims()), (&device, DType::F32));
    let state_weight = Tensor::from_data(numbers.normal(state.dims()), (&device, DType::F32));
    let loss = (output.clone().cast(DType::F32) * weight).sum()
        + (state.clone().cast(DType::F32) * state_weight).sum();
    let grads = loss.backward();

    let mut named = vec![("output", output.into_data()), ("state", state.into_data())];
    named.push(("du", input.u.grad(&grads).unwrap().into_data()));
    named.push(("ddelta", input.delta.grad(&grads).unwrap().into_data()));
    named.push(("da", input.a.grad(&grads).unwrap().into_data()));
    named.push(("db", input.b.grad(&grads).unwrap().into_data()));
    named.push(("dc", input.c.grad(&grads).unwrap().into_data()));
    let mut optional = |name, data: Option<TensorData>| named.extend(data.map(|data| (name, data)));
    optional(
        "dskip",
        input.skip.map(|t| t.grad(&grads).unwrap().into_data()),
    );
    optional("dz", input.z.map(|t| t.grad(&grads).unwrap().into_data()));
    optional(
        "dbias",
        input
            .delta_bias
            .map(|t| t.grad(&grads).unwrap().into_data()),
    );
    optional(
        "dstate",
        input
            .initial_state
            .map(|t| t.grad(&grads).unwrap().into_data()),
    );
    named
}

fn track(input: &mut ScanInput) {
    input.u = input.u.clone().require_grad();
    input.delta = input.delta.clone().require_grad();
    input.a = input.a.clone().require_grad();
    input.b = input.b.clone().require_grad();
    input.c = input.c.clone().require_grad();
    input.skip = input.skip.take().map(Tensor::require_grad);
    input.z = input.z.take().map(Tensor::require_grad);
    input.delta_bias = input.delta_bias.take().map(Tensor::require_grad);
    input.initial_state = input.initial_state.take().map(Tensor::require_grad);
}

/// Native against reference in 32 bits. The bounds are about ten times tighter than those of the
/// official test (rtol 6e-4, atol 2e-3 for the output; see docs/numerics.md); sums over time or
/// channels are compared relative to their largest element.
fn check(case: Case) {
    let (native, expected) = (native(&case, DType::F32), expected(&case, DType::F32));
    assert_all_close(&native, &expected, 6e-5, 2e-5, &format!("{case:?}"));
}

#[test]
fn native_equals_reference_at_every_length_and_state_size() {
    for length in [1, 2, 3, 15, 16, 17, 63, 64, 65, 197] {
        for states in [1, 3, 16, 64] {
            let case = Case {
                length,
                states,
                ..FULL
            };
            check(case);
            check(case.reversed());
        }
    }
}

#[test]
fn native_equals_reference_on_a_long_sequence() {
    let case = Case {
        batch: 1,
        length: 1031,
        channels: 5,
        ..FULL
    };
    for states in [1, 3, 16, 64] {
        check(Case { states, ..case });
        check(Case { states, ..case }.reversed());
    }
}

#[test]
fn native_equals_reference_at_odd_channel_counts_and_groups() {
    for (channels, groups) in [
        (1, 1),
        (7, 7),
        (16, 1),
        (17, 1),
        (66, 2),
        (129, 3),
        (131, 1),
    ] {
        let case = Case {
            channels,
            groups,
            length: 18,
            states: 3,
            ..FULL
        };
        check(case);
        check(case.reversed());
    }
}

#[test]
fn native_equals_reference_with_and_without_every_option() {
    for bits in 0..64_u32 {
        let on = |bit: u32| bits >> bit & 1 == 1;
        let case = Case {
            length: 18,
            channels: 5,
            states: 3,
            options: ScanOptions {
                delta_softplus: on(0),
                ..ScanOptions::default()
            },
            skip: on(1),
            gate: on(2),
            bias: on(3),
            initial_state: on(4),
            reset: on(5),
            ..FULL
        };
        check(case);
        check(case.reversed());
    }
}

/// Chunks along the sequence, and every size of tile, on devices that have them.
#[test]
fn every_division_of_the_work_equals_the_reference() {
    let tuning = Tuning::default();
    for chunks in [1, 2, 3, 100] {
        for (lanes, channels, steps) in [(8, 2, 8), (4, 1, 4), (16, 4, 8), (2, 2, 16)] {
            let case = Case {
                length: 259,
                channels: 21,
                options: ScanOptions {
                    tuning: Tuning {
                        chunks: Some(chunks),
                        lanes: Some(lanes),
                        channels: Some(channels),
                        steps: Some(steps),
                    },
                    ..FULL.options
                },
                ..FULL
            };
            check(case);
            check(case.reversed());
            check(Case {
                reset: false,
                initial_state: false,
                options: ScanOptions {
                    tuning: Tuning {
                        chunks: Some(chunks),
                        ..tuning
                    },
                    ..FULL.options
                },
                ..case
            });
        }
    }
}

#[test]
fn both_directions_at_once_equal_the_reference() {
    let pair = Case { pair: true, ..FULL };
    let bare = Case {
        skip: false,
        gate: false,
        bias: false,
        initial_state: false,
        reset: false,
        ..pair
    };
    for case in [pair, bare] {
        check(case);
        check(case.reversed());
        for length in [1, 70] {
            check(Case { length, ..case });
        }
        let (channels, groups) = (48, 2);
        let mut chunked = Case {
            length: 140,
            channels,
            groups,
            ..case
        };
        chunked.options.tuning.chunks = Some(2);
        check(chunked);
        check(chunked.reversed());
    }
}

#[test]
fn half_precision_is_the_rounded_32_bit_result() {
    let pair = Case { pair: true, ..FULL };
    for (dtype, tolerance) in half_types() {
        for case in [FULL, pair] {
            let (native, expected) = (native(&case, dtype), expected(&case, dtype));
            let what = format!("{dtype:?}");
            assert_all_close(&native, &expected, tolerance, tolerance, &what);
        }
    }
}

#[test]
fn output_alone_equals_output_with_state() {
    let device = device().autodiff();
    let mut input = FULL.input(&device, DType::F32);
    track(&mut input);
    let alone = selective_scan(input.clone(), FULL.options);
    let (with_state, _) = selective_scan_with_state(input.clone(), FULL.options);
    assert_eq!(alone.to_data(), with_state.to_data());
    let (first, second) = (alone.sum().backward(), with_state.sum().backward());
    assert_eq!(
        input.a.grad(&first).unwrap().to_data(),
        input.a.grad(&second).unwrap().to_data()
    );
}

#[test]
fn views_are_read_in_place() {
    let device = device();
    let input = FULL.input(&device, DType::F32);
    let expected = selective_scan(input.clone(), FULL.options);
    let joined = Tensor::cat(
        vec![input.u.clone(), input.u.clone() * 2, input.delta.clone()],
        2,
    );
    let [_, _, d] = input.u.dims();
    let mut views = input;
    views.u = joined.clone().slice([0..2, 0..33, 0..d]);
    views.delta = joined.slice([0..2, 0..33, 2 * d..3 * d]);
    views.a = views.a.transpose() * 1.0;
    views.a = views.a.transpose();
    assert_eq!(
        selective_scan(views, FULL.options).to_data(),
        expected.to_data()
    );
}

#[test]
fn chunks_with_carried_state_equal_one_pass() {
    let device = device();
    let whole = Case {
        length: 50,
        reset: false,
        ..FULL
    }
    .input(&device, DType::F32);
    let (expected, expected_state) = selective_scan_with_state(whole.clone(), FULL.options);
    let mut state = whole.initial_state.clone();
    let mut outputs = Vec::new();
    for range in [0..7, 7..8, 8..40, 40..50] {
        let mut part = cut(&whole, range);
        part.initial_state = state;
        let (output, next) = selective_scan_with_state(part, FULL.options);
        outputs.push(output);
        state = Some(next);
    }
    let output = Tensor::cat(outputs, 1).into_data();
    assert_close(&output, &expected.into_data(), 1e-5, 1e-6, "output");
    assert_close(
        &state.unwrap().into_data(),
        &expected_state.into_data(),
        1e-5,
        1e-6,
        "state",
    );
}

#[test]
fn packed_sequences_equal_separate_ones() {
    let device = device();
    for reverse in [false, true] {
        let options = ScanOptions {
            reverse,
            ..FULL.options
        };
        let case = Case {
            length: 40,
            reset: false,
            initial_state: false,
            batch: 1,
            ..FULL
        };
        let mut packed = case.input(&device, DType::F32);
        let starts = [0, 13, 14, 30];
        let values: Vec<bool> = (0..40).map(|t| starts.contains(&t)).collect();
        packed.reset = Some(Tensor::from_data(TensorData::new(values, [1, 40]), &device));
        let output = selective_scan(packed.clone(), options);
        packed.reset = None;
        let parts =
            [0..13, 13..14, 14..30, 30..40].map(|r| selective_scan(cut(&packed, r), options));
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

/// The tokens `range` of a problem without resets.
fn cut(input: &ScanInput, range: std::ops::Range<usize>) -> ScanInput {
    let rows = |t: &Tensor<3>| t.clone().slice([0..t.dims()[0], range.clone()]);
    let matrix = |t: &Tensor<4>| t.clone().slice([0..t.dims()[0], range.clone()]);
    ScanInput {
        u: rows(&input.u),
        delta: rows(&input.delta),
        b: matrix(&input.b),
        c: matrix(&input.c),
        z: input.z.as_ref().map(rows),
        ..input.clone()
    }
}

#[test]
fn native_is_deterministic() {
    let case = Case {
        channels: 300,
        ..FULL
    };
    let first = native(&case, DType::F32);
    for _ in 0..3 {
        assert_eq!(first, native(&case, DType::F32));
    }
}

/// The operator, forward and backward, recorded as a hardware graph where the device has those.
#[test]
fn replay_equals_eager_execution() {
    let device = device().autodiff();
    let mut input = FULL.input(&device, DType::F32);
    track(&mut input);
    let run = || {
        let output = selective_scan(input.clone(), FULL.options);
        let grads = output.clone().sum().backward();
        [
            output.inner(),
            input.u.grad(&grads).unwrap(),
            input.z.as_ref().unwrap().grad(&grads).unwrap(),
        ]
    };
    let eager = run().map(Tensor::into_data);
    let mut graph = capture(&device, run);
    poison(&device);
    // SAFETY: the operands outlive the graph and nothing else uses them.
    let replayed = unsafe { graph.replay() };
    assert_eq!(replayed.clone().map(Tensor::into_data), eager);
}

#[test]
fn extreme_step_sizes_stay_finite() {
    let device = device().autodiff();
    let mut input = Case {
        reset: false,
        ..FULL
    }
    .input(&device, DType::F32);
    input.delta = input.delta * 200.0;
    track(&mut input);
    let loss = selective_scan(input.clone(), FULL.options).sum();
    let grads = loss.backward();
    for grad in [
        input.delta.grad(&grads).unwrap(),
        input.u.grad(&grads).unwrap(),
    ] {
        let values = grad.into_data().try_to_vec::<f32>().unwrap();
        assert!(values.iter().all(|x| x.is_finite()));
    }
}

#[test]
fn reference_equals_the_recurrence() {
    for case in [FULL, FULL.reversed(), Case { groups: 19, ..FULL }] {
        let case = Case {
            length: 12,
            states: 3,
            ..case
        };
        let input = case.input(&Device::flex(), DType::F64);
        let expected = scalar_recurrence(&case, &input);
        let (output, state) = reference::selective_scan(input, case.options);
        let (output, state) = (
            output.into_data().try_to_vec::<f64>(),
            state.into_data().try_to_vec::<f64>(),
        );
        let close = |got: &[f64], expected: &[f64]| {
            got.iter()
                .zip(expected)
                .all(|(x, y)| (x - y).abs() <= 1e-12 * y.abs().max(1.0))
        };
        assert!(close(&output.unwrap(), &expected.0) && close(&state.unwrap(), &expected.1));
    }
}

/// Output and final state by five nested loops over numbers.
fn scalar_recurrence(case: &Case, input: &ScanInput) -> (Vec<f64>, Vec<f64>) {
    let Case {
        batch,
        length,
        channels,
        groups,
        states,
        ..
    } = *case;
    let read = |data: TensorData| data.try_to_vec::<f64>().unwrap();
    let (u, delta) = (read(input.u.to_data()), read(input.delta.to_data()));
    let (b, c) = (read(input.b.to_data()), read(input.c.to_data()));
    let (a, z) = (
        read(input.a.to_data()),
        read(input.z.as_ref().unwrap().to_data()),
    );
    let skip = read(input.skip.as_ref().unwrap().to_data());
    let bias = read(input.delta_bias.as_ref().unwrap().to_data());
    let mut state = read(input.initial_state.as_ref().unwrap().to_data());
    let reset = input
        .reset
        .as_ref()
        .unwrap()
        .to_data()
        .try_to_vec::<bool>()
        .unwrap();
    let mut output = vec![0.0; u.len()];
    for i in 0..batch {
        for d in 0..channels {
            let h = &mut state[(i * channels + d) * states..][..states];
            for step in 0..length {
                let t = if case.options.reverse {
                    length - 1 - step
                } else {
                    step
                };
                let border = if case.options.reverse { t + 1 } else { t };
                if border < length && reset[i * length + border] {
                    h.fill(0.0);
                }
                let at = (i * length + t) * channels + d;
                let dt = (1.0 + (delta[at] + bias[d]).exp()).ln();
                let row = ((i * length + t) * groups + d / (channels / groups)) * states;
                let mut y = skip[d] * u[at];
                for n in 0..states {
                    h[n] = (dt * a[d * states + n]).exp() * h[n] + dt * b[row + n] * u[at];
                    y += c[row + n] * h[n];
                }
                output[at] = y * z[at] / (1.0 + (-z[at]).exp());
            }
        }
    }
    (output, state)
}

#[test]
fn reference_gradients_equal_finite_differences() {
    let case = Case {
        batch: 1,
        length: 6,
        channels: 2,
        states: 2,
        ..FULL
    };
    let device = Device::flex().autodiff();
    let mut input = case.input(&device, DType::F64);
    track(&mut input);
    let loss = |input: &ScanInput| {
        let (output, state) = reference::selective_scan(input.clone(), case.options);
        output.powi_scalar(2).sum() + state.powi_scalar(3).sum()
    };
    let grads = loss(&input).backward();
    macro_rules! compare {
        ($($field:ident).+ $(, $unwrap:ident)?) => {{
            let tensor = input.$($field).+.clone()$(.$unwrap())?;
            let grad = tensor.grad(&grads).unwrap().into_data().try_to_vec::<f64>().unwrap();
            for (i, grad) in grad.into_iter().enumerate() {
                let moved = |by: f64| {
                    let mut data = tensor.to_data();
                    data.as_mut_slice::<f64>().unwrap()[i] += by;
                    let mut input = input.clone();
                    input.$($field).+ = Tensor::from_data(data, (&device, DType::F64)).into();
                    loss(&input).into_scalar::<f64>()
                };
                let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                let scale = grad.abs().max(1.0);
                assert!((difference - grad).abs() < 1e-7 * scale, "{}[{i}]: {difference} {grad}",
                    stringify!($($field).+));
            }
        }};
    }
    compare!(u);
    compare!(delta);
    compare!(a);
    compare!(b);
    compare!(c);
    compare!(skip, unwrap);
    compare!(z, unwrap);
    compare!(delta_bias, unwrap);
    compare!(initial_state, unwrap);
}

#[test]
#[should_panic(expected = "`delta` is [2, 33, 18], expected [2, 33, 19]")]
fn wrong_shapes_are_named() {
    let device = Device::flex();
    let mut input = FULL.input(&device, DType::F32);
    input.delta = input.delta.slice([0..2, 0..33, 0..18]);
    let _ = selective_scan(input, FULL.options);
}

/// Sizes that only a large GPU holds: `ELAPID_TEST_DEVICE=cuda cargo test … -- --ignored`.
mod large {
    use burn::tensor::Distribution;

    use super::*;

    /// A million tokens in one pass equal sixteen passes with carried state, in the output and in
    /// every gradient.
    #[test]
    #[ignore = "needs a GPU with 40 GB"]
    fn a_million_tokens_equal_their_chunks() {
        let case = Case {
            batch: 1,
            length: 1 << 20,
            channels: 256,
            initial_state: false,
            reset: false,
            ..FULL
        };
        let device = device().autodiff();
        let mut input = random(&case, &device, DType::F32);
        track(&mut input);
        let whole = selective_scan(input.clone(), case.options);
        let mut state = None;
        let mut parts = Vec::new();
        for start in (0..case.length).step_by(1 << 16) {
            let mut part = cut(&input, start..start + (1 << 16));
            part.initial_state = state;
            let (output, next) = selective_scan_with_state(part, case.options);
            parts.push(output);
            state = Some(next);
        }
        let chunked = Tensor::cat(parts, 1);
        let weight = Tensor::<3>::random(
            [1, case.length, 256],
            Distribution::Normal(0.0, 1.0),
            (&device, DType::F32),
        );
        let whole_grads = (whole.clone() * weight.clone()).sum().backward();
        let chunked_grads = (chunked.clone() * weight).sum().backward();
        equal(whole.inner(), chunked.inner(), "output");
        macro_rules! compare {
            ($($operand:expr),+) => {$(
                let (x, y) = ($operand.grad(&whole_grads), $operand.grad(&chunked_grads));
                equal(x.unwrap(), y.unwrap(), stringify!($operand));
            )+};
        }
        compare!(input.u, input.delta, input.a, input.b, input.c);
        compare!(input.skip.as_ref().unwrap(), input.z.as_ref().unwrap());
        compare!(input.delta_bias.as_ref().unwrap());
    }

    /// More elements than 32 bits count: the last channels equal a scan of these channels alone.
    #[test]
    #[ignore = "needs a GPU with 60 GB"]
    fn offsets_beyond_32_bits_are_right() {
        let case = Case {
            batch: 1,
            length: (1 << 20) + 64,
            channels: 4096,
            gate: false,
            initial_state: false,
            reset: false,
            ..FULL
        };
        let input = random(&case, &device(), DType::BF16);
        let last = |t: &Tensor<3>| t.clone().slice(s![.., .., 4032..]);
        let alone = ScanInput {
            u: last(&input.u),
            delta: last(&input.delta),
            a: input.a.clone().slice(s![4032.., ..]),
            skip: input.skip.clone().map(|t| t.slice(s![4032..])),
            delta_bias: input.delta_bias.clone().map(|t| t.slice(s![4032..])),
            ..input.clone()
        };
        let expected = selective_scan(alone, case.options);
        let output = selective_scan(input, case.options);
        equal(last(&output), expected, "last channels");
    }

    /// Operands drawn on the device.
    fn random(case: &Case, device: &Device, dtype: DType) -> ScanInput {
        let Case {
            batch: b,
            length: l,
            channels: d,
            groups: g,
            states: n,
            ..
        } = *case;
        let on = (device, dtype);
        let normal = Distribution::Normal(0.0, 1.0);
        let float = (device, DType::F32);
        ScanInput {
            u: Tensor::random([b, l, d], normal, on),
            delta: Tensor::random([b, l, d], Distribution::Uniform(-1.0, 0.8), on),
            a: Tensor::random([d, n], Distribution::Uniform(-1.5, -0.05), float),
            b: Tensor::random([b, l, g, n], normal, on),
            c: Tensor::random([b, l, g, n], normal, on),
            skip: Some(Tensor::random([d], normal, float)),
            z: case.gate.then(|| Tensor::random([b, l, d], normal, on)),
            delta_bias: Some(Tensor::random([d], Distribution::Uniform(-0.5, 0.5), float)),
            initial_state: None,
            reset: None,
        }
    }

    /// The largest difference, relative to the largest element, found on the device.
    fn equal<const D: usize>(got: Tensor<D>, expected: Tensor<D>, what: &str) {
        let (got, expected) = (got.cast(DType::F32), expected.cast(DType::F32));
        let largest = expected.clone().abs().max().into_scalar::<f32>();
        let difference = (got - expected).abs().max().into_scalar::<f32>();
        assert!(
            difference <= 1e-4 * largest.max(1.0),
            "{what}: {difference} of {largest}"
        );
    }
}
