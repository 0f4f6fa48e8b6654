//! Commands, messages and exit codes: 0 done, 1 failed, 2 the user's input was wrong and nothing was
//! started, 128 + signal interrupted after a checkpoint was written.

mod abort;
mod bench;
mod by_class;
mod config;
mod data;
mod diagnose;
mod environment;
mod eval;
mod explain;
mod export;
mod failure;
mod find_lr;
mod follow_series;
mod forward;
mod import;
mod init_from;
mod list;
mod logging;
mod params;
mod predict;
mod predict_graphs;
mod predict_masks;
mod predict_patches;
mod predict_series;
mod predict_sounds;
mod profile;
mod rehearse;
mod replay;
mod run;
mod runs;
mod split;
mod sweep;
mod table;
mod train;
mod verify_resume;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Trains state-space models across modalities from one TOML file.
#[derive(Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(train::TrainArgs),
    Resume(train::ResumeArgs),
    Eval(eval::EvalArgs),
    Diagnose(diagnose::DiagnoseArgs),
    Predict(predict::PredictArgs),
    Explain(explain::ExplainArgs),
    Forward(forward::ForwardArgs),
    Import(import::ImportArgs),
    Export(export::ExportArgs),
    #[command(subcommand)]
    Config(config::ConfigCommand),
    #[command(subcommand)]
    Data(data::DataCommand),
    Params(params::ParamsArgs),
    Sweep(sweep::SweepArgs),
    Runs(runs::RunsArgs),
    List(list::ListArgs),
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    VerifyResume(verify_resume::VerifyResumeArgs),
}

/// Parses the command line, runs the command, and reports what went wrong.
pub(crate) fn main() -> ExitCode {
    failure::report_panics();
    logging::install();
    let cli = Cli::parse();
    work_in_the_pool();
    let outcome = failure::without_panics(|| match cli.command {
        Command::Train(args) => train::train(args),
        Command::Resume(args) => train::resume(args),
        Command::Eval(args) => eval::eval(args),
        Command::Diagnose(args) => diagnose::diagnose(args),
        Command::Predict(args) => predict::predict(args),
        Command::Explain(args) => explain::explain(args),
        Command::Forward(args) => forward::forward(args),
        Command::Import(args) => import::import(args),
        Command::Export(args) => export::export(args),
        Command::Config(command) => config::config(command),
        Command::Data(command) => data::data(command),
        Command::Params(args) => params::params(args),
        Command::Sweep(args) => sweep::sweep(args),
        Command::Runs(args) => runs::runs(args),
        Command::List(args) => list::list(args),
        Command::Bench(command) => bench::bench(command),
        Command::VerifyResume(args) => verify_resume::verify_resume(args),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Makes this thread one of the pool's workers. Otherwise every operator hands its work to other threads and sleeps until they are done,
/// which takes longer than a small operator itself. On one core it is the only worker, so no other thread may use the pool while this one
/// waits for it.
fn work_in_the_pool() {
    // It fails where a pool exists already, which then serves.
    let _ = rayon::ThreadPoolBuilder::new()
        .use_current_thread()
        .build_global();
}

/// Prints a command's result. A reader that went away, as `head` does, is no error.
fn print(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{}", text.trim_end_matches('\n')) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::run(error)),
        _ => Ok(()),
    }
}
