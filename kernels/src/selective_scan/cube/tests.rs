//! With burn's lazy graph and without it.

use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, Tensor, TensorData};
use burn_cubecl::{CubeBackend, CubeDevice};

use crate::native::Optional;
use crate::selective_scan::ops::{Emit, ScanPlan, ScanTensors, SelectiveScanOps};
use crate::selective_scan::{ScanInput, ScanOptions, selective_scan};
use crate::testing::{Numbers, assert_close, device};

/// Operands made by fused elementwise operations, and an output used by others, give what the
/// kernels give when they run at once.
#[test]
fn fusion_changes_nothing() {
    let device = device();
    let burn::backend::DispatchDevice::Cube(cube) = device.as_dispatch() else {
        return; // The CPU has no lazy graph.
    };
    let mut numbers = Numbers::new(3);
    let (l, d, n) = (37, 24, 16);
    let u = numbers.normal([2, l, d]);
    let delta = numbers.uniform([2, l, d], -1.0, 0.5);
    let a = numbers.uniform([d, n], -1.5, -0.1);
    let (b, c) = (numbers.normal([2, l, 1, n]), numbers.normal([2, l, 1, n]));
    let options = ScanOptions {
        delta_softplus: true,
        ..ScanOptions::default()
    };

    let lazy = |data: &TensorData| Tensor::<3>::from_data(data.clone(), (&device, DType::F32));
    let matrix = |data: &TensorData| {
        let tensor = Tensor::<4>::from_data(data.clone(), (&device, DType::F32));
        (tensor.clone() + tensor) * 0.5
    };
    let input = ScanInput::new(
        (lazy(&u) * 2.0 + 1.0).tanh(),
        lazy(&delta) * 0.5 - 0.25,
        -(Tensor::<2>::from_data(a.clone(), (&device, DType::F32)).neg()),
        matrix(&b),
        matrix(&c),
    )
    .with_gate(lazy(&u).square() + 0.5);
    let fused = (selective_scan(input, options) * 3.0 - 1.0).into_data();
    assert_close(
        &fused,
        &unfused(cube, options, [u, delta, a, b, c]),
        1e-5,
        1e-6,
        "fused",
    );
}

/// The same arithmetic on the backend below the lazy graph.
fn unfused(device: &CubeDevice, options: ScanOptions, data: [TensorData; 5]) -> TensorData {
    type B = CubeBackend;
    let [u, delta, a, b, c] = data.map(|data| B::float_from_data(data.convert::<f32>(), device));
    let scaled = |t, factor: f32, offset: f32| {
        B::float_add_scalar(B::float_mul_scalar(t, factor.into()), offset.into())
    };
    let gate = B::float_add_scalar(B::float_mul(u.clone(), u.clone()), 0.5_f32.into());
    let tensors = ScanTensors::<B> {
        u: B::float_tanh(scaled(u, 2.0, 1.0)),
        delta: scaled(delta, 0.5, -0.25),
        a,
        b,
        c,
        skip: Optional::Absent,
        z: Optional::Present(gate),
        delta_bias: Optional::Absent,
        initial_state: Optional::Absent,
        reset: Optional::Absent,
    };
    let plan = ScanPlan {
        options,
        emit: Emit::Output,
        keep_states: false,
        interval: super::interval(&device.client()),
    };
    let (output, _) = B::selective_scan_forward(tensors, plan);
    let output = scaled(output, 3.0, -1.0);
    burn::tensor::read_sync(B::float_into_data(output)).unwrap()
}
