//! Size and finiteness of numbers.

use burn::tensor::{DType, Tensor};
use serde::{Serialize, Serializer};

/// Sums over the elements of tensors.
#[derive(Clone, Copy, Debug, Default)]
pub struct Values {
    count: u64,
    squares: f64,
    largest: f64,
    not_finite: u64,
}

impl Values {
    /// The elements of one tensor.
    pub(super) fn of<const D: usize>(tensor: Tensor<D>) -> Self {
        host(tensor).into_iter().fold(Self::default(), Self::with)
    }

    fn with(mut self, value: f32) -> Self {
        let value = f64::from(value);
        self.count += 1;
        if value.is_finite() {
            self.squares += value * value;
            self.largest = self.largest.max(value.abs());
        } else {
            self.not_finite += 1;
        }
        self
    }

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            squares: self.squares + other.squares,
            largest: self.largest.max(other.largest),
            not_finite: self.not_finite + other.not_finite,
        }
    }

    /// Root mean square; not a number if an element is not finite.
    pub fn rms(&self) -> f64 {
        match self.not_finite {
            0 => (self.squares / self.count as f64).sqrt(),
            _ => f64::NAN,
        }
    }

    /// Largest absolute value of the finite elements.
    pub fn largest(&self) -> f64 {
        self.largest
    }

    /// Number of elements that are not finite.
    pub fn not_finite(&self) -> u64 {
        self.not_finite
    }

    /// Number of elements.
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let fields = serde_json::json!({
            "rms": self.rms(), "max": self.largest, "not_finite": self.not_finite, "count": self.count,
        });
        fields.serialize(to)
    }
}

/// The elements in host memory, row-major.
pub(super) fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.cast(DType::F32).into_data().iter::<f32>().collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn sums_by_hand() {
        let device = Device::flex();
        let some = Values::of(Tensor::<1>::from_floats([3.0, -4.0], &device));
        assert!((some.rms() - 12.5_f64.sqrt()).abs() < 1e-12);
        assert_eq!((some.largest(), some.not_finite()), (4.0, 0));
        let other = Values::of(Tensor::<1>::from_floats([f32::NAN, 5.0], &device));
        let both = some.and(other);
        assert_eq!(
            (both.largest(), both.not_finite(), both.count()),
            (5.0, 1, 4)
        );
        assert!(both.rms().is_nan());
    }
}
