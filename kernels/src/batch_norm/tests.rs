//! The operator = the reference in results and gradients; the reference = the formula and its finite differences in 64 bits.

use burn::tensor::{DType, Device, Tensor, TensorData};

use super::{BatchNormInput, BatchNormOutput, Real, batch_norm, reference};
use crate::testing::{Named, Numbers, assert_all_close, assert_close, device, half_types, poison};

const EPSILON: f64 = 1e-5;

/// Rows, columns: of one and several parts, of equal parts and not, of one and several blocks of columns.
const SIZES: [[usize; 2]; 14] = [
    [1, 1],
    [1, 48],
    [2, 3],
    [2, 64],
    [7, 5],
    [63, 48],
    [129, 3],
    [1000, 48],
    [1900, 100],
    [2049, 130],
    [5000, 1],
    [40, 2100],
    [16_384, 64],
    [35_011, 12],
];

type Operator = fn(BatchNormInput, f64) -> BatchNormOutput;

/// Every third row is padding.
fn real(rows: usize, device: &Device, dtype: DType) -> Real {
    let weights: Vec<f64> = (0..rows)
        .map(|row| f64::from(u8::from(row % 3 != 1)))
        .collect();
    let count = weights.iter().sum::<f64>().max(1.0);
    Real {
        weights: Tensor::from_data(TensorData::new(weights, [rows, 1]), (device, dtype)),
        count: Tensor::from_data([count], (device, dtype)),
    }
}

/// Results, and the gradients of a weighted sum of the output. `view` is what the operator sees of x.
fn results_of(
    shape: [usize; 2],
    masked: bool,
    operator: Operator,
    dtype: DType,
    device: &Device,
    view: fn(Tensor<2>) -> Tensor<2>,
) -> Named {
    let mut numbers = Numbers::new(3);
    let device = device.clone().autodiff();
    let tensor = |data: TensorData| Tensor::<2>::from_data(data, (&device, dtype));
    let x = tensor(numbers.uniform(shape, -1.0, 3.0)).require_grad();
    let seen = view(x.clone());
    let [rows, columns] = seen.dims();
    // Of mean 0: the rounding of a mean of x is not multiplied by the number of rows.
    let factors = tensor(numbers.normal([columns, rows]));
    let mut row = |low: f64, high: f64| {
        let data = numbers.uniform([columns], low, high);
        Tensor::<1>::from_data(data, (&device, DType::F32)).require_grad()
    };
    let (weight, bias) = (row(0.5, 1.5), row(-0.5, 0.5));
    poison(&device);
    let input = BatchNormInput {
        x: seen,
        weight: weight.clone(),
        bias: bias.clone(),
        real: masked.then(|| real(rows, &device, DType::F32)),
    };
    let output = operator(input, EPSILON);
    let statistics = [&output.mean, &output.variance, &output.unbiased];
    assert!(statistics.iter().all(|statistic| !statistic.is_tracked()));
    // The gradient of y comes as a view.
    let loss = (output.y.clone().transpose() * factors).cast(DType::F32);
    let grads = loss.sum().backward();
    let d_x = view(x.grad(&grads).unwrap());
    assert_eq!([output.y.dtype(), d_x.dtype()], [dtype; 2]);
    // What cancels in it is dy w / √(v + ε), and close rows make that large: it is compared in this unit.
    let deviation = (output.variance.clone().inner() + EPSILON).sqrt();
    let d_x = d_x.cast(DType::F32) * deviation.unsqueeze();
    vec![
        ("y", output.y.into_data()),
        ("mean", output.mean.into_data()),
        ("variance", output.variance.into_data()),
        ("unbiased", output.unbiased.into_data()),
        ("dx", d_x.into_data()),
        ("dweight", weight.grad(&grads).unwrap().into_data()),
        ("dbias", bias.grad(&grads).unwrap().into_data()),
    ]
}

fn results(
    shape: [usize; 2],
    masked: bool,
    operator: Operator,
    dtype: DType,
    device: &Device,
) -> Named {
    results_of(shape, masked, operator, dtype, device, |x| x)
}

#[test]
fn equals_the_reference() {
    for shape in SIZES {
        for masked in [false, true] {
            let run =
                |operator, device: &Device| results(shape, masked, operator, DType::F32, device);
            let expected = run(reference::batch_norm, &Device::flex());
            let got = run(batch_norm, &device());
            let what = format!("{shape:?}, padding {masked}");
            assert_all_close(&got, &expected, 1e-4, 2e-5, &what);
        }
    }
}

#[test]
fn half_precision_is_the_rounded_32_bit_result() {
    for (dtype, error) in half_types() {
        for shape in SIZES {
            let run = |operator, device: &Device| results(shape, true, operator, dtype, device);
            let expected = run(reference::batch_norm, &Device::flex());
            let got = run(batch_norm, &device());
            assert_all_close(
                &got,
                &expected,
                error,
                error,
                &format!("{shape:?} in {dtype:?}"),
            );
        }
    }
}

#[test]
fn views_of_rows() {
    let views: [fn(Tensor<2>) -> Tensor<2>; 4] = [
        |x| x.transpose(),
        |x| x.narrow(1, 4, 40),
        |x| x.narrow(1, 3, 7),
        |x| x.narrow(0, 5, 100),
    ];
    for view in views {
        let run = |operator, device: &Device| {
            results_of([130, 60], true, operator, DType::F32, device, view)
        };
        let expected = run(reference::batch_norm, &Device::flex());
        let got = run(batch_norm, &device());
        assert_all_close(&got, &expected, 1e-4, 2e-5, "a view");
    }
}

/// Mean 1000 and deviation 1, with padding far from both and in front.
#[test]
fn variance_keeps_its_digits_where_the_mean_is_large() {
    for [rows, columns] in [[3, 4], [1000, 48], [20_000, 5]] {
        let mut numbers = Numbers::new(9);
        let mut values: Vec<f32> = numbers
            .normal([rows, columns])
            .iter::<f32>()
            .map(|x| x + 1000.0)
            .collect();
        let real = |row: usize| !row.is_multiple_of(3);
        for row in (0..rows).filter(|row| !real(*row)) {
            values[row * columns..][..columns].fill(-7.0);
        }
        let weights: Vec<f32> = (0..rows)
            .map(|row| f32::from(u8::from(real(row))))
            .collect();
        let count = weights.iter().sum::<f32>();
        let device = device();
        poison(&device);
        let of = |data: TensorData| Tensor::<2>::from_data(data, (&device, DType::F32));
        let output = batch_norm(
            BatchNormInput {
                x: of(TensorData::new(values.clone(), [rows, columns])),
                weight: Tensor::ones([columns], &device),
                bias: Tensor::zeros([columns], &device),
                real: Some(Real {
                    weights: of(TensorData::new(weights, [rows, 1])),
                    count: Tensor::from_data([count], &device),
                }),
            },
            EPSILON,
        );
        let column = |c: usize| -> Vec<f64> {
            let rows = (0..rows).filter(|row| real(*row));
            rows.map(|row| f64::from(values[row * columns + c]))
                .collect()
        };
        let means = (0..columns).map(|c| column(c).iter().sum::<f64>() / f64::from(count));
        let means: Vec<f64> = means.collect();
        let variances = (0..columns).map(|c| {
            let squares = column(c).into_iter().map(|x| (x - means[c]).powi(2));
            squares.sum::<f64>() / f64::from(count)
        });
        let variances = TensorData::new(variances.collect::<Vec<f64>>(), [columns]);
        let what = format!("{rows} rows");
        let means = TensorData::new(means, [columns]);
        assert_close(&output.mean.into_data(), &means, 2e-6, 0.0, &what);
        assert_close(&output.variance.into_data(), &variances, 2e-4, 0.0, &what);
    }
}

#[test]
fn results_are_the_same_in_every_run() {
    let run = || results([35_011, 48], true, batch_norm, DType::F32, &device());
    assert_eq!(run(), run());
}

/// Padding alone, as the last part of a batch may be.
#[test]
fn no_real_row_at_all() {
    let device = device();
    poison(&device);
    let output = batch_norm(
        BatchNormInput {
            x: Tensor::full([70, 8], 3.0, &device),
            weight: Tensor::ones([8], &device),
            bias: Tensor::ones([8], &device),
            real: Some(Real {
                weights: Tensor::zeros([70, 1], &device),
                count: Tensor::ones([1], &device),
            }),
        },
        EPSILON,
    );
    let zeros = |data: TensorData| data.iter::<f32>().all(|x| x == 0.0);
    assert!(zeros(output.y.into_data()));
    assert!(zeros(output.mean.into_data()) && zeros(output.variance.into_data()));
    assert!(zeros(output.unbiased.into_data()));
}

#[test]
fn nothing_is_normalised_to_nothing() {
    let device = device();
    let output = batch_norm(
        BatchNormInput {
            x: Tensor::zeros([0, 8], &device),
            weight: Tensor::ones([8], &device),
            bias: Tensor::ones([8], &device),
            real: None,
        },
        EPSILON,
    );
    assert_eq!(output.y.dims(), [0, 8]);
}

/// A constant receives no gradient and takes none from the others.
#[test]
fn constants_are_left_out() {
    let device = device().autodiff();
    let x = Tensor::<2>::from_data(Numbers::new(1).normal([33, 4]), (&device, DType::F32));
    let bias = Tensor::<1>::zeros([4], &device).require_grad();
    let output = batch_norm(
        BatchNormInput {
            x: x.clone(),
            weight: Tensor::ones([4], &device),
            bias: bias.clone(),
            real: None,
        },
        EPSILON,
    );
    let grads = output.y.sum().backward();
    assert!(x.grad(&grads).is_none());
    let expected = TensorData::from([33.0_f32; 4]);
    assert_close(
        &bias.grad(&grads).unwrap().into_data(),
        &expected,
        1e-6,
        0.0,
        "dbias",
    );
}

const SMALL: [usize; 2] = [7, 3];

/// x, weight and bias in 64 bits, flat.
fn small(device: &Device) -> [Tensor<1>; 3] {
    let [rows, columns] = SMALL;
    let mut numbers = Numbers::new(4);
    let mut flat = |len: usize| {
        let data = numbers.uniform([len], 0.5, 2.0);
        Tensor::<1>::from_data(data, (device, DType::F64))
    };
    [flat(rows * columns), flat(columns), flat(columns)]
}

fn small_output([x, weight, bias]: [Tensor<1>; 3]) -> BatchNormOutput {
    let real = Some(real(SMALL[0], &x.device(), DType::F64));
    let x = x.reshape(SMALL);
    let input = BatchNormInput {
        x,
        weight,
        bias,
        real,
    };
    batch_norm(input, EPSILON)
}

#[test]
fn reference_equals_the_formula() {
    let [rows, columns] = SMALL;
    let operands = small(&Device::flex());
    let [x, w, b] = operands
        .clone()
        .map(|t| t.into_data().try_to_vec::<f64>().unwrap());
    let output = small_output(operands);
    let y = output.y.into_data().try_to_vec::<f64>().unwrap();
    let [means, variances, unbiased] = [output.mean, output.variance, output.unbiased]
        .map(|t| t.into_data().try_to_vec::<f32>().unwrap());
    for c in 0..columns {
        let real = (0..rows).filter(|row| row % 3 != 1);
        let column: Vec<f64> = real.map(|row| x[row * columns + c]).collect();
        let n = column.len() as f64;
        let mean = column.iter().sum::<f64>() / n;
        let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let close = |a: f32, b: f64| (f64::from(a) - b).abs() < 1e-6;
        assert!(close(means[c], mean) && close(variances[c], variance));
        assert!(close(unbiased[c], variance * n / (n - 1.0)));
        for row in 0..rows {
            let at = row * columns + c;
            let expected = match row % 3 {
                1 => 0.0,
                _ => (x[at] - mean) / (variance + EPSILON).sqrt() * w[c] + b[c],
            };
            assert!((y[at] - expected).abs() < 1e-12);
        }
    }
}

#[test]
fn reference_gradients_equal_finite_differences() {
    let device = Device::flex().autodiff();
    let leaves = small(&device).map(Tensor::require_grad);
    let loss = |operands: [Tensor<1>; 3]| small_output(operands).y.powi_scalar(3).sum();
    let grads = loss(leaves.clone()).backward();
    for operand in 0..3 {
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

#[test]
#[should_panic(expected = "batch_norm: `bias` is [3], expected [4]")]
fn wrong_shapes_are_named() {
    let device = device();
    batch_norm(
        BatchNormInput {
            x: Tensor::zeros([2, 4], &device),
            weight: Tensor::zeros([4], &device),
            bias: Tensor::zeros([3], &device),
            real: None,
        },
        EPSILON,
    );
}
