//! What is particular to checkpoints of models of series.

use std::collections::BTreeMap;

use super::Checkpoint;

/// A layer of S-Mamba.
const LAYERS: &str = "encoder.attn_layers.";
/// What such layers build and never call.
const NEVER_CALLED: [&str; 3] = ["man", "man2", "a"];
/// What MambaSL computes, or never calls where its step size is constant.
const OF_MAMBASL: [&str; 2] = ["embedding.position_embedding.pe", "mamba.0.dt_proj.weight"];

/// Removes what official files hold beside the parameters in use, which are `expected`.
pub(super) fn drop_unused(weights: &mut Checkpoint, expected: &BTreeMap<String, &[usize]>) {
    weights.retain(|name, _| expected.contains_key(name) || !is_unused(name));
}

fn is_unused(name: &str) -> bool {
    let of_layer = name.strip_prefix(LAYERS).and_then(|rest| {
        let mut names = rest.split('.').skip(1);
        names.next()
    });
    of_layer.is_some_and(|part| NEVER_CALLED.contains(&part)) || OF_MAMBASL.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_never_called_is_dropped() {
        for (name, unused) in [
            ("encoder.attn_layers.0.man.in_proj.weight", true),
            ("encoder.attn_layers.12.man2.A_log", true),
            ("encoder.attn_layers.1.a.query_projection.bias", true),
            ("encoder.attn_layers.1.attention.in_proj.weight", false),
            ("encoder.norm.weight", false),
            ("embedding.position_embedding.pe", true),
            ("mamba.0.dt_proj.bias", false),
        ] {
            assert_eq!(is_unused(name), unused, "{name}");
        }
    }
}
