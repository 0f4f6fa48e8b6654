//! Listings of large folders, kept in the user's cache directory: to ask for the sizes of a million files takes minutes on a
//! network file system.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::listing::{ClassFolder, Folder, IMAGES, Kind, ListedFile, Listing, modified};

/// First line of the file; another number for another form.
const HEADER: &str = "elapid listing 2";

/// Folders with fewer files are read anew each time.
pub(crate) const LARGE: usize = 20_000;

/// Files whose sizes are compared before a listing is believed, spread over all: a file that is overwritten in place does not
/// show in its folder.
const PROBES: usize = 1024;

/// A folder that changed within this time before it was listed may have changed again without a newer time stamp.
const SETTLED: Duration = Duration::from_secs(2);

/// The files of one kind below `root`: what was found the last time, if no folder changed since, or else what is there.
pub(crate) fn list(root: &Path, kind: Kind) -> Result<Listing, DataError> {
    match dirs::cache_dir() {
        Some(caches) => list_with(root, kind, &caches.join("elapid").join("listings"), LARGE),
        None => Listing::read(root, kind),
    }
}

fn list_with(root: &Path, kind: Kind, caches: &Path, large: usize) -> Result<Listing, DataError> {
    let of = (kind != IMAGES).then(|| kind.endings.join(" "));
    let file = file(caches, root, of.as_deref());
    let kept = file.as_deref().and_then(read);
    if let Some(listing) = kept.filter(|listing| is_current(root, listing)) {
        tracing::debug!(folder = %root.display(), "listing from the cache");
        return Ok(listing);
    }
    let started = SystemTime::now();
    let listing = Listing::read(root, kind)?;
    if let Some(file) = file.filter(|_| listing.files.len() >= large) {
        // Without the file the next run lists anew, which harms nothing.
        let _ = write(&file, &listing, started);
    }
    Ok(listing)
}

/// Whether no folder has changed and a sample of the files has the sizes that were noted.
fn is_current(root: &Path, listing: &Listing) -> bool {
    let mut folders = listing.folders.iter();
    let step = listing.files.len().div_ceil(PROBES).max(1);
    let has_size = |index: usize| {
        let metadata = fs::metadata(root.join(listing.path(index)));
        metadata.is_ok_and(|metadata| metadata.len() == listing.files[index].bytes)
    };
    folders.all(|folder| modified(&root.join(&folder.path)) == folder.modified)
        && (0..listing.files.len()).step_by(step).all(has_size)
}

/// Writes a listing, unless a folder is too new or a name cannot be written as a line.
fn write(file: &Path, listing: &Listing, started: SystemTime) -> std::io::Result<()> {
    let settled = settled_before(started);
    let is_old = |folder: &Folder| 0 < folder.modified && folder.modified < settled;
    if !listing.folders.iter().all(is_old) {
        return Ok(());
    }
    let Some(text) = to_text(listing) else {
        return Ok(());
    };
    keep(file, &text)
}

/// What was last modified before this has a time stamp that another change would move; in nanoseconds since 1970.
pub(crate) fn settled_before(started: SystemTime) -> u128 {
    let settled = started
        .checked_sub(SETTLED)
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    settled.map_or(0, |since| since.as_nanos())
}

/// The file in the folder `caches` for what was found below `root`, told apart from others of the same folder by `of`.
pub(crate) fn file(caches: &Path, root: &Path, of: Option<&str>) -> Option<PathBuf> {
    let path = fs::canonicalize(root).ok()?;
    let name = Fingerprint::new().bytes(path.as_os_str().as_encoded_bytes());
    let name = of
        .into_iter()
        .fold(name, |name, of| name.bytes(of.as_bytes()));
    Some(caches.join(format!("{}.txt", name.finish())))
}

/// Writes a file of the cache, and its folder.
pub(crate) fn keep(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Renamed when complete, so that two processes never read each other's halves.
    let draft = file.with_extension(format!("{}.draft", std::process::id()));
    fs::write(&draft, text)?;
    fs::rename(&draft, file)
}

/// A name that can stand in a line.
fn line(name: &Path) -> Option<&str> {
    name.to_str().filter(|name| !name.contains(['\n', '\r']))
}

fn to_text(listing: &Listing) -> Option<String> {
    let Listing {
        classes,
        folders,
        files,
    } = listing;
    let mut text = format!(
        "{HEADER}\n{} {} {}\n",
        classes.len(),
        folders.len(),
        files.len()
    );
    for ClassFolder { name, end } in classes {
        writeln!(text, "{end} {}", line(Path::new(name))?).ok()?;
    }
    for Folder { path, modified } in folders {
        writeln!(text, "{modified} {}", line(path)?).ok()?;
    }
    for ListedFile {
        folder,
        name,
        bytes,
    } in files
    {
        writeln!(text, "{folder} {bytes} {}", line(Path::new(name))?).ok()?;
    }
    Some(text)
}

/// A listing from its file; `None` if there is none, or it is of another form, or cut off.
fn read(file: &Path) -> Option<Listing> {
    let text = fs::read_to_string(file).ok()?;
    let mut lines = text.lines();
    (lines.next()? == HEADER).then_some(())?;
    let mut counts = lines.next()?.split(' ').map(str::parse::<usize>);
    let mut count = || counts.next()?.ok();
    let (classes, folders, files) = (count()?, count()?, count()?);
    let class = |line: &str| {
        let (end, name) = line.split_once(' ')?;
        let (name, end) = (name.to_owned(), end.parse().ok()?);
        Some(ClassFolder { name, end })
    };
    let folder = |line: &str| {
        let (modified, path) = line.split_once(' ')?;
        let (path, modified) = (PathBuf::from(path), modified.parse().ok()?);
        Some(Folder { path, modified })
    };
    let image = |line: &str| {
        let (folder, line) = line.split_once(' ')?;
        let (bytes, name) = line.split_once(' ')?;
        let (folder, bytes) = (folder.parse().ok()?, bytes.parse().ok()?);
        let name = name.into();
        ((folder as usize) < folders).then_some(ListedFile {
            folder,
            name,
            bytes,
        })
    };
    let listing = Listing {
        classes: lines
            .by_ref()
            .take(classes)
            .map(class)
            .collect::<Option<_>>()?,
        folders: lines
            .by_ref()
            .take(folders)
            .map(folder)
            .collect::<Option<_>>()?,
        files: lines.take(files).map(image).collect::<Option<_>>()?,
    };
    let counts = (
        listing.classes.len(),
        listing.folders.len(),
        listing.files.len(),
    );
    (counts == (classes, folders, files)).then_some(listing)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use tempfile::TempDir;

    use super::*;

    /// Two classes of three files, listed long after they were made.
    fn folder() -> TempDir {
        let root = TempDir::new().unwrap();
        for class in ["a", "b"] {
            fs::create_dir_all(root.path().join(class).join("deep")).unwrap();
            for name in ["1.png", "deep/2 x.png", "3.jpg"] {
                fs::write(root.path().join(class).join(name), name).unwrap();
            }
        }
        for folder in ["", "a", "a/deep", "b", "b/deep"] {
            age(&root.path().join(folder));
        }
        root
    }

    fn age(folder: &Path) {
        let past = SystemTime::now() - Duration::from_secs(3600);
        File::open(folder).unwrap().set_modified(past).unwrap();
    }

    fn cached(caches: &Path) -> Option<PathBuf> {
        let mut files = fs::read_dir(caches).ok()?;
        files.next().map(|entry| entry.unwrap().path())
    }

    #[test]
    fn a_listing_comes_back_as_it_was() {
        let (root, caches) = (folder(), TempDir::new().unwrap());
        let first = list_with(root.path(), IMAGES, caches.path(), 6).unwrap();
        let paths: Vec<_> = (0..6).map(|index| first.path(index)).collect();
        let expected = [
            "a/1.png",
            "a/3.jpg",
            "a/deep/2 x.png",
            "b/1.png",
            "b/3.jpg",
            "b/deep/2 x.png",
        ];
        assert_eq!(paths, expected.map(PathBuf::from));
        assert_eq!([0, 2, 3, 5].map(|index| first.class(index)), [0, 0, 1, 1]);
        let file = cached(caches.path()).unwrap();
        assert_eq!(read(&file), Some(first.clone()));
        assert_eq!(
            list_with(root.path(), IMAGES, caches.path(), 6).unwrap(),
            first
        );
    }

    #[test]
    fn small_folders_and_new_ones_are_not_kept() {
        let (root, caches) = (folder(), TempDir::new().unwrap());
        list_with(root.path(), IMAGES, caches.path(), 7).unwrap();
        assert_eq!(cached(caches.path()), None);
        fs::write(root.path().join("b/4.png"), "new").unwrap();
        list_with(root.path(), IMAGES, caches.path(), 7).unwrap();
        assert_eq!(cached(caches.path()), None);
    }

    #[test]
    fn what_changes_is_noticed() {
        let (root, caches) = (folder(), TempDir::new().unwrap());
        let list = || list_with(root.path(), IMAGES, caches.path(), 1).unwrap();
        let first = list();
        // Overwritten in place: the folder does not show it.
        fs::write(root.path().join("a/1.png"), "another length").unwrap();
        assert_eq!(list().files[0].bytes, 14);
        fs::write(root.path().join("a/1.png"), "1.png").unwrap();
        assert_eq!(list(), first);
        fs::write(root.path().join("b/deep/5.jpeg"), "").unwrap();
        assert_eq!(list().files.len(), 7);
        fs::remove_file(root.path().join("b/deep/5.jpeg")).unwrap();
        assert_eq!(list().files, first.files);
        fs::create_dir(root.path().join("c")).unwrap();
        assert_eq!(list().classes.len(), 3);
        fs::remove_dir(root.path().join("c")).unwrap();
        fs::rename(root.path().join("a/3.jpg"), root.path().join("a/9.jpg")).unwrap();
        assert_eq!(list().files[1].name, "9.jpg");
    }

    #[test]
    fn a_damaged_file_is_not_believed() {
        let (root, caches) = (folder(), TempDir::new().unwrap());
        let first = list_with(root.path(), IMAGES, caches.path(), 1).unwrap();
        let file = cached(caches.path()).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let cut = text.len() - 12;
        for damaged in [
            "",
            "elapid listing 0\n",
            &text[..cut],
            &text.replacen("5 ", "x ", 1),
        ] {
            fs::write(&file, damaged).unwrap();
            assert_eq!(read(&file), None);
            assert_eq!(
                list_with(root.path(), IMAGES, caches.path(), 1).unwrap(),
                first
            );
        }
    }
}
