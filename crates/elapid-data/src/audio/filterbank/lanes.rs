//! The inner loops, compiled for the widest vectors that the processor has.

use pulp::{Arch, NullaryFnOnce};

use super::mel::MelBank;

/// Frames whose energies are summed at a time: the widest vector of 32-bit numbers.
pub(super) const LANES: usize = 16;

/// What a logarithm is taken of is at least this, as in torchaudio.
const FLOOR: f32 = f32::EPSILON;

/// Writes a frame without its mean, pre-emphasised, windowed and padded with zeros.
pub(super) fn prepare(
    frame: &[f32],
    window: &[f32],
    remove_mean: bool,
    preemphasis: f32,
    out: &mut [f32],
) {
    Arch::new().dispatch(Prepare {
        frame,
        window,
        remove_mean,
        preemphasis,
        out,
    });
}

struct Prepare<'a> {
    frame: &'a [f32],
    window: &'a [f32],
    remove_mean: bool,
    preemphasis: f32,
    out: &'a mut [f32],
}

impl NullaryFnOnce for Prepare<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self {
            frame,
            window,
            preemphasis,
            ..
        } = self;
        let mean = if self.remove_mean { mean(frame) } else { 0.0 };
        let (out, padding) = self.out.split_at_mut(frame.len());
        padding.fill(0.0);
        // The first sample follows itself.
        let first = frame[0] - mean;
        out[0] = (first - preemphasis * first) * window[0];
        let pairs = frame[1..].iter().zip(frame).zip(&window[1..]);
        for (value, ((own, before), factor)) in out[1..].iter_mut().zip(pairs) {
            *value = ((own - mean) - preemphasis * (before - mean)) * factor;
        }
    }
}

/// The mean, from as many sums as there are lanes.
#[inline(always)]
fn mean(frame: &[f32]) -> f32 {
    let (mut sums, chunks) = ([0.0_f32; LANES], frame.chunks_exact(LANES));
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += value;
        }
    }
    (sums.iter().sum::<f32>() + rest) / frame.len() as f32
}

/// Sums a block of frames into mel bins.
///
/// # Shapes
///
/// - `power`: `[frequencies, LANES]`
/// - `out`: `[frames, bins]`, of which there are at most `LANES`
pub(super) fn sum(bank: &MelBank, power: &[[f32; LANES]], out: &mut [f32], use_log: bool) {
    Arch::new().dispatch(Sum {
        bank,
        power,
        out,
        use_log,
    });
}

struct Sum<'a> {
    bank: &'a MelBank,
    power: &'a [[f32; LANES]],
    out: &'a mut [f32],
    use_log: bool,
}

impl NullaryFnOnce for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let bins = self.bank.iter().count();
        for (bin, (first, weights)) in self.bank.iter().enumerate() {
            let mut energies = [0.0; LANES];
            for (power, weight) in self.power[first..].iter().zip(weights) {
                for (energy, power) in energies.iter_mut().zip(power) {
                    *energy += weight * power;
                }
            }
            if self.use_log {
                energies = energies.map(|energy| ln(energy.max(FLOOR)));
            }
            let own = self.out[bin..].iter_mut().step_by(bins);
            own.zip(energies).for_each(|(out, energy)| *out = energy);
        }
    }
}

/// The natural logarithm of a normal positive number, within two units of the last place (polynomial of Cephes' `logf`, S.
/// Moshier): without a call, so that all lanes go through it together.
#[inline(always)]
fn ln(x: f32) -> f32 {
    /// Coefficients of x³, x⁴, … for a mantissa of 1 + x.
    const P: [f32; 9] = [
        3.333_333e-1,
        -2.499_999_4e-1,
        2.000_071_4e-1,
        -1.666_805_7e-1,
        1.424_932_3e-1,
        -1.242_014_1e-1,
        1.167_699_9e-1,
        -1.151_461e-1,
        7.037_683_6e-2,
    ];
    /// Bits of sqrt(1/2): mantissas from there to twice that are nearest to 1.
    const LOWEST: u32 = 0x3f35_04f3;
    /// ln 2 as a short number and the rest, so that its product with an exponent is exact.
    const LN2: [f32; 2] = [6.933_594e-1, -2.121_944_4e-4];
    let shifted = x.to_bits().wrapping_sub(LOWEST);
    let exponent = (shifted as i32 >> 23) as f32;
    let x = f32::from_bits((shifted & 0x007f_ffff) + LOWEST) - 1.0;
    let high = P
        .iter()
        .rev()
        .fold(0.0, |sum, coefficient| sum * x + coefficient);
    let square = x * x;
    let tail = high * x * square + exponent * LN2[1] - 0.5 * square;
    x + tail + exponent * LN2[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_within_two_units_of_the_last_place() {
        let mut x = FLOOR;
        while x < 1e30 {
            let exact = f64::from(x).ln();
            let error = (f64::from(ln(x)) - exact).abs();
            assert!(
                error <= 2.0 * 1.2e-7 * exact.abs().max(0.25),
                "{x}: {error}"
            );
            x *= 1.003;
        }
        assert_eq!(ln(1.0), 0.0);
    }
}
