//! A scan in two directions that share nothing.

use burn::module::Module;
use burn::tensor::{Bool, Tensor};
use elapid_nn::mixer::{Mamba, MambaConfig};
use elapid_nn::{Dynamics, Init, Linear};

/// The block of algorithm 2 of Graph Mamba Networks (arXiv 2402.08678), each direction with projections, convolution, gate, decay and
/// an output map of its own:
///
/// ```text
/// out = W_out (mamba(x) + flip(mamba_b(flip(x))))
/// ```
#[derive(Module, Debug)]
pub struct SeparateBranches {
    /// First to last.
    pub forward: Mamba,
    /// Last to first.
    pub backward: Mamba,
    /// `[D, D]`
    pub out_proj: Linear,
}

impl SeparateBranches {
    /// Mamba's initialisation, and PyTorch's of the last map.
    pub fn new(init: &mut Init, config: &MambaConfig) -> Self {
        Self {
            forward: Mamba::new(init, config),
            backward: Mamba::new(init, config),
            out_proj: Linear::new(init, config.d_model, config.d_model, true),
        }
    }

    /// # Shapes
    ///
    /// - h, output `[B, L, D]`
    /// - reset `[B, L]`, true at the first token of every packed sequence
    pub fn forward(&self, h: Tensor<3>, reset: Option<Tensor<2, Bool>>) -> Tensor<3> {
        let backwards = reset.clone().map(reversed);
        let there = self.forward.forward(h.clone(), reset);
        let back = self.backward.forward(h.flip([1]), backwards).flip([1]);
        self.out_proj.forward(there + back)
    }

    /// How the scans move over an input of [`forward`](Self::forward): first to last, then last to first.
    pub fn dynamics(&self, h: Tensor<3>, reset: Option<Tensor<2, Bool>>) -> Vec<Dynamics> {
        let backwards = reset.clone().map(reversed);
        let there = self.forward.dynamics(h.clone(), reset).into_iter();
        let back = self.backward.dynamics(h.flip([1]), backwards);
        there.chain(back).collect()
    }
}

/// Where the packed sequences start when they are read from their end.
fn reversed(starts: Tensor<2, Bool>) -> Tensor<2, Bool> {
    let [batch, len] = starts.dims();
    let last = Tensor::<2>::ones([batch, 1], &starts.device()).greater_elem(0.0);
    // A sequence ends in front of the next one's start.
    let ends = match len {
        1 => last,
        _ => Tensor::cat(vec![starts.slice([0..batch, 1..len]), last], 1),
    };
    ends.flip([1])
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[test]
    fn packed_sequences_are_scanned_as_if_alone() {
        let device = Device::flex();
        let config = MambaConfig::new(4);
        let branches = SeparateBranches::new(&mut Init::new(3, &device), &config);
        let values: Vec<f32> = (0..7 * 4).map(|at| (at as f32 * 0.37).sin()).collect();
        let x = Tensor::<3>::from_data(TensorData::new(values, [1, 7, 4]), &device);
        let starts = [[true, false, false, true, false, false, false]];
        let starts = Tensor::<2, Bool>::from_data(starts, &device);
        let packed = branches.forward(x.clone(), Some(starts));
        let alone = |range: std::ops::Range<usize>| {
            branches.forward(x.clone().slice([0..1, range, 0..4]), None)
        };
        let apart = Tensor::cat(vec![alone(0..3), alone(3..7)], 1);
        let error = (packed.clone() - apart).abs().max().into_scalar::<f32>();
        assert!(error < 1e-6, "{error}");
        // The first token hears of the last of its own sequence only.
        let moved = branches.forward(x.clone() + 1.0, None);
        assert!((moved - packed).abs().max().into_scalar::<f32>() > 1e-3);
    }
}
