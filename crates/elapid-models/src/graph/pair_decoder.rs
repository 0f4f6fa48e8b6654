//! States of two nodes to scores of the pair.

use burn::module::Module;
use burn::tensor::{DType, Int, Tensor, activation};
use elapid_nn::graph::{Segments, spread};
use elapid_nn::{Init, Linear, Noise, show};

use super::seen::seen;

/// How two states become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairKind {
    /// `[u, v, u ⊙ v]`: the order of the two matters.
    Concat,
    /// `[u + v, |u − v|, u ⊙ v]`: it does not.
    Symmetric,
    /// `uᵀ v`, which is the score (`edge_decoding: dot` of GraphGym).
    Dot,
}

/// Linear maps with ReLUs in between, of what two states become.
#[derive(Module, Debug)]
pub struct PairDecoder {
    /// The first is `[D, 3 D]`, the last `[outputs, D]`; none for a dot product.
    pub linears: Vec<Linear>,
    #[module(skip)]
    kind: PairKind,
}

/// The pairs of a batch: pairs as rows, nodes as segments, by the first and by the second node of each.
#[derive(Clone, Debug)]
pub struct PairInput {
    /// By the first.
    pub from: Segments,
    /// By the second.
    pub to: Segments,
}

/// Pairs whose scores are computed at once where there are many: three rows of states for each are in memory together.
const CHUNK: usize = 1 << 17;

impl PairDecoder {
    /// PyTorch's initialisation, for states of `width` numbers. A dot product has one score whatever `outputs` is.
    pub fn new(init: &mut Init, kind: PairKind, [width, layers, outputs]: [usize; 3]) -> Self {
        let last = layers.saturating_sub(1);
        let linear = |layer: usize, init: &mut Init| {
            let inputs = if layer == 0 { 3 * width } else { width };
            let outputs = if layer == last { outputs } else { width };
            Linear::new(init, inputs, outputs, true)
        };
        let linears = match kind {
            PairKind::Dot => Vec::new(),
            _ => (0..=last).map(|layer| linear(layer, init)).collect(),
        };
        Self { linears, kind }
    }

    /// # Shapes
    ///
    /// - states `[N, D]`
    /// - output `[P, outputs]`, 32-bit
    pub fn forward(
        &self,
        states: Tensor<2>,
        pairs: &PairInput,
        noise: Option<&mut Noise>,
    ) -> Tensor<2> {
        let from = spread(states.clone(), &pairs.from);
        let scores = self.decode(from, spread(states, &pairs.to));
        show(noise, || seen(self, &scores));
        scores
    }

    /// The same of any number of pairs, without a gradient.
    ///
    /// # Shapes
    ///
    /// - states `[N, D]`
    /// - from, to `[P]`
    /// - output `[P, outputs]`, 32-bit
    ///
    /// # Panics
    ///
    /// Panics if there is no pair.
    pub fn scores(
        &self,
        states: &Tensor<2>,
        from: Tensor<1, Int>,
        to: Tensor<1, Int>,
    ) -> Tensor<2> {
        let [pairs] = from.dims();
        let part = |first: usize| {
            let range = first..(first + CHUNK).min(pairs);
            let rows =
                |of: &Tensor<1, Int>| states.clone().select(0, of.clone().slice(range.clone()));
            self.decode(rows(&from), rows(&to))
        };
        Tensor::cat((0..pairs).step_by(CHUNK).map(part).collect(), 0)
    }

    fn decode(&self, from: Tensor<2>, to: Tensor<2>) -> Tensor<2> {
        let product = from.clone() * to.clone();
        let mut x = match self.kind {
            PairKind::Dot => return product.cast(DType::F32).sum_dim(1),
            PairKind::Concat => Tensor::cat(vec![from, to, product], 1),
            PairKind::Symmetric => {
                let (sum, difference) = (from.clone() + to.clone(), (from - to).abs());
                Tensor::cat(vec![sum, difference, product], 1)
            }
        };
        for (layer, linear) in self.linears.iter().enumerate() {
            if layer > 0 {
                x = activation::relu(x);
            }
            x = linear.forward(x);
        }
        x.cast(DType::F32)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    fn ints(values: &[i32], device: &Device) -> Tensor<1, Int> {
        Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
    }

    fn input(device: &Device) -> (Tensor<2>, PairInput) {
        let states = Tensor::from_data([[1.0_f32, 2.0], [3.0, -1.0], [0.5, 4.0]], device);
        let segments = |of: &[i32], ptr: &[i32], order: &[i32]| {
            Segments::new(
                ints(of, device),
                ints(ptr, device),
                Some(ints(order, device)),
            )
        };
        let pairs = PairInput {
            from: segments(&[0, 2], &[0, 1, 1, 2], &[0, 1]),
            to: segments(&[1, 0], &[0, 1, 2, 2], &[1, 0]),
        };
        (states, pairs)
    }

    fn numbers(x: Tensor<2>) -> Vec<f32> {
        x.into_data().iter::<f32>().collect()
    }

    #[test]
    fn a_dot_product_by_hand() {
        let device = Device::flex();
        let (states, pairs) = input(&device);
        let decoder = PairDecoder::new(&mut Init::new(0, &device), PairKind::Dot, [2, 3, 5]);
        assert_eq!(numbers(decoder.forward(states, &pairs, None)), [1.0, 8.5]);
    }

    #[test]
    fn chunks_give_the_same_and_order_matters_where_it_should() {
        let device = Device::flex();
        let (states, pairs) = input(&device);
        for (kind, is_symmetric) in [(PairKind::Concat, false), (PairKind::Symmetric, true)] {
            let decoder = PairDecoder::new(&mut Init::new(1, &device), kind, [2, 2, 3]);
            let (from, to) = (ints(&[0, 2], &device), ints(&[1, 0], &device));
            let scores = numbers(decoder.scores(&states, from.clone(), to.clone()));
            assert_eq!(
                scores,
                numbers(decoder.forward(states.clone(), &pairs, None))
            );
            let turned = numbers(decoder.scores(&states, to, from));
            assert_eq!(scores == turned, is_symmetric);
        }
    }
}
