//! What the operator's own tests cannot reach: operands whose tokens lie apart in memory, and every
//! division of the work. They need a GPU to be the tested device, and pass without one.

use burn::backend::TensorMetadata;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, Slice, TensorData};
use burn_cubecl::ops::into_data_sync;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, CubeDevice};

use super::strategy::Division;
use super::{Problem, Tokens};
use crate::causal_conv1d::ConvOptions;
use crate::causal_conv1d::ops::{ConvGrads, ConvTensors};
use crate::cube::contiguous;
use crate::testing::{Numbers, assert_close, device, gpu, poison};

fn tensor(data: TensorData, device: &CubeDevice) -> CubeTensor {
    CubeBackend::float_from_data(data.convert_dtype(DType::F32), device)
}

/// The convolution of `x` with three taps and every optional operand.
fn problem(x: &CubeTensor, reverse: bool, device: &CubeDevice) -> Problem {
    let [batch, length, channels] = x.shape().dims();
    let mut numbers = Numbers::new(11);
    let marks = (0..batch * length).map(|i| f32::from(u8::from(i % 13 == 5)));
    let marks = TensorData::new(marks.collect::<Vec<_>>(), [batch, length]);
    let input = ConvTensors {
        x: x.clone(),
        weight: tensor(numbers.uniform([channels, 3], -0.5, 0.5), device),
        bias: Some(tensor(numbers.uniform([channels], -0.5, 0.5), device)).into(),
        initial_columns: Some(tensor(numbers.normal([batch, 2, channels]), device)).into(),
        reset: Some(tensor(marks, device)).into(),
    };
    Problem::new(
        input,
        ConvOptions {
            silu: true,
            reverse,
        },
    )
}

/// Output and gradients of the inputs, which do not depend on the division in any bit; and those of
/// the parameters, which do in the last.
fn results(
    output: CubeTensor,
    grads: ConvGrads<CubeBackend>,
) -> ([TensorData; 3], [TensorData; 2]) {
    let columns = grads.initial_columns.into_option().unwrap();
    let bias = grads.bias.into_option().unwrap();
    (
        [output, grads.x, columns].map(into_data_sync),
        [grads.weight, bias].map(into_data_sync),
    )
}

#[test]
fn tokens_that_lie_apart_are_read_in_place() {
    let Some(gpu) = gpu() else { return };
    let mut numbers = Numbers::new(3);
    for reverse in [false, true] {
        // A part of a wider and longer tensor.
        let mut part = || {
            let whole = tensor(numbers.normal([4, 21, 192]), &gpu);
            let ranges = [(1, 4), (2, 20), (64, 128)];
            let slices = ranges.map(|(from, to)| Slice::new(from, Some(to), 1));
            CubeBackend::float_slice(whole, &slices)
        };
        same_as_copies(part(), part(), reverse, &gpu);
        // Sequences side by side, in vectors of one, two and four channels: never contiguous.
        for channels in [5, 6, 8] {
            let mut swapped = || {
                let data = numbers.normal([18, 3, channels]);
                CubeBackend::float_swap_dims(tensor(data, &gpu), 0, 1)
            };
            same_as_copies(swapped(), swapped(), reverse, &gpu);
        }
    }
}

fn same_as_copies(x: CubeTensor, grad: CubeTensor, reverse: bool, gpu: &CubeDevice) {
    let run = |x: CubeTensor, grad: CubeTensor| {
        let problem = problem(&x, reverse, gpu);
        results(problem.forward(), problem.backward(grad))
    };
    let (expected, expected_sums) = run(contiguous(x.clone()), contiguous(grad.clone()));
    let (got, sums) = run(x, grad);
    assert_eq!(got, expected);
    // A copy may be read in longer vectors, which divides the sums differently.
    for (got, expected) in sums.iter().zip(&expected_sums) {
        assert_close(got, expected, 1e-5, 1e-5, "parameters");
    }
}

#[test]
fn every_division_gives_the_same() {
    let Some(gpu) = gpu() else { return };
    let mut numbers = Numbers::new(3);
    let x = tensor(numbers.normal([3, 150, 12]), &gpu);
    let grad = tensor(numbers.normal([3, 150, 12]), &gpu);
    for reverse in [false, true] {
        let problem = problem(&x, reverse, &gpu);
        let (inputs, parameters) = results(problem.forward(), problem.backward(grad.clone()));
        for (width, lanes, rows) in [(1, 4, 8), (1, 16, 2), (2, 2, 1), (4, 4, 3)] {
            for (run, steps) in [(1, 1), (3, 2), (5, 4), (14, 4), (64, 8), (150, 4), (999, 4)] {
                let groups = (3 * 150_usize.div_ceil(run)).div_ceil(rows);
                for parts in [1, 2, groups] {
                    let division = |parts| Division {
                        width,
                        lanes,
                        rows,
                        steps,
                        run,
                        parts,
                    };
                    poison(&device());
                    let output = problem.output();
                    problem.forward_as(&output, division(groups));
                    let grad = Tokens::new(grad.clone(), DType::F32);
                    let grads = problem.backward_as(&grad, problem.output(), division(parts));
                    let (got, sums) = results(output.tensor, grads);
                    assert_eq!(got, inputs, "{:?}", division(parts));
                    for (got, expected) in sums.iter().zip(&parameters) {
                        assert_close(got, expected, 1e-5, 1e-5, &format!("{:?}", division(parts)));
                    }
                }
            }
        }
    }
}
