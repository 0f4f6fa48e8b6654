//! The pickle in a PyTorch file: which tensor is where.
//!
//! Only what `torch.load` reads with `weights_only=True` is written, in protocol 2: dictionaries of strings and
//! calls of `torch._utils._rebuild_tensor_v2`. Source: `torch/_weights_only_unpickler.py`.

/// The numbers of a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// 32-bit floats.
    Float,
    /// 64-bit integers.
    Long,
}

/// `{entry: {name: tensor, …}}`, where the numbers of the `i`-th tensor are in the storage named `i`, contiguous. Without an
/// entry, the inner dictionary alone.
pub(super) fn state_dict<'a>(
    entry: Option<&str>,
    tensors: impl Iterator<Item = (&'a str, &'a [usize], Storage)>,
) -> Vec<u8> {
    let mut pickle = Pickle(vec![0x80, 2]);
    if let Some(entry) = entry {
        pickle.op(b'}');
        pickle.string(entry);
    }
    pickle.ordered_dict();
    pickle.op(b'(');
    for (storage, (name, shape, kind)) in tensors.enumerate() {
        pickle.string(name);
        pickle.tensor(storage, shape, kind);
    }
    pickle.op(b'u');
    if entry.is_some() {
        pickle.op(b's');
    }
    pickle.op(b'.');
    pickle.0
}

struct Pickle(Vec<u8>);

impl Pickle {
    fn op(&mut self, code: u8) {
        self.0.push(code);
    }

    fn string(&mut self, text: &str) {
        self.op(b'X');
        self.0.extend((text.len() as u32).to_le_bytes());
        self.0.extend(text.as_bytes());
    }

    fn global(&mut self, module: &str, name: &str) {
        self.0.extend(format!("c{module}\n{name}\n").as_bytes());
    }

    fn integer(&mut self, value: usize) {
        match i32::try_from(value) {
            Ok(value) => {
                self.op(b'J');
                self.0.extend(value.to_le_bytes());
            }
            // A number of nine bytes, so that the highest bit is never taken for a sign.
            Err(_) => {
                self.0.extend([0x8a, 9]);
                self.0.extend((value as u64).to_le_bytes());
                self.op(0);
            }
        }
    }

    fn tuple(&mut self, values: &[usize]) {
        self.op(b'(');
        for value in values {
            self.integer(*value);
        }
        self.op(b't');
    }

    /// An empty `collections.OrderedDict`.
    fn ordered_dict(&mut self) {
        self.global("collections", "OrderedDict");
        self.0.extend(b")R");
    }

    fn tensor(&mut self, storage: usize, shape: &[usize], kind: Storage) {
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.op(b'(');
        self.storage(storage, shape.iter().product(), kind);
        self.integer(0);
        self.tuple(shape);
        self.tuple(&strides(shape));
        // No gradient wanted, no hooks.
        self.op(0x89);
        self.ordered_dict();
        self.0.extend(b"tR");
    }

    /// The persistent identifier of a storage: kind, name of its file, device, elements.
    fn storage(&mut self, storage: usize, elements: usize, kind: Storage) {
        self.op(b'(');
        self.string("storage");
        let class = match kind {
            Storage::Float => "FloatStorage",
            Storage::Long => "LongStorage",
        };
        self.global("torch", class);
        self.string(&storage.to_string());
        self.string("cpu");
        self.integer(elements);
        self.0.extend(b"tQ");
    }
}

/// Of a contiguous tensor.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_of_a_contiguous_tensor() {
        assert_eq!(strides(&[2, 3, 4]), [12, 4, 1]);
        assert_eq!(strides(&[5]), [1]);
        assert!(strides(&[]).is_empty());
    }

    #[test]
    fn numbers_beyond_32_bits_take_nine_bytes() {
        let mut pickle = Pickle(Vec::new());
        pickle.integer(5);
        pickle.integer(1 << 31);
        assert_eq!(
            pickle.0,
            [b'J', 5, 0, 0, 0, 0x8a, 9, 0, 0, 0, 0x80, 0, 0, 0, 0, 0]
        );
    }
}
