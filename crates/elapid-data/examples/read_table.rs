//! Time of a CSV file on one core: `cargo run --release -p elapid-data --example read_table [ROWS] [COLUMNS]`.

#![expect(clippy::print_stdout, reason = "the result is what it prints")]

use std::fmt::Write as _;
use std::time::Instant;

use elapid_data::series::forecast::{Options, csv};
use elapid_data::series::{Shares, Span, Stamp, Step};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sizes = std::env::args().skip(1);
    let rows: usize = sizes.next().map_or(Ok(100_000), |text| text.parse())?;
    let columns: usize = sizes.next().map_or(Ok(100), |text| text.parse())?;
    let path = std::env::temp_dir().join(format!("elapid_table_{}.csv", std::process::id()));
    std::fs::write(&path, table(rows, columns)?)?;
    let bytes = std::fs::metadata(&path)?.len();
    let options = Options::default();
    let shares = Shares {
        train: 0.7,
        test: 0.2,
    };
    let span = Span {
        lookback: 96,
        horizon: 96,
    };
    let mut times = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        let splits = csv(&path, &options, shares, span)?;
        times.push(start.elapsed().as_secs_f64());
        std::hint::black_box(splits);
    }
    std::fs::remove_file(&path)?;
    times.sort_by(f64::total_cmp);
    println!(
        "{rows} rows, {columns} columns, {:.0} MB: read, standardised and divided in {:.2} s at best, {:.2} s in the middle of 5",
        bytes as f64 / 1e6,
        times[0],
        times[2]
    );
    Ok(())
}

/// Numbers of seven digits, as sensors give them.
fn table(rows: usize, columns: usize) -> Result<String, Box<dyn std::error::Error>> {
    let first = Stamp::parse("2020-01-01").ok_or("no date")?;
    let step = Step::Micros(60_000_000);
    let names: Vec<String> = (0..columns).map(|at| format!("c{at}")).collect();
    let mut text = format!("date,{}\n", names.join(","));
    let mut state = 1_u32;
    for row in 0..rows {
        write!(text, "{}", step.after(first, row).ok_or("no date")?)?;
        for _ in 0..columns {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            write!(text, ",{:.4}", f64::from(state >> 8) / 16_384.0)?;
        }
        text.push('\n');
    }
    Ok(text)
}
