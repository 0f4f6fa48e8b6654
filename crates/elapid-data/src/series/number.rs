//! Numbers in text, fast.

/// Powers of ten that 64-bit floating point has exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Ways of writing that there is no value, in small letters.
const MISSING: [&[u8]; 7] = [b"", b"nan", b"na", b"n/a", b"null", b"none", b"?"];

/// The number in a field, NaN for a missing one, `None` for anything else. Infinite numbers are anything else.
///
/// Correctly rounded: a decimal fraction whose digits are a whole number below 2^53 is one division of two exact numbers
/// (Clinger, How to Read Floating Point Numbers Accurately, 1990); all others go to the standard library.
pub(super) fn parse(field: &[u8]) -> Option<f64> {
    let field = field.trim_ascii();
    if let Some(number) = short_decimal(field) {
        return Some(number);
    }
    if field.len() <= 4 && MISSING.iter().any(|name| name.eq_ignore_ascii_case(field)) {
        return Some(f64::NAN);
    }
    let number: f64 = std::str::from_utf8(field).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
}

fn short_decimal(field: &[u8]) -> Option<f64> {
    let (is_negative, digits) = match field {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, field),
    };
    // 15 digits and a point.
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    let (mut whole, mut decimals, mut point) = (0_u64, 0, false);
    for &byte in digits {
        match byte {
            b'0'..=b'9' => {
                whole = whole * 10 + u64::from(byte - b'0');
                decimals += usize::from(point);
            }
            b'.' if !point => point = true,
            _ => return None,
        }
    }
    let is_exact = whole < 1 << 53 && digits.len() > usize::from(point);
    let number = whole as f64 / POWERS[decimals];
    is_exact.then_some(if is_negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_equal_those_of_the_standard_library() {
        for text in [
            "0",
            "-0",
            "1",
            "-1.5",
            "0.1",
            "5.827000141143799",
            "30.5310001373291",
            "1e-3",
            "123456789012345678",
            "9007199254740993",
            ".5",
            "5.",
            "+3",
            "1E5",
            "0.000000000000001",
            "999999999999999.9",
            "3.0000000000000004",
        ] {
            let expected: f64 = text.parse().unwrap();
            assert_eq!(parse(text.as_bytes()), Some(expected), "{text}");
        }
        let mut state = 1_u64;
        for _ in 0..20_000 {
            state = crate::random::mix(state);
            let text = format!(
                "{:.*}",
                (state % 12) as usize,
                (state >> 20) as f64 / 65536.0
            );
            assert_eq!(
                parse(text.as_bytes()),
                Some(text.parse().unwrap()),
                "{text}"
            );
        }
    }

    #[test]
    fn missing_values_are_nan_and_text_is_nothing() {
        for text in ["", " ", "NaN", "nan", "NA", "n/a", "NULL", "None", "?"] {
            assert!(parse(text.as_bytes()).is_some_and(f64::is_nan), "{text}");
        }
        for text in [
            ".", "-", "--1", "1.2.3", "abc", "1,5", "inf", "1e999", "0x10", "12 3",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
