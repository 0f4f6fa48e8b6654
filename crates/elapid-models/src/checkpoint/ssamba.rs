//! What is particular to checkpoints of SSAMBA.

use burn::tensor::TensorData;

use super::Checkpoint;

/// The first parameter of its encoder.
const LANDMARK: &str = "v.patch_embed.proj.weight";
/// The position table.
const POSITIONS: &str = "v.pos_embed";
/// Only pretraining has a token for masked patches.
const PRETRAINING: &str = "mask_embed";

/// Removes what official files hold beside the parameters in use: the 1000-way head of the Vim class, which SSAMBA never
/// calls, and the size of the spectrograms that pretraining was done on.
pub(super) fn drop_unused(weights: &mut Checkpoint) {
    if weights.contains_key(LANDMARK) {
        weights.retain(|name, _| !name.starts_with("v.head.") && !name.starts_with("p_input_"));
    }
}

/// Weights of a pretrained or fine-tuned model named as the official programs save them: every name below `module.`, with what
/// their classes hold beside the parameters in use. The 1000-way head of the Vim class, which nothing calls, is zero. `size` is that
/// of the spectrograms, bins and frames.
pub fn arrange_ssamba(weights: Checkpoint, size: [usize; 2]) -> Checkpoint {
    const UNUSED: usize = 1000;
    let width = weights.get(POSITIONS).map_or(0, |table| table.shape()[2]);
    let zeros = |shape: Vec<usize>| TensorData::new(vec![0.0_f32; shape.iter().product()], shape);
    let count = |size: usize| TensorData::new(vec![size as i64], Vec::<usize>::new());
    let beside = [
        ("v.head.weight", zeros(vec![UNUSED, width])),
        ("v.head.bias", zeros(vec![UNUSED])),
        ("p_input_fdim", count(size[0])),
        ("p_input_tdim", count(size[1])),
    ];
    // The fine-tuning class has no spectrogram size of its own.
    let is_pretrained = weights.contains_key(PRETRAINING);
    let beside = beside
        .into_iter()
        .filter(|(name, _)| is_pretrained || !name.starts_with("p_input_"))
        .map(|(name, data)| (name.to_owned(), data));
    let all = weights.into_iter().chain(beside);
    all.map(|(name, data)| (format!("module.{name}"), data))
        .collect()
}

/// Patches of a spectrogram, along frequency and time. They stand in the position table frequency by frequency, behind the
/// class token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpectrogramGrid {
    /// Patches along frequency.
    pub frequency: usize,
    /// Patches along time.
    pub time: usize,
}

impl SpectrogramGrid {
    /// Number of patches.
    pub fn patches(self) -> usize {
        self.frequency * self.time
    }

    /// The position table of a file on this grid, as the official fine-tuning makes it: fewer patches along an axis are
    /// those in its middle, more are interpolated bilinearly (PyTorch's `interpolate` with `align_corners=False`). The row of
    /// the class token stays. `from` is the grid of the file. `None` if the table is not of that grid.
    ///
    /// Source: the end of `AMBAModel.__init__` in `src/models/both_models.py` of SiavashShams/ssamba. Where the frequency axis
    /// is cut, that code takes as many rows as there are columns; here as many as asked for.
    pub fn resized(self, table: &TensorData, from: Self) -> Option<TensorData> {
        let [1, rows, width] = table.shape()[..] else {
            return None;
        };
        if rows != from.patches() + 1 {
            return None;
        }
        let values: Vec<f32> = table.iter::<f32>().collect();
        let (class, patches) = values.split_at(width);
        let times = along(patches, from.frequency, from.time, width, self.time);
        // The other axis, with whole rows of patches for cells.
        let both = along(&times, 1, from.frequency, self.time * width, self.frequency);
        let values = [class, &both].concat();
        Some(TensorData::new(values, [1, self.patches() + 1, width]))
    }

    /// The grid of a table of `rows` rows, in a file that `pretrained` says is of pretraining. Patches lie side by side in
    /// pretraining, `beside` along frequency; afterwards usually as in this grid.
    pub fn of_file(self, rows: usize, pretrained: bool, beside: usize) -> Option<Self> {
        let patches = rows.checked_sub(1)?;
        let candidates = match pretrained {
            true => [beside, self.frequency],
            false => [self.frequency, beside],
        };
        let frequency = candidates
            .into_iter()
            .find(|f| patches > 0 && patches.is_multiple_of(*f))?;
        let time = patches / frequency;
        Some(Self { frequency, time })
    }
}

/// Fits the position table of a file to a model's grid, if it is another one; the grids if it did.
pub(crate) fn fit(
    weights: &mut Checkpoint,
    to: SpectrogramGrid,
    beside: usize,
) -> Option<[SpectrogramGrid; 2]> {
    let pretrained = weights.keys().any(|name| name.ends_with(PRETRAINING));
    let (_, table) = weights
        .iter_mut()
        .find(|(name, _)| name.ends_with(POSITIONS))?;
    let from = to.of_file(*table.shape().get(1)?, pretrained, beside)?;
    if from == to {
        return None;
    }
    *table = to.resized(table, from)?;
    Some([from, to])
}

/// `[outer, from, width]` as `[outer, to, width]`.
fn along(values: &[f32], outer: usize, from: usize, width: usize, to: usize) -> Vec<f32> {
    let mut resized = Vec::with_capacity(outer * to * width);
    for block in values.chunks(from * width).take(outer) {
        let row = |at: usize| &block[at * width..][..width];
        for at in 0..to {
            if to < from {
                resized.extend(row(from / 2 - to / 2 + at));
                continue;
            }
            let (low, high, share) = between(at, from, to);
            let pairs = row(low).iter().zip(row(high));
            resized.extend(pairs.map(|(a, b)| a + (b - a) * share));
        }
    }
    resized
}

/// The two of `from` cells that cell `at` of `to` lies between, and the share of the second.
fn between(at: usize, from: usize, to: usize) -> (usize, usize, f32) {
    let centre = (at as f64 + 0.5) * from as f64 / to as f64 - 0.5;
    let centre = centre.clamp(0.0, (from - 1) as f64);
    let low = centre.floor() as usize;
    (low, (low + 1).min(from - 1), (centre - low as f64) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(frequency: usize, time: usize) -> SpectrogramGrid {
        SpectrogramGrid { frequency, time }
    }

    #[test]
    fn tables_are_cut_in_the_middle_and_interpolated_in_between() {
        let table = TensorData::new(vec![9.0_f32, 0.0, 1.0, 2.0, 3.0], [1, 5, 1]);
        let of = |to: SpectrogramGrid| {
            let resized = to.resized(&table, grid(1, 4)).unwrap();
            resized.iter::<f32>().collect::<Vec<_>>()
        };
        assert_eq!(of(grid(1, 2)), [9.0, 1.0, 2.0]);
        assert_eq!(of(grid(2, 4))[1..5], of(grid(2, 4))[5..]);
        let wider = of(grid(1, 8));
        assert_eq!(wider[..4], [9.0, 0.0, 0.25, 0.75]);
        assert!(grid(1, 2).resized(&table, grid(2, 3)).is_none());
    }

    #[test]
    fn official_names_hold_what_the_official_classes_hold() {
        let table = TensorData::new(vec![0.5_f32; 10], [1, 5, 2]);
        let file = |names: &[&str]| -> Checkpoint {
            let tensors = names.iter().map(|name| ((*name).to_owned(), table.clone()));
            tensors.collect()
        };
        let tuned = arrange_ssamba(file(&[POSITIONS]), [128, 160]);
        let names: Vec<_> = tuned.keys().map(String::as_str).collect();
        let expected = [
            "module.v.head.bias",
            "module.v.head.weight",
            "module.v.pos_embed",
        ];
        assert_eq!(names, expected);
        assert_eq!(tuned["module.v.head.weight"].shape()[..], [1000, 2]);
        let pretrained = arrange_ssamba(file(&[POSITIONS, PRETRAINING]), [128, 160]);
        let frames = &pretrained["module.p_input_tdim"];
        assert_eq!(frames.iter::<i64>().collect::<Vec<_>>(), [160]);
        assert!(frames.shape().is_empty());
        let mut read_back = pretrained;
        read_back.retain(|name, _| name.starts_with("module."));
        let mut inner: Checkpoint = read_back
            .into_iter()
            .map(|(name, data)| (name["module.".len()..].to_owned(), data))
            .collect();
        // The landmark says that it is SSAMBA's.
        inner.insert(LANDMARK.to_owned(), table);
        drop_unused(&mut inner);
        assert_eq!(inner.len(), 3);
    }

    #[test]
    fn the_kind_of_file_tells_the_grid() {
        let fine = grid(12, 50);
        assert_eq!(fine.of_file(513, true, 8), Some(grid(8, 64)));
        assert_eq!(fine.of_file(601, false, 8), Some(grid(12, 50)));
        assert_eq!(fine.of_file(1, true, 8), None);
    }
}
