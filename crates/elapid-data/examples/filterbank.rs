//! Time of a filterbank on one core: `cargo run --release -p elapid-data --example filterbank [SECONDS]`.

#![expect(clippy::print_stdout, reason = "the result is what it prints")]

use std::time::Instant;

use elapid_data::audio::{Filterbank, FilterbankSettings};

/// Sounds that are timed, one after another.
const ROUNDS: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds: usize = std::env::args()
        .nth(1)
        .map_or(Ok(10), |text| text.parse())?;
    let bank = Filterbank::new(FilterbankSettings::ast(16_000))?;
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    let sound: Vec<f32> = (0..seconds * 16_000).map(|_| noise()).collect();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let frames = bank.compute(&sound)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        std::hint::black_box(frames);
    }
    times.sort_by(f64::total_cmp);
    println!(
        "{seconds} s of sound: {:.3} ms at best, {:.3} ms in the middle of {ROUNDS}",
        times[0],
        times[ROUNDS / 2]
    );
    Ok(())
}
