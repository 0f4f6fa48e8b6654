//! What is finite but on its way out, and what to do about it: one remark a kind, on the worst layer.

use super::layers::{Layer, Scan};
use super::number::three_digits;

/// Step sizes start at 0.1 or below. At 10, even a decay rate of −1 leaves 5e-5 of a state.
const LARGE_STEP: f64 = 10.0;
/// A share of states that is most of them.
const MOST: f64 = 0.9;
/// The slowest decay rate that is one: with less, a state is a sum over thousands of tokens
/// (state-spaces/mamba, pull request 996, bounds A by this number).
const NO_DECAY: f64 = -1e-4;
/// Numbers of this size are 64 apart in bf16, and their squares overflow fp16.
const LARGE_ACTIVATION: f64 = 1e4;
/// A gradient that is so many times the median of the layers dominates every step.
const LARGE_GRADIENT: f64 = 100.0;

/// The remarks on these layers.
pub(super) fn remarks(layers: &[&Layer]) -> Vec<String> {
    [
        overflowing_decay(layers),
        large_steps(layers),
        no_decay(layers),
        forgetful(layers),
        stuck(layers),
        large_activations(layers),
        large_gradient(layers),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn overflowing_decay(layers: &[&Layer]) -> Option<String> {
    let of = |scan: &Scan| (!scan.a.0.is_finite()).then_some(1.0);
    let (_, name, more) = worst_scan(layers, of)?;
    Some(format!(
        "A = −exp(A_log) overflows in `{name}`{more}; lower the learning rate"
    ))
}

fn large_steps(layers: &[&Layer]) -> Option<String> {
    let of = |scan: &Scan| (scan.delta_max > LARGE_STEP).then_some(scan.delta_max);
    let (delta, name, more) = worst_scan(layers, of)?;
    let delta = three_digits(delta);
    Some(format!(
        "Δ reaches {delta} in the scan of `{name}`{more}, where it starts near `dt_max`: such a token wipes the state and enters it with weight Δ; lower the learning rate or `dt_max`, or warm up for longer"
    ))
}

fn no_decay(layers: &[&Layer]) -> Option<String> {
    let of = |scan: &Scan| (scan.a.1 > NO_DECAY).then_some(scan.a.1);
    let (a, name, more) = worst_scan(layers, of)?;
    let a = three_digits(a);
    Some(format!(
        "A reaches {a} in `{name}`{more}: that state only sums up and can grow without bound; lower the learning rate"
    ))
}

fn forgetful(layers: &[&Layer]) -> Option<String> {
    let of = |scan: &Scan| (scan.forgets > MOST).then_some(scan.forgets);
    let (share, name, more) = worst_scan(layers, of)?;
    Some(format!(
        "{:.0} % of the states of `{name}`{more} are forgotten within one token, so the scan mixes nothing; lower `dt_max` or the learning rate",
        100.0 * share
    ))
}

fn stuck(layers: &[&Layer]) -> Option<String> {
    let of = |scan: &Scan| (scan.keeps > MOST).then_some(scan.keeps);
    let (share, name, more) = worst_scan(layers, of)?;
    Some(format!(
        "{:.0} % of the states of `{name}`{more} never decay and take in next to nothing; raise `dt_min`",
        100.0 * share
    ))
}

fn large_activations(layers: &[&Layer]) -> Option<String> {
    let found = layers.iter().filter_map(|layer| {
        let largest = layer.activation?.largest();
        (largest > LARGE_ACTIVATION).then_some((largest, layer.name.as_str()))
    });
    let (largest, name, more) = worst(found)?;
    let largest = three_digits(largest);
    Some(format!(
        "the output of `{name}` reaches {largest}{more}; lower the learning rate, and compute in `fp32`"
    ))
}

fn large_gradient(layers: &[&Layer]) -> Option<String> {
    let norms = layers
        .iter()
        .map(|layer| (layer.grad.norm, layer.name.as_str()));
    let mut norms: Vec<_> = norms
        .filter(|(norm, _)| norm.is_finite() && *norm > 0.0)
        .collect();
    norms.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (median, _) = *norms.get(norms.len() / 2)?;
    let (largest, name) = *norms.last()?;
    let times = three_digits(largest / median);
    (largest > LARGE_GRADIENT * median).then(|| {
        format!(
            "the gradient of `{name}` is {times} times the median of the layers; clip gradients (`optim.grad_clip`), or warm up for longer"
        )
    })
}

/// The worst of the scans, by what `of` gives for those that are bad; its decay's name; and in how many more.
fn worst_scan(
    layers: &[&Layer],
    of: impl Fn(&Scan) -> Option<f64>,
) -> Option<(f64, String, String)> {
    let scans = layers.iter().flat_map(|layer| &layer.scans);
    worst(scans.filter_map(|scan| Some((of(scan)?, scan.decay.as_str()))))
}

fn worst<'a>(found: impl Iterator<Item = (f64, &'a str)>) -> Option<(f64, String, String)> {
    let found: Vec<_> = found.collect();
    let (value, name) = *found.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    let more = match found.len() - 1 {
        0 => String::new(),
        more => format!(" (so in {more} more)"),
    };
    Some((value, name.to_owned(), more))
}
