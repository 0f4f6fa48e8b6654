//! The settings of the run: what differs from the experiment it is based on, and the whole plan.

use serde::Deserialize;

use super::html::Escaped;
use super::read::Run;

/// The member of the manifest that names the experiment that a run is based on.
pub(super) const MEMBER: &str = "base";

/// The experiment that a run is based on, and what the run changed.
#[derive(Deserialize)]
struct Base {
    experiment: String,
    differences: Vec<Difference>,
}

/// One value, as TOML; absent where it is not set.
#[derive(Deserialize)]
struct Difference {
    value: String,
    base: Option<String>,
    run: Option<String>,
}

/// The section, empty where there is neither plan nor base.
pub(super) fn render(run: &Run) -> String {
    let base = run.manifest.get(MEMBER).cloned();
    let base: Option<Base> = base.and_then(|base| serde_json::from_value(base).ok());
    let difference = base.as_ref().map(difference).unwrap_or_default();
    let plan = run.plan.as_deref().map(plan).unwrap_or_default();
    match difference.is_empty() && plan.is_empty() {
        true => String::new(),
        false => format!("<section>\n{difference}{plan}</section>\n"),
    }
}

fn plan(text: &str) -> String {
    format!(
        "<details>\n<summary><h2>Resolved plan</h2></summary>\n\
         <pre tabindex=\"0\">{}</pre>\n</details>\n",
        Escaped(text.trim())
    )
}

fn difference(base: &Base) -> String {
    let name = Escaped(&base.experiment);
    if base.differences.is_empty() {
        return format!("<h2>Settings</h2>\n<p>No value differs from <code>{name}</code>.</p>\n");
    }
    let cell = |value: &Option<String>| match value {
        Some(value) => format!("<td><code>{}</code></td>", Escaped(value)),
        None => "<td class=\"none\">not set</td>".to_owned(),
    };
    let rows: String = base
        .differences
        .iter()
        .map(|Difference { value, base, run }| {
            let (base, run) = (cell(base), cell(run));
            format!(
                "<tr><th scope=\"row\">{}</th>{base}{run}</tr>\n",
                Escaped(value)
            )
        })
        .collect();
    format!(
        "<h2>Settings</h2>\n<p>What differs from <code>{name}</code>.</p>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Settings\"><table class=\"results settings\">\n\
         <thead><tr><th scope=\"col\">value</th><th scope=\"col\">there</th><th scope=\"col\">here</th></tr></thead>\n\
         <tbody>\n{rows}</tbody></table></div>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(manifest: &str) -> String {
        render(&Run {
            name: "a run".to_owned(),
            dir: "runs/a".into(),
            manifest: serde_json::from_str(manifest).unwrap(),
            plan: None,
            metrics: Default::default(),
            confusion: None,
            pictures: Vec::new(),
            notes: Vec::new(),
        })
    }

    #[test]
    fn values_stand_beside_those_of_the_base() {
        let page = page(
            r#"{"base":{"experiment":"a<b.toml","differences":[
                {"value":"optim.lr","base":"0.002","run":"0.001"},
                {"value":"train.epochs","base":"80","run":null}]}}"#,
        );
        assert!(page.contains("<code>a&lt;b.toml</code>"));
        let row =
            "<th scope=\"row\">optim.lr</th><td><code>0.002</code></td><td><code>0.001</code></td>";
        assert!(page.contains(row), "{page}");
        assert!(page.contains("<td><code>80</code></td><td class=\"none\">not set</td>"));
    }

    #[test]
    fn without_a_base_there_is_nothing_to_show() {
        assert_eq!(page("{}"), "");
        assert_eq!(page(r#"{"base":{"experiment":7}}"#), "");
        let same = page(r#"{"base":{"experiment":"a.toml","differences":[]}}"#);
        assert!(same.contains("No value differs from"));
    }
}
