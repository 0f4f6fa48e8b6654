//! A folder of sounds with one sub-folder a class.

use std::path::Path;
use std::sync::Arc;

use crate::audio::dataset::AudioSplits;
use crate::audio::files::{AudioFiles, Entry};
use crate::class_folders::{self, HeldOut, Known, Labels};
use crate::error::DataError;
use crate::listing::SOUNDS;
use crate::listing_cache;

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
    let held_out = HeldOut::new(valid_fraction, test_fraction, seed)?;
    class_folders::splits(root, "audio_folder", held_out, |folder, known| {
        Ok(Arc::new(scan(root, folder, known)?))
    })
}

/// Lists `folder`, whose class folders must be among the known ones if there are some.
fn scan(root: &Path, folder: &Path, known: Option<Known<'_>>) -> Result<AudioFiles, DataError> {
    let listing = listing_cache::list(folder, SOUNDS)?;
    let Labels { classes, labels } = Labels::of(folder, &listing, SOUNDS, known)?;
    let relative = folder.strip_prefix(root).unwrap_or(folder);
    let entry = |index| {
        let path = relative.join(listing.path(index));
        Entry::new(path, labels[listing.class(index)])
    };
    let entries = (0..listing.files.len()).map(entry).collect();
    let bytes = listing.files.iter().map(|file| file.bytes).collect();
    Ok(AudioFiles::listed(root, classes, entries, bytes))
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
