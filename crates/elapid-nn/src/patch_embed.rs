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
    /// Distance of two patches along height and width.
    #[module(skip)]
    stride: [usize; 2],
}

/// Weights of a [`PatchEmbed`].
#[derive(Module, Debug)]
pub struct PatchProjection {
    /// `[D, C, P, Q]`
    pub weight: Param<Tensor<4>>,
    /// `[D]`
    pub bias: Param<Tensor<1>>,
}

impl PatchEmbed {
    /// LeCun-normal weight and zero bias, as the official Vim initialises its patch embedding. `patch` and `stride` are height
    /// and width, in pixels.
    pub fn new(
        init: &mut Init,
        channels: usize,
        width: usize,
        patch: [usize; 2],
        stride: [usize; 2],
    ) -> Self {
        let [rows, columns] = patch;
        let shape = [width, channels, rows, columns];
        let weight = init.lecun_normal(shape, channels * rows * columns);
        let bias = init.constant([width], 0.0);
        let proj = PatchProjection { weight, bias };
        Self { proj, stride }
    }

    /// PyTorch's default initialisation of a convolution.
    pub fn torch_default(
        init: &mut Init,
        channels: usize,
        width: usize,
        patch: [usize; 2],
        stride: [usize; 2],
    ) -> Self {
        let [rows, columns] = patch;
        let fan_in = channels * rows * columns;
        let weight = init.torch_default([width, channels, rows, columns], fan_in);
        let bias = init.torch_default([width], fan_in);
        let proj = PatchProjection { weight, bias };
        Self { proj, stride }
    }

    /// Patches along one side of an image of `side` pixels.
    pub fn grid_side(side: usize, patch: usize, stride: usize) -> usize {
        (side - patch) / stride + 1
    }

    /// Patches along the height and the width of an image of so many pixels.
    pub fn grid(&self, [height, width]: [usize; 2]) -> [usize; 2] {
        let [_, _, rows, columns] = self.proj.weight.dims();
        [
            Self::grid_side(height, rows, self.stride[0]),
            Self::grid_side(width, columns, self.stride[1]),
        ]
    }

    /// Distance of two patches along height and width, in pixels.
    pub fn stride(&self) -> [usize; 2] {
        self.stride
    }

    /// # Shapes
    ///
    /// - images `[B, C, H, W]`
    /// - output `[B, L, D]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<3> {
        let [_, _, rows, columns] = self.proj.weight.dims();
        let [_, _, height, width] = images.dims();
        let whole = height % rows == 0 && width % columns == 0;
        if self.stride == [rows, columns] && whole {
            self.disjoint(images)
        } else {
            self.overlapping(images)
        }
    }

    /// Patches that tile the image are rows of a matrix: one product instead of a convolution,
    /// whose backward pass is slow on most devices.
    fn disjoint(&self, images: Tensor<4>) -> Tensor<3> {
        let [dim, channels, rows, columns] = self.proj.weight.dims();
        let patches = tiles(images, [rows, columns]);
        let weight = self.proj.weight.val();
        let weight = weight.reshape([dim, channels * rows * columns]);
        linear(patches, weight, Some(self.proj.bias.val()))
    }

    fn overlapping(&self, images: Tensor<4>) -> Tensor<3> {
        let options = ConvOptions::new(self.stride, [0, 0], [1, 1], 1);
        let dtype = images.dtype();
        let weight = self.proj.weight.val().cast(dtype);
        let bias = self.proj.bias.val().cast(dtype);
        conv2d(images, weight, Some(bias), options)
            .flatten::<3>(2, 3)
            .swap_dims(1, 2)
    }
}

/// Patches side by side as rows of values, tokens in row-major order of the grid, values in that of channel, row and column.
///
/// # Shapes
///
/// - images `[B, C, H, W]`, where H and W are multiples of `patch`
/// - output `[B, L, C · P · Q]`
pub fn tiles(images: Tensor<4>, [high, wide]: [usize; 2]) -> Tensor<3> {
    let [batch, channels, height, width] = images.dims();
    let (rows, columns) = (height / high, width / wide);
    images
        .reshape([batch, channels, rows, high, columns, wide])
        .permute([0, 2, 4, 1, 3, 5])
        .reshape([batch, rows * columns, channels * high * wide])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Distribution, Tolerance};

    #[test]
    fn tiling_patches_equal_the_convolution() {
        let device = Device::flex();
        let embed = PatchEmbed::new(&mut Init::new(0, &device), 3, 5, [4, 2], [4, 2]);
        let images = Tensor::<4>::random([2, 3, 12, 8], Distribution::Default, &device);
        let tokens = embed.forward(images.clone());
        assert_eq!(tokens.dims(), [2, 12, 5]);
        let expected = embed.overlapping(images).into_data();
        tokens
            .into_data()
            .assert_approx_eq::<f32>(&expected, Tolerance::rel_abs(1e-5, 1e-6));
    }

    #[test]
    fn overlapping_patches_cover_the_grid() {
        let device = Device::flex();
        let embed = PatchEmbed::new(&mut Init::new(0, &device), 3, 5, [16, 8], [8, 4]);
        let tokens = embed.forward(Tensor::<4>::zeros([1, 3, 40, 30], &device));
        let rows = PatchEmbed::grid_side(40, 16, 8);
        assert_eq!(
            tokens.dims(),
            [1, rows * PatchEmbed::grid_side(30, 8, 4), 5]
        );
    }
}
