//! The resolved experiment.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::lines::Lines;
use crate::options::{Options, Tagged};
use crate::origin::Origins;
use crate::sections::{
    DataSpec, Eval, Log, Lora, ModelSpec, OptimSpec, Run, ScheduleSpec, TaskSpec, Train,
};

/// An experiment with every value settled. [`load`](crate::load) makes one.
///
/// Two plans are equal when all their values are; where these were written does not count.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// `[run]`
    pub run: Run,
    /// `[data]`
    pub data: DataSpec,
    /// `[model]`
    pub model: ModelSpec,
    /// `[task]`
    pub task: TaskSpec,
    /// `[optim]`
    pub optim: OptimSpec,
    /// `[schedule]`
    pub schedule: ScheduleSpec,
    /// `[train]`
    pub train: Train,
    /// `[lora]`
    pub lora: Lora,
    /// `[eval]`
    pub eval: Eval,
    /// `[log]`
    pub log: Log,
    #[serde(skip)]
    pub(crate) origins: Origins,
}

impl Plan {
    /// The plan as TOML with every value explicit; [`parse`](crate::parse) reads it back to an
    /// equal plan.
    pub fn to_toml(&self) -> String {
        self.lines().to_toml()
    }

    /// The plan as TOML with the origin of every value in a comment, and with the keys that are
    /// not set as comments of their own.
    pub fn explain(&self) -> String {
        self.lines().explain(&self.origins)
    }

    fn lines(&self) -> Lines {
        let mut lines = Lines::default();
        self.run.write(lines.section("run"));
        self.data.write(&mut lines);
        self.model.write(lines.section("model"));
        self.task.write(lines.section("task"));
        self.optim.write(lines.section("optim"));
        self.schedule.write(lines.section("schedule"));
        self.train.write(lines.section("train"));
        self.lora.write(lines.section("lora"));
        self.eval.write(lines.section("eval"));
        self.log.write(lines.section("log"));
        lines
    }
}

/// What differs between plans, defaults included: name of the value as `section.key`, and the value in each plan as
/// TOML, absent where it is not set.
pub fn differences(plans: &[&Plan]) -> Vec<(String, Vec<Option<String>>)> {
    let values: Vec<BTreeMap<String, String>> =
        plans.iter().map(|plan| plan.lines().values()).collect();
    let names: BTreeSet<&String> = values.iter().flat_map(BTreeMap::keys).collect();
    names
        .into_iter()
        .map(|name| {
            let of_each = values.iter().map(|values| values.get(name).cloned());
            (name.clone(), of_each.collect::<Vec<_>>())
        })
        .filter(|(_, values)| values.iter().any(|value| *value != values[0]))
        .collect()
}
