//! Clipping of gradients by their global norm.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor};

/// Keeps the quotient finite where all gradients are zero; PyTorch's value.
const EPSILON: f64 = 1e-6;

/// Scales all gradients so that their Euclidean norm together is at most `max_norm`, and returns
/// the norm they had, shape `[1]`, f32, on `device`.
///
/// The same as PyTorch's `clip_grad_norm_`, where burn's own clipping treats every parameter for
/// itself. The norm is not read back, so the device is never waited for. Without `max_norm`
/// nothing is scaled.
pub fn clip_grad_norm<M: Module>(
    module: &M,
    gradients: &mut GradientsParams,
    max_norm: Option<f64>,
    device: &Device,
) -> Tensor<1> {
    let norm = global_norm(module, gradients, device);
    if let Some(max_norm) = max_norm {
        let scale = norm
            .clone()
            .add_scalar(EPSILON)
            .recip()
            .mul_scalar(max_norm)
            .clamp_max(1.0);
        module.visit(&mut Scaler { gradients, scale });
    }
    norm
}

fn global_norm<M: Module>(module: &M, gradients: &GradientsParams, device: &Device) -> Tensor<1> {
    let mut squares = Squares {
        gradients,
        sums: Vec::new(),
    };
    module.visit(&mut squares);
    if squares.sums.is_empty() {
        return Tensor::zeros([1], (device, DType::F32));
    }
    Tensor::cat(squares.sums, 0).sum().sqrt()
}

/// Collects the sum of squares of every gradient.
struct Squares<'a> {
    gradients: &'a GradientsParams,
    sums: Vec<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            // bf16 has too few digits for a sum over a large parameter.
            self.sums.push(gradient.cast(DType::F32).square().sum());
        }
    }
}

/// Multiplies every gradient by one number, shape `[1]`.
struct Scaler<'a> {
    gradients: &'a mut GradientsParams,
    scale: Tensor<1>,
}

impl ModuleVisitor for Scaler<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            let scale = self.scale.clone().cast(gradient.dtype()).reshape([1; D]);
            self.gradients.register(param.id, gradient.mul(scale));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Module, Debug)]
    struct Pair {
        matrix: Param<Tensor<2>>,
        vector: Param<Tensor<1>>,
        frozen: Param<Tensor<1>>,
    }

    /// Norms 12 and √(3² + 4²) = 5, together 13; one parameter has no gradient.
    fn pair() -> (Pair, GradientsParams, Device) {
        let device = Device::flex();
        let zeros = |n| Tensor::<1>::zeros([n], &device);
        let pair = Pair {
            matrix: Param::from_tensor(zeros(4).reshape([2, 2])),
            vector: Param::from_tensor(zeros(2)),
            frozen: Param::from_tensor(zeros(1)),
        };
        let mut gradients = GradientsParams::new();
        let matrix = Tensor::<2>::full([2, 2], 6.0, &device);
        gradients.register(pair.matrix.id, matrix);
        gradients.register(
            pair.vector.id,
            Tensor::<1>::from_floats([3.0, -4.0], &device),
        );
        (pair, gradients, device)
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.try_into_vec_as().unwrap()
    }

    fn assert_close(found: Vec<f32>, expected: &[f32]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        }
    }

    #[test]
    fn larger_norm_is_scaled_down_over_all_parameters() {
        let (pair, mut gradients, device) = pair();
        let norm = clip_grad_norm(&pair, &mut gradients, Some(1.3), &device);
        assert_close(values(norm), &[13.0]);
        let matrix = values(gradients.get::<2>(pair.matrix.id).unwrap());
        let vector = values(gradients.get::<1>(pair.vector.id).unwrap());
        assert_close(matrix, &[0.6; 4]);
        assert_close(vector, &[0.3, -0.4]);
        assert_eq!(gradients.len(), 2);
    }

    #[test]
    fn smaller_norm_leaves_every_bit() {
        for max_norm in [Some(13.1), None] {
            let (pair, mut gradients, device) = pair();
            clip_grad_norm(&pair, &mut gradients, max_norm, &device);
            let vector = values(gradients.get::<1>(pair.vector.id).unwrap());
            assert_eq!(vector, [3.0, -4.0]);
        }
    }

    #[test]
    fn norm_of_nothing_and_of_zeros_is_zero() {
        let (pair, mut gradients, device) = pair();
        let none = clip_grad_norm(&pair, &mut GradientsParams::new(), Some(1.0), &device);
        assert_eq!(values(none), [0.0]);
        gradients.register(pair.matrix.id, Tensor::<2>::zeros([2, 2], &device));
        gradients.register(pair.vector.id, Tensor::<1>::zeros([2], &device));
        clip_grad_norm(&pair, &mut gradients, Some(1.0), &device);
        let vector = values(gradients.get::<1>(pair.vector.id).unwrap());
        assert_eq!(vector, [0.0, 0.0]);
    }
}
