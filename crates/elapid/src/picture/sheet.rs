//! A contact sheet: images with what a model makes of them.

use image::imageops;
use image::{Rgb, RgbImage};

use super::text::{self, LETTER, LINE};
use super::{FAINT, GREEN, INK, RED, WHITE, fill, frame, in_square};

/// One image of a sheet.
#[derive(Clone, Debug)]
pub struct Tile {
    /// The image.
    pub image: RgbImage,
    /// What stands under it.
    pub name: String,
    /// Classes with their probabilities, most probable first.
    pub classes: Vec<(String, f64)>,
    /// The right class, if known.
    pub truth: Option<String>,
}

impl Tile {
    /// Whether the most probable class is the right one; nothing if that is not known.
    pub fn is_right(&self) -> Option<bool> {
        let (predicted, _) = self.classes.first()?;
        Some(self.truth.as_ref()? == predicted)
    }
}

/// Side of an image.
const SIDE: u32 = 176;
/// Letters in a line under an image.
const LETTERS: u32 = SIDE / LETTER;
/// Between tiles, around the sheet.
const GAP: u32 = 20;
const BAR: Rgb<u8> = Rgb([214, 226, 242]);

/// The tiles in rows, each with its name, its most probable classes with bars, and the right class where the model is
/// wrong. Frames are green for right, red for wrong, grey where nobody knows.
pub fn contact_sheet(title: &str, tiles: &[Tile]) -> RgbImage {
    let count = tiles.len().max(1) as u32;
    // A little wider than high; a title wants some room, too.
    let columns = (f64::from(count) * 1.5).sqrt().ceil() as u32;
    let columns = columns.clamp(count.min(3), count);
    let classes = tiles.iter().map(|tile| tile.classes.len()).max();
    let lines = classes.unwrap_or(0) as u32 + 2;
    let cell = (SIDE + GAP, SIDE + 6 + lines * LINE + GAP);
    let head = GAP + 2 * LINE;
    let width = columns * cell.0 + GAP;
    let height = head + count.div_ceil(columns) * cell.1;
    let mut sheet = RgbImage::from_pixel(width, height, WHITE);
    let title = text::shortened(title, (width - 2 * GAP) / LETTER);
    text::write(&mut sheet, (GAP, GAP), &title, INK);
    for (at, tile) in (0..).zip(tiles) {
        let corner = (GAP + at % columns * cell.0, head + at / columns * cell.1);
        draw(&mut sheet, corner, tile);
    }
    sheet
}

fn draw(sheet: &mut RgbImage, corner: (u32, u32), tile: &Tile) {
    let is_right = tile.is_right();
    let (thick, colour) = match is_right {
        Some(true) => (3, GREEN),
        Some(false) => (3, RED),
        None => (1, FAINT),
    };
    frame(sheet, corner, (SIDE, SIDE), thick, colour);
    let square = in_square(&tile.image, SIDE);
    imageops::replace(sheet, &square, i64::from(corner.0), i64::from(corner.1));
    let mut y = corner.1 + SIDE + 7;
    let name = text::shortened(&tile.name, LETTERS);
    text::write(sheet, (corner.0, y), &name, FAINT);
    for (at, (class, probability)) in tile.classes.iter().enumerate() {
        y += LINE;
        let bar = (probability * f64::from(SIDE)).round() as u32;
        fill(sheet, (corner.0, y - 2), (bar, LINE - 1), BAR);
        let share = format!("{:.1}%", 100.0 * probability);
        let letters = LETTERS - share.len() as u32 - 1;
        let colour = if at == 0 { INK } else { FAINT };
        text::write(
            sheet,
            (corner.0 + 2, y),
            &text::shortened(class, letters),
            colour,
        );
        let right = corner.0 + SIDE - share.len() as u32 * LETTER;
        text::write(sheet, (right, y), &share, colour);
    }
    if let (Some(false), Some(truth)) = (is_right, &tile.truth) {
        let truth = text::shortened(&format!("is {truth}"), LETTERS);
        text::write(sheet, (corner.0 + 2, y + LINE), &truth, RED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(truth: Option<&str>) -> Tile {
        Tile {
            image: RgbImage::from_pixel(8, 4, Rgb([10, 20, 30])),
            name: "a.png".to_owned(),
            classes: vec![("cat".to_owned(), 0.75), ("dog".to_owned(), 0.25)],
            truth: truth.map(str::to_owned),
        }
    }

    #[test]
    fn frames_say_whether_the_model_is_right() {
        let tiles = [tile(Some("cat")), tile(Some("dog")), tile(None)];
        let sheet = contact_sheet("title", &tiles);
        let head = GAP + 2 * LINE;
        let frame_of = |at: u32| *sheet.get_pixel(GAP + at * (SIDE + GAP) + 5, head - 1);
        assert_eq!([0, 1, 2].map(frame_of), [GREEN, RED, FAINT]);
        // The image is in the middle of its square, enlarged by 22.
        let inside = *sheet.get_pixel(GAP + SIDE / 2, head + SIDE / 2);
        assert_eq!(inside, Rgb([10, 20, 30]));
        assert_eq!(*sheet.get_pixel(GAP + SIDE / 2, head + 3), WHITE);
    }

    #[test]
    fn one_image_and_no_image_have_sheets_too() {
        assert!(contact_sheet("t", &[]).width() > SIDE);
        assert!(contact_sheet("t", &[tile(None)]).height() > SIDE);
    }
}
