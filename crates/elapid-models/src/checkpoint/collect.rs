//! A model into tensors.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

use super::{Checkpoint, official_name};

/// The parameters of a model by official name.
pub fn of_model<M: Module>(model: &M) -> Checkpoint {
    let mut collect = Collect {
        path: Vec::new(),
        tensors: BTreeMap::new(),
    };
    model.visit(&mut collect);
    collect.tensors
}

struct Collect {
    path: Vec<String>,
    tensors: Checkpoint,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = official_name(&self.path.join("."));
        self.tensors.insert(name, param.val().into_data());
    }
}
