//! `elapid train --profile N`: where the time of a step goes.

use burn::tensor::{DType, Device};
use elapid::bench::{ScanBench, ScanTiming};
use elapid::config::Plan;
use elapid::models::Cost;
use elapid::registry::{self, AnyTask, Described, SeriesInput};
use elapid::train::{Profile, Setup, Spread, TrainSource};
use serde::Serialize;

use super::failure::Failure;
use super::run::Built;
use super::{print, rehearse, table};

/// A backward pass makes two products for each one of the forward pass.
const TRAINING: f64 = 3.0;

/// What is asked for.
pub(crate) struct Options {
    pub(crate) steps: usize,
    pub(crate) peak_tflops: Option<f64>,
    pub(crate) json: bool,
}

/// What was measured, and what follows from it.
#[derive(Serialize)]
struct Measured {
    #[serde(flatten)]
    profile: Profile,
    samples_per_s: f64,
    tokens_per_s: f64,
    /// Of a sample, in a forward pass.
    matmul_gflop: f64,
    scan_gflop: f64,
    /// Of matrix products in training.
    tflop_per_s: f64,
    /// `tflop_per_s` of the peak.
    utilisation: Option<f64>,
    scans: usize,
    /// One of them, alone.
    scan: Option<ScanTiming>,
}

/// Makes steps, keeps nothing, and prints their times.
pub(crate) fn profile(
    plan: &Plan,
    built: Built,
    device: Device,
    options: &Options,
) -> Result<(), Failure> {
    let data = rehearse::data(&built);
    let sources = built.data.sources(plan).map_err(Failure::input)?;
    let per_epoch = sources.train.batches_per_epoch() as u64;
    let config = registry::train_config(plan, per_epoch);
    let series = built.data.facts().series.unwrap_or_default();
    let series = SeriesInput::of(&series);
    let cost = registry::cost(&plan.model, built.task.classes().len(), series);
    let setup = Setup {
        config: &config,
        device: &device,
        source: sources.train.as_ref() as &dyn TrainSource<_>,
        rules: &|task: &AnyTask| registry::param_rules(plan, task, per_epoch),
    };
    let profile = elapid::train::profile(built.task, &setup, options.steps)?;
    let measured = measure(profile, &cost, registry::storage(plan), &device, options);
    if options.json {
        return print(&serde_json::to_string(&measured).map_err(Failure::run)?);
    }
    let rows = [data, batch(&profile, &cost)].to_vec();
    let text = format!(
        "{}\n\n{}\n\n{}\n\nnothing was kept",
        table::align(rows),
        table::align(times(&profile)),
        table::align(rates(&measured, &cost, options))
    );
    print(&text)
}

fn measure(
    profile: Profile,
    cost: &Cost,
    dtype: DType,
    device: &Device,
    options: &Options,
) -> Measured {
    let samples_per_s = profile.samples_per_s();
    let tflop_per_s = TRAINING * cost.products * samples_per_s / 1e12;
    let [channels, tokens, states] = cost.scan_shape;
    let part = profile.samples.div_ceil(profile.parts);
    let shape = [part, channels, tokens, states];
    Measured {
        profile,
        samples_per_s,
        tokens_per_s: samples_per_s * cost.tokens as f64,
        matmul_gflop: cost.products / 1e9,
        scan_gflop: cost.scan_operations() / 1e9,
        tflop_per_s,
        utilisation: options.peak_tflops.map(|peak| tflop_per_s / peak),
        scans: cost.scans * profile.parts,
        scan: match cost.scans {
            0 => None,
            _ => ScanBench::new(device).time(shape, dtype, "auto").ok(),
        },
    }
}

fn batch(profile: &Profile, cost: &Cost) -> Vec<String> {
    let parts = match profile.parts {
        1 => String::new(),
        parts => format!(" in {parts} parts"),
    };
    let (samples, tokens) = (profile.samples, cost.tokens);
    let what = match tokens {
        0 => format!("{samples} samples{parts}"),
        _ => format!("{samples} samples of {tokens} tokens{parts}"),
    };
    vec!["batch".into(), what]
}

fn times(profile: &Profile) -> Vec<Vec<String>> {
    let phases = &profile.phases;
    let of = |name: &str, spread: Spread, whole: Spread| {
        let mut row = vec![name.to_owned()];
        row.extend([spread.mean, spread.min, spread.max].map(|ms| format!("{ms:.2}")));
        row.push(format!("{:.1} %", 100.0 * spread.mean / whole.mean));
        row
    };
    let trained = &profile.trained;
    let step = match trained.recorded {
        true => "step as trained, replayed",
        false => "step as trained",
    };
    vec![
        ["phase", "mean ms", "min", "max", "share"]
            .map(str::to_owned)
            .to_vec(),
        of("data (waiting)", phases.data, phases.sum),
        of("upload", phases.upload, phases.sum),
        of("forward", phases.forward, phases.sum),
        of("backward", phases.backward, phases.sum),
        of("optimiser", phases.optimiser, phases.sum),
        of("sum of phases", phases.sum, phases.sum),
        of(step, trained.step, phases.sum),
        of("  of which waiting", trained.data, trained.step),
    ]
}

fn rates(measured: &Measured, cost: &Cost, options: &Options) -> Vec<Vec<String>> {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let products = format!(
        "{} a sample, times 3 in training: {:.3} TFLOP/s",
        operations(cost.products),
        measured.tflop_per_s
    );
    let used = match (measured.utilisation, options.peak_tflops) {
        (Some(share), Some(peak)) => format!(", {:.1} % of {peak} TFLOP/s", 100.0 * share),
        _ => String::new(),
    };
    let mut rows = vec![
        row("samples/s", format!("{:.1}", measured.samples_per_s)),
        row("tokens/s", format!("{:.0}", measured.tokens_per_s)),
        row("matrix products", format!("{products}{used}")),
        row(
            "scans",
            format!(
                "{} a sample in {} scans, not among the products",
                operations(cost.scan_operations()),
                cost.scans
            ),
        ),
    ];
    rows.extend(measured.scan.as_ref().map(|scan| {
        let ms = measured.scans as f64 * (scan.forward.ms + scan.backward.ms);
        let pass = |pass: &elapid::bench::Pass| {
            format!(
                "{:.2} ms, {:.1} GB/s, {:.0} % of the bound by bytes",
                pass.ms,
                pass.gb_per_s,
                100.0 * pass.byte_bound
            )
        };
        let (forward, backward) = (pass(&scan.forward), pass(&scan.backward));
        row(
            "a scan alone",
            format!(
                "forward {forward}; backward {backward}; {} a step: {ms:.1} ms",
                measured.scans
            ),
        )
    }));
    rows
}

/// A number of floating-point operations, with its unit.
fn operations(count: f64) -> String {
    match count {
        count if count < 1e9 => format!("{:.3} MFLOP", count / 1e6),
        count => format!("{:.3} GFLOP", count / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_have_a_unit_that_suits_them() {
        assert_eq!(operations(260_928.0), "0.261 MFLOP");
        assert_eq!(operations(2.5e9), "2.500 GFLOP");
    }
}
