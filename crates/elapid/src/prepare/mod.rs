//! Getting published data sets: downloads that go on where they stopped, checksums, and archives that are unpacked safely.
//!
//! What is fetched from where is said by the cards (`[[downloads]]` in `datasets/<name>/card.toml`). Nothing else in elapid
//! uses a network.

mod checksum;
mod client;
mod error;
mod fetch;
mod unpack;

use std::fs;
use std::path::{Path, PathBuf};

use elapid_data::{Card, Download};

pub use error::PrepareError;

/// What a prepared folder's card says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// Its checksum is the published one.
    Passed,
    /// There is no checksum to compare with.
    None,
}

/// Where files come from and who is told.
pub struct Preparation<'a> {
    /// The card of the data set.
    pub card: &'a Card,
    /// The card as text, which is left in the folder.
    pub text: &'a str,
    /// Where the data are put.
    pub folder: &'a Path,
    /// An address that has all files by their names, to be asked instead of the publishers.
    pub mirror: Option<&'a str>,
    /// Is told what is being done, in whole lines.
    pub say: &'a dyn Fn(&str),
    /// Is told how many bytes of a file there are, and of how many, where that is known.
    pub progress: &'a dyn Fn(u64, Option<u64>),
}

/// Name of the card in a prepared folder. It is written last, so it is there when all else is.
pub const CARD: &str = "card.toml";

impl Preparation<'_> {
    /// Fetches, checks and unpacks the files of the card, and leaves the card beside them.
    ///
    /// # Errors
    ///
    /// If a file cannot be fetched, is not what it should be, or cannot be unpacked or written. What has been fetched stays,
    /// and the next call goes on from there.
    pub fn run(&self) -> Result<(), PrepareError> {
        if self.folder.join(CARD).is_file() {
            (self.say)(&format!(
                "`{}` is complete; remove its {CARD} to begin again",
                self.folder.display()
            ));
            return Ok(());
        }
        fs::create_dir_all(self.folder)
            .map_err(|error| PrepareError::unwritable(self.folder, error))?;
        let mut notes = Vec::new();
        for download in &self.card.downloads {
            notes.push(self.file(download)?);
        }
        let note: String = notes.iter().map(|note| format!("# {note}\n")).collect();
        let path = self.folder.join(CARD);
        let name = &self.card.name;
        let text = format!(
            "# Made by `elapid data prepare {name}`.\n{note}\n{}",
            self.text
        );
        fs::write(&path, text).map_err(|error| PrepareError::unwritable(&path, error))
    }

    /// Brings one file into the folder; says what came of it.
    fn file(&self, download: &Download) -> Result<String, PrepareError> {
        let url = self.url(download);
        let target = self.folder.join(&download.path);
        let sum = match &download.checksum {
            Some(text) => Some(checksum::Expected::parse(text)?),
            None => None,
        };
        if !target.is_file() {
            (self.say)(&url);
            let request = fetch::Request {
                url: &url,
                target: &target,
                bytes: download.bytes,
                checksum: sum.as_ref(),
                progress: self.progress,
            };
            fetch::fetch(&request)?;
        } else if let Some(sum) = &sum {
            // It may have been put there by hand.
            sum.check(&target, &url)?;
        }
        let check = sum.map_or(Check::None, |_| Check::Passed);
        if check == Check::None {
            (self.say)(&format!(
                "`{}` is unchecked: checksum {}",
                target.display(),
                download.origin
            ));
        }
        if let Some(kind) = download.unpack {
            (self.say)(&format!("unpacking `{}`", target.display()));
            unpack::unpack(&target, kind, download.strip, self.folder)?;
            fs::remove_file(&target).map_err(|error| PrepareError::unwritable(&target, error))?;
        }
        let found = match check {
            Check::Passed => format!("checksum as expected, by {}", download.origin),
            Check::None => "unchecked".to_owned(),
        };
        Ok(format!("{} from {url}: {found}", download.path))
    }

    fn url(&self, download: &Download) -> String {
        let Some(mirror) = self.mirror else {
            return download.url.clone();
        };
        let name = download.path.rsplit('/').next().unwrap_or(&download.path);
        format!("{}/{name}", mirror.trim_end_matches('/'))
    }
}

/// How a person gets a data set, step by step, with `folder` for where it is put.
pub fn by_hand(card: &Card, folder: &Path) -> String {
    let place = folder.display().to_string();
    let mut text = format!(
        "{}: {}\nlicence: {}\n",
        card.title, card.homepage, card.licence
    );
    match &card.by_hand {
        Some(steps) => {
            text += "It cannot be fetched by a program.\n";
            text += &steps.trim().replace("FOLDER", &place);
        }
        None if card.downloads.is_empty() => {
            text += "No stable address with a checksum is known. Fetch it from its homepage.";
        }
        None => {
            let files = card.downloads.iter();
            let files: Vec<String> = files
                .map(|file| {
                    let sum = match &file.checksum {
                        Some(sum) => format!(" ({sum})"),
                        None => String::new(),
                    };
                    let path = folder.join(&file.path);
                    format!("  {} -> {}{sum}", file.url, path.display())
                })
                .collect();
            text +=
                "Without a network, fetch these on another machine and run the command again:\n";
            text += &files.join("\n");
        }
    }
    text += "\nFiles that are read:\n";
    let files = card.files.iter();
    let files: Vec<String> = files
        .map(|file| {
            let path: PathBuf = folder.join(&file.path);
            format!("  {}: {}", path.display(), file.layout)
        })
        .collect();
    text + &files.join("\n")
}

#[cfg(test)]
mod tests;
