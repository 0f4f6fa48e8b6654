//! Series: specification to batches.

use std::path::Path;

use elapid_config::{self as config, DataSpec, Plan, Samples, SeriesOptions, Source, TaskSpec};
use elapid_data::series::forecast::{self, Options};
use elapid_data::series::synth::{self, Faults, Seasonal};
use elapid_data::series::{
    AnomalyOptions, Ending, Features, Following, LabelledSplits, Marks, Missing, Protocol, Rhythms,
    Roles, Scaler, SeriesBatcher, Shares, Span, WindowBatcher, WindowSplits, anomaly, ending,
    rhythms, uea,
};
use elapid_data::{DataError, EvalLoader, Order, Split, TrainLoader};
use elapid_train::{EvalSource, TrainSource};

use super::facts::{Facts, Normalisation, SeriesFacts};
use super::sources::{EvalBatches, TrainBatches};
use super::{Data, Part, SPLIT_SEED};
use crate::registry::{AnyBatch, series_shape};

/// Opens the series that a plan names.
///
/// # Errors
///
/// Data that are missing or damaged, or that fit neither the model nor the task.
pub(super) fn open(plan: &Plan, options: &SeriesOptions) -> Result<Box<dyn Data>, DataError> {
    let loading = Loading {
        order: Order::plain(plan.train.batch_size, plan.run.seed),
        workers: plan.data.common.workers,
    };
    if let Some(splits) = labelled(plan, options)? {
        if !matches!(plan.task, TaskSpec::Classify(_)) {
            return Err(wrong_task(plan, "`kind = \"classify\"`"));
        }
        return Ok(Box::new(LabelledData { splits, loading }));
    }
    let Some(wrap) = windowed(&plan.task) else {
        let expected = "`kind = \"forecast\"`, `\"detect\"` or `\"impute\"`";
        return Err(wrong_task(plan, expected));
    };
    let splits = windows(plan, options)?.reduced(plan.data.common.train_fraction, SPLIT_SEED)?;
    Ok(Box::new(WindowData {
        splits,
        loading,
        wrap,
    }))
}

/// How batches are loaded.
#[derive(Clone, Copy)]
struct Loading {
    order: Order,
    workers: usize,
}

type WrapWindows = fn(elapid_data::series::WindowBatch) -> AnyBatch;

/// For which task windows are, if it takes windows.
fn windowed(task: &TaskSpec) -> Option<WrapWindows> {
    match task {
        TaskSpec::Forecast(_) => Some(AnyBatch::Forecast),
        TaskSpec::Detect(_) => Some(AnyBatch::Detect),
        TaskSpec::Impute(_) => Some(AnyBatch::Impute),
        _ => None,
    }
}

fn wrong_task(plan: &Plan, expected: &str) -> DataError {
    DataError::Setting {
        setting: "task.kind",
        value: format!("`{}`", plan.task.name()),
        expected: format!("{expected} for the series of `{}`", plan.data.source.name()),
    }
}

/// Windows of a series, ready to be batched for one model and task.
struct WindowData {
    splits: WindowSplits,
    loading: Loading,
    wrap: WrapWindows,
}

impl Data for WindowData {
    /// Series are in memory when they are open.
    fn check(&self) -> Result<(), DataError> {
        Ok(())
    }

    fn name(&self) -> &str {
        &self.splits.card.name
    }

    fn unit(&self) -> &'static str {
        "windows"
    }

    fn facts(&self) -> Facts {
        let shape = self.splits.train.shape();
        let marks = self.splits.train.matrix().mark_count;
        let columns = self.splits.columns.clone();
        let series = SeriesFacts {
            targets: shape.targets,
            marks,
            steps: shape.lookback,
            step: self.splits.step,
            columns,
        };
        Facts {
            classes: Vec::new(),
            normalisation: Some(normalisation(&self.splits.scaler)),
            series: Some(series),
            graphs: None,
        }
    }

    fn part(&self, split: Split) -> Option<Part> {
        let windows = self.splits.get(split)?;
        Some(Part {
            samples: windows.len(),
            fingerprint: windows.fingerprint(),
        })
    }

    fn train(&self) -> Result<Box<dyn TrainSource<AnyBatch>>, DataError> {
        let batcher = WindowBatcher::new(self.splits.train.clone(), self.splits.notes.clone());
        let loader = TrainLoader::new(batcher, self.loading.order, self.loading.workers)?;
        Ok(Box::new(TrainBatches::new(loader, self.wrap)))
    }

    fn eval(
        &self,
        split: Split,
        batch_size: usize,
    ) -> Result<Option<Box<dyn EvalSource<AnyBatch>>>, DataError> {
        let Some(windows) = self.splits.get(split) else {
            return Ok(None);
        };
        let batcher = WindowBatcher::new(windows.clone(), Vec::new());
        let loader = EvalLoader::new(batcher, batch_size, self.loading.workers)?;
        Ok(Some(Box::new(EvalBatches::new(loader, self.wrap))))
    }
}

/// Labelled series, ready to be batched.
struct LabelledData {
    splits: LabelledSplits,
    loading: Loading,
}

impl LabelledData {
    fn batcher(&self, split: Split, notes: Vec<String>) -> Option<SeriesBatcher> {
        let series = self.splits.splits.get(split)?;
        let normalised = self.splits.normalised(split).clone();
        let length = self.splits.length;
        Some(SeriesBatcher::new(
            series.clone(),
            normalised,
            length,
            notes,
        ))
    }
}

impl Data for LabelledData {
    /// Series are in memory when they are open.
    fn check(&self) -> Result<(), DataError> {
        Ok(())
    }

    fn name(&self) -> &str {
        &self.splits.splits.card.name
    }

    fn unit(&self) -> &'static str {
        "series"
    }

    fn facts(&self) -> Facts {
        let columns = (1..=self.splits.variates).map(|n| format!("dimension {n}"));
        let series = SeriesFacts {
            columns: columns.collect(),
            targets: 0,
            marks: 0,
            steps: self.splits.length,
            step: None,
        };
        Facts {
            classes: self.splits.splits.train.classes().to_vec(),
            normalisation: Some(normalisation(&self.splits.normalised(Split::Train).scaler)),
            series: Some(series),
            graphs: None,
        }
    }

    fn part(&self, split: Split) -> Option<Part> {
        self.splits.splits.get(split).map(Part::of)
    }

    fn train(&self) -> Result<Box<dyn TrainSource<AnyBatch>>, DataError> {
        let notes = self.splits.notes.clone();
        let batcher = self.batcher(Split::Train, notes);
        let batcher = batcher.ok_or_else(|| DataError::TooFew {
            what: "the training part".to_owned(),
            len: 0,
            needed: 1,
            hint: "check data.path".to_owned(),
        })?;
        let loader = TrainLoader::new(batcher, self.loading.order, self.loading.workers)?;
        Ok(Box::new(TrainBatches::new(
            loader,
            AnyBatch::ClassifySeries,
        )))
    }

    fn eval(
        &self,
        split: Split,
        batch_size: usize,
    ) -> Result<Option<Box<dyn EvalSource<AnyBatch>>>, DataError> {
        let Some(batcher) = self.batcher(split, Vec::new()) else {
            return Ok(None);
        };
        let loader = EvalLoader::new(batcher, batch_size, self.loading.workers)?;
        let batches = EvalBatches::new(loader, AnyBatch::ClassifySeries);
        Ok(Some(Box::new(batches)))
    }
}

fn normalisation(scaler: &Scaler) -> Normalisation {
    let single = |values: &[f64]| values.iter().map(|&value| value as f32).collect();
    Normalisation {
        mean: single(&scaler.mean),
        std: single(&scaler.std),
    }
}

/// The labelled series that a plan names; `None` if its data are of another kind.
fn labelled(plan: &Plan, options: &SeriesOptions) -> Result<Option<LabelledSplits>, DataError> {
    let common = &plan.data.common;
    let fractions = [common.valid_fraction, common.train_fraction];
    let splits = match &plan.data.source {
        Source::Uea(s) => uea(
            Path::new(&s.path),
            s.problem.as_deref(),
            protocol(s.protocol),
            fractions,
            SPLIT_SEED,
        )?,
        Source::Rhythms(s) => {
            let settings = Rhythms {
                train: s.train,
                test: s.test,
                seed: s.draw_seed,
            };
            rhythms(&settings, fractions, SPLIT_SEED)?
        }
        _ => return Ok(None),
    };
    Ok(Some(match options.scale {
        true => splits,
        false => splits.unscaled(),
    }))
}

/// The windows that a plan names, for its model and task.
fn windows(plan: &Plan, options: &SeriesOptions) -> Result<WindowSplits, DataError> {
    let span = span(plan)?;
    let of = |columns: Columns<'_>| window_options(options, &columns);
    let plain = || of(Columns::default());
    match &plan.data.source {
        Source::Csv(s) => {
            let columns = of(csv_columns(s));
            forecast::csv(Path::new(&s.path), &columns, shares(s.split), span)
        }
        Source::Ett(s) => {
            let columns = Columns {
                target: s.target.as_deref(),
                features: s.features,
                ..Columns::default()
            };
            forecast::ett(Path::new(&s.path), &of(columns), span)
        }
        Source::Solar(s) => forecast::solar(Path::new(&s.path), &plain(), span),
        Source::Pems(s) => forecast::pems(Path::new(&s.path), &plain(), s.test_stride, span),
        Source::Seasonal(s) => {
            let columns = Columns {
                features: s.features,
                ..Columns::default()
            };
            synth::seasonal(&seasonal(s), &of(columns), shares(s.split), span)
        }
        Source::Anomaly(s) => {
            let options = anomalies(&plan.data, options, span, s.stride, s.protocol);
            anomaly(Path::new(&s.path), s.set.as_deref(), &options)
        }
        Source::Faults(s) => {
            let protocol = config::SeriesProtocol::HeldOut;
            let options = anomalies(&plan.data, options, span, s.stride, protocol);
            let settings = Faults {
                train: s.train,
                test: s.test,
                variates: s.variates,
                seed: s.draw_seed,
            };
            synth::faults(&settings, &options)
        }
        other => Err(DataError::Setting {
            setting: "data.name",
            value: format!("`{}`", other.name()),
            expected: "a set of series".to_owned(),
        }),
    }
}

/// The last rows of a file, as many as the model of a plan looks back on, for a run that knows `facts` of its data. Columns are found by
/// their names.
///
/// # Errors
///
/// A file that is missing or damaged, lacks a column or has too few rows, or a run that was not trained on windows of series.
pub fn series_ending(plan: &Plan, facts: &Facts, file: &Path) -> Result<Ending, DataError> {
    let trained = trained_on(plan, facts)?;
    let lookback = span(plan)?.lookback;
    ending(
        file,
        &trained.options,
        trained.columns,
        &trained.scaler,
        lookback,
    )
}

/// A CSV file whose rows arrive while it is read, for a run that knows `facts` of its data.
///
/// # Errors
///
/// A file that cannot be opened, or a run that was not trained on windows of series.
pub fn series_following(plan: &Plan, facts: &Facts, file: &Path) -> Result<Following, DataError> {
    let trained = trained_on(plan, facts)?;
    Following::open(file, &trained.options, trained.columns, &trained.scaler)
}

/// How a run reads tables.
struct TrainedOn<'a> {
    options: Options,
    columns: &'a [String],
    scaler: Scaler,
}

fn trained_on<'a>(plan: &Plan, facts: &'a Facts) -> Result<TrainedOn<'a>, DataError> {
    let (Some(series), Some(scaler)) = (&facts.series, &facts.normalisation) else {
        return Err(wrong_task(plan, "a run on series"));
    };
    let Samples::Series(options) = &plan.data.samples else {
        return Err(wrong_task(plan, "a run on series"));
    };
    let columns = match &plan.data.source {
        Source::Csv(s) => csv_columns(s),
        _ => Columns::default(),
    };
    let double = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect();
    Ok(TrainedOn {
        options: window_options(options, &columns),
        columns: &series.columns,
        scaler: Scaler {
            mean: double(&scaler.mean),
            std: double(&scaler.std),
        },
    })
}

/// Rows of a window. What is reconstructed has nothing behind it.
fn span(plan: &Plan) -> Result<Span, DataError> {
    let shape = series_shape(&plan.model).map_err(|error| DataError::Setting {
        setting: "model.backbone",
        value: format!("`{}`", plan.model.name()),
        expected: format!(
            "one for the series of `{}`: {error}",
            plan.data.source.name()
        ),
    })?;
    Ok(Span {
        lookback: shape.lookback,
        horizon: match plan.task {
            TaskSpec::Forecast(_) => shape.horizon,
            _ => 0,
        },
    })
}

/// What a specification says of columns.
struct Columns<'a> {
    date: Option<&'a str>,
    ignore: Option<&'a str>,
    target: Option<&'a str>,
    features: config::Features,
    missing: config::Missing,
}

fn csv_columns(spec: &config::Csv) -> Columns<'_> {
    Columns {
        date: spec.date.as_deref(),
        ignore: spec.ignore.as_deref(),
        target: spec.target.as_deref(),
        features: spec.features,
        missing: spec.missing,
    }
}

impl Default for Columns<'_> {
    fn default() -> Self {
        Self {
            date: None,
            ignore: None,
            target: None,
            features: config::Features::All,
            missing: config::Missing::Forward,
        }
    }
}

fn window_options(options: &SeriesOptions, columns: &Columns<'_>) -> Options {
    let ignored = columns.ignore.unwrap_or_default().split(',').map(str::trim);
    Options {
        roles: Roles {
            date: columns.date.map(str::to_owned),
            ignore: ignored
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            ..Roles::default()
        },
        target: columns.target.map(str::to_owned),
        features: match columns.features {
            config::Features::All => Features::All,
            config::Features::Target => Features::Target,
            config::Features::AllForTarget => Features::AllForTarget,
        },
        missing: match columns.missing {
            config::Missing::Error => Missing::Error,
            config::Missing::Forward => Missing::Forward,
            config::Missing::Interpolate => Missing::Interpolate,
            config::Missing::Zero => Missing::Zero,
        },
        marks: match options.marks {
            config::Marks::None => Marks::None,
            config::Marks::Second => Marks::Second,
            config::Marks::Minute => Marks::Minute,
            config::Marks::Hour => Marks::Hour,
            config::Marks::Day => Marks::Day,
            config::Marks::Week => Marks::Week,
            config::Marks::Month => Marks::Month,
        },
        scale: options.scale,
    }
}

fn shares([train, test]: [f64; 2]) -> Shares {
    Shares { train, test }
}

fn seasonal(spec: &config::Seasonal) -> Seasonal {
    Seasonal {
        rows: spec.rows,
        variates: spec.variates,
        daily: spec.daily,
        weekly: spec.weekly,
        trend: spec.trend,
        phi: spec.phi,
        noise: spec.noise,
        regime_change: spec.regime_change,
        seed: spec.draw_seed,
    }
}

fn protocol(spec: config::SeriesProtocol) -> Protocol {
    match spec {
        config::SeriesProtocol::HeldOut => Protocol::HeldOut,
        config::SeriesProtocol::TsLib => Protocol::TsLib,
    }
}

fn anomalies(
    data: &DataSpec,
    options: &SeriesOptions,
    span: Span,
    stride: usize,
    spec: config::SeriesProtocol,
) -> AnomalyOptions {
    AnomalyOptions {
        lookback: span.lookback,
        stride,
        scale: options.scale,
        protocol: protocol(spec),
        valid_fraction: data.common.valid_fraction,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::open_data;
    use elapid_data::series::Step;

    fn open(data: &str, model: &str, task: &str) -> Result<Box<dyn Data>, String> {
        let text = format!(
            "[data]\n{data}\n[model]\n{model}\n[task]\nkind = \"{task}\"\n[train]\nepochs = 1\nbatch_size = 8\n"
        );
        let plan = config::parse(&text, Path::new("x.toml")).map_err(|error| error.to_string())?;
        open_data(&plan).map_err(|error| error.to_string())
    }

    const RLINEAR: &str = "backbone = \"rlinear\"\nlookback = 48\nhorizon = 24";

    fn sizes(data: &dyn Data) -> [usize; 3] {
        Split::ALL.map(|split| data.part(split).map_or(0, |part| part.samples))
    }

    #[test]
    fn windows_have_the_size_of_the_model_and_facts_tell_the_units() {
        let data = "name = \"seasonal\"\nrows = 1000\nfeatures = \"MS\"";
        let data = open(data, RLINEAR, "forecast").unwrap();
        // 700, 100 and 200 rows, the last two with a lookback in front of them.
        assert_eq!(sizes(&*data), [629, 77, 177]);
        let facts = data.facts();
        let series = facts.series.unwrap();
        assert_eq!(series.columns, ["s1", "s2", "s3", "s4"]);
        assert_eq!((series.targets, series.marks, series.steps), (1, 4, 48));
        assert_eq!(series.step, Some(Step::Micros(3_600_000_000)));
        let std = facts.normalisation.unwrap().std;
        assert!(std[3] > 100.0 * std[0], "{std:?}");
        let mut batches = data.batches(Split::Test, 100).unwrap().iter();
        let Some(Ok(AnyBatch::Forecast(batch))) = batches.next() else {
            panic!("no forecast");
        };
        assert_eq!(
            (batch.batch, batch.lookback, batch.horizon, batch.variates),
            (100, 48, 24, 4)
        );
    }

    #[test]
    fn training_on_a_part_keeps_validation_and_test() {
        let data = "name = \"seasonal\"\nrows = 1000\ntrain_fraction = 0.1";
        let data = open(data, RLINEAR, "forecast").unwrap();
        assert_eq!(sizes(&*data), [63, 77, 177]);
    }

    #[test]
    fn faults_are_windows_without_a_future() {
        let data = "name = \"faults\"\ntrain = 1000\ntest = 480\nstride = 48";
        let data = open(data, RLINEAR, "detect").unwrap();
        assert_eq!(sizes(&*data), [16, 4, 10]);
        let mut batches = data.batches(Split::Test, 10).unwrap().iter();
        let Some(Ok(AnyBatch::Detect(batch))) = batches.next() else {
            panic!("no windows");
        };
        assert_eq!((batch.horizon, batch.anomalies.len()), (0, 480));
    }

    #[test]
    fn a_run_knows_the_end_of_another_table() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Seasonal {
            rows: 600,
            ..Seasonal::default()
        };
        synth::write_seasonal(folder.path(), &settings, shares([0.7, 0.2]), 24).unwrap();
        let path = folder.path().join("seasonal.csv");
        let text = format!(
            "[data]\nname = \"csv\"\npath = {path:?}\n[model]\n{RLINEAR}\n[task]\nkind = \"forecast\"\n[train]\nepochs = 1\nbatch_size = 8\n"
        );
        let plan = config::parse(&text, Path::new("x.toml")).unwrap();
        let facts = open_data(&plan).unwrap().facts();
        let end = series_ending(&plan, &facts, &path).unwrap();
        assert_eq!((end.window.lookback, end.window.variates), (48, 4));
        assert_eq!(end.stamps.len(), 48);
        let said = series_ending(&plan, &Facts::default(), &path).unwrap_err();
        assert!(
            said.to_string().contains("expected a run on series"),
            "{said}"
        );
    }

    #[test]
    fn rhythms_are_classified() {
        let data = "name = \"rhythms\"\ntrain = 40\ntest = 12";
        let data = open(data, "backbone = \"mambasl\"", "classify").unwrap();
        assert_eq!(sizes(&*data), [32, 8, 12]);
        assert_eq!(data.facts().classes.len(), 4);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let said = |data: &str, model: &str, task: &str| open(data, model, task).err().unwrap();
        let seasonal = "name = \"seasonal\"\nrows = 1000";
        let error = said(seasonal, RLINEAR, "classify");
        assert!(
            error.starts_with("task.kind is `classify`, expected `kind = \"forecast\"`"),
            "{error}"
        );
        let error = said(seasonal, "backbone = \"vim\"", "forecast");
        assert!(
            error.starts_with("model.backbone is `vim`, expected one for the series of `seasonal`"),
            "{error}"
        );
        let error = said("name = \"seasonal\"\nrows = 200", RLINEAR, "forecast");
        assert!(
            error.contains("the validation part (rows): expected at least 72, got 68"),
            "{error}"
        );
        let error = said("name = \"csv\"\npath = \"none.csv\"", RLINEAR, "forecast");
        assert!(error.starts_with("`none.csv` does not exist"), "{error}");
        let error = said(
            "name = \"seasonal\"\nsplit = [0.9, 0.2]",
            RLINEAR,
            "forecast",
        );
        assert!(error.contains("more than all rows"), "{error}");
    }
}
