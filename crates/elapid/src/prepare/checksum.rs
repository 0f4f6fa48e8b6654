//! Checksums of files.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use md5::Md5;
use sha2::{Digest, Sha256};

use super::PrepareError;

/// What a file must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    kind: Kind,
    digits: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// As published for most sets. It shows damage, not intent.
    Md5,
    Sha256,
}

impl Expected {
    /// Of `md5:` or `sha256:` and hexadecimal digits.
    pub(super) fn parse(text: &str) -> Result<Self, PrepareError> {
        let none = || PrepareError::NoChecksum {
            text: text.to_owned(),
        };
        let (kind, digits) = text.split_once(':').ok_or_else(none)?;
        let (kind, length) = match kind {
            "md5" => (Kind::Md5, 32),
            "sha256" => (Kind::Sha256, 64),
            _ => return Err(none()),
        };
        let is_sum = digits.len() == length && digits.bytes().all(|d| d.is_ascii_hexdigit());
        let digits = digits.to_ascii_lowercase();
        is_sum.then_some(Self { kind, digits }).ok_or_else(none)
    }

    /// Compares with a file that came from `url`.
    pub(super) fn check(&self, path: &Path, url: &str) -> Result<(), PrepareError> {
        let found = match self.kind {
            Kind::Md5 => digits::<Md5>(path),
            Kind::Sha256 => digits::<Sha256>(path),
        };
        let found = found.map_err(|error| PrepareError::unwritable(path, error))?;
        if found == self.digits {
            return Ok(());
        }
        Err(PrepareError::Checksum {
            path: path.to_owned(),
            url: url.into(),
            kind: match self.kind {
                Kind::Md5 => "md5",
                Kind::Sha256 => "sha256",
            },
            found: found.into(),
            expected: self.digits.as_str().into(),
            advice: "remove it and run the command again",
        })
    }
}

fn digits<D: Digest>(path: &Path) -> std::io::Result<String> {
    let (mut file, mut digest) = (File::open(path)?, D::new());
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            let mut text = String::new();
            for byte in digest.finalize() {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            return Ok(text);
        }
        digest.update(&buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digests() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        // RFC 1321 and FIPS 180-4.
        for sum in [
            "md5:900150983cd24fb0d6963f7d28e17f72",
            "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
        ] {
            let expected = Expected::parse(sum).unwrap();
            expected.check(&path, "u").unwrap();
            std::fs::write(folder.path().join("other"), "abd").unwrap();
            let error = expected.check(&folder.path().join("other"), "u");
            let said = error.unwrap_err().to_string();
            assert!(
                said.contains(&sum[sum.len() - 8..].to_lowercase()),
                "{said}"
            );
        }
    }

    #[test]
    fn other_text_is_no_checksum() {
        for text in [
            "",
            "md5",
            "md5:12",
            "crc:12345678",
            &format!("sha256:{}", "g".repeat(64)),
        ] {
            assert!(Expected::parse(text).is_err(), "{text}");
        }
    }
}
