//! What a person sees of a run.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::interval::Observed;
use crate::spikes::Spike;
use crate::{Measured, timestamp};

/// A bar where standard error is a terminal, lines where it is not; `log.txt` in both cases.
pub(crate) struct Progress {
    display: Display,
    log: File,
    total: u64,
    /// The last validation, to be shown beside the bar.
    valid: String,
}

enum Display {
    Bar(ProgressBar),
    Lines(Box<dyn Write + Send>),
}

/// The numbers of a line of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrainLine {
    pub(crate) step: u64,
    pub(crate) epoch: f64,
    pub(crate) loss: f64,
    pub(crate) lr: f64,
    pub(crate) grad_norm: f64,
    pub(crate) samples_per_s: f64,
}

impl Progress {
    /// Shows a run of `total` steps on standard error and writes its messages to `log`.
    pub(crate) fn new(total: u64, log: File) -> Self {
        let display = if io::stderr().is_terminal() {
            Display::Bar(bar(total))
        } else {
            Display::Lines(Box::new(io::stderr()))
        };
        Self {
            display,
            log,
            total,
            valid: String::new(),
        }
    }

    /// Shows that a run goes on at `step`.
    pub(crate) fn start_at(&mut self, step: u64) {
        if let Display::Bar(bar) = &self.display {
            bar.set_position(step);
            // Steps of an earlier process would make the rate look infinite.
            bar.reset_eta();
        }
    }

    /// Moves the bar, if there is one.
    pub(crate) fn step(&mut self, step: u64) {
        if let Display::Bar(bar) = &self.display {
            bar.set_position(step);
        }
    }

    /// Shows the means of an interval.
    pub(crate) fn trained(&mut self, line: TrainLine) {
        let numbers = numbers(line);
        let text = format!("step {}/{}  {numbers}", line.step, self.total);
        self.log(&text);
        match &mut self.display {
            Display::Bar(bar) => bar.set_message(format!("{numbers}{}", self.valid)),
            Display::Lines(out) => write_line(out, &text),
        }
    }

    /// Shows that the loss of a step stands out; `lr` is its learning rate.
    pub(crate) fn spiked(&mut self, spike: &Spike, lr: f64) {
        let Observed { loss, grad_norm } = spike.observed;
        self.say(&format!(
            "loss spike at step {}: {loss:.4}, usually {:.4}  lr {lr:.1e}  |g| {grad_norm:.2}  batch {}",
            spike.step + 1,
            spike.typical,
            spike.step,
        ));
    }

    /// Shows the metrics of an evaluation of the weights of a step; tests are often made with earlier ones than the last.
    pub(crate) fn evaluated(&mut self, split: &str, step: u64, metrics: &[Measured]) {
        let metrics: String = metrics
            .iter()
            .map(|metric| format!("  {} {:.4}", metric.name, metric.value))
            .collect();
        let at = match split {
            "test" => "with the weights of step",
            _ => "at step",
        };
        self.say(&format!("{split} {at} {step}:{metrics}"));
        self.valid = format!("  {split}{metrics}");
    }

    /// Shows a message.
    pub(crate) fn say(&mut self, text: &str) {
        self.log(text);
        match &mut self.display {
            Display::Bar(bar) => bar.println(text),
            Display::Lines(out) => write_line(out, text),
        }
    }

    /// Shows that something went wrong that does not end the run.
    pub(crate) fn warn(&mut self, text: &str) {
        self.say(&format!("warning: {text}"));
    }

    /// Leaves the bar as it stands.
    pub(crate) fn finish(&mut self) {
        if let Display::Bar(bar) = &self.display {
            bar.abandon();
        }
    }

    /// Writes a message to `log.txt` alone.
    pub(crate) fn log(&mut self, text: &str) {
        write_line(&mut self.log, &format!("{} {text}", timestamp::now()));
    }
}

/// A message that cannot be shown, because a pipe was closed or the disk is full, must not end
/// the training.
fn write_line(out: &mut impl Write, text: &str) {
    let _ = writeln!(out, "{text}");
}

fn bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template = "{bar:24} step {pos}/{len}  {msg}  eta {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

fn numbers(line: TrainLine) -> String {
    let rate = line.samples_per_s;
    // A slow model is told apart by the fraction, a fast one is hard to read with it.
    let decimals = usize::from(rate < 100.0);
    format!(
        "epoch {:.2}  loss {:.4}  lr {:.1e}  |g| {:.2}  {rate:.decimals$} samples/s",
        line.epoch, line.loss, line.lr, line.grad_norm,
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_compact_and_also_logged() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log.txt");
        let sink = Sink::default();
        let mut progress = Progress {
            display: Display::Lines(Box::new(sink.clone())),
            log: File::create(&log).unwrap(),
            total: 900,
            valid: String::new(),
        };
        progress.trained(TrainLine {
            step: 120,
            epoch: 8.0 / 3.0,
            loss: 0.43119,
            lr: 1e-3,
            grad_norm: 0.834,
            samples_per_s: 1449.7,
        });
        let accuracy = Measured::score("accuracy", 0.96114);
        progress.evaluated("valid", 120, &[accuracy]);
        progress.warn("the disk is full");
        progress.finish();

        let shown = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let expected = "step 120/900  epoch 2.67  loss 0.4312  lr 1.0e-3  |g| 0.83  1450 samples/s\n\
                        valid at step 120:  accuracy 0.9611\n\
                        warning: the disk is full\n";
        assert_eq!(shown, expected);
        let logged = fs::read_to_string(log).unwrap();
        for (logged, shown) in logged.lines().zip(shown.lines()) {
            assert!(logged.ends_with(&format!("Z {shown}")));
        }
    }
}
