//! `[model]`: the backbone and its hyper-parameters.

use crate::options::tagged;
use crate::sections::vim::Vim;

tagged! {
    /// The network, without its head.
    pub enum ModelSpec {
        /// Which network.
        tag: "backbone" = required;
        /// Vision Mamba: image patches through bidirectional Mamba blocks (arXiv:2401.09417).
        "vim" => Vim(Vim),
    }
}
