//! What a graph's shape says of its nodes, computed once a graph.

mod laplacian;
mod profile;
mod random_walk;
mod tridiagonal;

use std::ops::Range;

pub use laplacian::LARGEST;

use super::centrality::centrality;
use super::communities::communities;
use super::graph::Graph;
use super::order::Ranking;
use super::page_rank::page_rank;
use crate::error::DataError;

/// Which encodings are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncodingSettings {
    /// Eigenvectors of the Laplacian with the smallest eigenvalues, the trivial ones included; 0 for none. 10 or 16 in
    /// Graph-Mamba's settings.
    pub eigenvectors: usize,
    /// Steps of a random walk, after each of which the probability to be back is told; 0 for none.
    pub walk_steps: usize,
    /// Whether the degree and that of the neighbours are told (local degree profile).
    pub profile: bool,
}

/// Encodings of the nodes of a graph, or of a batch of graphs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encodings {
    /// Eigenvectors of the Laplacian.
    pub eigen: Option<Eigen>,
    /// Probability that a random walk is back at the node it started from after 1, 2, … steps, `[N, steps]`.
    pub walk: Option<Rows>,
    /// Degree of the node, and least, largest, mean and standard deviation of its neighbours' degrees, `[N, 5]`.
    pub profile: Option<Rows>,
    /// Edges out of each node, `[N]`.
    pub degrees: Vec<i32>,
}

/// Numbers, one row a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// `[N, width]` row-major.
    pub values: Vec<f32>,
    /// Numbers in a row.
    pub width: usize,
}

/// Eigenvectors of the Laplacian D − A of each graph with its smallest eigenvalues.
#[derive(Clone, Debug, PartialEq)]
pub struct Eigen {
    /// Entries of the eigenvectors, each of length 1 within its graph, `[N, k]`; 0 where a graph has fewer than k nodes.
    pub vectors: Vec<f32>,
    /// Eigenvalues of the node's graph, ascending, at least 0, `[N, k]`; 0 where it has fewer than k nodes.
    pub values: Vec<f32>,
    /// 1 where there is an eigenvector, `[N, k]`; 0 elsewhere and in padding.
    pub mask: Vec<f32>,
    /// Eigenvectors, k.
    pub count: usize,
}

/// What is known of one graph before it is in a batch: each number once.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    eigen: Option<GraphEigen>,
    walk: Option<Rows>,
    profile: Option<Rows>,
    degrees: Vec<i32>,
    /// What nodes are ordered by, `[N]`.
    pub(super) ranks: Vec<f32>,
}

/// Eigenvectors of one graph.
#[derive(Clone, Debug)]
struct GraphEigen {
    /// `[N, k]`, 0 behind the first `real` of a row.
    vectors: Vec<f32>,
    /// `[k]`, 0 behind the first `real`.
    values: Vec<f32>,
    /// Eigenvectors that there are, at most k and N.
    real: usize,
}

impl Prepared {
    /// # Errors
    ///
    /// A graph too large for eigenvectors.
    pub(super) fn of(
        graph: &Graph,
        settings: &EncodingSettings,
        by: Ranking,
    ) -> Result<Self, DataError> {
        let eigen = match settings.eigenvectors {
            0 => None,
            count => Some(laplacian::eigen(graph, count)?),
        };
        let steps = settings.walk_steps;
        let walk = (steps > 0).then(|| random_walk::returns(graph, steps));
        let degrees = graph.degrees();
        let ranks = match by {
            Ranking::PageRank => page_rank(graph),
            Ranking::Centrality => centrality(graph),
            Ranking::Returns(steps) => match &walk {
                Some(encoded) if encoded.width == steps => less_returns(encoded),
                _ => less_returns(&random_walk::returns(graph, steps)),
            },
            Ranking::Communities => communities(graph).into_iter().map(|of| of as f32).collect(),
            Ranking::Stored | Ranking::Random | Ranking::Degree | Ranking::DegreeNoise => {
                degrees.iter().map(|&degree| degree as f32).collect()
            }
        };
        Ok(Self {
            eigen,
            walk,
            profile: settings.profile.then(|| profile::profile(graph)),
            degrees,
            ranks,
        })
    }
}

/// How seldom walks from each node are back: the negative sum of its row.
fn less_returns(returns: &Rows) -> Vec<f32> {
    let rows = returns.values.chunks(returns.width.max(1));
    rows.map(|row| -row.iter().sum::<f32>()).collect()
}

impl Encodings {
    /// Those of one graph.
    ///
    /// # Errors
    ///
    /// A graph too large for eigenvectors.
    pub fn of(graph: &Graph, settings: &EncodingSettings) -> Result<Self, DataError> {
        let prepared = Prepared::of(graph, settings, Ranking::Stored)?;
        let mut encodings = Self::none_of(&prepared);
        encodings.append(&prepared);
        Ok(encodings)
    }

    /// No rows, of the kinds of a graph.
    pub(super) fn none_of(prepared: &Prepared) -> Self {
        let rows = |rows: &Option<Rows>| {
            rows.as_ref().map(|rows| Rows {
                values: Vec::new(),
                width: rows.width,
            })
        };
        Self {
            eigen: prepared.eigen.as_ref().map(|eigen| Eigen {
                vectors: Vec::new(),
                values: Vec::new(),
                mask: Vec::new(),
                count: eigen.values.len(),
            }),
            walk: rows(&prepared.walk),
            profile: rows(&prepared.profile),
            degrees: Vec::new(),
        }
    }

    /// Puts the rows of a graph with the same kinds behind these.
    pub(super) fn append(&mut self, graph: &Prepared) {
        if let (Some(own), Some(more)) = (&mut self.eigen, &graph.eigen) {
            own.vectors.extend(&more.vectors);
            let mask: Vec<f32> = (0..own.count)
                .map(|at| f32::from(u8::from(at < more.real)))
                .collect();
            for _ in 0..graph.degrees.len() {
                own.values.extend(&more.values);
                own.mask.extend(&mask);
            }
        }
        let pairs = [
            (&mut self.walk, &graph.walk),
            (&mut self.profile, &graph.profile),
        ];
        for (own, more) in pairs {
            if let (Some(own), Some(more)) = (own, more) {
                own.values.extend(&more.values);
            }
        }
        self.degrees.extend(&graph.degrees);
    }

    /// Puts `nodes` rows of zeros behind these.
    pub(super) fn pad(&mut self, nodes: usize) {
        if let Some(eigen) = &mut self.eigen {
            let more = nodes * eigen.count;
            for values in [&mut eigen.vectors, &mut eigen.values, &mut eigen.mask] {
                values.resize(values.len() + more, 0.0);
            }
        }
        for rows in [&mut self.walk, &mut self.profile].into_iter().flatten() {
            rows.values
                .resize(rows.values.len() + nodes * rows.width, 0.0);
        }
        self.degrees.resize(self.degrees.len() + nodes, 0);
    }

    /// The rows of some nodes.
    pub(super) fn slice(&self, nodes: Range<usize>) -> Self {
        let of =
            |values: &[f32], width: usize| values[nodes.start * width..nodes.end * width].to_vec();
        let rows = |rows: &Option<Rows>| {
            rows.as_ref().map(|rows| Rows {
                values: of(&rows.values, rows.width),
                width: rows.width,
            })
        };
        Self {
            eigen: self.eigen.as_ref().map(|eigen| Eigen {
                vectors: of(&eigen.vectors, eigen.count),
                values: of(&eigen.values, eigen.count),
                mask: of(&eigen.mask, eigen.count),
                count: eigen.count,
            }),
            walk: rows(&self.walk),
            profile: rows(&self.profile),
            degrees: self.degrees[nodes.clone()].to_vec(),
        }
    }

    /// Turns eigenvector `i` round where `signs[i]` is −1. Eigenvectors have no sign of their own: in training each is turned
    /// round at random, the same for the whole batch.
    pub(super) fn flip(&mut self, signs: &[f32]) {
        if let Some(eigen) = &mut self.eigen {
            for row in eigen.vectors.chunks_mut(eigen.count.max(1)) {
                row.iter_mut().zip(signs).for_each(|(x, sign)| *x *= sign);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::graph::graph::EdgePolicy;
    use crate::transform::golden;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        nodes: usize,
        edges: Vec<[u32; 2]>,
        walk: Vec<f32>,
        profile: Vec<f32>,
        eigenvalues: Vec<f32>,
        /// Vectors whose common projector is unique.
        whole: usize,
        /// `[N, N]`
        projector: Vec<f32>,
    }

    fn assert_near(name: &str, ours: &[f32], recorded: &[f32], bound: f32) {
        assert_eq!(ours.len(), recorded.len(), "{name}");
        for (at, (own, recorded)) in ours.iter().zip(recorded).enumerate() {
            let bound = bound * recorded.abs().max(1.0);
            assert!(
                (own - recorded).abs() <= bound,
                "{name} at {at}: {own} for {recorded}"
            );
        }
    }

    #[test]
    fn encodings_are_those_of_pytorch_geometric() {
        let settings = EncodingSettings {
            eigenvectors: 8,
            walk_steps: 20,
            profile: true,
        };
        let cases: Vec<Case> = golden::cases("graph_encodings/graphs.json");
        assert_eq!(cases.len(), 7);
        for case in cases {
            let graph = Graph::bare(case.nodes, case.edges, EdgePolicy::PLAIN);
            let encodings = Encodings::of(&graph, &settings).unwrap();
            let name = |what: &str| format!("{what} of `{}`", case.name);
            assert_near(
                &name("walk"),
                &encodings.walk.unwrap().values,
                &case.walk,
                2e-6,
            );
            let profile = encodings.profile.unwrap();
            // Deviations there are differences of squares in single precision.
            assert_near(&name("profile"), &profile.values, &case.profile, 5e-5);
            let eigen = encodings.eigen.unwrap();
            let count = case.eigenvalues.len();
            assert_near(
                &name("values"),
                &eigen.values[..count],
                &case.eigenvalues,
                2e-6,
            );
            let row = |node: usize| &eigen.vectors[node * 8..node * 8 + case.whole];
            let pairs = (0..case.nodes).flat_map(|a| (0..case.nodes).map(move |b| (a, b)));
            let product = |(a, b)| row(a).iter().zip(row(b)).map(|(x, y)| x * y).sum();
            let projector: Vec<f32> = pairs.map(product).collect();
            assert_near(&name("projector"), &projector, &case.projector, 2e-6);
            let sum: f32 = eigen.mask.iter().sum();
            assert_eq!(sum as usize, case.nodes * count);
        }
    }
}
