use burn::tensor::{DType, Device, Tensor};

use super::blend;
use crate::buffers::duplicate;
use crate::testing::{Numbers, assert_close, device, poison};

#[test]
fn average_follows_by_the_formula() {
    poison(&device());
    let table = Tensor::<1>::from_floats([f32::NAN, 0.75, 0.25], &device());
    for shape in [[1, 1], [5, 7], [384, 44], [200, 300]] {
        let mut numbers = Numbers::new(shape[0] as u64);
        let mut tensor = || Tensor::<2>::from_data(numbers.normal(shape), (&device(), DType::F32));
        let (average, current) = (tensor(), tensor());
        let expected = (average.clone() * 0.75 + current.clone() * 0.25).into_data();
        let kept = average.clone().into_data();
        let found = blend(average.clone(), current.clone(), &table, 1, false);
        let what = format!("{shape:?}");
        assert_close(&found.into_data(), &expected, 1e-6, 1e-7, &what);
        assert_eq!(average.clone().into_data(), kept, "{what}");

        let target = duplicate(average);
        let seen = target.clone();
        let found = blend(target, current, &table, 1, true);
        assert_close(&found.into_data(), &expected, 1e-6, 1e-7, &what);
        if crate::native::has_cube_kernels(&device(), DType::F32) {
            assert_close(&seen.into_data(), &expected, 1e-6, 1e-7, &what);
        }
    }
}

#[test]
fn of_what_is_not_added_nothing_is_read() {
    let table = |device: &Device| Tensor::<1>::from_floats([0.5, 0.0], device);
    for (device, dtype) in [(device(), DType::F32), (Device::flex(), DType::F64)] {
        let table = table(&device);
        let filled = |value: f32| Tensor::<2>::full([3, 8], value, (&device, dtype));
        let found = blend(filled(4.0), filled(f32::NAN), &table, 0, false);
        assert_eq!(found.into_data(), filled(2.0).into_data());
    }
}
