//! The confusion matrix as a shaded table.

use serde::Deserialize;

use super::format::{count, number};
use super::html::Escaped;

/// Most rows of a matrix. Of more classes, those that were mistaken least are folded into one.
const LARGEST: usize = 100;

/// Shades of a cell, of which the lightest has no class of its own.
const SHADES: f64 = 9.0;

/// How often each class was taken for each other.
pub(super) struct Confusion {
    classes: Vec<String>,
    /// `counts[truth][prediction]`, as many rows and columns as classes.
    counts: Vec<Vec<u64>>,
    /// How many classes the last row and column stand for; 0 if nothing was folded.
    folded: usize,
    /// Right answers and all answers, of all classes.
    right: u64,
    all: u64,
    /// Intersection over union of each class, where it is wanted and any example is or was taken for it.
    ious: Option<Vec<Option<f64>>>,
}

#[derive(Deserialize)]
struct File {
    classes: Vec<String>,
    counts: Vec<Vec<u64>>,
    #[serde(default)]
    ious: bool,
}

impl Confusion {
    /// Parses `confusion.json`; `None` if it is not a square matrix with a name for each class.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let File {
            classes,
            counts,
            ious,
        } = serde_json::from_slice(text).ok()?;
        let size = classes.len();
        if size == 0 || counts.len() != size || counts.iter().any(|row| row.len() != size) {
            return None;
        }
        let all = sum(counts.iter().flatten());
        let right = sum((0..size).map(|class| &counts[class][class]));
        let ious = ious.then(|| (0..size).map(|class| iou(&counts, class)).collect());
        let whole = Self {
            classes,
            counts,
            folded: 0,
            right,
            all,
            ious,
        };
        Some(if size > LARGEST { whole.fold() } else { whole })
    }

    /// The section of the page.
    pub(super) fn render(&self) -> String {
        let heads: String = self
            .classes
            .iter()
            .map(|class| format!("<th scope=\"col\"><span>{}</span></th>", Escaped(class)))
            .collect();
        let rows: String = (0..self.classes.len())
            .map(|truth| self.row(truth))
            .collect();
        let iou = match self.ious {
            Some(_) => "<th scope=\"col\" class=\"recall\">IoU</th>",
            None => "",
        };
        let size = if self.classes.len() > 20 {
            "small"
        } else {
            "large"
        };
        let names = self.classes.iter().map(|class| class.chars().count()).max();
        // Names that do not fit over a column of numbers are written upwards.
        let names = if names > Some(3) { " upright" } else { "" };
        format!(
            "<section>\n<h2>Confusion matrix</h2>\n<p>{}</p>\n\
             <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Confusion matrix\">\
             <table class=\"confusion {size}{names}\">\n\
             <thead><tr><th scope=\"col\" class=\"corner\">truth&nbsp;↓ predicted&nbsp;→</th>{heads}\
             <th scope=\"col\" class=\"recall\">recall</th>{iou}</tr></thead>\n\
             <tbody>\n{rows}</tbody></table></div>\n</section>\n",
            self.caption()
        )
    }

    fn caption(&self) -> String {
        let mut text = format!(
            "{} of {} right ({}&nbsp;%). Rows are the true classes. The shade grows with the square \
             root of a cell’s share of its row, so that rare mistakes can be seen: \
             <span class=\"key right\">right</span> <span class=\"key wrong\">mistaken</span>.",
            count(self.right),
            count(self.all),
            share(self.right, self.all),
        );
        if self.folded > 0 {
            text += &format!(
                " Only the {} classes with the most mistakes are listed; the other {} are folded \
                 into the last row and column.",
                LARGEST - 1,
                count(self.folded as u64),
            );
        }
        text
    }

    fn row(&self, truth: usize) -> String {
        let counts = &self.counts[truth];
        let total = sum(counts);
        let is_folded = |class: usize| self.folded > 0 && class + 1 == self.classes.len();
        let cells: String = counts
            .iter()
            .enumerate()
            .map(|(prediction, &cell)| {
                if cell == 0 {
                    return "<td class=\"none\">·</td>".to_owned();
                }
                // Within the folded classes nothing says which answers were right.
                let kind = match prediction {
                    _ if prediction == truth && is_folded(truth) => 'n',
                    _ if prediction == truth => 'r',
                    _ => 'w',
                };
                let shade = ((cell as f64 / total as f64).sqrt() * SHADES).round();
                format!("<td class=\"{kind}{shade}\">{}</td>", count(cell))
            })
            .collect();
        let recall = match total {
            0 => "–".to_owned(),
            _ if is_folded(truth) => "–".to_owned(),
            _ => format!("{}&nbsp;%", share(counts[truth], total)),
        };
        let iou = self.ious.as_ref().map(|ious| {
            let shown = ious.get(truth).copied().flatten();
            let shown =
                shown.map(|iou| format!("{}&nbsp;%", number((1000.0 * iou).round() / 10.0)));
            let shown = shown.unwrap_or_else(|| "–".to_owned());
            format!("<td class=\"recall\">{shown}</td>")
        });
        format!(
            "<tr><th scope=\"row\">{}</th>{cells}<td class=\"recall\">{recall}</td>{}</tr>\n",
            Escaped(&self.classes[truth]),
            iou.unwrap_or_default()
        )
    }

    /// Keeps the classes with the most mistakes, in their order, and adds the rest up in one.
    fn fold(self) -> Self {
        let mistakes = |class: usize| {
            let right = self.counts[class][class];
            let of_row = sum(&self.counts[class]) - right;
            let of_column = sum(self.counts.iter().map(|row| &row[class])) - right;
            of_row.saturating_add(of_column)
        };
        let mut order: Vec<usize> = (0..self.classes.len()).collect();
        order.sort_by_cached_key(|&class| std::cmp::Reverse(mistakes(class)));
        let mut kept = order[..LARGEST - 1].to_vec();
        kept.sort_unstable();
        let folded = self.classes.len() - kept.len();

        let mut place = vec![kept.len(); self.classes.len()];
        for (row, &class) in kept.iter().enumerate() {
            place[class] = row;
        }
        let mut counts = vec![vec![0_u64; LARGEST]; LARGEST];
        for (truth, row) in self.counts.iter().enumerate() {
            for (prediction, &cell) in row.iter().enumerate() {
                let sum = &mut counts[place[truth]][place[prediction]];
                *sum = sum.saturating_add(cell);
            }
        }
        let mut classes: Vec<String> = kept
            .iter()
            .map(|&class| self.classes[class].clone())
            .collect();
        classes.push(format!("{folded} others"));
        let ious = self.ious.as_ref().map(|ious| {
            let of_kept = kept.iter().map(|&class| ious[class]);
            of_kept.chain([None]).collect()
        });
        Self {
            classes,
            counts,
            folded,
            ious,
            ..self
        }
    }
}

/// Counts are read from a file, so even a sum that does not fit must not end the report.
fn sum<'a>(counts: impl IntoIterator<Item = &'a u64>) -> u64 {
    counts
        .into_iter()
        .fold(0, |sum, cell| sum.saturating_add(*cell))
}

/// Intersection over union of what is of a class and what was taken for it.
fn iou(counts: &[Vec<u64>], class: usize) -> Option<f64> {
    let both = counts[class][class];
    let truth = sum(&counts[class]);
    let predicted = sum(counts.iter().map(|row| &row[class]));
    let union = truth.saturating_add(predicted).saturating_sub(both);
    (union > 0).then(|| both as f64 / union as f64)
}

/// A share in per cent, to one decimal; 0 of nothing.
fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => "0".to_owned(),
        _ => number((1000.0 * part as f64 / whole as f64).round() / 10.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(size: usize) -> Vec<u8> {
        let classes: Vec<_> = (0..size).map(|class| format!("c{class}")).collect();
        let counts: Vec<Vec<u64>> = (0..size)
            .map(|truth| {
                let mistaken = |prediction| prediction == (truth + 1) % size && truth < 50;
                (0..size)
                    .map(|prediction| {
                        if truth == prediction {
                            10
                        } else {
                            u64::from(mistaken(prediction))
                        }
                    })
                    .collect()
            })
            .collect();
        serde_json::to_vec(&serde_json::json!({"classes": classes, "counts": counts})).unwrap()
    }

    #[test]
    fn numbers_and_recall_are_shown() {
        let text = br#"{"classes":["cat","dog"],"counts":[[3,1],[0,4]]}"#;
        let table = Confusion::parse(text).unwrap().render();
        assert!(table.contains("7 of 8 right (87.5&nbsp;%)"));
        assert!(table.contains(
            "<td class=\"r8\">3</td><td class=\"w5\">1</td><td class=\"recall\">75&nbsp;%</td>"
        ));
        assert!(table.contains("<td class=\"none\">·</td><td class=\"r9\">4</td>"));
    }

    #[test]
    fn pixels_have_intersections_over_unions() {
        let text =
            br#"{"classes":["cat","dog","eel"],"counts":[[3,1,0],[0,4,0],[0,0,0]],"ious":true}"#;
        let table = Confusion::parse(text).unwrap().render();
        assert!(table.contains(">IoU</th>"));
        let cells = |recall: &str, iou: &str| {
            format!("<td class=\"recall\">{recall}</td><td class=\"recall\">{iou}</td>")
        };
        assert!(table.contains(&cells("75&nbsp;%", "75&nbsp;%")));
        assert!(table.contains(&cells("100&nbsp;%", "80&nbsp;%")));
        assert!(table.contains(&cells("–", "–")));
    }

    #[test]
    fn hundred_classes_are_all_listed() {
        let table = Confusion::parse(&matrix(100)).unwrap().render();
        assert_eq!(table.matches("scope=\"row\"").count(), 100);
        assert!(!table.contains("folded"));
    }

    #[test]
    fn more_classes_are_folded_and_said_to_be() {
        let confusion = Confusion::parse(&matrix(1000)).unwrap();
        assert_eq!(sum(confusion.counts.iter().flatten()), 10_050);
        assert!(
            confusion.classes.contains(&"c49".to_owned()),
            "mistaken classes stay"
        );
        let table = confusion.render();
        assert_eq!(table.matches("scope=\"row\"").count(), 100);
        assert!(table.contains("the other 901 are folded"));
        assert!(table.contains("10,000 of 10,050 right"));
    }

    #[test]
    fn malformed_matrices_are_refused() {
        for text in [
            "[]",
            r#"{"classes":[],"counts":[]}"#,
            r#"{"classes":["a"],"counts":[[1,2]]}"#,
            r#"{"classes":["a","b"],"counts":[[1,2]]}"#,
            r#"{"classes":["a"],"counts":[[-1]]}"#,
        ] {
            assert!(Confusion::parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn counts_beyond_all_bounds_do_not_overflow() {
        let text = format!(
            r#"{{"classes":["a","b"],"counts":[[{max},{max}],[0,0]]}}"#,
            max = u64::MAX
        );
        assert!(
            Confusion::parse(text.as_bytes())
                .unwrap()
                .render()
                .contains("–")
        );
    }
}
