//! Classes of pixels as colours over images.

use image::{Rgb, RgbImage, imageops};

use super::text::{self, LETTER, LINE};
use super::{FAINT, INK, WHITE, fill, frame, in_square};

/// An image and the class of each of its pixels.
#[derive(Clone, Debug)]
pub struct Masked {
    /// The image.
    pub image: RgbImage,
    /// Classes in the order rows, columns.
    pub classes: Vec<usize>,
    /// What stands under it.
    pub name: String,
}

/// Side of an image.
const SIDE: u32 = 192;
const GAP: u32 = 20;
/// Share of the colour of a class over an image.
const COVER: f64 = 0.6;

/// Images in rows, each beside itself with the colours of its classes, and a legend of the classes that come up.
pub fn overlay_sheet(title: &str, images: &[Masked], names: &[String]) -> RgbImage {
    let count = images.len().max(1) as u32;
    let columns = f64::from(count).sqrt().ceil() as u32;
    let columns = columns.clamp(count.min(2), 4);
    let cell = (2 * SIDE + 4 + GAP, SIDE + 2 * LINE + GAP);
    let width = columns * cell.0 + GAP;
    let entries = legend(images, names, width - 2 * GAP);
    let lines = entries.last().map_or(0, |entry| entry.line + 1);
    let head = GAP + (2 + lines) * (LINE + 2) + LINE;
    let height = head + count.div_ceil(columns) * cell.1;
    let mut sheet = RgbImage::from_pixel(width, height, WHITE);
    let title = text::shortened(title, (width - 2 * GAP) / LETTER);
    text::write(&mut sheet, (GAP, GAP), &title, INK);
    for entry in entries {
        let corner = (GAP + entry.left, GAP + (2 + entry.line) * (LINE + 2));
        fill(&mut sheet, corner, (LETTER, LETTER), entry.colour);
        let place = (corner.0 + 2 * LETTER, corner.1);
        text::write(&mut sheet, place, &entry.name, INK);
    }
    for (at, masked) in (0..).zip(images) {
        let corner = (GAP + at % columns * cell.0, head + at / columns * cell.1);
        let beside = (corner.0 + SIDE + 4, corner.1);
        for (corner, image) in [(corner, &masked.image), (beside, &covered(masked))] {
            frame(&mut sheet, corner, (SIDE, SIDE), 1, FAINT);
            let square = in_square(image, SIDE);
            let (x, y) = (i64::from(corner.0), i64::from(corner.1));
            imageops::replace(&mut sheet, &square, x, y);
        }
        let name = text::shortened(&masked.name, 2 * SIDE / LETTER);
        let place = (corner.0, corner.1 + SIDE + LINE / 2);
        text::write(&mut sheet, place, &name, FAINT);
    }
    sheet
}

/// The image under the colours of its classes.
fn covered(masked: &Masked) -> RgbImage {
    let mut image = masked.image.clone();
    for (pixel, &class) in image.pixels_mut().zip(&masked.classes) {
        let colour = colour_of(class);
        for (level, over) in pixel.0.iter_mut().zip(colour.0) {
            let mixed = f64::from(*level) * (1.0 - COVER) + f64::from(over) * COVER;
            *level = mixed.round() as u8;
        }
    }
    image
}

/// A colour for each class: hues a golden angle apart are never near for neighbours, and every second row of them is
/// darker. Class 0, which often is the background, is grey.
fn colour_of(class: usize) -> Rgb<u8> {
    if class == 0 {
        return Rgb([70, 70, 70]);
    }
    let hue = (class as f64 * 0.618_033_988_749_895).fract() * 6.0;
    let value = if (class / 12).is_multiple_of(2) {
        240.0
    } else {
        150.0
    };
    let level = |shift: f64| {
        let distance = ((hue + shift) % 6.0 - 3.0).abs() - 1.0;
        (value * (0.1 + 0.9 * distance.clamp(0.0, 1.0))).round() as u8
    };
    Rgb([level(0.0), level(4.0), level(2.0)])
}

/// A class of the legend.
struct Entry {
    name: String,
    colour: Rgb<u8>,
    left: u32,
    line: u32,
}

fn legend(images: &[Masked], names: &[String], width: u32) -> Vec<Entry> {
    let mut seen = vec![false; names.len()];
    for &class in images.iter().flat_map(|masked| &masked.classes) {
        seen[class] = true;
    }
    let (mut left, mut line) = (0, 0);
    let classes = names.iter().enumerate().filter(|(class, _)| seen[*class]);
    let place = |(class, name): (usize, &String)| {
        let name = text::shortened(name, 24);
        let room = (name.chars().count() as u32 + 4) * LETTER;
        if left > 0 && left + room > width {
            (left, line) = (0, line + 1);
        }
        let entry = Entry {
            name,
            colour: colour_of(class),
            left,
            line,
        };
        left += room;
        entry
    };
    classes.map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        (0..40).map(|class| format!("class {class}")).collect()
    }

    fn masked(classes: Vec<usize>) -> Masked {
        Masked {
            image: RgbImage::from_pixel(classes.len() as u32, 1, Rgb([100; 3])),
            classes,
            name: "a.png".to_owned(),
        }
    }

    #[test]
    fn colours_lie_over_their_pixels() {
        let covered = covered(&masked(vec![0, 3]));
        let mixed = |class: usize| {
            colour_of(class)
                .0
                .map(|over| (40.0 + 0.6 * f64::from(over)).round() as u8)
        };
        assert_eq!(covered.get_pixel(0, 0).0, mixed(0));
        assert_eq!(covered.get_pixel(1, 0).0, mixed(3));
    }

    #[test]
    fn no_two_of_many_classes_look_the_same() {
        let colours: std::collections::BTreeSet<_> = (0..40).map(|c| colour_of(c).0).collect();
        assert_eq!(colours.len(), 40);
    }

    #[test]
    fn the_legend_names_what_comes_up() {
        let entries = legend(&[masked(vec![0, 5, 5]), masked(vec![7])], &names(), 200);
        let found: Vec<_> = entries
            .iter()
            .map(|entry| (entry.name.as_str(), entry.line))
            .collect();
        assert_eq!(found, [("class 0", 0), ("class 5", 0), ("class 7", 1)]);
        assert!(overlay_sheet("t", &[], &names()).height() > SIDE);
    }
}
