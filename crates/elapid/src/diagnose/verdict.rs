//! What the numbers of a step mean.

use serde::Serialize;

use super::layers::Layer;
use super::number::three_digits;
use super::remarks::remarks;

/// What is not finite first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Culprit {
    /// The layer, or the parameter outside of one; none if it is the loss.
    pub layer: Option<String>,
    /// Its place in the order of the pass, from 1.
    pub depth: Option<usize>,
    /// Where in the layer.
    pub place: Place,
    /// The parameter, where it is one.
    pub parameter: Option<String>,
}

/// A place in a step that can cease to be finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A weight, before anything is computed.
    Weight,
    /// The step size of a scan.
    StepSize,
    /// The output of a layer.
    Activation,
    /// The loss.
    Loss,
    /// A gradient.
    Gradient,
}

/// The first thing that is not finite, in the order of computation: weights, the pass forward, the loss, the pass
/// backward.
pub(super) fn culprit(layers: &[Layer], loss: f64) -> Option<Culprit> {
    let at = |layer: &Layer, place, parameter: Option<&String>| Culprit {
        layer: Some(layer.name.clone()),
        depth: layer.depth,
        place,
        parameter: parameter.cloned(),
    };
    let weights = layers.iter().find_map(|layer| {
        let parameter = layer.weight.not_finite.as_ref()?;
        Some(at(layer, Place::Weight, Some(parameter)))
    });
    let forward = || {
        layers.iter().find_map(|layer| {
            if let Some(scan) = layer.scans.iter().find(|scan| scan.delta_not_finite > 0) {
                return Some(at(layer, Place::StepSize, Some(&scan.decay)));
            }
            let values = layer.activation.filter(|values| values.not_finite() > 0);
            values.map(|_| at(layer, Place::Activation, None))
        })
    };
    let in_loss = || {
        (!loss.is_finite()).then_some(Culprit {
            layer: None,
            depth: None,
            place: Place::Loss,
            parameter: None,
        })
    };
    // What stands outside of the layers gets its gradient last.
    let backward = || {
        let in_pass = layers.iter().filter(|layer| layer.depth.is_some()).rev();
        let outside = layers.iter().filter(|layer| layer.depth.is_none());
        in_pass.chain(outside).find_map(|layer| {
            let parameter = layer.grad.not_finite.as_ref()?;
            Some(at(layer, Place::Gradient, Some(parameter)))
        })
    };
    weights.or_else(forward).or_else(in_loss).or_else(backward)
}

/// The verdict, most important first.
pub(super) fn in_words(layers: &[Layer], loss: f64, culprit: Option<&Culprit>) -> Vec<String> {
    let first = match culprit {
        Some(culprit) => what_broke(culprit, layers, loss),
        None => format!(
            "all activations and gradients are finite; the loss is {}",
            three_digits(loss)
        ),
    };
    // What comes behind a layer that is not finite is its consequence.
    let last = culprit.filter(|culprit| culprit.place != Place::Gradient);
    let last = last
        .and_then(|culprit| culprit.depth)
        .unwrap_or(layers.len());
    let causes = layers.iter().filter(|layer| layer.depth <= Some(last));
    std::iter::once(first)
        .chain(remarks(&causes.collect::<Vec<_>>()))
        .collect()
}

fn what_broke(culprit: &Culprit, layers: &[Layer], loss: f64) -> String {
    let layer = culprit.layer.as_deref().unwrap_or_default();
    let parameter = culprit.parameter.as_deref().unwrap_or(layer);
    let depth = match culprit.depth {
        Some(depth) => format!(
            ", layer {depth} of {},",
            layers.iter().filter(|layer| layer.depth.is_some()).count()
        ),
        None => String::new(),
    };
    match culprit.place {
        Place::Weight => format!(
            "`{parameter}` has weights that are not finite, so nothing behind it can be: an earlier step broke them; look at an earlier checkpoint"
        ),
        Place::StepSize => format!(
            "`{layer}`{depth} is the first that is not finite: step sizes Δ of the scan with `{parameter}`"
        ),
        Place::Activation => {
            let found = layers.iter().find(|other| other.name == layer);
            let values = found.and_then(|layer| layer.activation);
            let count = values.map_or(String::new(), |values| {
                format!(" ({} of {} values)", values.not_finite(), values.count())
            });
            format!("`{layer}`{depth} is the first whose output is not finite{count}")
        }
        Place::Loss => format!(
            "every layer is finite, but the loss is {loss}: scores that are too far apart, or a batch with labels or values that are no numbers"
        ),
        Place::Gradient => format!(
            "the pass forward is finite (loss {}); on the way back `{layer}`{depth} is the first whose gradient is not: `{parameter}`",
            three_digits(loss)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::layers::Norm;
    use super::*;

    fn layer(depth: usize, gradient: Option<&str>) -> Layer {
        Layer {
            name: format!("layers.{depth}"),
            depth: Some(depth),
            activation: None,
            added: None,
            grad: Norm {
                norm: 1.0,
                not_finite: gradient.map(str::to_owned),
            },
            weight: Norm::default(),
            scans: Vec::new(),
        }
    }

    #[test]
    fn the_last_layer_is_the_first_on_the_way_back() {
        let layers = [layer(1, Some("a")), layer(2, Some("b")), layer(3, None)];
        let found = culprit(&layers, 1.0).unwrap();
        assert_eq!((found.depth, found.place), (Some(2), Place::Gradient));
        let words = in_words(&layers, 1.0, Some(&found));
        assert!(words[0].contains("`layers.2`, layer 2 of 3,"), "{words:?}");
        assert_eq!(culprit(&layers, f64::NAN).unwrap().place, Place::Loss);
    }

    #[test]
    fn weights_come_before_everything_else() {
        let mut layers = [layer(1, Some("a")), layer(2, None)];
        layers[1].weight.not_finite = Some("w".to_owned());
        let found = culprit(&layers, f64::NAN).unwrap();
        assert_eq!((found.depth, found.place), (Some(2), Place::Weight));
        layers[1].weight.not_finite = None;
        layers[0].grad.not_finite = None;
        assert_eq!(culprit(&layers, 1.0), None);
    }
}
