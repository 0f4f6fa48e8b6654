//! Marks at steps of a chart.

use super::Axis;
use super::svg::{BOTTOM, LEFT, RIGHT, TOP, x};
use crate::report::html::Escaped;

/// A dashed line at a step, with its text beside it, if it has any.
pub(in crate::report) struct Mark {
    pub(in crate::report) step: u64,
    pub(in crate::report) text: String,
}

/// Width of a letter of a label, about.
const LETTER: f64 = 6.5;

/// The marks as SVG, the labels above all lines and one below the other.
pub(super) fn draw(marks: &[Mark], steps: &Axis) -> String {
    let at = |mark: &Mark| x(steps, mark.step as f64);
    let lines: String = marks
        .iter()
        .map(|mark| format!("<path d=\"M{:.1} {TOP}V{BOTTOM}\"/>", at(mark)))
        .collect();
    let leftmost = marks.iter().map(at).fold(f64::INFINITY, f64::min);
    let labelled = marks.iter().filter(|mark| !mark.text.is_empty());
    let labels: String = (0..)
        .zip(labelled)
        .map(|(row, mark)| {
            let (anchor, shift) = match is_left(&mark.text, at(mark), leftmost) {
                true => ("end", -5.0),
                false => ("start", 5.0),
            };
            format!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                at(mark) + shift,
                TOP + 12.0 + 15.0 * f64::from(row),
                Escaped(&mark.text)
            )
        })
        .collect();
    match marks {
        [] => String::new(),
        _ => format!("<g class=\"guide\">{lines}{labels}</g>\n"),
    }
}

/// Whether a label stands on the left of its line: that of the leftmost mark does, so that no line crosses it, and those that
/// have no room on the right.
fn is_left(text: &str, x: f64, leftmost: f64) -> bool {
    let width = LETTER * text.chars().count() as f64;
    let fits_left = x - width > LEFT;
    let fits_right = x + width < RIGHT;
    fits_left && (x <= leftmost || !fits_right)
}
