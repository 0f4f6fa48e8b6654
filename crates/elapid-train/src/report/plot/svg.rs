//! The drawing of a chart. Colours and strokes are in `style.css`, by class.

use super::series::{Gap, Look, Series, gaps, thin};
use super::{Axis, Chart, mark};
use crate::report::format::{number, plural};
use crate::report::html::Escaped;
use crate::report::metrics::Point;

/// Size of the drawing and of the area of the plot in it, in user units. The text is sized for a
/// drawing about as wide as a phone; larger screens scale it up or put two side by side.
const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 230.0;
pub(super) const LEFT: f64 = 46.0;
pub(super) const RIGHT: f64 = 442.0;
pub(super) const TOP: f64 = 10.0;
pub(super) const BOTTOM: f64 = 192.0;

/// Most points of a drawn line: about one per unit of the plot's width.
const POINTS: usize = 400;

/// Most points that still get a marker each.
const MARKERS: usize = 60;

/// Narrowest mark of a gap, in user units.
const GAP_WIDTH: f64 = 3.0;

/// The whole `figure` element of a chart.
pub(super) fn figure(chart: &Chart) -> String {
    let values = chart.values();
    let (left, right) = chart.steps.range();
    let unit = match (chart.unit, values.is_log()) {
        ("", false) => String::new(),
        ("", true) => " <small>log scale</small>".to_owned(),
        (unit, false) => format!(" <small>{unit}</small>"),
        (unit, true) => format!(" <small>{unit}, log scale</small>"),
    };
    let title = Escaped(&chart.title);
    let id = chart.id;
    format!(
        "<figure class=\"chart\">\n<figcaption><h3>{title}{unit}</h3>{legend}</figcaption>\n\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"t{id} d{id}\" \
         data-left=\"{LEFT}\" data-right=\"{RIGHT}\" data-first=\"{left}\" data-last=\"{right}\">\n\
         <title id=\"t{id}\">{title} over the {name}s</title>\n<desc id=\"d{id}\">{description}</desc>\n\
         {grid}{gaps}{lines}{marks}\
         <g class=\"cursor\" visibility=\"hidden\"><path d=\"M0 {TOP}V{BOTTOM}\"/>\
         <text y=\"{text}\"></text></g>\n</svg>\n</figure>\n",
        legend = legend(chart),
        name = Escaped(&chart.steps_name),
        description = description(chart),
        grid = grid(&chart.steps, &values, &chart.steps_name),
        gaps = gap_marks(chart),
        marks = mark::draw(&chart.marks, &chart.steps),
        lines = chart
            .series
            .iter()
            .map(|series| line(series, &chart.steps, &values))
            .collect::<String>(),
        text = HEIGHT - 4.0,
    )
}

/// Names of the lines with their last values, and the number of values that are not finite.
fn legend(chart: &Chart) -> String {
    let entries: String = legend_series(chart)
        .map(|series| {
            let last = series.points.last().and_then(|point| point.value);
            let last = last.map_or("not finite".to_owned(), number);
            let (class, label) = (series.class, Escaped(&series.label));
            format!("<li class=\"{class}\">{label} <b data-last=\"{last}\">{last}</b></li>")
        })
        .collect();
    let missing: u64 = all_gaps(chart).iter().map(|gap| gap.count).sum();
    let missing = match missing {
        0 => String::new(),
        _ => format!(
            "<li class=\"missing\">not finite: {}</li>",
            plural(missing, "value")
        ),
    };
    format!("<ul class=\"legend\">{entries}{missing}</ul>")
}

/// Horizontal grid lines with the labels of both axes.
fn grid(steps: &Axis, values: &Axis, name: &str) -> String {
    let rows: String = values
        .ticks
        .iter()
        .map(|(tick, label)| {
            let (y, text) = (y(values, *tick), LEFT - 6.0);
            format!(
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>\
                 <text class=\"value\" x=\"{text}\" y=\"{y:.1}\" dy=\".35em\">{label}</text>\n"
            )
        })
        .collect();
    let columns: String = steps
        .ticks
        .iter()
        .map(|(tick, label)| {
            let (x, end, text) = (x(steps, *tick), BOTTOM + 4.0, BOTTOM + 17.0);
            format!(
                "<path class=\"tick\" d=\"M{x:.1} {BOTTOM}V{end}\"/>\
                 <text class=\"step\" x=\"{x:.1}\" y=\"{text}\">{label}</text>\n"
            )
        })
        .collect();
    let (middle, text) = (0.5 * (LEFT + RIGHT), HEIGHT - 4.0);
    format!(
        "{rows}{columns}<path class=\"tick\" d=\"M{LEFT} {BOTTOM}H{RIGHT}\"/>\
         <text class=\"step name\" x=\"{middle}\" y=\"{text}\">{name}</text>\n",
        name = Escaped(name),
    )
}

/// One line, with markers where it has room for them and its values for the read-out.
fn line(series: &Series, steps: &Axis, values: &Axis) -> String {
    let points = thin(&series.points, POINTS);
    let (class, data) = (series.class, readout(series, &points));
    let look = if series.look == Look::Faint {
        " faint"
    } else {
        ""
    };
    let path = path(&points, steps, values);
    let markers: String = points
        .iter()
        .filter(|_| series.look == Look::Marked && points.len() <= MARKERS)
        .filter_map(|point| Some((point.step, point.value?)))
        .map(|(step, value)| {
            let (x, y) = (x(steps, step as f64), y(values, value));
            match class {
                // A diamond, so that the test result is told from the rest without its colour.
                "test" => format!("<path d=\"M{x:.1} {:.1}l5 5l-5 5l-5 -5z\"/>", y - 5.0),
                _ => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\"/>"),
            }
        })
        .collect();
    format!(
        "<g class=\"line {class}{look}\"{data}><path class=\"stroke\" d=\"{path}\"/>{markers}</g>\n"
    )
}

/// The values of a line for the script of the page: `step:value` pairs; no value where it is not
/// finite. Faint lines have no place in the legend, so they carry none.
fn readout(series: &Series, points: &[Point]) -> String {
    if series.look == Look::Faint {
        return String::new();
    }
    let pairs: Vec<String> = points
        .iter()
        .map(|point| {
            format!(
                "{}:{}",
                point.step,
                point.value.map_or(String::new(), number)
            )
        })
        .collect();
    format!(" data-points=\"{}\"", pairs.join(" "))
}

/// Path data of a line that is interrupted at values that are not finite.
fn path(points: &[Point], steps: &Axis, values: &Axis) -> String {
    let mut data = String::new();
    for run in points.chunk_by(|a, b| a.value.is_some() == b.value.is_some()) {
        for (at, point) in run.iter().enumerate() {
            let Some(value) = point.value else { break };
            let command = if at == 0 { 'M' } else { 'L' };
            let (x, y) = (x(steps, point.step as f64), y(values, value));
            data += &format!("{command}{x:.1} {y:.1}");
            // A point between two gaps has no neighbour to draw to; round caps make this a dot.
            if run.len() == 1 {
                data += "h0";
            }
        }
    }
    data
}

/// A band over the steps whose values are not finite, with a cross at its upper end.
fn gap_marks(chart: &Chart) -> String {
    let mut bands: Vec<(f64, f64)> = Vec::new();
    for gap in all_gaps(chart) {
        let (from, to) = (
            x(&chart.steps, gap.first as f64),
            x(&chart.steps, gap.last as f64),
        );
        let widen = (0.5 * (GAP_WIDTH - (to - from))).max(0.0);
        let (from, to) = (from - widen, to + widen);
        // Bands that touch become one, so that there are never more than the plot is wide.
        match bands.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => bands.push((from, to)),
        }
    }
    bands
        .iter()
        .map(|(from, to)| {
            let (width, height, cross) = (to - from, BOTTOM - TOP, 0.5 * (from + to) - 3.0);
            format!(
                "<g class=\"gap\"><rect x=\"{from:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\"/>\
                 <path d=\"M{cross:.1} {TOP}l6 6m0 -6l-6 6\"/></g>\n"
            )
        })
        .collect()
}

/// What the chart shows, in words.
fn description(chart: &Chart) -> String {
    let sentences: Vec<String> = legend_series(chart)
        .filter_map(|series| {
            let finite = || series.points.iter().filter_map(|point| Some((point.step, point.value?)));
            let (first, last) = (finite().next()?, finite().next_back()?);
            let low = finite().min_by(|a, b| a.1.total_cmp(&b.1))?;
            let high = finite().max_by(|a, b| a.1.total_cmp(&b.1))?;
            Some(format!(
                "{}: {}, from {} at step {} to {} at step {}; lowest {} at step {}, highest {} at step {}.",
                Escaped(&series.label),
                plural(series.points.len() as u64, "value"),
                number(first.1),
                first.0,
                number(last.1),
                last.0,
                number(low.1),
                low.0,
                number(high.1),
                high.0,
            ))
        })
        .collect();
    let missing: u64 = all_gaps(chart).iter().map(|gap| gap.count).sum();
    match missing {
        0 => sentences.join(" "),
        _ => format!(
            "{} Not finite: {}.",
            sentences.join(" "),
            plural(missing, "value")
        ),
    }
}

fn legend_series(chart: &Chart) -> impl Iterator<Item = &Series> {
    chart
        .series
        .iter()
        .filter(|series| series.look != Look::Faint)
}

/// The gaps of all lines by their first step.
fn all_gaps(chart: &Chart) -> Vec<Gap> {
    let mut all: Vec<Gap> = legend_series(chart)
        .flat_map(|series| gaps(&series.points))
        .collect();
    all.sort_by_key(|gap| gap.first);
    all
}

pub(super) fn x(steps: &Axis, step: f64) -> f64 {
    LEFT + (RIGHT - LEFT) * steps.position(step)
}

fn y(values: &Axis, value: f64) -> f64 {
    BOTTOM - (BOTTOM - TOP) * values.position(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: &[Option<f64>]) -> Chart {
        let points = values
            .iter()
            .zip(0..)
            .map(|(value, step)| Point {
                step,
                value: *value,
            })
            .collect();
        Chart {
            id: 0,
            title: "Loss".to_owned(),
            unit: "",
            steps: Axis::steps(0, values.len() as u64 - 1),
            steps_name: "step".to_owned(),
            marks: Vec::new(),
            may_be_log: false,
            series: vec![Series {
                label: "train".to_owned(),
                class: "train",
                look: Look::Line,
                points,
            }],
        }
    }

    #[test]
    fn missing_values_interrupt_the_line_and_are_marked() {
        let drawing = chart(&[
            Some(1.0),
            Some(2.0),
            None,
            Some(3.0),
            None,
            Some(1.0),
            Some(2.0),
        ])
        .render();
        let start = drawing.find("class=\"stroke\" d=\"").unwrap();
        let data = drawing[start + 18..].split('"').next().unwrap();
        assert_eq!(data.matches('M').count(), 3);
        assert_eq!(data.matches("h0").count(), 1);
        assert_eq!(drawing.matches("class=\"gap\"").count(), 2);
        assert!(drawing.contains("not finite: 2 values"));
        assert!(drawing.contains("2: 3:3 4: 5:1"));
    }

    #[test]
    fn only_missing_values_still_make_a_chart() {
        let drawing = chart(&[None, None, None]).render();
        assert_eq!(drawing.matches("class=\"gap\"").count(), 1);
        assert!(!drawing.contains("NaN") && !drawing.contains("inf"));
    }

    #[test]
    fn long_lines_are_thinned() {
        let values: Vec<_> = (0..5000).map(|step| Some(f64::from(step % 97))).collect();
        let drawing = chart(&values).render();
        assert!(drawing.matches('L').count() <= 403);
    }

    #[test]
    fn drawing_is_described_in_words() {
        let drawing = chart(&[Some(2.0), Some(0.5), Some(1.0)]).render();
        assert!(drawing.contains(
            "train: 3 values, from 2 at step 0 to 1 at step 2; lowest 0.5 at step 1, highest 2 at step 0."
        ));
    }
}
