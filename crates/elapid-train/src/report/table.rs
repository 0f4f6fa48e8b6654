//! The last and best values of every metric, by split.

use super::format::count;
use super::html::Escaped;
use super::metric::Metric;
use super::metrics::Metrics;

/// The section with one row for a metric and one column for a split.
pub(super) fn render(metrics: &Metrics) -> String {
    let splits = metrics.all_splits();
    let heads: String = splits
        .iter()
        .map(|split| format!("<th scope=\"col\">{}</th>", Escaped(split)))
        .collect();
    let rows: String = Metric::all(metrics)
        .iter()
        .map(|metric| {
            let cells: String = splits
                .iter()
                .map(|split| cell(metric, metrics, split))
                .collect();
            let unit = match metric.unit {
                "" | "%" => String::new(),
                unit => format!(" <small>{unit}</small>"),
            };
            let title = Escaped(&metric.title);
            format!("<tr><th scope=\"row\">{title}{unit}</th>{cells}</tr>\n")
        })
        .collect();
    format!(
        "<section>\n<h2>Results</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Results\">\
         <table class=\"results\">\n<thead><tr><th scope=\"col\">last value</th>{heads}</tr></thead>\n\
         <tbody>\n{rows}</tbody></table></div>\n</section>\n"
    )
}

/// The last value and, below it, the best one where another step was better.
fn cell(metric: &Metric, metrics: &Metrics, split: &str) -> String {
    let points = metrics.curve(metric.name, split);
    let Some(last) = points.last() else {
        return "<td class=\"none\">–</td>".to_owned();
    };
    // Of noisy training values the best one is luck.
    let best = (split != "train")
        .then(|| metric.best(points))
        .flatten()
        .filter(|best| best.value != last.value)
        .map(|best| {
            let (value, step) = (metric.show(best.value), count(best.step));
            format!("<small>best&nbsp;{value} at&nbsp;step&nbsp;{step}</small>")
        })
        .unwrap_or_default();
    format!("<td>{}{best}</td>", metric.show(last.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_and_best_are_shown_per_split() {
        let text = r#"{"step":1,"split":"valid","name":"loss","value":0.25}
{"step":2,"split":"valid","name":"loss","value":0.5}
{"step":2,"split":"train","name":"loss","value":null}
{"step":2,"split":"test","name":"accuracy","value":0.975}
"#;
        let table = render(&Metrics::parse(text.as_bytes()));
        assert!(
            table.contains("<td><span class=\"missing\">not finite</span></td><td>0.5<small>best&nbsp;0.25 at&nbsp;step&nbsp;1</small></td>")
        );
        assert!(table.contains("<td class=\"none\">–</td><td>97.5&nbsp;%</td></tr>"));
    }
}
