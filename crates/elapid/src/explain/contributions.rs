//! Integrated gradients of a class's log-odds.

use burn::module::Module;
use burn::tensor::{Device, Tensor, s};
use elapid_models::ImageClassifier;

/// What the cells of an image add to the log-odds `ln p / (1 − p)` of a class.
#[derive(Clone, Debug)]
pub struct Contributions {
    /// Of each cell, row-major.
    pub cells: Vec<f64>,
    /// Log-odds of the image.
    pub log_odds: f64,
    /// Log-odds of an image of mean colour. `cells` sum to the difference, up to the error of the average.
    pub plain: f64,
}

/// Images in one pass.
const BATCH: usize = 8;

/// Points that the average starts with, and above which it stops, where their number is not given.
const FIRST: usize = 32;
const MOST: usize = 2048;
/// Error of the sum that is put up with, as a share of it.
const ROUGH: f64 = 0.05;

/// Of `class`, at `steps` points, or else at as many as it takes for the sum to be right to 5 %.
pub(super) fn contributions(
    model: &ImageClassifier,
    image: &[f32],
    shape: [usize; 3],
    side: usize,
    class: usize,
    steps: Option<usize>,
    device: &Device,
) -> Contributions {
    let of = |share: f32| {
        let image = super::tensor(image, shape, device) * share;
        let odds = log_odds(model.forward(image, None), class);
        f64::from(odds.into_scalar::<f32>())
    };
    let (log_odds, plain) = (of(1.0), of(0.0));
    let with_graph = device.clone().autodiff();
    let tracked = model.clone().train().fork(&with_graph).no_grad();
    let mut points = steps.unwrap_or(FIRST);
    loop {
        let gradient = mean_gradient(&tracked, image, shape, class, points, &with_graph);
        let pixels = image.iter().zip(gradient);
        let pixels = pixels.map(|(value, gradient)| f64::from(*value) * gradient);
        let cells = in_cells(&pixels.collect::<Vec<_>>(), shape, side);
        let error = (cells.iter().sum::<f64>() - (log_odds - plain)).abs();
        let is_rough = error > ROUGH * (log_odds - plain).abs().max(1.0);
        if steps.is_some() || !is_rough || points >= MOST {
            return Contributions {
                cells,
                log_odds,
                plain,
            };
        }
        points *= 4;
    }
}

/// Gradient of the log-odds by the image, averaged over `points` on the way from an image of mean colour.
fn mean_gradient(
    model: &ImageClassifier,
    image: &[f32],
    shape: [usize; 3],
    class: usize,
    points: usize,
    device: &Device,
) -> Vec<f64> {
    let mut mean = vec![0.0; image.len()];
    let all: Vec<usize> = (0..points).collect();
    for some in all.chunks(BATCH) {
        let scaled = some.iter().map(|point| {
            // The middle of each of equal parts of the way.
            let share = (*point as f64 + 0.5) / points as f64;
            super::tensor(image, shape, device) * share
        });
        let images = Tensor::cat(scaled.collect(), 0).detach().require_grad();
        let odds = log_odds(model.forward(images.clone(), None), class).sum();
        let Some(gradient) = images.grad(&odds.backward()) else {
            continue;
        };
        let gradient: Vec<f64> = gradient.into_data().iter::<f64>().collect();
        for one in gradient.chunks(mean.len()) {
            for (sum, value) in mean.iter_mut().zip(one) {
                *sum += value / points as f64;
            }
        }
    }
    mean
}

/// `s_c − ln Σ exp s_o` over all other classes o, of scores `[B, classes]`; the score itself if there is no other.
fn log_odds(scores: Tensor<2>, class: usize) -> Tensor<1> {
    let [_, classes] = scores.dims();
    let own = scores
        .clone()
        .slice(s![.., class..class + 1])
        .squeeze_dim::<1>(1);
    let mut others = Vec::new();
    if class > 0 {
        others.push(scores.clone().slice(s![.., ..class]));
    }
    if class + 1 < classes {
        others.push(scores.slice(s![.., class + 1..]));
    }
    if others.is_empty() {
        return own;
    }
    let others = Tensor::cat(others, 1);
    let largest = others.clone().max_dim(1).detach();
    let rest = (others - largest.clone()).exp().sum_dim(1).log() + largest;
    own - rest.squeeze_dim::<1>(1)
}

/// Sums over the pixels and channels of `side` × `side` cells.
fn in_cells(pixels: &[f64], [_, height, width]: [usize; 3], side: usize) -> Vec<f64> {
    let mut cells = vec![0.0; side * side];
    for (at, value) in pixels.iter().enumerate() {
        let (y, x) = (at / width % height, at % width);
        cells[y * side / height * side + x * side / width] += value;
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_odds_by_hand() {
        let device = Device::flex();
        let scores = Tensor::<2>::from_data([[2.0_f32, 0.5, -1.0], [90.0, 0.0, 89.0]], &device);
        let odds = log_odds(scores, 0).into_data();
        let odds: Vec<f64> = odds.iter::<f64>().collect();
        assert!((odds[0] - (2.0 - (0.5_f64.exp() + (-1.0_f64).exp()).ln())).abs() < 1e-6);
        assert!((odds[1] - 1.0).abs() < 1e-5, "{odds:?}");
        let last = log_odds(Tensor::from_data([[1.0_f32, 3.0]], &device), 1);
        assert_eq!(last.into_scalar::<f32>(), 2.0);
        let only = log_odds(Tensor::from_data([[7.0_f32]], &device), 0);
        assert_eq!(only.into_scalar::<f32>(), 7.0);
    }

    #[test]
    fn cells_collect_pixels_of_all_channels() {
        let pixels: Vec<f64> = (0..32).map(f64::from).collect();
        let cells = in_cells(&pixels, [2, 4, 4], 2);
        let corner = [0, 1, 4, 5].map(|at| f64::from(at) + f64::from(at + 16));
        assert_eq!(cells[0], corner.iter().sum::<f64>());
        assert_eq!(cells.iter().sum::<f64>(), pixels.iter().sum::<f64>());
    }
}
