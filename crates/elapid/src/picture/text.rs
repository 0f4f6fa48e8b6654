//! Text of one size in an 8 × 8 bitmap font.

use font8x8::legacy::{BASIC_LEGACY, GREEK_LEGACY, LATIN_LEGACY};
use image::{Rgb, RgbImage};

/// Width and height of a letter, in pixels.
pub(super) const LETTER: u32 = 8;
/// From one line to the next.
pub(super) const LINE: u32 = 12;

/// Writes `text` with its upper left corner at `(x, y)`; what does not fit on the canvas is lost.
pub(super) fn write(canvas: &mut RgbImage, (x, y): (u32, u32), text: &str, colour: Rgb<u8>) {
    for (at, letter) in (0..).zip(text.chars()) {
        for (row, bits) in (0..).zip(glyph(letter)) {
            for column in (0..LETTER).filter(|column| bits >> column & 1 == 1) {
                let (x, y) = (x + at * LETTER + column, y + row);
                if x < canvas.width() && y < canvas.height() {
                    canvas.put_pixel(x, y, colour);
                }
            }
        }
    }
}

/// `text`, its middle replaced by two dots if it has more than `letters`: names often differ at both ends.
pub(super) fn shortened(text: &str, letters: u32) -> String {
    let all: Vec<char> = text.chars().collect();
    let room = letters as usize;
    if all.len() <= room {
        return text.to_owned();
    }
    let kept = room.saturating_sub(2);
    let front = kept.div_ceil(2);
    let front = all[..front].iter().chain(&['.', '.']);
    front.chain(&all[all.len() - kept / 2..]).collect()
}

/// Rows of a letter, the leftmost column in the lowest bit; a question mark for what the font lacks.
fn glyph(letter: char) -> [u8; 8] {
    let code = letter as usize;
    match code {
        0x20..0x7f => BASIC_LEGACY[code],
        0xa0..0x100 => LATIN_LEGACY[code - 0xa0],
        0x390..0x3ca => GREEK_LEGACY[code - 0x390],
        _ => BASIC_LEGACY['?' as usize],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_stand_upright_and_unmirrored() {
        let mut canvas = RgbImage::new(8, 8);
        write(&mut canvas, (0, 0), "L", Rgb([255; 3]));
        let lit = |x: std::ops::Range<u32>, y: std::ops::Range<u32>| {
            let pixels = y.flat_map(|y| x.clone().map(move |x| (x, y)));
            pixels
                .filter(|(x, y)| canvas.get_pixel(*x, *y)[0] > 0)
                .count()
        };
        // The stem is on the left, the foot at the bottom, and the upper right is empty.
        assert!(lit(0..4, 0..5) >= 5);
        assert!(lit(0..8, 5..8) >= 5);
        assert_eq!(lit(5..8, 0..4), 0);
    }

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(shortened("abcdefghij", 10), "abcdefghij");
        assert_eq!(shortened("abcdefghijk", 10), "abcd..hijk");
        assert_eq!(shortened("abcdefghijk", 1), "..");
    }

    #[test]
    fn what_the_font_lacks_is_a_question_mark() {
        assert_eq!(glyph('語'), glyph('?'));
        assert_ne!(glyph('ü'), glyph('?'));
        assert_ne!(glyph('λ'), glyph('?'));
    }
}
