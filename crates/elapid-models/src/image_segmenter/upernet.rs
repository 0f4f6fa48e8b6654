//! UperNet (arXiv 1807.10221), as `UPerHead` of mmsegmentation 0.29.

use burn::module::Module;
use burn::tensor::Tensor;
use elapid_nn::{Init, Linear, Noise, Seen, average_grid, dropout_channels, resize_grid, show};

use super::SegmenterConfig;
use super::part::{ConvUnit, PointUnit, scores};
use super::pyramid::LEVELS;

/// Sides of the grids that the coarsest map is averaged to.
const SCALES: [usize; 4] = [1, 2, 3, 6];

/// Pyramid pooling, top-down path, fusion.
#[derive(Module, Debug)]
pub struct UperNet {
    /// Averages of the coarsest level, one for each scale.
    pub psp_modules: Vec<PointUnit>,
    /// The coarsest level with its averages.
    pub bottleneck: ConvUnit,
    /// The other levels at the head's width, the finest first.
    pub lateral_convs: Vec<PointUnit>,
    /// Behind the top-down path.
    pub fpn_convs: Vec<ConvUnit>,
    /// All levels in one.
    pub fpn_bottleneck: ConvUnit,
    /// `[classes, width]`
    pub conv_seg: Linear,
    dropout: f64,
}

impl UperNet {
    /// For levels of `width` channels.
    pub(super) fn new(
        init: &mut Init,
        config: &SegmenterConfig,
        width: usize,
        classes: usize,
    ) -> Self {
        let inner = config.width;
        let psp_modules = SCALES.map(|_| PointUnit::new(init, width, inner)).into();
        let bottleneck = ConvUnit::new(init, width + SCALES.len() * inner, inner);
        let lateral_convs = (1..LEVELS)
            .map(|_| PointUnit::new(init, width, inner))
            .collect();
        let fpn_convs = (1..LEVELS)
            .map(|_| ConvUnit::new(init, inner, inner))
            .collect();
        Self {
            psp_modules,
            bottleneck,
            lateral_convs,
            fpn_convs,
            fpn_bottleneck: ConvUnit::new(init, LEVELS * inner, inner),
            conv_seg: scores(init, inner, classes),
            dropout: config.dropout,
        }
    }

    /// Levels `[B, H, W, D]`, the finest first, to `[B, H, W, classes]` at the size of the finest.
    pub(super) fn forward(
        &self,
        levels: Vec<Tensor<4>>,
        mut noise: Option<&mut Noise>,
    ) -> Tensor<4> {
        let mut inner = Vec::with_capacity(LEVELS);
        let mut given = levels.into_iter();
        for (lateral, level) in self.lateral_convs.iter().zip(given.by_ref()) {
            inner.push(lateral.forward(level, noise.as_deref_mut()));
        }
        let coarsest = given
            .next()
            .expect("a level more than lateral convolutions");
        inner.push(self.pooled(coarsest, noise.as_deref_mut()));
        for at in (1..LEVELS).rev() {
            let [_, height, width, _] = inner[at - 1].dims();
            let from_above = resize_grid(inner[at].clone(), height, width);
            inner[at - 1] = inner[at - 1].clone() + from_above;
        }
        let [_, height, width, _] = inner[0].dims();
        let mut one_size = Vec::with_capacity(LEVELS);
        for (at, level) in inner.into_iter().enumerate() {
            let level = match self.fpn_convs.get(at) {
                Some(conv) => conv.forward(level, noise.as_deref_mut()),
                None => level,
            };
            one_size.push(resize_grid(level, height, width));
        }
        let x = Tensor::cat(one_size, 3);
        let x = self.fpn_bottleneck.forward(x, noise.as_deref_mut());
        let x = dropout_channels(x, self.dropout, noise.as_deref_mut());
        let scores = self.conv_seg.forward(x);
        show(noise, || {
            Seen::output(&self.conv_seg, scores.clone().flatten::<3>(1, 2))
        });
        scores
    }

    /// A map with what it is on average, over all of it and over parts of it.
    fn pooled(&self, map: Tensor<4>, mut noise: Option<&mut Noise>) -> Tensor<4> {
        let [_, height, width, _] = map.dims();
        let mut all = vec![map.clone()];
        for (&side, unit) in SCALES.iter().zip(&self.psp_modules) {
            let average = unit.forward(average_grid(map.clone(), side), noise.as_deref_mut());
            all.push(resize_grid(average, height, width));
        }
        self.bottleneck.forward(Tensor::cat(all, 3), noise)
    }
}
