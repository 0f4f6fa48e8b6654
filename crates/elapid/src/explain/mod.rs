//! Which parts of an image moved a classifier's decision.
//!
//! Two views. *Contributions* are integrated gradients (arXiv 1703.01365): the gradient of the class's log-odds, averaged
//! on the way from an image of mean colour to the image, times what lies between the two. Over all pixels they sum to the
//! difference that the image makes. *Attention* is the hidden attention of the scans (arXiv 2403.01590): how much of each
//! patch the states hold where the class token reads them.

mod attention;
mod contributions;

use burn::tensor::{Device, Tensor, TensorData, activation};
use elapid_models::ImageClassifier;
use elapid_models::checkpoint::PositionLayout;

pub use contributions::Contributions;

/// Why a model gives an image a class.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Probability of every class.
    pub probabilities: Vec<f64>,
    /// The class that is explained.
    pub class: usize,
    /// Cells along each side of the image, one for each patch.
    pub side: usize,
    /// What moved its log-odds.
    pub contributions: Contributions,
    /// Share of each cell in what the class token reads, row-major; nothing without a class token.
    pub attention: Option<Vec<f64>>,
}

/// Explains `class`, or else the most probable one, of an image `[channels, height, width]` as the model takes it.
/// Contributions are averaged over `steps` points, or else over as many as it takes. `layout` says where the model's patches and class tokens are.
///
/// # Panics
///
/// If `steps` is 0, or the image has another number of values than `shape`.
pub fn explain(
    model: &ImageClassifier,
    image: &[f32],
    shape: [usize; 3],
    layout: PositionLayout,
    class: Option<usize>,
    steps: Option<usize>,
    device: &Device,
) -> Explanation {
    let probabilities = probabilities(model, image, shape, device);
    let likeliest = |a: &(usize, &f64), b: &(usize, &f64)| a.1.total_cmp(b.1);
    let class = class.or_else(|| {
        probabilities
            .iter()
            .enumerate()
            .max_by(likeliest)
            .map(|(class, _)| class)
    });
    let class = class.unwrap_or(0);
    let contributions =
        contributions::contributions(model, image, shape, layout.side, class, steps, device);
    let attention = attention::attention(model, tensor(image, shape, device), layout);
    Explanation {
        probabilities,
        class,
        side: layout.side,
        contributions,
        attention,
    }
}

fn probabilities(
    model: &ImageClassifier,
    image: &[f32],
    shape: [usize; 3],
    device: &Device,
) -> Vec<f64> {
    let scores = model.forward(tensor(image, shape, device), None);
    activation::softmax(scores, 1)
        .into_data()
        .iter::<f64>()
        .collect()
}

/// A batch of one.
fn tensor(image: &[f32], [channels, height, width]: [usize; 3], device: &Device) -> Tensor<4> {
    let shape = [1, channels, height, width];
    Tensor::from_data(TensorData::new(image.to_vec(), shape), device)
}
