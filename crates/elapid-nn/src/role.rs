//! What a parameter does, for optimiser groups, weight decay, freezing and adapters.

/// The role of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Logarithm of the negated decay, `A_log`.
    SsmA,
    /// Skip coefficient, `D`, or an input or output matrix that does not depend on the input, `B` or `C`.
    SsmD,
    /// Projection or bias of the step size.
    Dt,
    /// Depthwise convolution weight.
    Conv,
    /// Norm weight or bias, or layer scale.
    Norm,
    /// Additive bias.
    Bias,
    /// Patch or token embedding.
    Embed,
    /// Position embedding.
    Position,
    /// Class token, or the token that stands for a masked patch.
    ClassToken,
    /// A factor of a low-rank adapter.
    Adapter,
    /// A running mean or variance, which follows batches and is not optimised.
    Statistic,
    /// Any other matrix.
    Matrix,
}

/// The role of the parameter at `path` (field names joined by dots), by the names that all layers
/// of this crate and the official checkpoints share.
pub fn role_of(path: &str) -> Role {
    let mut names = path.rsplit('.');
    let last = names.next().unwrap_or_default();
    // Enum variants, which alone begin with a capital, say nothing about a role.
    let owner = names
        .find(|name| !name.starts_with(char::is_uppercase))
        .unwrap_or_default();
    match (owner, last) {
        ("lora", _) => Role::Adapter,
        (_, "running_mean" | "running_var") => Role::Statistic,
        (_, "A_log" | "A_b_log") => Role::SsmA,
        (_, "D" | "D_b" | "B" | "C") => Role::SsmD,
        (_, "pos_embed") => Role::Position,
        (_, "cls_token" | "cls_token_head" | "cls_token_tail" | "mask_embed") => Role::ClassToken,
        (_, "gamma" | "affine_weight" | "affine_bias") => Role::Norm,
        ("dt_proj" | "dt_proj_b", _) => Role::Dt,
        ("conv1d" | "conv1d_b", "weight") => Role::Conv,
        ("norm" | "norm1" | "norm2" | "norm_f", _) => Role::Norm,
        (owner, _) if is_batch_norm(owner) => Role::Norm,
        (_, "bias") => Role::Bias,
        ("proj" | "embedding" | "value_embedding" | "tokenConv" | "mark_embedding", "weight") => {
            Role::Embed
        }
        _ => Role::Matrix,
    }
}

/// By the names of GraphGPS, GraphGym and mmcv.
fn is_batch_norm(owner: &str) -> bool {
    owner == "bn" || owner.starts_with("bn_") || owner.starts_with("norm1_") || owner == "norm2"
}

impl Role {
    /// Whether weight decay applies by the usual convention: matrices, adapters, convolution and
    /// embedding weights decay; gains, biases, positions, class tokens and the dynamics do not.
    pub fn decays(self) -> bool {
        matches!(
            self,
            Self::Matrix | Self::Conv | Self::Embed | Self::Adapter
        )
    }
}

/// Where in a network a parameter is, from the input on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Embeddings, positions, class tokens.
    Input,
    /// The block of this number, from 0.
    Block(usize),
    /// Behind the last block.
    Output,
    /// What is made of the output for one task.
    Head,
}

/// What heads are called.
const HEADS: [&str; 7] = [
    "head",
    "mlp_head",
    "cpredlayer",
    "gpredlayer",
    "projector",
    "out_layer",
    "attn_weight",
];
/// What lists of blocks are called.
const BLOCKS: [&str; 2] = ["layers", "attn_layers"];

/// The place of the parameter at `path`, by the same names as [`role_of`].
pub fn place_of(path: &str) -> Place {
    let names: Vec<&str> = path.split('.').collect();
    let block = names.iter().position(|name| BLOCKS.contains(name));
    let block = block.and_then(|at| names.get(at + 1)?.parse().ok());
    match (block, role_of(path)) {
        (Some(block), _) => Place::Block(block),
        (None, Role::Embed | Role::Position | Role::ClassToken) => Place::Input,
        (None, _) if names.contains(&"patch_embed") || names.contains(&"enc_embedding") => {
            Place::Input
        }
        (None, _) if names.iter().any(|name| HEADS.contains(name)) => Place::Head,
        (None, _) => Place::Output,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_names() {
        for (path, place) in [
            ("model.backbone.Vim.patch_embed.proj.bias", Place::Input),
            ("pos_embed", Place::Input),
            (
                "model.backbone.Vim.layers.11.norm.Rms.weight",
                Place::Block(11),
            ),
            ("norm_f.Rms.weight", Place::Output),
            ("model.head.weight", Place::Head),
            ("model.mlp_head.norm.weight", Place::Head),
            ("model.v.norm_f.Layer.weight", Place::Output),
            ("model.mask_embed", Place::Input),
            (
                "model.SMamba.enc_embedding.value_embedding.bias",
                Place::Input,
            ),
            (
                "model.SMamba.encoder.attn_layers.1.conv1.weight",
                Place::Block(1),
            ),
            ("model.SMamba.encoder.norm.weight", Place::Output),
            ("model.SMamba.projector.weight", Place::Head),
        ] {
            assert_eq!(place_of(path), place, "{path}");
        }
        assert!(Place::Input < Place::Block(0) && Place::Block(3) < Place::Output);
    }

    #[test]
    fn roles_follow_names() {
        for (path, role) in [
            ("layers.3.mixer.Mamba.ssm.A_log", Role::SsmA),
            ("layers.3.mixer.D_b", Role::SsmD),
            ("layers.0.mixer.ssm.dt_proj.bias", Role::Dt),
            ("layers.0.mixer.ssm.conv1d.weight", Role::Conv),
            ("layers.0.mixer.ssm.conv1d.bias", Role::Bias),
            ("layers.0.norm.Rms.weight", Role::Norm),
            ("norm_f.Layer.bias", Role::Norm),
            ("patch_embed.proj.weight", Role::Embed),
            ("pos_embed", Role::Position),
            ("cls_token", Role::ClassToken),
            ("layers.0.mixer.in_proj.weight", Role::Matrix),
            ("layers.0.mixer.in_proj.weight.lora.a", Role::Adapter),
            ("head.bias", Role::Bias),
            ("encoder.attn_layers.0.norm2.bias", Role::Norm),
            ("revin_layer.affine_bias", Role::Norm),
            ("mamba.mixer.B", Role::SsmD),
            ("layers.2.norm1_attn.running_var", Role::Statistic),
            ("head.decoder.UperNet.bottleneck.bn.bias", Role::Norm),
            ("layers.2.local.GatedGcn.bn_node_x.bias", Role::Norm),
        ] {
            assert_eq!(role_of(path), role, "{path}");
        }
    }
}
