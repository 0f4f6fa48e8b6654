//! Pairs of nodes that something is to be told of.

use super::targets::Targets;

/// Pairs of nodes of a graph with what is to be told of each. An edge is a pair, and so are two nodes without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// The two nodes.
    pub ends: Vec<[i32; 2]>,
    /// Class of each pair, as many as there are pairs; −1 where it does not count.
    pub labels: Vec<i32>,
}

impl Pairs {
    /// Adds a pair.
    pub fn push(&mut self, ends: [i32; 2], label: i32) {
        self.ends.push(ends);
        self.labels.push(label);
    }

    /// As the targets of a graph.
    #[must_use]
    pub fn targets(self) -> Targets {
        Targets::Pairs(self.into())
    }
}

/// Pairs of a batch; their nodes are numbered as those of the batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairBatch {
    /// First node of each pair, `[P]`.
    pub from: Vec<i32>,
    /// Second node of each pair, `[P]`.
    pub to: Vec<i32>,
    /// Class of each pair, `[P]`; −1 where it does not count, as in padding.
    pub labels: Vec<i32>,
}

impl PairBatch {
    /// Puts those of a graph behind these, whose nodes start at `node`.
    pub(super) fn append(&mut self, pairs: &Pairs, node: i32) {
        self.from
            .extend(pairs.ends.iter().map(|ends| node + ends[0]));
        self.to.extend(pairs.ends.iter().map(|ends| node + ends[1]));
        self.labels.extend(&pairs.labels);
    }

    /// Puts pairs of `node` with itself behind these, which do not count, so that few batches differ in their number of pairs.
    pub(super) fn pad(&mut self, node: i32) {
        let len = coarse(self.labels.len());
        self.from.resize(len, node);
        self.to.resize(len, node);
        self.labels.resize(len, -1);
    }

    /// Those whose nodes are among `nodes`.
    pub(super) fn slice(&self, nodes: &std::ops::Range<usize>) -> Self {
        let mut part = Self::default();
        let first = nodes.start as i32;
        for (at, &from) in self.from.iter().enumerate() {
            if nodes.contains(&(from as usize)) {
                part.from.push(from - first);
                part.to.push(self.to[at] - first);
                part.labels.push(self.labels[at]);
            }
        }
        part
    }
}

/// The next size that differs from others by at least a sixteenth.
pub(super) fn coarse(len: usize) -> usize {
    len.next_multiple_of((len.next_power_of_two() / 16).max(64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_a_batch_are_taken_apart_again() {
        let mut first = Pairs::default();
        first.push([0, 1], 1);
        first.push([2, 0], 0);
        let mut second = Pairs::default();
        second.push([1, 0], -1);
        let mut batch = PairBatch::default();
        batch.append(&first, 0);
        batch.append(&second, 3);
        batch.pad(5);
        assert_eq!((batch.from.len(), batch.from[63]), (64, 5));
        assert_eq!(batch.labels[2..], [-1; 62]);
        let part = batch.slice(&(3..5));
        assert_eq!(
            (part.from, part.to, part.labels),
            (vec![1], vec![0], vec![-1])
        );
    }
}
