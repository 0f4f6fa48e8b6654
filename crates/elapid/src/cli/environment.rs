//! What a run was made with: versions and machine.

use std::fs;

use serde_json::{Map, Value, json};

/// The version of burn that this build stands on; equal to the pin in the workspace manifest.
const BURN_VERSION: &str = "0.22.1";

/// Members of a manifest. What is not known is absent.
pub(crate) fn environment(device: &str) -> Map<String, Value> {
    let members = json!({
        "elapid_version": env!("CARGO_PKG_VERSION"),
        "commit": option_env!("ELAPID_COMMIT"),
        "burn_version": BURN_VERSION,
        "device": device,
        "os": operating_system(),
        "processor": processor(),
        "threads": std::thread::available_parallelism().map_or(1, usize::from),
    });
    match members {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect(),
        _ => Map::new(),
    }
}

/// Such as `linux 6.1.0 x86_64, Debian GNU/Linux 12 (bookworm)`.
fn operating_system() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let words = [std::env::consts::OS, kernel.trim(), std::env::consts::ARCH];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = field(&release, "PRETTY_NAME", '=').map(|name| name.trim_matches('"').to_owned());
    words.join(" ") + &name.map_or(String::new(), |name| format!(", {name}"))
}

/// The name of the CPU, where the system tells.
fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    field(&text, "model name", ':')
}

/// The value of the first line `name<separator>value`.
fn field(text: &str, name: &str, separator: char) -> Option<String> {
    let pairs = text.lines().filter_map(|line| line.split_once(separator));
    let mut values = pairs.filter(|(key, _)| key.trim() == name);
    values.next().map(|(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found() {
        let text = "processor\t: 0\nmodel name\t: A: fast\nmodel name\t: B\n";
        assert_eq!(field(text, "model name", ':').as_deref(), Some("A: fast"));
        assert_eq!(field(text, "model", ':'), None);
    }

    #[test]
    fn nothing_unknown_is_recorded() {
        let members = environment("cpu");
        assert!(members.values().all(|value| !value.is_null()));
        let system = members["os"].as_str().unwrap();
        assert!(system.starts_with(std::env::consts::OS), "{system}");
    }
}
