//! Reads what a run directory holds.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::ReportError;
use super::confusion::Confusion;
use super::format::{count, plural};
use super::html::Escaped;
use super::metrics::Metrics;
use super::pictures;
use crate::Picture;

/// Everything a page is made of.
pub(super) struct Run {
    /// Name in the manifest, or of the directory.
    pub(super) name: String,
    pub(super) dir: PathBuf,
    /// Empty if there is none.
    pub(super) manifest: Map<String, Value>,
    /// Text of the resolved plan.
    pub(super) plan: Option<String>,
    pub(super) metrics: Metrics,
    pub(super) confusion: Option<Confusion>,
    pub(super) pictures: Vec<Picture>,
    /// What could not be shown, as HTML sentences.
    pub(super) notes: Vec<String>,
}

impl Run {
    /// Name of the metric that the plan chooses the best checkpoint by.
    pub(super) fn chosen_by(&self) -> Option<String> {
        let eval = self.eval()?;
        eval.get("best")?.as_str().map(ToOwned::to_owned)
    }

    /// `[eval]` of the plan.
    fn eval(&self) -> Option<toml::Table> {
        let mut plan: toml::Table = self.plan.as_ref()?.parse().ok()?;
        match plan.remove("eval")? {
            toml::Value::Table(eval) => Some(eval),
            _ => None,
        }
    }

    /// What the test left out because the plan says so, as an HTML sentence.
    pub(super) fn left_out(&self) -> Option<String> {
        let eval = self.eval()?;
        let is_dropping = eval.get("drop_last")?.as_bool()?;
        let batch = u64::try_from(eval.get("batch_size")?.as_integer()?).ok()?;
        let test = self.manifest.get("data")?.get("test")?.as_object()?;
        let mut counts = test.iter();
        let (unit, all) = counts.find_map(|(unit, value)| Some((unit, value.as_u64()?)))?;
        let rest = all.checked_rem(batch)?;
        (is_dropping && rest > 0).then(|| {
            format!(
                "The test left out the last {} of {} {}, which fill no batch of {} (<code>eval.drop_last</code>): \
                 compare its numbers only with those that were measured so.",
                count(rest),
                count(all),
                Escaped(unit),
                count(batch)
            )
        })
    }

    /// Over how many views of an image validation and test averaged, where there was more than one, as an HTML sentence.
    pub(super) fn views(&self) -> Option<String> {
        let views = u64::try_from(self.eval()?.get("views")?.as_integer()?).ok()?;
        (views > 1).then(|| {
            format!(
                "Validation and test averaged over {} views of each image (<code>eval.views</code>): compare their numbers \
                 with those of one view accordingly.",
                count(views)
            )
        })
    }

    /// The notes as plain text.
    pub(super) fn problems(&self) -> Vec<String> {
        let plain = |note: &String| note.replace("<code>", "`").replace("</code>", "`");
        self.notes.iter().map(plain).collect()
    }
}

/// Reads a run directory. Missing files and text that does not parse become notes.
pub(super) fn run(dir: &Path) -> Result<Run, ReportError> {
    if !dir.is_dir() {
        return Err(ReportError::NotADirectory {
            path: dir.to_owned(),
        });
    }
    let mut notes = Vec::new();
    let manifest = manifest(dir, &mut notes)?;
    let plan = optional(&dir.join("plan.toml"))?;
    if plan.is_none() {
        notes.push("<code>plan.toml</code> is missing.".to_owned());
    }
    let metrics = Metrics::parse(&optional(&dir.join("metrics.jsonl"))?.unwrap_or_default());
    if metrics.malformed > 0 {
        let lines = plural(metrics.malformed, "line");
        notes.push(format!(
            "{lines} of <code>metrics.jsonl</code> could not be read and had to be left out."
        ));
    }
    Ok(Run {
        name: name(&manifest, dir),
        dir: dir.to_owned(),
        manifest,
        plan: plan.map(|plan| String::from_utf8_lossy(&plan).into_owned()),
        metrics,
        confusion: confusion(dir, &mut notes)?,
        pictures: pictures(dir, &mut notes)?,
        notes,
    })
}

fn manifest(dir: &Path, notes: &mut Vec<String>) -> Result<Map<String, Value>, ReportError> {
    let Some(text) = optional(&dir.join("manifest.json"))? else {
        notes.push("<code>manifest.json</code> is missing.".to_owned());
        return Ok(Map::new());
    };
    Ok(serde_json::from_slice(&text).unwrap_or_else(|_| {
        notes.push(
            "<code>manifest.json</code> is not a JSON object and had to be left out.".to_owned(),
        );
        Map::new()
    }))
}

fn confusion(dir: &Path, notes: &mut Vec<String>) -> Result<Option<Confusion>, ReportError> {
    let Some(text) = optional(&dir.join("confusion.json"))? else {
        return Ok(None);
    };
    let confusion = Confusion::parse(&text);
    if confusion.is_none() {
        notes.push(
            "<code>confusion.json</code> cannot be shown: it needs <code>classes</code>, a list of \
             names, and <code>counts</code>, as many rows of as many whole numbers."
                .to_owned(),
        );
    }
    Ok(confusion)
}

fn pictures(dir: &Path, notes: &mut Vec<String>) -> Result<Vec<Picture>, ReportError> {
    let Some(text) = optional(&dir.join("pictures.json"))? else {
        return Ok(Vec::new());
    };
    let pictures = pictures::parse(&text);
    if pictures.is_none() {
        notes.push("<code>pictures.json</code> cannot be shown.".to_owned());
    }
    Ok(pictures.unwrap_or_default())
}

fn name(manifest: &Map<String, Value>, dir: &Path) -> String {
    match manifest.get("name") {
        Some(Value::String(name)) if !name.trim().is_empty() => name.clone(),
        // `.` and `..` have no name of their own, but the directory they stand for has.
        _ => dir
            .file_name()
            .map(ToOwned::to_owned)
            .or_else(|| Some(dir.canonicalize().ok()?.file_name()?.to_owned()))
            .map_or("run".to_owned(), |name| name.to_string_lossy().into_owned()),
    }
}

/// The bytes of a file, `None` if there is no such file.
fn optional(path: &Path) -> Result<Option<Vec<u8>>, ReportError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ReportError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_falls_back_to_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("my-run");
        fs::create_dir(&path).unwrap();
        assert_eq!(run(&path).unwrap().name, "my-run");
        fs::write(path.join("manifest.json"), r#"{"name":"given"}"#).unwrap();
        assert_eq!(run(&path).unwrap().name, "given");
    }

    #[test]
    fn views_are_said() {
        let dir = tempfile::tempdir().unwrap();
        let note = |eval: &str| {
            fs::write(dir.path().join("plan.toml"), format!("[eval]\n{eval}\n")).unwrap();
            run(dir.path()).unwrap().views()
        };
        assert_eq!((note("views = 1"), note("batch_size = 8")), (None, None));
        assert!(
            note("views = 32")
                .unwrap()
                .contains("averaged over 32 views")
        );
    }

    #[test]
    fn what_the_test_left_out_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let said = |batch: u64, is_dropping: bool| {
            let manifest = r#"{"data":{"name":"ett","test":{"fingerprint":"12","windows":2785}}}"#;
            fs::write(dir.path().join("manifest.json"), manifest).unwrap();
            let plan = format!("[eval]\nbatch_size = {batch}\ndrop_last = {is_dropping}\n");
            fs::write(dir.path().join("plan.toml"), plan).unwrap();
            run(dir.path()).unwrap().left_out()
        };
        let note = said(512, true).unwrap();
        assert!(note.starts_with("The test left out the last 225 of 2,785 windows, which"));
        assert_eq!((said(512, false), said(5, true)), (None, None));
    }

    #[test]
    fn file_that_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("metrics.jsonl")).unwrap();
        let error = run(dir.path()).err().unwrap();
        assert!(error.to_string().contains("metrics.jsonl"), "{error}");
    }
}
