//! A folder of sounds with one sub-folder a class.

use std::path::Path;
use std::sync::Arc;

use crate::SampleSet;
use crate::audio::dataset::{AudioSample, AudioSplits};
use crate::audio::files::{AudioFiles, Entry};
use crate::card::card;
use crate::error::DataError;
use crate::listing::{Listing, SOUNDS};
use crate::listing_cache;
use crate::random::{derived_seed, purpose};
use crate::splits::{Shared, check_fraction, divide};
use crate::subset::Subset;
use crate::vision::image_folder::Folders;

/// The sounds below `root`, decoded when asked for.
///
/// The layouts are those of [`image_folder`](crate::image_folder::splits), with `.wav`, `.flac`, `.mp3` and `.ogg` files:
/// `train` beside `val` and `test`, or the classes alone, of which `test_fraction` becomes the test set.
///
/// # Errors
///
/// If there is no such folder, fewer than two classes, a class without sounds or (where it must be divided) with one, a
/// class that `train` lacks, or a fraction outside `[0, 1)`. A sound that cannot be decoded is an error of `read`.
pub fn splits(
    root: &Path,
    valid_fraction: f64,
    test_fraction: f64,
    seed: u64,
) -> Result<AudioSplits, DataError> {
    check_fraction("valid_fraction", valid_fraction)?;
    check_fraction("test_fraction", test_fraction)?;
    if !root.is_dir() {
        return Err(DataError::Missing {
            path: root.to_owned(),
            expected: "a folder with one sub-folder a class".to_owned(),
        });
    }
    let folders = Folders::find(root)?;
    let train = Arc::new(scan(root, &folders.train, None)?);
    let other = |folder: &Path| -> Result<Shared<AudioSample>, DataError> {
        Ok(Arc::new(scan(root, folder, Some(train.classes()))?))
    };
    let card = card("audio_folder")?;
    match (&folders.valid, &folders.test) {
        (Some(valid), Some(test)) => Ok(AudioSplits {
            valid: Some(other(valid)?),
            test: other(test)?,
            train,
            card,
        }),
        (Some(only), None) | (None, Some(only)) => {
            let test = other(only)?;
            AudioSplits::held_out(train, test, card, valid_fraction, seed)
        }
        (None, None) => {
            let (train, test) = stratified(train, test_fraction, seed)?;
            AudioSplits::held_out(train, test, card, valid_fraction, seed)
        }
    }
}

/// Lists `folder`, whose class folders must be among `classes` if there are some.
fn scan(root: &Path, folder: &Path, classes: Option<&[String]>) -> Result<AudioFiles, DataError> {
    let listing = listing_cache::list(folder, SOUNDS)?;
    let names: Vec<String> = listing.classes.iter().map(|c| c.name.clone()).collect();
    let classes = classes.unwrap_or(&names);
    check_classes(folder, &listing, classes)?;
    let relative = folder.strip_prefix(root).unwrap_or(folder);
    let entry = |index| {
        let class = &names[listing.class(index)];
        // Found, or `check_classes` would have failed.
        let label = classes.iter().position(|known| known == class);
        Entry::new(relative.join(listing.path(index)), label.unwrap_or(0))
    };
    let entries = (0..listing.files.len()).map(entry).collect();
    let bytes = listing.files.iter().map(|file| file.bytes).collect();
    Ok(AudioFiles::listed(root, classes.to_vec(), entries, bytes))
}

fn check_classes(folder: &Path, listing: &Listing, classes: &[String]) -> Result<(), DataError> {
    match classes {
        [] => {
            let problem = "no class folders; put the sounds of each class in a folder of its name";
            return Err(DataError::layout(folder, problem));
        }
        [only] => {
            let problem = format!("only one class folder, `{only}`, expected at least 2");
            return Err(DataError::layout(folder, problem));
        }
        _ => {}
    }
    let mut start = 0;
    for class in &listing.classes {
        if !classes.contains(&class.name) {
            let known = classes.len();
            let problem = format!(
                "class `{}` is not among the {known} of the training set",
                class.name
            );
            return Err(DataError::layout(folder, problem));
        }
        if class.end == start {
            let problem = "no .wav, .flac, .mp3 or .ogg file in this class; add some, or remove it";
            return Err(DataError::layout(&folder.join(&class.name), problem));
        }
        start = class.end;
    }
    Ok(())
}

/// Training and test sounds.
type Divided = (Shared<AudioSample>, Shared<AudioSample>);

/// Divides every class by itself, so that each has the same share in the test set.
fn stratified(whole: Arc<AudioFiles>, test_fraction: f64, seed: u64) -> Result<Divided, DataError> {
    if test_fraction == 0.0 {
        return Err(DataError::Setting {
            setting: "test_fraction",
            value: "0".into(),
            expected: "above 0, because the folder has no test split".to_owned(),
        });
    }
    let mut members = vec![Vec::new(); whole.classes().len()];
    for (index, label) in whole.first_labels().enumerate() {
        members[label].push(index);
    }
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (label, members) in members.into_iter().enumerate() {
        let seed = derived_seed(seed, &[purpose::TEST_SPLIT, label as u64]);
        let what = || format!("class `{}`", whole.classes()[label]);
        let (kept, held) = divide(members.len(), test_fraction, seed, what)?;
        train.extend(kept.into_iter().map(|at| members[at]));
        test.extend(held.into_iter().map(|at| members[at]));
    }
    let part = |indices| -> Shared<AudioSample> {
        Arc::new(Subset::new(Arc::clone(&whole) as _, indices))
    };
    Ok((part(train), part(test)))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::audio::AudioDataset;
    use crate::audio::layout::write::{contents, sound, sounds, text};

    fn message(root: &Path) -> String {
        splits(root, 0.0, 0.5, 0).unwrap_err().to_string()
    }

    #[test]
    fn a_divided_folder_is_read_as_it_is() {
        let root = TempDir::new().unwrap();
        let train = ["train/b/1.wav", "train/B/2.WAV", "train/a/deep/3.wav"];
        sounds(root.path(), &train);
        sounds(root.path(), &["valid/a/4.wav", "test/b/5.wav"]);
        text(root.path(), "train/a/notes.txt", "no sound");
        let splits = splits(root.path(), 0.5, 0.5, 0).unwrap();
        assert_eq!(splits.train.classes(), ["B", "a", "b"]);
        let named = |name: &str, label| (name.to_owned(), vec![label]);
        assert_eq!(
            contents(&*splits.train),
            [named("2.WAV", 0), named("3.wav", 1), named("1.wav", 2)]
        );
        assert_eq!(
            contents(&**splits.valid.as_ref().unwrap()),
            [named("4.wav", 1)]
        );
        assert_eq!(contents(&*splits.test), [named("5.wav", 2)]);
        assert!(splits.test.describe(0).ends_with("test/b/5.wav`"));
    }

    #[test]
    fn an_undivided_folder_is_divided_class_by_class() {
        let root = TempDir::new().unwrap();
        for at in 0..10 {
            sound(root.path(), &format!("a/{at}.wav"), 0.1);
        }
        for at in 0..5 {
            sound(root.path(), &format!("b/{at}.wav"), 0.1);
        }
        let divided = splits(root.path(), 0.25, 0.2, 3).unwrap();
        let count = |dataset: &AudioDataset, label| {
            let sounds = contents(dataset);
            sounds.iter().filter(|(_, own)| *own == [label]).count()
        };
        assert_eq!((count(&*divided.test, 0), count(&*divided.test, 1)), (2, 1));
        assert_eq!((divided.train.len(), divided.valid.unwrap().len()), (9, 3));
        let again = splits(root.path(), 0.25, 0.2, 3).unwrap();
        assert_eq!(divided.train.fingerprint(), again.train.fingerprint());
        let other = splits(root.path(), 0.25, 0.2, 4).unwrap();
        assert_ne!(divided.test.fingerprint(), other.test.fingerprint());
    }

    #[test]
    fn mistakes_are_named() {
        let root = TempDir::new().unwrap();
        let gone = root.path().join("gone");
        assert!(
            message(&gone)
                .ends_with("does not exist; expected a folder with one sub-folder a class")
        );
        assert!(message(root.path()).contains("no class folders; put the sounds"));
        sounds(root.path(), &["a/1.wav", "a/2.wav"]);
        assert!(message(root.path()).ends_with("only one class folder, `a`, expected at least 2"));
        text(root.path(), "b/1.txt", "");
        assert!(message(root.path()).contains("no .wav, .flac, .mp3 or .ogg file in this class"));
        sounds(root.path(), &["b/1.wav"]);
        assert!(message(root.path()).starts_with("too few samples in class `b`"));
    }

    #[test]
    fn bad_sounds_are_errors_of_read() {
        let root = TempDir::new().unwrap();
        sounds(root.path(), &["a/1.wav", "a/2.wav", "b/1.wav", "b/2.wav"]);
        text(root.path(), "a/1.wav", "");
        text(root.path(), "a/2.wav", "hello");
        let divided = splits(root.path(), 0.0, 0.5, 0).unwrap();
        let mut messages: Vec<String> = [&divided.train, &divided.test]
            .iter()
            .flat_map(|set| (0..set.len()).map(move |index| set.get(index).unwrap()))
            .filter_map(|sample| sample.read().err())
            .map(|error| error.to_string())
            .collect();
        messages.sort();
        assert!(
            messages[0]
                .ends_with("a/1.wav` cannot be loaded: the file is empty; repair or remove it")
        );
        assert!(messages[1].contains("a/2.wav` cannot be loaded: it is a text file; expected WAV"));
    }
}
