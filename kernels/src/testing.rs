//! Reproducible operands and comparison for operator tests.

use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData};

/// The device whose implementation is tested: the CPU, or the one that `ELAPID_TEST_DEVICE` names
/// (`wgpu`, `vulkan` or `cuda`, each with its cargo feature).
pub(crate) fn device() -> Device {
    match std::env::var("ELAPID_TEST_DEVICE").as_deref() {
        Err(_) | Ok("cpu") => Device::flex(),
        #[cfg(feature = "cuda")]
        Ok("cuda") => Device::cuda(0),
        #[cfg(feature = "vulkan")]
        Ok("vulkan") => Device::vulkan(burn::tensor::DeviceKind::DefaultDevice),
        #[cfg(feature = "wgpu")]
        Ok("wgpu") => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
        Ok(other) => panic!("ELAPID_TEST_DEVICE={other}: no such device in this build"),
    }
}

/// The GPU that is tested, for kernels below burn's tensors; `None` on the CPU.
#[cfg(feature = "gpu")]
pub(crate) fn gpu() -> Option<burn_cubecl::CubeDevice> {
    match device().as_dispatch() {
        burn::backend::DispatchDevice::Cube(device) => Some(device.clone()),
        _ => None,
    }
}

/// The 16-bit float types that the tested device has.
pub(crate) fn half_types() -> Vec<(DType, f64)> {
    let has = |dtype| device().supports_dtype(dtype);
    let mut types = Vec::new();
    if has(FloatDType::BF16) {
        types.push((DType::BF16, 2e-2));
    }
    if has(FloatDType::F16) {
        types.push((DType::F16, 3e-3));
    }
    types
}

/// Fills the memory that the device will hand out next with NaN, so that a value which nobody
/// wrote cannot pass for a zero. (The CPU's operators fill their own.)
pub(crate) fn poison(device: &Device) {
    let device = device.clone().inner();
    for len in [1, 300, 5_000, 40_000, 300_000, 2_000_000] {
        let tensors: Vec<Tensor<1>> = (0..4)
            .map(|_| Tensor::full([len], f32::NAN, (&device, DType::F32)))
            .collect();
        for tensor in &tensors {
            assert!(tensor.clone().slice(0..1).into_scalar::<f32>().is_nan());
        }
    }
}

/// A small generator (SplitMix64): tests need spread, not statistical quality.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform numbers in `[low, high)`.
    pub(crate) fn uniform<const D: usize>(
        &mut self,
        shape: [usize; D],
        low: f64,
        high: f64,
    ) -> TensorData {
        let len = shape.iter().product();
        let values: Vec<f64> = (0..len).map(|_| low + (high - low) * self.unit()).collect();
        TensorData::new(values, shape)
    }

    /// Numbers of mean 0 and variance 1 (a sum of uniforms).
    pub(crate) fn normal<const D: usize>(&mut self, shape: [usize; D]) -> TensorData {
        let len = shape.iter().product();
        let values: Vec<f64> = (0..len)
            .map(|_| (0..12).map(|_| self.unit()).sum::<f64>() - 6.0)
            .collect();
        TensorData::new(values, shape)
    }
}

/// Results of one implementation, by name.
pub(crate) type Named = Vec<(&'static str, TensorData)>;

/// Asserts that two implementations name the same results, in the same types, and that each is
/// close; see [`assert_close`].
pub(crate) fn assert_all_close(
    got: &Named,
    expected: &Named,
    relative: f64,
    absolute: f64,
    what: &str,
) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for ((name, got), (expected_name, expected)) in got.iter().zip(expected) {
        assert_eq!(name, expected_name, "{what}");
        assert_eq!(got.dtype(), expected.dtype(), "{name} of {what}");
        assert_close(
            got,
            expected,
            relative,
            absolute,
            &format!("{name} of {what}"),
        );
    }
}

/// Asserts `|got − expected| <= absolute · max|expected| + relative · |expected|` everywhere. The
/// absolute part is relative to the tensor's largest element (at least 1), because a sum of many
/// terms is only as exact as its terms are large. NaN fails.
pub(crate) fn assert_close(
    got: &TensorData,
    expected: &TensorData,
    relative: f64,
    absolute: f64,
    what: &str,
) {
    assert_eq!(got.shape(), expected.shape(), "{what}");
    let read = |data: &TensorData| {
        data.clone()
            .convert_dtype(DType::F64)
            .try_to_vec::<f64>()
            .unwrap()
    };
    let (got, expected) = (read(got), read(expected));
    let largest = expected.iter().fold(1.0, |max: f64, x| max.max(x.abs()));
    for (i, (x, y)) in got.iter().zip(&expected).enumerate() {
        let bound = absolute * largest + relative * y.abs();
        assert!(
            (x - y).abs() <= bound,
            "{what}: element {i} is {x}, expected {y} (± {bound:.1e})"
        );
    }
}
