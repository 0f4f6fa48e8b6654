//! Native = reference in results and gradients, over graphs of all kinds.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::{Ends, edge_states, gated_mean, reference};
use crate::segment::Segments;
use crate::testing::{Named, Numbers, assert_all_close, device, half_types, poison};

/// Sources and destinations of the edges, in order of destinations, and the number of nodes.
struct Graph {
    sources: Vec<i32>,
    targets: Vec<i32>,
    nodes: usize,
}

/// Drawn; one edge; only a node's edges to itself; a hub whose edges are summed in pieces, as source and as destination, beside nodes
/// with one edge or none.
fn graphs() -> Vec<(&'static str, Graph)> {
    let graph = |nodes: usize, mut edges: Vec<(i32, i32)>| {
        edges.sort_by_key(|(_, to)| *to);
        let (sources, targets) = edges.into_iter().unzip();
        Graph {
            sources,
            targets,
            nodes,
        }
    };
    let drawn = |i: i32| ((i * i + 7 * i) % 23, (i * 31 + i * i * 3) % 19);
    let hub = |i: i32| if i % 2 == 0 { (i % 37, 5) } else { (5, i % 40) };
    vec![
        ("drawn", graph(25, (0..301).map(drawn).collect())),
        ("one edge", graph(3, vec![(2, 0)])),
        ("self edges", graph(1, vec![(0, 0); 67])),
        ("hub", graph(50, (0..3_001).map(hub).collect())),
    ]
}

fn segments(of_row: &[i32], nodes: usize, sorted: bool, device: &Device) -> Segments {
    let upload = |values: Vec<i32>| {
        let len = values.len();
        Tensor::<1, Int>::from_data(TensorData::new(values, [len]), device)
    };
    let mut order: Vec<i32> = (0..of_row.len() as i32).collect();
    order.sort_by_key(|row| of_row[*row as usize]);
    let before = |node: i32| of_row.iter().filter(|of| **of < node).count() as i32;
    let pointers = (0..=nodes as i32).map(before).collect();
    Segments::new(
        upload(of_row.to_vec()),
        upload(pointers),
        (!sorted).then(|| upload(order)),
    )
}

type States = fn(Tensor<2>, Tensor<2>, Tensor<2>, Tensor<1>, Ends) -> Tensor<2>;
type Mean = fn(Tensor<2>, Tensor<2>, Ends) -> Tensor<2>;

/// Both operators in a row, as a layer has them, and the gradients of weighted sums of both results.
fn results(
    (states, mean): (States, Mean),
    graph: &Graph,
    width: usize,
    dtype: DType,
    device: &Device,
) -> Named {
    let device = device.clone().autodiff();
    let mut numbers = Numbers::new(3);
    let source = segments(&graph.sources, graph.nodes, false, &device);
    let target = segments(&graph.targets, graph.nodes, true, &device);
    let ends = Ends {
        source: &source,
        target: &target,
    };
    let edges = graph.targets.len();
    let mut matrix = |rows: usize| {
        let data = numbers.normal([rows, width]);
        Tensor::<2>::from_data(data, (&device, dtype))
    };
    let factors = [matrix(edges), matrix(graph.nodes)];
    let [to, from, sent] = [0; 3].map(|_| matrix(graph.nodes).require_grad());
    let edge = matrix(edges).require_grad();
    let bias = matrix(1).reshape([width]).require_grad();
    poison(&device);
    let e = states(to.clone(), from.clone(), edge.clone(), bias.clone(), ends);
    let y = mean(e.clone(), sent.clone(), ends);
    let [of_edges, of_nodes] = factors;
    let loss = (e.clone() * of_edges).sum() + (y.clone() * of_nodes).sum();
    let grads = loss.backward();
    let grad = |x: &Tensor<2>| x.grad(&grads).unwrap().into_data();
    vec![
        ("states", e.into_data()),
        ("mean", y.into_data()),
        ("d target", grad(&to)),
        ("d source", grad(&from)),
        ("d edge", grad(&edge)),
        ("d sent", grad(&sent)),
        ("d bias", bias.grad(&grads).unwrap().into_data()),
    ]
}

const REFERENCE: (States, Mean) = (reference::edge_states, reference::gated_mean);
const NATIVE: (States, Mean) = (edge_states, gated_mean);

#[test]
fn native_equals_reference() {
    for (name, graph) in graphs() {
        for width in [1, 3, 48, 130] {
            let what = format!("{name}, width {width}");
            let expected = results(REFERENCE, &graph, width, DType::F32, &Device::flex());
            let got = results(NATIVE, &graph, width, DType::F32, &device());
            assert_all_close(&got, &expected, 2e-5, 2e-6, &what);
        }
    }
}

#[test]
fn half_precision_is_close_to_32_bits() {
    for (dtype, error) in half_types() {
        for (name, graph) in graphs() {
            let what = format!("{name} in {dtype:?}");
            let expected = results(REFERENCE, &graph, 48, DType::F32, &Device::flex());
            let wide = |(name, data): (_, TensorData)| (name, data.convert_dtype(DType::F32));
            let got = results(NATIVE, &graph, 48, dtype, &device());
            let got = got.into_iter().map(wide).collect();
            assert_all_close(&got, &expected, 2.0 * error, 2.0 * error, &what);
        }
    }
}

#[test]
fn results_are_the_same_in_every_run() {
    let (_, graph) = graphs().pop().unwrap();
    let run = || results(NATIVE, &graph, 64, DType::F32, &device());
    assert_eq!(run(), run());
}

#[test]
fn columns_of_a_wider_matrix_are_read_in_place() {
    let (_, graph) = graphs().remove(0);
    let device = device();
    let source = segments(&graph.sources, graph.nodes, false, &device);
    let target = segments(&graph.targets, graph.nodes, true, &device);
    let ends = Ends {
        source: &source,
        target: &target,
    };
    let data = Numbers::new(1).normal([graph.nodes, 24]);
    let wide = Tensor::<2>::from_data(data, (&device, DType::F32));
    let data = Numbers::new(2).normal([graph.targets.len(), 8]);
    let states = Tensor::<2>::from_data(data, (&device, DType::F32));
    let part = wide.slice([0..graph.nodes, 8..16]);
    let got = gated_mean(states.clone(), part.clone(), ends).into_data();
    let expected = reference::gated_mean(states, part, ends).into_data();
    let named = |data| vec![("mean", data)];
    assert_all_close(&named(got), &named(expected), 1e-5, 1e-6, "columns");
}
