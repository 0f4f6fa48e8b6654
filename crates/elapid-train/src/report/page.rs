//! The page as a whole.

use super::html::Escaped;
use super::read::Run;
use super::{curves, record, spikes, summary, table};

/// The complete HTML document.
pub(super) fn render(run: &Run) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{name} · elapid</title>\n<style>\n{style}</style>\n</head>\n<body>\n\
         {header}<main>\n{notes}{metrics}{pictures}{confusion}{record}</main>\n\
         <script>\n{script}</script>\n</body>\n</html>\n",
        name = Escaped(&run.name),
        style = include_str!("style.css"),
        header = summary::header(run),
        notes = notes(run),
        metrics = metrics(run),
        pictures = super::pictures::render(&run.pictures),
        confusion = run
            .confusion
            .as_ref()
            .map(super::confusion::Confusion::render)
            .unwrap_or_default(),
        record = record::render(run),
        script = include_str!("readout.js"),
    )
}

fn metrics(run: &Run) -> String {
    if run.metrics.is_empty() {
        return "<section>\n<p class=\"empty\">No metrics have been recorded yet.</p>\n</section>\n"
            .to_owned();
    }
    curves::render(&run.metrics)
        + &table::render(&run.metrics)
        + &spikes::render(&run.metrics.spikes)
}

fn notes(run: &Run) -> String {
    let evaluation = run.left_out().into_iter().chain(run.views());
    let notes = run.notes.iter().cloned().chain(evaluation);
    let items: String = notes.map(|note| format!("<li>{note}</li>")).collect();
    if items.is_empty() {
        return items;
    }
    format!("<ul class=\"notes\" aria-label=\"Notes\">{items}</ul>\n")
}
