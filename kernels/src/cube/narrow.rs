//! Matrix products whose summed axis is short, such as a step size from its low rank.
//!
//! Such a product is little more than the writing of its result. Kernels for tensor cores fill tiles of 64 with zeros for it
//! and take twice as long (`experiments/2026-11-23_training-speed`). Here a unit keeps its columns of the weights
//! in registers and goes over rows that its cube shares.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::ops::FloatTensorOps;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::limits::MAX_CUBES;
use super::product::product;
use super::tensors::{address_type, empty};

/// Units of a cube that share a row, each with columns of its own.
const LANES: usize = 32;
/// Rows that a cube works on at a time.
const GROUPS: usize = 4;
/// Rows of a cube.
const ROWS: usize = 64;
/// 32-bit numbers of the weights that a unit has room for.
const REGISTERS: usize = 96;
/// Summed elements beyond which the arithmetic outweighs the writing, and tensor cores win.
const DEPTH: usize = 16;

/// `lhs · rhs`, plus `addend` if there is one: `[V, m, n]` in the type of lhs, row-major; one rounding.
///
/// - `lhs` `[V, m, k]`, last axis dense
/// - `rhs` `[V, k, n]`, in the type of lhs
/// - `addend` `[V, m, n]`, row-major, in the type of lhs
pub(crate) fn narrow_product(
    lhs: &CubeTensor,
    rhs: &CubeTensor,
    addend: Option<CubeTensor>,
) -> CubeTensor {
    match Form::of(lhs, rhs) {
        Some(form) => form.launch(lhs, rhs, addend),
        None => {
            let product = product(lhs, rhs);
            match addend {
                Some(addend) => CubeBackend::float_add(product, addend),
                None => product,
            }
        }
    }
}

/// How a product is divided.
struct Form {
    /// Matrices, rows, summed elements, columns.
    shape: [usize; 4],
    /// Columns of a unit.
    columns: usize,
    /// Elements of the summed axis that are read at once.
    vector: usize,
}

impl Form {
    /// `None` for products that are not narrow.
    fn of(lhs: &CubeTensor, rhs: &CubeTensor) -> Option<Self> {
        let [matrices, rows, depth] = lhs.meta.shape().dims();
        let [_, _, width] = rhs.meta.shape().dims();
        let columns = [4, 2]
            .into_iter()
            .find(|n| width.is_multiple_of(*n) && n * depth <= REGISTERS)
            .or((depth <= REGISTERS).then_some(1))?;
        let strides = lhs.meta.strides();
        let is_legal = strides[2] == 1
            && rows.div_ceil(ROWS) <= MAX_CUBES
            && matrices <= MAX_CUBES
            && depth <= DEPTH;
        let bits = 4 | depth | strides[0] | strides[1];
        is_legal.then_some(Self {
            shape: [matrices, rows, depth, width],
            columns,
            vector: 1 << bits.trailing_zeros(),
        })
    }

    fn launch(&self, lhs: &CubeTensor, rhs: &CubeTensor, addend: Option<CubeTensor>) -> CubeTensor {
        let [matrices, rows, depth, width] = self.shape;
        let out = empty(lhs, [matrices, rows, width], lhs.dtype);
        if matrices * rows * width == 0 {
            return out;
        }
        let columns = width / self.columns;
        let cubes = CubeCount::Static(
            columns.div_ceil(LANES) as u32,
            rows.div_ceil(ROWS) as u32,
            matrices as u32,
        );
        let (left, right) = (lhs.meta.strides(), rhs.meta.strides());
        let layout = LayoutLaunch::new(
            rows,
            columns,
            left[0] / self.vector,
            left[1] / self.vector,
            right[0],
            right[1],
            right[2],
        );
        let has_addend = addend.is_some();
        let addend = addend.unwrap_or_else(|| rhs.clone());
        // SAFETY: rows and columns that are read stay below the counts, at the tensors' strides, and units write below
        // the counts only. What stands in for a missing addend is not read.
        unsafe {
            narrow_kernel::launch_unchecked(
                &lhs.client,
                cubes,
                CubeDim::new_2d(LANES as u32, GROUPS as u32),
                address_type(&[lhs, rhs, &out]),
                self.columns,
                self.vector,
                lhs.clone().into_buffer_arg(),
                rhs.clone().into_buffer_arg(),
                addend.into_buffer_arg(),
                out.clone().into_buffer_arg(),
                layout,
                depth / self.vector,
                has_addend,
                dtype_to_storage_type(lhs.dtype),
            );
        }
        out
    }
}

/// Sizes and distances.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
struct Layout {
    rows: usize,
    /// Vectors of a row of the result.
    columns: usize,
    /// Vectors from one matrix on the left to the next, and from one row to the next.
    left_matrix: usize,
    left_row: usize,
    /// Elements from one matrix on the right to the next, from one row to the next, and from one column to the next.
    right_matrix: usize,
    right_row: usize,
    right_column: usize,
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn narrow_kernel<F: Float, C: Size, K: Size>(
    left: &[Vector<F, K>],
    right: &[F],
    addend: &[Vector<F, C>],
    out: &mut [Vector<F, C>],
    layout: Layout,
    #[comptime] depth: usize,
    #[comptime] has_addend: bool,
    #[define(F)] _dtype: ElemType,
) {
    let vector = K::value();
    let matrix = CUBE_POS_Z as usize;
    let first = CUBE_POS_Y as usize * ROWS;
    let mut rows = Shared::<[Vector<f32, K>]>::new_slice(comptime!(ROWS * depth));
    let mut at = UNIT_POS as usize;
    while at < comptime!(ROWS * depth) {
        let row = min(first + at / depth, layout.rows - 1);
        let from = matrix * layout.left_matrix + row * layout.left_row;
        rows[at] = Vector::cast_from(left[from + at % depth]);
        at += comptime!(LANES * GROUPS);
    }

    let own = CUBE_POS_X as usize * LANES + UNIT_POS_X as usize;
    let column = min(own, layout.columns - 1);
    let weights = weights::<F, C>(right, &layout, matrix, column, comptime!(depth * vector));
    sync_cube();
    #[unroll]
    for step in 0..ROWS / GROUPS {
        let row = step * GROUPS + UNIT_POS_Y as usize;
        let to = (matrix * layout.rows + first + row) * layout.columns + column;
        let is_own = own < layout.columns && first + row < layout.rows;
        let mut sum = Vector::<f32, C>::new(0.0);
        if comptime!(has_addend) {
            if is_own {
                sum = Vector::cast_from(addend[to]);
            }
        }
        #[unroll]
        for k in 0..depth {
            let values = rows[row * depth + k];
            #[unroll]
            for j in 0..vector {
                let weight = weights[comptime!(k * vector + j)];
                sum = fma(Vector::new(values.extract(j)), weight, sum);
            }
        }
        if is_own {
            out[to] = Vector::cast_from(sum);
        }
    }
}

/// The weights of a unit's columns.
#[cube]
fn weights<F: Float, C: Size>(
    right: &[F],
    layout: &Layout,
    matrix: usize,
    column: usize,
    #[comptime] depth: usize,
) -> Array<Vector<f32, C>> {
    let columns = C::value();
    let mut weights = Array::<Vector<f32, C>>::new(depth);
    #[unroll]
    for k in 0..depth {
        let mut weight = Vector::<f32, C>::new(0.0);
        let from = matrix * layout.right_matrix + k * layout.right_row;
        #[unroll]
        for c in 0..columns {
            let at = from + (column * columns + c) * layout.right_column;
            weight.insert(c, f32::cast_from(right[at]));
        }
        weights[k] = weight;
    }
    weights
}
