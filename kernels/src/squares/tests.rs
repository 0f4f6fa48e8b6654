use burn::tensor::{DType, Tensor};

use super::Norm;
use crate::testing::{Numbers, device, half_types, poison};

fn check(dtype: DType, relative: f64) {
    let device = device();
    poison(&device);
    let mut numbers = Numbers::new(1);
    let mut tensor = |shape: [usize; 2]| {
        let data = numbers.normal(shape);
        Tensor::<2>::from_data(data, (&device, dtype))
    };
    // More than eight with rows that vectors fit, and more than eight with others.
    let many = (0..22).map(|i| [i + 1, 1 + (i % 2) * 3 + (i / 7) * 4]);
    let shapes = [[1, 1], [5, 7], [384, 44], [1000, 512], [3, 8192]].into_iter();
    let tensors: Vec<Tensor<2>> = shapes.chain(many).map(&mut tensor).collect();
    let mut lens: Vec<usize> = tensors.iter().map(|t| t.dims().iter().product()).collect();
    lens.push(21);
    let mut norm = Norm::over(&lens, &device);
    let mut expected = 0.0;
    let mut add = |values: Vec<f64>| expected += values.iter().map(|x| x * x).sum::<f64>();
    for tensor in &tensors {
        add(tensor.clone().into_data().iter::<f64>().collect());
        norm.add(tensor.clone());
    }
    let transposed = tensor([3, 7]).transpose();
    add(transposed.clone().into_data().iter::<f64>().collect());
    norm.add(transposed);
    let found = f64::from(norm.finish().into_scalar::<f32>());
    let expected = expected.sqrt();
    assert!(
        (found - expected).abs() < relative * expected,
        "{dtype:?}: {found} is not {expected}"
    );
}

#[test]
fn norm_is_that_of_all_elements() {
    check(DType::F32, 1e-5);
    for (dtype, _) in half_types() {
        check(dtype, 1e-5);
    }
}

#[test]
fn nothing_has_no_length() {
    let none = Norm::over(&[], &device()).finish();
    assert_eq!(none.into_scalar::<f32>(), 0.0);
}
