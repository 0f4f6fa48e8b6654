//! The native CPU implementation: products by the crate that burn's own are by.
//!
//! Burn's product clears the memory of its result first, gives the weight's gradient in columns, which have to be turned, and leaves
//! the bias to another pass. Here results are written once, in rows.

mod autodiff;
mod matrix;
pub(super) mod ops;
mod product;
mod sums;
mod turn;

use burn::backend::{Flex, tensor::FloatTensor};
use burn::tensor::{Shape, TensorData};
use burn_flex::FlexTensor;

use crate::flex::rows::with_contiguous_rows;
use crate::native::Optional;
use matrix::{Matrix, evenly_spaced};
use ops::{AffineBackward, AffineGrads, AffineOps};
use product::Sheet;

impl AffineOps for Flex {
    fn affine_forward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: Optional<Self>,
    ) -> FloatTensor<Self> {
        let x = evenly_spaced(x);
        let (left, weight) = (Matrix::of(&x), Matrix::of(&weight));
        let turned = turn::is_worth(left.rows, &weight).then(|| turn::turned(weight));
        let right = match &turned {
            Some(turned) => Matrix::row_major(turned, weight.columns, weight.rows),
            None => weight.transposed(),
        };
        let mut y = Sheet::new(left.rows, right.columns);
        match bias.into_option() {
            Some(bias) => {
                let bias = bias.to_contiguous();
                y.repeat(bias.as_slice().expect("made contiguous above"));
                // SAFETY: the row was written everywhere.
                unsafe { y.add(left, right) }
            }
            None => y.write([0, 1], left, right),
        }
        let shape = with_last(x.layout().shape(), right.columns);
        // SAFETY: the product was.
        unsafe { tensor(y, shape) }
    }

    fn affine_halves(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: Optional<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let y = Self::affine_forward(x, weight, bias);
        let last = y.layout().num_dims() - 1;
        let half = y.layout().shape()[last] / 2;
        (y.narrow(last, 0, half), y.narrow(last, half, half))
    }
}

impl AffineBackward for Flex {
    fn affine_input(grads: AffineGrads<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        let grads = Parts::new(grads);
        let weight = Matrix::of(&weight);
        let mut sum: Option<(Sheet, Shape)> = None;
        for (index, grad) in grads.present() {
            let (left, right) = (Matrix::of(grad), weight.part(index, grads.count()));
            match &mut sum {
                // SAFETY: the first product was written.
                Some((sum, _)) => unsafe { sum.add(left, right) },
                None => {
                    let mut first = Sheet::new(left.rows, right.columns);
                    first.write([0, 1], left, right);
                    sum = Some((first, with_last(grad.layout().shape(), right.columns)));
                }
            }
        }
        let (sum, shape) = sum.expect("a step runs when a gradient has arrived");
        // SAFETY: the first product was written.
        unsafe { tensor(sum, shape) }
    }

    fn affine_weight(grads: AffineGrads<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        let grads = Parts::new(grads);
        let x = evenly_spaced(x);
        let right = Matrix::of(&x);
        let outputs = grads.width() * grads.count();
        let mut sum = Sheet::new(outputs, right.columns);
        for (index, grad) in grads.0.iter().enumerate() {
            match grad {
                Some(grad) => {
                    let left = Matrix::of(grad).transposed();
                    sum.write([index, grads.count()], left, right);
                }
                None => sum.clear(index, grads.count()),
            }
        }
        // SAFETY: so was every part.
        unsafe { tensor(sum, [outputs, right.columns].into()) }
    }

    fn affine_bias(grads: AffineGrads<Self>) -> FloatTensor<Self> {
        let grads = Parts::new(grads);
        let width = grads.width();
        let mut sum = vec![0.0; width * grads.count()];
        for (index, grad) in grads.present() {
            let grad = with_contiguous_rows(grad.clone());
            sums::add_rows(&mut sum[index * width..][..width], Matrix::of(&grad));
        }
        let len = sum.len();
        FlexTensor::from_data(TensorData::new(sum, [len]))
    }
}

/// The gradients of the output or of its halves, each with evenly spaced rows.
struct Parts(Vec<Option<FlexTensor>>);

impl Parts {
    fn new(grads: AffineGrads<Flex>) -> Self {
        let AffineGrads::<Flex> {
            first,
            second,
            halves,
        } = grads;
        let mut parts = vec![first.into_option().map(evenly_spaced)];
        if halves {
            parts.push(second.into_option().map(evenly_spaced));
        }
        Self(parts)
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    fn present(&self) -> impl Iterator<Item = (usize, &FlexTensor)> {
        let parts = self.0.iter().enumerate();
        parts.filter_map(|(index, grad)| Some((index, grad.as_ref()?)))
    }

    /// Columns of a part.
    fn width(&self) -> usize {
        let (_, grad) = self
            .present()
            .next()
            .expect("a step runs when a gradient has arrived");
        let shape = grad.layout().shape();
        shape[shape.num_dims() - 1]
    }
}

/// # Safety
///
/// The sheet has been written.
unsafe fn tensor(sheet: Sheet, shape: Shape) -> FlexTensor {
    // SAFETY: that of the caller.
    let numbers = unsafe { sheet.written() };
    FlexTensor::from_data(TensorData::new(numbers, shape))
}

fn with_last(like: &Shape, width: usize) -> Shape {
    let mut shape = like.clone();
    let last = shape.num_dims() - 1;
    shape[last] = width;
    shape
}
