//! What the run was made with.

use serde_json::{Map, Value};

use super::html::Escaped;
use super::record::text_of;

/// Members of the manifest that the section shows.
pub(super) const MEMBERS: [&str; 7] = [
    "elapid_version",
    "commit",
    "burn_version",
    "device",
    "os",
    "processor",
    "threads",
];

/// The section, empty where the manifest knows nothing.
pub(super) fn render(manifest: &Map<String, Value>) -> String {
    let known = |member: &str| {
        let value = manifest.get(member).filter(|value| !value.is_null());
        value.map(text_of)
    };
    let version = known("elapid_version").map(|version| match known("commit") {
        Some(commit) => format!("{version}, commit {commit}"),
        None => version,
    });
    let rows: String = [
        ("elapid", version),
        ("burn", known("burn_version")),
        ("Device", known("device")),
        ("Operating system", known("os")),
        ("Processor", known("processor")),
        ("Cores", known("threads")),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>", Escaped(value)))
    .collect();
    match rows.is_empty() {
        true => rows,
        false => format!(
            "<section>\n<h2>Environment</h2>\n<dl class=\"record\">{rows}</dl>\n</section>\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(manifest: &str) -> String {
        render(&serde_json::from_str(manifest).unwrap())
    }

    #[test]
    fn only_what_is_known_is_shown() {
        let page = page(r#"{"elapid_version":"0.1.0","commit":"abc","threads":2,"os":null}"#);
        assert!(page.contains("<dt>elapid</dt><dd>0.1.0, commit abc</dd>"));
        assert!(page.contains("<dt>Cores</dt><dd>2</dd>"));
        assert!(!page.contains("Operating system"));
    }

    #[test]
    fn an_old_manifest_gives_no_section() {
        assert_eq!(page(r#"{"status":"finished"}"#), "");
    }
}
