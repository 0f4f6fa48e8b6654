//! UperNet (arXiv 1807.10221) on four feature maps of one size, as the segmentation code of hustvl/Vim configures it:
//! `UPerHead` of mmsegmentation behind a pyramid that is made by transposed convolutions and pooling.

use burn::module::Module;
use burn::tensor::{Tensor, activation};
use elapid_nn::{
    Doubling, Init, Linear, Noise, Seen, average_grid, dropout_channels, halve_grid, resize_grid,
    show,
};

use super::SegmenterConfig;
use super::part::{ChannelNorm, ConvUnit, PointUnit, scores};

/// Feature maps that are read.
pub(super) const LEVELS: usize = 4;
/// Sides of the grids that the coarsest map is averaged to.
const SCALES: [usize; 4] = [1, 2, 3, 6];

/// Pyramid, pyramid pooling, top-down path, fusion.
#[derive(Module, Debug)]
pub struct UperNet {
    /// The first map at four times its size.
    pub fpn1: Quadrupling,
    /// The second at twice its size; the third stays, the fourth is halved.
    pub fpn2: Doubling,
    /// Averages of the coarsest level, one for each scale.
    pub psp: Vec<PointUnit>,
    /// The coarsest level with its averages.
    pub bottleneck: ConvUnit,
    /// The other levels at the head's width, the finest first.
    pub lateral: Vec<PointUnit>,
    /// Behind the top-down path.
    pub fpn: Vec<ConvUnit>,
    /// All levels in one.
    pub fpn_bottleneck: ConvUnit,
    /// `[classes, width]`
    pub conv_seg: Linear,
    dropout: f64,
}

/// Two doublings with a norm and GELU between them.
#[derive(Module, Debug)]
pub struct Quadrupling {
    /// The first.
    pub first: Doubling,
    /// Behind it.
    pub norm: ChannelNorm,
    /// The second.
    pub second: Doubling,
}

impl Quadrupling {
    fn new(init: &mut Init, width: usize) -> Self {
        Self {
            first: Doubling::new(init, width, width),
            norm: ChannelNorm::new(init, width),
            second: Doubling::new(init, width, width),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = self.norm.forward(self.first.forward(x));
        self.second.forward(activation::gelu(x))
    }
}

impl UperNet {
    /// For maps of `width` channels.
    pub(super) fn new(
        init: &mut Init,
        config: &SegmenterConfig,
        width: usize,
        classes: usize,
    ) -> Self {
        let inner = config.width;
        let fpn1 = Quadrupling::new(init, width);
        let fpn2 = Doubling::new(init, width, width);
        let psp = SCALES.map(|_| PointUnit::new(init, width, inner)).into();
        let bottleneck = ConvUnit::new(init, width + SCALES.len() * inner, inner);
        let lateral = (1..LEVELS)
            .map(|_| PointUnit::new(init, width, inner))
            .collect();
        let fpn = (1..LEVELS)
            .map(|_| ConvUnit::new(init, inner, inner))
            .collect();
        Self {
            fpn1,
            fpn2,
            psp,
            bottleneck,
            lateral,
            fpn,
            fpn_bottleneck: ConvUnit::new(init, LEVELS * inner, inner),
            conv_seg: scores(init, inner, classes),
            dropout: config.dropout,
        }
    }

    /// Four maps `[B, H, W, D]` to `[B, 4 H, 4 W, classes]`.
    pub(super) fn forward(&self, maps: Vec<Tensor<4>>, mut noise: Option<&mut Noise>) -> Tensor<4> {
        let Ok([first, second, third, fourth]) = <[Tensor<4>; LEVELS]>::try_from(maps) else {
            panic!("UperNet reads {LEVELS} maps");
        };
        let fine = [self.fpn1.forward(first), self.fpn2.forward(second), third];
        let mut levels: Vec<Tensor<4>> = fine
            .into_iter()
            .zip(&self.lateral)
            .map(|(map, lateral)| lateral.forward(map))
            .collect();
        levels.push(self.pooled(halve_grid(fourth)));
        for at in (1..LEVELS).rev() {
            let [_, height, width, _] = levels[at - 1].dims();
            let from_above = resize_grid(levels[at].clone(), height, width);
            levels[at - 1] = levels[at - 1].clone() + from_above;
        }
        let [_, height, width, _] = levels[0].dims();
        let one_size = levels.into_iter().enumerate().map(|(at, level)| {
            let level = match self.fpn.get(at) {
                Some(conv) => conv.forward(level),
                None => level,
            };
            resize_grid(level, height, width)
        });
        let x = self
            .fpn_bottleneck
            .forward(Tensor::cat(one_size.collect(), 3));
        let x = dropout_channels(x, self.dropout, noise.as_deref_mut());
        let scores = self.conv_seg.forward(x);
        show(noise, || {
            Seen::output(&self.conv_seg, scores.clone().flatten::<3>(1, 2))
        });
        scores
    }

    /// A map with what it is on average, over all of it and over parts of it.
    fn pooled(&self, map: Tensor<4>) -> Tensor<4> {
        let [_, height, width, _] = map.dims();
        let averages = SCALES.iter().zip(&self.psp).map(|(&side, unit)| {
            let average = unit.forward(average_grid(map.clone(), side));
            resize_grid(average, height, width)
        });
        let all = std::iter::once(map.clone()).chain(averages).collect();
        self.bottleneck.forward(Tensor::cat(all, 3))
    }
}
