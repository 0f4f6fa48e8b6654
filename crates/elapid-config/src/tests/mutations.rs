//! Shipped experiments with one mistake each, hundreds of them: every one is refused in words that name the file and
//! the line, and most of them the key.

use std::fs;
use std::path::{Path, PathBuf};

use crate::ConfigError;

/// Keys that any word is good for.
const PATHS: [&str; 11] = [
    "path",
    "nodes",
    "graphs",
    "pairs",
    "split",
    "init_from",
    "train",
    "valid",
    "test",
    "problem",
    "set",
];

/// The experiments that come with elapid. Sweeps have keys and tests of their own.
fn shipped() -> Vec<(PathBuf, String)> {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    let mut files = Vec::new();
    let mut open = vec![Path::new(&folder).join("../../configs")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                None if path.ends_with("sweeps") => {}
                None => open.push(path),
                Some(extension) if extension == "toml" => {
                    let text = fs::read_to_string(&path).unwrap();
                    files.push((path, text));
                }
                Some(_) => {}
            }
        }
    }
    assert!(!files.is_empty());
    files
}

/// A mistake in the line of a key.
type Mistake = fn(key: &str, value: &str) -> Option<String>;

const MISTAKES: [(&str, Mistake); 8] = [
    ("letters swapped in the key", |key, value| {
        let mut letters: Vec<char> = key.chars().collect();
        let at = (1..letters.len()).find(|at| letters[*at] != letters[at - 1])?;
        letters.swap(at - 1, at);
        Some(format!("{} = {value}", String::from_iter(letters)))
    }),
    ("a letter too many in the key", |key, value| {
        Some(format!("{key}s = {value}"))
    }),
    ("capitals", |key, value| {
        Some(format!("{} = {value}", key.to_uppercase()))
    }),
    ("another type", |key, value| {
        let other = if value.starts_with('"') {
            "[1]"
        } else {
            "\"seven\""
        };
        Some(format!("{key} = {other}"))
    }),
    ("a table as value", |key, _| {
        Some(format!("{key} = {{ a = 1 }}"))
    }),
    ("a number below everything", |key, value| {
        let is_number = value.starts_with(|first: char| first.is_ascii_digit());
        is_number.then(|| format!("{key} = -1000000"))
    }),
    ("an unknown word", |key, value| {
        let is_word = value.starts_with('"') && !value.contains(' ');
        (is_word && !PATHS.contains(&key)).then(|| format!("{key} = \"banana\""))
    }),
    ("the same key twice", |key, value| {
        Some(format!("{key} = {value}\n{key} = {value}"))
    }),
];

fn refusal(text: &str, path: &Path) -> ConfigError {
    crate::parse(text, path).expect_err(text)
}

#[test]
fn every_mistake_is_refused_by_file_line_and_key() {
    let mut tried = 0;
    for (path, text) in shipped() {
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let Some((key, value)) = line.split_once(" = ").filter(|_| !line.starts_with('#'))
            else {
                continue;
            };
            for (what, mistake) in MISTAKES {
                let Some(wrong) = mistake(key, value) else {
                    continue;
                };
                let mut lines = lines.clone();
                lines[number] = &wrong;
                let message = refusal(&lines.join("\n"), &path).to_string();
                let file = path.display().to_string();
                assert!(message.starts_with(&file), "{what}: {message}");
                // The second of two equal keys is the one too many.
                let places = [number + 1, number + 2].map(|line| format!("{file}:{line}:"));
                assert!(
                    places.iter().any(|place| message.starts_with(place)),
                    "{what} in line {}: {message}",
                    number + 1
                );
                let named = message.to_lowercase().contains(&key.to_lowercase());
                let tag = ["kind", "name", "backbone"].contains(&key);
                assert!(
                    named || tag || what.contains("swapped"),
                    "{what}: {message}"
                );
                assert!(message.len() < 1500, "{what}: {message}");
                tried += 1;
            }
        }
    }
    assert!(tried >= 100, "only {tried} mistakes");
}

#[test]
fn torn_and_garbled_files_never_panic() {
    // A small generator (SplitMix64): the same mistakes in every run.
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = state;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) % below as u64) as usize
    };
    const BYTES: &[u8] = b"\"'[]{}=.,#\n\\ \t-+0e9azZ_\x00\x7f";
    for (path, text) in shipped() {
        for round in 0..400 {
            let mut bytes = text.clone().into_bytes();
            match round % 4 {
                0 => bytes.truncate(next(bytes.len())),
                1 => {
                    bytes.remove(next(bytes.len()));
                }
                2 => {
                    let at = next(bytes.len());
                    bytes[at] = BYTES[next(BYTES.len())];
                }
                _ => {
                    let (from, to) = (next(bytes.len()), next(bytes.len()));
                    bytes.swap(from, to);
                }
            }
            // Comments hold letters of several bytes.
            let text = String::from_utf8_lossy(&bytes);
            if let Err(error) = crate::parse(&text, &path) {
                let message = error.to_string();
                // What two files say together may be wrong where the one says it that is extended.
                let extended = |path: &PathBuf| crate::parent(path).ok().flatten();
                let mut files = std::iter::successors(Some(path.clone()), extended);
                let is_named = files.any(|file| message.starts_with(&*file.to_string_lossy()));
                assert!(is_named, "{message}");
                assert!(!message.contains("panicked"), "{message}");
            }
        }
    }
}
