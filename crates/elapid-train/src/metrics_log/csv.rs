//! The log as comma-separated values.

use super::mirror::Record;

pub(super) const HEAD: &str = "step,epoch,split,name,value\n";

/// One number; a value that is not finite is left empty. Names hold neither commas nor quotes.
pub(super) fn row(record: &Record) -> Vec<u8> {
    let value = record.value.map(|value| value.to_string());
    let value = value.unwrap_or_default();
    let Record {
        step,
        epoch,
        split,
        name,
        ..
    } = record;
    format!("{step},{epoch},{split},{name},{value}\n").into()
}
