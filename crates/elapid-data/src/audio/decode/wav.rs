//! WAV: whole numbers of 8, 16, 24 and 32 bits, floating-point numbers of 32.

use std::borrow::Cow;
use std::io::Cursor;

use hound::{SampleFormat, WavReader};

use super::Channels;

/// Programs that write to a pipe do not know the length and leave a number of about this size or above.
const UNKNOWN_LENGTH: u32 = 0x7fff_0000;

pub(super) fn decode(bytes: &[u8]) -> Result<Channels, String> {
    let bytes = &*with_length(bytes);
    let reader = WavReader::new(Cursor::new(bytes)).map_err(|error| reason(&error, bytes))?;
    let spec = reader.spec();
    let promised = reader.len();
    let (interleaved, error) = match spec.sample_format {
        SampleFormat::Float => collect(reader.into_samples::<f32>()),
        SampleFormat::Int => {
            let scale = 1.0 / 2_f64.powi(i32::from(spec.bits_per_sample) - 1);
            let numbers = reader.into_samples::<i32>();
            collect(numbers.map(|number| Ok((f64::from(number?) * scale) as f32)))
        }
    };
    match error {
        Some(hound::Error::IoError(_) | hound::Error::FormatError(_)) => {
            return Err(cut_off(promised, interleaved.len()));
        }
        Some(error) => return Err(reason(&error, bytes)),
        None => {}
    }
    Ok(Channels {
        interleaved,
        channels: usize::from(spec.channels),
        rate: spec.sample_rate,
    })
}

/// The numbers before the first that cannot be read, and why it cannot.
fn collect(numbers: impl Iterator<Item = hound::Result<f32>>) -> (Vec<f32>, Option<hound::Error>) {
    let (mut good, mut error) = (Vec::new(), None);
    for number in numbers {
        match number {
            Ok(number) => good.push(number),
            Err(first) => {
                error = Some(first);
                break;
            }
        }
    }
    (good, error)
}

fn cut_off(promised: u32, found: usize) -> String {
    format!("the file is cut off: its header promises {promised} numbers, and it has {found}")
}

/// What is wrong with the header, or with the kind of numbers.
fn reason(error: &hound::Error, bytes: &[u8]) -> String {
    match error {
        hound::Error::IoError(_) => "the file is cut off in its header".to_owned(),
        hound::Error::Unsupported | hound::Error::InvalidSampleFormat | hound::Error::TooWide => {
            let kind = coding(bytes).unwrap_or_else(|| "an unknown coding".to_owned());
            format!(
                "WAV with {kind} is not read, only whole numbers of 8, 16, 24 or 32 bits and \
                 floating-point numbers of 32"
            )
        }
        other => format!("the WAV header is damaged: {other}"),
    }
}

/// What the format chunk says of the numbers.
fn coding(bytes: &[u8]) -> Option<String> {
    let (_, fields) = chunk(bytes, b"fmt ")?;
    let (tag, bits) = (two(fields, 0)?, two(fields, 14)?);
    Some(format!("coding {tag:#06x} and {bits} bits"))
}

/// The file with the true length of its numbers, where the header has none.
fn with_length(bytes: &[u8]) -> Cow<'_, [u8]> {
    let (fields, data) = (chunk(bytes, b"fmt "), chunk(bytes, b"data"));
    let block = fields.and_then(|(_, fields)| two(fields, 12)).unwrap_or(1);
    let Some((start, rest)) = data.filter(|(start, _)| four(bytes, start - 4) >= UNKNOWN_LENGTH)
    else {
        return Cow::Borrowed(bytes);
    };
    let length = rest.len() - rest.len() % usize::from(block).max(1);
    let mut bytes = bytes.to_vec();
    bytes[start - 4..start].copy_from_slice(&(length as u32).to_le_bytes());
    Cow::Owned(bytes)
}

/// Where the content of the first chunk of this name starts, and what of it is there.
fn chunk<'a>(bytes: &'a [u8], name: &[u8]) -> Option<(usize, &'a [u8])> {
    let mut at = 12;
    loop {
        let header = bytes.get(at..at + 8)?;
        let (start, length) = (at + 8, four(bytes, at + 4) as usize);
        let end = start.saturating_add(length).min(bytes.len());
        if header.starts_with(name) {
            return Some((start, &bytes[start..end]));
        }
        // Chunks are padded to an even length.
        at = start.checked_add(length + length % 2)?;
    }
}

/// A whole number of two bytes.
fn two(bytes: &[u8], at: usize) -> Option<u16> {
    let (two, _) = bytes.get(at..)?.split_first_chunk::<2>()?;
    Some(u16::from_le_bytes(*two))
}

/// A whole number of four bytes; 0 behind the end.
fn four(bytes: &[u8], at: usize) -> u32 {
    let four = bytes
        .get(at..)
        .and_then(|rest| rest.split_first_chunk::<4>());
    four.map_or(0, |(four, _)| u32::from_le_bytes(*four))
}
