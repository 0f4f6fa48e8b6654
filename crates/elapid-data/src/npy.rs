//! NumPy's arrays, `.npy`.

use std::path::Path;

use crate::error::DataError;

/// An array of numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    /// Row-major.
    pub(crate) values: Vec<f64>,
}

/// Parses the bytes of a `.npy` file, format versions 1 to 3, of real numbers or truth values. `what` names it in messages,
/// with the file.
///
/// Format: numpy.org/neps/nep-0001-npy-format.html.
pub(crate) fn parse(path: &Path, what: &str, bytes: &[u8]) -> Result<Array, DataError> {
    let problem = |problem: String| DataError::layout(path, format!("{what}{problem}"));
    let damaged = || problem("it is cut short or damaged; download or save it again".to_owned());
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(|| {
        problem("it does not begin as NumPy's arrays do; expected a file of numpy.save".to_owned())
    })?;
    let [major, _minor, rest @ ..] = rest else {
        return Err(damaged());
    };
    let (length, rest) = match (major, rest) {
        (1, [a, b, rest @ ..]) => (usize::from(u16::from_le_bytes([*a, *b])), rest),
        (2 | 3, [a, b, c, d, rest @ ..]) => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        _ => return Err(damaged()),
    };
    if length > rest.len() {
        return Err(damaged());
    }
    let (header, data) = rest.split_at(length);
    let header = String::from_utf8_lossy(header);
    let kind = text_after(&header, "'descr':").ok_or_else(damaged)?;
    let shape = shape_after(&header, "'shape':").ok_or_else(damaged)?;
    let is_column_major = after(&header, "'fortran_order':")
        .ok_or_else(damaged)?
        .starts_with("True");
    let count = shape
        .iter()
        .try_fold(1_usize, |product, &n| product.checked_mul(n));
    let count = count.ok_or_else(damaged)?;
    let kind = Kind::of(kind).ok_or_else(|| {
        problem(format!("its values are of type `{kind}`, expected real numbers; convert it with numpy.astype(\"float32\")"))
    })?;
    let size = count.checked_mul(kind.size).ok_or_else(damaged)?;
    let data = data.get(..size).ok_or_else(damaged)?;
    let mut values: Vec<f64> = data
        .chunks_exact(kind.size)
        .map(|chunk| kind.number(chunk))
        .collect();
    if is_column_major && shape.len() > 1 {
        values = row_major(&shape, &values);
    }
    Ok(Array { shape, values })
}

/// A file of one array.
pub(crate) fn read(path: &Path, expected: &str) -> Result<Array, DataError> {
    if !path.is_file() {
        return Err(DataError::Missing {
            path: path.to_owned(),
            expected: expected.to_owned(),
        });
    }
    let bytes = std::fs::read(path).map_err(|error| DataError::unreadable(path, error))?;
    parse(path, "", &bytes)
}

/// Type of a value.
struct Kind {
    class: u8,
    size: usize,
    is_big_endian: bool,
}

impl Kind {
    fn of(text: &str) -> Option<Self> {
        let (order, rest) = text.split_at_checked(1)?;
        let (class, size) = rest.split_at_checked(1)?;
        let size: usize = size.parse().ok()?;
        let class = class.as_bytes()[0];
        let is_known = match class {
            b'f' => [4, 8].contains(&size),
            b'i' | b'u' => [1, 2, 4, 8].contains(&size),
            b'b' => size == 1,
            _ => false,
        };
        let is_big_endian = order == ">";
        (is_known && ["<", ">", "|"].contains(&order)).then_some(Self {
            class,
            size,
            is_big_endian,
        })
    }

    fn number(&self, bytes: &[u8]) -> f64 {
        let mut word = [0_u8; 8];
        word[..self.size].copy_from_slice(bytes);
        if self.is_big_endian {
            word[..self.size].reverse();
        }
        let bits = u64::from_le_bytes(word);
        match (self.class, self.size) {
            (b'f', 4) => f64::from(f32::from_bits(bits as u32)),
            (b'f', _) => f64::from_bits(bits),
            (b'i', size) => {
                let spare = 64 - 8 * size as u32;
                ((bits << spare) as i64 >> spare) as f64
            }
            _ => bits as f64,
        }
    }
}

fn after<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let at = header.find(key)? + key.len();
    Some(header[at..].trim_start())
}

fn text_after<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let rest = after(header, key)?.strip_prefix('\'')?;
    rest.split('\'').next()
}

fn shape_after(header: &str, key: &str) -> Option<Vec<usize>> {
    let rest = after(header, key)?.strip_prefix('(')?;
    let inside = rest.split(')').next()?;
    let numbers = inside.split(',').map(str::trim).filter(|n| !n.is_empty());
    numbers.map(|n| n.parse().ok()).collect()
}

/// Values stored with the first index fastest, with the last fastest.
fn row_major(shape: &[usize], values: &[f64]) -> Vec<f64> {
    let mut strides = vec![1; shape.len()];
    for at in 1..shape.len() {
        strides[at] = strides[at - 1] * shape[at - 1];
    }
    let mut out = Vec::with_capacity(values.len());
    let mut index = vec![0; shape.len()];
    for _ in 0..values.len() {
        out.push(
            values[index
                .iter()
                .zip(&strides)
                .map(|(i, s)| i * s)
                .sum::<usize>()],
        );
        for at in (0..shape.len()).rev() {
            index[at] += 1;
            if index[at] < shape[at] {
                break;
            }
            index[at] = 0;
        }
    }
    out
}

/// The bytes of a `.npy` file of 64-bit numbers.
#[cfg(test)]
pub(crate) fn bytes(shape: &[usize], values: &[f64]) -> Vec<u8> {
    let shape: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(descr: &str, order: &str, shape: &str, data: &[u8]) -> Result<Array, String> {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        parse(Path::new("a.npy"), "", &bytes).map_err(|error| error.to_string())
    }

    #[test]
    fn types_orders_and_shapes_are_understood() {
        let singles: Vec<u8> = [1.5_f32, -2.0]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        let read = array("<f4", "False", "(2,)", &singles).unwrap();
        assert_eq!((read.shape, read.values), (vec![2], vec![1.5, -2.0]));
        let big: Vec<u8> = [-7_i16, 300].iter().flat_map(|x| x.to_be_bytes()).collect();
        assert_eq!(
            array(">i2", "False", "(1, 2)", &big).unwrap().values,
            [-7.0, 300.0]
        );
        assert_eq!(
            array("|b1", "False", "(3,)", &[0, 1, 1]).unwrap().values,
            [0.0, 1.0, 1.0]
        );
        let columns = array("|u1", "True", "(2, 3)", &[1, 4, 2, 5, 3, 6]).unwrap();
        assert_eq!(columns.values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn damage_and_other_types_are_named() {
        let message = array("<f8", "False", "(2,)", &[0; 15]).unwrap_err();
        assert!(message.contains("cut short"), "{message}");
        let message = array("|O", "False", "(2,)", &[0; 16]).unwrap_err();
        assert!(
            message.contains("of type `|O`, expected real numbers"),
            "{message}"
        );
        let message = parse(Path::new("a.npy"), "", b"PK")
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("does not begin as NumPy's arrays do"),
            "{message}"
        );
        let huge = array("<f8", "False", "(4294967296, 4294967296, 8)", &[]).unwrap_err();
        assert!(huge.contains("damaged"), "{huge}");
    }
}
