//! `report.html`: one page that shows a run, made from the files of its directory alone.
//!
//! The page is self-contained (no script, font or image is fetched), so it can be opened from the
//! disk, attached to a message or published as it is. Everything it shows comes from the run
//! directory, never from the trainer's memory: a report written after a crash is as good as any.

mod confusion;
mod curves;
mod environment;
mod format;
mod html;
mod lr_find;
mod metric;
mod metrics;
mod overview;
mod page;
mod pictures;
mod plot;
mod read;
mod record;
mod settings;
mod spikes;
mod summary;
mod table;
mod time;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use format::duration;
pub(crate) use lr_find::lr_find;
pub use overview::{Figure, Overview, Status, find_runs};
pub use time::readable as readable_time;

/// Writes `report.html` into a run directory and returns its path.
///
/// Reads `metrics.jsonl`, `manifest.json`, `plan.toml`, `confusion.json` and `pictures.json`. Each may be missing:
/// the page then says what it lacks. A file that does not parse becomes a note on the page. The
/// page replaces an older one in a single rename, so a reader never sees half of it.
///
/// # Errors
///
/// [`ReportError::NotADirectory`] if `run_dir` is not a directory, [`ReportError::Read`] if a file
/// exists but cannot be read, [`ReportError::Write`] if the page cannot be written.
pub fn write(run_dir: &Path) -> Result<PathBuf, ReportError> {
    let run = read::run(run_dir)?;
    let path = run_dir.join("report.html");
    replace(&path, &page::render(&run)).map_err(|source| ReportError::Write {
        path: path.clone(),
        source,
    })?;
    Ok(path)
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The path given is no directory.
    #[error("cannot report on `{}`: it is not a directory; give the directory of a run, such as `runs/NAME`", path.display())]
    NotADirectory {
        /// The path given.
        path: PathBuf,
    },
    /// A file of the run exists, but reading it failed.
    #[error("cannot read `{}` for the report: {source}; check its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The page could not be written.
    #[error("cannot write `{}`: {source}; check the free space and that the run directory is writable", path.display())]
    Write {
        /// The page.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Writes beside `path`, then renames, so that `path` always holds a whole page.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // Named after the process: two processes reporting on one run do not write into each other.
    let partial = path.with_extension(format!("html.{}.partial", std::process::id()));
    let outcome = fs::write(&partial, text).and_then(|()| fs::rename(&partial, path));
    if outcome.is_err() {
        // The first error is the one to report; a leftover that cannot be removed adds nothing.
        let _ = fs::remove_file(&partial);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(files: &[(&str, &str)]) -> String {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let path = write(dir.path()).unwrap();
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), files.len() + 1, "no partial file stays behind");
        fs::read_to_string(path).unwrap()
    }

    fn line(step: u64, split: &str, name: &str, value: &str) -> String {
        format!(
            "{{\"step\":{step},\"epoch\":0.5,\"split\":\"{split}\",\"name\":\"{name}\",\"value\":{value}}}\n"
        )
    }

    #[test]
    fn empty_run_says_so() {
        let page = page_of(&[]);
        assert!(page.contains("No metrics have been recorded yet"));
        assert!(page.contains("<code>manifest.json</code> is missing"));
        assert!(!page.contains("<svg"));
    }

    #[test]
    fn empty_metrics_file_says_so() {
        let page = page_of(&[("metrics.jsonl", ""), ("manifest.json", "{}")]);
        assert!(page.contains("No metrics have been recorded yet"));
    }

    #[test]
    fn whole_run_has_every_section() {
        let metrics: String = (0..50)
            .map(|step| line(step, "train", "loss", "1.5"))
            .chain([
                line(49, "valid", "accuracy", "0.5"),
                line(49, "test", "accuracy", "0.975"),
            ])
            .collect();
        let page = page_of(&[
            ("metrics.jsonl", &metrics),
            (
                "manifest.json",
                r#"{"name":"digits","status":"finished","extra":{"deep":7}}"#,
            ),
            (
                "plan.toml",
                "[model]\nbackbone = \"vim\"\n[data]\nname = \"digits\"\n",
            ),
            (
                "confusion.json",
                r#"{"classes":["a","b"],"counts":[[3,1],[0,4]]}"#,
            ),
        ]);
        for part in [
            "97.5&nbsp;%",
            "vim on digits",
            "<dt>extra.deep</dt><dd>7</dd>",
            "elapid resume",
            "<h2>Confusion matrix</h2>",
            "backbone = &quot;vim&quot;",
        ] {
            assert!(page.contains(part), "{part} is missing");
        }
    }

    #[test]
    fn hostile_text_stays_text() {
        let evil = "<script>alert('x')</script>";
        let manifest = format!(
            r#"{{"name":"{evil}","status":"{evil}","device":"{evil}","{evil}":["{evil}"]}}"#
        );
        let metrics = line(1, evil, evil, "1") + &line(2, evil, evil, "2");
        let plan =
            format!("[model]\nbackbone = \"{evil}\"\n[data]\nname = \"\"\"</pre>{evil}\"\"\"");
        let confusion = format!(r#"{{"classes":["{evil}","b"],"counts":[[3,1],[0,4]]}}"#);
        let page = page_of(&[
            ("manifest.json", &manifest),
            ("metrics.jsonl", &metrics),
            ("plan.toml", &plan),
            ("confusion.json", &confusion),
        ]);
        assert!(!page.contains("<script>alert"));
        assert!(!page.contains("</pre>&lt;script") && !page.contains("'x'"));
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
    }

    #[test]
    fn page_refers_to_nothing_outside_itself() {
        let page = page_of(&[("metrics.jsonl", &line(1, "train", "loss", "1"))]);
        for reference in ["http:", "https:", "src=", "href=", "@import", "url("] {
            assert!(!page.contains(reference), "{reference}");
        }
    }

    #[test]
    fn unreadable_parts_become_notes() {
        let page = page_of(&[
            ("manifest.json", "{\"name\":"),
            ("confusion.json", r#"{"classes":["a"],"counts":[[1,2]]}"#),
            ("metrics.jsonl", "not json\n"),
            ("plan.toml", "= broken"),
        ]);
        assert!(page.contains("<code>manifest.json</code> is not a JSON object"));
        assert!(page.contains("<code>confusion.json</code> cannot be shown"));
        assert!(page.contains("1 line of <code>metrics.jsonl</code>"));
    }

    #[test]
    fn report_is_replaced_by_the_next_one() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path()).unwrap();
        fs::write(dir.path().join("manifest.json"), r#"{"name":"second"}"#).unwrap();
        let path = write(dir.path()).unwrap();
        assert!(
            fs::read_to_string(path)
                .unwrap()
                .contains("<h1>second</h1>")
        );
    }

    #[test]
    fn missing_directory_is_an_error_that_names_it() {
        let error = write(Path::new("no/such/run")).unwrap_err();
        assert!(matches!(error, ReportError::NotADirectory { .. }));
        assert!(error.to_string().contains("no/such/run"));
    }
}
