//! `--device`: names to devices.

use burn::tensor::Device;
use thiserror::Error;

/// Why a device cannot be used.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// The name is not one of ours.
    #[error("unknown device `{name}`; expected one of {}", device_names().join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// This build lacks the backend.
    #[error(
        "device `{name}` needs a build with the `{feature}` backend; build elapid with `cargo build --release --features {feature}`. This build offers {}",
        device_names().join(", ")
    )]
    NotCompiled {
        /// What was asked for.
        name: String,
        /// The cargo feature that adds it.
        feature: &'static str,
    },
    /// This machine has no such device.
    #[error(
        "device `{name}` is not on this machine, which has {}. Take another with `--device`; `--device auto` takes the best there is",
        if present.is_empty() { "none of its kind (is the driver installed?)".into() } else { present.join(", ") }
    )]
    Missing {
        /// What was asked for.
        name: String,
        /// The devices of the backend that there are.
        present: Vec<String>,
    },
    /// The number behind the colon is not one.
    #[error("device `{name}`: `{index}` is no device number; write for example `{kind}:0`")]
    Index {
        /// What was asked for.
        name: String,
        /// The part before the colon.
        kind: String,
        /// The part behind it.
        index: String,
    },
    /// Several devices where there can be one only.
    #[error(
        "device `{names}` names several devices; name one here: `elapid train` and `elapid resume` share the batches of a run out to several, and `elapid sweep` its runs"
    )]
    Several {
        /// What was asked for.
        names: String,
    },
    /// Devices that cannot share a batch.
    #[error(
        "devices `{names}` are of different kinds, which cannot share the batches of a run; name devices of one kind, such as `cuda:0,cuda:1`"
    )]
    Mixed {
        /// What was asked for.
        names: String,
    },
    /// There is a number where there is nothing to choose from.
    #[error("device `{name}`: `{kind}` takes no number; write `{kind}`")]
    NoNumber {
        /// What was asked for.
        name: String,
        /// The part before the colon.
        kind: String,
    },
}

/// Names that this build accepts.
pub fn device_names() -> Vec<&'static str> {
    let mut names = vec!["auto", "cpu"];
    for (compiled, name) in [
        (cfg!(feature = "cuda"), "cuda[:N]"),
        (cfg!(feature = "vulkan"), "vulkan[:N]"),
        (cfg!(feature = "metal"), "metal"),
        (cfg!(feature = "wgpu"), "wgpu"),
        (cfg!(feature = "rocm"), "rocm[:N]"),
    ] {
        names.extend(compiled.then_some(name));
    }
    names
}

/// The plain device named `auto`, `cpu`, `cuda:N`, `vulkan[:N]`, `metal`, `wgpu` or `rocm:N`.
///
/// # Errors
///
/// An unknown name, a bad number, a backend that this build lacks, or a device that this machine lacks.
pub fn device(name: &str) -> Result<Device, DeviceError> {
    if name.contains(',') {
        return Err(DeviceError::Several { names: name.into() });
    }
    let (kind, index) = split(name);
    let number = match index.map(str::parse::<usize>) {
        None => None,
        Some(Ok(number)) => Some(number),
        Some(Err(_)) => {
            let index = index.unwrap_or_default().to_owned();
            return Err(DeviceError::Index {
                name: name.into(),
                kind: kind.into(),
                index,
            });
        }
    };
    match (kind, number) {
        ("auto", None) => device(resolve(name)),
        ("cpu", None) => Ok(Device::flex()),
        ("auto" | "cpu", Some(_)) => Err(DeviceError::NoNumber {
            name: name.into(),
            kind: kind.into(),
        }),
        _ => gpu(kind, number, name),
    }
}

/// The plain devices named with commas between, such as `cuda:0,cuda:1`, all of one kind; at least one.
///
/// # Errors
///
/// As for [`device`], and devices of different kinds.
pub fn devices(names: &str) -> Result<Vec<Device>, DeviceError> {
    let kind = |name| split(resolve(name)).0;
    let all: Vec<&str> = names.split(',').map(str::trim).collect();
    let devices = all.iter().map(|name| device(name));
    let devices = devices.collect::<Result<_, _>>()?;
    match all.iter().all(|name| kind(name) == kind(all[0])) {
        true => Ok(devices),
        false => Err(DeviceError::Mixed {
            names: names.into(),
        }),
    }
}

/// The first of the devices named with commas between.
pub fn first_device(names: &str) -> &str {
    names.split(',').next().unwrap_or(names).trim()
}

/// Kind and number of a name.
fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once(':') {
        Some((kind, index)) => (kind, Some(index)),
        None => (name, None),
    }
}

/// What `auto` stands for on this machine: the first GPU backend of this build that finds a card, else the CPU.
/// Other names stay.
pub fn resolve(name: &str) -> &str {
    let compiled = ["cuda", "rocm", "metal", "vulkan", "wgpu"];
    match name {
        "auto" => compiled
            .into_iter()
            .find(|kind| gpu(kind, None, kind).is_ok_and(|device| is_card(&device)))
            .unwrap_or("cpu"),
        name => name,
    }
}

/// True unless tensors are computed on the CPU.
pub fn is_gpu(device: &Device) -> bool {
    *device != Device::flex()
}

/// The devices of a GPU backend of this build. A backend is not asked where it would not even load; it aborts then.
fn found(kind: &str) -> Vec<Device> {
    #[cfg(feature = "gpu")]
    use burn::tensor::DeviceType;
    match kind {
        #[cfg(feature = "cuda")]
        "cuda" => Device::enumerate(DeviceType::Cuda).to_vec(),
        #[cfg(feature = "rocm")]
        "rocm" if std::path::Path::new("/dev/kfd").exists() => {
            Device::enumerate(DeviceType::Rocm).to_vec()
        }
        #[cfg(feature = "vulkan")]
        "vulkan" => Device::enumerate(DeviceType::Vulkan).to_vec(),
        #[cfg(feature = "metal")]
        "metal" => Device::enumerate(DeviceType::Metal).to_vec(),
        #[cfg(feature = "wgpu")]
        "wgpu" => Device::enumerate(DeviceType::Wgpu).to_vec(),
        _ => Vec::new(),
    }
}

/// Refuses a device that this machine lacks, which would abort at its first tensor.
fn check(
    device: &Device,
    kind: &str,
    number: Option<usize>,
    name: &str,
) -> Result<(), DeviceError> {
    let found = found(kind);
    let is_found = match number {
        None => !found.is_empty(),
        Some(_) => found.contains(device),
    };
    if is_found {
        return Ok(());
    }
    let is_there =
        |number: &usize| backend(kind, Some(*number), name).is_ok_and(|d| found.contains(&d));
    let numbers = (0..found.len()).filter(is_there);
    let mut present: Vec<String> = numbers.map(|number| format!("{kind}:{number}")).collect();
    if present.is_empty() && !found.is_empty() {
        present.push(kind.into());
    }
    Err(DeviceError::Missing {
        name: name.into(),
        present,
    })
}

/// True unless a program plays the card, which is slower than the CPU backend.
#[allow(unused_variables)] // without a GPU backend there is nothing to ask
fn is_card(device: &Device) -> bool {
    #[cfg(feature = "gpu")]
    return device
        .identity()
        .is_some_and(|identity| identity.physical.is_some());
    #[cfg(not(feature = "gpu"))]
    false
}

/// The device of a GPU backend; kernels that it compiles and tunes are kept for the next run.
fn gpu(kind: &str, number: Option<usize>, name: &str) -> Result<Device, DeviceError> {
    #[cfg(feature = "gpu")]
    elapid_kernels::kept::keep();
    let device = backend(kind, number, name)?;
    check(&device, kind, number, name)?;
    #[cfg(feature = "gpu")]
    elapid_kernels::kept::keep_for(&device);
    Ok(device)
}

#[allow(unused_variables)] // the number is read where a GPU backend is compiled in
fn backend(kind: &str, number: Option<usize>, name: &str) -> Result<Device, DeviceError> {
    match kind {
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(number.unwrap_or(0))),
        #[cfg(feature = "rocm")]
        "rocm" => Ok(Device::rocm(number.unwrap_or(0))),
        #[cfg(feature = "vulkan")]
        "vulkan" => Ok(Device::vulkan(kind_of(number))),
        #[cfg(feature = "metal")]
        "metal" => Ok(Device::metal(kind_of(number))),
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok(Device::wgpu(kind_of(number))),
        _ => {
            let known = ["cuda", "vulkan", "metal", "wgpu", "rocm"];
            match known.into_iter().find(|feature| *feature == kind) {
                Some(feature) => Err(DeviceError::NotCompiled {
                    name: name.into(),
                    feature,
                }),
                None => Err(DeviceError::Unknown { name: name.into() }),
            }
        }
    }
}

#[cfg(any(feature = "vulkan", feature = "metal", feature = "wgpu"))]
fn kind_of(number: Option<usize>) -> burn::tensor::DeviceKind {
    use burn::tensor::DeviceKind;
    number.map_or(DeviceKind::DefaultDevice, DeviceKind::DiscreteGpu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there() {
        assert!(device("cpu").is_ok() && device("auto").is_ok());
    }

    #[test]
    fn several_devices_are_of_one_kind() {
        assert_eq!(devices("cpu").unwrap().len(), 1);
        assert_eq!(devices("cpu, cpu,cpu").unwrap().len(), 3);
        assert_eq!(first_device("cuda:1, cuda:0"), "cuda:1");
        for names in ["", "cpu,", "cpu,gpu"] {
            let error = devices(names).unwrap_err().to_string();
            assert!(error.contains("unknown device"), "{error}");
        }
    }

    #[test]
    #[cfg(feature = "gpu")]
    fn devices_of_different_kinds_are_refused() {
        let gpu = device_names()
            .into_iter()
            .find(|name| !["auto", "cpu"].contains(name));
        let names = format!("cpu,{}", gpu.unwrap().trim_end_matches("[:N]"));
        let error = devices(&names).unwrap_err().to_string();
        assert!(error.contains("of different kinds"), "{error}");
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_missing_backend_names_its_feature() {
        let error = device("cuda:0").unwrap_err().to_string();
        assert!(error.contains("--features cuda"), "{error}");
    }

    #[test]
    fn bad_names_are_refused() {
        assert!(
            device("gpu")
                .unwrap_err()
                .to_string()
                .contains("unknown device `gpu`")
        );
        assert!(
            device("cuda:x")
                .unwrap_err()
                .to_string()
                .contains("`cuda:0`")
        );
        assert!(
            device("cpu,cpu")
                .unwrap_err()
                .to_string()
                .contains("names several devices")
        );
        for name in ["auto:0", "cpu:1"] {
            let error = device(name).unwrap_err().to_string();
            assert!(error.contains("takes no number"), "{error}");
        }
    }

    #[cfg(feature = "wgpu")]
    #[test]
    fn a_device_that_is_not_there_is_refused() {
        let error = device("wgpu:99").unwrap_err();
        assert!(matches!(error, DeviceError::Missing { .. }), "{error}");
    }
}
