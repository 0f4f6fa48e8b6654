//! Which class was taken for which, and what follows from it.

use elapid_train::Confusion;

/// Exact counts over an evaluation. Means are over classes that come up; without any, what is asked for is not a number.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    classes: Vec<String>,
    /// `[truth][prediction]`
    counts: Vec<Vec<u64>>,
}

/// How often a class came up.
struct OfClass {
    right: f64,
    truth: f64,
    predicted: f64,
}

impl Counts {
    pub(super) fn new(classes: Vec<String>) -> Self {
        let counts = vec![vec![0; classes.len()]; classes.len()];
        Self { classes, counts }
    }

    pub(super) fn classes(&self) -> &[String] {
        &self.classes
    }

    pub(super) fn add(&mut self, truth: usize, predicted: usize) {
        self.counts[truth][predicted] += 1;
    }

    /// How many there are.
    pub(super) fn total(&self) -> f64 {
        self.counts.iter().flatten().sum::<u64>() as f64
    }

    /// Share of right predictions.
    pub(super) fn accuracy(&self) -> f64 {
        self.each().map(|class| class.right).sum::<f64>() / self.total()
    }

    /// Mean over the classes of the share of right predictions (scikit-learn's `balanced_accuracy_score`).
    pub(super) fn balanced_accuracy(&self) -> f64 {
        mean(self.each(), |class| (class.right, class.truth))
    }

    /// Mean of `2 TP / (2 TP + FP + FN)` over the classes that come up as truth or prediction (scikit-learn's `f1_score`).
    pub(super) fn macro_f1(&self) -> f64 {
        mean(self.each(), |class| {
            (2.0 * class.right, class.truth + class.predicted)
        })
    }

    /// Mean of intersection over union over the classes that come up as truth or prediction, as mmsegmentation measures it.
    pub(super) fn mean_iou(&self) -> f64 {
        mean(self.each(), |class| {
            (class.right, class.truth + class.predicted - class.right)
        })
    }

    /// For the report, which shows the intersection over union of every class if `ious` says so.
    pub(super) fn confusion(&self, ious: bool) -> Confusion {
        Confusion {
            classes: self.classes.clone(),
            counts: self.counts.clone(),
            ious,
        }
    }

    fn each(&self) -> impl Iterator<Item = OfClass> {
        (0..self.counts.len()).map(|class| {
            let predicted = self.counts.iter().map(|row| row[class]).sum::<u64>();
            OfClass {
                right: self.counts[class][class] as f64,
                truth: self.counts[class].iter().sum::<u64>() as f64,
                predicted: predicted as f64,
            }
        })
    }
}

/// The mean of a ratio over the classes for which there is one.
fn mean(classes: impl Iterator<Item = OfClass>, ratio: impl Fn(OfClass) -> (f64, f64)) -> f64 {
    let ratios = classes.map(ratio).filter(|(_, of)| *of > 0.0);
    let ratios: Vec<f64> = ratios.map(|(part, of)| part / of).collect();
    ratios.iter().sum::<f64>() / ratios.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fourth class never comes up.
    fn counts() -> Counts {
        let mut counts = Counts::new(["a", "b", "c", "d"].map(str::to_owned).to_vec());
        let pairs = [(0, 0), (0, 0), (0, 1), (1, 1), (1, 1), (2, 2), (2, 0)];
        for (truth, predicted) in pairs {
            counts.add(truth, predicted);
        }
        counts
    }

    #[test]
    fn means_are_over_classes_that_come_up() {
        let counts = counts();
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12);
        close(counts.total(), 7.0);
        close(counts.accuracy(), 5.0 / 7.0);
        close(counts.balanced_accuracy(), (2.0 / 3.0 + 1.0 + 0.5) / 3.0);
        close(counts.macro_f1(), (4.0 / 6.0 + 4.0 / 5.0 + 2.0 / 3.0) / 3.0);
        close(counts.mean_iou(), (2.0 / 4.0 + 2.0 / 3.0 + 1.0 / 2.0) / 3.0);
    }

    #[test]
    fn macro_f1_by_hand() {
        // Class 0: 2 right, 1 taken for 1; class 1: 1 right; class 2 never comes up.
        let mut counts = Counts::new(["a", "b", "c"].map(str::to_owned).to_vec());
        for (truth, predicted) in [(0, 0), (0, 0), (0, 1), (1, 1)] {
            counts.add(truth, predicted);
        }
        let expected = (4.0 / 5.0 + 2.0 / 3.0) / 2.0;
        assert!((counts.macro_f1() - expected).abs() < 1e-12);
    }

    #[test]
    fn a_class_that_was_only_guessed_counts_for_what_was_taken_for_it() {
        let mut counts = counts();
        counts.add(0, 3);
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12);
        close(counts.balanced_accuracy(), (0.5 + 1.0 + 0.5) / 3.0);
        close(counts.macro_f1(), (4.0 / 7.0 + 4.0 / 5.0 + 2.0 / 3.0) / 4.0);
        assert_eq!(counts.confusion(false).counts[0], [2, 1, 0, 1]);
    }
}
