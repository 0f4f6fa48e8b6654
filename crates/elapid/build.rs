//! Notes the commit that a release build is made from, for the manifests of runs.
//!
//! A development build has none: it would be built anew after each commit.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return;
    }
    // Without git, outside a checkout, or copied into that of something else, the commit is not known.
    let is_tracked = git(&["ls-files", "build.rs"]).is_some_and(|files| !files.is_empty());
    let Some(commit) = git(&["rev-parse", "HEAD"]).filter(|_| is_tracked) else {
        return;
    };
    let changes = git(&["status", "--porcelain", "--untracked-files=no"]);
    let suffix = match changes.as_deref() {
        Some("") => "",
        _ => " with changes",
    };
    println!("cargo:rustc-env=ELAPID_COMMIT={commit}{suffix}");
    let moves = git(&["rev-parse", "--git-path", "logs/HEAD"]);
    for path in moves
        .iter()
        .map(String::as_str)
        .chain([".."])
        .chain(["../../kernels/src"])
    {
        // Cargo takes a path that is not there for one that has changed.
        if Path::new(path).exists() {
            println!("cargo:rerun-if-changed={path}");
        }
    }
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
