//! Graphs: specification to batches.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use elapid_config::{
    self as config, Batching, DataSpec, GraphCsv, GraphPadding, GraphSpec, ModelSpec, Plan, Source,
    SpecialEdges, TaskSpec,
};
use elapid_data::graph::read::graph_csv::Asks;
use elapid_data::graph::read::{Shares, graph_csv, graphml, heterophilous, ogb, tu};
use elapid_data::graph::synth::{Counts, communities, karate, minesweeper, rings, sbm, trees};
use elapid_data::graph::{
    EdgePolicy, EncodingSettings, GraphBatch, GraphBatcher, GraphDataset, GraphFacts, GraphSample,
    GraphSettings, GraphSplits, LinkSettings, LinkShares, NodeBatcher, OrderSettings, Padding,
    PreparedGraphs, Rivals, Special, TokenSettings, WalkSettings, held_out_links, sizes,
};
use elapid_data::{DataError, EvalLoader, Order, TrainLoader};
use elapid_train::{EvalSource, TrainSource};

use super::facts::Facts;
use super::sources::{EvalBatches, TrainBatches};
use super::{Data, Part, SPLIT_SEED, Split};
use crate::registry::AnyBatch;
use crate::registry::graphs::graph_demands;

/// Graphs whose sizes decide what batches are padded to.
const MEASURED: usize = 1000;

/// What a model asks of batches of graphs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GraphDemands {
    /// What is known of the graphs' shape.
    pub encodings: EncodingSettings,
    /// Orders for scans.
    pub order: OrderSettings,
    /// Sub-graphs around each node.
    pub tokens: Option<TokenSettings>,
    /// Random walks.
    pub walks: Option<WalkSettings>,
}

/// The splits of a set of graphs, ready to be batched for one model and task.
pub(super) struct GraphData {
    splits: GraphSplits,
    facts: GraphFacts,
    spec: GraphSpec,
    demands: GraphDemands,
    links: Option<LinkSettings>,
    wrap: fn(GraphBatch) -> AnyBatch,
    /// Of each split, once it is asked for.
    prepared: [OnceLock<Arc<PreparedGraphs>>; 3],
    order: Order,
    workers: usize,
}

/// Batches of one split.
enum Batcher {
    Graphs(GraphBatcher),
    Nodes(NodeBatcher),
}

impl GraphData {
    /// Opens the data set that a plan names.
    ///
    /// # Errors
    ///
    /// A data set that is missing or damaged, or a model or task that is not for graphs.
    pub(super) fn open(plan: &Plan, graphs: &GraphSpec) -> Result<Self, DataError> {
        let demands = demands(&plan.model)?;
        let wrap = wrap(&plan.task)?;
        of_whole_graphs(&plan.task, graphs)?;
        let splits = splits(&plan.data, asks(plan, graphs))?;
        Ok(Self {
            facts: facts(&splits, graphs, columns(&plan.data.source)?)?,
            splits,
            spec: graphs.clone(),
            demands,
            links: links(&plan.task),
            wrap,
            prepared: Default::default(),
            order: Order::plain(plan.train.batch_size, plan.run.seed),
            workers: plan.data.common.workers,
        })
    }

    /// What the graphs of a split are prepared with: computed for all of them now, where that is not done batch by batch.
    fn prepared(
        &self,
        split: Split,
        set: &Arc<GraphDataset>,
    ) -> Result<Arc<PreparedGraphs>, DataError> {
        let train = &self.splits.train;
        let split = match is_same(train, set)? {
            true => Split::Train,
            false => split,
        };
        let GraphDemands {
            encodings, order, ..
        } = self.demands;
        let slot = &self.prepared[split as usize];
        if let Some(prepared) = slot.get() {
            return Ok(Arc::clone(prepared));
        }
        let by_node = self.spec.batching == Batching::Nodes;
        let graphs = if by_node { 0 } else { set.len() };
        let prepared = PreparedGraphs::new(encodings, order.by, graphs);
        if !by_node && encodings != EncodingSettings::default() {
            prepared.fill(&**set)?;
        }
        Ok(Arc::clone(slot.get_or_init(|| prepared)))
    }

    fn batcher(
        &self,
        split: Split,
        set: &Arc<GraphDataset>,
        batch: usize,
    ) -> Result<Batcher, DataError> {
        let prepared = self.prepared(split, set)?;
        let mut settings = GraphSettings {
            order: self.demands.order,
            padding: None,
            tokens: self.demands.tokens,
            walks: self.demands.walks,
            links: self.links,
        };
        match self.spec.batching {
            Batching::Graphs => {
                settings.padding =
                    self.padding(batch.min(set.len()), || sizes(&**set, MEASURED))?;
                let batcher = GraphBatcher::new(Arc::clone(set), prepared, settings)?;
                Ok(Batcher::Graphs(batcher))
            }
            Batching::Nodes => {
                let neighbours = self.spec.neighbours.to_vec();
                let batcher = NodeBatcher::new(&**set, neighbours, prepared, settings)?;
                let padding = self.padding(batch, || Ok(batcher.sizes(MEASURED)))?;
                Ok(Batcher::Nodes(batcher.padded(padding)))
            }
        }
    }

    fn padding(
        &self,
        batch: usize,
        sizes: impl FnOnce() -> Result<Vec<[usize; 2]>, DataError>,
    ) -> Result<Option<Padding>, DataError> {
        if self.spec.padding == GraphPadding::None {
            return Ok(None);
        }
        let fitting = Padding::fitting(&sizes()?, batch);
        Ok(Some(Padding {
            nodes: self.spec.pad_nodes.unwrap_or(fitting.nodes),
            edges: self.spec.pad_edges.unwrap_or(fitting.edges),
        }))
    }
}

/// Whether two splits are the same graphs, apart from what counts of them.
fn is_same(one: &Arc<GraphDataset>, other: &Arc<GraphDataset>) -> Result<bool, DataError> {
    if Arc::ptr_eq(one, other) {
        return Ok(true);
    }
    if one.len() != 1 || other.len() != 1 {
        return Ok(false);
    }
    Ok(Arc::ptr_eq(&get(one, 0)?.graph, &get(other, 0)?.graph))
}

fn get(set: &Arc<GraphDataset>, index: usize) -> Result<GraphSample, DataError> {
    let sample = set.get(index);
    sample.map_err(|error| DataError::Sample {
        sample: set.describe(index),
        reason: error.to_string(),
    })
}

/// What is known of all graphs: of the first one, and where there are categories, of each or what `spec` says.
fn facts(
    splits: &GraphSplits,
    spec: &GraphSpec,
    [node_columns, edge_columns]: [Vec<String>; 2],
) -> Result<GraphFacts, DataError> {
    let mut facts = GraphFacts::of(&get(&splits.train, 0)?);
    let has_categories = !facts.node_sizes.is_empty() || !facts.edge_sizes.is_empty();
    let parts = Split::ALL.into_iter().filter(|_| has_categories);
    for set in parts.filter_map(|split| splits.get(split)) {
        for index in 0..set.len() {
            facts = facts.and(&GraphFacts::of(&get(set, index)?));
        }
    }
    told(
        "data.node_sizes",
        spec.node_sizes.as_deref(),
        &mut facts.node_sizes,
    )?;
    told(
        "data.edge_sizes",
        spec.edge_sizes.as_deref(),
        &mut facts.edge_sizes,
    )?;
    Ok(GraphFacts {
        node_columns,
        edge_columns,
        ..facts
    })
}

/// Names of the features of nodes and edges, where the source has such.
fn columns(source: &Source) -> Result<[Vec<String>; 2], DataError> {
    match source {
        Source::GraphCsv(s) => graph_csv::columns(csv_options(s, Asks::Told, NO_SHARES)),
        Source::GraphMl(s) => graphml::columns(Path::new(&s.path), &s.label),
        _ => Ok(Default::default()),
    }
}

/// Where the shares of splits do not matter.
const NO_SHARES: Shares = Shares {
    test: 0.0,
    valid: 0.0,
    seed: SPLIT_SEED,
};

fn csv_options(s: &GraphCsv, asks: Asks, shares: Shares) -> graph_csv::Options<'_> {
    graph_csv::Options {
        root: Path::new(&s.path),
        edges: &s.edges,
        nodes: s.nodes.as_deref(),
        graphs: s.graphs.as_deref(),
        pairs: s.pairs.as_deref(),
        asks,
        policy: policy(!s.directed, s.self_loops, s.multi_edges),
        node_categories: s.node_categories,
        edge_categories: s.edge_categories,
        shares,
    }
}

/// Takes the sizes that the specification names, if there are any, for those that were found.
fn told(
    setting: &'static str,
    told: Option<&[f64]>,
    found: &mut Vec<usize>,
) -> Result<(), DataError> {
    let Some(told) = told else {
        return Ok(());
    };
    let sizes: Vec<usize> = told.iter().map(|&size| size as usize).collect();
    let is_legal = sizes.len() == found.len() && sizes.iter().zip(&*found).all(|(a, b)| a >= b);
    if !is_legal {
        return Err(DataError::Setting {
            setting,
            value: format!("{sizes:?}"),
            expected: format!("one for each column, at least {found:?}, which occur"),
        });
    }
    *found = sizes;
    Ok(())
}

impl Data for GraphData {
    /// Graphs were read whole, or are made when they are needed.
    fn check(&self) -> Result<(), DataError> {
        Ok(())
    }

    fn name(&self) -> &str {
        &self.splits.card.name
    }

    fn unit(&self) -> &'static str {
        match self.spec.batching {
            Batching::Graphs => "graphs",
            Batching::Nodes => "nodes",
        }
    }

    fn facts(&self) -> Facts {
        Facts {
            classes: self.splits.train.classes().to_vec(),
            graphs: Some(self.facts.clone()),
            ..Facts::default()
        }
    }

    fn part(&self, split: Split) -> Option<Part> {
        self.splits.get(split).map(Part::of)
    }

    fn train(&self) -> Result<Box<dyn TrainSource<AnyBatch>>, DataError> {
        let set = &self.splits.train;
        let (order, workers) = (self.order, self.workers);
        Ok(match self.batcher(Split::Train, set, order.batch_size)? {
            Batcher::Graphs(batcher) => {
                let loader = TrainLoader::new(batcher, order, workers)?;
                Box::new(TrainBatches::new(loader, self.wrap))
            }
            Batcher::Nodes(batcher) => {
                let loader = TrainLoader::new(batcher, order, workers)?;
                Box::new(TrainBatches::new(loader, self.wrap))
            }
        })
    }

    fn eval(
        &self,
        split: Split,
        batch_size: usize,
    ) -> Result<Option<Box<dyn EvalSource<AnyBatch>>>, DataError> {
        let Some(set) = self.splits.get(split) else {
            return Ok(None);
        };
        let workers = self.workers;
        Ok(Some(match self.batcher(split, set, batch_size)? {
            Batcher::Graphs(batcher) => {
                let loader = EvalLoader::new(batcher, batch_size, workers)?;
                Box::new(EvalBatches::new(loader, self.wrap))
            }
            Batcher::Nodes(batcher) => {
                let loader = EvalLoader::new(batcher, batch_size, workers)?;
                Box::new(EvalBatches::new(loader, self.wrap))
            }
        }))
    }
}

/// What the model of a plan asks of batches.
pub(super) fn demands(model: &ModelSpec) -> Result<GraphDemands, DataError> {
    graph_demands(model).map_err(|_| DataError::Setting {
        setting: "model.backbone",
        value: format!("`{}`", model.name()),
        expected: "`graph_mamba`, `gmn` or `neural_walker`, which take graphs".to_owned(),
    })
}

/// How links are asked for, if they are.
pub(super) fn links(task: &TaskSpec) -> Option<LinkSettings> {
    match task {
        TaskSpec::PredictLinks(spec) => Some(LinkSettings {
            negatives: spec.negatives,
            hidden: spec.hidden,
            ranked_among: spec.ranked_among,
            rivals: match spec.rivals {
                config::Rivals::Raw => Rivals::Raw,
                config::Rivals::Filtered => Rivals::Filtered,
                config::Rivals::Strangers => Rivals::Strangers,
            },
        }),
        _ => None,
    }
}

/// Pairs of nodes are asked of whole graphs.
fn of_whole_graphs(task: &TaskSpec, graphs: &GraphSpec) -> Result<(), DataError> {
    let of_pairs = matches!(task, TaskSpec::ClassifyEdges(_) | TaskSpec::PredictLinks(_));
    match of_pairs && graphs.batching == Batching::Nodes {
        true => Err(DataError::Setting {
            setting: "data.batching",
            value: "\"nodes\"".to_owned(),
            expected: format!(
                "\"graphs\" for the task `{}`, which is of pairs of nodes",
                task.name()
            ),
        }),
        false => Ok(()),
    }
}

/// For which task batches are.
fn wrap(task: &TaskSpec) -> Result<fn(GraphBatch) -> AnyBatch, DataError> {
    match task {
        TaskSpec::ClassifyNodes(_)
        | TaskSpec::ClassifyGraphs(_)
        | TaskSpec::LabelGraphs(_)
        | TaskSpec::RegressGraphs(_)
        | TaskSpec::ClassifyEdges(_)
        | TaskSpec::PredictLinks(_) => Ok(AnyBatch::Graphs),
        _ => Err(DataError::Setting {
            setting: "task.kind",
            value: format!("`{}`", task.name()),
            expected: "`classify_nodes`, `classify_edges`, `predict_links`, `classify_graphs`, `label_graphs` or `regress_graphs`"
                .to_owned(),
        }),
    }
}

/// What the task of a plan asks of its graphs.
pub(super) fn asks(plan: &Plan, graphs: &GraphSpec) -> Asks {
    match &plan.task {
        TaskSpec::ClassifyEdges(_) => Asks::EdgeClasses,
        TaskSpec::PredictLinks(_) => Asks::Links(LinkShares {
            test: graphs.test_links,
            valid: graphs.valid_links,
            seed: SPLIT_SEED,
        }),
        _ => Asks::Told,
    }
}

/// The splits of the data set that a specification names.
pub(super) fn splits(spec: &DataSpec, asks: Asks) -> Result<GraphSplits, DataError> {
    let valid = spec.common.valid_fraction;
    let shares = |test| Shares {
        test,
        valid,
        seed: SPLIT_SEED,
    };
    let splits = match &spec.source {
        Source::Pattern(s) => sbm::pattern(counts(s.train, s.valid, s.test, s.draw_seed)),
        Source::Cluster(s) => sbm::cluster(counts(s.train, s.valid, s.test, s.draw_seed)),
        Source::TreeNeighborsMatch(s) => {
            trees::splits(s.depth, s.validate_on_training, s.draw_seed)
        }
        Source::RingTransfer(s) => rings::splits(s.nodes, counts(s.train, s.valid, s.test, 0)),
        Source::Minesweeper(s) => minesweeper::splits(s.side, s.split, s.draw_seed),
        Source::Karate(_) => karate::splits(),
        Source::Communities(s) => {
            let settings = communities::Settings {
                nodes: s.nodes,
                edges: s.edges,
                communities: s.communities,
                within: s.homophily,
                features: s.features,
                seed: s.draw_seed,
            };
            match asks {
                Asks::EdgeClasses => communities::edge_splits(&settings),
                _ => communities::splits(&settings),
            }
        }
        Source::GraphCsv(s) => graph_csv::splits(csv_options(s, asks, shares(s.test_fraction))),
        Source::GraphMl(s) => {
            let options = graphml::Options {
                label: &s.label,
                policy: policy(false, s.self_loops, s.multi_edges),
                shares: shares(s.test_fraction),
            };
            graphml::splits(Path::new(&s.path), options)
        }
        Source::Tu(s) => tu::splits(Path::new(&s.path), shares(s.test_fraction)),
        Source::Ogb(s) => {
            let options = ogb::Options {
                split: &s.split,
                mirror: !s.directed,
                categories: s.categories,
            };
            ogb::splits(Path::new(&s.path), options)
        }
        Source::Heterophilous(s) => heterophilous::splits(Path::new(&s.path), s.split),
        other => Err(DataError::Setting {
            setting: "data.name",
            value: format!("`{}`", other.name()),
            expected: "a set of graphs".to_owned(),
        }),
    }?;
    let splits = match (asks, &spec.source) {
        // Tables may say themselves which links are for what.
        (Asks::Links(shares), source) if !matches!(source, Source::GraphCsv(_)) => {
            held_out_links(splits, shares)?
        }
        (Asks::EdgeClasses, Source::GraphCsv(_) | Source::Communities(_)) => splits,
        (Asks::EdgeClasses, other) => {
            return Err(DataError::Setting {
                setting: "data.name",
                value: format!("`{}`", other.name()),
                expected: "`graph_csv` or `communities`, whose edges have classes".to_owned(),
            });
        }
        _ => splits,
    };
    splits.reduced(spec.common.train_fraction, SPLIT_SEED)
}

fn counts(train: usize, valid: usize, test: usize, seed: u64) -> Counts {
    Counts {
        train,
        valid,
        test,
        seed,
    }
}

pub(super) fn policy(mirror: bool, loops: SpecialEdges, repeats: SpecialEdges) -> EdgePolicy {
    let of = |special| match special {
        SpecialEdges::Keep => Special::Keep,
        SpecialEdges::Drop => Special::Drop,
        SpecialEdges::Error => Special::Refuse,
    };
    EdgePolicy {
        mirror,
        loops: of(loops),
        repeats: of(repeats),
    }
}
