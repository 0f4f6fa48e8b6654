//! Marks at steps of a chart.

use super::Axis;
use super::svg::{BOTTOM, LEFT, RIGHT, TOP, x};
use crate::report::html::Escaped;

/// A dashed line at a step, with its text beside it.
pub(in crate::report) struct Mark {
    pub(in crate::report) step: u64,
    pub(in crate::report) text: String,
}

/// The marks as SVG; their labels stand one below the other.
pub(super) fn draw(marks: &[Mark], steps: &Axis) -> String {
    (0..)
        .zip(marks)
        .map(|(row, mark)| {
            let (x, text) = (x(steps, mark.step as f64), Escaped(&mark.text));
            // Towards the middle, where there is room.
            let (anchor, shift) = if x > 0.5 * (LEFT + RIGHT) {
                ("end", -5.0)
            } else {
                ("start", 5.0)
            };
            format!(
                "<g class=\"guide\"><path d=\"M{x:.1} {TOP}V{BOTTOM}\"/><text x=\"{:.1}\" y=\"{:.1}\" \
                 text-anchor=\"{anchor}\">{text}</text></g>\n",
                x + shift,
                TOP + 12.0 + 15.0 * f64::from(row)
            )
        })
        .collect()
}
