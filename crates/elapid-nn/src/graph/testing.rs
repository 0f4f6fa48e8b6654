//! Graphs for tests.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::Adjacency;

/// The edges, which come in any order, as layers want them, and their order by destination.
pub(crate) fn adjacency(
    edges: &[(i32, i32)],
    nodes: usize,
    device: &Device,
) -> (Adjacency, Vec<usize>) {
    let mut order: Vec<usize> = (0..edges.len()).collect();
    order.sort_by_key(|&edge| (edges[edge].1, edges[edge].0));
    let sources: Vec<i32> = order.iter().map(|&edge| edges[edge].0).collect();
    let targets: Vec<i32> = order.iter().map(|&edge| edges[edge].1).collect();
    let pointers = |of: &[i32]| {
        let before = |node: i32| of.iter().filter(|&&other| other < node).count() as i32;
        (0..=nodes as i32).map(before).collect::<Vec<i32>>()
    };
    let mut by_source: Vec<i32> = (0..edges.len() as i32).collect();
    by_source.sort_by_key(|&edge| sources[edge as usize]);
    let upload = |values: Vec<i32>| {
        let len = values.len();
        Tensor::<1, Int>::from_data(TensorData::new(values, [len]), device)
    };
    let (into, out) = (pointers(&targets), pointers(&sources));
    let adjacency = Adjacency::new(
        [upload(sources), upload(targets)],
        upload(into),
        upload(out),
        upload(by_source),
    );
    (adjacency, order)
}
