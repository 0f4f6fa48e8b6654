//! Tables of positions for another size of image.

use burn::tensor::TensorData;

/// Keys' parameter of PyTorch's bicubic interpolation.
const A: f64 = -0.75;

/// A table of positions, `[1, L, D]`, for `patches` patches in a square: the rows of the patches are interpolated as a picture is by
/// PyTorch's `interpolate` (bicubic, `align_corners = False`, no antialiasing), the others stay. `class_rows` gives, for a
/// number of patches, the rows that belong to no patch, in ascending order.
///
/// `None` if the patches make no square, before or after.
pub(crate) fn resized(
    table: &TensorData,
    patches: usize,
    class_rows: impl Fn(usize) -> Vec<usize>,
) -> Option<TensorData> {
    let [1, rows, width] = table.shape()[..] else {
        return None;
    };
    let classes = class_rows(patches).len();
    let (old, new) = (side(rows.checked_sub(classes)?)?, side(patches)?);
    let values: Vec<f32> = table.iter::<f32>().collect();
    let is_class = class_rows(old * old);
    let (class, grid): (Vec<_>, Vec<_>) = values
        .chunks_exact(width)
        .enumerate()
        .partition(|(row, _)| is_class.contains(row));
    let grid: Vec<&[f32]> = grid.into_iter().map(|(_, row)| row).collect();
    let mut grid = bicubic(&grid, old, new, width).into_iter();
    let mut class = class.into_iter().map(|(_, row)| row.to_vec());
    let is_class = class_rows(patches);
    let mut resized = Vec::with_capacity((patches + classes) * width);
    for row in 0..patches + classes {
        resized.extend(match is_class.contains(&row) {
            true => class.next()?,
            false => grid.next()?,
        });
    }
    Some(TensorData::new(resized, [1, patches + classes, width]))
}

/// The side of a square of so many cells.
fn side(cells: usize) -> Option<usize> {
    let side = cells.isqrt();
    (side > 0 && side * side == cells).then_some(side)
}

/// A square picture of `old` × `old` pixels, in rows of `width` channels each, with `new` × `new`.
fn bicubic(pixels: &[&[f32]], old: usize, new: usize, width: usize) -> Vec<Vec<f32>> {
    let taps: Vec<[(usize, f64); 4]> = (0..new).map(|at| taps(at, old, new)).collect();
    let pixel = |rows: &[(usize, f64); 4], columns: &[(usize, f64); 4]| -> Vec<f32> {
        let mut sums = vec![0.0_f64; width];
        for (row, by_row) in rows {
            for (column, by_column) in columns {
                let values = pixels[row * old + column];
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += by_row * by_column * f64::from(*value);
                }
            }
        }
        sums.into_iter().map(|sum| sum as f32).collect()
    };
    let of_row = |rows| taps.iter().map(move |columns| pixel(rows, columns));
    taps.iter().flat_map(of_row).collect()
}

/// The four pixels that pixel `at` of `new` is made of, out of `old`, and their weights. Those outside are the nearest inside.
fn taps(at: usize, old: usize, new: usize) -> [(usize, f64); 4] {
    let place = (at as f64 + 0.5) * old as f64 / new as f64 - 0.5;
    let (floor, t) = (place.floor(), place - place.floor());
    [-1.0, 0.0, 1.0, 2.0].map(|offset| {
        let pixel = (floor + offset).clamp(0.0, old as f64 - 1.0);
        (pixel as usize, keys((t - offset).abs()))
    })
}

/// Keys' cubic at distance `x` from its centre.
fn keys(x: f64) -> f64 {
    match x {
        x if x <= 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        x if x < 2.0 => ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize) -> TensorData {
        let values: Vec<f32> = (0..2 * rows).map(|i| ((i * 37) % 11) as f32).collect();
        TensorData::new(values, [1, rows, 2])
    }

    #[test]
    fn tables_equal_those_of_the_official_fine_tuning() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/golden/positions/positions.json");
        let cases: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let cases = cases.as_array().unwrap();
        assert_eq!(cases.len(), 5);
        for case in cases {
            let count = |name: &str| case[name].as_u64().unwrap() as usize;
            let numbers = |name: &str| -> Vec<f32> {
                let values = case[name].as_array().unwrap().iter();
                values.map(|value| value.as_f64().unwrap() as f32).collect()
            };
            let (old, new, classes) = (count("old"), count("new"), count("class_rows"));
            let table = TensorData::new(numbers("table"), [1, old * old + classes, 3]);
            let found = resized(&table, new * new, |_| (0..classes).collect()).unwrap();
            for (found, expected) in found.iter::<f32>().zip(numbers("resized")) {
                assert!((found - expected).abs() < 3e-6, "{found} {expected}");
            }
        }
    }

    #[test]
    fn equal_size_changes_nothing_and_class_rows_stay() {
        let middle = |patches: usize| vec![patches / 2];
        let old = table(17);
        assert_eq!(resized(&old, 16, middle).unwrap(), old);

        let new = resized(&old, 36, middle).unwrap();
        assert_eq!(new.shape()[..], [1, 37, 2]);
        let rows = |data: &TensorData| -> Vec<f32> { data.iter::<f32>().collect() };
        assert_eq!(rows(&new)[2 * 18..2 * 19], rows(&old)[2 * 8..2 * 9]);
    }

    #[test]
    fn constant_tables_stay_constant() {
        let old = TensorData::new(vec![0.5_f32; 9 * 3], [1, 9, 3]);
        let new = resized(&old, 25, |_| Vec::new()).unwrap();
        assert!(new.iter::<f32>().all(|value| (value - 0.5).abs() < 1e-6));
    }

    #[test]
    fn what_is_no_square_is_left_alone() {
        assert!(resized(&table(17), 16, |_| Vec::new()).is_none());
        assert!(resized(&table(16), 15, |_| Vec::new()).is_none());
    }
}
