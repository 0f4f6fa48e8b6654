//! Running the runs of a sweep.
//!
//! Each is a process of its own, of this same program. So a run that is killed for its memory, loses its GPU or meets a
//! defect takes neither the sweep nor the other runs with it; memory, compiled kernels and threads of one run are gone
//! before the next; and what trains is exactly `elapid train` and `elapid resume`, whose runs can be repeated by hand
//! from the command in their manifest. One process a device trains at a time.

use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::process::{Child, ChildStderr, ExitStatus, Stdio};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use elapid::config::Sweep;
use elapid::train::StopFlag;
use elapid::train::report::{Overview, Status};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::trial::{self, Job};
use crate::cli::table;

/// How a run ended.
pub(super) enum Ended {
    Well,
    /// It was asked to.
    Stopped,
    /// For this reason.
    Failed(String),
}

/// The processes of a sweep.
pub(super) struct Children<'a> {
    sweep: &'a Sweep,
    devices: &'a [String],
    stop: &'a StopFlag,
    bars: MultiProgress,
}

/// A process that trains.
struct Running<'a> {
    job: Job<'a>,
    process: Child,
    /// Gives the error, if there was one, when the process has closed its standard error.
    messages: JoinHandle<String>,
    bar: ProgressBar,
}

impl<'a> Children<'a> {
    pub(super) fn new(sweep: &'a Sweep, devices: &'a [String], stop: &'a StopFlag) -> Self {
        Self {
            sweep,
            devices,
            stop,
            bars: MultiProgress::new(),
        }
    }

    /// Makes all runs, and tells `ended` of each. Once a signal has come it starts no more, passes the signal on and
    /// waits.
    pub(super) fn run(&self, jobs: Vec<Job<'a>>, mut ended: impl FnMut(&Job<'a>, Ended)) {
        let mut queue = jobs.into_iter();
        let mut slots: Vec<Option<Running<'a>>> = self.devices.iter().map(|_| None).collect();
        let mut is_told = false;
        loop {
            for (slot, device) in slots.iter_mut().zip(self.devices) {
                if let Some((running, status)) = take_ended(slot) {
                    let (job, outcome) = self.conclude(running, status);
                    ended(&job, outcome);
                }
                while slot.is_none() && self.stop.signal().is_none() {
                    let Some(job) = queue.next() else { break };
                    match self.start(job, device) {
                        Ok(running) => *slot = Some(running),
                        Err((job, reason)) => {
                            self.say(&job, &format!("failed: {reason}"));
                            ended(&job, Ended::Failed(reason));
                        }
                    }
                }
            }
            if slots.iter().all(Option::is_none) {
                return;
            }
            if let (Some(signal), false) = (self.stop.signal(), is_told) {
                is_told = true;
                for running in slots.iter().flatten() {
                    pass_on(signal, &running.process);
                }
            }
            sleep(Duration::from_millis(20));
        }
    }

    fn start(&self, job: Job<'a>, device: &str) -> Result<Running<'a>, (Job<'a>, String)> {
        self.say(&job, &job.state.to_string().replace("to be ", "being "));
        let started = job.command(self.sweep, device).and_then(|mut command| {
            command.stdin(Stdio::null()).stdout(Stdio::null());
            apart(&mut command);
            command.stderr(Stdio::piped()).spawn()
        });
        let mut process = match started {
            Ok(process) => process,
            Err(error) => return Err((job, format!("cannot start a process: {error}"))),
        };
        let bar = self.bar(&job);
        let stderr = process.stderr.take();
        let shown = bar.clone();
        Ok(Running {
            job,
            process,
            messages: thread::spawn(move || {
                stderr.map_or(String::new(), |err| follow(err, &shown))
            }),
            bar,
        })
    }

    fn conclude(&self, running: Running<'a>, status: ExitStatus) -> (Job<'a>, Ended) {
        let Running {
            job, messages, bar, ..
        } = running;
        let message = messages.join().unwrap_or_default();
        bar.finish_and_clear();
        let overview = Overview::of(&job.path);
        let ended = match (status.success(), self.stop.signal()) {
            (false, Some(_)) if overview.status != Status::Failed => Ended::Stopped,
            (false, _) => Ended::Failed(reason(message, status)),
            // The experiment may have been edited while the sweep ran.
            (true, _) => match trial::state(job.trial, &job.path) {
                Ok(_) => Ended::Well,
                Err(_) => {
                    Ended::Failed("the experiment was changed while the sweep ran".to_owned())
                }
            },
        };
        let text = match &ended {
            Ended::Failed(reason) => format!("failed: {reason}"),
            _ => format!("{}{}", overview.status, figures(&overview)),
        };
        self.say(&job, &text);
        (job, ended)
    }

    /// A line on standard error.
    fn say(&self, job: &Job<'_>, text: &str) {
        let (number, of) = (job.number + 1, self.sweep.trials.len());
        let line = format!("[{number}/{of}] {}: {text}", job.trial.name);
        // Nobody may be there to read it.
        let _ = match std::io::stderr().is_terminal() {
            true => self.bars.println(line),
            false => writeln!(std::io::stderr(), "{line}"),
        };
    }

    /// Shows the newest message of a run where there is a terminal. Elsewhere `log.txt` of the run has them.
    fn bar(&self, job: &Job<'_>) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}  {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(job.trial.name.clone());
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

/// A process that has ended, with how it did.
fn take_ended<'a>(slot: &mut Option<Running<'a>>) -> Option<(Running<'a>, ExitStatus)> {
    let status = slot.as_mut()?.process.try_wait().ok()??;
    Some((slot.take()?, status))
}

/// Shows the messages of a process, and gives the error that it ended with, empty if it told none.
fn follow(stderr: ChildStderr, bar: &ProgressBar) -> String {
    let mut message = String::new();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        match line.strip_prefix("error: ") {
            Some(error) => message = error.to_owned(),
            None => bar.set_message(line),
        }
    }
    message
}

fn reason(message: String, status: ExitStatus) -> String {
    match message.is_empty() {
        true => format!("the process ended without a message ({status})"),
        false => message,
    }
}

fn figures(overview: &Overview) -> String {
    let valid = overview
        .valid
        .iter()
        .map(|figure| ("best validation", figure));
    let test = overview.test.iter().map(|figure| ("test", figure));
    valid
        .chain(test)
        .map(|(split, figure)| {
            let value = table::metric(&figure.metric, figure.value);
            format!(", {split} {} {value}", figure.metric)
        })
        .collect()
}

/// Keeps the signals of a terminal from a process: the sweep passes them on, once. A second one would end a run without
/// a checkpoint.
#[cfg(unix)]
fn apart(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn apart(_: &mut std::process::Command) {}

#[cfg(unix)]
fn pass_on(signal: i32, process: &Child) {
    use rustix::process::{Pid, Signal, kill_process};
    if let Some(signal) = Signal::from_named_raw(signal) {
        // It may have ended by itself.
        let _ = kill_process(Pid::from_child(process), signal);
    }
}

/// Elsewhere a console sends its signals to all processes.
#[cfg(not(unix))]
fn pass_on(_: i32, _: &Child) {}
