//! A batch in device memory.

use burn::tensor::{DType, Device, Int, Shape, Tensor, TensorData};
use elapid_kernels::buffers;

/// What a task computes its loss from: tensors, in the order in which [`Task::inputs`](crate::Task::inputs) lists them.
#[derive(Clone, Debug)]
pub struct Inputs(Vec<Input>);

#[derive(Clone, Debug)]
struct Input {
    shape: Shape,
    values: Values,
}

/// All elements, in row-major order.
#[derive(Clone, Debug)]
enum Values {
    Float(Tensor<1>),
    Int(Tensor<1, Int>),
}

impl Inputs {
    /// Copies data to a device. Integers become the device's default type, and floats of 32 or 64 bits as well.
    pub fn upload(data: Vec<TensorData>, device: &Device) -> Self {
        let upload = |data: TensorData| {
            let shape = data.shape().clone();
            let dtype = data.dtype();
            let flat = flat(data);
            let values = match dtype {
                DType::BF16 | DType::F16 => Values::Float(Tensor::from_data(flat, (device, dtype))),
                _ if dtype.is_float() => Values::Float(Tensor::from_data(flat, device)),
                _ => Values::Int(Tensor::from_data(flat, device)),
            };
            Input { shape, values }
        };
        Self(data.into_iter().map(upload).collect())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Input number `index`.
    ///
    /// # Panics
    ///
    /// Panics if there is none of that number, or it is of integers, or has not `D` axes.
    pub fn float<const D: usize>(&self, index: usize) -> Tensor<D> {
        let input = &self.0[index];
        match &input.values {
            Values::Float(values) => values.clone().reshape(input.dims::<D>()),
            Values::Int(_) => panic!("input {index} is of integers"),
        }
    }

    /// Input number `index`.
    ///
    /// # Panics
    ///
    /// As for [`float`](Self::float), for floats.
    pub fn int<const D: usize>(&self, index: usize) -> Tensor<D, Int> {
        let input = &self.0[index];
        match &input.values {
            Values::Int(values) => values.clone().reshape(input.dims::<D>()),
            Values::Float(_) => panic!("input {index} is of floats"),
        }
    }

    /// What two batches have in common that one recorded step can take.
    pub(crate) fn signature(&self) -> Vec<(Shape, bool)> {
        let of = |input: &Input| {
            let is_float = matches!(input.values, Values::Float(_));
            (input.shape.clone(), is_float)
        };
        self.0.iter().map(of).collect()
    }

    /// Writes others of the same signature into the memory of these. What comes back has to live until the device was
    /// told to go on.
    pub(crate) fn overwrite(&self, others: &Self) -> Self {
        let write = |(target, other): (&Input, &Input)| {
            let values = match (&target.values, &other.values) {
                (Values::Float(target), Values::Float(other)) => {
                    let target = target.clone().inner();
                    Values::Float(buffers::overwrite(&target, other.clone().inner()))
                }
                (Values::Int(target), Values::Int(other)) => {
                    let target = target.clone().inner();
                    Values::Int(buffers::overwrite_int(&target, other.clone().inner()))
                }
                _ => panic!("a float input cannot take the place of an integer one"),
            };
            let shape = target.shape.clone();
            Input { shape, values }
        };
        Self(self.0.iter().zip(&others.0).map(write).collect())
    }
}

impl Input {
    fn dims<const D: usize>(&self) -> [usize; D] {
        let rank = self.shape.num_dims();
        assert!(rank == D, "an input has {rank} axes, {D} were asked for");
        self.shape.dims()
    }
}

fn flat(data: TensorData) -> TensorData {
    let (bytes, shape, dtype) = data.into_parts();
    TensorData::from_bytes(bytes, [shape.num_elements()], dtype)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_come_back_in_shape_and_order() {
        let device = Device::flex().autodiff();
        let pixels = TensorData::new((0..12).map(|i| i as f32).collect(), [2, 3, 2]);
        let labels = TensorData::new(vec![4_i64, 5], [2]);
        let inputs = Inputs::upload(vec![pixels.clone(), labels], &device);
        assert_eq!(inputs.float::<3>(0).into_data(), pixels);
        let found: Vec<i64> = inputs.int::<1>(1).into_data().iter().collect();
        assert_eq!(found, [4, 5]);
    }

    #[test]
    #[should_panic(expected = "input 0 is of integers")]
    fn integers_are_no_floats() {
        let labels = TensorData::new(vec![4_i64, 5], [2]);
        Inputs::upload(vec![labels], &Device::flex()).float::<1>(0);
    }
}
