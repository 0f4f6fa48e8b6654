//! Reductions of per-task results, in a fixed order.

/// Sum of consecutive parts of length `len`, in order.
pub(crate) fn sum_over_batch(partial: &[f32], len: usize) -> Vec<f32> {
    let mut sum = vec![0.0; len];
    for part in partial.chunks_exact(len) {
        sum.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
    }
    sum
}

/// `[rows, columns]` to `[columns, rows]`.
pub(crate) fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    for (r, row) in values.chunks_exact(columns).enumerate() {
        for (c, value) in row.iter().enumerate() {
            out[c * rows + r] = *value;
        }
    }
    out
}
