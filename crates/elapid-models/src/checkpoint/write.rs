//! Tensors to files that PyTorch loads.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use burn::tensor::TensorData;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::pickle::{Storage, state_dict};
use super::{Checkpoint, CheckpointError};

/// Writes tensors in 32 bits, and integers in 64; the extension names the format, `.safetensors`, `.pth`, `.pt` or `.bin`. In files of
/// PyTorch they stand under `entry`, if one is given. The file appears under its name when it is complete.
///
/// # Errors
///
/// An unknown extension, or a file that cannot be written.
pub fn write(
    path: &Path,
    weights: &Checkpoint,
    entry: Option<&str>,
) -> Result<(), CheckpointError> {
    let partial = path.with_added_extension("partial");
    let written = match path.extension().and_then(|extension| extension.to_str()) {
        Some("safetensors") => write_safetensors(&partial, weights),
        Some("pth" | "pt" | "bin") => write_pytorch(&partial, weights, entry),
        _ => {
            return Err(CheckpointError::UnknownOutput {
                path: path.display().to_string(),
            });
        }
    };
    let done = written.and_then(|()| std::fs::rename(&partial, path));
    done.map_err(|error| CheckpointError::Unwritable {
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

fn write_safetensors(path: &Path, weights: &Checkpoint) -> io::Result<()> {
    let bytes: Vec<_> = weights.values().map(little_endian).collect();
    let views = weights.iter().zip(&bytes).map(|((name, data), bytes)| {
        let dtype = match storage(data) {
            Storage::Float => Dtype::F32,
            Storage::Long => Dtype::I64,
        };
        let view = TensorView::new(dtype, data.shape().to_vec(), bytes);
        view.map(|view| (name.as_str(), view))
            .map_err(io::Error::other)
    });
    let views = views.collect::<io::Result<Vec<_>>>()?;
    // Readers of the Transformers library ask for it.
    let written_for = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize_to_file(views, Some(written_for), path).map_err(io::Error::other)
}

/// The archive that `torch.save` writes since version 1.6, uncompressed: a pickle of the names, shapes and storages, and
/// one file a storage.
fn write_pytorch(path: &Path, weights: &Checkpoint, entry: Option<&str>) -> io::Result<()> {
    // PyTorch maps storages into memory where they begin at multiples of 64 bytes.
    let stored = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .with_alignment(64);
    let mut archive = ZipWriter::new(BufWriter::new(File::create(path)?));
    let mut file = |name: &str, bytes: &[u8]| {
        let large = stored.large_file(bytes.len() > u32::MAX as usize);
        archive.start_file(format!("archive/{name}"), large)?;
        archive.write_all(bytes)
    };
    let tensors = weights.iter();
    let tensors =
        tensors.map(|(name, data)| (name.as_str(), data.shape().as_slice(), storage(data)));
    file("data.pkl", &state_dict(entry, tensors))?;
    file("byteorder", b"little")?;
    for (storage, data) in weights.values().enumerate() {
        file(&format!("data/{storage}"), &little_endian(data))?;
    }
    file("version", b"3\n")?;
    archive.finish()?.flush()
}

fn storage(data: &TensorData) -> Storage {
    match data.dtype().is_float() {
        true => Storage::Float,
        false => Storage::Long,
    }
}

fn little_endian(data: &TensorData) -> Vec<u8> {
    match storage(data) {
        Storage::Float => data.iter::<f32>().flat_map(f32::to_le_bytes).collect(),
        Storage::Long => data.iter::<i64>().flat_map(i64::to_le_bytes).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    fn weights() -> Checkpoint {
        let tensor =
            |values: &[f32], shape: &[usize]| TensorData::new(values.to_vec(), shape.to_vec());
        let matrix = tensor(&[1.0, -2.5, 3.0, f32::MIN_POSITIVE, 0.0, 6.0], &[2, 3]);
        let vector = tensor(&[0.1], &[1]);
        Checkpoint::from([("a.weight".to_owned(), matrix), ("b".to_owned(), vector)])
    }

    #[test]
    fn every_format_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        for (name, entry, prefix) in [
            ("w.safetensors", Some("model"), ""),
            ("w.pth", Some("model"), "model."),
            ("w.pt", None, ""),
            ("w.bin", Some("state_dict"), "state_dict."),
        ] {
            let path = folder.path().join(name);
            write(&path, &weights(), entry).unwrap();
            let expected = weights().into_iter();
            let expected = expected.map(|(name, data)| (format!("{prefix}{name}"), data));
            assert_eq!(read(&path).unwrap(), expected.collect());
        }
        // Nothing else was left behind.
        assert_eq!(folder.path().read_dir().unwrap().count(), 4);
    }

    #[test]
    fn storages_begin_where_pytorch_can_map_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.pth");
        write(&path, &weights(), Some("model")).unwrap();
        let mut archive = zip::ZipArchive::new(File::open(&path).unwrap()).unwrap();
        for file in 0..archive.len() {
            let file = archive.by_index(file).unwrap();
            assert_eq!(file.data_start().unwrap() % 64, 0, "{:?}", file.name());
            assert_eq!(file.compression(), CompressionMethod::Stored);
        }
    }

    #[test]
    fn an_unknown_extension_is_refused() {
        let message = write(Path::new("w.onnx"), &weights(), None).unwrap_err();
        assert!(
            message.to_string().contains(".safetensors, .pth"),
            "{message}"
        );
    }
}
