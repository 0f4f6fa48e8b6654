//! Some of many files, kept open, and reading at a place.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Files that are open at most, but for those that are being read.
const OPEN: usize = 64;

/// The files that were read last, by number.
#[derive(Default)]
pub(super) struct OpenFiles {
    /// The one that was used last is the last.
    recent: Mutex<Vec<(usize, Arc<File>)>>,
}

impl OpenFiles {
    /// The bytes of file number `number` from `offset` on.
    pub(super) fn read(
        &self,
        number: usize,
        path: &Path,
        offset: u64,
        bytes: usize,
    ) -> io::Result<Vec<u8>> {
        let file = self.open(number, path)?;
        let mut buffer = vec![0; bytes];
        read_at(&file, &mut buffer, offset)?;
        Ok(buffer)
    }

    fn open(&self, number: usize, path: &Path) -> io::Result<Arc<File>> {
        if let Some(file) = self.used(number, None) {
            return Ok(file);
        }
        // Outside the lock: other threads go on reading meanwhile.
        let file = Arc::new(File::open(path)?);
        Ok(self.used(number, Some(Arc::clone(&file))).unwrap_or(file))
    }

    /// File `number`, which becomes the one used last; `fresh` where it is not open.
    fn used(&self, number: usize, fresh: Option<Arc<File>>) -> Option<Arc<File>> {
        let mut recent = self
            .recent
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let known = recent.iter().position(|(own, _)| *own == number);
        let file = known.map(|at| recent.remove(at).1).or(fresh)?;
        if recent.len() == OPEN {
            recent.remove(0);
        }
        recent.push((number, Arc::clone(&file)));
        Some(file)
    }
}

/// Fills `buffer` from a place of a file, without moving a position that threads would share.
#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

/// Fills `buffer` from a place of a file; the position is moved, but nothing reads from it.
#[cfg(windows)]
fn read_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !buffer.is_empty() {
        match file.seek_read(buffer, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn many_files_are_read_with_few_open() {
        let folder = TempDir::new().unwrap();
        let path = |number: usize| folder.path().join(number.to_string());
        for number in 0..200 {
            fs::write(path(number), format!("file {number:03}")).unwrap();
        }
        let files = OpenFiles::default();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (files, path) = (&files, &path);
                scope.spawn(move || {
                    for number in (0..200).map(|at| (7 * at + 50 * thread) % 200) {
                        let read = files.read(number, &path(number), 5, 3).unwrap();
                        assert_eq!(read, format!("{number:03}").as_bytes());
                    }
                });
            }
        });
        assert_eq!(files.recent.lock().unwrap().len(), OPEN);
        // The last one is still open; a file that is not has to be found again.
        files.read(3, &path(3), 0, 8).unwrap();
        fs::remove_file(path(3)).unwrap();
        assert!(files.read(3, &path(3), 0, 8).is_ok());
        for number in 100..100 + OPEN {
            files.read(number, &path(number), 0, 8).unwrap();
        }
        assert!(files.read(3, &path(3), 0, 8).is_err());
    }

    #[test]
    fn reading_beyond_the_end_is_an_error() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("short");
        fs::write(&path, "short").unwrap();
        let error = OpenFiles::default().read(0, &path, 3, 5).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
