//! Looking through a data set without a model.

use elapid_config::{Plan, Samples, Source};
use elapid_data::audio::AudioSample;
use elapid_data::{Card, DataError, Shared, Split, Splits, card, read_all};

use super::official::{Official, official};
use super::{Data, graphs, images, masks, series, sounds};

/// How closely a data set is looked at.
#[derive(Clone, Copy)]
pub enum Look<'a> {
    /// Its files are listed.
    Listing,
    /// Every sample is read once, on all cores; after each, the function is called.
    Samples(&'a (dyn Fn() + Sync)),
}

/// What a data set has.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Its card.
    pub card: Card,
    /// What samples are called when they are counted.
    pub unit: &'static str,
    /// The parts that exist.
    pub parts: Vec<Inspected>,
    /// Whether the counts are the published ones, in a sentence, where those are known.
    pub counts: Option<Counts>,
}

/// What a part has.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// Which one it is.
    pub split: Split,
    /// Number of samples.
    pub samples: usize,
    /// Samples of each class, where each has one that is known without reading it.
    pub classes: Vec<(String, usize)>,
    /// Changes when the samples do.
    pub fingerprint: String,
    /// What is wrong with each sample that cannot be read, in the order of the set.
    pub unreadable: Vec<String>,
}

/// The counts of a set against the published ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counts {
    /// They are the same.
    Agree(String),
    /// They are others.
    Differ(String),
}

/// Opens the data set of a plan and looks through it. Series and graphs are opened for the plan's model and task.
///
/// # Errors
///
/// A data set that is missing or not laid out as it must be. Samples that cannot be read are no errors: they are listed.
pub fn inspect(plan: &Plan, look: Look<'_>) -> Result<Inspection, DataError> {
    let data = &plan.data;
    let mut inspection = match &data.samples {
        Samples::Images(_) => through(images::splits(data)?, "images", look, |_| Ok(())),
        Samples::Masks(_) => through(masks::splits(data)?, "images", look, |_| Ok(())),
        Samples::Sounds(_) => {
            let read = |sound: AudioSample| sound.read().map(drop);
            through(sounds::splits(data)?, "sounds", look, read)
        }
        Samples::Graphs(spec) => {
            let asks = graphs::asks(plan, spec);
            through(graphs::splits(data, asks)?, "graphs", look, |_| Ok(()))
        }
        Samples::Series(options) => of_opened(&*series::open(plan, options)?)?,
    };
    if data.common.train_fraction == 1.0 {
        inspection.counts = match &data.source {
            Source::Ett(ett) => super::official::rows(ett.path.as_ref())?,
            _ => compared(&inspection),
        };
    }
    Ok(inspection)
}

/// Looks through the parts of a set.
fn through<S: 'static>(
    splits: Splits<S>,
    unit: &'static str,
    look: Look<'_>,
    read: impl Fn(S) -> Result<(), DataError> + Sync,
) -> Inspection {
    let part = |split| {
        let samples: &Shared<S> = splits.get(split)?;
        let unreadable = match look {
            Look::Listing => Vec::new(),
            Look::Samples(done) => read_all(samples.as_ref(), &read, done),
        };
        Some(Inspected {
            split,
            samples: samples.len(),
            classes: classes(samples),
            fingerprint: samples.fingerprint(),
            unreadable: unreadable
                .into_iter()
                .map(|bad| bad.error.to_string())
                .collect(),
        })
    };
    Inspection {
        parts: Split::ALL.into_iter().filter_map(part).collect(),
        card: splits.card,
        unit,
        counts: None,
    }
}

/// Samples of each class.
fn classes<S: 'static>(samples: &Shared<S>) -> Vec<(String, usize)> {
    let mut counts = vec![0; samples.classes().len()];
    for index in 0..samples.len() {
        let label = samples.label(index);
        let Some(count) = label.and_then(|label| counts.get_mut(label)) else {
            return Vec::new();
        };
        *count += 1;
    }
    samples.classes().iter().cloned().zip(counts).collect()
}

/// What is in memory when it is open has been read.
fn of_opened(data: &dyn Data) -> Result<Inspection, DataError> {
    let part = |split| {
        let part = data.part(split)?;
        Some(Inspected {
            split,
            samples: part.samples,
            classes: Vec::new(),
            fingerprint: part.fingerprint,
            unreadable: Vec::new(),
        })
    };
    Ok(Inspection {
        card: card(data.name())?,
        unit: data.unit(),
        parts: Split::ALL.into_iter().filter_map(part).collect(),
        counts: None,
    })
}

/// Compares with the published counts.
fn compared(inspection: &Inspection) -> Option<Counts> {
    let parts = &inspection.parts;
    let in_part = |split| {
        let of = |part: &&Inspected| part.split == split;
        parts.iter().find(of).map_or(0, |part| part.samples)
    };
    let classes = &parts.first()?.classes;
    let names: Vec<&str> = classes.iter().map(|(name, _)| name.as_str()).collect();
    let Official {
        of,
        train,
        valid,
        test,
    } = official(&inspection.card, &names)?;
    let mut found = [
        in_part(Split::Train),
        in_part(Split::Valid),
        in_part(Split::Test),
    ];
    let mut published = [Some(train), valid, test];
    if valid.is_none() {
        // What is held out was taken from the training part, or the test part from all.
        found[0] += std::mem::take(&mut found[1]);
    }
    if test.is_none() {
        found[0] += std::mem::take(&mut found[2]);
    }
    published[1].get_or_insert(0);
    published[2].get_or_insert(0);
    let pairs = Split::ALL
        .iter()
        .zip(found)
        .zip(published.into_iter().flatten());
    let other: Vec<String> = pairs
        .filter(|((_, found), published)| found != published)
        .map(|((split, found), published)| {
            let all = if test.is_none() {
                "in all"
            } else {
                split.name()
            };
            format!("{found} {all} instead of {published}")
        })
        .collect();
    Some(match other.is_empty() {
        true => Counts::Agree(format!("the counts are those of {of}")),
        false => Counts::Differ(format!(
            "the counts are not those of {of}: {}",
            other.join(", ")
        )),
    })
}
