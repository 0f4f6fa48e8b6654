//! One file, fetched in as many pieces as it takes.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::PrepareError;
use super::checksum::Expected;
use super::client::{Answer, get};

/// Times in a row that a connection may break without a byte gained.
const TRIES: u32 = 4;

/// A file that is wanted.
pub(super) struct Request<'a> {
    pub(super) url: &'a str,
    /// The folder exists.
    pub(super) target: &'a Path,
    /// Its size, where it is known beforehand.
    pub(super) bytes: Option<u64>,
    pub(super) checksum: Option<&'a Expected>,
    pub(super) progress: &'a dyn Fn(u64, Option<u64>),
}

/// What there is of a file: `<name>.part`, and in `<name>.part.of` what tells which file it is of.
struct Partial {
    path: PathBuf,
    of: PathBuf,
}

/// Fetches a file. What is there of it is not fetched again, if the server can send the rest and it is certain, by a checksum
/// or by what the server says, that the parts are of one file.
///
/// # Errors
///
/// If it cannot be fetched, is not the one that was expected, or cannot be written. What is right stays for the next call.
pub(super) fn fetch(request: &Request<'_>) -> Result<(), PrepareError> {
    let partial = Partial::beside(request.target);
    let mut failures = 0;
    loop {
        let before = partial.bytes();
        match attempt(request, &partial) {
            Ok(()) => break,
            Err(PrepareError::Cut { .. }) if partial.bytes() > before => failures = 0,
            Err(error @ (PrepareError::Cut { .. } | PrepareError::Unreachable { .. })) => {
                failures += 1;
                // Where nothing ever came, nothing will come a second later.
                let is_hopeless = matches!(error, PrepareError::Unreachable { .. }) && before == 0;
                if is_hopeless || failures == TRIES {
                    return Err(error);
                }
                std::thread::sleep(Duration::from_millis(250) * failures);
            }
            Err(error) => return Err(error),
        }
    }
    partial.check(request)?;
    fs::rename(&partial.path, request.target)
        .map_err(|error| PrepareError::unwritable(request.target, error))?;
    let _ = fs::remove_file(&partial.of);
    Ok(())
}

/// Asks once, for what is missing.
fn attempt(request: &Request<'_>, partial: &Partial) -> Result<(), PrepareError> {
    let validator = partial.validator();
    let is_certain = request.checksum.is_some() || validator.is_some();
    let first = if is_certain { partial.bytes() } else { 0 };
    let answer = get(request.url, first, validator.as_deref())?;
    match (answer.status(), answer.range()) {
        (200, _) => partial.write(request, 0, answer),
        (206, Some((Some(at), _))) if at == first => partial.write(request, first, answer),
        // Nothing is missing.
        (416, Some((_, Some(size)))) if size == first => Ok(()),
        (206 | 416, _) if first > 0 => {
            // What is there does not fit what the server has.
            partial.remove()?;
            attempt(request, partial)
        }
        (status, _) => Err(PrepareError::Refused {
            url: request.url.to_owned(),
            status,
        }),
    }
}

impl Partial {
    fn beside(target: &Path) -> Self {
        let with = |ending: &str| {
            let mut name = target.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        Self {
            path: with(".part"),
            of: with(".part.of"),
        }
    }

    fn bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    fn validator(&self) -> Option<String> {
        fs::read_to_string(&self.of).ok()
    }

    fn remove(&self) -> Result<(), PrepareError> {
        let _ = fs::remove_file(&self.of);
        fs::remove_file(&self.path).map_err(|error| PrepareError::unwritable(&self.path, error))
    }

    /// Writes an answer behind the first bytes.
    fn write(&self, request: &Request<'_>, first: u64, answer: Answer) -> Result<(), PrepareError> {
        let unwritable = |error| PrepareError::unwritable(&self.path, error);
        // Cut before it is said whose bytes these are: never the new file's name on the old one's bytes.
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        let mut file = options.open(&self.path).map_err(unwritable)?;
        file.set_len(first).map_err(unwritable)?;
        file.seek(SeekFrom::Start(first)).map_err(unwritable)?;
        if first == 0 {
            let noted = match answer.validator() {
                Some(validator) => fs::write(&self.of, validator),
                None if self.of.is_file() => fs::remove_file(&self.of),
                None => Ok(()),
            };
            noted.map_err(|error| PrepareError::unwritable(&self.of, error))?;
        }
        let size = answer.length().map(|length| first + length);
        let total = size.or(request.bytes);
        let cut = |bytes, reason: String| PrepareError::Cut {
            url: request.url.to_owned(),
            bytes,
            reason,
        };
        let mut body = answer.body();
        let (mut bytes, mut buffer) = (first, vec![0; 1 << 16]);
        loop {
            match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => file.write_all(&buffer[..read]).map_err(unwritable)?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(cut(bytes, error.to_string())),
            }
            bytes = file.stream_position().map_err(unwritable)?;
            (request.progress)(bytes, total);
        }
        match size {
            Some(size) if bytes < size => Err(cut(bytes, format!("the server announced {size}"))),
            _ => file.sync_data().map_err(unwritable),
        }
    }

    /// Refuses a file that is not the expected one, and removes it: nothing of it can be used.
    fn check(&self, request: &Request<'_>) -> Result<(), PrepareError> {
        let found = self.bytes();
        let by_size = match request.bytes {
            Some(expected) if expected != found => Err(PrepareError::Checksum {
                path: request.target.to_owned(),
                url: request.url.into(),
                kind: "size",
                found: found.to_string().into(),
                expected: expected.to_string().into(),
                advice: "",
            }),
            _ => Ok(()),
        };
        let sum = request.checksum;
        let checked =
            by_size.and_then(|()| sum.map_or(Ok(()), |sum| sum.check(&self.path, request.url)));
        checked.map_err(|error| {
            let _ = self.remove();
            match error {
                PrepareError::Checksum {
                    url,
                    kind,
                    found,
                    expected,
                    ..
                } => PrepareError::Checksum {
                    path: request.target.to_owned(),
                    url,
                    kind,
                    found,
                    expected,
                    advice: "it was removed, run the command again",
                },
                other => other,
            }
        })
    }
}
