//! From a set of graphs to batches in host memory.

use std::ops::Range;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::batch::{GraphBatch, Item};
use super::dataset::{GraphDataset, GraphSample};
use super::encoding::Prepared;
use super::links::LinkSettings;
use super::order::{GraphOrder, OrderSettings};
use super::padding::Padding;
use super::prepare::PreparedGraphs;
use super::targets::Targets;
use super::tokens::{TokenSettings, Tokens};
use super::walks::{WalkSettings, Walks};
use crate::error::DataError;
use crate::loader::{Batcher, Draw};
use crate::random::{is_heads, purpose, stream};
use crate::transform::require;

/// What batches have besides their graphs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GraphSettings {
    /// Orders for scans; none if its number of layers is 0.
    pub order: OrderSettings,
    /// Sizes that batches are padded to.
    pub padding: Option<Padding>,
    /// Sub-graphs around each node.
    pub tokens: Option<TokenSettings>,
    /// Random walks. In evaluation one starts from every node, as in the official code.
    pub walks: Option<WalkSettings>,
    /// How links are asked for, where they are.
    pub links: Option<LinkSettings>,
}

impl GraphSettings {
    /// # Errors
    ///
    /// A number that must be above 0 and is not.
    pub fn check(&self) -> Result<(), DataError> {
        let OrderSettings { draws, buckets, .. } = self.order;
        require(draws > 0, "draws", draws, "at least 1")?;
        require((1..=255).contains(&buckets), "buckets", buckets, "1 to 255")?;
        if let Some(tokens) = self.tokens {
            require(tokens.per_node() > 0, "tokens", 0, "at least 1")?;
        }
        if let Some(links) = self.links {
            links.check()?;
        }
        if let Some(walks) = self.walks {
            require(walks.length > 0, "length", walks.length, "at least 1")?;
            require(walks.window > 0, "window", walks.window, "at least 1")?;
            let is_share = walks.rate > 0.0 && walks.rate <= 1.0;
            require(is_share, "rate", walks.rate, "above 0 and at most 1")?;
        }
        Ok(())
    }
}

/// Puts graphs side by side. In training orders, walks and signs of eigenvectors are drawn afresh; in evaluation they follow
/// from the number of the graph alone, so that all evaluations see the same.
pub struct GraphBatcher {
    set: Arc<GraphDataset>,
    prepared: Arc<PreparedGraphs>,
    settings: GraphSettings,
}

impl GraphBatcher {
    /// Batches of `set`, whose encodings are in `prepared` or will be.
    ///
    /// # Errors
    ///
    /// Settings that are not legal.
    pub fn new(
        set: Arc<GraphDataset>,
        prepared: Arc<PreparedGraphs>,
        settings: GraphSettings,
    ) -> Result<Self, DataError> {
        settings.check()?;
        Ok(Self {
            set,
            prepared,
            settings,
        })
    }

    fn read(&self, index: usize) -> Result<(GraphSample, Arc<Prepared>), DataError> {
        let sample = self.set.get(index);
        let sample =
            sample.map_err(|error| DataError::from_dataset(&error, || self.set.describe(index)))?;
        let prepared = self.prepared.get(index, &sample.graph)?;
        Ok((sample, prepared))
    }

    /// The sample, with pairs of nodes in place of links.
    fn asked(&self, sample: GraphSample, rng: &ChaCha8Rng, use_of: Use) -> GraphSample {
        let (Targets::Links(links), Some(settings)) = (&sample.targets, &self.settings.links)
        else {
            return sample;
        };
        let mut rng = rng.clone();
        rng.set_stream(purpose::LINKS);
        let (graph, pairs) = match use_of {
            Use::Training => {
                let (graph, pairs) = links.for_training(&sample.graph, settings, &mut rng);
                (Arc::new(graph), pairs)
            }
            Use::Evaluation => {
                let pairs = links.for_evaluation(&sample.graph, settings, &mut rng);
                (Arc::clone(&sample.graph), pairs)
            }
        };
        GraphSample {
            graph,
            targets: pairs.targets(),
        }
    }
}

/// What a batch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Draws are fresh, and there is one order a layer.
    Training,
    /// Draws follow from the number of the sample alone.
    Evaluation,
}

/// What makes a sample ready to be put into a batch; the rest is the same for whole graphs and for what is around nodes.
pub(super) trait Samples {
    /// How many there are.
    fn count(&self) -> usize;

    /// What batches have besides their graphs.
    fn settings(&self) -> &GraphSettings;

    /// Sample `index` with the generator that is its own.
    fn ready(&self, index: usize, rng: ChaCha8Rng, use_of: Use) -> Result<Ready, DataError>;
}

impl<S: Samples + Send + Sync + 'static> Batcher for S {
    type Batch = GraphBatch;

    fn samples(&self) -> usize {
        self.count()
    }

    fn train(&self, draws: &[Draw], rng: ChaCha8Rng) -> Result<GraphBatch, DataError> {
        let samples = draws.iter();
        let ready: Result<Vec<Ready>, DataError> = samples
            .map(|draw| self.ready(draw.index, draw.rng.clone(), Use::Training))
            .collect();
        let mut batch = assemble(&ready?, self.settings(), 1)?;
        flip_signs(&mut batch, rng);
        Ok(batch)
    }

    fn eval(&self, samples: Range<usize>) -> Result<Option<GraphBatch>, DataError> {
        let ready: Result<Vec<Ready>, DataError> = samples
            .map(|index| self.ready(index, eval_stream(index), Use::Evaluation))
            .collect();
        let settings = for_eval(*self.settings());
        assemble(&ready?, &settings, settings.order.draws).map(Some)
    }

    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Samples for GraphBatcher {
    fn count(&self) -> usize {
        self.set.len()
    }

    fn settings(&self) -> &GraphSettings {
        &self.settings
    }

    fn ready(&self, index: usize, rng: ChaCha8Rng, use_of: Use) -> Result<Ready, DataError> {
        let (sample, prepared) = self.read(index)?;
        Ok((self.asked(sample, &rng, use_of), prepared, rng))
    }
}

/// Settings in evaluation.
fn for_eval(mut settings: GraphSettings) -> GraphSettings {
    if let Some(walks) = &mut settings.walks {
        walks.rate = 1.0;
    }
    settings
}

/// A graph, what it is prepared with, and the generator that is its own.
pub(super) type Ready = (GraphSample, Arc<Prepared>, ChaCha8Rng);

/// A batch of graphs.
fn assemble(
    read: &[Ready],
    settings: &GraphSettings,
    draws: usize,
) -> Result<GraphBatch, DataError> {
    let items: Vec<Item<'_>> = read
        .iter()
        .map(|(sample, prepared, rng)| item(sample, prepared, rng, settings, draws))
        .collect();
    let batch = GraphBatch::of(&items, draws)?;
    Ok(match settings.padding {
        Some(padding) => batch.padded(padding),
        None => batch,
    })
}

fn item<'a>(
    sample: &'a GraphSample,
    prepared: &'a Prepared,
    rng: &ChaCha8Rng,
    settings: &GraphSettings,
    draws: usize,
) -> Item<'a> {
    let graph = &*sample.graph;
    let mut rng = rng.clone();
    rng.set_stream(purpose::ORDERS);
    let orders = (0..settings.order.layers * draws)
        .map(|_| GraphOrder::draw(&settings.order, &prepared.ranks, &mut rng))
        .collect();
    rng.set_stream(purpose::WALKS);
    let tokens = settings
        .tokens
        .map(|of| Tokens::sample(graph, &of, rng.next_u64()));
    let walks = settings
        .walks
        .map(|of| Walks::sample(graph, &of, rng.next_u64()));
    Item {
        graph,
        prepared,
        targets: &sample.targets,
        orders,
        tokens,
        walks,
    }
}

/// One sign for each eigenvector of a training batch.
pub(super) fn flip_signs(batch: &mut GraphBatch, mut rng: ChaCha8Rng) {
    rng.set_stream(purpose::SIGNS);
    let count = batch
        .encodings
        .eigen
        .as_ref()
        .map_or(0, |eigen| eigen.count);
    let signs: Vec<f32> = (0..count)
        .map(|_| if is_heads(&mut rng) { -1.0 } else { 1.0 })
        .collect();
    batch.encodings.flip(&signs);
}

/// The generator of a graph in evaluation.
fn eval_stream(index: usize) -> ChaCha8Rng {
    stream(0, &[purpose::ORDERS, index as u64])
}
