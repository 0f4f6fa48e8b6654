//! Our parameter paths and the official names.

use super::mmseg;

/// The official name of the parameter at our `path`.
///
/// Ours nests what belongs together: `backbone`, `projections`, one `ssm` per direction, and the
/// variant of an enum, which alone begins with a capital without being the last name. Official
/// names are flat, with the suffix `_b` for the backward direction. The heads of SSAMBA and the parts of MambaSL are numbered there.
/// Dense heads are named as in mmsegmentation.
pub fn official_name(path: &str) -> String {
    if let Some(name) = mmseg::official_name(path) {
        return name;
    }
    let mut names: Vec<String> = Vec::new();
    let mut backward = false;
    let mut parts = path.split('.').peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        match part {
            "backbone" | "projections" | "ssm" => {}
            "ssm_b" => backward = true,
            variant if !is_last && is_variant(variant) => {}
            name if std::mem::take(&mut backward) => names.push(backward_name(name)),
            name => {
                let head = names.last().map_or("", String::as_str);
                names.push(of_sequence(head, name).unwrap_or(name).to_owned());
            }
        }
    }
    names.join(".")
}

/// Single letters are maps, such as those of a gated graph convolution.
fn is_variant(name: &str) -> bool {
    name.len() > 1 && name.starts_with(char::is_uppercase)
}

/// The number of a layer in an `nn.Sequential`, or another official name.
fn of_sequence(head: &str, layer: &str) -> Option<&'static str> {
    match (head, layer) {
        // DLinear's names begin with a capital, as our variants do.
        (_, "linear_seasonal") => Some("Linear_Seasonal"),
        (_, "linear_trend") => Some("Linear_Trend"),
        ("mlp_head", "norm") | ("cpredlayer" | "gpredlayer", "hidden") => Some("0"),
        ("mamba", "mixer") | ("attn_weight", "linear") | ("nn", "linear1") => Some("0"),
        ("mlp_head" | "out_layer", "linear") | ("mamba", "norm") => Some("1"),
        ("nn", "linear2") => Some("2"),
        ("cpredlayer" | "gpredlayer", "output") => Some("2"),
        _ => None,
    }
}

fn backward_name(name: &str) -> String {
    match name {
        "A_log" => "A_b_log".to_owned(),
        name => format!("{name}_b"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_official_state_dict() {
        for (path, name) in [
            (
                "layers.2.local_model.GatedGcn.A.weight",
                "layers.2.local_model.A.weight",
            ),
            (
                "layers.2.local_model.Gine.nn.linear2.bias",
                "layers.2.local_model.nn.2.bias",
            ),
            (
                "backbone.Vim.patch_embed.proj.weight",
                "patch_embed.proj.weight",
            ),
            (
                "backbone.Vim.layers.3.norm.Rms.weight",
                "layers.3.norm.weight",
            ),
            (
                "backbone.Vim.layers.3.mixer.Bidirectional.projections.in_proj.weight",
                "layers.3.mixer.in_proj.weight",
            ),
            (
                "backbone.Vim.layers.3.mixer.Bidirectional.ssm.A_log",
                "layers.3.mixer.A_log",
            ),
            (
                "backbone.Vim.layers.3.mixer.Bidirectional.ssm_b.A_log",
                "layers.3.mixer.A_b_log",
            ),
            (
                "backbone.Vim.layers.3.mixer.Bidirectional.ssm_b.D",
                "layers.3.mixer.D_b",
            ),
            (
                "backbone.Vim.layers.3.mixer.Bidirectional.ssm_b.dt_proj.bias",
                "layers.3.mixer.dt_proj_b.bias",
            ),
            ("head.weight", "head.weight"),
            ("v.layers.0.norm.Layer.bias", "v.layers.0.norm.bias"),
            ("mlp_head.norm.weight", "mlp_head.0.weight"),
            ("mlp_head.linear.weight", "mlp_head.1.weight"),
            ("cpredlayer.hidden.bias", "cpredlayer.0.bias"),
            ("gpredlayer.output.weight", "gpredlayer.2.weight"),
            (
                "model.SMamba.encoder.attn_layers.0.attention_r.ssm.A_log",
                "model.encoder.attn_layers.0.attention_r.A_log",
            ),
            (
                "mamba.mixer.projections.in_proj.weight",
                "mamba.0.in_proj.weight",
            ),
            ("mamba.mixer.B", "mamba.0.B"),
            ("mamba.norm.bias", "mamba.1.bias"),
            ("out_layer.linear.weight", "out_layer.1.weight"),
            ("attn_weight.linear.bias", "attn_weight.0.bias"),
            ("linear_trend.Individual.3.weight", "Linear_Trend.3.weight"),
            ("linear_seasonal.Shared.bias", "Linear_Seasonal.bias"),
        ] {
            assert_eq!(official_name(path), name);
        }
    }
}
