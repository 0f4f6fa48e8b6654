//! `lr_find.html`: loss over the learning rate.

use super::html::Escaped;
use super::metrics::Point;
use super::plot::{Axis, Chart, Look, Mark, Series};
use crate::lr_find::LrCurve;

/// Losses above so many times the best smoothed one are drawn at the upper edge.
const TALLEST: f64 = 4.0;

/// The complete HTML document.
pub(crate) fn lr_find(curve: &LrCurve, name: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{name} · learning rate</title>\n<style>\n{style}</style>\n</head>\n<body>\n\
         <header>\n<p class=\"brand\">elapid learning rate range test</p>\n\
         <div class=\"name\"><h1>{name}</h1></div>\n<p class=\"subject\">{subject}</p>\n</header>\n\
         <main>\n{chart}</main>\n</body>\n</html>\n",
        name = Escaped(name),
        style = include_str!("style.css"),
        subject = Escaped(subject(curve)),
        chart = chart(curve).render(),
    )
}

fn subject(curve: &LrCurve) -> String {
    match curve.suggestion() {
        Some(found) => format!(
            "Steepest descent at {:.1e}; a tenth of the minimum is {:.1e}.",
            found.steepest, found.tenth_of_minimum
        ),
        None => "The loss does not fall anywhere, so no learning rate is suggested.".to_owned(),
    }
}

fn chart(curve: &LrCurve) -> Chart {
    let points = curve.points();
    let best = points.iter().map(|point| point.smoothed);
    let limit = TALLEST * best.fold(f64::INFINITY, f64::min).max(0.0);
    let line = |value: fn(&crate::LrPoint) -> f64| -> Vec<Point> {
        let cut = |value: f64| if limit > 0.0 { value.min(limit) } else { value };
        (0..)
            .zip(points)
            .map(|(step, point)| Point {
                step,
                value: Some(cut(value(point))),
            })
            .collect()
    };
    let series = |label: &str, look, points| Series {
        label: label.to_owned(),
        class: "train",
        look,
        points,
    };
    let range = curve.range();
    let at = |lr: f64| {
        let share = (lr / range.first).ln() / (range.last / range.first).ln();
        (share * (range.steps - 1) as f64).round() as u64
    };
    let marks = curve.suggestion().map(|found| {
        [
            ("steepest", found.steepest),
            ("minimum / 10", found.tenth_of_minimum),
        ]
        .map(|(what, lr)| Mark {
            step: at(lr),
            text: format!("{what} {lr:.1e}"),
        })
    });
    Chart {
        id: 0,
        title: "Loss over the learning rate".to_owned(),
        unit: "",
        steps: Axis::exponential(range.first, range.last, range.steps),
        steps_name: "learning rate".to_owned(),
        may_be_log: false,
        series: vec![
            series("each step", Look::Faint, line(|point| point.loss)),
            series("smoothed", Look::Line, line(|point| point.smoothed)),
        ],
        marks: marks.into_iter().flatten().collect(),
    }
}
