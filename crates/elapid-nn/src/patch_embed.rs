//! Images to tokens.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, module::conv2d, ops::ConvOptions};

use elapid_kernels::linear;

use crate::Init;

/// A convolution without padding whose kernel is the patch; tokens in row-major order of the grid.
#[derive(Module, Debug)]
pub struct PatchEmbed {
    /// The convolution.
    pub proj: PatchProjection,
    stride: usize,
}

/// Weights of a [`PatchEmbed`].
#[derive(Module, Debug)]
pub struct PatchProjection {
    /// `[D, C, P, P]`
    pub weight: Param<Tensor<4>>,
    /// `[D]`
    pub bias: Param<Tensor<1>>,
}

impl PatchEmbed {
    /// LeCun-normal weight and zero bias, as the official Vim initialises its patch embedding.
    pub fn new(
        init: &mut Init,
        channels: usize,
        width: usize,
        patch: usize,
        stride: usize,
    ) -> Self {
        let weight = init.lecun_normal([width, channels, patch, patch], channels * patch * patch);
        Self {
            proj: PatchProjection {
                weight,
                bias: init.constant([width], 0.0),
            },
            stride,
        }
    }

    /// Patches along one side of an image of `side` pixels.
    pub fn grid_side(side: usize, patch: usize, stride: usize) -> usize {
        (side - patch) / stride + 1
    }

    /// # Shapes
    ///
    /// - images `[B, C, H, W]`
    /// - output `[B, L, D]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<3> {
        let [_, _, patch, _] = self.proj.weight.dims();
        let [_, _, height, width] = images.dims();
        let whole = height % patch == 0 && width % patch == 0;
        if self.stride == patch && whole {
            self.disjoint(images)
        } else {
            self.overlapping(images)
        }
    }

    /// Patches that tile the image are rows of a matrix: one product instead of a convolution,
    /// whose backward pass is slow on most devices.
    fn disjoint(&self, images: Tensor<4>) -> Tensor<3> {
        let [batch, channels, height, width] = images.dims();
        let [dim, _, patch, _] = self.proj.weight.dims();
        let (rows, columns) = (height / patch, width / patch);
        let patches = images
            .reshape([batch, channels, rows, patch, columns, patch])
            .permute([0, 2, 4, 1, 3, 5])
            .reshape([batch, rows * columns, channels * patch * patch]);
        let weight = self
            .proj
            .weight
            .val()
            .reshape([dim, channels * patch * patch]);
        let tokens = linear(patches, weight);
        tokens.clone() + self.proj.bias.val().cast(tokens.dtype()).unsqueeze()
    }

    fn overlapping(&self, images: Tensor<4>) -> Tensor<3> {
        let stride = [self.stride, self.stride];
        let options = ConvOptions::new(stride, [0, 0], [1, 1], 1);
        let dtype = images.dtype();
        let weight = self.proj.weight.val().cast(dtype);
        let bias = self.proj.bias.val().cast(dtype);
        conv2d(images, weight, Some(bias), options)
            .flatten::<3>(2, 3)
            .swap_dims(1, 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Distribution, Tolerance};

    #[test]
    fn tiling_patches_equal_the_convolution() {
        let device = Device::flex();
        let embed = PatchEmbed::new(&mut Init::new(0, &device), 3, 5, 4, 4);
        let images = Tensor::<4>::random([2, 3, 12, 8], Distribution::Default, &device);
        let tokens = embed.forward(images.clone());
        assert_eq!(tokens.dims(), [2, 6, 5]);
        let expected = embed.overlapping(images).into_data();
        tokens
            .into_data()
            .assert_approx_eq::<f32>(&expected, Tolerance::rel_abs(1e-5, 1e-6));
    }

    #[test]
    fn overlapping_patches_cover_the_grid() {
        let device = Device::flex();
        let embed = PatchEmbed::new(&mut Init::new(0, &device), 3, 5, 16, 8);
        let tokens = embed.forward(Tensor::<4>::zeros([1, 3, 40, 40], &device));
        assert_eq!(
            tokens.dims(),
            [1, PatchEmbed::grid_side(40, 16, 8).pow(2), 5]
        );
    }
}
