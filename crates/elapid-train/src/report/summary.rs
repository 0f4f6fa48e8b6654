//! The head of the page: what the run was and how well it did.

use serde_json::Value;
use toml::Table;

use super::format::{count, duration, number, plural};
use super::html::Escaped;
use super::metric::{Direction, Metric};
use super::metrics::{Metrics, Point};
use super::read::Run;
use super::record::text_of;
use super::time;

/// The `header` element.
pub(super) fn header(run: &Run) -> String {
    let status = run.manifest.get("status").map(text_of);
    let status = status.map_or(String::new(), |status| {
        let class = match status.as_str() {
            "finished" | "running" | "interrupted" | "failed" => status.as_str(),
            _ => "other",
        };
        format!(
            " <span class=\"status {class}\">{}</span>",
            Escaped(&status)
        )
    });
    let subject = subject(run).map_or(String::new(), |subject| {
        format!("<p class=\"subject\">{}</p>\n", Escaped(subject))
    });
    format!(
        "<header>\n<p class=\"brand\">elapid run report</p>\n\
         <div class=\"name\"><h1>{}</h1>{status}</div>\n{subject}{}{}</header>\n",
        Escaped(&run.name),
        facts(run),
        figures(run),
    )
}

/// Model and data in one line, such as `vim tiny on digits`; `None` if the plan names neither.
fn subject(run: &Run) -> Option<String> {
    let plan: Table = run.plan.as_ref()?.parse().ok()?;
    let text = |section: &str, key: &str| plan.get(section)?.get(key)?.as_str();
    let model = text("model", "backbone").map(|backbone| match text("model", "size") {
        Some(size) => format!("{backbone} {size}"),
        None => backbone.to_owned(),
    });
    match (model, text("data", "name")) {
        (Some(model), Some(data)) => Some(format!("{model} on {data}")),
        (Some(model), None) => Some(model),
        (None, data) => data.map(ToOwned::to_owned),
    }
}

/// The facts everyone asks for first; the manifest at the end of the page has the rest.
fn facts(run: &Run) -> String {
    let given = |key: &str| {
        run.manifest
            .get(key)
            .filter(|value| !value.is_null())
            .map(text_of)
    };
    let instant = |key: &str| given(key).map(|text| time::readable(&text));
    let seconds = |key: &str| time::unix_seconds(&given(key)?);
    let took = seconds("started")
        .zip(seconds("finished"))
        .and_then(|(started, finished)| u64::try_from(finished - started).ok());
    let parameters = match run.manifest.get("parameters").and_then(Value::as_u64) {
        Some(parameters) => Some(count(parameters)),
        None => given("parameters"),
    };
    let facts: String = [
        ("Started", instant("started")),
        ("Finished", instant("finished")),
        ("Duration", took.map(duration)),
        ("Progress", progress(run)),
        ("Device", given("device")),
        ("Parameters", parameters),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .map(|(name, value)| format!("<div><dt>{name}</dt><dd>{}</dd></div>", Escaped(value)))
    .collect();
    if facts.is_empty() {
        return String::new();
    }
    format!("<dl class=\"facts\">{facts}</dl>\n")
}

/// Steps recorded, of how many planned where the manifest says so, and epochs. A run whose steps
/// are counted from 0 has ended when the last one recorded is one below the plan.
fn progress(run: &Run) -> Option<String> {
    let (_, step) = run.metrics.steps()?;
    let planned = run.manifest.get("steps").and_then(Value::as_u64);
    let steps = match planned {
        Some(planned) if planned.saturating_sub(1) > step => {
            format!("{} of {}", count(step), plural(planned, "step"))
        }
        Some(planned) => plural(planned, "step"),
        None => plural(step, "step"),
    };
    let epochs = run.metrics.epoch;
    Some(if epochs > 0.0 {
        let epochs = number((epochs * 100.0).round() / 100.0);
        format!(
            "{steps}, {epochs} {}",
            if epochs == "1" { "epoch" } else { "epochs" }
        )
    } else {
        steps
    })
}

/// The large figures: what was tested, then the best of validation, then training.
fn figures(run: &Run) -> String {
    let metrics = &run.metrics;
    let mut all = Metric::all(metrics);
    let main = run.chosen_by();
    // A quality says more than a loss to most readers, even where checkpoints are chosen by the loss.
    all.sort_by_key(|metric| match (metric.direction, metric.name) {
        (_, "loss") => (3, metric.rank),
        (_, name) if main.as_deref() == Some(name) => (0, 0),
        (Some(Direction::Higher), _) => (1, metric.rank),
        _ => (2, metric.rank),
    });
    let tested = all.iter().filter_map(|metric| {
        let last = metrics.curve(metric.name, "test").last()?;
        Some(figure("Test", metric, *last))
    });
    let mut valid: Vec<String> = all
        .iter()
        .filter_map(|metric| {
            let best = metric.best(metrics.curve(metric.name, "valid"))?;
            Some(figure("Best valid", metric, best))
        })
        .collect();
    // The first is the main quality and the last the loss; the table has what lies between.
    if valid.len() > 2 {
        valid.drain(1..valid.len() - 1);
    }
    let figures: String = (tested.take(2))
        .chain(valid)
        .chain([training(&all, metrics)])
        .collect();
    if figures.is_empty() {
        return figures;
    }
    format!("<dl class=\"figures\">{figures}</dl>\n")
}

/// The figures of training: its last loss and its speed.
fn training(all: &[Metric], metrics: &Metrics) -> String {
    let find = |name: &str| {
        let metric = all.iter().find(|metric| metric.name == name)?;
        Some((metric, metrics.curve(name, "train")))
    };
    let loss =
        find("loss").and_then(|(metric, points)| Some(figure("Train", metric, *points.last()?)));
    let speed = find("samples_per_s").and_then(|(metric, points)| {
        let speed = number(median(points)?);
        let waiting = find("data_wait").and_then(|(metric, points)| {
            let share = metric.show(Some(median(points)?));
            Some(format!("; {share} of the time waiting for data"))
        });
        let note = format!("{}, median{}", metric.unit, waiting.unwrap_or_default());
        Some(large("Throughput", &speed, &note))
    });
    loss.into_iter().chain(speed).collect()
}

/// One large figure with its step.
fn figure(split: &str, metric: &Metric, point: Point) -> String {
    large(
        &format!("{split} {}", lower_first(&metric.title)),
        &metric.show(point.value),
        &format!("at step {}", count(point.step)),
    )
}

fn large(label: &str, value: &str, note: &str) -> String {
    format!(
        "<div><dt>{}</dt><dd>{value}<small>{note}</small></dd></div>",
        Escaped(label)
    )
}

/// The middle one of the finite values.
pub(super) fn median(points: &[Point]) -> Option<f64> {
    let mut values: Vec<f64> = points.iter().filter_map(|point| point.value).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// A title inside a phrase: only a word that is otherwise lower-case loses its capital.
fn lower_first(title: &str) -> String {
    let mut characters = title.chars();
    match characters.next() {
        Some(first) if !title.chars().skip(1).any(char::is_uppercase) => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => title.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(manifest: &str, plan: &str, metrics: &str) -> Run {
        Run {
            name: "a run".to_owned(),
            dir: "runs/a".into(),
            manifest: serde_json::from_str(manifest).unwrap(),
            plan: Some(plan.to_owned()),
            metrics: Metrics::parse(metrics.as_bytes()),
            confusion: None,
            pictures: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn subject_names_model_and_data() {
        let of = |plan| subject(&run("{}", plan, ""));
        let model = "[model]\nbackbone = \"vim\"\nsize = \"tiny\"\n";
        assert_eq!(of(model).as_deref(), Some("vim tiny"));
        let both = format!("{model}[data]\nname = \"digits\"");
        assert_eq!(of(&both).as_deref(), Some("vim tiny on digits"));
        assert_eq!(of("= broken"), None);
    }

    fn labels(header: &str) -> Vec<&str> {
        let (_, figures) = header.split_once("<dl class=\"figures\">").unwrap();
        let parts = figures.split("<dt>").skip(1);
        parts.map(|part| part.split('<').next().unwrap()).collect()
    }

    #[test]
    fn what_checkpoints_are_chosen_by_comes_first() {
        let metrics: String = [("valid", 5), ("test", 9)]
            .iter()
            .flat_map(|(split, step)| ["loss", "mae", "mse", "mse_first"].map(|name| {
                format!("{{\"step\":{step},\"split\":\"{split}\",\"name\":\"{name}\",\"value\":0.5}}\n")
            }))
            .collect();
        let of = |best: &str| {
            let plan = format!("[eval]\nbest = \"{best}\"\n");
            header(&run("{}", &plan, &metrics))
        };
        assert_eq!(
            labels(&of("mse")),
            ["Test mse", "Test mae", "Best valid mse", "Best valid loss"]
        );
        assert_eq!(labels(&of("loss"))[0], "Test mae");
    }

    #[test]
    fn test_accuracy_is_the_first_figure() {
        let metrics = r#"{"step":8,"epoch":2.0,"split":"train","name":"loss","value":0.1}
{"step":8,"split":"valid","name":"accuracy","value":0.9}
{"step":9,"split":"test","name":"loss","value":0.2}
{"step":9,"split":"test","name":"accuracy","value":0.8}
"#;
        let header = header(&run("{}", "", metrics));
        assert_eq!(
            labels(&header),
            [
                "Test accuracy",
                "Test loss",
                "Best valid accuracy",
                "Train loss"
            ]
        );
        assert!(header.contains("<dd>9 steps, 2 epochs</dd>"));
    }

    #[test]
    fn facts_of_an_interrupted_run() {
        let manifest = r#"{"status":"interrupted","started":"2026-01-31T09:30:00Z",
            "finished":"2026-01-31T10:31:00Z","parameters":7148008,"steps":100}"#;
        let metrics = r#"{"step":40,"split":"train","name":"loss","value":1}"#;
        let header = header(&run(manifest, "", metrics));
        for part in [
            "<span class=\"status interrupted\">interrupted</span>",
            "<dd>2026-01-31 09:30 UTC</dd>",
            "<dd>1 h 01 min</dd>",
            "<dd>40 of 100 steps</dd>",
            "<dd>7,148,008</dd>",
        ] {
            assert!(header.contains(part), "{part} is missing");
        }
    }
}
