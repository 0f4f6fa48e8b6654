//! Graphs of one's own, as a run reads them.

use std::path::{Path, PathBuf};

use elapid_config::{Batching, GraphSpec, Plan, Samples, Source};
use elapid_data::graph::read::own::{self, OwnGraph, Wanted};
use elapid_data::graph::{
    EdgePolicy, EncodingSettings, Graph, GraphBatch, GraphBatcher, GraphFacts, GraphSettings,
    NodeBatcher, PreparedGraphs, Targets, set_of,
};
use elapid_data::{Batcher, DataError};

use super::Facts;
use super::graphs::{GraphDemands, demands, policy};

/// Whose graph follows which rules, and what a model wants of it.
pub struct OwnGraphs<'a> {
    plan: &'a Plan,
    spec: &'a GraphSpec,
    facts: GraphFacts,
    demands: GraphDemands,
}

impl<'a> OwnGraphs<'a> {
    /// Of a run with this plan that knows `facts` of its data.
    ///
    /// # Errors
    ///
    /// A run that was not trained on graphs.
    pub fn new(plan: &'a Plan, facts: &Facts) -> Result<Self, DataError> {
        let Samples::Graphs(spec) = &plan.data.samples else {
            return Err(DataError::Setting {
                setting: "data.name",
                value: format!("`{}`", plan.data.source.name()),
                expected: "a set of graphs".to_owned(),
            });
        };
        Ok(Self {
            plan,
            spec,
            facts: facts.graphs.clone().unwrap_or_default(),
            demands: demands(&plan.model)?,
        })
    }

    /// Reads one file, a GraphML file or a table of edges, or two, the second of which is a table of nodes.
    ///
    /// # Errors
    ///
    /// Files that are missing, damaged or lack what the model reads.
    pub fn read(&self, edges: &Path, nodes: Option<&PathBuf>) -> Result<Vec<OwnGraph>, DataError> {
        let wanted = self.wanted();
        let policy = self.policy();
        let is_graphml = edges.extension().is_some_and(|end| end == "graphml");
        match (is_graphml, &self.plan.data.source) {
            (false, _) => own::tables(edges, nodes.map(PathBuf::as_path), policy, &wanted),
            (true, Source::GraphMl(s)) => {
                own::graphml(edges, &s.label, policy, &wanted).map(|own| vec![own])
            }
            (true, _) => own::graphml(edges, "label", policy, &wanted).map(|own| vec![own]),
        }
    }

    /// What the model reads of nodes and edges.
    fn wanted(&self) -> [Wanted; 2] {
        let facts = &self.facts;
        let of = |names: &[String], width: usize, sizes: &[usize]| Wanted {
            names: names.to_vec(),
            width: width.max(sizes.len()),
            sizes: sizes.to_vec(),
        };
        let nodes = match facts.is_plain || self.demands.encodings.profile {
            true => Wanted::default(),
            false => of(&facts.node_columns, facts.node_width, &facts.node_sizes),
        };
        let edges = of(&facts.edge_columns, facts.edge_width, &facts.edge_sizes);
        [nodes, edges]
    }

    /// Edges as in training.
    fn policy(&self) -> EdgePolicy {
        match &self.plan.data.source {
            Source::GraphCsv(s) => policy(!s.directed, s.self_loops, s.multi_edges),
            Source::GraphMl(s) => policy(false, s.self_loops, s.multi_edges),
            Source::Ogb(s) if s.directed => EdgePolicy::PLAIN,
            Source::TreeNeighborsMatch(_) => EdgePolicy::PLAIN,
            _ => EdgePolicy::MIRRORED,
        }
    }

    /// Calls `take` with batches that together hold a graph, with these targets, which count everywhere: the graph itself; or, where
    /// the model was trained so, what is around each node, and `true`.
    ///
    /// # Errors
    ///
    /// A graph that is too large for its encodings.
    pub fn batches(
        &self,
        graph: Graph,
        targets: Targets,
        mut take: impl FnMut(&GraphBatch, bool),
    ) -> Result<(), DataError> {
        let GraphDemands {
            encodings, order, ..
        } = self.demands;
        let by_node = self.spec.batching == Batching::Nodes;
        let settings = GraphSettings {
            order,
            padding: None,
            tokens: self.demands.tokens,
            walks: self.demands.walks,
            links: None,
        };
        let set = set_of(graph, targets, "the graph");
        let prepared = PreparedGraphs::new(encodings, order.by, usize::from(!by_node));
        type Batches = dyn Batcher<Batch = GraphBatch>;
        let mut all = |batcher: &Batches, size: usize| -> Result<(), DataError> {
            let samples = batcher.samples();
            for first in (0..samples).step_by(size.max(1)) {
                if let Some(batch) = batcher.eval(first..(first + size).min(samples))? {
                    take(&batch, by_node);
                }
            }
            Ok(())
        };
        match by_node {
            true => {
                let neighbours = self.spec.neighbours.to_vec();
                let batcher = NodeBatcher::new(&*set, neighbours, prepared, settings)?;
                all(&batcher, self.plan.train.batch_size)
            }
            false => {
                if encodings != EncodingSettings::default() {
                    prepared.fill(&*set)?;
                }
                all(&GraphBatcher::new(set, prepared, settings)?, 1)
            }
        }
    }
}
