//! `elapid predict --follow`: forecasts of a table whose rows arrive.

use std::io::{ErrorKind, Write};
use std::thread::sleep;
use std::time::Duration;

use burn::tensor::{Device, Tensor, s};
use elapid::data::series::Arrived;
use elapid::models::{CausalMamba, Stream};
use elapid::registry::{self, Facts, SeriesForecasting};
use elapid::train::StopFlag;

use super::failure::Failure;
use super::predict::PredictArgs;
use super::predict_series::{Forecasted, Opened, opened};
use super::run::OpenRun;

/// How long to wait for rows before looking again.
const PAUSE: Duration = Duration::from_millis(100);

/// Prints what follows the last row of a table, and again whenever one arrives, until a signal ends it.
pub(super) fn follow(args: &PredictArgs, open: &OpenRun) -> Result<(), Failure> {
    let Opened {
        file,
        facts,
        task,
        device,
    } = opened(args, open)?;
    let lookback = registry::series_shape(&open.plan.model).map_err(Failure::input)?;
    let stop = StopFlag::on_signals().map_err(Failure::run)?;
    let mut rows = registry::series_following(&open.plan, &facts, file).map_err(Failure::input)?;
    let mut follower = Follower::new(&task, lookback.lookback, &facts, &device);
    let mut output = Output {
        json: args.json,
        is_begun: false,
    };
    loop {
        let arrived = rows.more().map_err(Failure::input)?;
        for note in &arrived.notes {
            tracing::warn!("{note}");
        }
        for forecast in follower.take(arrived, || stop.signal().is_some()) {
            if !output.say(&forecast)? {
                return Ok(());
            }
        }
        // To end it is how it is meant to end.
        if stop.signal().is_some() {
            return Ok(());
        }
        sleep(PAUSE);
    }
}

/// A forecast, and the row that it was made behind.
struct Made {
    /// When that row was; its number where rows have no dates.
    from: String,
    forecast: Forecasted,
}

/// What was read, as far as it is still needed.
struct Follower<'a> {
    task: &'a SeriesForecasting,
    lookback: usize,
    facts: &'a Facts,
    device: &'a Device,
    /// Rows that a forecast will be made from.
    rows: Arrived,
    /// What a model that reads on remembers of the rows before these.
    state: Option<Stream>,
    is_begun: bool,
}

impl<'a> Follower<'a> {
    fn new(
        task: &'a SeriesForecasting,
        lookback: usize,
        facts: &'a Facts,
        device: &'a Device,
    ) -> Self {
        Self {
            task,
            lookback,
            facts,
            device,
            rows: Arrived::default(),
            state: None,
            is_begun: false,
        }
    }

    /// The forecasts that rows give: of those that the file began with one, of the others one whenever the model has enough of them.
    /// Gives up early if `is_over`.
    fn take(&mut self, mut arrived: Arrived, is_over: impl Fn() -> bool) -> Vec<Made> {
        let mut made = Vec::new();
        let together = match self.is_begun {
            false => arrived.rows(),
            true => 1,
        };
        while arrived.rows() > 0 && !is_over() {
            self.is_begun = true;
            let next = arrived.take(together);
            self.rows.append(next);
            made.extend(match self.task.recurrent() {
                Some(model) => self.read_on(model),
                None => self.look_back(),
            });
        }
        made
    }

    /// A forecast from the last rows.
    fn look_back(&mut self) -> Option<Made> {
        self.keep(self.lookback);
        if self.rows.rows() < self.lookback {
            return None;
        }
        let forecast = self.task.forecast(&self.rows.window(), self.device);
        Some(self.made(forecast, &self.rows))
    }

    /// A forecast from everything that was read, as soon as there is a whole patch more. Reading begins when there are as many rows as the
    /// model takes its statistics from, and with those that it would look back on where the file has more.
    fn read_on(&mut self, model: &CausalMamba) -> Option<Made> {
        let patch = model.patch();
        let enough = match self.state {
            Some(_) => patch,
            None => (model.first_counted() + 1) * patch,
        };
        if self.state.is_none() {
            self.keep(self.lookback);
        }
        let whole = self.rows.rows() / patch * patch;
        if whole < enough {
            return None;
        }
        let read = self.rows.take(whole);
        let state = self.state.take();
        let (forecasts, state) = self.task.read(&read.window(), state, self.device)?;
        self.state = Some(state);
        let last = forecasts.dims()[1] - 1;
        let forecast = forecasts
            .slice(s![.., last..last + 1, .., ..])
            .squeeze_dim(1);
        Some(self.made(forecast, &read))
    }

    /// Forgets all but the last rows.
    fn keep(&mut self, rows: usize) {
        let surplus = self.rows.rows().saturating_sub(rows);
        let _ = self.rows.take(surplus);
    }

    /// A forecast `[1, H, T]` behind the last of `rows`.
    fn made(&self, forecast: Tensor<3>, rows: &Arrived) -> Made {
        let values: Vec<f64> = forecast.into_data().iter::<f64>().collect();
        let last = rows.stamps.last().copied();
        Made {
            from: last.map_or(rows.last.to_string(), |stamp| stamp.to_string()),
            forecast: Forecasted::new(&values, last, rows.step, self.facts),
        }
    }
}

/// Standard output, line by line.
struct Output {
    json: bool,
    is_begun: bool,
}

impl Output {
    /// Prints a forecast; `false` if nobody reads any more.
    fn say(&mut self, made: &Made) -> Result<bool, Failure> {
        const KNOWN: &str = "from";
        let mut lines = Vec::new();
        if !self.json && !self.is_begun {
            lines.push(made.forecast.header(Some(KNOWN)));
        }
        self.is_begun = true;
        lines.extend(made.forecast.lines(self.json, Some((KNOWN, &made.from))));
        let mut out = std::io::stdout().lock();
        let written = writeln!(out, "{}", lines.join("\n")).and_then(|()| out.flush());
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::run(error)),
            Ok(()) => Ok(true),
        }
    }
}
