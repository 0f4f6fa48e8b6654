//! Edges by one of their ends.

/// Ranges of edges by node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csr {
    /// Edges of node `n` are at `ptr[n]..ptr[n + 1]` of `order`, `[N + 1]`.
    pub ptr: Vec<i32>,
    /// Numbers of the edges, those of one node together and ascending, `[E]`.
    pub order: Vec<i32>,
}

impl Csr {
    /// Edges by `ends`, each below `nodes`: a stable counting sort.
    #[must_use]
    pub fn by(ends: &[i32], nodes: usize) -> Self {
        let ptr = pointers(ends, nodes);
        let mut next: Vec<i32> = ptr.clone();
        let mut order = vec![0; ends.len()];
        for (edge, &end) in ends.iter().enumerate() {
            let place = &mut next[end as usize];
            order[*place as usize] = edge as i32;
            *place += 1;
        }
        Self { ptr, order }
    }

    /// The edges of a node.
    #[must_use]
    pub fn of(&self, node: usize) -> &[i32] {
        &self.order[self.ptr[node] as usize..self.ptr[node + 1] as usize]
    }
}

/// Where the edges of each node start when they are sorted by `ends`, `[nodes + 1]`.
pub(crate) fn pointers(ends: &[i32], nodes: usize) -> Vec<i32> {
    let mut ptr = vec![0; nodes + 1];
    for &end in ends {
        ptr[end as usize + 1] += 1;
    }
    for node in 0..nodes {
        ptr[node + 1] += ptr[node];
    }
    ptr
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_of_a_node_keep_their_order() {
        let csr = Csr::by(&[2, 0, 2, 0, 3], 5);
        assert_eq!(csr.ptr, [0, 2, 2, 4, 5, 5]);
        assert_eq!(csr.order, [1, 3, 0, 2, 4]);
        assert_eq!(csr.of(2), [0, 2]);
        assert!(csr.of(1).is_empty() && csr.of(4).is_empty());
    }
}
