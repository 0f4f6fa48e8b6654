//! `[task]`: what the network is trained to do.

use crate::options::{choice, options, tagged};
use crate::range::{FRACTION, SHARE, at_least, within};
use crate::sections::Best;

tagged! {
    /// What the network is trained to do.
    pub enum TaskSpec {
        /// Which task.
        tag: "kind" = required;
        /// One class an example, by cross-entropy.
        "classify" => Classify(Classify),
        /// One class a pixel, by cross-entropy.
        "segment" => Segment(Segment),
        /// Any number of classes a sound, each by its own binary cross-entropy.
        "multi_label" => MultiLabel(MultiLabel),
        /// Masked patches of a sound's spectrogram, told apart and reconstructed.
        "pretrain_patches" => PretrainPatches(PretrainPatches),
        /// What follows a window of a series.
        "forecast" => Forecast(Forecast),
        /// Steps of a series that a model cannot reconstruct.
        "detect" => Detect(Detect),
        /// Values of a series that are missing.
        "impute" => Impute(Impute),
        /// One class a node of a graph.
        "classify_nodes" => ClassifyNodes(ClassifyNodes),
        /// One class a graph, by cross-entropy.
        "classify_graphs" => ClassifyGraphs(ClassifyGraphs),
        /// Any number of labels a graph, each by its own binary cross-entropy.
        "label_graphs" => LabelGraphs(LabelGraphs),
        /// Numbers of a graph, by absolute error.
        "regress_graphs" => RegressGraphs(RegressGraphs),
        /// One class an edge, or a pair of nodes, by cross-entropy.
        "classify_edges" => ClassifyEdges(ClassifyEdges),
        /// Which nodes of a graph have a link, by binary cross-entropy against pairs without.
        "predict_links" => PredictLinks(PredictLinks),
    }
}

impl TaskSpec {
    /// The metric that tells which weights are the best, where nobody says which.
    pub(crate) fn best(&self) -> Best {
        match self {
            Self::Classify(_) => Best::Accuracy,
            Self::Segment(_) => Best::MeanIou,
            Self::MultiLabel(_) => Best::MeanAveragePrecision,
            Self::PretrainPatches(_) => Best::MaskAccuracy,
            Self::Forecast(_) | Self::Impute(_) => Best::Mse,
            // Only the test has labels.
            Self::Detect(_) => Best::Loss,
            Self::ClassifyNodes(_) => Best::BalancedAccuracy,
            Self::ClassifyGraphs(_) => Best::Accuracy,
            Self::LabelGraphs(_) => Best::MeanAveragePrecision,
            Self::RegressGraphs(_) => Best::Mae,
            Self::ClassifyEdges(_) => Best::MacroF1,
            Self::PredictLinks(_) => Best::Mrr,
        }
    }
}

options! {
    /// One class an example.
    pub struct Classify {
        /// Number of classes; left out, the data set's.
        classes: Option<usize> = unset, at_least(1.0);
        /// Share of the target that is spread over all classes.
        label_smoothing: f64 = 0.0, FRACTION;
        /// How the tokens of `ssamba` become one vector; left out, `avgtok`.
        pool: Option<TokenPool> = unset;
        /// What is minimised. Sounds may take `bce`, as the official recipe for Speech Commands does.
        loss: ClassLoss = "cross_entropy";
    }
}

choice! {
    /// How tokens become one vector.
    pub enum TokenPool {
        /// The mean of the patches.
        AvgTok = "avgtok",
        /// The class token.
        Cls = "cls",
    }
}

choice! {
    /// What a classifier minimises.
    pub enum ClassLoss {
        /// Cross-entropy of the softmax.
        CrossEntropy = "cross_entropy",
        /// Binary cross-entropy of every class.
        Bce = "bce",
    }
}

options! {
    /// Any number of classes a sound.
    pub struct MultiLabel {
        /// Number of classes; left out, the data set's.
        classes: Option<usize> = unset, at_least(1.0);
        /// How the tokens become one vector; left out, `avgtok`.
        pool: Option<TokenPool> = unset;
    }
}

options! {
    /// Masked patches, told apart by InfoNCE and reconstructed by squared error, in two passes with masks of their own.
    pub struct PretrainPatches {
        /// Patches masked in each sound.
        masked: usize = 400, at_least(2.0);
        /// What is masked together.
        mask: MaskShape = "clustered";
        /// Which patches stay masked where clusters hide too many.
        mask_keep: MaskKeep = "random";
        /// Weight of the squared error, the official λ.
        reconstruction: f64 = 10.0, at_least(0.0);
    }
}

choice! {
    /// What is masked together.
    pub enum MaskShape {
        /// Squares of 3 to 5 patches a side.
        Clustered = "clustered",
        /// Single patches.
        Scattered = "scattered",
    }
}

choice! {
    /// Which patches stay masked where clusters hide too many.
    pub enum MaskKeep {
        /// Any; squares end at the edge of the spectrogram.
        Random = "random",
        /// Those of the lowest frequencies, as in the official code, whose squares also run on from the right edge into the
        /// next row and never hide the first patch.
        Lowest = "lowest",
    }
}

options! {
    /// One class a pixel. Which pixels count is in the data.
    pub struct Segment {
        /// What turns the backbone's feature maps into scores.
        head: DenseHead = "light";
        /// Number of blocks whose output the head reads, evenly spaced, the last block among them; `upernet` reads four.
        taps: usize = 4, within(1.0, 64.0);
        /// What is read behind these blocks.
        tap_value: TapValue = "residual";
        /// Channels inside the head; left out, the width of a token.
        width: Option<usize> = unset, within(1.0, 65536.0);
        /// Share of the features in front of the last layer that is dropped in training.
        dropout: f64 = 0.1, FRACTION;
        /// Weight of the loss of an auxiliary head on the last tap but one; 0 for none. Only training has it.
        aux_weight: f64 = 0.0, at_least(0.0);
        /// Channels inside the auxiliary head.
        aux_width: usize = 256, within(1.0, 65536.0);
    }
}

choice! {
    /// What turns feature maps into scores.
    pub enum DenseHead {
        /// All taps in one linear layer, a convolution, and up to two doublings of the grid.
        Light = "light",
        /// UperNet (arXiv:1807.10221) on a pyramid that is made of the taps, as in the official code of Vim.
        UperNet = "upernet",
    }
}

choice! {
    /// What is read behind a block.
    pub enum TapValue {
        /// The output of its mixer, as the official tiny model.
        Hidden = "hidden",
        /// The residual stream with that output added, as the official small model.
        Residual = "residual",
    }
}

options! {
    /// What follows a window of a series.
    pub struct Forecast {
        /// What is minimised, on standardised values.
        loss: ForecastLoss = "mse";
        /// Steps of a season, at most the lookback. The last season, repeated, is then measured as a forecast as well: `mse_naive`,
        /// `mae_naive`.
        season: Option<usize> = unset, within(1.0, 1_048_576.0);
    }
}

choice! {
    /// What a forecaster minimises.
    pub enum ForecastLoss {
        /// Squared error.
        Mse = "mse",
        /// Absolute error.
        Mae = "mae",
        /// Huber's: half the squared error up to 1, linear beyond.
        Huber = "huber",
    }
}

options! {
    /// One class a node. Which nodes count is in the data.
    pub struct ClassifyNodes {
        /// Weigh a node by how rare its class is in the batch: `(V - n) / V` for a class with n of V nodes, as the benchmark of
        /// PATTERN and CLUSTER does.
        balance: bool = true;
        /// One score, for the second class, where there are two; otherwise one a class.
        single_score: bool = true;
    }
}

options! {
    /// Steps of a series that a model cannot reconstruct. The network reconstructs its lookback; `horizon` has no meaning.
    pub struct Detect {
        /// Per cent of the steps that are taken for anomalies: those with the largest error.
        ratio: f64 = 1.0, within(0.0, 100.0);
    }
}

options! {
    /// One class a graph.
    pub struct ClassifyGraphs {
        /// Share of the target that is spread over all classes.
        label_smoothing: f64 = 0.0, FRACTION;
    }
}

options! {
    /// Values of a series that are missing. The network reconstructs its lookback; `horizon` has no meaning.
    pub struct Impute {
        /// Share of the values that is hidden and counts.
        mask_rate: f64 = 0.25, within(0.001, 0.999);
    }
}

options! {
    /// Any number of labels a graph. Labels that are unknown do not count.
    pub struct LabelGraphs {
    }
}

options! {
    /// Numbers of a graph. Those that are unknown do not count.
    pub struct RegressGraphs {
    }
}

options! {
    /// One class an edge, or a pair of nodes. Which pairs count is in the data.
    pub struct ClassifyEdges {
        /// How the states of both nodes become scores.
        decoder: EdgeDecoder = "concat";
        /// Linear maps of the decoder; `dot` has none.
        decoder_layers: usize = 2, within(1.0, 64.0);
        /// Weigh a pair by how rare its class is in the batch, as `classify_nodes` does.
        balance: bool = false;
    }
}

options! {
    /// Which nodes of a graph have a link. Some links are held out, and messages travel along those of training alone.
    pub struct PredictLinks {
        /// How the states of both nodes become a score.
        decoder: EdgeDecoder = "concat";
        /// Linear maps of the decoder; `dot` has none.
        decoder_layers: usize = 2, within(1.0, 64.0);
        /// Pairs without a link that are drawn in training for each pair with one.
        negatives: usize = 1, at_least(1.0);
        /// Share of the training links that a step asks for. Messages do not travel along these meanwhile, as they do not along
        /// those of the test.
        hidden: f64 = 0.25, SHARE;
        /// Nodes that the second one of a link is ranked among in evaluation; 0 for all others of its graph.
        ranked_among: usize = 100, at_least(0.0);
        /// Which nodes these are.
        rivals: Rivals = "strangers";
    }
}

choice! {
    /// Nodes that the second one of a link is ranked among.
    pub enum Rivals {
        /// All others, the first one included, as in the published evaluation of PCQM-Contact.
        Raw = "raw",
        /// Those that have no link with the first one in whatever split, the first one included.
        Filtered = "filtered",
        /// Those that have no link with the first one, without the first one.
        Strangers = "strangers",
    }
}

choice! {
    /// How the states of two nodes become scores.
    pub enum EdgeDecoder {
        /// Both and their product behind one another, through linear maps; the order of the two matters.
        Concat = "concat",
        /// Their sum, the size of their difference and their product, through linear maps; the order does not matter.
        Symmetric = "symmetric",
        /// Their dot product, one score.
        Dot = "dot",
    }
}
