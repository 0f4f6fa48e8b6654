//! Sums, maxima and copies of rows by segments: what message passing on graphs is made of.
//!
//! ```text
//! sum      y_s = Σ x_r over the rows r of segment s
//! spread   y_r = x_s of the segment s that row r belongs to
//! ```
//!
//! Each is the other's adjoint, so one [`Segments`] serves both and their gradients. Rows are the edges of a graph and
//! segments its nodes (by destination or by source), rows its nodes and segments the graphs of a batch, or rows the places of an
//! order and segments what stands there.
//!
//! Every sum is taken in an order that follows from the numbers of rows alone, long ones in pieces (`pieces.rs`): results are the
//! same in every run, on any number of threads, and a node with very many edges does not hold up the others.
//! Burn's own means are not of use here: its `scatter` on GPUs adds atomically, in whatever order, and the gradient
//! of its `select` walks all rows one after the other. Sums are 32-bit whatever the operand's type.

mod autodiff;
#[cfg(feature = "gpu")]
pub(crate) mod cube;
mod flex;
#[cfg(feature = "gpu")]
mod fusion;
pub(crate) mod ops;
mod pieces;
pub mod reference;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::{DType, Int, IntDType, Tensor};

use ops::{SegmentOps, SegmentPlan};
#[cfg(feature = "gpu")]
pub(crate) use pieces::piece;

/// Which row belongs to which segment, both ways. R rows, S segments.
///
/// What is on the device is not read back, so that the numbers agree is the caller's to check.
#[derive(Clone, Debug)]
pub struct Segments {
    of_row: Tensor<1, Int>,
    /// Absent where every segment has one row, that of its number in `order`.
    pointers: Option<Tensor<1, Int>>,
    order: Option<Tensor<1, Int>>,
}

impl Segments {
    /// - `of_row` `[R]`: the segment of every row, from 0 to S − 1
    /// - `pointers` `[S + 1]`: segment s has the places `pointers[s]..pointers[s + 1]` of `order`
    /// - `order` `[R]`: the rows, segment by segment; absent where they lie in this order
    ///
    /// # Panics
    ///
    /// Panics if `pointers` is empty or `order` and `of_row` differ in length.
    pub fn new(
        of_row: Tensor<1, Int>,
        pointers: Tensor<1, Int>,
        order: Option<Tensor<1, Int>>,
    ) -> Self {
        let [pointed] = pointers.dims();
        assert!(
            pointed > 0,
            "segments: `pointers` is empty, expected one more than segments"
        );
        if let Some(order) = &order {
            let shapes = crate::native::Shapes {
                operator: "segments",
            };
            shapes.equal("order", order.dims(), of_row.dims());
        }
        let narrow = |t: Tensor<1, Int>| t.cast(IntDType::I32);
        Self {
            of_row: narrow(of_row),
            pointers: Some(narrow(pointers)),
            order: order.map(narrow),
        }
    }

    /// One row a segment, in another order: row `i` is that of segment `order[i]`, and segment s has row `inverse[s]`.
    ///
    /// [`spread`] by it reorders, and [`segment_sum`] takes it back; both only copy.
    ///
    /// # Panics
    ///
    /// Panics if the two differ in length.
    pub fn reordering(order: Tensor<1, Int>, inverse: Tensor<1, Int>) -> Self {
        Self {
            pointers: None,
            ..Self::new(order.clone(), order, Some(inverse))
        }
    }

    /// The segment of every row, `[R]`.
    pub fn of_row(&self) -> Tensor<1, Int> {
        self.of_row.clone()
    }

    /// Number of rows R.
    pub fn rows(&self) -> usize {
        self.of_row.dims()[0]
    }

    /// Number of segments S.
    pub fn segments(&self) -> usize {
        match &self.pointers {
            Some(pointers) => pointers.dims()[0] - 1,
            None => self.rows(),
        }
    }

    /// Rows of every segment, `[S, 1]`, 32-bit.
    pub fn counts(&self) -> Tensor<2> {
        let segments = self.segments();
        let Some(pointers) = &self.pointers else {
            return Tensor::ones([segments, 1], (&self.of_row.device(), DType::F32));
        };
        let ends = pointers.clone().slice(1..segments + 1);
        let counts = ends - pointers.clone().slice(0..segments);
        counts.float().cast(DType::F32).unsqueeze_dim(1)
    }

    pub(crate) fn plan(&self) -> SegmentPlan {
        SegmentPlan {
            ordered: self.order.is_some(),
            reorders: self.pointers.is_none(),
        }
    }

    /// Segments of the rows, pointers, and the order; what is absent is not read, and the first stand in its place.
    pub(crate) fn operands(&self) -> (Tensor<1, Int>, Tensor<1, Int>, Tensor<1, Int>) {
        let or_first = |t: &Option<Tensor<1, Int>>| t.as_ref().unwrap_or(&self.of_row).clone();
        (
            self.of_row.clone(),
            or_first(&self.pointers),
            or_first(&self.order),
        )
    }

    /// The reordering that takes this one back, if it is one.
    fn inverse(&self) -> Option<Self> {
        let order = self.order.clone().filter(|_| self.pointers.is_none())?;
        Some(Self {
            of_row: order,
            pointers: None,
            order: Some(self.of_row.clone()),
        })
    }
}

/// The sum over every segment, `[S, D]` in the type of x; zero where a segment has no rows.
///
/// - x `[R, D]`
///
/// # Panics
///
/// Panics if x has not as many rows as `segments`.
pub fn segment_sum(x: Tensor<2>, segments: &Segments) -> Tensor<2> {
    check("segment_sum", &x, segments.rows(), "rows");
    if let Some(inverse) = segments.inverse() {
        return spread(x, &inverse);
    }
    if !is_native(&x, segments) {
        return reference::segment_sum(x, segments);
    }
    let plan = segments.plan();
    let (of_row, pointers, order) = segments.operands();
    let sum = Dispatch::segment_sum(
        x.into_dispatch(),
        of_row.into_dispatch(),
        pointers.into_dispatch(),
        order.into_dispatch(),
        plan,
    );
    Tensor::from_dispatch(sum)
}

/// Every row's segment, `[R, D]` in the type of x.
///
/// - x `[S, D]`
///
/// # Panics
///
/// Panics if x has not as many rows as there are segments.
pub fn spread(x: Tensor<2>, segments: &Segments) -> Tensor<2> {
    check("spread", &x, segments.segments(), "segments");
    if !is_native(&x, segments) {
        return reference::spread(x, segments);
    }
    let plan = segments.plan();
    let (of_row, pointers, order) = segments.operands();
    let rows = Dispatch::segment_spread(
        x.into_dispatch(),
        of_row.into_dispatch(),
        pointers.into_dispatch(),
        order.into_dispatch(),
        plan,
    );
    Tensor::from_dispatch(rows)
}

/// The mean over every segment, `[S, D]`; zero where a segment has no rows. Otherwise as [`segment_sum`].
///
/// # Panics
///
/// As for [`segment_sum`].
pub fn segment_mean(x: Tensor<2>, segments: &Segments) -> Tensor<2> {
    let dtype = x.dtype();
    let counts = segments.counts().clamp_min(1.0);
    match dtype {
        DType::F64 => segment_sum(x, segments) / counts.cast(dtype),
        // Large counts are no numbers of 16 bits.
        _ => (segment_sum(x, segments).cast(DType::F32) / counts).cast(dtype),
    }
}

/// The maximum over every segment, `[S, D]`; zero where a segment has no rows. The gradient goes to the first of equal rows.
///
/// - x `[R, D]`
///
/// # Panics
///
/// As for [`segment_sum`].
pub fn segment_max(x: Tensor<2>, segments: &Segments) -> Tensor<2> {
    check("segment_max", &x, segments.rows(), "rows");
    if let Some(inverse) = segments.inverse() {
        return spread(x, &inverse);
    }
    if !is_native(&x, segments) {
        return reference::segment_max(x, segments);
    }
    let plan = segments.plan();
    let (of_row, pointers, order) = segments.operands();
    let largest = Dispatch::segment_argmax(
        x.clone().detach().into_dispatch(),
        of_row.into_dispatch(),
        pointers.into_dispatch(),
        order.into_dispatch(),
        plan,
    );
    let largest = Tensor::<2, Int>::from_dispatch(largest);
    // Every element is chosen at most once, so that the gradient, which adds them up in place, has one order.
    let is_empty = largest.clone().lower_elem(0);
    x.gather(0, largest.clamp_min(0)).mask_fill(is_empty, 0.0)
}

/// `exp(x_r) / Σ exp(x)` over the rows of a segment, `[R, D]`.
///
/// - x `[R, D]`
///
/// # Panics
///
/// As for [`segment_sum`].
pub fn segment_softmax(x: Tensor<2>, segments: &Segments) -> Tensor<2> {
    // What is subtracted cancels out, so nothing flows through it.
    let largest = segment_max(x.clone().detach(), segments);
    let powers = (x - spread(largest, segments)).exp();
    let sums = segment_sum(powers.clone(), segments);
    powers / spread(sums, segments)
}

fn check(operator: &'static str, x: &Tensor<2>, expected: usize, what: &str) {
    let [found, width] = x.dims();
    assert!(
        found == expected,
        "{operator}: `x` is [{found}, {width}], expected {expected} {what}"
    );
}

/// Kernels need something to do.
fn is_native(x: &Tensor<2>, segments: &Segments) -> bool {
    let sizes = [segments.rows(), segments.segments(), x.dims()[1]];
    sizes.iter().all(|size| *size > 0) && crate::native::is_native(&x.device(), x.dtype())
}
