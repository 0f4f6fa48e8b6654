//! What one archive holds, and where.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;
use tar::{Archive, Entry, EntryType};

use crate::error::DataError;
use crate::listing::IMAGES;

/// Archives are made of blocks of this size.
const BLOCK: u64 = 512;

/// Labels are no larger than this.
const LARGEST_LABEL: u64 = 1 << 20;

/// An image in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: Box<str>,
    /// Where its bytes begin in the archive.
    pub(super) offset: u64,
    pub(super) bytes: u64,
    /// `None` where the archive has no labels.
    pub(super) label: Option<Label>,
}

/// What a sample says of its class.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Label {
    /// The number of the class.
    Number(u64),
    /// Its name.
    Name(Box<str>),
}

/// The images of an archive in the order that they are stored in.
///
/// # Errors
///
/// If the file is no archive or cut off, or samples, labels and keys do not fit together.
pub(super) fn read(path: &Path) -> Result<Vec<Member>, DataError> {
    let unreadable = |error| DataError::unreadable(path, error);
    let mut file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let mut contents = Contents::default();
    let mut end = 0;
    {
        let mut archive = Archive::new(&file);
        for entry in archive.entries_with_seek().map_err(unreadable)? {
            let mut entry = entry.map_err(|error| damaged(path, end, error))?;
            let last = entry.raw_file_position().saturating_add(entry.size());
            if last > length {
                let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                let problem = format!(
                    "the archive is cut off: `{name}` goes up to byte {last}, the file has {length}; download it again"
                );
                return Err(DataError::layout(path, problem));
            }
            end = last.next_multiple_of(BLOCK);
            contents.add(path, &mut entry)?;
        }
    }
    check_end(path, &mut file, end)?;
    contents.into_members(path)
}

fn damaged(path: &Path, at: u64, error: std::io::Error) -> DataError {
    let problem = format!("no tar archive, or damaged after byte {at}: {error}");
    DataError::layout(path, problem)
}

/// Behind the last member is a block of zeros; where it is missing, so may be members.
fn check_end(path: &Path, file: &mut File, end: u64) -> Result<(), DataError> {
    let mut block = [0; BLOCK as usize];
    let read = file
        .seek(SeekFrom::Start(end))
        .and_then(|_| file.read_exact(&mut block));
    match read {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            let problem = "the archive is cut off: the block of zeros at its end is missing; download or write it again";
            Err(DataError::layout(path, problem))
        }
        Err(error) => Err(DataError::unreadable(path, error)),
    }
}

/// What has been found so far.
#[derive(Default)]
struct Contents {
    images: Vec<Member>,
    names: HashSet<String>,
    /// By key: the file that holds the label, and the label.
    labels: HashMap<String, (String, Label)>,
}

impl Contents {
    fn add<R: Read>(&mut self, path: &Path, entry: &mut Entry<'_, R>) -> Result<(), DataError> {
        let name = match entry.path() {
            Ok(name) => name.to_string_lossy().replace('\\', "/"),
            Err(error) => return Err(DataError::layout(path, format!("a name: {error}"))),
        };
        let name = name.trim_start_matches("./").to_owned();
        let (_, base) = name.rsplit_once('/').unwrap_or(("", &name));
        let is_file = match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => true,
            EntryType::GNUSparse => {
                let problem = format!("`{name}` is stored with holes; write the archive without");
                return Err(DataError::layout(path, problem));
            }
            _ => false,
        };
        if !is_file || base.starts_with('.') {
            return Ok(());
        }
        let (_, ending) = base.split_once('.').unwrap_or((base, ""));
        let is_image = IMAGES.includes(Path::new(base));
        let is_label = matches!(ending, "cls" | "json");
        if !is_image && !is_label {
            return Ok(());
        }
        if !self.names.insert(name.clone()) {
            let problem = format!("`{name}` is in the archive twice");
            return Err(DataError::layout(path, problem));
        }
        if is_image {
            self.images.push(Member {
                name: name.into(),
                offset: entry.raw_file_position(),
                bytes: entry.size(),
                label: None,
            });
            return Ok(());
        }
        let Some(label) = label(path, &name, ending, entry)? else {
            return Ok(());
        };
        let known = self.labels.get(key(&name));
        // The number beside a description is the label.
        if ending == "cls" || known.is_none() {
            self.labels.insert(key(&name).to_owned(), (name, label));
        }
        Ok(())
    }

    /// The images with their labels.
    fn into_members(mut self, path: &Path) -> Result<Vec<Member>, DataError> {
        if self.labels.is_empty() {
            return Ok(self.images);
        }
        let mut keys: HashMap<String, Box<str>> = HashMap::new();
        for image in &mut self.images {
            let name = image.name.clone();
            if let Some(before) = keys.insert(key(&name).to_owned(), name.clone()) {
                let problem = format!(
                    "`{before}` and `{name}` have the same key `{}`; a key ends at the first dot and is that of one image",
                    key(&name)
                );
                return Err(DataError::layout(path, problem));
            }
            let Some((_, label)) = self.labels.remove(key(&name)) else {
                let key = key(&name);
                let problem = format!(
                    "`{name}` has no label; expected `{key}.cls` with the number of its class, or `{key}.json` with a `label`"
                );
                return Err(DataError::layout(path, problem));
            };
            image.label = Some(label);
        }
        // The first in byte order: the order of a map is not that of the archive.
        match self.labels.into_values().map(|(name, _)| name).min() {
            Some(name) => {
                let problem = format!(
                    "`{name}` belongs to no image; expected `{}` with one of the endings {}",
                    key(&name),
                    IMAGES.said
                );
                Err(DataError::layout(path, problem))
            }
            None => Ok(self.images),
        }
    }
}

/// The path up to the first dot of the file's name.
fn key(name: &str) -> &str {
    let base = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name[base..].find('.');
    dot.map_or(name, |dot| &name[..base + dot])
}

/// The label in a file; none where a description does not mention one.
fn label<R: Read>(
    path: &Path,
    name: &str,
    ending: &str,
    entry: &mut Entry<'_, R>,
) -> Result<Option<Label>, DataError> {
    let wrong = |problem: String| Err(DataError::layout(path, format!("`{name}` {problem}")));
    if entry.size() > LARGEST_LABEL {
        let bytes = entry.size();
        return wrong(format!("has {bytes} bytes, expected a label; remove it"));
    }
    let mut bytes = Vec::new();
    entry
        .read_to_end(&mut bytes)
        .map_err(|error| DataError::unreadable(path, error))?;
    let text = String::from_utf8_lossy(&bytes);
    if ending == "cls" {
        return match text.trim().parse() {
            Ok(number) => Ok(Some(Label::Number(number))),
            Err(_) => {
                let start: String = text.trim().chars().take(40).collect();
                wrong(format!(
                    "is `{start}`, expected the number of a class; names of classes go into `{}.json` as `label`",
                    key(name)
                ))
            }
        };
    }
    #[derive(Deserialize)]
    struct Description {
        label: Option<serde_json::Value>,
    }
    let description: Description = match serde_json::from_str(&text) {
        Ok(description) => description,
        Err(error) => return wrong(format!("is no JSON object: {error}")),
    };
    let Some(label) = description.label else {
        return Ok(None);
    };
    match serde_json::from_value(label.clone()) {
        Ok(label) => Ok(Some(label)),
        Err(_) => wrong(format!(
            "has the label {label}, expected the number or the name of a class"
        )),
    }
}
