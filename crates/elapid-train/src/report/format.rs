//! Numbers as people read them.

/// Four significant digits, thousands grouped, an exponent only where plain digits would be long.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e7).contains(&size) {
        trim(&format!("{value:.3e}"))
    } else if size >= 1e3 {
        grouped(&format!("{value:.0}"))
    } else {
        // Digits before the point: 1 for [1, 10), 0 for [0.1, 1), negative below.
        let before = size.log10().floor() as i32 + 1;
        trim(&format!("{value:.*}", (4 - before).max(0) as usize))
    }
}

/// A whole number with its thousands grouped by commas.
pub(super) fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// A length of time: the two largest units of days, hours, minutes and seconds.
pub fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {:02} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes:02} min"),
        _ => format!("{days} d {hours:02} h"),
    }
}

/// `noun` with an `s` unless there is exactly one, after the number.
pub(super) fn plural(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number))
}

/// Drops zeros that end a fraction, keeping the exponent: `1.500e-5` becomes `1.5e-5`.
pub(super) fn trim(text: &str) -> String {
    let (digits, exponent) = match text.find('e') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let digits = if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    };
    format!("{digits}{exponent}")
}

fn grouped(integer: &str) -> String {
    let (sign, digits) = match integer.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", integer),
    };
    let mut text = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits() {
        for (value, text) in [
            (0.0, "0"),
            (0.97222, "0.9722"),
            (97.2222, "97.22"),
            (100.0, "100"),
            (0.00123456, "0.001235"),
            (0.000_012_3, "1.23e-5"),
            (1234.5, "1,234"),
            (-1_234_567.0, "-1,234,567"),
            (3e9, "3e9"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn durations_show_two_units() {
        assert_eq!(duration(9), "9 s");
        assert_eq!(duration(192), "3 min 12 s");
        assert_eq!(duration(3_720), "1 h 02 min");
        assert_eq!(duration(100_000), "1 d 03 h");
    }

    #[test]
    fn nouns_follow_the_number() {
        assert_eq!(plural(1, "step"), "1 step");
        assert_eq!(plural(1500, "step"), "1,500 steps");
    }
}
