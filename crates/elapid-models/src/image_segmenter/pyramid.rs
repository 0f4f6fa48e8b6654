//! Four feature maps of one size as a pyramid, as the segmentation code of hustvl/Vim makes it for patches of 16 pixels
//! (`fpn1` to `fpn4` of `seg/backbone/vim.py`).

use burn::module::Module;
use burn::tensor::{Tensor, activation};
use elapid_nn::graph::BatchNorm;
use elapid_nn::{Doubling, Init, Noise, halve_grid};

/// Number of feature maps, and of levels.
pub(super) const LEVELS: usize = 4;

/// Four times, twice, once and half the size of the maps.
#[derive(Module, Debug)]
pub struct Pyramid {
    /// The first map at four times its size.
    pub fpn1: Quadrupling,
    /// The second at twice its size; the third stays, the fourth is halved.
    pub fpn2: Doubling,
}

/// Two doublings with a batch norm and GELU between them.
#[derive(Module, Debug)]
pub struct Quadrupling {
    /// The first.
    pub first: Doubling,
    /// Behind it.
    pub norm: BatchNorm,
    /// The second.
    pub second: Doubling,
}

impl Quadrupling {
    fn new(init: &mut Init, width: usize) -> Self {
        Self {
            first: Doubling::new(init, width, width),
            norm: BatchNorm::new(init, width),
            second: Doubling::new(init, width, width),
        }
    }

    fn forward(&self, x: Tensor<4>, noise: Option<&mut Noise>) -> Tensor<4> {
        let x = self.norm.forward_grid(self.first.forward(x), noise);
        self.second.forward(activation::gelu(x))
    }
}

impl Pyramid {
    /// For maps of `width` channels.
    pub(super) fn new(init: &mut Init, width: usize) -> Self {
        Self {
            fpn1: Quadrupling::new(init, width),
            fpn2: Doubling::new(init, width, width),
        }
    }

    /// Maps `[B, H, W, D]` to levels of 4, 2, 1 and ½ times their rows and columns.
    ///
    /// # Panics
    ///
    /// Panics unless there are four maps.
    pub(super) fn forward(
        &self,
        maps: Vec<Tensor<4>>,
        noise: Option<&mut Noise>,
    ) -> Vec<Tensor<4>> {
        let Ok([first, second, third, fourth]) = <[Tensor<4>; LEVELS]>::try_from(maps) else {
            panic!("a pyramid is made of {LEVELS} maps");
        };
        vec![
            self.fpn1.forward(first, noise),
            self.fpn2.forward(second),
            third,
            halve_grid(fourth),
        ]
    }
}
