//! Fingerprints: what a run's manifest records to tell whether its data changed.

use sha2::{Digest, Sha256};

/// Collects what identifies a data set and ends as a hexadecimal SHA-256.
///
/// Each part is preceded by its length, so that moving bytes from one part to the next changes the
/// result.
pub(crate) struct Fingerprint(Sha256);

impl Fingerprint {
    pub(crate) fn new() -> Self {
        Self(Sha256::new())
    }

    pub(crate) fn bytes(mut self, part: &[u8]) -> Self {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    pub(crate) fn number(mut self, part: u64) -> Self {
        self.0.update(part.to_le_bytes());
        self
    }

    pub(crate) fn finish(self) -> String {
        let digest = self.0.finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        let split = |a: &[u8], b: &[u8]| Fingerprint::new().bytes(a).bytes(b).finish();
        assert_ne!(split(b"ab", b"c"), split(b"a", b"bc"));
        assert_eq!(split(b"ab", b"c").len(), 64);
    }

    #[test]
    fn nothing_is_the_sha256_of_nothing() {
        // First bytes of SHA-256 of the empty message, FIPS 180-4 test vector.
        assert!(
            Fingerprint::new()
                .finish()
                .starts_with("e3b0c44298fc1c149afbf4c8996fb924")
        );
    }
}
