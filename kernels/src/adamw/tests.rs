use burn::tensor::{DType, Tensor};

use super::{AdamWOptions, Dials, Steps, adamw, dials, reference};
use crate::buffers::duplicate;
use crate::testing::{Numbers, assert_close, device, poison};

const BETAS: [f64; 2] = [0.9, 0.999];

fn options(in_place: bool) -> AdamWOptions {
    AdamWOptions {
        beta_1: BETAS[0] as f32,
        beta_2: BETAS[1] as f32,
        epsilon: 1e-8,
        in_place,
    }
}

/// Parameter, gradient and moments.
fn operands<const D: usize>(shape: [usize; D]) -> (Tensor<D>, Tensor<D>, [Tensor<D>; 2]) {
    let mut numbers = Numbers::new(shape.iter().product::<usize>() as u64);
    let device = device();
    let options = (&device, DType::F32);
    let parameter = Tensor::from_data(numbers.normal(shape), options);
    let gradient = Tensor::from_data(numbers.normal(shape), options);
    let first = Tensor::from_data(numbers.normal(shape), options);
    let second = Tensor::from_data(numbers.uniform(shape, 0.0, 2.0), options);
    (parameter, gradient, [first, second])
}

/// A table with a group in front of this one, and a factor.
fn table() -> (Tensor<1>, Tensor<1>) {
    let device = device();
    let mut numbers = vec![f32::NAN; 5];
    numbers.extend(dials(1e-2, 0.1, BETAS, 3));
    let table = Tensor::<1>::from_floats(numbers.as_slice(), &device);
    (table, Tensor::from_floats([0.37], &device))
}

fn check<const D: usize>(shape: [usize; D]) {
    poison(&device());
    let (table, scale) = table();
    let dials = Dials {
        grad_scale: &scale,
        table: &table,
        first: 5,
    };
    let (p, g, moments) = operands(shape);
    let (expected, expected_moments) =
        reference::adamw(p.clone(), g.clone(), moments.clone(), dials, options(false));
    let kept = p.clone();
    for in_place in [false, true] {
        let (p, moments) = match in_place {
            false => (p.clone(), moments.clone()),
            true => (
                duplicate(p.clone()),
                moments.each_ref().map(|m| duplicate(m.clone())),
            ),
        };
        let (found, found_moments) = adamw(p, g.clone(), moments, dials, options(in_place));
        let what = format!("parameter {shape:?}, in place: {in_place}");
        assert_close(
            &found.into_data(),
            &expected.clone().into_data(),
            1e-5,
            1e-6,
            &what,
        );
        for (found, expected) in found_moments.into_iter().zip(&expected_moments) {
            let expected = expected.clone().into_data();
            assert_close(&found.into_data(), &expected, 1e-5, 1e-6, &what);
        }
    }
    assert_eq!(kept.into_data(), operands(shape).0.into_data());
}

#[test]
fn equals_the_reference() {
    check([1]);
    check([1000]);
    check([3, 5]);
    check([384, 44]);
    check([70, 1, 4]);
    check([2, 3, 3, 3]);
    check([40_000]);
}

#[test]
fn negative_scale_leaves_everything_as_it_is() {
    let (table, _) = table();
    let scale = Tensor::<1>::from_floats([-1.0], &device());
    let dials = Dials {
        grad_scale: &scale,
        table: &table,
        first: 5,
    };
    let (p, g, moments) = operands([30, 7]);
    let g = g.full_like(f32::INFINITY);
    for (found, found_moments) in [
        adamw(p.clone(), g.clone(), moments.clone(), dials, options(false)),
        reference::adamw(p.clone(), g, moments.clone(), dials, options(false)),
    ] {
        assert_eq!(found.into_data(), p.clone().into_data());
        for (found, moment) in found_moments.into_iter().zip(&moments) {
            assert_eq!(found.into_data(), moment.clone().into_data());
        }
    }
}

#[test]
fn steps_in_place_are_seen_by_all() {
    if !crate::native::has_cube_kernels(&device(), DType::F32) {
        return;
    }
    let (table, scale) = table();
    let dials = Dials {
        grad_scale: &scale,
        table: &table,
        first: 5,
    };
    let (p, g, moments) = operands([3, 7]);
    let [p, first, second] = [p, moments[0].clone(), moments[1].clone()].map(duplicate);
    let watched = [p.clone(), first.clone(), second.clone()];
    let (p, [first, second]) = adamw(p, g, [first, second], dials, options(true));
    for (watched, stepped) in watched.into_iter().zip([p, first, second]) {
        assert_eq!(watched.into_data(), stepped.into_data());
    }
}

#[test]
fn gradient_in_columns_is_read_in_rows() {
    let (table, scale) = table();
    let dials = Dials {
        grad_scale: &scale,
        table: &table,
        first: 5,
    };
    let (p, g, moments) = operands([6, 8]);
    let strided = duplicate(g.clone().transpose()).transpose();
    let (expected, _) = adamw(p.clone(), g, moments.clone(), dials, options(false));
    let (found, _) = adamw(p, strided, moments, dials, options(false));
    assert_eq!(found.into_data(), expected.into_data());
}

/// Twenty parameters of many shapes: groups of eight and what is left over, of rows that vectors fit and do not.
#[test]
fn steps_of_many_are_those_of_each() {
    poison(&device());
    let (table, scale) = table();
    let dials = Dials {
        grad_scale: &scale,
        table: &table,
        first: 5,
    };
    let shapes: Vec<[usize; 2]> = (0..20).map(|i| [1 + i * i, 1 + (i * 7) % 12]).collect();
    for in_place in [false, true] {
        let mut steps = Steps::new(dials, options(in_place));
        for (key, shape) in shapes.iter().enumerate() {
            let (p, g, moments) = operands(*shape);
            // A gradient in columns among the others.
            let g = if key == 11 {
                duplicate(g.transpose()).transpose()
            } else {
                g
            };
            let [p, first, second] = [p, moments[0].clone(), moments[1].clone()].map(duplicate);
            steps.add(key, p, g, [first, second], 5);
        }
        let stepped = steps.finish();
        assert_eq!(stepped.len(), shapes.len());
        for (key, stepped) in stepped {
            let (p, g, moments) = operands(shapes[key]);
            let (expected, expected_moments) = adamw(p, g, moments, dials, options(false));
            let (found, found_moments) = stepped.into_tensors::<2>();
            assert_eq!(found.into_data(), expected.into_data(), "{key}");
            for (found, expected) in found_moments.into_iter().zip(expected_moments) {
                assert_eq!(found.into_data(), expected.into_data(), "{key}");
            }
        }
    }
}
