//! Steps whose loss stood out.

use serde::Deserialize;

use super::format::{count, number, plural};
use super::plot::Mark;

/// Rows of the table, and marks of the chart.
const SHOWN: usize = 20;

/// A spike as `metrics.jsonl` has it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Spike {
    /// Its step.
    at: u64,
    #[serde(rename = "value")]
    loss: f64,
    typical: f64,
    threshold: f64,
    grad_norm: Option<f64>,
    lr: f64,
    batch: u64,
}

/// What a chart of the loss shows of them.
pub(super) fn marks(spikes: &[Spike]) -> Vec<Mark> {
    let mark = |spike: &Spike| Mark {
        step: spike.at,
        text: String::new(),
    };
    largest(spikes).into_iter().map(mark).collect()
}

/// The section that lists them; empty if there are none.
pub(super) fn render(spikes: &[Spike]) -> String {
    let shown = largest(spikes);
    if shown.is_empty() {
        return String::new();
    }
    let more = match spikes.len() - shown.len() {
        0 => String::new(),
        more => format!(
            "<p><small>The {} furthest off; {more} more are in <code>metrics.jsonl</code>.</small></p>\n",
            shown.len()
        ),
    };
    let head = [
        "step",
        "loss",
        "usually",
        "gradient norm",
        "learning rate",
        "batch",
    ];
    let head: String = head
        .iter()
        .map(|name| format!("<th scope=\"col\">{name}</th>"))
        .collect();
    let rows: String = shown
        .iter()
        .map(|spike| {
            let cells = [
                number(spike.loss),
                number(spike.typical),
                spike.grad_norm.map_or("not finite".to_owned(), number),
                number(spike.lr),
                count(spike.batch),
            ];
            let cells: String = cells
                .iter()
                .map(|cell| format!("<td>{cell}</td>"))
                .collect();
            format!(
                "<tr><th scope=\"row\">{}</th>{cells}</tr>\n",
                count(spike.at)
            )
        })
        .collect();
    format!(
        "<section>\n<h2>{title}</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Loss spikes\">\
         <table class=\"results\">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n{more}</section>\n",
        title = plural(spikes.len() as u64, "loss spike"),
    )
}

/// Those that are furthest above what they had to be above, in the order of their steps.
fn largest(spikes: &[Spike]) -> Vec<&Spike> {
    let excess = |spike: &Spike| {
        (spike.loss - spike.typical) / (spike.threshold - spike.typical).max(f64::MIN_POSITIVE)
    };
    let mut sorted: Vec<&Spike> = spikes.iter().collect();
    sorted.sort_by(|a, b| excess(b).total_cmp(&excess(a)));
    sorted.truncate(SHOWN);
    sorted.sort_by_key(|spike| spike.at);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spike(at: u64, loss: f64) -> Spike {
        Spike {
            at,
            loss,
            typical: 1.0,
            threshold: 1.5,
            grad_norm: None,
            lr: 1e-3,
            batch: at - 1,
        }
    }

    #[test]
    fn the_largest_are_listed_in_order() {
        let spikes: Vec<_> = (1..=25)
            .map(|at| spike(at, 2.0 + (at % 5) as f64))
            .collect();
        let page = render(&spikes);
        assert!(page.contains("<h2>25 loss spikes</h2>"));
        assert!(page.contains("5 more are in"));
        assert!(
            !page.contains("<th scope=\"row\">5</th>"),
            "it is among the smallest"
        );
        assert!(page.contains(
            "<th scope=\"row\">1</th><td>3</td><td>1</td><td>not finite</td><td>0.001</td><td>0</td>"
        ));
        let steps: Vec<u64> = marks(&spikes).iter().map(|mark| mark.step).collect();
        assert_eq!(steps.len(), SHOWN);
        assert!(steps.is_sorted());
        assert!(render(&[]).is_empty());
    }
}
