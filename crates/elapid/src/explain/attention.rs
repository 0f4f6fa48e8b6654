//! The hidden attention of a selective scan.
//!
//! A scan without its skip and gate is a weighted sum, `y_t = Σ_j α_tj x_j`, with
//!
//! ```text
//! α_tj = Σ_n C_t[n] exp(A[n] (Δ_{j+1} + … + Δ_t)) Δ_j B_j[n]        for j ≤ t
//! ```
//!
//! in each channel; the backward direction has the same with the order reversed. Source: arXiv 2403.01590, equation 12.

use burn::tensor::{DType, Device, Tensor};
use elapid_models::ImageClassifier;
use elapid_models::checkpoint::PositionLayout;
use elapid_nn::{Dynamics, Noise, Probe, Seen};

/// Share of each patch in what the class tokens read, averaged over directions, channels and layers; nothing without a
/// class token. Weights count by their absolute value.
pub(super) fn attention(
    model: &ImageClassifier,
    image: Tensor<4>,
    layout: PositionLayout,
) -> Option<Vec<f64>> {
    let read_outs = layout.class_rows();
    if read_outs.is_empty() {
        return None;
    }
    let device: Device = image.device();
    let mut rows = Rows {
        read_outs: &read_outs,
        sum: vec![0.0; layout.rows()],
    };
    let noise = Noise::seeded(0, &device).in_evaluation();
    let mut noise = noise.watched_by(&mut rows);
    model.forward(image, Some(&mut noise));
    let patches = rows.sum.iter().enumerate();
    let patches: Vec<f64> = patches
        .filter(|(row, _)| !read_outs.contains(row))
        .map(|(_, weight)| *weight)
        .collect();
    let total: f64 = patches.iter().sum();
    (total > 0.0).then(|| patches.iter().map(|weight| weight / total).collect())
}

/// Adds up the rows of all layers, each as a share of its whole, so that no layer counts more than another.
#[derive(Debug)]
struct Rows<'a> {
    read_outs: &'a [usize],
    sum: Vec<f64>,
}

impl Probe for Rows<'_> {
    fn saw(&mut self, seen: Seen) {
        let scans = seen.dynamics.iter().map(Scan::of).enumerate();
        let mut layer = vec![0.0; self.sum.len()];
        for (direction, scan) in scans {
            for read_out in self.read_outs {
                scan.add_row(*read_out, direction > 0, &mut layer);
            }
        }
        let total: f64 = layer.iter().sum();
        if total > 0.0 {
            for (sum, weight) in self.sum.iter_mut().zip(layer) {
                *sum += weight / total;
            }
        }
    }
}

/// The dynamics of one image in host memory.
struct Scan {
    length: usize,
    channels: usize,
    states: usize,
    /// `[L, E]`
    delta: Vec<f32>,
    /// `[E, N]`
    a: Vec<f32>,
    /// `[L, N]`
    b: Vec<f32>,
    /// `[L, N]`
    c: Vec<f32>,
}

impl Scan {
    fn of(dynamics: &Dynamics) -> Self {
        let [_, length, channels] = dynamics.delta.dims();
        let [_, states] = dynamics.a.dims();
        Self {
            length,
            channels,
            states,
            delta: host(dynamics.delta.clone()),
            a: host(dynamics.a.clone()),
            b: host(dynamics.b.clone()),
            c: host(dynamics.c.clone()),
        }
    }

    /// Adds `Σ_e |α_tj|` for all j to `row`.
    fn add_row(&self, t: usize, reverse: bool, row: &mut [f64]) {
        // From the reading token backwards in the scan's own order.
        let order: Vec<usize> = match reverse {
            false => (0..=t).rev().collect(),
            true => (t..self.length).collect(),
        };
        let read = &self.c[t * self.states..][..self.states];
        for channel in 0..self.channels {
            let rates = &self.a[channel * self.states..][..self.states];
            let mut passed = 0.0;
            for &j in &order {
                let step = self.delta[j * self.channels + channel];
                let written = &self.b[j * self.states..][..self.states];
                let states = read.iter().zip(written).zip(rates);
                let weight: f32 = states.map(|((c, b), a)| c * b * (a * passed).exp()).sum();
                row[j] += f64::from((weight * step).abs());
                passed += step;
            }
        }
    }
}

fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.cast(DType::F32).into_data().iter::<f32>().collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;
    use elapid_kernels::{ScanInput, ScanOptions, selective_scan};

    use super::*;

    /// The scan of a unit vector at j, read at t, is α_tj.
    #[test]
    fn rows_are_what_the_scan_answers_to_single_tokens() {
        let device = Device::flex();
        let (length, channels, states) = (6, 3, 2);
        let random = |shape: [usize; 3]| {
            Tensor::<3>::random(shape, Distribution::Uniform(0.1, 1.0), &device)
        };
        let delta = random([1, length, channels]);
        let [b, c] = [0, 1].map(|_| random([1, length, states]) - 0.5);
        let a = -random([1, channels, states]).squeeze_dim::<2>(0);
        let scan = Scan {
            length,
            channels,
            states,
            delta: host(delta.clone()),
            a: host(a.clone()),
            b: host(b.clone()),
            c: host(c.clone()),
        };
        for reverse in [false, true] {
            for t in [0, 2, 5] {
                let mut row = vec![0.0; length];
                scan.add_row(t, reverse, &mut row);
                for (j, weight) in row.iter().enumerate() {
                    let mut unit = vec![0.0_f32; length * channels];
                    unit[j * channels..][..channels].fill(1.0);
                    let unit = Tensor::<1>::from_floats(&unit[..], &device);
                    let wide = |matrix: &Tensor<3>| matrix.clone().unsqueeze_dim::<4>(2);
                    let input = ScanInput::new(
                        unit.reshape([1, length, channels]),
                        delta.clone(),
                        a.clone(),
                        wide(&b),
                        wide(&c),
                    );
                    let options = ScanOptions {
                        reverse,
                        ..ScanOptions::default()
                    };
                    let answer = host(selective_scan(input, options));
                    let answer = &answer[t * channels..][..channels];
                    let expected: f32 = answer.iter().map(|y| y.abs()).sum();
                    assert!((weight - f64::from(expected)).abs() < 1e-5, "{t} {j}");
                }
            }
        }
    }
}
