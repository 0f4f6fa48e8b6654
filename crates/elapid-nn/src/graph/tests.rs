use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData, Tolerance};

use super::testing::adjacency;
use super::{BatchNorm, GatedGcn, RealRows};
use crate::{Init, Noise};

fn numbers(x: Tensor<1>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
    }
}

#[test]
fn batch_norm_by_hand_and_the_statistics_that_it_hands_over() {
    let device = Device::flex().autodiff();
    let norm = BatchNorm::new(&mut Init::new(0, &device), 2);
    let x = Tensor::<2>::from_data([[1.0_f32, 0.0], [3.0, 0.0], [5.0, 6.0]], &device);
    let mut noise = Noise::seeded(0, &device);
    let y = norm.forward(x, None, Some(&mut noise));
    let y = numbers(y.reshape([6]));
    // Means 3 and 2, variances 8/3 and 8.
    let [a, b] = [8.0_f32 / 3.0, 8.0].map(|v| 1.0 / (v + 1e-5).sqrt());
    close(&y, &[-2.0 * a, -2.0 * b, 0.0, -2.0 * b, 2.0 * a, 4.0 * b]);

    let term = noise.statistics().unwrap();
    assert_eq!(numbers(term.clone()), [0.0]);
    assert!(noise.statistics().is_none());
    let grads = term.backward();
    let of = |param: &Param<Tensor<1>>| numbers(param.val().grad(&grads).unwrap());
    close(&of(&norm.running_mean), &[3.0, 2.0]);
    // PyTorch's running variance has Bessel's correction.
    close(&of(&norm.running_var), &[4.0, 12.0]);
}

#[test]
fn padding_changes_no_statistic() {
    let device = Device::flex().autodiff();
    let norm = BatchNorm::new(&mut Init::new(0, &device), 2);
    let rows = [[1.0_f32, 0.0], [3.0, 0.0], [5.0, 6.0], [99.0, -7.0]];
    let x = Tensor::<2>::from_data(rows, &device);
    let pass = |x: Tensor<2>, real: Option<RealRows>| {
        let mut noise = Noise::seeded(0, &device);
        let y = norm.forward(x, real.as_ref(), Some(&mut noise));
        let grads = noise.statistics().unwrap().backward();
        let of = |param: &Param<Tensor<1>>| numbers(param.val().grad(&grads).unwrap());
        let y = numbers(y.slice([0..3, 0..2]).reshape([6]));
        [y, of(&norm.running_mean), of(&norm.running_var)].concat()
    };
    let real = RealRows::new(Tensor::from_data([1.0_f32, 1.0, 1.0, 0.0], &device));
    let expected = pass(x.clone().slice([0..3, 0..2]), None);
    close(&pass(x, Some(real)), &expected);
}

#[test]
fn evaluation_reads_running_statistics() {
    let device = Device::flex();
    let mut norm = BatchNorm::new(&mut Init::new(0, &device), 1);
    norm.running_mean = Param::from_data([2.0], &device);
    norm.running_var = Param::from_data([4.0 - 1e-5], &device);
    norm.weight = Param::from_data([3.0], &device);
    norm.bias = Param::from_data([1.0], &device);
    let y = norm.forward(Tensor::from_data([[4.0_f32]], &device), None, None);
    close(&numbers(y.reshape([1])), &[4.0]);
}

/// Nodes in another order, and the edges with them, give the same states in that order.
#[test]
fn gated_convolution_does_not_care_how_nodes_are_numbered() {
    let device = Device::flex();
    let layer = GatedGcn::new(&mut Init::new(3, &device), 4, 0.0);
    let edges = [(0, 1), (1, 0), (2, 1), (3, 3), (0, 2), (1, 2)];
    let renamed = [2, 0, 3, 1];
    let value = |i: usize, j: usize| ((7 * i + 3 * j) % 11) as f32 / 5.0 - 1.0;
    let states = |rows: usize, of: &dyn Fn(usize) -> usize, shift: usize| {
        let values = (0..rows).flat_map(|row| (0..4).map(move |j| (row, j)));
        let values = values.map(|(row, j)| value(of(row) + shift, j)).collect();
        Tensor::<2>::from_data(TensorData::new(values, [rows, 4]), &device)
    };
    let (plain, order) = adjacency(&edges, 4, &device);
    let (x, _) = layer.forward(
        states(4, &|node| node, 0),
        states(6, &|at| order[at], 9),
        &plain,
        None,
    );
    let moved = edges.map(|(from, to)| (renamed[from as usize], renamed[to as usize]));
    let old = |node: usize| {
        renamed
            .iter()
            .position(|&new| new as usize == node)
            .unwrap()
    };
    let (other, order) = adjacency(&moved, 4, &device);
    let (y, _) = layer.forward(
        states(4, &old, 0),
        states(6, &|at| order[at], 9),
        &other,
        None,
    );
    for (node, new) in renamed.iter().enumerate().take(4) {
        let new = *new as usize;
        let row = |t: &Tensor<2>, at: usize| t.clone().slice(at..at + 1).into_data();
        row(&y, new).assert_approx_eq::<f32>(&row(&x, node), Tolerance::rel_abs(1e-5, 1e-6));
    }
}

#[test]
fn running_statistics_are_among_the_parameters() {
    let layer = GatedGcn::new(&mut Init::new(0, &Device::flex()), 4, 0.0);
    assert_eq!(layer.num_params(), 5 * 20 + 2 * 16);
}
