//! The order in which a scan meets the nodes of a graph.

use rand_chacha::ChaCha8Rng;

use crate::random::{below, normal, unit};

/// What nodes are sorted by, ascending: a causal scan has the most context at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranking {
    /// As they are stored.
    Stored,
    /// At random.
    Random,
    /// Number of outgoing edges; nodes with as many as others stay as they are stored.
    Degree,
    /// Number of outgoing edges plus noise in `[0, 1)`, so that nodes with as many as others change places (Graph-Mamba).
    DegreeNoise,
    /// PageRank, equal ranks at random.
    PageRank,
    /// Eigenvector centrality plus noise: a uniform number in `[0, 1)` times the deviation over the graph.
    Centrality,
    /// How seldom a random walk of so many steps is back, plus noise: a normal number times the deviation over the graph. Nodes whose
    /// neighbours are near each other come first.
    Returns(usize),
    /// Communities in random order, and their nodes at random.
    Communities,
}

/// Orders of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderSettings {
    /// What nodes are sorted by.
    pub by: Ranking,
    /// Layers, each with its own order.
    pub layers: usize,
    /// Orders of a layer in evaluation, whose results are averaged; 5 in Graph-Mamba. Training has one.
    pub draws: usize,
    /// Each node is in one of so many groups, at random; nodes of different groups do not meet in the scan. 1 in most models,
    /// 3 in Graph-Mamba's `Bucket` variants.
    pub buckets: usize,
}

/// An order of the nodes of a batch, graph by graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOrder {
    /// Node at each place of the scan, `[N]`.
    pub order: Vec<i32>,
    /// Place of each node in the scan, `[N]`.
    pub inverse: Vec<i32>,
    /// 1 at the first place of each sequence, where the scan forgets what came before, `[N]`; 0 elsewhere.
    pub starts: Vec<u8>,
}

impl NodeOrder {
    /// No nodes yet, with room for `nodes`.
    pub(super) fn with_capacity(nodes: usize) -> Self {
        Self {
            order: Vec::with_capacity(nodes),
            inverse: vec![0; nodes],
            starts: Vec::with_capacity(nodes),
        }
    }

    /// Puts a graph behind these, whose nodes follow those that are here.
    pub(super) fn append(&mut self, graph: &GraphOrder) {
        let first = self.order.len();
        self.order
            .extend(graph.order.iter().map(|&node| first as i32 + node));
        self.starts.extend(&graph.starts);
        self.inverse
            .resize(self.order.len().max(self.inverse.len()), 0);
        for (place, &node) in self.order.iter().enumerate().skip(first) {
            self.inverse[node as usize] = place as i32;
        }
    }

    /// Puts nodes behind these as a sequence of their own, in the order of their numbers.
    pub(super) fn pad(&mut self, nodes: usize) {
        self.append(&GraphOrder {
            order: (0..nodes as i32).collect(),
            starts: (0..nodes).map(|place| u8::from(place == 0)).collect(),
        });
    }

    /// The order of some of the graphs, whose nodes are these.
    pub(super) fn slice(&self, nodes: std::ops::Range<usize>) -> Self {
        let first = nodes.start as i32;
        let less = |ids: &[i32]| ids[nodes.clone()].iter().map(|&id| id - first).collect();
        Self {
            order: less(&self.order),
            inverse: less(&self.inverse),
            starts: self.starts[nodes.clone()].to_vec(),
        }
    }
}

/// An order of the nodes of one graph.
pub(super) struct GraphOrder {
    order: Vec<i32>,
    starts: Vec<u8>,
}

impl GraphOrder {
    /// A draw. `ranks` is what [`Ranking::Degree`] and others sort by, `[N]`.
    pub(super) fn draw(settings: &OrderSettings, ranks: &[f32], rng: &mut ChaCha8Rng) -> Self {
        let nodes = ranks.len();
        let keys: Vec<(f32, f32)> = match settings.by {
            Ranking::Stored => vec![(0.0, 0.0); nodes],
            Ranking::Random => (0..nodes).map(|_| (unit(rng), 0.0)).collect(),
            Ranking::Degree => ranks.iter().map(|&rank| (rank, 0.0)).collect(),
            // Noise below 1 moves whole numbers past equal ones only.
            Ranking::DegreeNoise | Ranking::PageRank => {
                ranks.iter().map(|&rank| (rank, unit(rng))).collect()
            }
            Ranking::Centrality => noisy(ranks, rng, unit),
            Ranking::Returns(_) => noisy(ranks, rng, |rng| normal(rng) as f32),
            Ranking::Communities => {
                let most = ranks.iter().fold(-1.0_f32, |most, &rank| most.max(rank));
                let places: Vec<f32> = (0..=most as i64).map(|_| unit(rng)).collect();
                let key = |&rank: &f32| (places[rank as usize], unit(rng));
                ranks.iter().map(key).collect()
            }
        };
        let buckets: Vec<u8> = match settings.buckets {
            0 | 1 => vec![0; nodes],
            more => (0..nodes).map(|_| below(rng, more) as u8).collect(),
        };
        let mut order: Vec<i32> = (0..nodes as i32).collect();
        // Stable, so that equal keys stay as they are stored.
        order.sort_by(|&a, &b| {
            let (a, b) = (a as usize, b as usize);
            let by_bucket = buckets[a].cmp(&buckets[b]);
            by_bucket
                .then(keys[a].0.total_cmp(&keys[b].0))
                .then(keys[a].1.total_cmp(&keys[b].1))
        });
        let bucket = |place: usize| buckets[order[place] as usize];
        let starts = (0..nodes)
            .map(|place| u8::from(place == 0 || bucket(place) != bucket(place - 1)))
            .collect();
        Self { order, starts }
    }
}

/// Ranks plus noise times their deviation.
fn noisy(
    ranks: &[f32],
    rng: &mut ChaCha8Rng,
    noise: impl Fn(&mut ChaCha8Rng) -> f32,
) -> Vec<(f32, f32)> {
    let mean = ranks.iter().sum::<f32>() / ranks.len().max(1) as f32;
    let squares: f32 = ranks.iter().map(|rank| (rank - mean).powi(2)).sum();
    let deviation = (squares / ranks.len().saturating_sub(1).max(1) as f32).sqrt();
    let key = |&rank| (rank + deviation * noise(rng), 0.0);
    ranks.iter().map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    fn settings(by: Ranking, buckets: usize) -> OrderSettings {
        OrderSettings {
            by,
            layers: 1,
            draws: 1,
            buckets,
        }
    }

    const DEGREES: [f32; 6] = [3.0, 1.0, 2.0, 1.0, 2.0, 0.0];

    fn draw(by: Ranking, buckets: usize, key: u64) -> GraphOrder {
        GraphOrder::draw(&settings(by, buckets), &DEGREES, &mut stream(1, &[key]))
    }

    #[test]
    fn noise_permutes_equal_degrees_only() {
        assert_eq!(draw(Ranking::Stored, 1, 0).order, [0, 1, 2, 3, 4, 5]);
        assert_eq!(draw(Ranking::Degree, 1, 0).order, [5, 1, 3, 2, 4, 0]);
        let mut seen = std::collections::BTreeSet::new();
        for key in 0..100 {
            let order = draw(Ranking::DegreeNoise, 1, key);
            let degrees: Vec<f32> = order.order.iter().map(|&n| DEGREES[n as usize]).collect();
            assert!(degrees.is_sorted());
            assert_eq!(order.starts, [1, 0, 0, 0, 0, 0]);
            seen.insert(order.order);
        }
        // Two pairs of equal degrees.
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn communities_stay_together_and_change_places() {
        let communities = [0.0, 1.0, 0.0, 2.0, 1.0, 0.0];
        let mut seen = std::collections::BTreeSet::new();
        for key in 0..200 {
            let settings = settings(Ranking::Communities, 1);
            let order = GraphOrder::draw(&settings, &communities, &mut stream(1, &[key])).order;
            let mut met: Vec<u8> = order
                .iter()
                .map(|&n| communities[n as usize] as u8)
                .collect();
            met.dedup();
            assert_eq!(met.len(), 3, "{order:?}");
            seen.insert(met);
        }
        assert_eq!(seen.len(), 6);
    }

    #[test]
    fn noise_is_as_wide_as_what_it_is_added_to() {
        // Their deviation is 1.
        let ranks = [0.0, 2.0, 2.5, 3.0, 1.5, 3.0_f32].map(|rank| rank / 1.140_175_4);
        let swapped = |by| {
            let swaps = |key: &u64| {
                let order =
                    GraphOrder::draw(&settings(by, 1), &ranks, &mut stream(1, &[*key])).order;
                let place = |node| order.iter().position(|&n| n == node);
                place(2) < place(1)
            };
            (0..10_000).filter(swaps).count()
        };
        // P(u − v > g) is (1 − g)² / 2 of uniform numbers, and 1 − Φ(g / √2) of normal ones; g = 0.5 / 1.14. Five standard deviations.
        let uniform = swapped(Ranking::Centrality);
        assert!(uniform.abs_diff(1_576) < 182, "{uniform}");
        let normal = swapped(Ranking::Returns(16));
        assert!(normal.abs_diff(3_782) < 242, "{normal}");
    }

    #[test]
    fn random_orders_are_uniform() {
        let mut first = [0_usize; 6];
        for key in 0..6000 {
            first[draw(Ranking::Random, 1, key).order[0] as usize] += 1;
        }
        // Five standard deviations.
        assert!(
            first.iter().all(|count| count.abs_diff(1000) < 145),
            "{first:?}"
        );
    }

    #[test]
    fn buckets_are_sequences_of_their_own() {
        let mut sequences = 0;
        for key in 0..200 {
            let order = draw(Ranking::DegreeNoise, 3, key);
            let mut sorted = order.order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4, 5]);
            let degree = |place: usize| DEGREES[order.order[place] as usize];
            for place in 1..6 {
                assert!(order.starts[place] == 1 || degree(place - 1) <= degree(place));
            }
            sequences += order.starts.iter().filter(|&&start| start == 1).count();
        }
        // 3 (1 − (2/3)⁶) = 2.737 groups that are not empty.
        assert!(
            (sequences as f64 / 200.0 - 2.737).abs() < 0.2,
            "{sequences}"
        );
    }

    #[test]
    fn orders_of_a_batch_follow_one_another() {
        let mut batch = NodeOrder::with_capacity(8);
        let part = |order: &[i32]| GraphOrder {
            order: order.to_vec(),
            starts: (0..order.len()).map(|at| u8::from(at == 0)).collect(),
        };
        batch.append(&part(&[2, 0, 1]));
        batch.append(&part(&[1, 0]));
        batch.pad(3);
        assert_eq!(batch.order, [2, 0, 1, 4, 3, 5, 6, 7]);
        assert_eq!(batch.inverse, [1, 2, 0, 4, 3, 5, 6, 7]);
        assert_eq!(batch.starts, [1, 0, 0, 1, 0, 1, 0, 0]);
        let second = batch.slice(3..5);
        assert_eq!((second.order, second.inverse), (vec![1, 0], vec![1, 0]));
    }
}
