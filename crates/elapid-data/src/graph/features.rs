//! Features of nodes or edges.

use std::ops::Range;

/// One row for each node or edge.
#[derive(Clone, Debug, PartialEq)]
pub enum Features {
    /// Numbers.
    Floats {
        /// `[rows, width]` row-major.
        values: Vec<f32>,
        /// Numbers in a row.
        width: usize,
    },
    /// Categories, each column with its own: they are looked up in tables, whose rows are summed.
    Categories {
        /// `[rows, columns]` row-major, each from 0.
        values: Vec<i32>,
        /// Categories in a row.
        columns: usize,
    },
}

impl Features {
    /// The number 1 for each of `rows`: what stands where a data set has no features.
    #[must_use]
    pub fn ones(rows: usize) -> Self {
        Self::Floats {
            values: vec![1.0; rows],
            width: 1,
        }
    }

    /// No rows, of the same kind and width.
    #[must_use]
    pub fn none_of(&self) -> Self {
        match self {
            Self::Floats { width, .. } => Self::Floats {
                values: Vec::new(),
                width: *width,
            },
            Self::Categories { columns, .. } => Self::Categories {
                values: Vec::new(),
                columns: *columns,
            },
        }
    }

    /// Numbers or categories in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Floats { width, .. } => *width,
            Self::Categories { columns, .. } => *columns,
        }
    }

    /// Number of rows; 0 where rows have no width.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::Floats { values, width } => values.len() / (*width).max(1),
            Self::Categories { values, columns } => values.len() / (*columns).max(1),
        }
    }

    /// The rows of `range`.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::Floats { values, width } => Self::Floats {
                values: values[range.start * width..range.end * width].to_vec(),
                width: *width,
            },
            Self::Categories { values, columns } => Self::Categories {
                values: values[range.start * columns..range.end * columns].to_vec(),
                columns: *columns,
            },
        }
    }

    /// The rows at `indices`, in that order.
    #[must_use]
    pub fn select(&self, indices: impl Iterator<Item = usize>) -> Self {
        let mut selected = self.none_of();
        match (self, &mut selected) {
            (Self::Floats { values, width }, Self::Floats { values: into, .. }) => {
                indices.for_each(|row| into.extend(&values[row * width..(row + 1) * width]));
            }
            (Self::Categories { values, columns }, Self::Categories { values: into, .. }) => {
                indices.for_each(|row| into.extend(&values[row * columns..(row + 1) * columns]));
            }
            _ => {}
        }
        selected
    }

    /// Puts the rows of `other` behind these; `false`, with nothing changed, if they are of another kind or width.
    pub fn append(&mut self, other: &Self) -> bool {
        let is_alike = self.width() == other.width();
        match (self, other) {
            (Self::Floats { values, .. }, Self::Floats { values: more, .. }) if is_alike => {
                values.extend(more);
                true
            }
            (Self::Categories { values, .. }, Self::Categories { values: more, .. })
                if is_alike =>
            {
                values.extend(more);
                true
            }
            _ => false,
        }
    }

    /// Puts `rows` rows of zeros behind these.
    pub fn pad(&mut self, rows: usize) {
        match self {
            Self::Floats { values, width } => values.resize(values.len() + rows * *width, 0.0),
            Self::Categories { values, columns } => {
                values.resize(values.len() + rows * *columns, 0);
            }
        }
    }

    /// Size of each column's table: one more than its largest category; empty for numbers.
    #[must_use]
    pub fn sizes(&self) -> Vec<usize> {
        let Self::Categories { values, columns } = self else {
            return Vec::new();
        };
        let mut sizes = vec![0; *columns];
        for row in values.chunks(*columns) {
            for (size, &category) in sizes.iter_mut().zip(row) {
                *size = (*size).max(usize::try_from(category).unwrap_or(0) + 1);
            }
        }
        sizes
    }
}
