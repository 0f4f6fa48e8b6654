//! Position tables brought to another grid.

use burn::tensor::TensorData;

use crate::{ClassToken, VimConfig};

/// What the rows of a position table `[1, L, D]` belong to: the patches of a square grid, row-major, and class tokens
/// among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionLayout {
    /// Patches along each side.
    pub side: usize,
    /// Where class tokens stand.
    pub class_token: ClassToken,
}

/// Which rows of a table are interpolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositionRule {
    /// Those of the patches; rows of class tokens go along unchanged.
    InPlace,
    /// All but the first ones, as many as there are class tokens: what the official code does wherever its class
    /// tokens stand. With a middle class token that shifts half of the grid by one row.
    Official,
}

impl PositionLayout {
    /// The layout that a model needs.
    pub fn of(config: &VimConfig) -> Self {
        Self {
            side: config.patches().isqrt(),
            class_token: config.class_token,
        }
    }

    /// The layout of a table of `rows` rows; nothing if its patches form no square.
    pub fn of_rows(rows: usize, class_token: ClassToken) -> Option<Self> {
        let patches = rows.checked_sub(class_tokens(class_token))?;
        let side = patches.isqrt();
        (side > 0 && side * side == patches).then_some(Self { side, class_token })
    }

    /// Number of rows L.
    pub fn rows(self) -> usize {
        self.side * self.side + class_tokens(self.class_token)
    }

    /// Rows of the class tokens, ascending.
    pub fn class_rows(self) -> Vec<usize> {
        let patches = self.side * self.side;
        match self.class_token {
            ClassToken::Middle => vec![patches / 2],
            ClassToken::Head => vec![0],
            ClassToken::Double => vec![0, patches + 1],
            ClassToken::None => Vec::new(),
        }
    }
}

fn class_tokens(class_token: ClassToken) -> usize {
    match class_token {
        ClassToken::Middle | ClassToken::Head => 1,
        ClassToken::Double => 2,
        ClassToken::None => 0,
    }
}

/// The table in another layout: patches by bicubic interpolation (PyTorch's `interpolate` with `align_corners=False`),
/// class tokens as they are. Class tokens that the old layout lacks start at 0, those that the new one lacks are dropped.
///
/// Source of [`PositionRule::Official`]: `interpolate_pos_embed` in `vim/utils.py` of hustvl/Vim.
///
/// # Panics
///
/// If the table is not `[1, from.rows(), D]`.
#[must_use]
pub fn resize_positions(
    table: &TensorData,
    from: PositionLayout,
    to: PositionLayout,
    rule: PositionRule,
) -> TensorData {
    let [1, rows, width] = table.shape()[..] else {
        panic!("a position table of shape {:?}", table.shape())
    };
    assert_eq!(rows, from.rows(), "rows of a position table");
    let values: Vec<f64> = table.iter::<f64>().collect();
    let (from_rows, to_rows) = match rule {
        PositionRule::InPlace => (from.class_rows(), to.class_rows()),
        PositionRule::Official => (first(from.class_token), first(to.class_token)),
    };
    let (class, patches) = parted(&values, &from_rows, width);
    let patches = match from.side == to.side {
        true => patches,
        false => bicubic(&patches, from.side, to.side, width),
    };
    let mut class = class.chunks(width);
    let mut patches = patches.chunks(width);
    let zeros = vec![0.0; width];
    let resized = (0..to.rows()).flat_map(|row| {
        let next = match to_rows.contains(&row) {
            true => class.next(),
            false => patches.next(),
        };
        let row = next.unwrap_or(&zeros).iter();
        row.map(|value| *value as f32).collect::<Vec<_>>()
    });
    TensorData::new(resized.collect::<Vec<f32>>(), [1, to.rows(), width])
}

/// The rows that the official code takes for those of class tokens.
fn first(class_token: ClassToken) -> Vec<usize> {
    (0..class_tokens(class_token)).collect()
}

/// The values of the rows `taken`, and those of all others.
fn parted(values: &[f64], taken: &[usize], width: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut those, mut others) = (Vec::new(), Vec::new());
    for (at, row) in values.chunks(width).enumerate() {
        match taken.contains(&at) {
            true => those.extend(row),
            false => others.extend(row),
        }
    }
    (those, others)
}

/// A grid `[from, from, width]` at `[to, to, width]`.
fn bicubic(grid: &[f64], from: usize, to: usize, width: usize) -> Vec<f64> {
    let taps: Vec<_> = (0..to).map(|at| taps(at, from, to)).collect();
    let mut resized = vec![0.0; to * to * width];
    for (out, cell) in resized.chunks_mut(width).enumerate() {
        for (y, of_row) in taps[out / to] {
            for (x, of_column) in taps[out % to] {
                let source = &grid[(y * from + x) * width..][..width];
                for (value, source) in cell.iter_mut().zip(source) {
                    *value += of_row * of_column * source;
                }
            }
        }
    }
    resized
}

/// Which four of `from` positions make up position `at` of `to`, and by what weights. Beyond the border the last
/// position repeats.
fn taps(at: usize, from: usize, to: usize) -> [(usize, f64); 4] {
    let centre = (at as f64 + 0.5) * from as f64 / to as f64 - 0.5;
    let left = centre.floor();
    [-1.0, 0.0, 1.0, 2.0].map(|offset| {
        let position = (left + offset).clamp(0.0, (from - 1) as f64);
        (position as usize, cubic(centre - left - offset))
    })
}

/// Keys' cubic convolution with a = −3/4.
fn cubic(distance: f64) -> f64 {
    const A: f64 = -0.75;
    let d = distance.abs();
    match d {
        d if d <= 1.0 => ((A + 2.0) * d - (A + 3.0)) * d * d + 1.0,
        d if d < 2.0 => ((d - 5.0) * d + 8.0) * A * d - 4.0 * A,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(side: usize, class_token: ClassToken) -> PositionLayout {
        PositionLayout { side, class_token }
    }

    fn table(values: &[f32]) -> TensorData {
        TensorData::new(values.to_vec(), [1, values.len(), 1])
    }

    fn resized(values: &[f32], from: PositionLayout, to: PositionLayout) -> Vec<f32> {
        let resized = resize_positions(&table(values), from, to, PositionRule::InPlace);
        resized.iter::<f32>().collect()
    }

    #[test]
    fn class_rows_keep_their_place_and_their_numbers() {
        let flat = [1.0, 1.0, 7.0, 1.0, 1.0];
        let middle = layout(2, ClassToken::Middle);
        let larger = resized(&flat, middle, layout(3, ClassToken::Middle));
        assert_eq!(larger, [1.0, 1.0, 1.0, 1.0, 7.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
        let without = resized(&flat, middle, layout(3, ClassToken::None));
        assert_eq!(without, [1.0; 9]);

        let double = layout(1, ClassToken::Double);
        let larger = resized(&[5.0, 2.0, 6.0], double, layout(2, ClassToken::Double));
        assert_eq!(larger, [5.0, 2.0, 2.0, 2.0, 2.0, 6.0]);
        let new = resized(
            &[2.0],
            layout(1, ClassToken::None),
            layout(1, ClassToken::Head),
        );
        assert_eq!(new, [0.0, 2.0]);
    }

    #[test]
    fn the_official_rule_takes_the_first_row_for_the_class_token() {
        let (from, to) = (layout(2, ClassToken::Middle), layout(2, ClassToken::None));
        let values = table(&[1.0, 2.0, 7.0, 3.0, 4.0]);
        let official = resize_positions(&values, from, to, PositionRule::Official);
        assert_eq!(
            official.iter::<f32>().collect::<Vec<_>>(),
            [2.0, 7.0, 3.0, 4.0]
        );
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
            let class_token = [ClassToken::None, ClassToken::Middle, ClassToken::Double][classes];
            let table = TensorData::new(numbers("table"), [1, old * old + classes, 3]);
            let (from, to) = (layout(old, class_token), layout(new, class_token));
            let found = resize_positions(&table, from, to, PositionRule::Official);
            for (found, expected) in found.iter::<f32>().zip(numbers("resized")) {
                assert!((found - expected).abs() < 3e-6, "{found} {expected}");
            }
        }
    }

    #[test]
    fn rows_tell_the_grid_unless_they_form_no_square() {
        let of = |rows| PositionLayout::of_rows(rows, ClassToken::Middle);
        assert_eq!(of(197), Some(layout(14, ClassToken::Middle)));
        assert_eq!(of(196), None);
        assert_eq!(of(1), None);
        assert_eq!(of(0), None);
    }
}
