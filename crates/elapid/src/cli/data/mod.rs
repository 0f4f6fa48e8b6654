//! `elapid data`.

mod list;
mod prepare;
mod verify;

use std::path::{Path, PathBuf};

use elapid::data::audio::synth::{self, CommandsOptions};
use elapid::data::graph;
use elapid::data::graph::synth::{Counts, karate, minesweeper, rings, sbm, trees};
use elapid::data::series::Shares;
use elapid::data::series::synth::{Seasonal, write_seasonal};
use elapid::data::shapes::{self, Settings};
use elapid::data::{DataError, digits};

use crate::cli::failure::Failure;
use crate::cli::print;

/// List, fetch, check and make data sets.
#[derive(clap::Subcommand)]
pub(crate) enum DataCommand {
    List(list::ListArgs),
    Prepare(prepare::PrepareArgs),
    Verify(verify::VerifyArgs),
    /// Make a data set from nothing, to try things out without a download.
    #[command(subcommand)]
    Synth(SynthCommand),
    /// Write the digits that come with elapid as PNG files: a folder of images to try things out with.
    #[command(after_help = "Example:\n  elapid data digits my_images")]
    Digits {
        /// A folder that is not there yet, or empty.
        out: PathBuf,
    },
}

#[derive(clap::Subcommand)]
pub(crate) enum SynthCommand {
    /// Twelve words, spoken by espeak-ng in many voices, in the layout of Speech Commands.
    #[command(after_help = "Example:\n  elapid data synth commands data/commands --takes 2")]
    Commands {
        /// A folder that is not there yet, or empty.
        out: PathBuf,
        /// Voices, 10 to 96; a tenth is for validation and a tenth for testing.
        #[arg(long, default_value_t = CommandsOptions::default().speakers)]
        speakers: usize,
        /// Times that each voice says each word.
        #[arg(long, default_value_t = CommandsOptions::default().takes)]
        takes: usize,
        /// Decides everything that is drawn.
        #[arg(long, default_value_t = CommandsOptions::default().seed)]
        seed: u64,
    },
    /// Drawn shapes with masks, in the layout that `mask_folder` reads; `name = "shapes"` needs no files.
    #[command(after_help = "Example:\n  elapid data synth shapes data/shapes --size 64")]
    Shapes {
        /// A folder that is not there yet, or empty.
        out: PathBuf,
        /// Height and width of an image, in pixels.
        #[arg(long, default_value_t = 64)]
        size: usize,
        /// Images for training.
        #[arg(long, default_value_t = 2000)]
        train: usize,
        /// Images for testing.
        #[arg(long, default_value_t = 400)]
        test: usize,
        /// Most shapes in an image.
        #[arg(long, default_value_t = 4)]
        shapes: usize,
        /// Decides everything that is drawn.
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Hourly series with a daily and a weekly season, a trend and noise, and the error of the best forecast of them;
    /// `name = "seasonal"` needs no files.
    #[command(
        after_help = "Example:\n  elapid data synth seasonal data/seasonal --rows 8736 --horizon 96"
    )]
    Seasonal {
        /// A folder that is not there yet, or empty.
        out: PathBuf,
        /// Hours.
        #[arg(long, default_value_t = Seasonal::default().rows)]
        rows: usize,
        /// Series.
        #[arg(long, default_value_t = Seasonal::default().variates)]
        variates: usize,
        /// How much of the noise of an hour stays in the next, between -1 and 1.
        #[arg(long, default_value_t = Seasonal::default().phi)]
        phi: f64,
        /// Standard deviation of what is new in the noise of an hour.
        #[arg(long, default_value_t = Seasonal::default().noise)]
        noise: f64,
        /// Share of the rows behind which the seasons change; left out, they never do.
        #[arg(long)]
        regime_change: Option<f64>,
        /// Hours ahead for which the best error is written.
        #[arg(long, default_value_t = 96)]
        horizon: usize,
        /// Share of the rows that trains, by whose deviation errors are divided.
        #[arg(long, default_value_t = 0.7)]
        train: f64,
        /// Share of the rows, the last, that tests.
        #[arg(long, default_value_t = 0.2)]
        test: f64,
        /// Decides everything that is drawn.
        #[arg(long, default_value_t = Seasonal::default().seed)]
        seed: u64,
    },
    /// Graphs of a set that is made from nothing, as the tables that `graph_csv` reads with `directed = true`; in a config the
    /// name of the set needs no files.
    #[command(
        after_help = "Example:\n  elapid data synth graphs pattern data/pattern --train 1000"
    )]
    Graphs {
        /// Which set.
        set: GraphSet,
        /// A folder that is not there yet, or empty.
        out: PathBuf,
        /// Training graphs of `pattern`, `cluster` and `ring-transfer`; left out, as many as published.
        #[arg(long)]
        train: Option<usize>,
        /// Graphs for validation.
        #[arg(long)]
        valid: Option<usize>,
        /// Test graphs.
        #[arg(long)]
        test: Option<usize>,
        /// Depth of `tree-neighbors-match`, nodes of a ring of `ring-transfer`, or fields along a side of `minesweeper`.
        #[arg(long)]
        size: Option<usize>,
        /// Decides everything that is drawn.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Tones whose pitch falls, rises, stays or warbles: half a second each, a folder a class.
    #[command(after_help = "Example:\n  elapid data synth tones data/tones")]
    Tones {
        /// A folder that is not there yet, or empty.
        out: PathBuf,
        /// Sounds of each class.
        #[arg(long, default_value_t = 40)]
        sounds: usize,
        /// Decides everything that is drawn.
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
}

/// Sets of graphs that are made from nothing.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum GraphSet {
    Pattern,
    Cluster,
    TreeNeighborsMatch,
    RingTransfer,
    Minesweeper,
    Karate,
}

pub(crate) fn data(command: DataCommand) -> Result<(), Failure> {
    match command {
        DataCommand::List(args) => list::list(args),
        DataCommand::Prepare(args) => prepare::prepare(args),
        DataCommand::Verify(args) => verify::verify(args),
        DataCommand::Synth(SynthCommand::Commands {
            out,
            speakers,
            takes,
            seed,
        }) => commands(
            &out,
            &CommandsOptions {
                speakers,
                takes,
                seed,
            },
        ),
        DataCommand::Synth(SynthCommand::Shapes {
            out,
            size,
            train,
            test,
            shapes,
            seed,
        }) => draw_shapes(
            &out,
            &Settings {
                size,
                train,
                test,
                largest: shapes,
                seed,
            },
        ),
        DataCommand::Synth(SynthCommand::Seasonal {
            out,
            rows,
            variates,
            phi,
            noise,
            regime_change,
            horizon,
            train,
            test,
            seed,
        }) => {
            let settings = Seasonal {
                rows,
                variates,
                phi,
                noise,
                regime_change,
                seed,
                ..Seasonal::default()
            };
            make_seasonal(&out, &settings, Shares { train, test }, horizon)
        }
        DataCommand::Synth(SynthCommand::Graphs {
            set,
            out,
            train,
            valid,
            test,
            size,
            seed,
        }) => {
            let counts = |published: Counts| Counts {
                train: train.unwrap_or(published.train),
                valid: valid.unwrap_or(published.valid),
                test: test.unwrap_or(published.test),
                seed: seed.unwrap_or(published.seed),
            };
            let splits = match set {
                GraphSet::Pattern => sbm::pattern(counts(sbm::pattern_counts())),
                GraphSet::Cluster => sbm::cluster(counts(sbm::cluster_counts())),
                GraphSet::TreeNeighborsMatch => {
                    trees::splits(size.unwrap_or(3), false, seed.unwrap_or(11))
                }
                GraphSet::RingTransfer => {
                    rings::splits(size.unwrap_or(10), counts(rings::counts()))
                }
                GraphSet::Minesweeper => {
                    let side = size.unwrap_or(minesweeper::SIDE);
                    minesweeper::splits(side, 0, seed.unwrap_or(0))
                }
                GraphSet::Karate => karate::splits(),
            };
            let splits = splits.map_err(failure)?;
            let [graphs, nodes] = graph::write(&splits, &out).map_err(failure)?;
            let graphs = match graphs {
                1 => "one graph".to_owned(),
                _ => format!("{graphs} graphs"),
            };
            print(&format!("{}: {graphs} with {nodes} nodes", out.display()))
        }
        DataCommand::Synth(SynthCommand::Tones { out, sounds, seed }) => {
            synth::tones(&out, sounds, seed).map_err(failure)?;
            print(&format!("{}: {} sounds", out.display(), 4 * sounds))
        }
        DataCommand::Digits { out } => {
            let [train, test] = digits::write(&out).map_err(failure)?;
            let out = out.display();
            print(&format!(
                "{out}: {train} images for training, {test} for testing"
            ))
        }
    }
}

fn commands(out: &Path, options: &CommandsOptions) -> Result<(), Failure> {
    let summary = synth::commands(out, options).map_err(failure)?;
    let ([train, valid, test], program) = (summary.sounds, summary.program);
    print(&format!(
        "{}: {train} sounds for training, {valid} for validation, {test} for testing, by {program}",
        out.display()
    ))
}

fn draw_shapes(out: &Path, settings: &Settings) -> Result<(), Failure> {
    shapes::write(out, settings).map_err(failure)?;
    let (train, test) = (settings.train, settings.test);
    print(&format!(
        "{}: {train} images for training, {test} for testing, with masks",
        out.display()
    ))
}

fn make_seasonal(
    out: &Path,
    settings: &Seasonal,
    shares: Shares,
    horizon: usize,
) -> Result<(), Failure> {
    let optimum = write_seasonal(out, settings, shares, horizon).map_err(failure)?;
    let best = optimum.mse_up_to_step.last().copied().unwrap_or_default();
    print(&format!(
        "{}: {} rows of {} series; on standardised data no forecast of {horizon} hours has an expected squared error below {best:.4}, and the best one has {:.4} on the test rows",
        out.display(),
        settings.rows,
        settings.variates,
        optimum.test_mse
    ))
}

fn failure(error: DataError) -> Failure {
    match error {
        DataError::Setting { .. } | DataError::Layout { .. } => Failure::input(error),
        _ => Failure::run(error),
    }
}
