//! Sizes that batches are padded to.

/// Nodes and edges of a padded batch are multiples of these. A device that records a step records one for each shape, so that
/// multiples should be such that most batches have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Padding {
    /// Nodes, at least 1.
    pub nodes: usize,
    /// Edges, at least 1.
    pub edges: usize,
}

/// Deviations of a batch's size from its mean that the multiples leave room for: in a Gaussian one of 3.5 million batches is
/// larger, and has two multiples. Edges are skewed, so that with 4 a run of CLUSTER has three larger ones, for each of which a GPU
/// compiles and tunes for a minute and more.
const ROOM: f64 = 5.0;

impl Padding {
    /// Multiples that nearly all batches of `batch` graphs fit in once, of a sample of graphs with these numbers of nodes and
    /// edges.
    #[must_use]
    pub fn fitting(sizes: &[[usize; 2]], batch: usize) -> Self {
        let [nodes, edges] = [0, 1].map(|which| {
            let of = || sizes.iter().map(|size| size[which] as f64);
            let count = sizes.len().max(1) as f64;
            let mean = of().sum::<f64>() / count;
            let variance = of().map(|size| (size - mean).powi(2)).sum::<f64>() / count;
            let largest = of().fold(0.0, f64::max);
            let batch = batch as f64;
            let room = (mean * batch + ROOM * (variance * batch).sqrt()).min(largest * batch);
            // One more node is needed for the graph of padding. Many rows are a multiple of many, which devices divide evenly.
            let unit = if room < 16_384.0 { 64 } else { 1024 };
            (room as usize + 1).next_multiple_of(unit)
        });
        Self { nodes, edges }
    }

    /// Nodes of a padded batch: there is at least one of padding.
    pub(super) fn nodes(self, real: usize) -> usize {
        (real + 1).next_multiple_of(self.nodes.max(1))
    }

    /// Edges of a padded batch.
    pub(super) fn edges(self, real: usize) -> usize {
        real.max(1).next_multiple_of(self.edges.max(1))
    }

    /// Multiples for `part` graphs of `whole`.
    pub(super) fn share(self, part: usize, whole: usize) -> Self {
        let of = |size: usize| (size * part.min(whole)).div_ceil(whole.max(1)).max(1);
        Self {
            nodes: of(self.nodes),
            edges: of(self.edges),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples_leave_room_for_deviations() {
        // Mean 100, deviation 10: 32 graphs have 3200 ± 5·57.
        let padding = Padding::fitting(&[[90, 1000], [110, 1000]], 32);
        assert_eq!(
            padding,
            Padding {
                nodes: 3520,
                edges: 32768
            }
        );
        assert_eq!(padding.nodes(3520), 7040);
        assert_eq!(padding.nodes(3519), 3520);
        assert_eq!(padding.edges(32768), 32768);
        assert_eq!(padding.edges(0), 32768);
    }

    #[test]
    fn a_part_has_its_share() {
        let padding = Padding {
            nodes: 100,
            edges: 7,
        };
        assert_eq!(
            padding.share(8, 32),
            Padding {
                nodes: 25,
                edges: 2
            }
        );
        assert_eq!(padding.share(64, 32), padding);
    }
}
