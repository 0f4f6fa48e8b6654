//! Pictures for people: contact sheets, heat maps, panels, with text in a bitmap font.

mod graph;
mod heat;
mod layout;
mod overlay;
mod panels;
mod sheet;
mod spectrogram;
mod text;

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

pub use graph::{DrawnGraph, graph_sheet};
pub use heat::heat_map;
pub use layout::layout;
pub use overlay::{Masked, overlay_sheet};
pub use panels::{Panel, panels};
pub use sheet::{Tile, contact_sheet};
pub use spectrogram::{spectrogram, usual_range, with_hidden};

const WHITE: Rgb<u8> = Rgb([255, 255, 255]);
const INK: Rgb<u8> = Rgb([32, 32, 32]);
const FAINT: Rgb<u8> = Rgb([112, 112, 112]);
const RED: Rgb<u8> = Rgb([200, 30, 40]);
const BLUE: Rgb<u8> = Rgb([25, 90, 200]);
const GREEN: Rgb<u8> = Rgb([20, 140, 60]);

/// An image in the middle of a white square. Small images are enlarged by a whole factor, pixel by pixel, so that one
/// sees what there is.
fn in_square(image: &RgbImage, side: u32) -> RgbImage {
    let (width, height) = image.dimensions();
    let longer = width.max(height).max(1);
    let factor = side / longer;
    let (scaled, filter) = match factor {
        0 | 1 => {
            let scaled = |length: u32| (length * side / longer).max(1);
            ((scaled(width), scaled(height)), FilterType::Triangle)
        }
        _ => ((width * factor, height * factor), FilterType::Nearest),
    };
    let resized = imageops::resize(image, scaled.0, scaled.1, filter);
    let mut square = RgbImage::from_pixel(side, side, WHITE);
    let middle = |length: u32| i64::from((side - length) / 2);
    imageops::replace(&mut square, &resized, middle(scaled.0), middle(scaled.1));
    square
}

fn fill(canvas: &mut RgbImage, corner: (u32, u32), size: (u32, u32), colour: Rgb<u8>) {
    let (width, height) = canvas.dimensions();
    for y in corner.1..(corner.1 + size.1).min(height) {
        for x in corner.0..(corner.0 + size.0).min(width) {
            canvas.put_pixel(x, y, colour);
        }
    }
}

/// A frame around a rectangle.
fn frame(canvas: &mut RgbImage, corner: (u32, u32), size: (u32, u32), thick: u32, colour: Rgb<u8>) {
    let (x, y) = (
        corner.0.saturating_sub(thick),
        corner.1.saturating_sub(thick),
    );
    let (width, height) = (size.0 + 2 * thick, size.1 + 2 * thick);
    fill(canvas, (x, y), (width, thick), colour);
    fill(canvas, (x, corner.1 + size.1), (width, thick), colour);
    fill(canvas, (x, y), (thick, height), colour);
    fill(canvas, (corner.0 + size.0, y), (thick, height), colour);
}
