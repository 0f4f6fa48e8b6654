//! Native = reference in results and gradients, over segments of all kinds; the operators are each other's adjoints.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::{Segments, reference, segment_max, segment_mean, segment_softmax, segment_sum, spread};
use crate::testing::{Named, Numbers, assert_all_close, assert_close, device, half_types, poison};

type Operator = fn(Tensor<2>, &Segments) -> Tensor<2>;

/// The segment of every row: none empty, all rows in one, one row, most segments empty, in order and not.
fn layouts() -> Vec<(Vec<i32>, usize)> {
    let scattered = (0..301).map(|i| (i * i + 7 * i) % 23).collect();
    let mut sorted: Vec<i32> = (0..301).map(|i| (i * i + 7 * i) % 23).collect();
    sorted.sort_unstable();
    vec![
        (scattered, 25),
        (sorted, 25),
        (vec![0; 67], 1),
        (vec![3], 5),
        (vec![99, 0, 99, 50, 0, 99], 100),
    ]
}

fn segments(of_row: &[i32], count: usize, device: &Device) -> Segments {
    let mut order: Vec<i32> = (0..of_row.len() as i32).collect();
    order.sort_by_key(|row| of_row[*row as usize]);
    let is_sorted = of_row.is_sorted();
    let pointers = (0..=count as i32).map(|s| of_row.iter().filter(|of| **of < s).count() as i32);
    let upload = |values: Vec<i32>| {
        let len = values.len();
        Tensor::<1, Int>::from_data(TensorData::new(values, [len]), device)
    };
    let pointers = upload(pointers.collect());
    let order = (!is_sorted).then(|| upload(order));
    Segments::new(upload(of_row.to_vec()), pointers, order)
}

/// Result and gradient of a weighted sum of it, from an operand of as many rows as `of_rows` says, or segments.
fn results(
    operator: Operator,
    (of_row, count): &(Vec<i32>, usize),
    of_rows: bool,
    width: usize,
    dtype: DType,
    device: &Device,
) -> Named {
    let device = device.clone().autodiff();
    let mut numbers = Numbers::new(11);
    let segments = segments(of_row, *count, &device);
    let rows = if of_rows { of_row.len() } else { *count };
    let x = numbers.normal([rows, width]);
    let x = Tensor::<2>::from_data(x, (&device, dtype)).require_grad();
    poison(&device);
    let y = operator(x.clone(), &segments);
    let factors = Tensor::from_data(numbers.normal(y.dims()), (&device, dtype));
    let grads = (y.clone() * factors).sum().backward();
    vec![
        ("y", y.into_data()),
        ("dx", x.grad(&grads).unwrap().into_data()),
    ]
}

#[test]
fn native_equals_reference() {
    let pairs: [(&str, bool, Operator, Operator); 3] = [
        ("sum", true, segment_sum, reference::segment_sum),
        ("spread", false, spread, reference::spread),
        ("max", true, segment_max, reference::segment_max),
    ];
    for (name, of_rows, native, reference) in pairs {
        for layout in &layouts() {
            for width in [1, 3, 64, 257] {
                let what = format!("{name} of {} rows, width {width}", layout.0.len());
                let flex = Device::flex();
                let expected = results(reference, layout, of_rows, width, DType::F32, &flex);
                let got = results(native, layout, of_rows, width, DType::F32, &device());
                assert_all_close(&got, &expected, 1e-5, 1e-6, &what);
            }
        }
    }
}

#[test]
fn half_precision_is_the_rounded_32_bit_result() {
    for (dtype, error) in half_types() {
        for layout in &layouts() {
            let flex = Device::flex();
            let expected = results(segment_sum, layout, true, 36, DType::F32, &flex);
            let got = results(segment_sum, layout, true, 36, dtype, &device());
            let got: Named = got
                .into_iter()
                .map(|(name, data)| {
                    assert_eq!(data.dtype(), dtype);
                    (name, data.convert_dtype(DType::F32))
                })
                .collect();
            assert_all_close(&got, &expected, error, error, "sums in 16 bits");
        }
    }
}

#[test]
fn results_are_the_same_in_every_run() {
    let layout = &layouts()[0];
    for operator in [segment_sum, segment_softmax, segment_mean] {
        let run = || results(operator, layout, true, 67, DType::F32, &device());
        assert_eq!(run(), run());
    }
}

#[test]
fn sums_by_hand() {
    let device = device();
    let segments = segments(&[2, 0, 2], 4, &device);
    let x = Tensor::<2>::from_data([[1.0_f32, 2.0], [3.0, 4.0], [5.0, -6.0]], &device);
    let of = |y: Tensor<2>| y.into_data().iter::<f32>().collect::<Vec<_>>();
    let sum = segment_sum(x.clone(), &segments);
    assert_eq!(of(sum.clone()), [3.0, 4.0, 0.0, 0.0, 6.0, -4.0, 0.0, 0.0]);
    let mean = segment_mean(x.clone(), &segments);
    assert_eq!(of(mean), [3.0, 4.0, 0.0, 0.0, 3.0, -2.0, 0.0, 0.0]);
    let max = segment_max(x, &segments);
    assert_eq!(of(max), [3.0, 4.0, 0.0, 0.0, 5.0, 2.0, 0.0, 0.0]);
    let rows = spread(sum, &segments);
    assert_eq!(of(rows), [6.0, -4.0, 3.0, 4.0, 6.0, -4.0]);
    assert_eq!(of(segments.counts()), [1.0, 0.0, 2.0, 0.0]);
}

#[test]
fn softmax_sums_to_one_and_its_gradient_is_the_formula() {
    let device = device().autodiff();
    let of_row: Vec<i32> = vec![1, 0, 1, 1, 3];
    let segments = segments(&of_row, 4, &device);
    let mut numbers = Numbers::new(4);
    let x = Tensor::<2>::from_data(numbers.normal([5, 3]), (&device, DType::F32)).require_grad();
    let factors = Tensor::<2>::from_data(numbers.normal([5, 3]), (&device, DType::F32));
    let y = segment_softmax(x.clone() + 100.0, &segments);
    let grads = (y.clone() * factors.clone()).sum().backward();
    let sums = segment_sum(y.clone(), &segments).into_data();
    let expected = TensorData::from([[1.0_f32; 3], [1.0; 3], [0.0; 3], [1.0; 3]]);
    assert_close(&sums, &expected, 1e-6, 1e-6, "sums");
    // dx = y (dy − Σ y dy)
    let inner = segment_sum(y.clone() * factors.clone(), &segments);
    let expected = (y * (factors - spread(inner, &segments))).into_data();
    let found = x.grad(&grads).unwrap().into_data();
    assert_close(&found, &expected, 1e-5, 1e-6, "dx");
}

#[test]
fn no_rows_give_zeros_and_no_channels_nothing() {
    let device = device();
    let none = segments(&[], 3, &device);
    let sum = segment_sum(Tensor::zeros([0, 4], &device), &none);
    assert_eq!(sum.into_data(), TensorData::from([[0.0_f32; 4]; 3]));
    assert_eq!(spread(Tensor::zeros([3, 4], &device), &none).dims(), [0, 4]);
    let max = segment_max(Tensor::zeros([0, 4], &device), &none);
    assert_eq!(max.dims(), [3, 4]);
}

#[test]
fn an_order_and_its_inverse_take_each_other_back() {
    let device = device().autodiff();
    let upload = |values: [i32; 5]| Tensor::<1, Int>::from_data(values, &device);
    let (order, inverse) = (upload([3, 0, 4, 1, 2]), upload([1, 3, 4, 0, 2]));
    let there = Segments::reordering(order, inverse);
    let x = Tensor::<2>::from_data(Numbers::new(1).normal([5, 6]), (&device, DType::F32));
    let x = x.require_grad();
    let moved = spread(x.clone(), &there);
    let row = |x: &Tensor<2>, at: usize| x.clone().slice(at..at + 1).into_data();
    assert_eq!(row(&moved, 0), row(&x, 3));
    let back = segment_sum(moved.clone(), &there);
    assert_eq!(back.into_data(), x.clone().into_data());
    // The gradient of a place is that of the row it came from.
    let factors = Tensor::<2>::from_data(Numbers::new(2).normal([5, 6]), (&device, DType::F32));
    let grads = (moved * factors.clone()).sum().backward();
    let found = x.grad(&grads).unwrap();
    let expected = segment_sum(factors, &there);
    assert_eq!(found.into_data(), expected.into_data());
}

#[test]
fn strided_operands_are_read_as_they_lie() {
    let device = device();
    let layout = &layouts()[0];
    let segments = segments(&layout.0, layout.1, &device);
    let rows = layout.0.len();
    let x = Tensor::<2>::from_data(Numbers::new(2).normal([rows, 24]), (&device, DType::F32));
    let part = x.clone().slice([0..rows, 8..16]);
    let whole = segment_sum(x.clone(), &segments).slice([0..layout.1, 8..16]);
    assert_eq!(segment_sum(part, &segments).into_data(), whole.into_data());
    let turned = x.transpose().reshape([rows, 24]);
    let copy = Tensor::from_data(turned.to_data(), &device);
    assert_eq!(
        segment_sum(turned, &segments).into_data(),
        segment_sum(copy, &segments).into_data()
    );
}

#[test]
#[should_panic(expected = "segment_sum: `x` is [3, 2], expected 4 rows")]
fn other_rows_are_refused() {
    let device = device();
    let segments = segments(&[0, 1, 1, 0], 2, &device);
    segment_sum(Tensor::zeros([3, 2], &device), &segments);
}
