//! What a forward pass costs, counted from the sizes of a model.

use elapid_nn::mixer::{BackwardBranch, DtBias, MambaConfig};

use crate::transformer::EXPANSION;
use crate::{
    CausalMambaConfig, ClassToken, DLinearConfig, MambaSlConfig, Pool, RLinearConfig, SMambaConfig,
    SsambaConfig, TimeMachineConfig, VimConfig,
};

/// The arithmetic of a forward pass of one sample. That of a training step is usually taken as three times as much, two
/// of them for the backward pass.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Tokens of the sequence.
    pub tokens: usize,
    /// Floating-point operations of all matrix products, a multiplication and an addition being two.
    pub products: f64,
    /// Number of selective scans.
    pub scans: usize,
    /// Of each: channels E, tokens L, states N.
    pub scan_shape: [usize; 3],
}

impl Cost {
    /// Floating-point operations of all scans, with skip and gate: `9·L·E·N + 2·L·E` each, as in VMamba's code
    /// (arXiv 2401.10166), an exponential counting as one.
    pub fn scan_operations(&self) -> f64 {
        let [channels, tokens, states] = self.scan_shape;
        (self.scans * tokens * channels * (9 * states + 2)) as f64
    }
}

impl VimConfig {
    /// The cost of this backbone with a linear head of `classes` scores. Norms, convolutions along the sequence and
    /// elementwise operations are not counted.
    pub fn cost(&self, classes: usize) -> Cost {
        let width = self.mamba.d_model;
        let patch = self.patches() * width * self.channels * self.patch_size.pow(2);
        let read = match (self.class_token, self.pool) {
            (ClassToken::None, Pool::Max) => self.patches(),
            _ => 1,
        };
        let head = read * width * classes;
        let stack = match self.heads {
            Some(_) => transformer(width, self.depth, self.tokens()),
            None => stack(&self.mamba, self.backward, self.depth, self.tokens()),
        };
        stack.with_products(patch + head)
    }
}

impl SsambaConfig {
    /// The cost of this encoder with a head of `classes` scores on one vector, counted as for Vim.
    pub fn cost(&self, classes: usize) -> Cost {
        let (width, patches) = (self.embed_dim(), self.grid().patches());
        let patch = patches * width * self.patch.iter().product::<usize>();
        let dt_bias = DtBias::Zero;
        let both = Some(BackwardBranch::OwnParameters { dt_bias });
        let stack = match self.heads {
            Some(_) => transformer(width, self.depth, patches + 1),
            None => stack(&self.mamba, both, self.depth, patches + 1),
        };
        stack.with_products(patch + width * classes)
    }
}

impl SMambaConfig {
    /// The cost of a forecast of so many variates with so many time marks. Both directions have projections of their own.
    pub fn cost(&self, variates: usize, marks: usize) -> Cost {
        let (width, tokens) = (self.mamba.d_model, variates + marks);
        let one_way = stack(&self.mamba, None, 2 * self.layers, tokens);
        let around = tokens * self.lookback * width + variates * width * self.horizon;
        one_way.with_products(around + self.layers * 2 * tokens * width * self.d_ff)
    }
}

impl RLinearConfig {
    /// The cost of a forecast of so many variates.
    pub fn cost(&self, variates: usize) -> Cost {
        Cost::of_maps(variates, self.lookback * self.horizon)
    }
}

impl DLinearConfig {
    /// The cost of a forecast of so many variates, without the moving average.
    pub fn cost(&self, variates: usize) -> Cost {
        Cost::of_maps(variates, 2 * self.lookback * self.horizon)
    }
}

impl TimeMachineConfig {
    /// The cost of a forecast of so many variates. All four scans are counted at the size of the largest.
    pub fn cost(&self, variates: usize) -> Cost {
        let (n1, n2) = (self.n1, self.n2);
        let mixer = |d_model, tokens| {
            let mamba = MambaConfig {
                d_state: self.d_state,
                d_conv: self.d_conv,
                expand: self.expand,
                ..MambaConfig::new(d_model)
            };
            stack(&mamba, None, 1, tokens)
        };
        let maps = variates * (self.lookback * n1 + 2 * n1 * n2 + 2 * n1 * self.horizon);
        let (repeats, mixers) = match self.independent {
            true => {
                let mixers = [mixer(1, n1), mixer(1, n2), mixer(n1, 1), mixer(n2, 1)];
                (variates, mixers)
            }
            false => {
                let [wide, narrow] = [n1, n2].map(|width| mixer(width, variates));
                (1, [wide, wide, narrow, narrow])
            }
        };
        let products = mixers.iter().map(|mixer| mixer.products).sum::<f64>();
        Cost {
            tokens: variates,
            products: 2.0 * maps as f64 + repeats as f64 * products,
            scans: 4 * repeats,
            scan_shape: mixers[0].scan_shape,
        }
    }
}

impl CausalMambaConfig {
    /// The cost of a forecast of so many variates, each of which is a sequence.
    pub fn cost(&self, variates: usize) -> Cost {
        let (width, patches) = (self.mamba.d_model, self.lookback / self.patch);
        let one = stack(&self.mamba, None, self.layers, patches);
        let embedded = patches * width * (self.patch + self.marks);
        let one = one.with_products(embedded + width * self.horizon);
        Cost {
            tokens: patches * variates,
            products: one.products * variates as f64,
            scans: one.scans * variates,
            ..one
        }
    }
}

impl MambaSlConfig {
    /// The cost of a series of so many variates and steps. What does not vary with the input is counted as if it did.
    pub fn cost(&self, variates: usize, steps: usize, classes: usize) -> Cost {
        let width = self.mamba.d_model;
        let around = variates * self.kernel + classes + self.heads;
        stack(&self.mamba, None, 1, steps).with_products(steps * width * around)
    }
}

impl Cost {
    /// Of a linear map of every variate.
    fn of_maps(variates: usize, weights: usize) -> Self {
        Self {
            tokens: variates,
            products: 2.0 * (variates * weights) as f64,
            scans: 0,
            // Nothing is scanned, but a scan of nothing cannot be timed.
            scan_shape: [1, 1, 1],
        }
    }

    /// With so many multiplications more.
    fn with_products(self, more: usize) -> Self {
        let products = self.products + 2.0 * more as f64;
        Self { products, ..self }
    }
}

/// The cost of `depth` blocks.
fn stack(
    mamba: &MambaConfig,
    backward: Option<BackwardBranch>,
    depth: usize,
    tokens: usize,
) -> Cost {
    let (width, inner, states) = (mamba.d_model, mamba.d_inner(), mamba.d_state);
    let rank = mamba.dt_rank();
    let outer = 3 * width * inner;
    let of_a_direction = inner * (rank + 2 * states) + rank * inner;
    // The directions of v1 have the projections in common, but not the scan.
    let (projected, scanned) = match backward {
        None => (1, 1),
        Some(BackwardBranch::SharedParameters) => (1, 2),
        Some(BackwardBranch::OwnParameters { .. }) => (2, 2),
    };
    let block = tokens * (outer + projected * of_a_direction);
    Cost {
        tokens,
        products: 2.0 * (depth * block) as f64,
        scans: scanned * depth,
        scan_shape: [inner, tokens, states],
    }
}

/// The cost of `depth` layers of attention and perceptron. Every token has a score with every other, and every other's value.
fn transformer(width: usize, depth: usize, tokens: usize) -> Cost {
    let weights = (4 + 2 * EXPANSION) * width * width;
    let attention = 2 * tokens * width;
    Cost {
        tokens,
        products: 2.0 * (depth * tokens) as f64 * (weights + attention) as f64,
        scans: 0,
        scan_shape: [0, tokens, 0],
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use elapid_nn::Init;
    use elapid_nn::mixer::{BackwardBranch, DtBias};

    use super::*;
    use crate::{ImageBackbone, ImageClassifier, Vim, named_params};

    /// Every weight of a product is multiplied once with every token that it sees.
    fn products_by_shapes(config: &VimConfig, classes: usize) -> f64 {
        let mut init = Init::new(0, &Device::flex());
        let backbone = ImageBackbone::Vim(Vim::new(&mut init, config));
        let model = ImageClassifier::new(&mut init, backbone, classes);
        let products = named_params(&model).into_iter().map(|param| {
            let seen = match param.path.as_str() {
                path if path.contains("patch_embed") => config.patches(),
                path if path.contains("head.") => 1,
                path if path.contains("proj") => config.tokens(),
                _ => 0,
            };
            let is_product = param.path.ends_with("weight") && param.shape.len() > 1;
            let weights: usize = param.shape.iter().product();
            if is_product { 2 * seen * weights } else { 0 }
        });
        products.sum::<usize>() as f64
    }

    #[test]
    fn products_follow_from_the_shapes_of_the_weights() {
        let own = BackwardBranch::OwnParameters {
            dt_bias: DtBias::Zero,
        };
        for backward in [None, Some(BackwardBranch::SharedParameters), Some(own)] {
            let config = VimConfig {
                image_size: 24,
                patch_size: 8,
                stride: 4,
                depth: 3,
                backward,
                ..VimConfig::patch16_224(20)
            };
            let cost = config.cost(7);
            assert_eq!(
                cost.products,
                products_by_shapes(&config, 7),
                "{backward:?}"
            );
            let directions = if backward.is_some() { 2 } else { 1 };
            assert_eq!(cost.scans, 3 * directions);
            assert_eq!(cost.scan_shape, [40, 26, 16]);
            let one = 26.0 * 40.0 * (9.0 * 16.0 + 2.0);
            assert_eq!(cost.scan_operations(), one * cost.scans as f64);
        }
    }

    /// DeiT-tiny: 1.26 G multiplications and 5,717,416 parameters (arXiv 2012.12877, table 5; timm's `deit_tiny_patch16_224`).
    #[test]
    fn attention_makes_a_deit() {
        let config = VimConfig {
            heads: Some(3),
            depth: 12,
            class_token: ClassToken::Head,
            rms_norm: false,
            norm_epsilon: 1e-6,
            ..VimConfig::patch16_224(192)
        };
        let mut init = Init::new(0, &Device::flex());
        let backbone = ImageBackbone::Vim(Vim::new(&mut init, &config));
        let model = ImageClassifier::new(&mut init, backbone, 1000);
        let params = named_params(&model).into_iter();
        let count: usize = params
            .map(|param| param.shape.iter().product::<usize>())
            .sum();
        assert_eq!(count, 5_717_416);
        let multiplications = config.cost(1000).products / 2.0;
        assert!(
            (multiplications - 1.26e9).abs() < 0.01e9,
            "{multiplications}"
        );
    }

    #[test]
    fn every_patch_has_scores_where_the_largest_is_taken() {
        let config = VimConfig {
            class_token: ClassToken::None,
            ..VimConfig::patch16_224(192)
        };
        let all = VimConfig {
            pool: Pool::Max,
            ..config.clone()
        };
        let more = all.cost(1000).products - config.cost(1000).products;
        assert_eq!(more, 2.0 * 195.0 * 192.0 * 1000.0);
    }
}
