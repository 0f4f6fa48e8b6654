//! Pictures side by side, each with a caption.

use image::{RgbImage, imageops};

use super::text::{self, LETTER, LINE};
use super::{FAINT, INK, WHITE, frame};

/// A picture with a caption of several lines.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The picture.
    pub image: RgbImage,
    /// Lines under it.
    pub caption: Vec<String>,
}

/// Smallest side of a panel's picture.
const SIDE: u32 = 320;
const GAP: u32 = 20;

/// Panels from left to right under a title. All pictures must have the sides of the first; small ones are enlarged by a
/// whole factor.
pub fn panels(title: &[String], panels: &[Panel]) -> RgbImage {
    let side = panels
        .first()
        .map_or(1, |panel| panel.image.width().max(panel.image.height()));
    let side = side * SIDE.div_ceil(side).max(1);
    let lines = panels.iter().map(|panel| panel.caption.len()).max();
    let head = GAP + title.len() as u32 * LINE + LINE / 2;
    let width = panels.len() as u32 * (side + GAP) + GAP;
    let height = head + side + lines.unwrap_or(0) as u32 * LINE + LINE / 2 + GAP;
    let mut page = RgbImage::from_pixel(width, height, WHITE);
    for (at, line) in (0..).zip(title) {
        let line = text::shortened(line, (width - 2 * GAP) / LETTER);
        text::write(&mut page, (GAP, GAP + at * LINE), &line, INK);
    }
    for (at, panel) in (0..).zip(panels) {
        let corner = (GAP + at * (side + GAP), head);
        let image = super::in_square(&panel.image, side);
        frame(&mut page, corner, (side, side), 1, FAINT);
        imageops::replace(&mut page, &image, i64::from(corner.0), i64::from(corner.1));
        for (at, line) in (0..).zip(&panel.caption) {
            let place = (corner.0, corner.1 + side + LINE / 2 + at * LINE);
            text::write(
                &mut page,
                place,
                &text::shortened(line, side / LETTER),
                FAINT,
            );
        }
    }
    page
}
