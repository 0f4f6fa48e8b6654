use burn::tensor::Tensor;

use super::threefry::{falls_below, threefry2x32};
use super::{keep_factors, random_key};
use crate::testing::device;

#[test]
fn every_device_draws_what_the_formula_says() {
    let device = device();
    let key = 0xfedc_ba98_7654_3210_u64;
    let words = [key as u32, (key >> 32) as u32];
    for (len, draw, rate) in [(1, 0, 0.5), (1000, 7, 0.1), (70_001, u32::MAX, 0.9)] {
        let found: Tensor<1> = keep_factors(&random_key(key, &device), draw, [len], rate);
        let found = found.into_data().try_to_vec::<f32>().unwrap();
        let expected: Vec<f32> = (0..len)
            .map(
                |i| match falls_below(threefry2x32(words, [i as u32, draw])[0], rate as f32) {
                    true => 0.0,
                    false => (1.0 / (1.0 - rate)) as f32,
                },
            )
            .collect();
        assert_eq!(found, expected, "{len} elements of draw {draw}");
    }
}

#[test]
fn share_of_zeros_and_mean_are_as_asked() {
    let device = device();
    for seed in 0..5 {
        let factors: Tensor<2> = keep_factors(&random_key(seed, &device), 3, [200, 500], 0.25);
        let values = factors.into_data().try_to_vec::<f32>().unwrap();
        let zeros = values.iter().filter(|value| **value == 0.0).count();
        // 25,000 expected, with a standard deviation of 137.
        assert!((24_300..25_700).contains(&zeros), "{zeros}");
    }
}

#[test]
fn draws_and_keys_are_independent() {
    let device = device();
    let values = |key: u64, draw: u32| {
        let factors: Tensor<1> = keep_factors(&random_key(key, &device), draw, [10_000], 0.5);
        factors.into_data().try_to_vec::<f32>().unwrap()
    };
    let first = values(1, 1);
    for other in [values(1, 2), values(2, 1), values(1 << 32, 1)] {
        let equal = first.iter().zip(&other).filter(|(a, b)| a == b).count();
        assert!((4_750..5_250).contains(&equal), "{equal}");
    }
}

#[test]
fn autodiff_device_gives_the_same() {
    let device = device();
    let plain: Tensor<1> = keep_factors(&random_key(5, &device), 0, [100], 0.5);
    let tracked: Tensor<1> =
        keep_factors(&random_key(5, &device.clone().autodiff()), 0, [100], 0.5);
    assert_eq!(plain.into_data(), tracked.inner().into_data());
}
