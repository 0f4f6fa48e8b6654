//! The archives of a folder, and to which split each belongs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::archive::{self, Member};
use super::cache;
use crate::class_folders::Folders;
use crate::error::DataError;
use crate::listing_cache::{self, LARGE};
use crate::side_by_side;

/// An archive that has been read through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    pub(super) name: String,
    pub(super) stamp: Stamp,
    pub(super) members: Vec<Member>,
}

/// What changes when an archive does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    pub(super) bytes: u64,
    /// In nanoseconds since 1970; 0 if that cannot be told.
    pub(super) modified: u128,
}

/// The archives of each split and the folder they are in.
pub(super) struct Parts {
    pub(super) train: Part,
    pub(super) valid: Option<Part>,
    pub(super) test: Option<Part>,
}

type Part = (PathBuf, Vec<Shard>);

/// Words of names that say to which split an archive belongs: training, validation and test.
const WORDS: [&[&str]; 3] = [
    &["train", "training"],
    &["val", "valid", "validation"],
    &["test", "testing"],
];

impl Parts {
    /// Reads through all archives of `root`.
    pub(super) fn find(root: &Path) -> Result<Self, DataError> {
        let folders = Folders::find(root)?;
        let part = |folder: PathBuf| {
            let shards = shards(&folder)?;
            Ok::<Part, DataError>((folder, shards))
        };
        if folders.train != root {
            return Ok(Self {
                train: part(folders.train)?,
                valid: folders.valid.map(part).transpose()?,
                test: folders.test.map(part).transpose()?,
            });
        }
        Self::by_name(root, shards(root)?)
    }

    /// Archives in one folder, by the words in their names.
    fn by_name(root: &Path, shards: Vec<Shard>) -> Result<Self, DataError> {
        let of = |shard: &Shard| WORDS.iter().position(|words| has_word(&shard.name, words));
        let named = shards.iter().filter(|shard| of(shard).is_some()).count();
        if named == 0 {
            return Ok(Self {
                train: (root.to_owned(), shards),
                valid: None,
                test: None,
            });
        }
        if let Some(other) = shards.iter().find(|shard| of(shard).is_none()) {
            let problem = format!(
                "the name of {named} of {} archives says of which split it is, but not that of `{}`; put the archives of each split into a folder `train`, `val` or `test`",
                shards.len(),
                other.name
            );
            return Err(DataError::layout(root, problem));
        }
        let mut parts = [Vec::new(), Vec::new(), Vec::new()];
        for shard in shards {
            if let Some(part) = of(&shard) {
                parts[part].push(shard);
            }
        }
        let filled = |part: Vec<Shard>| (!part.is_empty()).then(|| (root.to_owned(), part));
        let [train, valid, test] = parts.map(filled);
        let Some(train) = train else {
            let problem = "archives of `val` or `test`, but none of `train`";
            return Err(DataError::layout(root, problem));
        };
        Ok(Self { train, valid, test })
    }
}

/// Whether the name of an archive has one of the words between its punctuation.
fn has_word(name: &str, words: &[&str]) -> bool {
    let stem = stem(name).to_ascii_lowercase();
    let mut parts = stem.split(|c: char| !c.is_ascii_alphanumeric());
    parts.any(|part| words.contains(&part))
}

/// The name of an archive without its ending.
pub(super) fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// The archives of `folder`, in the order of the bytes of their names.
///
/// # Errors
///
/// If there is none, or the first that cannot be read through.
fn shards(folder: &Path) -> Result<Vec<Shard>, DataError> {
    let caches = dirs::cache_dir().map(|caches| caches.join("elapid").join("archives"));
    shards_with(folder, caches.as_deref(), LARGE)
}

/// As [`shards`], noting `large` images and more in a folder of its own.
pub(super) fn shards_with(
    folder: &Path,
    caches: Option<&Path>,
    large: usize,
) -> Result<Vec<Shard>, DataError> {
    let found = names(folder)?;
    let file = caches.and_then(|caches| listing_cache::file(caches, folder, None));
    let kept = file.as_deref().map(cache::read).unwrap_or_default();
    let fresh = side_by_side::map(&found, side_by_side::WAITING, |(name, stamp)| {
        if let Some(same) = kept.get(name).filter(|shard| shard.stamp == *stamp) {
            return Ok::<_, DataError>((same.clone(), false));
        }
        let shard = Shard {
            name: name.clone(),
            stamp: *stamp,
            members: archive::read(&folder.join(name))?,
        };
        Ok((shard, true))
    });
    let fresh: Vec<(Shard, bool)> = fresh.into_iter().collect::<Result<_, DataError>>()?;
    let has_changed = fresh.len() != kept.len() || fresh.iter().any(|(_, is_new)| *is_new);
    let shards: Vec<Shard> = fresh.into_iter().map(|(shard, _)| shard).collect();
    let images: usize = shards.iter().map(|shard| shard.members.len()).sum();
    if let Some(file) = file.filter(|_| has_changed && images >= large) {
        cache::write(&file, &shards);
    }
    Ok(shards)
}

/// Names and stamps of the archives in a folder.
fn names(folder: &Path) -> Result<Vec<(String, Stamp)>, DataError> {
    let unreadable = |error| DataError::unreadable(folder, error);
    let (mut found, mut compressed) = (Vec::new(), None);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let lower = name.to_ascii_lowercase();
        if name.starts_with('.') {
            continue;
        }
        if [".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst"]
            .iter()
            .any(|ending| lower.ends_with(ending))
        {
            compressed = compressed.or(Some(name));
        } else if lower.ends_with(".tar") {
            let stamp = stamp(&entry.path())?;
            found.push((name, stamp));
        }
    }
    found.sort();
    match (found.is_empty(), compressed) {
        (false, _) => Ok(found),
        (true, Some(name)) => {
            let problem = format!(
                "no .tar archive, but `{name}`: a compressed archive cannot be read in any order; decompress it, images hardly shrink"
            );
            Err(DataError::layout(folder, problem))
        }
        (true, None) => {
            let problem = "no .tar archive in this folder";
            Err(DataError::layout(folder, problem))
        }
    }
}

fn stamp(path: &Path) -> Result<Stamp, DataError> {
    let metadata = fs::metadata(path).map_err(|error| DataError::unreadable(path, error))?;
    let modified = metadata.modified().ok();
    let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok(Stamp {
        bytes: metadata.len(),
        modified: since.map_or(0, |since| since.as_nanos()),
    })
}
