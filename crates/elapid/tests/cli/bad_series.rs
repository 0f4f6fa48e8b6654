//! Tables and labelled series that are damaged or odd: each is refused with its place, or read and remarked upon.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::tempdir;

use crate::support::{elapid, fail, metrics, root};

/// A few steps of a linear forecaster on the table at `path`.
fn train(path: &Path, out: &Path, set: &[&str]) -> Command {
    let config = out.with_extension("toml");
    let text = format!(
        "[data]\nname = \"csv\"\npath = {path:?}\nworkers = 1\n\
         [model]\nbackbone = \"rlinear\"\nlookback = 8\nhorizon = 4\n\
         [task]\nkind = \"forecast\"\n\
         [train]\nsteps = 2\nbatch_size = 4\n[eval]\nevery = 2\n"
    );
    fs::write(&config, text).unwrap();
    let mut command = elapid(["train", "--device", "cpu"]);
    command.arg(config).arg("--out").arg(out);
    for value in set {
        command.args(["--set", value]);
    }
    command
}

/// Rows of two columns on days of 2020, as `row` has them.
fn table(rows: usize, row: impl Fn(usize) -> String) -> String {
    let days = (0..rows).map(|n| {
        let (month, day) = (n / 28 + 1, n % 28 + 1);
        format!("2020-{month:02}-{day:02},{}\n", row(n))
    });
    format!("date,a,b\n{}", days.collect::<String>())
}

fn numbers(n: usize) -> String {
    format!("{},{}", n % 7, (n * n) % 11)
}

/// Exit code 2, one paragraph with all `words`, and no run directory.
fn refused(text: &str, set: &[&str], words: &[&str]) {
    let folder = tempdir().unwrap();
    let (path, out) = (folder.path().join("own.csv"), folder.path().join("run"));
    fs::write(&path, text).unwrap();
    let (code, said) = fail(&mut train(&path, &out, set));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.starts_with("error: ") && !out.exists(), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is missing in: {said}");
    }
    is_plain(&said);
}

/// Exit code 0, finite metrics, and a warning with all `words`.
fn remarked(text: &str, set: &[&str], words: &[&str]) {
    let folder = tempdir().unwrap();
    let (path, out) = (folder.path().join("own.csv"), folder.path().join("run"));
    fs::write(&path, text).unwrap();
    let (code, said) = fail(&mut train(&path, &out, set));
    assert_eq!(code, Some(0), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is missing in: {said}");
    }
    is_plain(&said);
    let lines = metrics(&out);
    assert!(lines.iter().all(|line| line["value"].is_number()));
    assert!(lines.iter().any(|line| line["split"] == "test"));
}

fn is_plain(said: &str) {
    for trace in ["panicked", "stack backtrace", "defect in elapid"] {
        assert!(!said.contains(trace), "{said}");
    }
}

#[test]
fn dates_that_are_none_or_out_of_order() {
    let undated = "a,b\n1,2\n3,4\n";
    refused(
        undated,
        &[],
        &["no column is called date", "data.date = \"none\""],
    );
    let good = table(120, numbers);
    remarked(&good.replace("date,", "when,"), &[], &[]);
    let twice = good.replace("2020-02-03", "2020-02-02");
    let words = ["row 31", "2020-02-02", "row 30 again", "keep one"];
    refused(&twice, &[], &words);
    let unsorted = good.replace("2020-02-03", "2019-02-03");
    refused(&unsorted, &[], &["row 31", "is before", "sort the rows"]);
    let word = good.replace("2020-02-03", "yesterday");
    refused(&word, &[], &["row 31 (line 32)", "the date is `yesterday`"]);
    let gap = good.replace("2020-01-01,", "2019-12-01,");
    remarked(&gap, &[], &["not the usual", "evenly spaced"]);
}

#[test]
fn cells_that_are_no_numbers() {
    let with = |cell: &str| {
        table(120, |n| match n {
            40 => format!("{cell},1"),
            _ => numbers(n),
        })
    };
    for cell in ["wet", "1,5", "1e999", "inf", "--3"] {
        let quoted = format!("\"{cell}\"");
        refused(
            &with(&quoted),
            &[],
            &["own.csv", "row 41 (line 42)", "column `a`", cell],
        );
    }
    let missing = |of: usize, from: usize| {
        table(120, move |n| match (from..from + of).contains(&n) {
            true => "NaN,1".to_owned(),
            false => numbers(n),
        })
    };
    let words = [
        "10 of 240 values were missing",
        "row 31, column `a`",
        "10 rows on end",
    ];
    remarked(&missing(10, 30), &[], &words);
    // The whole test part, and the first rows of all.
    remarked(&missing(24, 96), &[], &["24 rows on end"]);
    remarked(
        &missing(20, 0),
        &["data.missing=interpolate"],
        &["20 rows on end"],
    );
    refused(
        &missing(10, 30),
        &["data.missing=error"],
        &["row 31, column `a`"],
    );
    refused(&missing(120, 0), &[], &["column `a` has no value at all"]);
    remarked(&missing(120, 0), &["data.missing=zero"], &["are 0"]);
}

#[test]
fn columns_that_say_nothing() {
    let constant = table(120, |n| format!("{},5", n % 7));
    remarked(&constant, &[], &["`b`", "divided by 1"]);
    let late = table(120, |n| format!("{},{}", n % 7, n / 100));
    remarked(&late, &[], &["`b`", "divided by 1"]);
    let ragged = table(120, |n| if n == 9 { "1".to_owned() } else { numbers(n) });
    refused(&ragged, &[], &["own.csv", "line"]);
    refused("date,a,a\n2020,1,2\n", &[], &["two columns are called `a`"]);
    refused("date\n2020\n2021\n", &[], &["no column of numbers"]);
    refused("", &[], &["own.csv"]);
    refused("date,a\n", &[], &["no rows"]);
}

#[test]
fn horizons_that_are_longer_than_the_data() {
    let good = table(120, numbers);
    let words = ["rows", "lower model.lookback"];
    refused(&good, &["model.horizon=200"], &["horizon"]);
    refused(&good, &["model.lookback=100"], &words);
    let words = [
        "the validation part",
        "at least 33, got 20",
        "model.horizon",
    ];
    refused(&good, &["model.horizon=25"], &words);
    refused(&table(5, numbers), &[], &["rows", "lower model.lookback"]);
}

/// Files of a problem with two dimensions whose first training series is `line`.
fn problem(folder: &Path, line: &str) {
    let head = "@problemName Own\n@classLabel true down up\n@data\n";
    let others = (0..12).map(|n| match n % 2 {
        0 => format!("{n},2,1,0:3,2,1,0:down\n"),
        _ => format!("0,1,2,{n}:0,1,2,3:up\n"),
    });
    let others: String = others.collect();
    fs::write(folder.join("Own_TRAIN.ts"), format!("{head}{line}{others}")).unwrap();
    fs::write(folder.join("Own_TEST.ts"), format!("{head}{others}")).unwrap();
}

fn classify(folder: &Path) -> (Option<i32>, String) {
    let path = format!("data.path={:?}", folder.to_str().unwrap());
    let mut command = elapid(["train", "--device", "cpu"]);
    command.arg(root().join("configs/timeseries/mambasl_uea.toml"));
    command.arg("--out").arg(folder.join("run"));
    let set = [
        path.as_str(),
        "data.problem=Own",
        "model.d_model=8",
        "train.epochs=1",
        "train.batch_size=4",
    ];
    for value in set {
        command.args(["--set", value]);
    }
    fail(&mut command)
}

#[test]
fn labelled_series_with_odd_dimensions() {
    let said = |line: &str| {
        let folder = tempdir().unwrap();
        problem(folder.path(), line);
        let (code, said) = classify(folder.path());
        is_plain(&said);
        (code, said)
    };
    let (code, words) = said("1,2,3,4,5,6:9,8:up\n");
    assert_eq!(code, Some(0), "{words}");
    let expected = "Own_TRAIN.ts`: 1 of 13 series have dimensions of different lengths";
    assert!(words.contains(expected), "{words}");
    let (code, words) = said("1,?,3,4:?,8,?,?:up\n");
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("4 values were missing"), "{words}");
    for (line, expected) in [
        ("1,2:3,4:5,6:up\n", "line 5: 2 dimensions, expected 3"),
        (
            "1,2:3,wet:up\n",
            "line 4: dimension 2: `wet`, expected a number",
        ),
        (
            "1,2:3,4:left\n",
            "line 4: the class `left` is none of down, up",
        ),
        (
            "1,2:?,?:up\n",
            "line 4: dimension 2: all values are missing",
        ),
        ("1,2,up\n", "line 4: `1,2,up`, expected values, a colon"),
    ] {
        let (code, words) = said(line);
        assert_eq!(code, Some(2), "{words}");
        assert!(
            words.contains("Own_TRAIN.ts") && words.contains(expected),
            "{words}"
        );
    }
}
