//! One entry a layer: what it showed, its gradients and its weights.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use elapid_models::checkpoint::official_name;
use elapid_models::named_params;
use elapid_nn::{Role, role_of};
use serde::Serialize;

use super::values::Values;
use super::watcher::{Found, Motion, median};

/// A layer, or a parameter outside of all layers.
#[derive(Clone, Debug, Serialize)]
pub struct Layer {
    /// Path of the layer in the model, by official names.
    pub name: String,
    /// Place in the order of the pass, from 1; none outside of it.
    pub depth: Option<usize>,
    /// The output.
    pub activation: Option<Values>,
    /// Root mean square of the output over that of the residual stream it is added to.
    pub added: Option<f64>,
    /// Gradients of the parameters.
    pub grad: Norm,
    /// The parameters.
    pub weight: Norm,
    /// The scans in it.
    pub scans: Vec<Scan>,
}

/// Euclidean norm of some tensors together.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Norm {
    /// The norm; not a number if an element is not finite.
    pub norm: f64,
    /// The first parameter with an element that is not finite.
    pub not_finite: Option<String>,
}

/// What a scan takes in and forgets.
#[derive(Clone, Debug, Serialize)]
pub struct Scan {
    /// The parameter of its decay, which names it.
    pub decay: String,
    /// Smallest step size Δ behind the softplus.
    pub delta_min: f64,
    /// Median step size.
    pub delta_median: f64,
    /// Largest step size.
    pub delta_max: f64,
    /// Step sizes that are not finite.
    pub delta_not_finite: u64,
    /// Smallest and largest decay rate A.
    pub a: (f64, f64),
    /// Share of the states that a token leaves less than a thousandth of.
    pub forgets: f64,
    /// Share of the states that a token leaves more than 99.9 % of.
    pub keeps: f64,
}

/// The layers that were found, in order, then all other parameters. The gradients are those of a loss times
/// `loss_scale`.
pub(super) fn all<M: Module>(
    module: &M,
    gradients: &GradientsParams,
    loss_scale: f32,
    found: Vec<Found>,
) -> Vec<Layer> {
    // What running statistics have for gradients are the batch's.
    let names: BTreeMap<ParamId, String> = named_params(module)
        .into_iter()
        .filter(|param| role_of(&param.path) != Role::Statistic)
        .map(|param| (param.id, name(&param.path)))
        .collect();
    let mut reader = Reader {
        gradients,
        loss_scale,
        tensors: Vec::new(),
    };
    module.visit(&mut reader);
    let mut tensors = reader.tensors;
    tensors.retain(|read| names.contains_key(&read.id));
    let in_layers: Vec<ParamId> = found.iter().flat_map(|f| f.params.clone()).collect();
    let layers = found.into_iter().enumerate().map(|(at, found)| {
        let own: Vec<&Read> = tensors
            .iter()
            .filter(|t| found.params.contains(&t.id))
            .collect();
        let stream = found.stream;
        Layer {
            name: layer_name(own.iter().map(|read| names[&read.id].as_str())),
            depth: Some(at + 1),
            added: stream.map(|stream| found.output.rms() / stream.rms()),
            activation: Some(found.output),
            grad: norm(&own, &names, |read| read.gradient),
            weight: norm(&own, &names, |read| Some(read.weight)),
            scans: found
                .scans
                .into_iter()
                .map(|motion| scan(motion, &names))
                .collect(),
        }
    });
    let others = tensors.iter().filter(|read| !in_layers.contains(&read.id));
    let others = others.map(|read| Layer {
        name: names[&read.id].clone(),
        depth: None,
        activation: None,
        added: None,
        grad: norm(&[read], &names, |read| read.gradient),
        weight: norm(&[read], &names, |read| Some(read.weight)),
        scans: Vec::new(),
    });
    layers.chain(others).collect()
}

/// The name that `elapid params` prints.
fn name(path: &str) -> String {
    let name = official_name(path);
    name.strip_prefix("model.").unwrap_or(&name).to_owned()
}

/// What the paths of a layer's parameters begin with, the parameters' own names left out.
fn layer_name<'a>(mut params: impl Iterator<Item = &'a str>) -> String {
    let parents = |path: &'a str| -> Vec<&'a str> {
        let mut parts: Vec<&str> = path.split('.').collect();
        parts.pop();
        parts
    };
    let first = params.next().map(parents).unwrap_or_default();
    let common = params.map(parents).fold(first, |common, path| {
        let equal = common.iter().zip(&path).take_while(|(a, b)| a == b);
        common[..equal.count()].to_vec()
    });
    common.join(".")
}

fn norm(
    tensors: &[&Read],
    names: &BTreeMap<ParamId, String>,
    of: impl Fn(&Read) -> Option<Values>,
) -> Norm {
    let all = tensors.iter().filter_map(|read| of(read));
    let values = all.fold(Values::default(), Values::and);
    let bad = tensors
        .iter()
        .find(|read| of(read).is_some_and(|values| values.not_finite() > 0));
    let norm = match values.count() {
        0 => 0.0,
        count => values.rms() * (count as f64).sqrt(),
    };
    Norm {
        norm,
        not_finite: bad.map(|read| names[&read.id].clone()),
    }
}

fn scan(mut motion: Motion, names: &BTreeMap<ParamId, String>) -> Scan {
    let (forgets, keeps) = motion.shares();
    Scan {
        decay: names.get(&motion.decay).cloned().unwrap_or_default(),
        delta_min: motion.smallest_delta,
        delta_median: median(&mut motion.deltas),
        delta_max: motion.delta.largest(),
        delta_not_finite: motion.delta.not_finite(),
        a: motion.a,
        forgets,
        keeps,
    }
}

/// Values of a parameter and of its gradient, where it has one.
struct Read {
    id: ParamId,
    weight: Values,
    gradient: Option<Values>,
}

struct Reader<'a> {
    gradients: &'a GradientsParams,
    loss_scale: f32,
    tensors: Vec<Read>,
}

impl ModuleVisitor for Reader<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.gradients.get::<D>(param.id);
        self.tensors.push(Read {
            id: param.id,
            weight: Values::of(param.val()),
            gradient: gradient.map(|gradient| Values::of(gradient / self.loss_scale)),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_named_by_what_their_parameters_share() {
        let of = |paths: &[&str]| layer_name(paths.iter().copied());
        assert_eq!(
            of(&["layers.3.norm.weight", "layers.3.mixer.D"]),
            "layers.3"
        );
        assert_eq!(of(&["head.weight", "head.bias"]), "head");
        assert_eq!(of(&["norm_f.weight"]), "norm_f");
        assert_eq!(of(&[]), "");
    }
}
