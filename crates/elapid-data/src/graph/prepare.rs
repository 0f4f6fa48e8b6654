//! What graphs are prepared with, kept.

use std::sync::{Arc, OnceLock};

use super::dataset::GraphDataset;
use super::encoding::{EncodingSettings, Prepared};
use super::graph::Graph;
use super::order::Ranking;
use crate::error::DataError;
use crate::side_by_side;

/// Encodings of the graphs of one set, each computed once. Batchers of the same set and settings share one.
pub struct PreparedGraphs {
    settings: EncodingSettings,
    by: Ranking,
    graphs: Vec<OnceLock<Arc<Prepared>>>,
}

impl PreparedGraphs {
    /// Nothing is computed yet for the `graphs` graphs of a set.
    #[must_use]
    pub fn new(settings: EncodingSettings, by: Ranking, graphs: usize) -> Arc<Self> {
        let graphs = (0..graphs).map(|_| OnceLock::new()).collect();
        Arc::new(Self {
            settings,
            by,
            graphs,
        })
    }

    /// That of graph `index`.
    pub(super) fn get(&self, index: usize, graph: &Graph) -> Result<Arc<Prepared>, DataError> {
        let slot = &self.graphs[index];
        if let Some(prepared) = slot.get() {
            return Ok(Arc::clone(prepared));
        }
        let prepared = Arc::new(self.fresh(graph)?);
        // Another thread may have been first; both computed the same.
        Ok(Arc::clone(slot.get_or_init(|| prepared)))
    }

    /// That of a graph which is not of the set.
    pub(super) fn fresh(&self, graph: &Graph) -> Result<Prepared, DataError> {
        Prepared::of(graph, &self.settings, self.by)
    }

    /// Computes all of `set` on all processors.
    ///
    /// # Errors
    ///
    /// A graph that cannot be read or is too large for its encodings.
    pub fn fill(&self, set: &GraphDataset) -> Result<(), DataError> {
        side_by_side::try_each(self.graphs.len(), side_by_side::cores(), |index| {
            let sample = set.get(index);
            let sample =
                sample.map_err(|error| DataError::from_dataset(&error, || set.describe(index)))?;
            self.get(index, &sample.graph).map(drop)
        })
    }
}
