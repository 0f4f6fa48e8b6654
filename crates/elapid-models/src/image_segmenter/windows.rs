//! Scores of an image from those of windows over it.

use burn::tensor::{Tensor, TensorData, s};

/// Scores of a whole image: the mean of those of the windows that a pixel lies in, as mmsegmentation's `slide_inference`.
///
/// # Shapes
///
/// - windows `[N, side, side, classes]`, whose upper left pixels have these `places` (row, column) in the image
/// - output `[1, height, width, classes]`
///
/// What of a window lies below the image or to the right of it is left out.
///
/// # Panics
///
/// Panics unless there is a place for each window.
pub fn stitched(
    windows: Tensor<4>,
    places: &[[usize; 2]],
    [height, width]: [usize; 2],
) -> Tensor<4> {
    let [count, rows, columns, classes] = windows.dims();
    assert_eq!(count, places.len(), "windows and places");
    let (rows, columns) = (rows.min(height), columns.min(width));
    let device = windows.device();
    let mut sum = Tensor::<4>::zeros([1, height, width, classes], (&device, windows.dtype()));
    let mut seen = vec![0.0_f32; height * width];
    for (at, &[top, left]) in places.iter().enumerate() {
        let (bottom, right) = (top + rows, left + columns);
        let place = s![.., top..bottom, left..right, ..];
        let window = windows.clone().slice(s![at..at + 1, ..rows, ..columns, ..]);
        let together = sum.clone().slice(place) + window;
        sum = sum.slice_assign(place, together);
        for row in seen.chunks_exact_mut(width).take(bottom).skip(top) {
            row[left..right].iter_mut().for_each(|times| *times += 1.0);
        }
    }
    let seen = TensorData::new(seen, [1, height, width, 1]);
    let dtype = sum.dtype();
    sum / Tensor::<4>::from_data(seen, &device).cast(dtype)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn overlapping_windows_are_averaged() {
        let device = Device::flex();
        // Three columns under windows of two: 1 1, 3 3.
        let windows = [
            [[[1.0_f32], [1.0]], [[1.0], [1.0]]],
            [[[3.0], [3.0]], [[3.0], [3.0]]],
        ];
        let windows = Tensor::<4>::from_data(windows, &device);
        let whole = stitched(windows.clone(), &[[0, 0], [0, 1]], [2, 3]).into_data();
        let values: Vec<f32> = whole.iter::<f32>().collect();
        assert_eq!(values, [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        // An image of one row leaves the second rows out.
        let flat = stitched(windows, &[[0, 0], [0, 1]], [1, 3]).into_data();
        assert_eq!(flat.shape()[..], [1, 1, 3, 1]);
    }
}
