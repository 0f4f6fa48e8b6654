//! What the test left to look at, from `pictures.json`.

use std::fmt::Write;

use super::html::Escaped;
use super::metrics::Point;
use super::plot::{Axis, Chart, Look, Mark, Series};
use crate::picture::{GraphPicture, Lines, Picture, Shows};

/// Ids on the page that the charts of the curves have not taken.
const FIRST_ID: usize = 1_000;
/// Side of the drawing of a graph, in user units.
const SIDE: f64 = 460.0;
/// Radius of a node.
const RADIUS: f64 = 6.0;

/// The pictures of a file; `None` if it is not what a test writes.
pub(super) fn parse(text: &[u8]) -> Option<Vec<Picture>> {
    serde_json::from_slice(text).ok()
}

/// The section of the page; empty if there are none.
pub(super) fn render(pictures: &[Picture]) -> String {
    if pictures.is_empty() {
        return String::new();
    }
    let drawn = pictures.iter().enumerate();
    let drawn: String = drawn
        .map(|(number, picture)| match picture {
            Picture::Lines(lines) => chart(FIRST_ID + number, lines).render(),
            Picture::Graph(graph) => nodes(graph),
        })
        .collect();
    format!("<section>\n<h2>Test</h2>\n<div class=\"charts\">\n{drawn}</div>\n</section>\n")
}

fn chart(id: usize, lines: &Lines) -> Chart {
    let first = lines.lines.iter().map(|line| line.first).min();
    let last = lines
        .lines
        .iter()
        .map(|line| line.first + line.values.len() as u64);
    let series = lines.lines.iter().map(|line| Series {
        label: line.label.clone(),
        class: match line.shows {
            Shows::Given => "other",
            Shows::Truth => "test",
            Shows::Predicted => "train",
            Shows::Reference => "valid",
        },
        look: Look::Line,
        points: (line.first..)
            .zip(&line.values)
            .map(|(step, value)| Point {
                step,
                value: value.is_finite().then_some(*value),
            })
            .collect(),
    });
    let marks = lines.mark.iter().map(|(step, text)| Mark {
        step: *step,
        text: text.clone(),
    });
    Chart {
        id,
        title: lines.title.clone(),
        unit: "",
        steps: Axis::steps(
            first.unwrap_or(0),
            last.max().unwrap_or(1).saturating_sub(1),
        ),
        steps_name: lines.over.clone(),
        may_be_log: false,
        series: series.collect(),
        marks: marks.collect(),
    }
}

/// Circles in the colours of the predicted classes; those that are wrong have a red rim, those that were not evaluated are small.
fn nodes(graph: &GraphPicture) -> String {
    let reach = SIDE - 4.0 * RADIUS;
    let place = |node: usize| {
        let at = graph.places.get(node).copied().unwrap_or([0.5, 0.5]);
        at.map(|x| 2.0 * RADIUS + x.clamp(0.0, 1.0) * reach)
    };
    let mut drawing = String::new();
    for &[from, to] in &graph.edges {
        let ([x, y], [to_x, to_y]) = (place(from), place(to));
        let _ = writeln!(
            drawing,
            "<path class=\"edge\" d=\"M{x:.1} {y:.1}L{to_x:.1} {to_y:.1}\"/>"
        );
    }
    let name = |class: usize| graph.classes.get(class).map_or("?", String::as_str);
    let (mut wrong, mut evaluated) = (0, 0);
    for (node, (truth, predicted)) in graph.truth.iter().zip(&graph.predicted).enumerate() {
        let [x, y] = place(node);
        let is_wrong = truth.is_some_and(|truth| truth != *predicted);
        wrong += usize::from(is_wrong);
        evaluated += usize::from(truth.is_some());
        let (class, radius) = match truth {
            None => ("node", RADIUS / 2.0),
            Some(_) if is_wrong => ("node wrong", RADIUS),
            Some(_) => ("node", RADIUS),
        };
        let _ = writeln!(
            drawing,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{}\"><title>node {node}: {}, predicted {}</title></circle>",
            colour(*predicted),
            Escaped(truth.map_or("not evaluated", name)),
            Escaped(name(*predicted)),
        );
    }
    let truths = graph.truth.iter().flatten();
    let shown = graph.predicted.iter().chain(truths).copied().max();
    let legend: String = (0..=shown.unwrap_or(0))
        .map(|class| {
            format!(
                "<li><span class=\"dot\" style=\"background:{}\"></span>{}</li>",
                colour(class),
                Escaped(name(class))
            )
        })
        .collect();
    let mut signs = String::new();
    if wrong > 0 {
        signs += "<li>red rim: wrong</li>";
    }
    if evaluated < graph.truth.len() {
        signs += "<li>small: not evaluated</li>";
    }
    // Many graphs are wider than high.
    let heights = (0..graph.truth.len()).map(|node| place(node)[1]);
    let [low, high] = heights.fold([SIDE, 0.0], |[low, high]: [f64; 2], y| {
        [low.min(y), high.max(y)]
    });
    let (top, height) = (low - 2.0 * RADIUS, (high - low).max(0.0) + 4.0 * RADIUS);
    let title = Escaped(&graph.title);
    format!(
        "<figure class=\"chart\">\n<figcaption><h3>{title} <small>{wrong} of {evaluated} nodes wrong</small></h3>\
         <ul class=\"legend dots\">{legend}{signs}</ul></figcaption>\n\
         <svg viewBox=\"0 {top:.1} {SIDE} {height:.1}\" role=\"img\"><title>{title}: nodes in the colours of their predicted classes, wrong ones with a red rim, small ones were not evaluated</title>\n{drawing}</svg>\n</figure>\n"
    )
}

/// Hues a golden angle apart, turning away from the red of what is wrong.
fn colour(class: usize) -> String {
    let hue = (210.0 - 137.508 * class as f64).rem_euclid(360.0);
    format!("hsl({hue:.0} 65% 52%)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Line;

    fn forecast() -> Picture {
        let line = |label: &str, shows, first, values: &[f64]| Line {
            label: label.to_owned(),
            shows,
            first,
            values: values.to_vec(),
        };
        Picture::Lines(Lines {
            title: "OT <1>".to_owned(),
            over: "step".to_owned(),
            lines: vec![
                line("history", Shows::Given, 0, &[1.0, 2.0, 3.0]),
                line("forecast", Shows::Predicted, 3, &[f64::NAN, 4.5]),
            ],
            mark: Some((3, "forecast".to_owned())),
        })
    }

    fn graph() -> Picture {
        Picture::Graph(GraphPicture {
            title: "club".to_owned(),
            places: vec![[0.0, 0.0], [1.0, 1.0]],
            edges: vec![[0, 1], [1, 9]],
            truth: vec![Some(0), Some(1)],
            predicted: vec![0, 0],
            classes: vec!["a".to_owned()],
        })
    }

    #[test]
    fn pictures_survive_the_file() {
        let pictures = vec![graph()];
        let text = serde_json::to_vec(&pictures).unwrap();
        assert_eq!(parse(&text), Some(pictures));
        let text = serde_json::to_vec(&[forecast()]).unwrap();
        let read = parse(&text).unwrap();
        let [Picture::Lines(lines)] = &read[..] else {
            panic!("{read:?}");
        };
        assert!(lines.lines[1].values[0].is_nan());
        assert_eq!(parse(b"[{\"kind\":\"film\"}]"), None);
    }

    #[test]
    fn lines_and_graphs_are_drawn() {
        let page = render(&[forecast(), graph()]);
        assert!(page.contains("OT &lt;1&gt;"), "{page}");
        assert!(page.contains("history") && page.contains("1 of 2 nodes wrong"));
        assert_eq!(page.matches("class=\"edge\"").count(), 2);
        assert_eq!(page.matches("node wrong").count(), 1);
        assert!(page.contains("red rim: wrong") && !page.contains("small: not evaluated"));
        assert!(render(&[]).is_empty());
    }
}
