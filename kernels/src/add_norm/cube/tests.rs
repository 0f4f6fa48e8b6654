//! What the operator's own tests cannot reach: operands whose rows lie apart in memory, every division
//! of the work, and burn's lazy graph. They need a GPU to be the tested device, and pass without one.

use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, Slice, Tensor, TensorData};
use burn_cubecl::ops::into_data_sync;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, CubeDevice};

use super::launch::{backward, forward};
use super::strategy::Division;
use crate::add_norm::ops::{AddNormBackwardTensors, AddNormGrads, AddNormPlan, AddNormTensors};
use crate::add_norm::{AddNormInput, AddNormOptions, NormKind, add_norm};
use crate::cube::contiguous;
use crate::testing::{Numbers, assert_close, device, gpu, poison};

fn tensor(data: TensorData, device: &CubeDevice) -> CubeTensor {
    CubeBackend::float_from_data(data.convert_dtype(DType::F32), device)
}

fn plan(kind: NormKind) -> AddNormPlan {
    AddNormPlan {
        options: AddNormOptions {
            kind,
            ..AddNormOptions::default()
        },
        hidden: DType::F32,
        stream: DType::F32,
        residual: true,
        scaled: true,
        bias: true,
    }
}

/// Results and gradients of rows that start from `hidden` and `residual`, with gradients as large.
fn run(
    [hidden, residual]: [CubeTensor; 2],
    kind: NormKind,
    divisions: Option<[Division; 2]>,
    device: &CubeDevice,
) -> ([TensorData; 4], [TensorData; 2]) {
    let [batch, _, channels] = *hidden.meta.shape().as_slice() else {
        unreachable!("three axes")
    };
    let mut numbers = Numbers::new(11);
    let row_scale = tensor(numbers.uniform([batch], 0.0, 2.0), device);
    let weight = tensor(numbers.uniform([channels], 0.5, 1.5), device);
    let bias = tensor(numbers.uniform([channels], -0.5, 0.5), device);
    let input = AddNormTensors {
        hidden: hidden.clone(),
        residual: Some(residual.clone()).into(),
        row_scale: Some(row_scale.clone()).into(),
        weight: weight.clone(),
        bias: Some(bias).into(),
    };
    let plan = plan(kind);
    let (normal, sum) = forward(input, plan, divisions.map(|d| d[0]));
    let input = AddNormBackwardTensors {
        sum: sum.clone(),
        row_scale: Some(row_scale).into(),
        weight,
        d_normal: hidden,
        d_sum: Some(residual).into(),
    };
    let AddNormGrads {
        hidden,
        residual,
        weight,
        bias,
    } = backward(input, plan, divisions.map(|d| d[1]));
    let residual = residual.into_option().unwrap();
    (
        [normal, sum, hidden, residual].map(into_data_sync),
        [weight, bias.into_option().unwrap()].map(into_data_sync),
    )
}

fn assert_same(
    got: &([TensorData; 4], [TensorData; 2]),
    expected: &([TensorData; 4], [TensorData; 2]),
    what: &str,
) {
    let pairs = got.0.iter().zip(&expected.0);
    for (got, expected) in pairs.chain(got.1.iter().zip(&expected.1)) {
        assert_close(got, expected, 1e-5, 1e-5, what);
    }
}

#[test]
fn rows_that_lie_apart_are_read_in_place() {
    let Some(gpu) = gpu() else { return };
    let mut numbers = Numbers::new(3);
    for kind in [NormKind::Rms, NormKind::Layer] {
        // Parts of wider rows, aligned and not; then batch elements side by side.
        let mut part = |from: isize, to: isize| {
            let whole = tensor(numbers.normal([4, 21, 192]), &gpu);
            let ranges = [(0, 4), (0, 21), (from, to)];
            let slices = ranges.map(|(from, to)| Slice::new(from, Some(to), 1));
            CubeBackend::float_slice(whole, &slices)
        };
        let mut cases = vec![
            [part(64, 128), part(0, 64)],
            [part(3, 67), part(2, 66)],
            [part(1, 34), part(64, 97)],
        ];
        let mut swapped =
            || CubeBackend::float_swap_dims(tensor(numbers.normal([9, 3, 20]), &gpu), 0, 1);
        cases.push([swapped(), swapped()]);
        for operands in cases {
            let copies = operands.clone().map(contiguous);
            let expected = run(copies, kind, None, &gpu);
            assert_same(&run(operands, kind, None, &gpu), &expected, "views");
        }
    }
}

#[test]
fn every_division_gives_the_same() {
    let Some(gpu) = gpu() else { return };
    let mut numbers = Numbers::new(3);
    let mut operand = || tensor(numbers.normal([3, 17, 84]), &gpu);
    let operands = [operand(), operand()];
    for kind in [NormKind::Rms, NormKind::Layer] {
        let expected = run(operands.clone(), kind, None, &gpu);
        for (width, lanes, rows) in [
            (1, 4, 16),
            (1, 128, 1),
            (2, 4, 3),
            (2, 16, 8),
            (4, 8, 16),
            (4, 32, 4),
            (4, 64, 2),
            (4, 256, 1),
        ] {
            let groups = 51_usize.div_ceil(rows);
            for parts in [1, 2, groups] {
                let division = |parts| Division {
                    width,
                    lanes,
                    rows,
                    parts,
                };
                poison(&device());
                let divisions = Some([division(groups), division(parts)]);
                let got = run(operands.clone(), kind, divisions, &gpu);
                assert_same(&got, &expected, &format!("{:?}", division(parts)));
            }
        }
    }
}

/// Operands made by fused elementwise operations, and results used by others, give what the kernels give
/// when they run at once.
#[test]
fn fusion_changes_nothing() {
    let Some(gpu) = gpu() else { return };
    let device = device();
    let mut numbers = Numbers::new(3);
    let (h, r) = (numbers.normal([2, 37, 24]), numbers.normal([2, 37, 24]));
    let w = numbers.uniform([24], 0.5, 1.5);
    let options = AddNormOptions::default();

    let lazy = |data: &TensorData| Tensor::<3>::from_data(data.clone(), (&device, DType::F32));
    let weight = Tensor::<1>::from_data(w.clone(), (&device, DType::F32));
    let input = AddNormInput::new((lazy(&h) * 2.0 + 1.0).tanh(), weight.clone() * 2.0)
        .with_residual(lazy(&r) * 0.5 - 0.25);
    let (normal, sum) = add_norm(input, options);
    let fused = (normal * 3.0 - sum).into_data();
    // Without an addition, where the sum is the hidden state.
    let hidden = (lazy(&h) * 2.0 + 1.0).tanh();
    let (normal, sum) = add_norm(AddNormInput::new(hidden.clone(), weight), options);
    let alone = ((normal * 3.0 - sum * 0.5) + (hidden * 2.0)).into_data();

    type B = CubeBackend;
    let scaled = |t, factor: f32, offset: f32| {
        B::float_add_scalar(B::float_mul_scalar(t, factor.into()), offset.into())
    };
    let tensors = |residual: Option<CubeTensor>, factor| AddNormTensors::<B> {
        hidden: B::float_tanh(scaled(tensor(h.clone(), &gpu), 2.0, 1.0)),
        residual: residual.into(),
        row_scale: None.into(),
        weight: scaled(tensor(w.clone(), &gpu), factor, 0.0),
        bias: None.into(),
    };
    let mut plan = AddNormPlan {
        scaled: false,
        bias: false,
        ..plan(NormKind::Rms)
    };
    let residual = scaled(tensor(r, &gpu), 0.5, -0.25);
    let (normal, sum) = forward(tensors(Some(residual), 2.0), plan, None);
    let expected = into_data_sync(B::float_sub(scaled(normal, 3.0, 0.0), sum));
    assert_close(&fused, &expected, 1e-5, 1e-6, "fused");
    plan.residual = false;
    let (normal, sum) = forward(tensors(None, 1.0), plan, None);
    let expected = B::float_add(scaled(normal, 3.0, 0.0), scaled(sum, 1.5, 0.0));
    assert_close(
        &alone,
        &into_data_sync(expected),
        1e-5,
        1e-6,
        "fused, alone",
    );
}
