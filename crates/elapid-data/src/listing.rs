//! Which files of one kind a folder of class folders has, in an order that does not depend on the file system.

use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::error::DataError;
use crate::side_by_side;

/// The files that are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Their endings, in any case.
    pub(crate) endings: &'static [&'static str],
    /// What they are called.
    pub(crate) noun: &'static str,
    /// The usual endings in words.
    pub(crate) said: &'static str,
}

/// Images that are decoded.
pub(crate) const IMAGES: Kind = Kind {
    endings: &["png", "jpg", "jpeg", "webp"],
    noun: "images",
    said: ".png, .jpg, .jpeg or .webp",
};

/// Sounds that are decoded.
pub(crate) const SOUNDS: Kind = Kind {
    endings: &["wav", "wave", "flac", "mp3", "ogg", "oga"],
    noun: "sounds",
    said: ".wav, .flac, .mp3 or .ogg",
};

/// All files of one kind below a folder of class folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Names of the class folders and where their files end, in the order of the bytes of the names.
    pub(crate) classes: Vec<ClassFolder>,
    /// All folders that were read, relative to the folder itself, which is the first.
    pub(crate) folders: Vec<Folder>,
    /// All files, sorted by class and then by path.
    pub(crate) files: Vec<ListedFile>,
}

/// A class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClassFolder {
    pub(crate) name: String,
    /// Number of files up to and including its own.
    pub(crate) end: usize,
}

/// A folder that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    /// When an entry was last added, removed or renamed, in nanoseconds since 1970; 0 if that cannot be told.
    pub(crate) modified: u128,
}

/// A file and its size on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedFile {
    /// Number of the folder it is in.
    pub(crate) folder: u32,
    pub(crate) name: OsString,
    pub(crate) bytes: u64,
}

impl Listing {
    /// Reads a folder and everything below it.
    ///
    /// Links to files are followed. Links to folders are followed where they stand for a class, but not below that, because
    /// they can lead in circles. Hidden entries are left out.
    pub(crate) fn read(root: &Path, kind: Kind) -> Result<Self, DataError> {
        let modified = modified(root);
        let mut names = Vec::new();
        for entry in visible_entries(root).map_err(|e| DataError::unreadable(root, e))? {
            if entry.path().is_dir() {
                names.push(entry.file_name());
            }
        }
        let mut listing = Self {
            classes: Vec::with_capacity(names.len()),
            folders: vec![Folder {
                path: PathBuf::new(),
                modified,
            }],
            files: Vec::new(),
        };
        for (name, class) in names.iter().zip(read_classes(root, &names, kind)) {
            listing.append(name.to_string_lossy().into_owned(), class?);
        }
        Ok(listing)
    }

    /// Path of file number `index`, relative to the folder.
    pub(crate) fn path(&self, index: usize) -> PathBuf {
        let file = &self.files[index];
        self.folders[file.folder as usize].path.join(&file.name)
    }

    /// Number of the class that file number `index` is of.
    pub(crate) fn class(&self, index: usize) -> usize {
        self.classes.partition_point(|class| class.end <= index)
    }

    fn append(&mut self, name: String, class: Below) {
        let first = self.folders.len() as u32;
        self.folders.extend(class.folders);
        self.files
            .extend(class.files.into_iter().map(|file| ListedFile {
                folder: first + file.folder,
                ..file
            }));
        let end = self.files.len();
        self.classes.push(ClassFolder { name, end });
    }
}

/// What is below one class folder.
#[derive(Default)]
struct Below {
    folders: Vec<Folder>,
    files: Vec<ListedFile>,
}

/// The classes of these names, in their order, read by several threads.
fn read_classes(root: &Path, names: &[OsString], kind: Kind) -> Vec<Result<Below, DataError>> {
    side_by_side::map(names, side_by_side::WAITING, |name| {
        let mut below = Below::default();
        below.read(root, Path::new(name), kind)?;
        Ok(below)
    })
}

impl Below {
    fn read(&mut self, root: &Path, path: &Path, kind: Kind) -> Result<(), DataError> {
        let whole = root.join(path);
        let unreadable = |error| DataError::unreadable(&whole, error);
        let folder = self.folders.len() as u32;
        // Before the entries: what is added while they are read makes the folder newer than this.
        let modified = modified(&whole);
        self.folders.push(Folder {
            path: path.to_owned(),
            modified,
        });
        for entry in visible_entries(&whole).map_err(unreadable)? {
            let (name, type_) = (entry.file_name(), entry.file_type().map_err(unreadable)?);
            if type_.is_dir() {
                self.read(root, &path.join(name), kind)?;
            } else if kind.includes(Path::new(&name)) {
                let metadata = fs::metadata(entry.path());
                let metadata = metadata.map_err(|e| DataError::unreadable(&entry.path(), e))?;
                if metadata.is_file() {
                    let bytes = metadata.len();
                    self.files.push(ListedFile {
                        folder,
                        name,
                        bytes,
                    });
                }
            }
        }
        Ok(())
    }
}

/// When an entry of a folder was last added, removed or renamed.
pub(crate) fn modified(folder: &Path) -> u128 {
    let time = fs::metadata(folder).and_then(|metadata| metadata.modified());
    let since = time
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_nanos())
}

/// Entries that are not hidden, sorted by the bytes of their names.
fn visible_entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    entries.sort_by_cached_key(DirEntry::file_name);
    Ok(entries)
}

impl Kind {
    pub(crate) fn includes(self, path: &Path) -> bool {
        let extension = path.extension().unwrap_or_default();
        let mut known = self.endings.iter();
        known.any(|known| extension.eq_ignore_ascii_case(known))
    }
}
