//! A recording has more room than the run before it needed, if it was left some. Alone in its process: other threads could take
//! that room, or leave some.

use burn::tensor::{DType, Device, Tensor, s};
use elapid_kernels::graph::{is_supported, leave_room, record, warm};

/// Blocks of the largest size that shares pages of 8 MiB: more than one page holds.
const BLOCKS: usize = 150;
const ELEMENTS: usize = 16 * 1024;

/// One more than `x`, one more than that, and so on. All are the same launch: another number in it would be a block of memory more,
/// which CUDA keeps among these.
fn blocks(x: &Tensor<1>, count: usize) -> Vec<Tensor<1>> {
    let add = |last: &mut Tensor<1>, _| {
        *last = last.clone() + 1.0;
        Some(last.clone())
    };
    (0..count).scan(x.clone(), add).collect()
}

/// Warms up with one block, and records many.
fn recorded(device: &Device, attempt: Option<u32>) -> Result<(), String> {
    let x = Tensor::<1>::ones([ELEMENTS], (device, DType::F32));
    // Operations that are new to the process take memory of their own.
    drop(blocks(&x, BLOCKS));
    let _ = device.sync();
    device.memory_cleanup();
    warm(device, || blocks(&x, 1))?;
    if let Some(attempt) = attempt {
        leave_room(device, attempt);
    }
    let (graph, made) = record(device, || blocks(&x, BLOCKS))?;
    // SAFETY: `x` and `made` still exist, and no other thread has them.
    #[allow(unsafe_code)]
    unsafe { graph.replay() }?;
    for (i, block) in made.into_iter().enumerate() {
        let last: f32 = block.slice(s![ELEMENTS - 1..]).into_scalar();
        assert_eq!(last, i as f32 + 2.0);
    }
    Ok(())
}

/// The GPU that `ELAPID_TEST_DEVICE` names.
fn gpu() -> Option<Device> {
    match std::env::var("ELAPID_TEST_DEVICE").as_deref() {
        #[cfg(feature = "cuda")]
        Ok("cuda") => Some(Device::cuda(0)),
        #[cfg(feature = "vulkan")]
        Ok("vulkan") => Some(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "wgpu")]
        Ok("wgpu") => Some(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        _ => None,
    }
}

#[test]
fn a_page_more_is_room_for_more_blocks() {
    let Some(device) = gpu().filter(is_supported) else {
        return;
    };
    let refused = recorded(&device, None).unwrap_err();
    assert!(refused.contains("No room for"), "{refused}");
    recorded(&device, Some(0)).unwrap();
    recorded(&device, Some(1)).unwrap();
}
