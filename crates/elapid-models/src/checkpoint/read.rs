//! Files to tensors.

use std::collections::BTreeMap;
use std::path::Path;

use burn::store::{burn_pack, pytorch_reader};
use burn::tensor::{DType, TensorData};
use safetensors::{Dtype, SafeTensors};

use super::{CheckpointError, official_name};

/// Tensors by name.
pub type Checkpoint = BTreeMap<String, TensorData>;

/// Reads a checkpoint; the extension names the format. Names of `.bpk` files, which are ours, are
/// turned into official ones; wrappers such as `model.` and `module.` stay (see [`super::apply()`]).
///
/// # Errors
///
/// An unknown extension, or a file that is not what its extension says.
pub fn read(path: &Path) -> Result<Checkpoint, CheckpointError> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("safetensors") => read_safetensors(path),
        Some("pth" | "pt" | "bin") => read_pytorch(path),
        Some("bpk") => read_burnpack(path),
        _ => Err(CheckpointError::UnknownFormat {
            path: path.display().to_string(),
        }),
    }
}

fn read_safetensors(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let unreadable = |reason: String| CheckpointError::unreadable(path, reason);
    let bytes = std::fs::read(path).map_err(|e| unreadable(e.to_string()))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| unreadable(e.to_string()))?;
    let mut checkpoint = Checkpoint::new();
    for (name, view) in file.tensors() {
        let dtype = match view.dtype() {
            Dtype::F64 => DType::F64,
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            // Counters and masks are no parameters.
            _ => continue,
        };
        checkpoint.insert(name, tensor(view.data().to_vec(), view.shape(), dtype));
    }
    Ok(checkpoint)
}

fn read_pytorch(path: &Path) -> Result<Checkpoint, CheckpointError> {
    use pytorch_reader::DType as Torch;
    let reader = pytorch_reader::PytorchReader::new(path)
        .map_err(|e| CheckpointError::unreadable(path, e))?;
    let stored: BTreeMap<_, _> = reader.into_tensors().into_iter().collect();
    let mut checkpoint = Checkpoint::new();
    for (name, stored) in stored {
        let dtype = match stored.dtype() {
            Torch::F64 => DType::F64,
            Torch::F32 => DType::F32,
            Torch::F16 => DType::F16,
            Torch::BF16 => DType::BF16,
            _ => continue,
        };
        let bytes = stored
            .read()
            .map_err(|e| CheckpointError::unreadable(path, e))?;
        checkpoint.insert(name, tensor(bytes, stored.shape(), dtype));
    }
    Ok(checkpoint)
}

fn read_burnpack(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let unreadable = |e: burn_pack::Error| CheckpointError::unreadable(path, e);
    let reader = burn_pack::Reader::from_file(path).map_err(unreadable)?;
    let mut checkpoint = Checkpoint::new();
    for stored in reader.into_tensors().map_err(unreadable)? {
        let (name, dtype, shape, _, bytes) = stored.into_parts().map_err(unreadable)?;
        let data = TensorData::from_bytes(bytes, shape, dtype).convert_dtype(DType::F32);
        checkpoint.insert(official_name(&name), data);
    }
    Ok(checkpoint)
}

/// 32-bit tensor data from stored bytes.
fn tensor(bytes: Vec<u8>, shape: &[usize], dtype: DType) -> TensorData {
    let bytes = burn::tensor::Bytes::from_bytes_vec(bytes);
    TensorData::from_bytes(bytes, shape.to_vec(), dtype).convert_dtype(DType::F32)
}
