//! GPU tensors at a kernel's door.

use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, Shape};
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{
    CubeBackend, kernel::into_contiguous, ops::numeric::empty_device_contiguous_dtype,
};
use cubecl::prelude::*;

/// The tensor, in row-major order.
pub(crate) fn contiguous(tensor: CubeTensor) -> CubeTensor {
    into_contiguous(tensor)
}

/// The tensor in another float type.
pub(crate) fn float(tensor: CubeTensor, dtype: DType) -> CubeTensor {
    if tensor.dtype == dtype {
        return tensor;
    }
    let float = match dtype {
        DType::F16 => burn::tensor::FloatDType::F16,
        DType::BF16 => burn::tensor::FloatDType::BF16,
        _ => burn::tensor::FloatDType::F32,
    };
    CubeBackend::float_cast(tensor, float)
}

/// Elements of a row that a unit reads at once: what divides every row of `columns` elements.
pub(crate) fn vector(columns: usize) -> usize {
    if columns.is_multiple_of(4) { 4 } else { 1 }
}

/// A tensor whose last axis is dense and whose rows are one distance apart, however many axes they
/// come in.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    /// The tensor.
    pub(crate) tensor: CubeTensor,
    /// Elements in front of the first row.
    pub(crate) first: usize,
    /// Elements from one row to the next.
    pub(crate) pitch: usize,
}

impl Rows {
    /// The tensor as it lies, if its rows are evenly spaced and can be read in vectors of `vector`
    /// elements; else a row-major copy.
    pub(crate) fn new(tensor: CubeTensor, vector: usize) -> Self {
        match even_pitch(&tensor, vector) {
            Some(pitch) => Self {
                tensor,
                first: 0,
                pitch,
            },
            None => {
                let tensor = contiguous(tensor);
                let pitch = tensor.meta.shape().last().copied().unwrap_or(1);
                Self {
                    tensor,
                    first: 0,
                    pitch,
                }
            }
        }
    }

    /// Columns `from .. from + width` of a tensor, in place if they can be read in vectors of `vector`
    /// elements.
    pub(crate) fn columns(tensor: &CubeTensor, from: usize, width: usize, vector: usize) -> Self {
        let rows = Self::new(tensor.clone(), 1);
        if [from, rows.pitch].iter().all(|n| n.is_multiple_of(vector)) {
            return Self {
                first: from,
                ..rows
            };
        }
        let shape = tensor.meta.shape();
        let mut ranges: Vec<burn::tensor::Slice> = shape
            .iter()
            .map(|size| (0..*size as isize).into())
            .collect();
        let last = ranges.len() - 1;
        ranges[last] = (from as isize..(from + width) as isize).into();
        Self::new(CubeBackend::float_slice(tensor.clone(), &ranges), vector)
    }
}

fn even_pitch(tensor: &CubeTensor, vector: usize) -> Option<usize> {
    if tensor.meta.is_tiled() {
        return None;
    }
    let (shape, strides) = (tensor.meta.shape(), tensor.meta.strides());
    let (width, stride) = (*shape.last()?, *strides.last()?);
    let bytes = tensor.handle.offset_start.unwrap_or(0) as usize;
    if (stride != 1 && width != 1) || !bytes.is_multiple_of(vector * tensor.dtype.size()) {
        return None;
    }
    // From the innermost row axis outwards: every axis steps over all rows of those inside it.
    let mut pitch = None;
    let mut rows = 1;
    for (size, stride) in shape.iter().zip(strides.iter()).rev().skip(1) {
        if *size == 1 {
            continue;
        }
        let expected = *pitch.get_or_insert(*stride) * rows;
        if *stride != expected {
            return None;
        }
        rows *= size;
    }
    let pitch = pitch.unwrap_or(width);
    (pitch >= width && pitch.is_multiple_of(vector)).then_some(pitch)
}

/// An uninitialised tensor beside `like`, row-major and without the gaps between rows that burn leaves in tensors
/// of its own making.
pub(crate) fn empty(like: &CubeTensor, shape: impl Into<Shape>, dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(
        like.client.clone(),
        like.device.clone(),
        shape.into(),
        dtype,
    )
}

/// The elements of `tensor`, row-major, from number `offset`, as a tensor of `shape`. It shares the memory where the
/// device can bind a buffer at that offset, and is a copy elsewhere.
pub(crate) fn part(tensor: &CubeTensor, offset: usize, shape: impl Into<Shape>) -> CubeTensor {
    let shape = shape.into();
    let flat = [tensor.meta.shape().num_elements()];
    let range = offset as isize..(offset + shape.num_elements()) as isize;
    let elements = CubeBackend::float_slice(reshaped(tensor, flat), &[range.into()]);
    reshaped(&elements, shape)
}

/// A row-major tensor, seen as one of `shape`.
pub(crate) fn reshaped(tensor: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    CubeTensor::new_contiguous(
        tensor.client.clone(),
        tensor.device.clone(),
        shape.into(),
        tensor.handle.clone(),
        tensor.dtype,
    )
}

/// The tensor itself if it may be written to, else a copy.
pub(crate) fn writable(tensor: CubeTensor, in_place: bool) -> CubeTensor {
    let is_dense = tensor.is_contiguous();
    assert!(
        is_dense || !in_place,
        "a tensor to be written in place has gaps or another order than row-major"
    );
    match is_dense && (in_place || tensor.can_mut()) {
        true => tensor,
        false => crate::buffers::duplicate_cube(tensor),
    }
}

/// The index width that the largest of `tensors` needs.
pub(crate) fn address_type(tensors: &[&CubeTensor]) -> AddressType {
    let widths = tensors.iter().map(|tensor| tensor.required_address_type());
    widths.max().unwrap_or_default()
}

/// A grid of at least `cubes` cubes, within what every API allows on one axis. Cubes beyond the
/// count have to leave at once.
pub(crate) fn spread(cubes: usize) -> CubeCount {
    const AXIS: usize = 65_535;
    if cubes <= AXIS {
        return CubeCount::Static(cubes as u32, 1, 1);
    }
    let rows = cubes.div_ceil(AXIS);
    assert!(rows <= AXIS, "{cubes} cubes are more than one launch holds");
    // Columns as even as possible, so that few cubes are idle.
    CubeCount::Static(cubes.div_ceil(rows) as u32, rows as u32, 1)
}
