//! Numbers of the cells of a grid, over an image.

use image::{Rgb, RgbImage};

use super::{BLUE, RED};

/// The image in faint grey under a colour for each of `side` × `side` cells: red where its number is positive, blue
/// where it is negative, as strong as the number is large beside the largest.
///
/// # Panics
///
/// If `cells` are not `side²` numbers.
pub fn heat_map(image: &RgbImage, cells: &[f64], side: usize) -> RgbImage {
    assert_eq!(cells.len(), side * side, "cells of a heat map");
    let largest = cells
        .iter()
        .fold(0.0_f64, |most, cell| most.max(cell.abs()));
    let (width, height) = image.dimensions();
    RgbImage::from_fn(width, height, |x, y| {
        let cell = |at: u32, length: u32| at as usize * side / length.max(1) as usize;
        let number = cells[cell(y, height) * side + cell(x, width)];
        let strength = match largest > 0.0 {
            true => number.abs() / largest,
            false => 0.0,
        };
        let colour = if number > 0.0 { RED } else { BLUE };
        over(*image.get_pixel(x, y), colour, strength)
    })
}

fn over(pixel: Rgb<u8>, colour: Rgb<u8>, strength: f64) -> Rgb<u8> {
    let [r, g, b] = pixel.0.map(f64::from);
    let grey = 120.0 + 0.5 * (0.299 * r + 0.587 * g + 0.114 * b);
    let opaque = 0.75 * strength;
    let mixed = |channel: u8| (1.0 - opaque) * grey + opaque * f64::from(channel);
    Rgb(colour.0.map(|channel| mixed(channel).round() as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_tell_the_sign_and_the_place() {
        let image = RgbImage::from_pixel(4, 4, Rgb([128; 3]));
        let map = heat_map(&image, &[1.0, 0.0, 0.0, -1.0], 2);
        let [r, _, b] = map.get_pixel(1, 1).0;
        assert!(r > b + 60);
        let [r, _, b] = map.get_pixel(3, 2).0;
        assert!(b > r + 60);
        let [r, g, b] = map.get_pixel(3, 0).0;
        assert!(r == g && g == b);
    }
}
