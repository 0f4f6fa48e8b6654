//! Filterbanks kept on disk: to decode and resample a sound costs far more than to read what comes of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use super::dataset::Source;
use super::filterbank::{FilterbankSettings, Frames};
use crate::fingerprint::Fingerprint;

/// First bytes of a file; another number for another form, or for other numbers from the same sound.
const HEADER: &[u8; 8] = b"elapfb\x00\x01";

/// Bytes of the header, the number of frames and of bins, and the checksum.
const OVERHEAD: usize = 8 + 4 + 4 + 4;

/// Numbers the drafts of one process.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// A folder of filterbanks, one file each, named after the sound's path, size and time of change and the settings.
///
/// Files are written under another name and renamed, so that any number of processes and threads can share a folder; one that
/// is cut off or damaged is computed anew. Nothing is kept in memory. Without room nothing more is stored, and training goes
/// on as without a cache. Removing the folder harms nothing.
#[derive(Debug)]
pub struct FeatureCache {
    folder: PathBuf,
    limit: u64,
    used: AtomicU64,
}

impl FeatureCache {
    /// The cache in the user's cache directory, `elapid/filterbanks`; `None` if there is no such directory.
    #[must_use]
    pub fn of_user(limit: u64) -> Option<Self> {
        let caches = dirs::cache_dir()?;
        Some(Self::at(caches.join("elapid").join("filterbanks"), limit))
    }

    /// A cache in this folder, of about `limit` bytes at most.
    #[must_use]
    pub fn at(folder: PathBuf, limit: u64) -> Self {
        let used = AtomicU64::new(size(&folder));
        Self {
            folder,
            limit,
            used,
        }
    }

    /// The filterbank of a sound: what was stored, if the file has not changed since, or else what `compute` makes.
    ///
    /// # Errors
    ///
    /// Those of `compute`. Failures of the cache itself are not errors.
    pub fn get_or<E>(
        &self,
        source: &Source,
        settings: &FilterbankSettings,
        compute: impl FnOnce() -> Result<Frames, E>,
    ) -> Result<Frames, E> {
        let Some(file) = self.file(source, settings) else {
            return compute();
        };
        if let Some(frames) = read(&file, settings.bins) {
            return Ok(frames);
        }
        let frames = compute()?;
        self.store(&file, &frames);
        Ok(frames)
    }

    /// Where the filterbank of a sound is; `None` if the sound is not there.
    fn file(&self, source: &Source, settings: &FilterbankSettings) -> Option<PathBuf> {
        let metadata = fs::metadata(&source.file).ok()?;
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let path = std::path::absolute(&source.file).ok()?;
        let part = source.part.map_or([0, 0], |part| {
            [part.place.to_bits(), part.seconds.to_bits()]
        });
        let name = Fingerprint::new()
            .bytes(path.as_os_str().as_encoded_bytes())
            .number(metadata.len())
            .bytes(&modified.as_nanos().to_le_bytes())
            .number(part[0])
            .number(part[1])
            // The rates of the settings are in here.
            .bytes(format!("{settings:?}").as_bytes())
            .finish();
        // A folder of millions of files is slow on many file systems.
        let (folder, name) = name.split_at(2);
        Some(self.folder.join(folder).join(name))
    }

    /// Keeps a filterbank if there is room and the disk allows it.
    fn store(&self, file: &Path, frames: &Frames) {
        let bytes = to_bytes(frames);
        let size = bytes.len() as u64;
        if self.used.fetch_add(size, Ordering::Relaxed) + size > self.limit
            || write(file, &bytes).is_err()
        {
            self.used.fetch_sub(size, Ordering::Relaxed);
        }
    }
}

/// Bytes of all files of the cache.
fn size(folder: &Path) -> u64 {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries(folder).flat_map(|inner| entries(&inner.path()));
    files
        .filter_map(|file| file.metadata().ok())
        .map(|metadata| metadata.len())
        .sum()
}

fn write(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    let draft = file.with_extension(format!("{}-{number}.draft", std::process::id()));
    let written = fs::write(&draft, bytes).and_then(|()| fs::rename(&draft, file));
    if written.is_err() {
        // What a full disk left of it.
        let _ = fs::remove_file(&draft);
    }
    written
}

fn to_bytes(frames: &Frames) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(OVERHEAD + 4 * frames.values.len());
    bytes.extend(HEADER);
    bytes.extend((frames.len() as u32).to_le_bytes());
    bytes.extend((frames.bins as u32).to_le_bytes());
    bytes.extend(frames.values.iter().flat_map(|value| value.to_le_bytes()));
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

/// A filterbank from its file; `None` if there is none, or it is damaged.
fn read(file: &Path, bins: usize) -> Option<Frames> {
    let bytes = fs::read(file).ok()?;
    let (content, sum) = bytes.split_last_chunk::<4>()?;
    let (header, rest) = content.split_first_chunk::<8>()?;
    let (frames, rest) = rest.split_first_chunk::<4>()?;
    let (stored, values) = rest.split_first_chunk::<4>()?;
    let is_whole = header == HEADER
        && u32::from_le_bytes(*stored) as usize == bins
        && values.len() == 4 * bins * u32::from_le_bytes(*frames) as usize
        && crc32c::crc32c(content) == u32::from_le_bytes(*sum);
    let (values, _) = values.as_chunks::<4>();
    is_whole.then(|| Frames {
        values: values
            .iter()
            .map(|&four| f32::from_le_bytes(four))
            .collect(),
        bins,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    use tempfile::TempDir;

    use super::*;
    use crate::audio::dataset::Part;

    /// A sound file and a place for caches.
    struct Place {
        root: TempDir,
        source: Source,
        calls: AtomicUsize,
    }

    impl Place {
        fn new() -> Self {
            let root = TempDir::new().unwrap();
            let file = root.path().join("a.wav");
            fs::write(&file, "sound").unwrap();
            Self {
                root,
                source: Source { file, part: None },
                calls: AtomicUsize::new(0),
            }
        }

        fn cache(&self, limit: u64) -> FeatureCache {
            FeatureCache::at(self.root.path().join("cache"), limit)
        }

        fn get(&self, cache: &FeatureCache, source: &Source, settings: &FilterbankSettings) {
            let compute = || {
                self.calls.fetch_add(1, Ordering::Relaxed);
                Ok::<_, String>(frames())
            };
            assert_eq!(cache.get_or(source, settings, compute), Ok(frames()));
        }

        fn calls(&self) -> usize {
            self.calls.swap(0, Ordering::Relaxed)
        }

        fn files(&self) -> Vec<PathBuf> {
            let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
            entries(&self.root.path().join("cache"))
                .flat_map(|inner| entries(&inner.path()))
                .map(|file| file.path())
                .collect()
        }
    }

    fn settings() -> FilterbankSettings {
        FilterbankSettings {
            bins: 4,
            ..FilterbankSettings::ast(16_000)
        }
    }

    fn frames() -> Frames {
        Frames {
            values: (0..12).map(|n| n as f32 / 7.0).collect(),
            bins: 4,
        }
    }

    #[test]
    fn what_was_computed_is_read_the_next_time() {
        let place = Place::new();
        let cache = place.cache(1 << 20);
        place.get(&cache, &place.source, &settings());
        place.get(&cache, &place.source, &settings());
        place.get(&place.cache(1 << 20), &place.source, &settings());
        assert_eq!((place.calls(), place.files().len()), (1, 1));
        assert_eq!(place.cache(0).used.load(Ordering::Relaxed), 20 + 48);
    }

    #[test]
    fn another_file_part_or_setting_is_another_entry() {
        let place = Place::new();
        let cache = place.cache(1 << 20);
        place.get(&cache, &place.source, &settings());
        let part = Some(Part {
            place: 0.5,
            seconds: 1.0,
        });
        let source = Source {
            part,
            ..place.source.clone()
        };
        place.get(&cache, &source, &settings());
        let other = FilterbankSettings {
            frame_shift: 12.0,
            ..settings()
        };
        place.get(&cache, &place.source, &other);
        fs::write(&place.source.file, "longer sound").unwrap();
        place.get(&cache, &place.source, &settings());
        assert_eq!(place.calls(), 4);
    }

    #[test]
    fn damaged_entries_are_computed_anew() {
        let place = Place::new();
        let cache = place.cache(1 << 20);
        place.get(&cache, &place.source, &settings());
        let file = place.files().remove(0);
        let good = fs::read(&file).unwrap();
        let mut flipped = good.clone();
        flipped[30] ^= 1;
        for bad in [&good[..0], &good[..10], &good[..good.len() - 4], &flipped] {
            fs::write(&file, bad).unwrap();
            place.calls();
            place.get(&cache, &place.source, &settings());
            assert_eq!(place.calls(), 1);
            assert_eq!(fs::read(&file).unwrap(), good);
        }
    }

    #[test]
    fn without_room_nothing_is_stored() {
        let place = Place::new();
        let cache = place.cache(60);
        place.get(&cache, &place.source, &settings());
        place.get(&cache, &place.source, &settings());
        assert_eq!((place.calls(), place.files().len()), (2, 0));
        assert_eq!(cache.used.load(Ordering::Relaxed), 0);
        // A file where the folder should be.
        fs::write(place.root.path().join("cache"), "").unwrap();
        place.get(&place.cache(1 << 20), &place.source, &settings());
    }

    #[test]
    fn many_writers_leave_whole_files() {
        let place = Place::new();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let cache = place.cache(1 << 20);
                    for _ in 0..20 {
                        place.get(&cache, &place.source, &settings());
                    }
                });
            }
        });
        assert_eq!(place.files().len(), 1);
        place.calls();
        place.get(&place.cache(1 << 20), &place.source, &settings());
        assert_eq!(place.calls(), 0);
    }
}
