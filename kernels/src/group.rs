//! Sums over several devices of one host.
//!
//! On NVIDIA cards NCCL makes them, which burn loads when it is there: every device gives its tensor and gets the sum, the
//! same bits on each. Everywhere else, and where one device is named twice, copies are sent to the first device,
//! added there in order, and the sum is sent back.

use burn::tensor::distributed::{ReduceOperation, all_reduce};
use burn::tensor::{Device, Tensor};

/// Devices over which tensors are summed.
#[derive(Debug)]
pub struct Group {
    devices: Vec<Device>,
    way: Way,
}

/// How tensors get from one device to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By NCCL.
    Direct,
    /// Through main memory, although NCCL could do better.
    WithoutNccl,
    /// Through main memory.
    Copies,
}

impl Group {
    /// The group of these devices, any of which may be named several times.
    pub fn new(devices: &[Device]) -> Self {
        let devices: Vec<Device> = devices
            .iter()
            .map(|device| device.clone().inner())
            .collect();
        let is_new = |(at, device): (usize, &Device)| !devices[..at].contains(device);
        let are_distinct = devices.iter().enumerate().all(is_new);
        let way = match devices.len() {
            0 | 1 => Way::Copies,
            _ if are_distinct => way(&devices),
            _ => Way::Copies,
        };
        Self { devices, way }
    }

    /// Whether devices send to each other, and not through main memory.
    pub fn is_direct(&self) -> bool {
        self.way == Way::Direct
    }

    /// What somebody who waits for sums should know.
    pub fn remark(&self) -> Option<&'static str> {
        (self.way == Way::WithoutNccl).then_some(
            "NCCL was not found, so gradients travel through main memory, which is slow; install it (the packages \
             libnccl2 and libnccl-dev, or `pip install nvidia-nccl-cu12`) and see that a file named libnccl.so, if need be \
             a link to libnccl.so.2, is in a folder of LD_LIBRARY_PATH",
        )
    }

    /// The sum of tensors of one shape, the first of which is on the first device and so on, on every device.
    ///
    /// # Errors
    ///
    /// What a device said when its tensor was read. Where devices send to each other nothing is read, and a failure is told
    /// by whoever reads the result.
    ///
    /// # Panics
    ///
    /// Panics unless there is a tensor for every device.
    pub fn sum(&self, tensors: Vec<Tensor<1>>) -> Result<Vec<Tensor<1>>, String> {
        let (given, expected) = (tensors.len(), self.devices.len());
        assert!(
            given == expected,
            "sum: {given} tensors, expected {expected}, one a device"
        );
        match self.way {
            Way::Direct => Ok(self.reduced(tensors)),
            Way::Copies | Way::WithoutNccl => self.added(tensors),
        }
    }

    fn reduced(&self, tensors: Vec<Tensor<1>>) -> Vec<Tensor<1>> {
        // Every device has to be told before one is waited for, or it would wait for the others for ever.
        let asked = tensors.into_iter().map(|tensor| {
            let devices = self.devices.clone();
            all_reduce(tensor, ReduceOperation::Sum, devices)
        });
        let asked: Vec<_> = asked.collect();
        asked.into_iter().map(|sum| sum.resolve()).collect()
    }

    fn added(&self, tensors: Vec<Tensor<1>>) -> Result<Vec<Tensor<1>>, String> {
        let mut sum: Option<Tensor<1>> = None;
        for tensor in tensors {
            let tensor = copied(tensor, &self.devices[0])?;
            sum = Some(match sum {
                Some(sum) => sum + tensor,
                None => tensor,
            });
        }
        let sum = sum.into_iter().flat_map(|sum| {
            let devices = self.devices.iter();
            devices.map(move |device| copied(sum.clone(), device))
        });
        sum.collect()
    }
}

/// The tensor on another device, through main memory; outside autodiff.
///
/// # Errors
///
/// What the device said when the tensor was read.
pub fn copied<const D: usize>(tensor: Tensor<D>, device: &Device) -> Result<Tensor<D>, String> {
    if tensor.device() == *device {
        return Ok(tensor);
    }
    let dtype = tensor.dtype();
    let data = tensor.try_into_data().map_err(|error| error.to_string())?;
    Ok(Tensor::from_data(data, (device, dtype)))
}

/// How several different devices exchange tensors.
#[allow(unused_variables)] // without a GPU backend there is nothing to ask
fn way(devices: &[Device]) -> Way {
    #[cfg(feature = "cuda")]
    {
        use burn::backend::DispatchDevice;
        let cards = devices.iter().map(|device| match device.as_dispatch() {
            DispatchDevice::Cube(device @ cubecl::Device::Cuda(_)) => Some(device.client()),
            _ => None,
        });
        if let Some(cards) = cards.collect::<Option<Vec<_>>>() {
            return match cards.iter().all(|card| card.has_device_transport()) {
                true => Way::Direct,
                false => Way::WithoutNccl,
            };
        }
    }
    Way::Copies
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::device;

    #[test]
    fn everybody_gets_the_sum_of_all() {
        let device = device();
        let tensor = |values: [f32; 3]| Tensor::<1>::from_floats(values, &device);
        let group = Group::new(&[device.clone(), device.clone().autodiff(), device.clone()]);
        assert!(!group.is_direct() && group.remark().is_none());
        let given = [[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [0.5, 0.25, 0.0]];
        let sums = group.sum(given.map(tensor).to_vec()).unwrap();
        assert_eq!(sums.len(), 3);
        for sum in sums {
            assert_eq!(sum.into_data(), tensor([11.5, 22.25, 33.0]).into_data());
        }
    }

    #[test]
    #[should_panic(expected = "1 tensors, expected 2")]
    fn a_missing_tensor_is_refused() {
        let group = Group::new(&[device(), device()]);
        let _ = group.sum(vec![Tensor::zeros([2], &device())]);
    }
}
