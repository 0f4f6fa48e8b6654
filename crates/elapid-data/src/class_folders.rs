//! Sets that are folders of class folders, whatever their samples are: where the splits are, what the classes are, and the
//! share of each class that becomes the test set where there is none.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::card::card;
use crate::error::DataError;
use crate::listing::{Kind, Listing};
use crate::random::{derived_seed, purpose};
use crate::splits::{Shared, Splits, check_fraction, divide};
use crate::subset::Subset;

/// What is held out where the data do not say it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldOut {
    /// Share of the training samples, for validation.
    pub(crate) valid: f64,
    /// Share of each class, for the test.
    pub(crate) test: f64,
    pub(crate) seed: u64,
}

impl HeldOut {
    /// # Errors
    ///
    /// Shares that are not in `[0, 1)`.
    pub(crate) fn new(valid: f64, test: f64, seed: u64) -> Result<Self, DataError> {
        check_fraction("valid_fraction", valid)?;
        check_fraction("test_fraction", test)?;
        Ok(Self { valid, test, seed })
    }
}

/// The classes that a folder's must be among.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    pub(crate) names: &'a [String],
    /// Whose they are, for messages.
    pub(crate) of: &'a str,
}

impl<'a> Known<'a> {
    pub(crate) fn training(names: &'a [String]) -> Self {
        let of = "the training set";
        Self { names, of }
    }
}

/// The splits below `root`, each of which `scan` opens; the card is that of `name`.
///
/// # Errors
///
/// If there is no such folder, or `scan` or [`arranged`] fails.
pub(crate) fn splits<S: 'static>(
    root: &Path,
    name: &str,
    held_out: HeldOut,
    scan: impl Fn(&Path, Option<Known<'_>>) -> Result<Shared<S>, DataError>,
) -> Result<Splits<S>, DataError> {
    if !root.is_dir() {
        return Err(DataError::Missing {
            path: root.to_owned(),
            expected: "a folder with one sub-folder a class".to_owned(),
        });
    }
    let folders = Folders::find(root)?;
    let train = scan(&folders.train, None)?;
    let known = Some(Known::training(train.classes()));
    let other = |folder: &Option<PathBuf>| {
        let folder = folder.as_deref();
        folder.map(|folder| scan(folder, known)).transpose()
    };
    let (valid, test) = (other(&folders.valid)?, other(&folders.test)?);
    arranged(train, valid, test, name, held_out)
}

/// Splits of the parts that exist. With one of the two others it is the test set, as is the custom for ImageNet, and a share
/// of `train` is for validation. With neither, a share of each class is the test set.
///
/// # Errors
///
/// If too few samples are left, or a share of 0 is asked for where a test set is needed.
pub(crate) fn arranged<S: 'static>(
    train: Shared<S>,
    valid: Option<Shared<S>>,
    test: Option<Shared<S>>,
    name: &str,
    held_out: HeldOut,
) -> Result<Splits<S>, DataError> {
    let (card, seed) = (card(name)?, held_out.seed);
    match (valid, test) {
        (Some(valid), Some(test)) => Ok(Splits {
            train,
            valid: Some(valid),
            test,
            card,
        }),
        (Some(only), None) | (None, Some(only)) => {
            Splits::held_out(train, only, card, held_out.valid, seed)
        }
        (None, None) => {
            let (train, test) = stratified(&train, held_out.test, seed)?;
            Splits::held_out(train, test, card, held_out.valid, seed)
        }
    }
}

/// The folders of the splits that exist.
pub(crate) struct Folders {
    pub(crate) train: PathBuf,
    pub(crate) valid: Option<PathBuf>,
    pub(crate) test: Option<PathBuf>,
}

impl Folders {
    pub(crate) fn find(root: &Path) -> Result<Self, DataError> {
        let existing = |name: &str| Some(root.join(name)).filter(|folder| folder.is_dir());
        let valid = existing("val").or_else(|| existing("valid"));
        let test = existing("test");
        match existing("train") {
            Some(train) => Ok(Self { train, valid, test }),
            None if valid.is_some() || test.is_some() => {
                let expected = "a `train` folder beside `val` and `test`".to_owned();
                Err(DataError::Missing {
                    path: root.join("train"),
                    expected,
                })
            }
            None => Ok(Self {
                train: root.to_owned(),
                valid: None,
                test: None,
            }),
        }
    }
}

/// Names of all classes, and the label of each class of a listing.
pub(crate) struct Labels {
    pub(crate) classes: Vec<String>,
    pub(crate) labels: Vec<usize>,
}

impl Labels {
    /// Labels of the class folders of `folder`: their positions among `known`, or else among themselves.
    ///
    /// # Errors
    ///
    /// If there are fewer than two classes, one without files, or one that is not known.
    pub(crate) fn of(
        folder: &Path,
        listing: &Listing,
        kind: Kind,
        known: Option<Known<'_>>,
    ) -> Result<Self, DataError> {
        let own = || listing.classes.iter().map(|class| class.name.clone());
        let classes = match known {
            Some(known) => known.names.to_vec(),
            None => own().collect(),
        };
        match classes.as_slice() {
            [] => {
                let samples = kind.noun;
                let problem = format!(
                    "no class folders; put the {samples} of each class in a folder of its name"
                );
                return Err(DataError::layout(folder, problem));
            }
            [only] => {
                let problem = format!("only one class folder, `{only}`, expected at least 2");
                return Err(DataError::layout(folder, problem));
            }
            _ if listing.files.is_empty() && listing.classes.is_empty() => {
                let problem = "no class folders, expected those of `train`";
                return Err(DataError::layout(folder, problem));
            }
            _ => {}
        }
        let (mut labels, mut start) = (Vec::with_capacity(listing.classes.len()), 0);
        for class in &listing.classes {
            let name = &class.name;
            let Some(label) = classes.iter().position(|known| known == name) else {
                let (count, of) = (classes.len(), known.map_or("", |known| known.of));
                let problem = format!("class `{name}` is not among the {count} of {of}");
                return Err(DataError::layout(folder, problem));
            };
            if class.end == start {
                let problem = format!(
                    "no {} file in this class; add some, or remove it",
                    kind.said
                );
                return Err(DataError::layout(&folder.join(name), problem));
            }
            labels.push(label);
            start = class.end;
        }
        Ok(Self { classes, labels })
    }
}

/// Training and test samples.
type Divided<S> = (Shared<S>, Shared<S>);

/// Divides every class by itself, so that each has the same share in the test set.
fn stratified<S: 'static>(
    whole: &Shared<S>,
    test_fraction: f64,
    seed: u64,
) -> Result<Divided<S>, DataError> {
    if test_fraction == 0.0 {
        return Err(DataError::Setting {
            setting: "test_fraction",
            value: "0".into(),
            expected: "above 0, because the folder has no test split".to_owned(),
        });
    }
    let mut members = vec![Vec::new(); whole.classes().len()];
    for index in 0..whole.len() {
        // Sets of class folders have one label a sample.
        members[whole.label(index).unwrap_or(0)].push(index);
    }
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (label, members) in members.into_iter().enumerate() {
        let seed = derived_seed(seed, &[purpose::TEST_SPLIT, label as u64]);
        let what = || format!("class `{}`", whole.classes()[label]);
        let (kept, held) = divide(members.len(), test_fraction, seed, what)?;
        train.extend(kept.into_iter().map(|at| members[at]));
        test.extend(held.into_iter().map(|at| members[at]));
    }
    let part = |indices| -> Shared<S> { Arc::new(Subset::new(Arc::clone(whole), indices)) };
    Ok((part(train), part(test)))
}
