//! Changes of each level by itself, equal to Pillow's `ImageOps`.

use crate::vision::PixelImage;

/// What each of the 256 levels of a channel becomes.
pub(super) type Table = [u8; 256];

/// `image` with every level of every channel replaced by what `table` has for it.
pub(super) fn mapped(image: &PixelImage, table: &Table) -> PixelImage {
    let data = image.data().iter().map(|&level| table[usize::from(level)]);
    PixelImage::new(
        image.width(),
        image.height(),
        image.channels(),
        data.collect(),
    )
}

/// A table from a formula.
pub(super) fn table(becomes: impl FnMut(u8) -> u8) -> Table {
    let mut levels = [0; 256];
    let values = (0..=255).map(becomes);
    levels
        .iter_mut()
        .zip(values)
        .for_each(|(to, from)| *to = from);
    levels
}

/// Every channel stretched so that its darkest level is 0 and its brightest 255.
#[must_use]
pub fn auto_contrast(image: &PixelImage) -> PixelImage {
    by_histogram(image, |counts| {
        let lowest = counts.iter().position(|&count| count > 0)?;
        let highest = counts.iter().rposition(|&count| count > 0)?;
        let scale = 255.0 / (highest.checked_sub(lowest).filter(|range| *range > 0)?) as f64;
        let offset = -(lowest as f64) * scale;
        Some(table(|level| (f64::from(level) * scale + offset) as u8))
    })
}

/// Every channel with its levels spread until equally many pixels fall between any two.
#[must_use]
pub fn equalize(image: &PixelImage) -> PixelImage {
    by_histogram(image, |counts| {
        let brightest = counts.iter().rfind(|&&count| count > 0)?;
        let step = (counts.iter().sum::<usize>() - brightest) / 255;
        let mut below = step / 2;
        (step > 0).then(|| {
            table(|level| {
                let place = below / step;
                below += counts[usize::from(level)];
                place.min(255) as u8
            })
        })
    })
}

/// The negative.
#[must_use]
pub fn invert(image: &PixelImage) -> PixelImage {
    mapped(image, &table(|level| 255 - level))
}

/// The `bits` most significant bits of each level; 8 keep it, 0 leave black.
#[must_use]
pub fn posterize(image: &PixelImage, bits: u32) -> PixelImage {
    let mask = !(0xff_u32 >> bits.min(8)) as u8;
    mapped(image, &table(|level| level & mask))
}

/// The negative of the levels from `threshold` on, the others as they are.
#[must_use]
pub fn solarize(image: &PixelImage, threshold: u32) -> PixelImage {
    let is_below = |level: u8| u32::from(level) < threshold;
    mapped(
        image,
        &table(|level| if is_below(level) { level } else { 255 - level }),
    )
}

/// `add` on top of the levels below 128, the others as they are.
#[must_use]
pub fn solarize_add(image: &PixelImage, add: u8) -> PixelImage {
    mapped(
        image,
        &table(|level| {
            if level < 128 {
                level.saturating_add(add)
            } else {
                level
            }
        }),
    )
}

/// `image` with a table for each channel from how often it has each level; a channel without one stays.
fn by_histogram(image: &PixelImage, decide: impl Fn(&[usize; 256]) -> Option<Table>) -> PixelImage {
    let data = match image.channels() {
        1 => by_counts::<1>(image, decide),
        _ => by_counts::<3>(image, decide),
    };
    PixelImage::new(image.width(), image.height(), image.channels(), data)
}

fn by_counts<const C: usize>(
    image: &PixelImage,
    decide: impl Fn(&[usize; 256]) -> Option<Table>,
) -> Vec<u8> {
    let mut data = image.data().to_vec();
    let pixels = data.as_chunks_mut::<C>().0;
    let mut counts = [[0; 256]; C];
    for pixel in &*pixels {
        for (counts, &level) in counts.iter_mut().zip(pixel) {
            counts[usize::from(level)] += 1;
        }
    }
    let tables = counts.map(|counts| decide(&counts).unwrap_or_else(|| table(|level| level)));
    for pixel in pixels {
        for (table, level) in tables.iter().zip(pixel) {
            *level = table[usize::from(*level)];
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(levels: &[u8]) -> PixelImage {
        PixelImage::new(levels.len(), 1, 1, levels.to_vec())
    }

    #[test]
    fn keeping_no_bit_leaves_black() {
        let image = grey(&[0, 100, 255]);
        assert_eq!(posterize(&image, 0).data(), [0; 3]);
        assert_eq!(posterize(&image, 8), image);
        assert_eq!(posterize(&image, 1).data(), [0, 0, 128]);
    }

    #[test]
    fn one_level_alone_stays() {
        for image in [grey(&[7; 600]), grey(&[0]), grey(&[255; 3])] {
            assert_eq!(auto_contrast(&image), image);
            assert_eq!(equalize(&image), image);
        }
    }

    #[test]
    fn equalised_levels_stay_below_256() {
        // 300 black pixels and one white: the step is 1, and white would come to 300.
        let mut levels = vec![0; 300];
        levels.push(255);
        assert_eq!(equalize(&grey(&levels)).data().last(), Some(&255));
    }
}
