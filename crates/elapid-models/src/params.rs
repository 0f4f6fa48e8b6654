//! Parameters of a module by path.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

/// One float parameter.
#[derive(Clone, Debug)]
pub struct NamedParam {
    /// Field names joined by dots; list items are numbers, enum variants their names.
    pub path: String,
    /// Burn's identifier.
    pub id: ParamId,
    /// Shape.
    pub shape: Vec<usize>,
}

/// Every float parameter of `module`, in declaration order.
pub fn named_params<M: Module>(module: &M) -> Vec<NamedParam> {
    let mut collector = Collector {
        path: Vec::new(),
        params: Vec::new(),
    };
    module.visit(&mut collector);
    collector.params
}

struct Collector {
    path: Vec<String>,
    params: Vec<NamedParam>,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let shape = param.val().dims().to_vec();
        self.params.push(NamedParam {
            path: self.path.join("."),
            id: param.id,
            shape,
        });
    }
}
