//! Numbers for people.

/// Three digits of a number of any size.
pub fn three_digits(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        return "not finite".to_owned();
    }
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e4).contains(&size) {
        return format!("{value:.1e}");
    }
    let before = size.log10().floor() as i32;
    format!("{value:.*}", (2 - before).max(0) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_readable() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (0.01234, "0.0123"),
            (12.34, "12.3"),
            (4321.0, "4321"),
            (-6.4e16, "-6.4e16"),
            (2e-7, "2.0e-7"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "not finite"),
        ] {
            assert_eq!(three_digits(value), text);
        }
    }
}
