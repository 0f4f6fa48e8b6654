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

/// As many rows in each segment as `sizes` says, in an order that mixes them if `scattered`.
fn of_sizes(sizes: &[usize], scattered: bool) -> (Vec<i32>, usize) {
    let sorted = (0..).zip(sizes).flat_map(|(s, len)| vec![s; *len]);
    let sorted: Vec<i32> = sorted.collect();
    let rows = sorted.len();
    let place = |row: usize| if scattered { row * 7919 % rows } else { row };
    let of_row = (0..rows).map(|row| sorted[place(row)]).collect();
    (of_row, sizes.len())
}

/// Segments that are summed in pieces: a hub among nodes with one edge, nothing but a hub, empty segments around hubs, a hub that
/// starts and ends within a piece or on its edge, hubs side by side.
fn long_layouts() -> Vec<(Vec<i32>, usize)> {
    let hub = |at: usize, len: usize| {
        let mut sizes = vec![1; 300];
        sizes[at] = len;
        sizes
    };
    vec![
        of_sizes(&hub(150, 10_000), false),
        of_sizes(&hub(0, 10_000), true),
        of_sizes(&hub(299, 9_999), true),
        of_sizes(&[10_007], false),
        of_sizes(&[10_007], true),
        of_sizes(&[0, 0, 4_096, 0, 512, 0, 1], false),
        of_sizes(&[64, 128, 63, 65, 1, 0, 320], false),
        of_sizes(&[1, 64, 500, 3, 2_000, 2_000, 127], true),
    ]
}

/// Sum and largest number of every segment and column, one number after the other in 64 bits.
fn by_hand((of_row, count): &(Vec<i32>, usize), x: &[f32], width: usize) -> [Vec<f64>; 2] {
    let mut sums = vec![0.0; count * width];
    let mut largest = vec![f64::NEG_INFINITY; count * width];
    for (segment, row) in of_row.iter().zip(x.chunks(width)) {
        let first = *segment as usize * width;
        for (column, value) in row.iter().enumerate() {
            sums[first + column] += f64::from(*value);
            largest[first + column] = largest[first + column].max(f64::from(*value));
        }
    }
    largest.iter_mut().for_each(|x| *x = x.max(-1e30));
    [sums, largest]
}

#[test]
fn long_segments_equal_sums_by_hand() {
    let device = device();
    for layout in &long_layouts() {
        let (rows, segments) = (layout.0.len(), segments(&layout.0, layout.1, &device));
        for width in [1, 5, 8] {
            let what = format!("{rows} rows in {} segments, width {width}", layout.1);
            let data = Numbers::new(5).normal([rows, width]).convert::<f32>();
            let numbers: Vec<f32> = data.iter::<f32>().collect();
            let [sums, largest] = by_hand(layout, &numbers, width);
            poison(&device);
            let x = Tensor::<2>::from_data(data, (&device, DType::F32));
            let found = segment_sum(x.clone(), &segments).into_data();
            let expected = TensorData::new(sums, [layout.1, width]).convert::<f32>();
            assert_close(&found, &expected, 1e-5, 1e-6, &what);
            let found = segment_max(x, &segments).into_data();
            for (found, expected) in found.iter::<f32>().zip(largest) {
                let is_empty = expected == -1e30;
                assert_eq!(
                    f64::from(found),
                    if is_empty { 0.0 } else { expected },
                    "{what}"
                );
            }
        }
    }
}

#[test]
fn gradients_over_long_segments_equal_the_reference() {
    for layout in &long_layouts() {
        for (native, reference, of_rows) in [
            (
                segment_sum as Operator,
                reference::segment_sum as Operator,
                true,
            ),
            (spread, reference::spread, false),
        ] {
            let expected = results(reference, layout, of_rows, 4, DType::F64, &Device::flex());
            let narrow = |(name, data): (&'static str, TensorData)| (name, data.convert::<f32>());
            let expected: Named = expected.into_iter().map(narrow).collect();
            let got = results(native, layout, of_rows, 4, DType::F32, &device());
            assert_all_close(&got, &expected, 1e-5, 1e-6, "long segments");
        }
    }
}

#[test]
fn means_and_softmax_of_a_hub() {
    let device = device();
    let layout = of_sizes(&[1, 10_000, 1], true);
    let segments = segments(&layout.0, 3, &device);
    let ones = Tensor::<2>::ones([10_002, 3], (&device, DType::F32));
    let mean = segment_mean(ones.clone(), &segments).into_data();
    assert_close(
        &mean,
        &TensorData::from([[1.0_f32; 3]; 3]),
        1e-6,
        1e-6,
        "mean",
    );
    let softmax = segment_softmax(ones, &segments).into_data();
    let of: Vec<f32> = softmax.iter::<f32>().step_by(3).collect();
    for (value, segment) in of.iter().zip(&layout.0) {
        let expected = if *segment == 1 { 1e-4 } else { 1.0 };
        assert!((value - expected).abs() < 1e-5 * expected, "{value}");
    }
}

#[test]
fn long_sums_do_not_depend_on_the_number_of_threads() {
    let layout = of_sizes(&[3, 20_000, 1, 700], true);
    let run = || results(segment_sum, &layout, true, 67, DType::F32, &Device::flex());
    let of = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(run)
    };
    assert_eq!(of(1), of(3));
}

#[test]
fn the_first_not_a_number_of_a_long_segment_stays() {
    let device = device();
    let layout = of_sizes(&[2, 5_000], false);
    let segments = segments(&layout.0, 2, &device);
    let mut numbers: Vec<f32> = (0..5_002).map(|row| (row % 97) as f32).collect();
    (numbers[2_100], numbers[4_000]) = (f32::NAN, f32::NAN);
    let x = Tensor::<2>::from_data(TensorData::new(numbers, [5_002, 1]), &device);
    let largest: Vec<f32> = segment_max(x, &segments)
        .into_data()
        .iter::<f32>()
        .collect();
    assert!(largest[0] == 1.0 && largest[1].is_nan(), "{largest:?}");
}

#[test]
fn half_precision_is_the_rounded_32_bit_result() {
    for (dtype, error) in half_types() {
        for layout in layouts().iter().chain(&long_layouts()[..1]) {
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
    for layout in [&layouts()[0], &long_layouts()[1]] {
        for operator in [segment_sum, segment_softmax, segment_mean] {
            let run = || results(operator, layout, true, 67, DType::F32, &device());
            assert_eq!(run(), run());
        }
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
