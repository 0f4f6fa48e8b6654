//! Matrix products in 32 bits where tensor cores would round their operands to ten bits (TF32).
//!
//! PyTorch multiplies in 32 bits unless it is told otherwise, and models of the field rely on it: Graph-Mamba reads eigenvalues around 20
//! that differ in the second digit behind the point, and with TF32 its first gradients are a quarter off
//! (`experiments/2026-11-30_cluster`). The kernels of CubeK that leave tensor cores alone are made for large products; ours here are
//! of very many rows and few columns, and often of so few rows that half the device is idle; there this one takes a half to a third of their
//! time (`experiments/2026-11-30_exact-products`).
//!
//! A cube computes a tile of rows and columns, a unit four by four of it. Stages of both operands are in shared memory as vectors
//! of four rows and four columns.

use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::{ElemType, FloatKind};
use cubecl::prelude::*;

use super::limits::{MAX_CUBES, processors};
use super::tensors::address_type;

/// Rows and columns of a unit.
const OWN: usize = 4;
/// Units of a cube along columns, at most.
const LANES: usize = 16;
/// Units of a cube along rows: of a device that is to be filled, and of one that would be half empty.
const GROUPS: [usize; 2] = [16, 8];
/// Summed elements of a stage, at most.
const STEP: usize = 32;

/// `out = lhs · rhs` if all are of 32 bits and burn would round them; whether it was done.
///
/// # Shapes
///
/// - lhs `[.., m, k]`, rhs `[.., k, n]`, out `[.., m, n]`, with one or two equal leading axes and any strides
pub(crate) fn multiply_exactly(lhs: &CubeTensor, rhs: &CubeTensor, out: &CubeTensor) -> bool {
    let is_rounded = [lhs, rhs, out]
        .iter()
        .all(|tensor| tensor.dtype == DType::F32)
        && out
            .client
            .properties()
            .supports_type(ElemType::Float(FloatKind::TF32));
    let form = is_rounded.then(|| Form::of(lhs, rhs, out)).flatten();
    form.map(|form| form.launch(lhs, rhs, out)).is_some()
}

/// Sizes and distances of a product.
struct Form {
    batches: [usize; 2],
    rows: usize,
    depth: usize,
    columns: usize,
    left: [usize; 4],
    right: [usize; 4],
    out: [usize; 4],
}

impl Form {
    /// `None` for what no launch grants, and for other axes.
    fn of(lhs: &CubeTensor, rhs: &CubeTensor, out: &CubeTensor) -> Option<Self> {
        let [batches @ .., rows, depth] = axes(lhs.meta.shape())?;
        let [others @ .., _, columns] = axes(rhs.meta.shape())?;
        let form = Self {
            batches,
            rows,
            depth,
            columns,
            left: axes(lhs.meta.strides())?,
            right: axes(rhs.meta.strides())?,
            out: axes(out.meta.strides())?,
        };
        let is_legal = others == batches
            && batches[0] * batches[1] <= MAX_CUBES
            && columns.div_ceil(OWN * LANES) <= MAX_CUBES;
        is_legal.then_some(form)
    }

    /// The division of the work for so many processors.
    fn tile(&self, processors: usize) -> Tile {
        let units = self.columns.div_ceil(OWN);
        let across = units.div_ceil(LANES);
        let [many, few] = GROUPS;
        let cubes = self.rows.div_ceil(OWN * many) * across * self.batches[0] * self.batches[1];
        let stages = self.depth.div_ceil(STEP).max(1);
        Tile {
            lanes: units.div_ceil(across),
            groups: if cubes < 2 * processors { few } else { many },
            step: self.depth.div_ceil(stages).next_multiple_of(4).max(4),
            is_left_turned: self.left[3] != 1,
            is_right_turned: self.right[3] != 1,
        }
    }

    fn launch(&self, lhs: &CubeTensor, rhs: &CubeTensor, out: &CubeTensor) {
        let batches = self.batches[0] * self.batches[1];
        if batches * self.rows * self.columns == 0 {
            return;
        }
        let tile = self.tile(processors(&out.client));
        let cubes = CubeCount::Static(
            self.rows.div_ceil(OWN * tile.groups) as u32,
            self.columns.div_ceil(OWN * tile.lanes) as u32,
            batches as u32,
        );
        let (left, right, to) = (self.left, self.right, self.out);
        let layout = LayoutLaunch::new(
            self.rows,
            self.depth,
            self.columns,
            self.batches[1],
            SideLaunch::new(left[0], left[1], left[2], left[3]),
            SideLaunch::new(right[0], right[1], right[2], right[3]),
            SideLaunch::new(to[0], to[1], to[2], to[3]),
        );
        // SAFETY: elements that are read and written have indices below the sizes, at the tensors' strides.
        unsafe {
            exact_kernel::launch_unchecked(
                &out.client,
                cubes,
                CubeDim::new_2d(tile.lanes as u32, tile.groups as u32),
                address_type(&[lhs, rhs, out]),
                lhs.clone().into_buffer_arg(),
                rhs.clone().into_buffer_arg(),
                out.clone().into_buffer_arg(),
                layout,
                tile,
            );
        }
    }
}

/// The last four of a tensor's sizes or strides, of which the first may be missing.
fn axes(values: &[usize]) -> Option<[usize; 4]> {
    match *values {
        [a, b, c] => Some([1, a, b, c]),
        [a, b, c, d] => Some([a, b, c, d]),
        _ => None,
    }
}

/// Elements from one batch, row and column to the next.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
struct Side {
    outer: usize,
    inner: usize,
    row: usize,
    column: usize,
}

/// Sizes and distances.
#[derive(CubeType, CubeLaunch, Clone, Copy, Debug)]
struct Layout {
    rows: usize,
    depth: usize,
    columns: usize,
    /// Batches of the inner axis.
    inner: usize,
    left: Side,
    right: Side,
    out: Side,
}

/// What a cube computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Tile {
    /// Units along columns, and along rows.
    lanes: usize,
    groups: usize,
    /// Summed elements of a stage.
    step: usize,
    /// Whether neighbours in memory differ in the first axis: then neighbouring units read along that one.
    is_left_turned: bool,
    is_right_turned: bool,
}

/// How a cube reads a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Sheet {
    /// Vectors of lines.
    width: usize,
    /// Summed elements.
    step: usize,
    units: usize,
    /// Whether neighbouring units read along a line, or from one to the next.
    is_along_depth: bool,
}

impl Tile {
    fn of_left(&self) -> Sheet {
        self.sheet(self.groups, !self.is_left_turned)
    }

    fn of_right(&self) -> Sheet {
        self.sheet(self.lanes, self.is_right_turned)
    }

    fn sheet(&self, width: usize, is_along_depth: bool) -> Sheet {
        Sheet {
            width,
            step: self.step,
            units: self.lanes * self.groups,
            is_along_depth,
        }
    }
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn exact_kernel(
    left: &[f32],
    right: &[f32],
    out: &mut [f32],
    layout: Layout,
    #[comptime] tile: Tile,
) {
    let (step, groups, lanes) = comptime!((tile.step, tile.groups, tile.lanes));
    let outer = CUBE_POS_Z as usize / layout.inner;
    let inner = CUBE_POS_Z as usize % layout.inner;
    let first_row = CUBE_POS_X as usize * comptime!(OWN * tile.groups);
    let first_column = CUBE_POS_Y as usize * comptime!(OWN * tile.lanes);
    let of_left = Lines {
        from: outer * layout.left.outer + inner * layout.left.inner,
        first: first_row,
        count: layout.rows,
        pitch: layout.left.row,
        depth: layout.depth,
        step: layout.left.column,
    };
    let of_right = Lines {
        from: outer * layout.right.outer + inner * layout.right.inner,
        first: first_column,
        count: layout.columns,
        pitch: layout.right.column,
        depth: layout.depth,
        step: layout.right.row,
    };

    // One vector more a row, so that units which write down a column meet no memory bank twice.
    let mut rows =
        Shared::<[Vector<f32, Const<4>>]>::new_slice(comptime!(tile.step * (tile.groups + 1)));
    let mut columns =
        Shared::<[Vector<f32, Const<4>>]>::new_slice(comptime!(tile.step * (tile.lanes + 1)));
    let mut sum_0 = Vector::<f32, Const<4>>::new(0.0);
    let mut sum_1 = Vector::<f32, Const<4>>::new(0.0);
    let mut sum_2 = Vector::<f32, Const<4>>::new(0.0);
    let mut sum_3 = Vector::<f32, Const<4>>::new(0.0);

    let mut at = 0;
    while at < layout.depth {
        stage(&mut rows, left, &of_left, at, comptime!(tile.of_left()));
        stage(
            &mut columns,
            right,
            &of_right,
            at,
            comptime!(tile.of_right()),
        );
        sync_cube();
        #[unroll]
        for k in 0..step {
            let down = rows[k * (groups + 1) + UNIT_POS_Y as usize];
            let across = columns[k * (lanes + 1) + UNIT_POS_X as usize];
            sum_0 = fma(Vector::new(down.extract(0usize)), across, sum_0);
            sum_1 = fma(Vector::new(down.extract(1usize)), across, sum_1);
            sum_2 = fma(Vector::new(down.extract(2usize)), across, sum_2);
            sum_3 = fma(Vector::new(down.extract(3usize)), across, sum_3);
        }
        sync_cube();
        at += step;
    }

    let row = first_row + UNIT_POS_Y as usize * OWN;
    let column = first_column + UNIT_POS_X as usize * OWN;
    let to = outer * layout.out.outer
        + inner * layout.out.inner
        + row * layout.out.row
        + column * layout.out.column;
    write(out, sum_0, &layout, to, row, column);
    write(out, sum_1, &layout, to + layout.out.row, row + 1, column);
    write(
        out,
        sum_2,
        &layout,
        to + 2 * layout.out.row,
        row + 2,
        column,
    );
    write(
        out,
        sum_3,
        &layout,
        to + 3 * layout.out.row,
        row + 3,
        column,
    );
}

/// The rows of the left operand, or the columns of the right one.
#[derive(CubeType, Clone, Copy)]
struct Lines {
    /// Where the batch begins.
    from: usize,
    /// The cube's first, of so many, and elements from one to the next.
    first: usize,
    count: usize,
    pitch: usize,
    /// Elements of a line, and from one of them to the next.
    depth: usize,
    step: usize,
}

/// Reads a stage of an operand from its depth `at` on; zeros are what is not there.
#[cube]
fn stage(
    shared: &mut Shared<[Vector<f32, Const<4>>]>,
    operand: &[f32],
    lines: &Lines,
    at: usize,
    #[comptime] sheet: Sheet,
) {
    let (width, step) = comptime!((sheet.width, sheet.step));
    let mut place = UNIT_POS as usize;
    while place < comptime!(sheet.width * sheet.step) {
        let mut k = place / width;
        let mut group = place % width;
        if comptime!(sheet.is_along_depth) {
            k = place % step;
            group = place / step;
        }
        let mut values = Vector::<f32, Const<4>>::new(0.0);
        if at + k < lines.depth {
            let from = lines.from + (at + k) * lines.step;
            #[unroll]
            for own in 0..OWN {
                let line = lines.first + group * OWN + own;
                if line < lines.count {
                    values.insert(own, operand[from + line * lines.pitch]);
                }
            }
        }
        shared[k * (width + 1) + group] = values;
        place += sheet.units;
    }
}

/// Writes what there is of a row's four columns.
#[cube]
fn write(
    out: &mut [f32],
    sums: Vector<f32, Const<4>>,
    layout: &Layout,
    to: usize,
    row: usize,
    column: usize,
) {
    #[unroll]
    for own in 0..OWN {
        if row < layout.rows && column + own < layout.columns {
            out[to + own * layout.out.column] = sums.extract(own);
        }
    }
}

#[cfg(test)]
mod tests;
