//! `[model]`: the backbone and its hyper-parameters.

use crate::options::tagged;
use crate::sections::ssamba::Ssamba;
use crate::sections::vim::Vim;

tagged! {
    /// The network, without its head.
    pub enum ModelSpec {
        /// Which network.
        tag: "backbone" = required;
        /// Vision Mamba: image patches through bidirectional Mamba blocks (arXiv:2401.09417).
        "vim" => Vim(Vim),
        /// SSAMBA: patches of log-mel spectrograms through bidirectional Mamba blocks (arXiv:2405.11831).
        "ssamba" => Ssamba(Ssamba),
    }
}
