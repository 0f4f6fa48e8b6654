//! The kernel = sums in 64 bits; and how long it takes.

use std::time::Instant;

use burn::backend::ops::FloatTensorOps;
use burn::tensor::{FloatDType, TensorData};
use burn_cubecl::CubeBackend;

use burn::backend::cubecl::dtype_to_storage_type;
use cubek::matmul::definition::{MatmulElems, MatmulGlobalElems};
use cubek::matmul::launch::launch_ref;
use cubek::matmul::multi_level::Strategy;
use cubek::matmul::multi_level::routines::TileSizeSelection::{MaxTileSize, MinTileSize};
use cubek::matmul::multi_level::routines::batch::double_unit::DoubleUnitSelectionArgs;
use cubek::matmul::multi_level::routines::batch::simple_unit::SimpleUnitSelectionArgs;
use cubek::matmul::multi_level::routines::gemm::GemmStrategy;
use cubek::matmul::routine::BlueprintStrategy::Inferred;
use cubek::std::InputBinding;

use super::*;
use crate::cube::product::transposed;
use crate::testing::{Numbers, gpu};

/// Batches, rows, depth, columns; whether each operand lies turned.
type Case = ([usize; 4], [bool; 2]);

const CASES: [Case; 9] = [
    ([1, 1, 1, 1], [false, false]),
    ([1, 65, 48, 48], [false, true]),
    ([1, 300, 3, 35], [false, false]),
    ([3, 7, 100, 5], [true, false]),
    ([2, 129, 33, 96], [true, true]),
    ([5, 48, 128, 200], [true, false]),
    ([1, 2000, 20, 4], [false, true]),
    ([1, 5, 700, 130], [false, false]),
    ([1, 40_000, 8, 8], [false, true]),
];

#[test]
fn products_equal_sums_in_64_bits() {
    let Some(device) = &gpu() else { return };
    for ([v, m, k, n], turned) in CASES {
        let mut numbers = Numbers::new(7);
        let mut operand = |[v, a, b]: [usize; 3], is_turned: bool| {
            let lying = if is_turned { [v, b, a] } else { [v, a, b] };
            let data = numbers.normal(lying).convert::<f32>();
            let values: Vec<f32> = data.iter().collect();
            let tensor = CubeBackend::float_from_data(data, device);
            let tensor = if is_turned {
                transposed(&tensor)
            } else {
                tensor
            };
            let at = move |v: usize, i: usize, j: usize| {
                let (a, b) = if is_turned { (j, i) } else { (i, j) };
                f64::from(values[(v * lying[1] + a) * lying[2] + b])
            };
            (tensor, at)
        };
        let (lhs, left) = operand([v, m, k], turned[0]);
        let (rhs, right) = operand([v, k, n], turned[1]);
        let nan = TensorData::full([v, m, n], f32::NAN);
        let out = CubeBackend::float_from_data(nan, device);
        let form = Form::of(&lhs, &rhs, &out).unwrap();
        form.launch(&lhs, &rhs, &out);
        let out = CubeBackend::float_into_data(out);
        let out = cubecl::future::block_on(out).unwrap();
        let bound = 1e-6 * (k as f64).sqrt() + 1e-7 * k as f64;
        for (index, got) in out.iter::<f64>().enumerate() {
            let (row, j) = (index / n, index % n);
            let (b, i) = (row / m, row % m);
            let expected: f64 = (0..k).map(|s| left(b, i, s) * right(b, s, j)).sum();
            assert!(
                (got - expected).abs() <= bound * (1.0 + expected.abs()),
                "{v} × {m} × {k} × {n}, turned {turned:?}, at {b} {i} {j}: {got}, expected {expected}"
            );
        }
    }
}

/// Products of Graph-Mamba on CLUSTER and of Vim-tiny at 224², batch 128: forward, gradient of the input, gradient of weights.
const MEASURED: [Case; 11] = [
    ([1, 2304, 48, 48], [false, true]),
    ([1, 2304, 48, 48], [false, false]),
    ([1, 2304, 48, 96], [false, true]),
    ([1, 2304, 96, 48], [false, true]),
    ([1, 2304, 3, 48], [false, true]),
    ([1, 97_280, 48, 48], [false, true]),
    ([18, 48, 128, 48], [true, false]),
    ([760, 48, 128, 48], [true, false]),
    ([1, 25_216, 192, 768], [false, true]),
    ([1, 25_216, 384, 192], [false, false]),
    ([66, 768, 384, 192], [true, false]),
];

#[test]
#[ignore = "measures"]
fn times_beside_those_of_cubek() {
    let Some(device) = &gpu() else { return };
    let simple = SimpleUnitSelectionArgs {
        tile_size: MaxTileSize,
    };
    let double = DoubleUnitSelectionArgs {
        tile_size: MinTileSize,
    };
    let cubek = [
        ("simple", Strategy::SimpleUnit(Inferred(simple))),
        ("double", Strategy::DoubleUnit(Inferred(double))),
        ("gemm", Strategy::Gemm(Inferred(GemmStrategy::default()))),
    ];
    for ([v, m, k, n], turned) in MEASURED {
        let ones =
            |shape: [usize; 3]| CubeBackend::float_ones(shape.into(), device, FloatDType::F32);
        let operand = |[v, a, b]: [usize; 3], is_turned: bool| match is_turned {
            true => transposed(&ones([v, b, a])),
            false => ones([v, a, b]),
        };
        let (lhs, rhs) = (operand([v, m, k], turned[0]), operand([v, k, n], turned[1]));
        let out = ones([v, m, n]);
        let form = Form::of(&lhs, &rhs, &out).unwrap();
        let mut line = format!("{v} × {m} × {k} × {n}, turned {turned:?}, µs:");
        line += &format!(" own {:.1}", time(&out, || form.launch(&lhs, &rhs, &out)));
        for (name, strategy) in &cubek {
            let elements = MatmulElems::from_globals(&MatmulGlobalElems {
                lhs: dtype_to_storage_type(DType::F32),
                rhs: dtype_to_storage_type(DType::F32),
                out: dtype_to_storage_type(DType::F32),
            });
            let input = |tensor: &CubeTensor| {
                let storage = dtype_to_storage_type(DType::F32);
                InputBinding::new(tensor.clone().binding(), storage)
            };
            let once = || {
                let strategy = strategy.clone().into();
                let (lhs, rhs, out) = (input(&lhs), input(&rhs), out.clone());
                let binding = out.clone().binding();
                launch_ref(
                    &strategy,
                    &out.client,
                    lhs,
                    rhs,
                    binding,
                    &mut elements.clone(),
                )
                .unwrap();
            };
            line += &format!(", {name} {:.1}", time(&out, once));
        }
        println!("{line}");
    }
}

/// Microseconds of a launch among many, which the host does not slow down because they are recorded.
fn time(like: &CubeTensor, launch: impl Fn()) -> f64 {
    const MANY: usize = 50;
    let client = &like.client;
    let wait = || cubecl::future::block_on(client.sync()).unwrap();
    client.graph_prepare().unwrap();
    launch();
    wait();
    client.start_capture().unwrap();
    (0..MANY).for_each(|_| launch());
    let graph = client.stop_capture().unwrap();
    let once = || {
        let started = Instant::now();
        // SAFETY: the operands outlive the graph, and no other thread has them.
        #[allow(unsafe_code)]
        unsafe { graph.replay() }.unwrap();
        wait();
        1e6 * started.elapsed().as_secs_f64() / MANY as f64
    };
    (0..6).map(|_| once()).fold(f64::INFINITY, f64::min)
}
