//! Hue, saturation and value in bytes, as OpenCV's `COLOR_RGB2HSV` and `COLOR_HSV2RGB`.
//!
//! OpenCV 4.10 rounds down on the way back where it computes whole vectors, which is nearly everywhere, and to the nearest in the rest of
//! a row. Here all is rounded down.

/// Hues of a full turn: half a degree's precision would not fit into a byte.
pub const HUES: u16 = 180;

/// Bits behind the point of the tables of reciprocals.
const SHIFT: u32 = 12;

/// `scale / divisor` in fixed point, rounded to the nearest; 0 for 0.
fn reciprocal(scale: u32, divisor: i32) -> i32 {
    match divisor {
        0 => 0,
        divisor => (f64::from(scale << SHIFT) / f64::from(divisor)).round_ties_even() as i32,
    }
}

fn fixed(product: i32) -> i32 {
    (product + (1 << (SHIFT - 1))) >> SHIFT
}

/// Hue below [`HUES`], saturation, value.
#[must_use]
pub fn from_rgb(rgb: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = rgb.map(i32::from);
    let (value, lowest) = (r.max(g).max(b), r.min(g).min(b));
    let range = value - lowest;
    let saturation = fixed(range * reciprocal(255, value));
    let from_red = if value == r {
        g - b
    } else if value == g {
        b - r + 2 * range
    } else {
        r - g + 4 * range
    };
    // A sixth of a turn for each `range`; OpenCV divides the turn by 6 · range in one step.
    let hue = fixed(from_red * reciprocal(u32::from(HUES), 6 * range));
    let hue = if hue < 0 { hue + i32::from(HUES) } else { hue };
    [hue, saturation, value].map(|level| level.clamp(0, 255) as u8)
}

/// Red, green, blue.
#[must_use]
pub fn to_rgb([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
    const UNIT: f32 = 1.0 / 255.0;
    let saturation = f32::from(saturation) * UNIT;
    let value = f32::from(value) * UNIT;
    let turned = f32::from(hue) * (6.0 / f32::from(HUES));
    let sector = turned.trunc();
    let rest = turned - sector;
    let low = value * (1.0 - saturation);
    let falling = value * (1.0 - saturation * rest);
    let rising = value * (1.0 - saturation * (1.0 - rest));
    let rgb = match sector as u32 % 6 {
        0 => [value, rising, low],
        1 => [falling, value, low],
        2 => [low, value, rising],
        3 => [low, falling, value],
        4 => [rising, low, value],
        _ => [value, low, falling],
    };
    rgb.map(|level| (level * 255.0) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pure_colours_are_a_sixth_of_a_turn_apart() {
        let colours = [
            [255, 0, 0],
            [255, 255, 0],
            [0, 255, 0],
            [0, 255, 255],
            [0, 0, 255],
            [255, 0, 255],
        ];
        for (at, rgb) in (0_u8..).zip(colours) {
            assert_eq!(from_rgb(rgb), [30 * at, 255, 255]);
            // Rounded down.
            let mut back = to_rgb([30 * at, 255, 255]).into_iter().zip(rgb);
            assert!(back.all(|(a, b)| a <= b && b - a <= 1), "{at}");
        }
        assert_eq!(from_rgb([77; 3]), [0, 0, 77]);
        assert_eq!(to_rgb([123, 0, 77]), [77; 3]);
    }
}
