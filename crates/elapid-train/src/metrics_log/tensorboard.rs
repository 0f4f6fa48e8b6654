//! The log as TensorBoard's event file: `Event` messages of `tensorflow/core/util/event.proto` in TFRecord frames.

use std::time::{SystemTime, UNIX_EPOCH};

use super::mirror::Record;

/// What a file begins with.
pub(super) fn head() -> Vec<u8> {
    let mut event = time();
    bytes(&mut event, 3, b"brain.Event:2");
    frame(&event)
}

/// One scalar under `split/name`.
pub(super) fn scalar(record: &Record) -> Vec<u8> {
    let mut value = Vec::new();
    bytes(
        &mut value,
        1,
        format!("{}/{}", record.split, record.name).as_bytes(),
    );
    tag(&mut value, 2, FIXED_32);
    value.extend((record.value.unwrap_or(f64::NAN) as f32).to_le_bytes());
    let mut summary = Vec::new();
    bytes(&mut summary, 1, &value);
    let mut event = time();
    tag(&mut event, 2, VARINT);
    varint(&mut event, record.step);
    bytes(&mut event, 5, &summary);
    frame(&event)
}

/// Wire types of protocol buffers.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED_32: u64 = 5;

/// An event with nothing but the time, in seconds since 1970.
fn time() -> Vec<u8> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0.0, |since| since.as_secs_f64());
    let mut event = Vec::new();
    tag(&mut event, 1, FIXED_64);
    event.extend(seconds.to_le_bytes());
    event
}

fn tag(out: &mut Vec<u8>, field: u64, wire: u64) {
    varint(out, field << 3 | wire);
}

fn bytes(out: &mut Vec<u8>, field: u64, content: &[u8]) {
    tag(out, field, LENGTH);
    varint(out, content.len() as u64);
    out.extend(content);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Length, its checksum, content, its checksum.
fn frame(content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_le_bytes();
    let mut out = length.to_vec();
    out.extend(checksum(&length));
    out.extend(content);
    out.extend(checksum(content));
    out
}

/// CRC-32C, masked as TFRecord has it, so that a checksum of checksums is none.
fn checksum(content: &[u8]) -> [u8; 4] {
    let crc = crc32c::crc32c(content);
    crc.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}
