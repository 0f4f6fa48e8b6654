//! Many rows in the shape in which they are summed quickly.

use burn::tensor::Tensor;

/// `[R, D]` as `[P, R/P, D]`, where P is about √R if R has such a divisor.
///
/// A GPU sums the first axis of `[R, D]` with D units that walk over all rows, one row behind the other; a broadcast along that
/// axis has such a sum in its backward pass. Of `[P, R/P, D]` the first axis is summed by R/P · D units, and the second has few
/// rows left.
pub(crate) fn folded<const D: usize>(x: Tensor<D>) -> Tensor<3> {
    let shape = x.dims();
    let width = shape[D - 1];
    let rows = shape[..D - 1].iter().product();
    let parts = parts(rows);
    x.reshape([parts, rows / parts, width])
}

/// The largest power of two that divides `rows` and whose square is not above them.
fn parts(rows: usize) -> usize {
    let mut parts = 1;
    while rows.is_multiple_of(2 * parts) && (2 * parts) * (2 * parts) <= rows {
        parts *= 2;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn parts_divide_and_are_about_the_root() {
        let of = [1, 2, 3, 4, 64, 96, 1000, 3456, 32_768, 200_704].map(parts);
        assert_eq!(of, [1, 1, 1, 2, 8, 8, 8, 32, 128, 256]);
    }

    #[test]
    fn rows_stay_in_order() {
        let x = Tensor::<1, burn::tensor::Int>::arange(0..24, &Device::flex());
        let x = x.float().reshape([8, 3]);
        let folded = folded(x.clone());
        assert_eq!(folded.dims(), [2, 4, 3]);
        folded
            .reshape([8, 3])
            .into_data()
            .assert_eq(&x.into_data(), true);
    }
}
