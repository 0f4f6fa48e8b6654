use burn::tensor::{DType, Int, Tensor, TensorData};

use super::{duplicate, overwrite, overwrite_int, overwrite_part};
use crate::testing::{Numbers, device, half_types, poison};

/// 5 rows of 7 numbers: no device leaves such rows side by side of its own accord.
const SHAPE: [usize; 2] = [5, 7];

fn numbers(seed: u64, dtype: DType) -> Tensor<2> {
    Tensor::from_data(Numbers::new(seed).normal(SHAPE), (&device(), dtype))
}

#[test]
fn copy_is_equal_and_apart() {
    poison(&device());
    let types = half_types().into_iter().map(|(dtype, _)| dtype);
    for dtype in types.chain([DType::F32]) {
        let original = numbers(1, dtype);
        let copy = duplicate(original.clone());
        let transposed = duplicate(original.clone().transpose());
        let written = overwrite(&copy, numbers(2, dtype));
        assert_eq!(original.clone().into_data(), numbers(1, dtype).into_data());
        assert_eq!(written.into_data(), numbers(2, dtype).into_data());
        assert_eq!(
            transposed.into_data(),
            original.transpose().into_data(),
            "{dtype:?}"
        );
    }
}

#[test]
fn whoever_shares_the_memory_sees_what_is_written() {
    let is_shared = crate::native::has_cube_kernels(&device(), DType::F32);
    let target = duplicate(numbers(1, DType::F32));
    let seen = target.clone();
    let written = overwrite(&target, numbers(2, DType::F32));
    assert_eq!(written.into_data(), numbers(2, DType::F32).into_data());
    let expected = numbers(if is_shared { 2 } else { 1 }, DType::F32);
    assert_eq!(seen.into_data(), expected.into_data());
}

#[test]
fn a_part_of_a_row_is_written_in_row_major_order() {
    let row = Tensor::<1>::from_floats([-1.0; 70], &device());
    let value = numbers(3, DType::F32);
    let row = overwrite_part(&row, 64 - 31, value.clone().slice([1..2, 2..5]));
    let row = overwrite_part(&row, 0, value.clone().slice([0..4, 0..7]).transpose());
    let row: Vec<f32> = row.into_data().iter().collect();
    let transposed: Vec<f32> = value
        .clone()
        .slice([0..4, 0..7])
        .transpose()
        .into_data()
        .iter()
        .collect();
    assert_eq!(row[..28], transposed);
    assert_eq!(row[28..33], [-1.0; 5]);
    let cut: Vec<f32> = value.slice([1..2, 2..5]).into_data().iter().collect();
    assert_eq!(row[33..36], cut);
    assert_eq!(row[36..], [-1.0; 34]);
}

#[test]
#[should_panic(expected = "35 elements of F32 for 40 on, expected F32 up to 70")]
fn a_part_beyond_the_row_is_refused() {
    let row = Tensor::<1>::from_floats([0.0; 70], &device());
    let _ = overwrite_part(&row, 40, numbers(3, DType::F32));
}

#[test]
fn integers_are_written_as_well() {
    let row = |values: [i64; 3]| {
        let data = TensorData::new(values.to_vec(), [3]);
        Tensor::<1, Int>::from_data(data, &device())
    };
    let written = overwrite_int(&row([1, 2, 3]), row([-7, 1 << 30, 0]));
    let values: Vec<i64> = written.into_data().iter::<i64>().collect();
    assert_eq!(values, [-7, 1 << 30, 0]);
}

#[test]
#[should_panic(expected = "`value` is ([5, 7], F32), expected ([7, 5], F32)")]
fn another_shape_is_refused() {
    let _ = overwrite(&numbers(1, DType::F32).transpose(), numbers(1, DType::F32));
}
