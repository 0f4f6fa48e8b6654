//! The loss and all gradients of a step as one row of numbers, so that devices have one thing to add up and not hundreds.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::{DType, Device, Tensor};
use elapid_kernels::buffers::{overwrite, overwrite_part};

use crate::optim::Pool;

/// Numbers between the beginnings of places in a row that is written where it lies: 256 bytes, at which GPUs can read a
/// part of a row without copying it.
const SPACING: usize = 64;

/// Where in a row each gradient lies. The loss is the first number.
#[derive(Debug)]
pub(super) struct Places {
    first: BTreeMap<ParamId, usize>,
    len: usize,
    in_place: bool,
}

impl Places {
    /// Places for all gradients of a module. Rows are written where they lie if `in_place` is set.
    pub(super) fn of<M: Module>(module: &M, gradients: &Pool, in_place: bool) -> Self {
        let mut places = Self {
            first: BTreeMap::new(),
            len: 0,
            in_place,
        };
        places.reserve(1);
        module.visit(&mut Reserve {
            gradients,
            places: &mut places,
        });
        places
    }

    fn reserve(&mut self, len: usize) -> usize {
        let first = self.len;
        let spacing = if self.in_place { SPACING } else { 1 };
        self.len += len.next_multiple_of(spacing);
        first
    }

    /// A row of zeros on a plain device.
    pub(super) fn zeros(&self, device: &Device) -> Tensor<1> {
        Tensor::zeros([self.len], (device, DType::F32))
    }

    /// A row with loss and gradients of a module in it, or with zeros for those that are missing; in the memory of
    /// `row` if rows are written where they lie.
    pub(super) fn filled<M: Module>(
        &self,
        row: &Tensor<1>,
        module: &M,
        loss_and_gradients: Option<(Tensor<1>, Pool)>,
    ) -> Tensor<1> {
        let Some((loss, gradients)) = loss_and_gradients else {
            let zeros = self.zeros(&row.device());
            return match self.in_place {
                true => overwrite(row, zeros),
                false => zeros,
            };
        };
        let mut fill = Fill {
            places: self,
            gradients,
            row: row.clone(),
            pieces: Vec::new(),
        };
        fill.put(0, loss);
        module.visit(&mut fill);
        match self.in_place {
            true => fill.row,
            false => Tensor::cat(fill.pieces, 0),
        }
    }

    /// The loss and the gradients of a row.
    pub(super) fn read<M: Module>(&self, row: &Tensor<1>, module: &M) -> (Tensor<1>, Pool) {
        let mut read = Read {
            places: self,
            row,
            gradients: Pool::new(),
        };
        module.visit(&mut read);
        (row.clone().slice(0..1), read.gradients)
    }
}

struct Reserve<'a> {
    gradients: &'a Pool,
    places: &'a mut Places,
}

impl ModuleVisitor for Reserve<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let first = self.places.reserve(gradient.dims().iter().product());
            self.places.first.insert(param.id, first);
        }
    }
}

struct Fill<'a> {
    places: &'a Places,
    gradients: Pool,
    row: Tensor<1>,
    /// What the row is put together from where it is a new one; there are no gaps then.
    pieces: Vec<Tensor<1>>,
}

impl Fill<'_> {
    fn put<const D: usize>(&mut self, first: usize, value: Tensor<D>) {
        let value = value.cast(DType::F32);
        match self.places.in_place {
            true => self.row = overwrite_part(&self.row, first, value),
            false => self.pieces.push(value.reshape([-1])),
        }
    }
}

impl ModuleVisitor for Fill<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(&first) = self.places.first.get(&param.id) else {
            return;
        };
        let gradient = self.gradients.remove::<D>(param.id);
        let gradient = gradient.unwrap_or_else(|| param.val().inner().zeros_like());
        self.put(first, gradient);
    }
}

struct Read<'a> {
    places: &'a Places,
    row: &'a Tensor<1>,
    gradients: Pool,
}

impl ModuleVisitor for Read<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(&first) = self.places.first.get(&param.id) else {
            return;
        };
        let value = param.val();
        let dims = value.dims();
        let len: usize = dims.iter().product();
        let gradient = self.row.clone().slice(first..first + len).reshape(dims);
        self.gradients
            .register(param.id, gradient.cast(value.dtype()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Module, Debug)]
    struct Three {
        matrix: Param<Tensor<2>>,
        frozen: Param<Tensor<1>>,
        vector: Param<Tensor<1>>,
    }

    fn row(values: &[f32]) -> Tensor<1> {
        Tensor::from_floats(values, &Device::flex())
    }

    fn three() -> (Three, Pool) {
        let module = Three {
            matrix: Param::from_tensor(row(&[0.0; 6]).reshape([2, 3])),
            frozen: Param::from_tensor(row(&[0.0; 5])),
            vector: Param::from_tensor(row(&[0.0; 2])),
        };
        let mut gradients = Pool::new();
        let matrix = row(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).reshape([2, 3]);
        gradients.register::<2>(module.matrix.id, matrix);
        gradients.register::<1>(module.vector.id, row(&[7.0, 8.0]));
        (module, gradients)
    }

    #[test]
    fn what_is_filled_in_is_read_again() {
        for in_place in [false, true] {
            let (module, gradients) = three();
            let places = Places::of(&module, &gradients, in_place);
            let zeros = places.zeros(&Device::flex());
            assert_eq!(zeros.dims(), if in_place { [192] } else { [9] });
            let given = Some((row(&[0.5]), gradients));
            let filled = places.filled(&zeros, &module, given);
            assert_eq!(filled.dims(), zeros.dims());
            let (loss, found) = places.read(&filled, &module);
            assert_eq!(loss.into_data(), row(&[0.5]).into_data());
            assert_eq!(found.len(), 2);
            let matrix = found.get::<2>(module.matrix.id).unwrap().into_data();
            assert_eq!(
                matrix.iter::<f32>().collect::<Vec<_>>(),
                [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
            );
            assert_eq!(&matrix.shape()[..], [2, 3]);
            let vector = found.get::<1>(module.vector.id).unwrap();
            assert_eq!(vector.into_data(), row(&[7.0, 8.0]).into_data());
        }
    }

    #[test]
    fn a_share_without_samples_is_all_zeros() {
        for in_place in [false, true] {
            let (module, gradients) = three();
            let places = Places::of(&module, &gradients, in_place);
            let stale = places.zeros(&Device::flex()).add_scalar(3.0);
            let filled = places.filled(&stale, &module, None);
            assert_eq!(
                filled.into_data(),
                places.zeros(&Device::flex()).into_data()
            );
        }
    }
}
