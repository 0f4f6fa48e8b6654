//! Speech Commands (Warden, arXiv:1804.03209): a folder a word, and lists of what is for validation and for testing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::audio::dataset::{AudioSample, AudioSplits, Part};
use crate::audio::files::{AudioFiles, Entry};
use crate::card::card;
use crate::error::DataError;
use crate::listing::{Listing, SOUNDS};
use crate::listing_cache;
use crate::order::permuted;
use crate::random::{derived_seed, purpose, stream, unit64};
use crate::splits::Shared;

/// The words of the task with twelve classes.
const TEN: [&str; 10] = [
    "down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes",
];

/// The folder of long noises.
const NOISE: &str = "_background_noise_";

/// Length of a sound of this set in seconds.
const SECONDS: f64 = 1.0;

/// What is told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Words {
    /// All words: 30 in version 1, 35 in version 2.
    #[default]
    All,
    /// Ten words, `_silence_` and `_unknown_`, which stands for the other words.
    TenAndTwo,
}

/// The sounds of `root`: those in `validation_list.txt` are for validation, those in `testing_list.txt` for testing, and all
/// others for training. Folders whose name begins with `_` are no words.
///
/// With [`Words::TenAndTwo`], a tenth of what the ten words have in each part is added as `_unknown_`, drawn from the other
/// words, and as many seconds, drawn from the noises of `_background_noise_`, as `_silence_`. What is drawn is a function of
/// `seed`.
///
/// # Errors
///
/// If there is no such folder, a list is missing or names a file that is not there, a part is empty, or (with
/// [`Words::TenAndTwo`]) one of the ten words, any other word or the noises are missing.
pub fn splits(root: &Path, words: Words, seed: u64) -> Result<AudioSplits, DataError> {
    if !root.is_dir() {
        return Err(DataError::Missing {
            path: root.to_owned(),
            expected: "the folder of Speech Commands: a folder a word and two lists".to_owned(),
        });
    }
    let listing = listing_cache::list(root, SOUNDS)?;
    let sounds = Sounds::new(&listing);
    let valid = sounds.listed(root, "validation_list.txt")?;
    let test = sounds.listed(root, "testing_list.txt")?;
    if let Some(both) = valid.intersection(&test).next() {
        let problem = format!("`{}` is in both lists", sounds.paths[*both].display());
        return Err(DataError::layout(root, problem));
    }
    let task = Task::new(root, words, &sounds)?;
    let all = 0..sounds.paths.len();
    let parts = [
        (
            "train",
            all.filter(|at| !valid.contains(at) && !test.contains(at))
                .collect(),
        ),
        ("valid", valid.iter().copied().collect()),
        ("test", test.iter().copied().collect::<Vec<usize>>()),
    ];
    let mut made: Vec<Shared<AudioSample>> = Vec::new();
    for (number, (name, indices)) in parts.iter().enumerate() {
        let seed = derived_seed(seed, &[purpose::WORDS, number as u64]);
        let entries = task.entries(&sounds, indices, seed);
        if entries.is_empty() {
            return Err(DataError::TooFew {
                what: format!("the part `{name}` of `{}`", root.display()),
                len: 0,
                needed: 1,
                hint: "check validation_list.txt and testing_list.txt".to_owned(),
            });
        }
        let files = AudioFiles::new(root, root, task.classes.clone(), entries)?;
        made.push(Arc::new(files));
    }
    let [train, valid, test] = <[_; 3]>::try_from(made).unwrap_or_else(|_| unreachable!());
    Ok(AudioSplits {
        train,
        valid: Some(valid),
        test,
        card: card("speech_commands")?,
    })
}

/// All sounds of all words.
struct Sounds {
    /// Relative to the folder of the set, ascending by word and name.
    paths: Vec<PathBuf>,
    /// Word of each.
    words: Vec<String>,
    /// The long noises.
    noises: Vec<PathBuf>,
}

impl Sounds {
    fn new(listing: &Listing) -> Self {
        let (mut paths, mut words, mut noises) = (Vec::new(), Vec::new(), Vec::new());
        for index in 0..listing.files.len() {
            let word = &listing.classes[listing.class(index)].name;
            let path = listing.path(index);
            if word == NOISE {
                noises.push(path);
            } else if !word.starts_with('_') {
                paths.push(path);
                words.push(word.clone());
            }
        }
        Self {
            paths,
            words,
            noises,
        }
    }

    /// Indices of the sounds that a list names.
    fn listed(&self, root: &Path, name: &str) -> Result<BTreeSet<usize>, DataError> {
        let list = root.join(name);
        if !list.is_file() {
            return Err(DataError::Missing {
                path: list,
                expected: "the official list, one `<word>/<file>` a line".to_owned(),
            });
        }
        let text = fs::read_to_string(&list).map_err(|e| DataError::unreadable(&list, e))?;
        let lines = text.lines().map(str::trim).enumerate();
        let named = lines.filter(|(_, line)| !line.is_empty());
        named
            .map(|(at, line)| {
                let place = self.paths.binary_search_by(|path| compare(path, line));
                place.map_err(|_| {
                    let problem = format!("line {} names `{line}`, which is not there", at + 1);
                    DataError::layout(&list, problem)
                })
            })
            .collect()
    }
}

/// Order of a path to a line: word first, as the listing sorts.
fn compare(path: &Path, line: &str) -> std::cmp::Ordering {
    path.components().cmp(Path::new(line).components())
}

/// Which sounds are of which class.
struct Task<'a> {
    classes: Vec<String>,
    words: Words,
    noises: &'a [PathBuf],
}

impl<'a> Task<'a> {
    fn new(root: &Path, words: Words, sounds: &'a Sounds) -> Result<Self, DataError> {
        let present: BTreeSet<&str> = sounds.words.iter().map(String::as_str).collect();
        let noises = sounds.noises.as_slice();
        let classes: Vec<String> = match words {
            Words::All => present.iter().map(|&word| word.to_owned()).collect(),
            Words::TenAndTwo => {
                let missing = TEN.iter().find(|word| !present.contains(**word));
                if let Some(word) = missing {
                    return Err(DataError::Missing {
                        path: root.join(word),
                        expected: "the folder of one of the ten words".to_owned(),
                    });
                }
                if noises.is_empty() {
                    return Err(DataError::Missing {
                        path: root.join(NOISE),
                        expected: "a folder of long noises, from which silence is made".to_owned(),
                    });
                }
                let two = ["_silence_", "_unknown_"];
                TEN.iter()
                    .chain(&two)
                    .map(|&name| name.to_owned())
                    .collect()
            }
        };
        if classes.len() < 2 {
            let found = classes.len();
            let problem = format!("{found} word folders, expected at least 2");
            return Err(DataError::layout(root, problem));
        }
        Ok(Self {
            classes,
            words,
            noises,
        })
    }

    fn label(&self, word: &str) -> Option<usize> {
        self.classes.iter().position(|class| class == word)
    }

    /// The entries of one part.
    fn entries(&self, sounds: &Sounds, indices: &[usize], seed: u64) -> Vec<Entry> {
        let (mut entries, mut others) = (Vec::new(), Vec::new());
        for &at in indices {
            match self.label(&sounds.words[at]) {
                Some(label) => entries.push(Entry::new(sounds.paths[at].clone(), label)),
                None => others.push(&sounds.paths[at]),
            }
        }
        if self.words == Words::TenAndTwo {
            let tenth = entries.len().div_ceil(10);
            let (silence, unknown) = (TEN.len(), TEN.len() + 1);
            entries.extend(self.silence(tenth, silence, seed));
            let drawn = (0..tenth.min(others.len()))
                .map(|place| others[permuted(seed, 0, others.len(), place)].clone());
            entries.extend(drawn.map(|path| Entry::new(path, unknown)));
        }
        entries
    }

    /// Seconds of noise.
    fn silence(&self, count: usize, label: usize, seed: u64) -> impl Iterator<Item = Entry> {
        (0..count).map(move |at| {
            let place = unit64(&mut stream(seed, &[at as u64]));
            Entry {
                part: Some(Part {
                    place,
                    seconds: SECONDS,
                }),
                ..Entry::new(self.noises[at % self.noises.len()].clone(), label)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::audio::layout::write::{contents, sounds, text};

    /// Eight sounds of each word, of which `0` is for testing and `1` for validation.
    fn set(words: &[&str]) -> TempDir {
        let root = TempDir::new().unwrap();
        let (mut valid, mut test) = (String::new(), String::new());
        for word in words {
            for at in 0..8 {
                sounds(root.path(), &[&format!("{word}/{at}_nohash_0.wav")]);
            }
            test += &format!("{word}/0_nohash_0.wav\n");
            valid += &format!("{word}/1_nohash_0.wav\n");
        }
        sounds(root.path(), &["_background_noise_/pink.wav"]);
        text(root.path(), "validation_list.txt", &valid);
        text(root.path(), "testing_list.txt", &test);
        root
    }

    fn message(root: &Path, words: Words) -> String {
        splits(root, words, 0).unwrap_err().to_string()
    }

    #[test]
    fn the_lists_decide() {
        let root = set(&["bed", "cat", "yes"]);
        let splits = splits(root.path(), Words::All, 0).unwrap();
        assert_eq!(splits.train.classes(), ["bed", "cat", "yes"]);
        let named = |at: usize, label| (format!("{at}_nohash_0.wav"), vec![label]);
        assert_eq!(
            contents(&*splits.test),
            [named(0, 0), named(0, 1), named(0, 2)]
        );
        let valid = splits.valid.unwrap();
        assert_eq!(contents(&*valid), [named(1, 0), named(1, 1), named(1, 2)]);
        assert_eq!(splits.train.len(), 18);
        assert_eq!(contents(&*splits.train)[6], named(2, 1));
    }

    #[test]
    fn ten_words_and_two() {
        let words: Vec<&str> = TEN.into_iter().chain(["bed", "cat"]).collect();
        let root = set(&words);
        let splits = splits(root.path(), Words::TenAndTwo, 0).unwrap();
        let classes = splits.train.classes();
        assert_eq!(classes[9..], ["yes", "_silence_", "_unknown_"]);
        // 6 · 10 sounds of ten words, and a tenth of that twice.
        let labels: Vec<usize> = contents(&*splits.train).iter().map(|(_, l)| l[0]).collect();
        let count = |label| labels.iter().filter(|&&l| l == label).count();
        assert_eq!(
            (labels.len(), count(0), count(10), count(11)),
            (72, 6, 6, 6)
        );
        assert_eq!(splits.test.len(), 12);
        let silence = splits.train.get(60).unwrap().source;
        assert!(silence.file.ends_with("_background_noise_/pink.wav"));
        assert_eq!(silence.part.unwrap().seconds, 1.0);
    }

    #[test]
    fn mistakes_are_named() {
        let root = set(&["bed", "cat"]);
        assert!(
            message(root.path(), Words::TenAndTwo)
                .ends_with("down` does not exist; expected the folder of one of the ten words")
        );
        text(
            root.path(),
            "testing_list.txt",
            "bed/0_nohash_0.wav\nbed/9.wav\n",
        );
        assert!(
            message(root.path(), Words::All)
                .ends_with("testing_list.txt`: line 2 names `bed/9.wav`, which is not there")
        );
        text(root.path(), "testing_list.txt", "bed/1_nohash_0.wav\n");
        assert!(
            message(root.path(), Words::All).ends_with("`bed/1_nohash_0.wav` is in both lists")
        );
        text(root.path(), "testing_list.txt", "");
        assert!(message(root.path(), Words::All).starts_with("too few samples in the part `test`"));
        fs::remove_file(root.path().join("testing_list.txt")).unwrap();
        assert!(message(root.path(), Words::All).ends_with("testing_list.txt` does not exist; expected the official list, one `<word>/<file>` a line"));
    }
}
