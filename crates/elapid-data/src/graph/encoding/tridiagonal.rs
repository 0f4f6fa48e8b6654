//! The smallest eigenvalues of a tridiagonal matrix and their vectors.

use crate::graph::quick_random::QuickRandom;

/// A symmetric matrix with nothing beside its diagonal and the ones next to it.
pub(super) struct Tridiagonal<'a> {
    /// `[n]`
    pub(super) diagonal: &'a [f64],
    /// `[n - 1]`
    pub(super) beside: &'a [f64],
}

/// Rounds of inverse iteration: each divides what is wrong by the distance to the next eigenvalue in units of rounding.
const ROUNDS: usize = 4;

/// Eigenvalues that are nearer than this share of the matrix's norm have their vectors made orthogonal, as LAPACK's `dstein`.
const CLUSTER: f64 = 1e-3;

impl Tridiagonal<'_> {
    /// The `count` smallest eigenvalues, ascending, with vectors of length 1, where `count` is at most n. Values by bisection
    /// (Givens 1954), vectors by inverse iteration (Wilkinson 1958).
    pub(super) fn smallest(&self, count: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
        let norm = self.norm();
        let values = self.values(count, norm);
        let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
        let mut shift = f64::NEG_INFINITY;
        for (at, &value) in values.iter().enumerate() {
            // Equal eigenvalues get shifts that differ, so that none has a matrix that is singular in the same way.
            shift = value.max(shift + 10.0 * f64::EPSILON * norm);
            let near = values[..at].partition_point(|&other| other < value - CLUSTER * norm);
            vectors.push(self.vector(shift, norm, at, &vectors[near..]));
        }
        (values, vectors)
    }

    fn len(&self) -> usize {
        self.diagonal.len()
    }

    /// Largest sum of absolute values of a row, above 0.
    fn norm(&self) -> f64 {
        let beside = |at: Option<usize>| {
            at.and_then(|at| self.beside.get(at))
                .map_or(0.0, |x| x.abs())
        };
        let rows = (0..self.len())
            .map(|row| self.diagonal[row].abs() + beside(row.checked_sub(1)) + beside(Some(row)));
        let norm = rows.fold(0.0, f64::max);
        // Any number does for zeros alone.
        if norm == 0.0 { 1.0 } else { norm }
    }

    fn values(&self, count: usize, norm: f64) -> Vec<f64> {
        let mut values = Vec::with_capacity(count);
        let mut lowest = -norm;
        for at in 0..count {
            let (mut low, mut high) = (lowest, norm * (1.0 + f64::EPSILON));
            while high - low > 2.0 * f64::EPSILON * norm {
                let middle = f64::midpoint(low, high);
                if middle <= low || middle >= high {
                    break;
                }
                match self.below(middle, norm) > at {
                    true => high = middle,
                    false => low = middle,
                }
            }
            values.push(f64::midpoint(low, high));
            lowest = low;
        }
        values
    }

    /// Number of eigenvalues below `x`: the negative pivots of the matrix less `x` (Sylvester's law of inertia).
    fn below(&self, x: f64, norm: f64) -> usize {
        let least = f64::EPSILON * f64::EPSILON * norm;
        let (mut count, mut pivot) = (0, 1.0);
        for (row, diagonal) in self.diagonal.iter().enumerate() {
            let beside = if row == 0 { 0.0 } else { self.beside[row - 1] };
            pivot = diagonal - x - beside * beside / pivot;
            if pivot.abs() < least {
                pivot = -least;
            }
            count += usize::from(pivot < 0.0);
        }
        count
    }

    /// A vector of the eigenvalue nearest to `shift`, orthogonal to those of `near`.
    fn vector(&self, shift: f64, norm: f64, seed: usize, near: &[Vec<f64>]) -> Vec<f64> {
        let solver = Solver::new(self, shift, norm);
        let mut random = QuickRandom::of(seed as u64, 0);
        let mut vector: Vec<f64> = (0..self.len()).map(|_| random.unit() - 0.5).collect();
        for _ in 0..ROUNDS {
            solver.solve(&mut vector);
            // Scaled first, as numbers may be as large as the inverse of rounding.
            normalise(&mut vector);
            for _ in 0..2 {
                for other in near {
                    let share: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                    vector
                        .iter_mut()
                        .zip(other)
                        .for_each(|(a, b)| *a -= share * b);
                }
            }
            normalise(&mut vector);
        }
        vector
    }
}

fn normalise(vector: &mut [f64]) {
    let largest = vector
        .iter()
        .fold(f64::MIN_POSITIVE, |most, x| most.max(x.abs()));
    vector.iter_mut().for_each(|x| *x /= largest);
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
}

/// Factors of a tridiagonal matrix less a number, with rows exchanged where that keeps numbers small.
struct Solver {
    pivots: Vec<f64>,
    /// What is right of each pivot, and right of that.
    right: Vec<f64>,
    second: Vec<f64>,
    /// What the row of each pivot is multiplied with and subtracted from the next.
    factors: Vec<f64>,
    is_exchanged: Vec<bool>,
}

impl Solver {
    fn new(matrix: &Tridiagonal<'_>, shift: f64, norm: f64) -> Self {
        let n = matrix.len();
        let mut pivots: Vec<f64> = matrix.diagonal.iter().map(|x| x - shift).collect();
        let mut right = matrix.beside.to_vec();
        let (mut second, mut factors) = (vec![0.0; n], vec![0.0; n]);
        let mut is_exchanged = vec![false; n];
        let least = f64::EPSILON * norm;
        for row in 0..n - 1 {
            let below = matrix.beside[row];
            if below.abs() > pivots[row].abs() {
                is_exchanged[row] = true;
                let factor = pivots[row] / below;
                let next = pivots[row + 1];
                pivots[row] = below;
                pivots[row + 1] = right[row] - factor * next;
                right[row] = next;
                if row + 1 < n - 1 {
                    second[row] = right[row + 1];
                    right[row + 1] = -factor * second[row];
                }
                factors[row] = factor;
            } else {
                if pivots[row].abs() < least {
                    pivots[row] = least;
                }
                factors[row] = below / pivots[row];
                pivots[row + 1] -= factors[row] * right[row];
            }
        }
        if pivots[n - 1].abs() < least {
            pivots[n - 1] = least;
        }
        Self {
            pivots,
            right,
            second,
            factors,
            is_exchanged,
        }
    }

    fn solve(&self, x: &mut [f64]) {
        let n = x.len();
        for row in 0..n - 1 {
            if self.is_exchanged[row] {
                x.swap(row, row + 1);
            }
            x[row + 1] -= self.factors[row] * x[row];
        }
        for row in (0..n).rev() {
            let mut sum = x[row];
            if row + 1 < n {
                sum -= self.right[row] * x[row + 1];
            }
            if row + 2 < n {
                sum -= self.second[row] * x[row + 2];
            }
            x[row] = sum / self.pivots[row];
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{DMatrix, SymmetricEigen};

    use super::*;

    fn check(diagonal: &[f64], beside: &[f64], count: usize) {
        let n = diagonal.len();
        let matrix = DMatrix::from_fn(n, n, |row, column| match row.abs_diff(column) {
            0 => diagonal[row],
            1 => beside[row.min(column)],
            _ => 0.0,
        });
        let mut expected: Vec<f64> = SymmetricEigen::new(matrix.clone())
            .eigenvalues
            .iter()
            .copied()
            .collect();
        expected.sort_by(f64::total_cmp);
        let (values, vectors) = Tridiagonal { diagonal, beside }.smallest(count);
        let norm = matrix.amax();
        for (value, expected) in values.iter().zip(&expected) {
            assert!(
                (value - expected).abs() < 1e-12 * norm,
                "{value} {expected}"
            );
        }
        let vectors = DMatrix::from_fn(n, count, |row, column| vectors[column][row]);
        let scaled = DMatrix::from_fn(n, count, |row, column| {
            vectors[(row, column)] * values[column]
        });
        let residual = (&matrix * &vectors - scaled).amax();
        let product = (vectors.transpose() * &vectors - DMatrix::identity(count, count)).amax();
        assert!(
            residual < 1e-11 * norm && product < 1e-11,
            "{residual} {product}"
        );
    }

    #[test]
    fn values_and_vectors_are_those_of_the_matrix() {
        let mut random = QuickRandom::of(1, 1);
        for n in [1, 2, 3, 7, 40, 130] {
            let diagonal: Vec<f64> = (0..n).map(|_| random.unit() * 10.0).collect();
            let beside: Vec<f64> = (1..n).map(|_| random.unit() - 0.5).collect();
            check(&diagonal, &beside, n.min(16));
            check(&diagonal, &beside, n);
        }
    }

    #[test]
    fn equal_eigenvalues_have_orthogonal_vectors() {
        // Blocks that are the same, one number alone, and rows of zeros.
        let diagonal = [1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 2.0, 2.0, 2.0];
        let beside = [-1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        check(&diagonal, &beside, 10);
        check(&[3.0; 12], &[0.0; 11], 12);
        let (values, vectors) = Tridiagonal {
            diagonal: &[0.0; 3],
            beside: &[0.0; 2],
        }
        .smallest(2);
        assert!(values.iter().all(|value| value.abs() < 1e-15));
        assert!(vectors.iter().flatten().all(|x| x.is_finite()));
        // A path: small eigenvalues are close together.
        check(&[2.0; 400], &[-1.0; 399], 20);
    }
}
