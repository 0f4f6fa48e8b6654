//! `[model]`: the backbone and its hyper-parameters.

use crate::options::tagged;
use crate::sections::forecasters::{CausalMamba, DLinear, MambaSl, RLinear, SMamba, TimeMachine};
use crate::sections::graph_models::{Gmn, GraphMamba, NeuralWalker};
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
        /// S-Mamba: forecasts of series whose variates are tokens, scanned in both directions (arXiv:2403.11144).
        "smamba" => SMamba(SMamba),
        /// RLinear: forecasts by one linear map of the normalised lookback (arXiv:2305.10721).
        "rlinear" => RLinear(RLinear),
        /// DLinear: forecasts by linear maps of trend and remainder (arXiv:2205.13504).
        "dlinear" => DLinear(DLinear),
        /// TimeMachine: forecasts by four Mambas at two resolutions (arXiv:2403.09898).
        "timemachine" => TimeMachine(TimeMachine),
        /// Forecasts by causal Mamba blocks over patches of time, which can go on where they stopped.
        "causal_mamba" => CausalMamba(CausalMamba),
        /// MambaSL: classes of whole series by a single Mamba layer (openreview YDl4vqQqGP).
        "mambasl" => MambaSl(MambaSl),
        /// Graph-Mamba: message passing and a scan over the nodes side by side (arXiv:2402.00789); and its baselines.
        "graph_mamba" => GraphMamba(GraphMamba),
        /// Graph Mamba Networks: scans over sub-graphs around each node, and over the nodes (arXiv:2402.08678).
        "gmn" => Gmn(Gmn),
        /// NeuralWalker: scans over random walks, and message passing (arXiv:2406.03386).
        "neural_walker" => NeuralWalker(NeuralWalker),
    }
}
