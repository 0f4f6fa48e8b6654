//! The order in which tokens are processed.

use super::rows::Rows;

/// A direction over the tokens of a batch, and the borders between packed sequences.
pub(crate) struct Order<'a> {
    length: usize,
    reverse: bool,
    /// Non-zero at the first token of every packed sequence, `[B, L]`.
    starts: Option<Rows<'a, 1>>,
}

impl<'a> Order<'a> {
    pub(crate) fn new(length: usize, reverse: bool, starts: Option<Rows<'a, 1>>) -> Self {
        Self {
            length,
            reverse,
            starts,
        }
    }

    /// Sequence position of a processing step.
    #[inline(always)]
    pub(crate) fn position(&self, step: usize) -> usize {
        if self.reverse {
            self.length - 1 - step
        } else {
            step
        }
    }

    /// Whether a border lies between position `t` and what is processed before it.
    #[inline(always)]
    pub(crate) fn starts_at(&self, batch: usize, t: usize) -> bool {
        let marked = if self.reverse { t + 1 } else { t };
        match &self.starts {
            Some(starts) => marked < self.length && starts.row([batch])[marked] != 0.0,
            None => false,
        }
    }
}
