//! A clock that jumps.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::tempdir;

use crate::support::{elapid, succeed, timeless, train};

/// Puts the time of day a century ahead and back to before 1970 by turns; time since the start of the machine stays.
const JUMPING: &str = r"
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *at) {
    static int calls;
    long code = syscall(SYS_clock_gettime, id, at);
    if (code == 0 && id == CLOCK_REALTIME) {
        at->tv_sec += calls++ % 2 ? 3000000000L : -3000000000L;
    }
    return code;
}
";

/// The library that does it to a process which loads it; `None`, with a message, where it cannot be made.
#[allow(clippy::print_stderr)] // So that nobody takes a test that was skipped for one that passed.
fn jumping_clock(folder: &Path) -> Option<PathBuf> {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    fs::write(&source, JUMPING).unwrap();
    let mut compile = Command::new("cc");
    compile
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source]);
    let made =
        cfg!(target_os = "linux") && compile.output().is_ok_and(|made| made.status.success());
    if !made {
        eprintln!("skipped: no library can be compiled here");
        return None;
    }
    Some(library)
}

#[test]
fn a_clock_that_jumps_changes_nothing_but_times_of_day() {
    let folder = tempdir().unwrap();
    let Some(clock) = jumping_clock(folder.path()) else {
        return;
    };
    let settings = [
        "train.steps=30",
        "train.checkpoint=5",
        "train.max_minutes=10",
        "eval.every=10",
        "log.tensorboard=true",
    ];
    let (run, through) = (folder.path().join("run"), folder.path().join("through"));
    let mut jumping = train(&run, &settings);
    // It ends early, and is resumed at another time.
    succeed(
        jumping
            .args(["--set", "train.max_minutes=1e-5"])
            .env("LD_PRELOAD", &clock),
    );
    let plan = fs::read_to_string(run.join("plan.toml")).unwrap();
    fs::write(
        run.join("plan.toml"),
        plan.replace("max_minutes = 1e-5", ""),
    )
    .unwrap();
    succeed(elapid(["resume"]).arg(&run).env("LD_PRELOAD", &clock));

    succeed(&mut train(&through, &settings));
    assert_eq!(timeless(&run), timeless(&through));
    let manifest = fs::read_to_string(run.join("manifest.json")).unwrap();
    let times = ["\"started\": \"", "\"finished\": \""].map(|name| {
        let at = manifest.find(name).unwrap() + name.len();
        &manifest[at..at + 4]
    });
    assert!(
        times.iter().all(|year| *year == "1970" || *year > "2100"),
        "{manifest}"
    );
    assert!(run.join("report.html").is_file());
    succeed(
        elapid(["runs"])
            .arg(folder.path())
            .env("LD_PRELOAD", &clock),
    );
}
