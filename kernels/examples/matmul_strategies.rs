//! Times the strategies of burn's matrix product at the shapes of our models, on CUDA.
//!
//! `cargo run --release --example matmul_strategies --features cuda [-- NAME [full]]` prints, for each shape, the fastest
//! strategies with their microseconds on the device, those of burn's own choice, and the largest
//! deviation from the product of a plain kernel. The operands are bf16, or 32-bit with `ELAPID_DTYPE=f32`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, Distribution, FloatDType, Shape};
use burn_cubecl::kernel::matmul::{MatmulStrategy, matmul};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, CubeDevice};
use cubek::matmul::definition::{MatmulElems, MatmulGlobalElems, MatmulProblem, MatmulSetupError};
use cubek::matmul::launch::launch_ref;
use cubek::matmul::multi_level::Strategy as Level;
use cubek::matmul::multi_level::components::stage::PartitionBuffering;
use cubek::matmul::multi_level::components::tile::TileMatmulKind;
use cubek::matmul::multi_level::definition::{BatchMatmulBlueprint, TilingScheme};
use cubek::matmul::multi_level::routines::batch::double_buffering::DoubleBufferingArgs;
use cubek::matmul::multi_level::routines::batch::ordered_double_buffering::OrderedSelectionArgs;
use cubek::matmul::multi_level::routines::batch::simple::SimpleArgs;
use cubek::matmul::multi_level::routines::select_swizzle;
use cubek::matmul::multi_level::stage::SwizzleModes;
use cubek::matmul::routine::BlueprintStrategy::{Forced, Inferred};
use cubek::matmul::strategy::Strategy;
use cubek::std::InputBinding;

/// A product `[m, k] · [k, n]`, the rows of which are summed in `splits` parts.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    m: usize,
    n: usize,
    k: usize,
    kind: Kind,
}

/// How the operands lie.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// `x · wᵀ`, with w stored `[n, k]`.
    Forward,
    /// `dy · w`, with w stored `[k, n]`.
    Input,
    /// `dyᵀ · x`, with dy stored `[k, m]` and x `[k, n]`.
    Weight,
}

const fn case(name: &'static str, kind: Kind, m: usize, n: usize, k: usize) -> Case {
    Case {
        name,
        m,
        n,
        k,
        kind,
    }
}

const CASES: [Case; 16] = [
    case("tiny.in", Kind::Forward, 25216, 768, 192),
    case("tiny.out", Kind::Forward, 25216, 192, 384),
    case("tiny.x", Kind::Forward, 25216, 44, 384),
    case("tiny.x48", Kind::Forward, 25216, 48, 384),
    case("tiny.dt", Kind::Forward, 25216, 384, 12),
    case("tiny.in.dx", Kind::Input, 25216, 192, 768),
    case("tiny.out.dx", Kind::Input, 25216, 384, 192),
    case("tiny.x.dx", Kind::Input, 25216, 384, 44),
    case("tiny.in.dw", Kind::Weight, 768, 192, 25216),
    case("tiny.out.dw", Kind::Weight, 192, 384, 25216),
    case("tiny.x.dw", Kind::Weight, 44, 384, 25216),
    case("tiny.dt.dw", Kind::Weight, 384, 12, 25216),
    case("lm.in", Kind::Forward, 16384, 3072, 768),
    case("lm.in.dx", Kind::Input, 16384, 768, 3072),
    case("lm.in.dw", Kind::Weight, 3072, 768, 16384),
    case("lm.out", Kind::Forward, 16384, 768, 1536),
];

struct Operands {
    lhs: CubeTensor,
    rhs: CubeTensor,
    out: CubeTensor,
}

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let full = std::env::args().nth(2).is_some();
    let device = CubeDevice::Cuda(Default::default());
    for case in CASES
        .iter()
        .filter(|case| wanted.is_empty() || case.name == wanted)
    {
        measure(case, &device, full);
    }
}

fn measure(case: &Case, device: &CubeDevice, full: bool) {
    let Case { name, m, n, k, .. } = *case;
    let flops = 2.0 * (m * n * k) as f64;
    println!("\n{name} m {m} n {n} k {k}");
    let splits: &[usize] = if case.kind == Kind::Weight {
        &[1, 16, 64]
    } else {
        &[1]
    };
    for &split in splits {
        if k % (split * 8) != 0 {
            continue;
        }
        let out_dtype = if case.kind == Kind::Weight {
            DType::F32
        } else {
            stored()
        };
        let operands = operands(case, device, split, out_dtype);
        let Operands { lhs, rhs, out } = &operands;
        let own = || {
            matmul(
                lhs.clone(),
                rhs.clone(),
                Some(out.clone()),
                MatmulStrategy::Autotune,
                out_dtype,
            )
            .map(drop)
        };
        let started = Instant::now();
        let chosen = time(own, out);
        let first = started.elapsed().as_secs_f64();
        println!(
            "  split {split:2} {:>40} {} ({first:.1} s)",
            "burn",
            shown(chosen, flops)
        );
        let mut found: Vec<(f64, f64, String, Strategy)> = Vec::new();
        let all = candidates(
            &operands,
            full && (case.kind != Kind::Weight || split == 16),
        );
        for (label, strategy) in all {
            let started = Instant::now();
            let took = time(|| launch(&strategy, &operands), out);
            if let Some(us) = took {
                found.push((us, started.elapsed().as_secs_f64(), label, strategy));
            }
        }
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        let reference = reference(&operands);
        for (us, seconds, label, strategy) in found.iter().take(6) {
            let _ = launch(strategy, &operands);
            let error = deviation(out, &reference);
            println!(
                "  split {split:2} {label:>40} {} ({seconds:.2} s) error {error:.1e}",
                shown(Some(*us), flops)
            );
        }
    }
}

fn shown(us: Option<f64>, flops: f64) -> String {
    us.map_or("      n/a".into(), |us| {
        format!("{us:8.1} us {:6.1} TFLOP/s", flops / us / 1e6)
    })
}

/// Random matrices, densely stored; with `split` the summed axis is cut into that many batches.
fn operands(case: &Case, device: &CubeDevice, split: usize, out: DType) -> Operands {
    let Case { m, n, k, kind, .. } = *case;
    let part = k / split;
    let (lhs, rhs) = (dense(m * k, device), dense(n * k, device));
    let (lhs, rhs) = match kind {
        Kind::Forward => (
            view(lhs, [1, m, k], [m * k, k, 1]),
            view(rhs, [1, k, n], [n * k, 1, k]),
        ),
        Kind::Input => (
            view(lhs, [1, m, k], [m * k, k, 1]),
            view(rhs, [1, k, n], [n * k, n, 1]),
        ),
        Kind::Weight => (
            view(lhs, [split, m, part], [part * m, 1, m]),
            view(rhs, [split, part, n], [part * n, n, 1]),
        ),
    };
    let out = empty_device_contiguous_dtype(
        lhs.client.clone(),
        device.clone(),
        Shape::new([split, m, n]),
        out,
    );
    Operands { lhs, rhs, out }
}

fn dense(len: usize, device: &CubeDevice) -> CubeTensor {
    CubeBackend::float_random(
        Shape::new([len]),
        Distribution::Normal(0.0, 1.0),
        device,
        stored().into(),
    )
}

/// Type of the operands: `ELAPID_DTYPE=f32`, or bf16.
fn stored() -> DType {
    match std::env::var("ELAPID_DTYPE").as_deref() {
        Ok("f32") => DType::F32,
        _ => DType::BF16,
    }
}

fn view(tensor: CubeTensor, shape: [usize; 3], strides: [usize; 3]) -> CubeTensor {
    let meta = cubecl::zspace::metadata::Metadata::new(shape, strides);
    CubeTensor::new(
        tensor.client,
        tensor.handle,
        meta,
        tensor.device,
        tensor.dtype,
    )
}

fn launch(strategy: &Strategy, operands: &Operands) -> Result<(), MatmulSetupError> {
    let input = |tensor: &CubeTensor| {
        InputBinding::new(
            tensor.clone().binding(),
            dtype_to_storage_type(tensor.dtype),
        )
    };
    launch_ref(
        strategy,
        &operands.out.client,
        input(&operands.lhs),
        input(&operands.rhs),
        operands.out.clone().binding(),
        &mut MatmulElems::from_globals(&elems(operands)),
    )
}

fn elems(operands: &Operands) -> MatmulGlobalElems {
    MatmulGlobalElems {
        lhs: dtype_to_storage_type(operands.lhs.dtype),
        rhs: dtype_to_storage_type(operands.rhs.dtype),
        out: dtype_to_storage_type(operands.out.dtype),
    }
}

/// Microseconds on the device, the least of five rounds; `None` where it cannot run.
fn time(run: impl Fn() -> Result<(), MatmulSetupError>, out: &CubeTensor) -> Option<f64> {
    const TIMES: usize = 20;
    catch_unwind(AssertUnwindSafe(|| {
        run().ok()?;
        cubecl::future::block_on(out.client.sync()).ok()?;
        let mut best = f64::INFINITY;
        for _ in 0..4 {
            let window = out.client.profile_start().ok()?;
            for _ in 0..TIMES {
                let _ = run();
            }
            let took = out.client.profile_end(window).ok()?;
            let took = cubecl::future::block_on(took.resolve())?.duration();
            best = best.min(took.as_secs_f64() * 1e6 / TIMES as f64);
        }
        Some(best)
    }))
    .unwrap_or(None)
}

fn reference(operands: &Operands) -> CubeTensor {
    let f32 = |tensor: &CubeTensor| CubeBackend::float_cast(tensor.clone(), FloatDType::F32);
    let (lhs, rhs) = (f32(&operands.lhs), f32(&operands.rhs));
    let out = empty_device_contiguous_dtype(
        lhs.client.clone(),
        lhs.device.clone(),
        operands.out.meta.shape().clone(),
        DType::F32,
    );
    let operands = Operands { lhs, rhs, out };
    launch(&Level::SimpleUnit(Default::default()).into(), &operands)
        .expect("plain kernels run everywhere");
    operands.out
}

/// Largest deviation over the largest value.
fn deviation(out: &CubeTensor, reference: &CubeTensor) -> f32 {
    let out = CubeBackend::float_cast(out.clone(), FloatDType::F32);
    let largest = |tensor| {
        let largest = CubeBackend::float_max(CubeBackend::float_abs(tensor));
        let data = cubecl::future::block_on(CubeBackend::float_into_data(largest)).expect("data");
        data.iter::<f32>().next().unwrap_or(f32::NAN)
    };
    largest(CubeBackend::float_sub(out, reference.clone())) / largest(reference.clone())
}

/// Everything worth trying; `full` adds a grid of tile sizes.
fn candidates(operands: &Operands, full: bool) -> Vec<(String, Strategy)> {
    let mut list: Vec<(String, Strategy)> = Vec::new();
    let mut add = |label: String, level: Level| list.push((label, level.into()));
    for rows in [false, true] {
        let args = || SimpleArgs {
            multi_rows: rows,
            ..Default::default()
        };
        let r = if rows { "+rows" } else { "" };
        add(
            format!("simple cyclic cmma{r}"),
            Level::SimpleCyclicCmma(Inferred(args())),
        );
        add(
            format!("simple cyclic mma{r}"),
            Level::SimpleCyclicMma(Inferred(args())),
        );
        add(
            format!("simple strided cmma{r}"),
            Level::SimpleStridedCmma(Inferred(args())),
        );
        add(
            format!("simple strided mma{r}"),
            Level::SimpleStridedMma(Inferred(args())),
        );
        add(
            format!("simple tilewise cmma{r}"),
            Level::SimpleTilewiseCmma(Inferred(args())),
        );
        add(
            format!("simple tilewise mma{r}"),
            Level::SimpleTilewiseMma(Inferred(args())),
        );
    }
    for specialized in [false, true] {
        let args = || DoubleBufferingArgs {
            specialized,
            ..Default::default()
        };
        let s = if specialized { "+spec" } else { "" };
        add(
            format!("double cyclic cmma{s}"),
            Level::DoubleCyclicCmma(Inferred(args())),
        );
        add(
            format!("double cyclic mma{s}"),
            Level::DoubleCyclicMma(Inferred(args())),
        );
        add(
            format!("double tilewise cmma{s}"),
            Level::DoubleTilewiseCmma(Inferred(args())),
        );
        add(
            format!("double tilewise mma{s}"),
            Level::DoubleTilewiseMma(Inferred(args())),
        );
        add(
            format!("double hybrid cmma{s}"),
            Level::DoubleHybridCmma(Inferred(args())),
        );
        add(
            format!("double hybrid mma{s}"),
            Level::DoubleHybridMma(Inferred(args())),
        );
    }
    for row_count in [2, 4, 8] {
        let args = || OrderedSelectionArgs {
            row_count: Some(row_count),
            partition_k: Some(2),
            ..Default::default()
        };
        add(
            format!("ordered cmma {row_count}"),
            Level::OrderedDoubleCmma(Inferred(args())),
        );
        add(
            format!("ordered mma {row_count}"),
            Level::OrderedDoubleMma(Inferred(args())),
        );
    }
    list.push((
        "tiled cmma".into(),
        Strategy::Tiled(cubek::matmul::tiled::Strategy::Cmma(Default::default())),
    ));
    if full {
        list.extend(grid(operands));
    }
    list
}

/// Tensor-core tiles of every useful size.
fn grid(operands: &Operands) -> Vec<(String, Strategy)> {
    let mut list = Vec::new();
    let global = elems(operands);
    let meta = |tensor: &CubeTensor| (tensor.meta.shape().clone(), tensor.meta.strides().clone());
    let ((ls, lt), (rs, rt), (os, ot)) = (
        meta(&operands.lhs),
        meta(&operands.rhs),
        meta(&operands.out),
    );
    let Ok(problem) = MatmulProblem::from_shapes_and_strides(
        ls,
        rs,
        os,
        lt,
        rt,
        ot,
        global.clone(),
        Default::default(),
        None,
        None,
    ) else {
        return list;
    };
    let rhs_by_rows = operands.rhs.meta.strides()[2] == 1;
    let lhs_by_rows = operands.lhs.meta.strides()[2] == 1;
    for (pm, pn) in [(2, 2), (2, 4), (2, 6), (2, 8), (4, 4)] {
        for pk in [2, 4] {
            for (sm, sn) in [(2, 1), (4, 1), (8, 1), (2, 2), (4, 2)] {
                let (rows, columns, depth) = (16 * pm * sm, 8 * pn * sn, 16 * pk);
                if pm * pn * 4 > 128
                    || columns as usize > operands.out.meta.shape()[2].next_multiple_of(64)
                    || rows > 256
                {
                    continue;
                }
                let Ok(tiling) = TilingScheme::builder()
                    .with_tile_size((16, 8, 16).into())
                    .with_partition_size((pm, pn, pk).into())
                    .with_stage_size((sm, sn, 1).into())
                    .build()
                else {
                    continue;
                };
                let swizzle = SwizzleModes {
                    lhs: select_swizzle(
                        if lhs_by_rows { depth } else { rows } as usize,
                        global.lhs,
                        8,
                    ),
                    rhs: select_swizzle(
                        if rhs_by_rows { columns } else { depth } as usize,
                        global.rhs,
                        8,
                    ),
                    ..Default::default()
                };
                for (buffers, partition) in [
                    (1, PartitionBuffering::Single),
                    (2, PartitionBuffering::Double),
                ] {
                    let blueprint =
                        BatchMatmulBlueprint::builder(TileMatmulKind::Mma, tiling, 32, &problem)
                            .partition_buffering(partition)
                            .stage_buffering(buffers)
                            .shared_swizzle(swizzle)
                            .build();
                    let label = format!(
                        "mma {pm}x{pn}x{pk} stage {sm}x{sn} {rows}x{columns}x{depth} {buffers} {partition:?}"
                    );
                    if buffers == 1 {
                        list.push((
                            format!("cyc {label}"),
                            Level::SimpleCyclicMma(Forced(blueprint.clone())).into(),
                        ));
                        list.push((
                            format!("str {label}"),
                            Level::SimpleStridedMma(Forced(blueprint)).into(),
                        ));
                    } else {
                        list.push((
                            format!("cyc {label}"),
                            Level::DoubleCyclicMma(Forced(blueprint)).into(),
                        ));
                    }
                }
            }
        }
    }
    list
}
