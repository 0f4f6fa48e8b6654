//! One step of one parameter.

use burn::tensor::Tensor;
use elapid_kernels::adamw::{AdamWOptions, Dials, adamw};
use elapid_kernels::buffers::overwrite;

use super::table::{decay, penalty, rate};

/// What turns gradients into steps. Weight decay is decoupled in all but Adam: `p ← (1 − lr · λ) p − step`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), as `torch.optim.AdamW`.
    AdamW {
        /// Decay rates of the first and second moment.
        betas: (f64, f64),
        /// ε, added to the root of the second moment.
        eps: f64,
    },
    /// Kingma and Ba, "Adam: a method for stochastic optimization" (2015), as `torch.optim.Adam`. Weight decay is a penalty:
    /// `λ p` is added to the gradient once that is clipped, so it goes through the moments.
    Adam {
        /// Decay rates of the first and second moment.
        betas: (f64, f64),
        /// ε, added to the root of the second moment.
        eps: f64,
    },
    /// Chen et al., "Symbolic discovery of optimization algorithms" (2023): `step = lr · sign(β₁ m + (1 − β₁) g)`, and
    /// `m ← β₂ m + (1 − β₂) g` after it.
    Lion {
        /// β₁ and β₂.
        betas: (f64, f64),
    },
    /// Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024), as `torch.optim.Muon`: the momentum
    /// of every hidden matrix is orthogonalised, and its step scaled by `0.2 √max(rows, columns)` to the size of AdamW's
    /// (Liu et al., "Muon is scalable for LLM training", 2025). All other parameters are AdamW's.
    Muon {
        /// Decay rate of the momentum, which is Nesterov's.
        momentum: f64,
        /// Of AdamW.
        betas: (f64, f64),
        /// Of AdamW.
        eps: f64,
    },
}

/// Coefficients of the quintic Newton-Schulz iteration (Jordan et al., 2024), and how often it is made.
const NEWTON_SCHULZ: [f32; 3] = [3.4445, -4.7750, 2.0315];
const ITERATIONS: usize = 5;

/// A parameter, its gradient and its moments, outside autodiff.
pub(super) struct Operands<const D: usize> {
    pub(super) parameter: Tensor<D>,
    pub(super) gradient: Tensor<D>,
    /// As many as the method has.
    pub(super) moments: Vec<Tensor<D>>,
}

/// How a parameter is stepped: by AdamW together with others, or on its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    AdamW { betas: (f64, f64), eps: f64 },
    Adam { betas: (f64, f64), eps: f64 },
    Lion { betas: (f64, f64) },
    Muon { momentum: f64 },
}

/// What a step of a parameter on its own reads besides.
pub(super) struct Step<'a> {
    /// Factor of the gradient, `[1]`; below 0, no step is made.
    pub(super) grad_scale: &'a Tensor<1>,
    /// The table in device memory.
    pub(super) numbers: &'a Tensor<1>,
    /// Where this parameter's numbers begin.
    pub(super) first: usize,
    /// Parameter and moments are written where they are.
    pub(super) in_place: bool,
}

impl Method {
    /// Moments of every parameter.
    pub(crate) fn moments(&self) -> usize {
        match self {
            Self::AdamW { .. } | Self::Adam { .. } | Self::Muon { .. } => 2,
            Self::Lion { .. } => 1,
        }
    }

    /// Decay rates of AdamW's moments, or of what stands for them.
    pub(crate) fn betas(&self) -> [f64; 2] {
        match *self {
            Self::AdamW { betas, .. }
            | Self::Adam { betas, .. }
            | Self::Lion { betas }
            | Self::Muon { betas, .. } => [betas.0, betas.1],
        }
    }

    /// How a parameter is stepped; whether it is the matrix of a linear map between hidden states.
    pub(super) fn rule(&self, is_hidden_matrix: bool) -> Rule {
        match *self {
            Self::Adam { betas, eps } => Rule::Adam { betas, eps },
            Self::Lion { betas } => Rule::Lion { betas },
            Self::Muon { momentum, .. } if is_hidden_matrix => Rule::Muon { momentum },
            Self::AdamW { betas, eps } | Self::Muon { betas, eps, .. } => {
                Rule::AdamW { betas, eps }
            }
        }
    }

    /// What weights are reduced by, per unit of learning rate, and what part of them is added to their gradients, of a weight
    /// decay.
    pub(super) fn decays(&self, weight_decay: f64) -> [f64; 2] {
        match self {
            Self::Adam { .. } => [0.0, weight_decay],
            Self::AdamW { .. } | Self::Lion { .. } | Self::Muon { .. } => [weight_decay, 0.0],
        }
    }
}

/// Each gives the parameter and its moments after the step.
impl Step<'_> {
    /// AdamW's step of the gradient with the penalty, without decay.
    pub(super) fn adam<const D: usize>(
        &self,
        operands: Operands<D>,
        betas: (f64, f64),
        eps: f64,
    ) -> (Tensor<D>, Vec<Tensor<D>>) {
        let [first, second] = operands
            .moments
            .try_into()
            .expect("Adam has two moments a parameter");
        let penalty = operands.parameter.clone() * self.number(penalty);
        let gradient = self.scaled(operands.gradient) + penalty;
        // The gradient is scaled by now, but whether a step is made is still for the kernel to see.
        let is_off = self.grad_scale.clone().lower_elem(0.0);
        let made = self.grad_scale.ones_like().mask_fill(is_off, -1.0);
        let dials = Dials {
            grad_scale: &made,
            table: self.numbers,
            first: self.first,
        };
        let options = adamw_options(betas, eps, self.in_place);
        let (parameter, moments) = adamw(
            operands.parameter,
            gradient,
            [first, second],
            dials,
            options,
        );
        (parameter, moments.into())
    }

    pub(super) fn lion<const D: usize>(
        &self,
        operands: Operands<D>,
        betas: (f64, f64),
    ) -> (Tensor<D>, Vec<Tensor<D>>) {
        let Operands {
            parameter,
            moments,
            gradient,
        } = operands;
        let (moment, gradient) = (&moments[0], self.scaled(gradient));
        let mix = |beta: f64| moment.clone() * beta + gradient.clone() * (1.0 - beta);
        let step = mix(betas.0).sign() * self.number(rate);
        let new = parameter.clone() * self.number(decay) - step;
        let updated = self.written(moment, mix(betas.1));
        (self.written(&parameter, new), vec![updated])
    }

    pub(super) fn muon<const D: usize>(
        &self,
        operands: Operands<D>,
        momentum: f64,
    ) -> (Tensor<D>, Vec<Tensor<D>>) {
        let Operands {
            parameter,
            mut moments,
            gradient,
        } = operands;
        let gradient = self.scaled(gradient);
        let old = moments[0].clone();
        let moment = old.clone() * momentum + gradient.clone() * (1.0 - momentum);
        // Nesterov: the momentum that the next gradient would find if it were this one.
        let ahead = moment.clone() * momentum + gradient * (1.0 - momentum);
        let [rows, columns] = [D - 2, D - 1].map(|axis| parameter.dims()[axis]);
        let size = 0.2 * (rows.max(columns) as f64).sqrt();
        let step = orthogonal(ahead) * self.number::<D>(rate) * size;
        let new = parameter.clone() * self.number(decay) - step;
        moments[0] = self.written(&old, moment);
        (self.written(&parameter, new), moments)
    }

    fn scaled<const D: usize>(&self, gradient: Tensor<D>) -> Tensor<D> {
        gradient * self.grad_scale.clone().reshape([1; D])
    }

    fn number<const D: usize>(&self, which: fn(&Tensor<1>, usize) -> Tensor<1>) -> Tensor<D> {
        which(self.numbers, self.first).reshape([1; D])
    }

    fn written<const D: usize>(&self, old: &Tensor<D>, new: Tensor<D>) -> Tensor<D> {
        let is_off = self.grad_scale.clone().lower_elem(0.0).reshape([1; D]);
        let new = new.mask_where(is_off.expand(old.dims()), old.clone());
        match self.in_place {
            true => overwrite(old, new),
            false => new,
        }
    }
}

/// AdamW's constants as its operator takes them.
pub(super) fn adamw_options(betas: (f64, f64), eps: f64, in_place: bool) -> AdamWOptions {
    AdamWOptions {
        beta_1: betas.0 as f32,
        beta_2: betas.1 as f32,
        epsilon: eps as f32,
        in_place,
    }
}

/// A matrix with about the same singular vectors and singular values near 1.
fn orthogonal<const D: usize>(matrix: Tensor<D>) -> Tensor<D> {
    let is_tall = matrix.dims()[D - 2] > matrix.dims()[D - 1];
    let turned = |x: Tensor<D>| match is_tall {
        true => x.swap_dims(D - 2, D - 1),
        false => x,
    };
    let matrix = turned(matrix);
    let norm = matrix.clone().square().sum().sqrt().clamp_min(1e-7);
    let mut x = matrix / norm.reshape([1; D]);
    let [a, b, c] = NEWTON_SCHULZ;
    for _ in 0..ITERATIONS {
        let square = x.clone().matmul(x.clone().swap_dims(D - 2, D - 1));
        let mixed = square.clone() * b + square.clone().matmul(square) * c;
        x = x.clone() * a + mixed.matmul(x);
    }
    turned(x)
}
