//! Clipping of gradients by their global norm.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use elapid_kernels::squares::Norm;

/// Keeps the quotient finite where all gradients are zero; PyTorch's value.
const EPSILON: f64 = 1e-6;

/// The Euclidean norm of all gradients together, shape `[1]`, 32-bit, on `device`. It is not read back, so the device is
/// never waited for.
pub(crate) fn global_norm<M: Module>(
    module: &M,
    gradients: &GradientsParams,
    device: &Device,
) -> Tensor<1> {
    let mut lens = Lens {
        gradients,
        lens: Vec::new(),
    };
    module.visit(&mut lens);
    let mut squares = Squares {
        gradients,
        norm: Norm::over(&lens.lens, device),
    };
    module.visit(&mut squares);
    squares.norm.finish()
}

/// What gradients of global norm `norm` have to be multiplied by to have one of at most `max_norm`, shape `[1]`.
///
/// The same as in PyTorch's `clip_grad_norm_`, where burn's own clipping treats every parameter for itself.
pub(crate) fn scale(norm: &Tensor<1>, max_norm: Option<f64>) -> Tensor<1> {
    match max_norm {
        Some(max_norm) => {
            let inverse = norm.clone().add_scalar(EPSILON).recip();
            inverse.mul_scalar(max_norm).clamp_max(1.0)
        }
        None => norm.ones_like(),
    }
}

/// Collects the number of elements of every gradient.
struct Lens<'a> {
    gradients: &'a GradientsParams,
    lens: Vec<usize>,
}

impl ModuleVisitor for Lens<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.gradients.get::<D>(param.id);
        self.lens
            .extend(gradient.map(|gradient| gradient.dims().iter().product::<usize>()));
    }
}

/// Adds up the squares of every gradient.
struct Squares<'a> {
    gradients: &'a GradientsParams,
    norm: Norm,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.norm.add(gradient);
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
    fn larger_norm_is_scaled_down_and_a_smaller_one_is_not() {
        let (pair, gradients, device) = pair();
        let norm = global_norm(&pair, &gradients, &device);
        assert_close(values(norm.clone()), &[13.0]);
        assert_close(values(scale(&norm, Some(1.3))), &[0.1]);
        assert_eq!(values(scale(&norm, Some(13.1))), [1.0]);
        assert_eq!(values(scale(&norm, None)), [1.0]);
    }

    #[test]
    fn norm_of_nothing_and_of_zeros_is_zero() {
        let (pair, mut gradients, device) = pair();
        let none = global_norm(&pair, &GradientsParams::new(), &device);
        assert_eq!(values(none.clone()), [0.0]);
        assert_eq!(values(scale(&none, Some(1.0))), [1.0]);
        gradients.register(pair.matrix.id, Tensor::<2>::zeros([2, 2], &device));
        gradients.register(pair.vector.id, Tensor::<1>::zeros([2], &device));
        assert_eq!(values(global_norm(&pair, &gradients, &device)), [0.0]);
    }
}
