//! `metrics.jsonl`: every number of a run, one JSON object a line.

mod csv;
mod mirror;
mod tensorboard;

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use mirror::Mirror;
pub use mirror::MirrorFormat;

use crate::interval::Observed;
use crate::spikes::Spike;
use crate::{TrainError, files};

/// Appends lines `{"step","epoch","split","name","value"}`; a value that is not finite is `null`.
///
/// Lines are kept in memory until a flush succeeds, so a disk that is full for a while costs none.
pub(crate) struct MetricsLog {
    path: PathBuf,
    file: File,
    /// Bytes of the file that are whole lines.
    length: u64,
    pending: String,
    mirrors: Vec<Mirror>,
}

/// The step, epoch and split that lines belong to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Steps done.
    pub(crate) step: u64,
    /// Passes over the training data, with fractions.
    pub(crate) epoch: f64,
    /// `train`, `valid` or `test`.
    pub(crate) split: &'static str,
}

#[derive(Serialize)]
struct Line<'a> {
    step: u64,
    epoch: f64,
    split: &'a str,
    name: &'a str,
    value: Option<f64>,
}

/// A line about a step whose loss stands out. What reads numbers alone takes it for one of name `loss_spike`.
#[derive(Serialize)]
struct SpikeLine<'a> {
    #[serde(flatten)]
    line: Line<'a>,
    /// The step, counted from 1 as all steps of the log.
    at: u64,
    typical: f64,
    threshold: f64,
    grad_norm: Option<f64>,
    lr: f64,
    batch: u64,
}

/// What decides whether a line outlives a resumption.
#[derive(Deserialize)]
struct Key {
    step: u64,
    split: String,
}

impl<'a> Line<'a> {
    fn new(at: Moment, name: &'a str, value: f64) -> Self {
        Self {
            step: at.step,
            epoch: (at.epoch * 1e4).round() / 1e4,
            split: at.split,
            name,
            value: value.is_finite().then_some(value),
        }
    }
}

impl MetricsLog {
    /// Opens the log of a run at `step`, creating it where there is none.
    ///
    /// Lines of later steps and of a test are dropped: the run makes them again. The log is copied in `formats` too.
    pub(crate) fn open(
        path: PathBuf,
        step: u64,
        formats: &[MirrorFormat],
    ) -> Result<Self, TrainError> {
        let kept = kept_lines(&path, step).map_err(TrainError::read(&path))?;
        files::replace(&path, kept.as_bytes()).map_err(TrainError::write(&path))?;
        let file = File::options().write(true).open(&path);
        Ok(Self {
            file: file.map_err(TrainError::write(&path))?,
            length: kept.len() as u64,
            pending: String::new(),
            mirrors: formats
                .iter()
                .map(|format| Mirror::beside(&path, *format))
                .collect(),
            path,
        })
    }

    /// Adds a line, to be written by the next flush.
    pub(crate) fn push(&mut self, at: Moment, name: &str, value: f64) {
        self.push_line(&Line::new(at, name, value));
    }

    /// Adds the line of a spike, noticed `at` a line of the log; `lr` is the learning rate of its step.
    pub(crate) fn push_spike(&mut self, at: Moment, spike: &Spike, lr: f64) {
        let Observed { loss, grad_norm } = spike.observed;
        self.push_line(&SpikeLine {
            line: Line::new(at, "loss_spike", loss),
            at: spike.step + 1,
            typical: spike.typical,
            threshold: spike.threshold,
            grad_norm: grad_norm.is_finite().then_some(grad_norm),
            lr,
            batch: spike.step,
        });
    }

    fn push_line(&mut self, line: &impl Serialize) {
        // Numbers and plain strings always serialise.
        if let Ok(line) = serde_json::to_string(line) {
            self.pending += &line;
            self.pending.push('\n');
        }
    }

    /// Hands all lines to the operating system.
    pub(crate) fn flush(&mut self) -> Result<(), TrainError> {
        let lines = std::mem::take(&mut self.pending);
        if let Err(error) = self.write(&lines) {
            self.pending = lines;
            return Err(TrainError::write(&self.path)(error));
        }
        for mirror in &mut self.mirrors {
            let followed = mirror.follow(&self.path, &lines);
            followed.map_err(TrainError::write(mirror.path()))?;
        }
        Ok(())
    }

    /// Flushes, and waits until the lines have reached the disk.
    pub(crate) fn sync(&mut self) -> Result<(), TrainError> {
        self.flush()?;
        self.file.sync_data().map_err(TrainError::write(&self.path))
    }

    fn write(&mut self, lines: &str) -> io::Result<()> {
        // An earlier attempt may have left a part of its lines behind.
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(lines.as_bytes())?;
        self.length += lines.len() as u64;
        Ok(())
    }
}

fn kept_lines(path: &Path, step: u64) -> io::Result<String> {
    let text = match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    // A line without an end was cut off by a kill, and so was one that does not parse.
    let whole = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let kept = whole.filter(|line| {
        serde_json::from_str::<Key>(line).is_ok_and(|key| key.step <= step && key.split != "test")
    });
    Ok(kept.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(step: u64, split: &'static str) -> Moment {
        Moment {
            step,
            epoch: step as f64 / 3.0,
            split,
        }
    }

    #[test]
    fn lines_have_the_documented_form() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        let mut log = MetricsLog::open(path.clone(), 0, &[]).unwrap();
        log.push(at(1, "train"), "loss", 0.5);
        log.push(at(2, "valid"), "loss", f64::NAN);
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        log.flush().unwrap();
        log.push(at(2, "valid"), "accuracy", 1.0);
        log.sync().unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            r#"{"step":1,"epoch":0.3333,"split":"train","name":"loss","value":0.5}
{"step":2,"epoch":0.6667,"split":"valid","name":"loss","value":null}
{"step":2,"epoch":0.6667,"split":"valid","name":"accuracy","value":1.0}
"#
        );
    }

    #[test]
    fn spikes_are_lines_with_more_members() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        let mut log = MetricsLog::open(path.clone(), 0, &[MirrorFormat::Csv]).unwrap();
        let spike = Spike {
            step: 2,
            observed: Observed {
                loss: 4.5,
                grad_norm: f64::INFINITY,
            },
            typical: 1.5,
            threshold: 2.5,
        };
        log.push_spike(at(3, "train"), &spike, 1e-3);
        log.flush().unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            r#"{"step":3,"epoch":1.0,"split":"train","name":"loss_spike","value":4.5,"at":3,"typical":1.5,"threshold":2.5,"grad_norm":null,"lr":0.001,"batch":2}
"#
        );
        let csv = fs::read_to_string(dir.path().join("metrics.csv")).unwrap();
        assert!(csv.ends_with("3,1,train,loss_spike,4.5\n"), "{csv}");
    }

    #[test]
    fn resumption_drops_later_steps_tests_and_torn_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        let mut log = MetricsLog::open(path.clone(), 0, &[]).unwrap();
        for step in 1..=3 {
            log.push(at(step, "train"), "loss", 0.1);
        }
        log.flush().unwrap();
        let two: String = fs::read_to_string(&path)
            .unwrap()
            .split_inclusive('\n')
            .take(2)
            .collect();
        log.push(at(2, "test"), "loss", 0.1);
        log.flush().unwrap();
        let torn = fs::read_to_string(&path).unwrap() + "{\"step\":1,\"epo";
        fs::write(&path, torn).unwrap();

        MetricsLog::open(path.clone(), 2, &[]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), two);
    }

    #[test]
    fn remains_of_a_failed_flush_are_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        let mut log = MetricsLog::open(path.clone(), 0, &[]).unwrap();
        log.push(at(1, "train"), "loss", 0.5);
        fs::write(
            &path,
            "{\"step\":1,\"epoch\":0.3333,\"split\":\"train\",\"na",
        )
        .unwrap();
        log.flush().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(text.ends_with("\"value\":0.5}\n"));
    }

    #[test]
    fn copies_follow_and_are_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        let formats = [MirrorFormat::Csv, MirrorFormat::TensorBoard];
        let mut log = MetricsLog::open(path.clone(), 0, &formats).unwrap();
        log.push(at(3, "train"), "loss", 0.5);
        log.flush().unwrap();
        log.push(at(6, "valid"), "loss", f64::INFINITY);
        log.flush().unwrap();
        let csv = || fs::read_to_string(dir.path().join("metrics.csv")).unwrap();
        let events =
            || fs::read(dir.path().join("tensorboard/events.out.tfevents.elapid")).unwrap();
        let head = "step,epoch,split,name,value\n3,1,train,loss,0.5\n";
        assert_eq!(csv(), format!("{head}6,2,valid,loss,\n"));
        let length = events().len();
        // The first frame tells the version, whose checksum tools check before anything else.
        assert_eq!(&events()[..8], &24_u64.to_le_bytes());
        assert!(events().windows(10).any(|bytes| bytes == b"train/loss"));

        // A resumption that drops the second line.
        let mut log = MetricsLog::open(path, 3, &formats).unwrap();
        log.flush().unwrap();
        assert_eq!(csv(), head);
        assert!(events().len() < length);
    }
}
