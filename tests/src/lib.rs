//! Tests across crates.
//!
//! - `golden`: our models against tensors recorded from the official code (`tests/golden/`).
//! - `repo`: configs, cards, documentation and crate edges stay consistent.
//!
//! Tests of one crate stay in that crate; those of the command line are in `crates/elapid/tests`.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The root of the repository: of the checkout that cargo runs now, which need not be the one that
/// was compiled, because checkouts may share a build directory.
pub fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let package = std::env::var_os("CARGO_MANIFEST_DIR");
        let package = package.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        Path::new(&package).join("..")
    });
    &ROOT
}

/// Folders that builds, runs and Python leave behind.
const PRODUCED: [&str; 3] = ["target", "runs", "__pycache__"];

/// All files below `folder` whose name ends in `suffix`, in byte order, those of hidden and produced folders left
/// out.
///
/// # Panics
///
/// Panics if a folder cannot be listed.
pub fn files_below(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("cannot list `{}`: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("a listed entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_ours = !name.starts_with('.') && !PRODUCED.contains(&&*name);
            match path.is_dir() {
                true if is_ours => folders.push(path),
                // A file in a linked work tree, with the path of the repository.
                false if name == ".git" => {}
                false if name.ends_with(suffix) => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    files
}
