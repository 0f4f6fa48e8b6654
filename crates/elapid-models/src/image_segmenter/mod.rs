//! Images to class scores of every pixel.

mod fcn;
mod light;
mod part;
mod pyramid;
mod upernet;
mod windows;

use burn::module::Module;
use burn::tensor::Tensor;
use elapid_nn::{Init, Noise, resize_grid};

use self::fcn::FcnHead;
use self::light::LightHead;
use self::pyramid::Pyramid;
use self::upernet::UperNet;
use crate::{ImageBackbone, TapValue};

pub use self::windows::stitched;

/// Which head, and what it reads of the backbone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SegmenterConfig {
    /// What turns feature maps into scores.
    pub head: SegmenterHead,
    /// How many feature maps it reads; [`SegmenterHead::UperNet`] reads four.
    pub taps: usize,
    /// What is read.
    pub value: TapValue,
    /// Channels inside the head.
    pub width: usize,
    /// Share of the channels in front of the last layer that is dropped in training.
    pub dropout: f64,
    /// Channels inside the auxiliary head, if there is one.
    pub auxiliary: Option<usize>,
}

/// What turns feature maps into scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmenterHead {
    /// One layer over all maps, a convolution, up to two doublings of the grid.
    Light,
    /// UperNet on a pyramid made of the maps.
    UperNet,
}

/// A backbone and a dense head.
#[derive(Module, Debug)]
pub struct ImageSegmenter {
    /// Images to feature maps.
    pub backbone: ImageBackbone,
    /// Feature maps to scores.
    pub head: DenseHead,
    #[module(skip)]
    taps: Vec<usize>,
    #[module(skip)]
    value: TapValue,
}

/// The heads of a segmenter.
#[derive(Module, Debug)]
pub struct DenseHead {
    /// Feature maps of several sizes, for [`Decoder::UperNet`].
    pub pyramid: Option<Pyramid>,
    /// The one that predicts.
    pub decoder: Decoder,
    /// The one that helps in training.
    pub auxiliary: Option<FcnHead>,
}

/// The head that predicts.
#[allow(clippy::large_enum_variant)] // one a model, and a module cannot be boxed
#[derive(Module, Debug)]
pub enum Decoder {
    /// See [`SegmenterHead::Light`].
    Light(LightHead),
    /// See [`SegmenterHead::UperNet`].
    UperNet(UperNet),
}

/// Scores before the softmax, `[B, H, W, classes]` each.
#[derive(Debug)]
pub struct DenseScores {
    /// Of the head that predicts.
    pub main: Tensor<4>,
    /// Of the auxiliary head; only in training.
    pub auxiliary: Option<Tensor<4>>,
}

impl ImageSegmenter {
    /// Heads as mmsegmentation initialises them: the last layer N(0, 0.01), the others as PyTorch does.
    pub fn new(
        init: &mut Init,
        backbone: ImageBackbone,
        config: &SegmenterConfig,
        classes: usize,
    ) -> Self {
        let width = backbone.width();
        let pyramid = match config.head {
            SegmenterHead::Light => None,
            SegmenterHead::UperNet => Some(Pyramid::new(init, width)),
        };
        let decoder = match config.head {
            SegmenterHead::Light => {
                let stride = backbone.stride();
                Decoder::Light(LightHead::new(init, config, [width, stride], classes))
            }
            SegmenterHead::UperNet => Decoder::UperNet(UperNet::new(init, config, width, classes)),
        };
        let auxiliary = config
            .auxiliary
            .map(|inner| FcnHead::new(init, [width, inner], config.dropout, classes));
        let count = match config.head {
            SegmenterHead::Light => config.taps,
            SegmenterHead::UperNet => pyramid::LEVELS,
        };
        Self {
            taps: spaced(count, backbone.depth()),
            value: config.value,
            backbone,
            head: DenseHead {
                pyramid,
                decoder,
                auxiliary,
            },
        }
    }

    /// # Shapes
    ///
    /// - images `[B, C, H, W]`
    /// - outputs `[B, H, W, classes]`
    ///
    /// The type of the images is that of all stored activations.
    pub fn forward(&self, images: Tensor<4>, mut noise: Option<&mut Noise>) -> DenseScores {
        let [_, _, height, width] = images.dims();
        let dtype = images.dtype();
        let mut distinct = self.taps.clone();
        distinct.dedup();
        let maps = self
            .backbone
            .taps(images, &distinct, self.value, noise.as_deref_mut());
        let of = |tap: &usize| {
            let at = distinct.iter().position(|known| known == tap);
            maps[at.expect("a tap among the taps")].clone().cast(dtype)
        };
        let mut maps: Vec<Tensor<4>> = self.taps.iter().map(of).collect();
        if let Some(pyramid) = &self.head.pyramid {
            maps = pyramid.forward(maps, noise.as_deref_mut());
        }
        let auxiliary = match (&self.head.auxiliary, noise.as_deref_mut()) {
            (Some(head), Some(noise)) => {
                let map = maps[maps.len().saturating_sub(2)].clone();
                Some(head.forward(map, Some(noise)))
            }
            _ => None,
        };
        let main = match &self.head.decoder {
            Decoder::Light(head) => head.forward(maps, noise),
            Decoder::UperNet(head) => head.forward(maps, noise),
        };
        let whole = |scores| resize_grid(scores, height, width);
        DenseScores {
            main: whole(main),
            auxiliary: auxiliary.map(whole),
        }
    }
}

/// `count` blocks of `depth`, evenly spaced and ascending, the last one among them: 5, 11, 17 and 23 of 24. Of few blocks
/// some come up more than once.
fn spaced(count: usize, depth: usize) -> Vec<usize> {
    (1..=count)
        .map(|at| (at * depth / count).max(1) - 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;
    use crate::{Vim, VimConfig};

    fn config(head: SegmenterHead) -> SegmenterConfig {
        SegmenterConfig {
            head,
            taps: 4,
            value: TapValue::Hidden,
            width: 12,
            dropout: 0.1,
            auxiliary: Some(6),
        }
    }

    fn segmenter(config: &SegmenterConfig, patch: usize, depth: usize) -> ImageSegmenter {
        let vim = VimConfig {
            image_size: 4 * patch,
            patch_size: patch,
            stride: patch,
            depth,
            ..VimConfig::patch16_224(8)
        };
        let mut init = Init::new(0, &Device::flex());
        let backbone = ImageBackbone::Vim(Vim::new(&mut init, &vim));
        ImageSegmenter::new(&mut init, backbone, config, 5)
    }

    #[test]
    fn taps_are_the_official_ones() {
        assert_eq!(spaced(4, 24), [5, 11, 17, 23]);
        assert_eq!(spaced(4, 4), [0, 1, 2, 3]);
        assert_eq!(spaced(4, 2), [0, 0, 0, 1]);
        assert_eq!(spaced(1, 7), [6]);
    }

    #[test]
    fn every_pixel_gets_scores_whatever_the_head() {
        let device = Device::flex();
        for head in [SegmenterHead::Light, SegmenterHead::UperNet] {
            for (patch, depth) in [(1, 2), (2, 4), (16, 5)] {
                let model = segmenter(&config(head), patch, depth);
                let side = 4 * patch;
                let images = Tensor::random([2, 3, side, side], Distribution::Default, &device);
                let plain = model.forward(images.clone(), None);
                assert_eq!(plain.main.dims(), [2, side, side, 5]);
                assert!(plain.auxiliary.is_none());
                let mut noise = Noise::seeded(0, &device);
                let trained = model.forward(images, Some(&mut noise));
                assert_eq!(trained.auxiliary.unwrap().dims(), [2, side, side, 5]);
                let scores = trained.main.into_data();
                let is_finite = scores.iter::<f32>().all(f32::is_finite);
                assert!(is_finite, "{head:?} {patch} {depth}");
            }
        }
    }

    #[test]
    fn heads_are_told_by_their_names() {
        use elapid_nn::{Place, Role, place_of, role_of};
        for head in [SegmenterHead::Light, SegmenterHead::UperNet] {
            let model = segmenter(&config(head), 4, 4);
            for param in crate::named_params(&model) {
                let (role, place) = (role_of(&param.path), place_of(&param.path));
                let in_head = param.path.starts_with("head.");
                assert_eq!(place == Place::Head, in_head, "{}", param.path);
                if in_head {
                    let expected = match param.shape.len() {
                        1 => &[Role::Norm, Role::Bias, Role::Statistic][..],
                        _ => &[Role::Matrix],
                    };
                    assert!(expected.contains(&role), "{} {role:?}", param.path);
                }
            }
        }
    }
}
