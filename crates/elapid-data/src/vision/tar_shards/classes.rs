//! From what samples say of their classes to labels.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::archive::{Label, Member};
use super::shards::{Shard, stem};
use crate::class_folders::Known;
use crate::error::DataError;

/// What all samples of a split have for a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Number,
    Name,
    /// None; the class is the archive's name.
    Archive,
}

impl Form {
    fn of(member: &Member) -> Self {
        match member.label {
            None => Self::Archive,
            Some(Label::Number(_)) => Self::Number,
            Some(Label::Name(_)) => Self::Name,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Number => "the number of its class",
            Self::Name => "the name of its class",
            Self::Archive => "no label",
        }
    }
}

/// The classes of a split.
pub(super) struct Classes {
    pub(super) names: Vec<String>,
    positions: HashMap<String, usize>,
    /// Whose they are, for messages.
    of: String,
}

impl Classes {
    /// Finds out what the classes of the archives of `folder` are if none are known.
    ///
    /// # Errors
    ///
    /// If samples differ in what they have for a label, there are no samples, or fewer than two classes.
    pub(super) fn find(
        folder: &Path,
        shards: &[Shard],
        known: Option<Known<'_>>,
    ) -> Result<Self, DataError> {
        let form = form(folder, shards)?;
        let names = match (known, form) {
            (Some(known), _) => known.names.to_vec(),
            (None, Form::Number) => numbers(folder, shards)?,
            (None, Form::Name) => {
                let names = members(shards).filter_map(|(_, member)| match &member.label {
                    Some(Label::Name(name)) => Some(&**name),
                    _ => None,
                });
                distinct(names)
            }
            (None, Form::Archive) => distinct(shards.iter().map(|shard| stem(&shard.name))),
        };
        if let [only] = names.as_slice() {
            let problem = match form {
                Form::Archive => format!(
                    "no sample has a label, a .cls or .json file with its name, so each archive is a class; but there is only `{only}.tar`"
                ),
                _ => format!("all samples are of one class, `{only}`, expected at least 2"),
            };
            return Err(DataError::layout(folder, problem));
        }
        Ok(Self {
            positions: names.iter().cloned().zip(0..).collect(),
            names,
            of: known
                .map_or("the training set", |known| known.of)
                .to_owned(),
        })
    }

    /// The label of an image of one of the archives of `folder`.
    ///
    /// # Errors
    ///
    /// If its class is not known.
    pub(super) fn label(
        &self,
        folder: &Path,
        shard: &Shard,
        member: &Member,
    ) -> Result<usize, DataError> {
        let path = folder.join(&shard.name);
        let name = match &member.label {
            Some(Label::Number(number)) => {
                let label = usize::try_from(*number).unwrap_or(usize::MAX);
                let classes = self.names.len();
                return match label < classes {
                    true => Ok(label),
                    false => Err(DataError::Label {
                        sample: format!("`{}` in `{}`", member.name, path.display()),
                        label,
                        classes,
                    }),
                };
            }
            Some(Label::Name(name)) => name,
            None => stem(&shard.name),
        };
        self.positions.get(name).copied().ok_or_else(|| {
            let (count, of) = (self.names.len(), &self.of);
            let problem = match member.label {
                None => format!("class `{name}` is not among the {count} of {of}"),
                Some(_) => format!(
                    "`{}` is of class `{name}`, which is not among the {count} of {of}",
                    member.name
                ),
            };
            DataError::layout(&path, problem)
        })
    }
}

fn members(shards: &[Shard]) -> impl Iterator<Item = (&Shard, &Member)> {
    let shards = shards.iter();
    shards.flat_map(|shard| shard.members.iter().map(move |member| (shard, member)))
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let names: BTreeSet<&str> = names.collect();
    names.into_iter().map(str::to_owned).collect()
}

/// What the samples have for a label.
fn form(folder: &Path, shards: &[Shard]) -> Result<Form, DataError> {
    let mut all = members(shards);
    let Some((first_shard, first)) = all.next() else {
        let problem = "no image in the archives of this folder";
        return Err(DataError::layout(folder, problem));
    };
    let form = Form::of(first);
    if let Some((shard, other)) = all.find(|(_, member)| Form::of(member) != form) {
        let problem = format!(
            "`{}` in `{}` has {}, but `{}` in `{}` has {}; write all labels in one way",
            first.name,
            first_shard.name,
            form.words(),
            other.name,
            shard.name,
            Form::of(other).words()
        );
        return Err(DataError::layout(folder, problem));
    }
    let is_empty = |shard: &&Shard| form == Form::Archive && shard.members.is_empty();
    match shards.iter().find(is_empty) {
        Some(empty) => {
            let problem = "no image in this archive, which stands for a class; remove it";
            Err(DataError::layout(&folder.join(&empty.name), problem))
        }
        None => Ok(form),
    }
}

/// Numbers up to the largest, as names.
fn numbers(folder: &Path, shards: &[Shard]) -> Result<Vec<String>, DataError> {
    let number = |member: &Member| match member.label {
        Some(Label::Number(number)) => number,
        _ => 0,
    };
    let largest = members(shards).max_by_key(|(_, member)| number(member));
    let Some((shard, member)) = largest else {
        return Ok(Vec::new());
    };
    let (samples, largest) = (members(shards).count() as u64, number(member));
    if largest >= samples {
        let problem = format!(
            "`{}` has class number {largest}, but there are {samples} samples; numbers count from 0, and a `classes.txt` beside the archives would name all classes",
            member.name
        );
        return Err(DataError::layout(&folder.join(&shard.name), problem));
    }
    Ok((0..=largest).map(|number| number.to_string()).collect())
}
