//! `[eval]`: validation during the run and the test at its end.

use crate::interval::Interval;
use crate::options::{choice, options};
use crate::range::{above, at_least};

options! {
    /// Validation during the run and the test at its end.
    pub struct Eval {
        /// How often to validate.
        every: Interval = "1 epoch", above(0.0);
        /// Examples in one evaluation batch; each of several `views` of an image counts as one.
        batch_size: usize = ("`train.batch_size`"), at_least(1.0);
        /// Which validation metric chooses the best checkpoint.
        best: Best = ("the task's: `accuracy` for `classify` and `classify_graphs`, `mean_iou` for `segment`, `map` for `multi_label` and `label_graphs`, `mask_accuracy` for `pretrain_patches`, `mse` for `forecast` and `impute`, `loss` for `detect`, `balanced_accuracy` for `classify_nodes`, `mae` for `regress_graphs`, `macro_f1` for `classify_edges`, `mrr` for `predict_links`");
        /// Which checkpoint the test at the end uses.
        weights: Weights = "best";
        /// Average the probabilities of a classified image over this many views: the image as it is, and others that are shifted,
        /// turned, zoomed and mirrored as [data.augment] does with training images (`shift`, `rotate`, `scale`, `hflip`), a view of every
        /// image alike (test-time augmentation). For validation, test and `predict`; each view takes as long as one evaluation.
        views: usize = 1, at_least(1.0);
        /// Test without the last batch where it is smaller than the others, as older code of forecasting does (Informer,
        /// PatchTST, TimeMachine). The number then depends on `batch_size`: for comparison with numbers that were measured so.
        drop_last: bool = false;
    }
}

choice! {
    /// A validation metric that checkpoints are compared by.
    pub enum Best {
        /// Share of right answers; higher is better.
        Accuracy = "accuracy",
        /// Mean over the classes of intersection over union; higher is better.
        MeanIou = "mean_iou",
        /// Mean average precision over the classes; higher is better.
        MeanAveragePrecision = "map",
        /// Share of masked patches that are told apart; higher is better.
        MaskAccuracy = "mask_accuracy",
        /// Mean over the classes of the share of right answers; higher is better.
        BalancedAccuracy = "balanced_accuracy",
        /// Mean over the classes of F1, the harmonic mean of precision and recall; higher is better.
        MacroF1 = "macro_f1",
        /// Area under the receiver operating characteristic; higher is better.
        RocArea = "auc",
        /// Mean reciprocal rank of links among pairs without; higher is better.
        Mrr = "mrr",
        /// Mean squared error of standardised values; lower is better.
        Mse = "mse",
        /// Mean absolute error, of series of standardised values; lower is better.
        Mae = "mae",
        /// Mean loss; lower is better.
        Loss = "loss",
    }
}

impl Best {
    /// Whether a larger value is better.
    pub fn higher_is_better(self) -> bool {
        match self {
            Self::Accuracy
            | Self::MeanIou
            | Self::MeanAveragePrecision
            | Self::MaskAccuracy
            | Self::BalancedAccuracy
            | Self::MacroF1
            | Self::RocArea
            | Self::Mrr => true,
            Self::Mse | Self::Mae | Self::Loss => false,
        }
    }
}

choice! {
    /// A checkpoint to test.
    pub enum Weights {
        /// The one with the best validation metric.
        Best = "best",
        /// The one at the end of the run.
        Last = "last",
    }
}
