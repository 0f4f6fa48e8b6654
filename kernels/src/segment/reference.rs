//! The operators by burn's tensor operations: slow, on every device, differentiable, in the type of the operand.

use burn::tensor::{IndexingUpdateOp, Tensor};

use super::Segments;

/// As [`segment_sum`](super::segment_sum): every row is added to its segment.
pub fn segment_sum(x: Tensor<2>, segments: &Segments) -> Tensor<2> {
    let [rows, width] = x.dims();
    let zeros = Tensor::zeros([segments.segments(), width], (&x.device(), x.dtype()));
    match rows * width {
        0 => zeros,
        _ => zeros.select_assign(0, segments.of_row.clone(), x, IndexingUpdateOp::Add),
    }
}

/// As [`spread`](super::spread).
pub fn spread(x: Tensor<2>, segments: &Segments) -> Tensor<2> {
    let [_, width] = x.dims();
    match segments.rows() * width {
        0 => Tensor::zeros([segments.rows(), width], (&x.device(), x.dtype())),
        _ => x.select(0, segments.of_row.clone()),
    }
}

/// As [`segment_max`](super::segment_max), through a mask of all pairs of segment and row.
pub fn segment_max(x: Tensor<2>, segments: &Segments) -> Tensor<2> {
    let [rows, width] = x.dims();
    let count = segments.segments();
    if rows * count * width == 0 {
        return Tensor::zeros([count, width], (&x.device(), x.dtype()));
    }
    let of_row = segments.of_row.clone().unsqueeze_dim::<2>(0);
    let numbers = Tensor::arange(0..count as i64, &x.device());
    let numbers = numbers.cast(of_row.dtype()).unsqueeze_dim::<2>(1);
    let is_other = numbers
        .expand([count, rows])
        .not_equal(of_row.expand([count, rows]));
    let masked = x
        .unsqueeze_dim::<3>(0)
        .expand([count, rows, width])
        .mask_fill(
            is_other
                .clone()
                .unsqueeze_dim::<3>(2)
                .expand([count, rows, width]),
            f32::NEG_INFINITY,
        );
    let largest = masked.max_dim(1).squeeze_dim::<2>(1);
    let is_empty = is_other.all_dim(1).expand([count, width]);
    largest.mask_fill(is_empty, 0.0)
}
