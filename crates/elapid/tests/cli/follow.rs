//! `predict --follow`: forecasts of a table that grows.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use tempfile::{TempDir, tempdir};

use crate::support::{elapid, fail, root, succeed};

/// Lines of a table, from the first row on.
fn rows(range: std::ops::Range<usize>) -> String {
    let row = |n: usize| {
        let load = 50.0 + 10.0 * (n as f64 / 24.0 * std::f64::consts::TAU).sin();
        format!(
            "2024-01-{:02} {:02}:00:00,{},{load}\n",
            n / 24 + 1,
            n % 24,
            n * n % 17
        )
    };
    range.map(row).collect()
}

const HEADER: &str = "date,other,load\n";
/// Steps of a forecast, which are the lines that it has.
const HORIZON: usize = 6;

/// A run of a model on such a table.
fn trained(model: &str) -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let table = folder.path().join("table.csv");
    fs::write(&table, HEADER.to_owned() + &rows(0..300)).unwrap();
    let config = folder.path().join("forecast.toml");
    let text = format!(
        "[data]\nname = \"csv\"\npath = {table:?}\n[model]\n{model}\nhorizon = {HORIZON}\n\
         [task]\nkind = \"forecast\"\n[train]\nsteps = 5\nbatch_size = 16\n"
    );
    fs::write(&config, text).unwrap();
    let run = folder.path().join("run");
    let mut train = elapid(["train", "--device", "cpu"]);
    succeed(train.arg(&config).arg("--out").arg(&run));
    (folder, run)
}

/// A process that follows a table.
struct Following {
    process: Child,
    lines: Receiver<String>,
    table: PathBuf,
}

impl Following {
    fn start(run: &Path, table: PathBuf) -> Self {
        let mut command = elapid(["predict", "--follow"]);
        command.arg(run).arg(&table).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(process.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            process,
            lines,
            table,
        }
    }

    fn append(&self, text: &str) {
        let mut file = File::options().append(true).open(&self.table).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn next(&self, count: usize) -> Vec<String> {
        let patience = Duration::from_secs(60);
        let next = |_| self.lines.recv_timeout(patience).expect("a line");
        (0..count).map(next).collect()
    }

    /// That nothing more is said for a while.
    fn is_silent(&self) -> bool {
        self.lines.recv_timeout(Duration::from_millis(700)).is_err()
    }

    /// Ctrl-C.
    fn end(mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        succeed(Command::new("kill").args(["-INT", &id]));
        self.process.wait().unwrap().code()
    }
}

/// What `predict` says of the table as it is, without its header.
fn predicted(run: &Path, table: &Path) -> Vec<String> {
    let said = succeed(elapid(["predict"]).arg(run).arg(table));
    said.lines().skip(1).map(str::to_owned).collect()
}

/// Lines without their first field, which must be `from`.
fn behind(from: &str, lines: &[String]) -> Vec<String> {
    let rest = lines.iter().map(|line| {
        let (first, rest) = line.split_once(',').unwrap();
        assert_eq!(first, from, "{lines:?}");
        rest.to_owned()
    });
    rest.collect()
}

#[test]
fn a_model_without_a_state_looks_back_on_the_last_rows() {
    let (folder, run) = trained("backbone = \"rlinear\"\nlookback = 24");
    let table = folder.path().join("growing.csv");
    fs::write(&table, HEADER.to_owned() + &rows(0..23)).unwrap();
    let following = Following::start(&run, table.clone());
    assert!(following.is_silent());
    following.append(&rows(23..24));
    assert_eq!(following.next(1), ["from,date,other,load"]);
    let found = following.next(HORIZON);
    assert_eq!(
        behind("2024-01-01 23:00:00", &found),
        predicted(&run, &table)
    );
    // Every row that arrives gives a forecast; a line without its end waits.
    let more = rows(24..27);
    let (now, later) = more.split_at(more.len() - 5);
    following.append(now);
    let found = following.next(2 * HORIZON);
    assert!(following.is_silent());
    following.append(later);
    let last = following.next(HORIZON);
    behind("2024-01-02 00:00:00", &found[..HORIZON]);
    behind("2024-01-02 01:00:00", &found[HORIZON..]);
    assert_eq!(
        behind("2024-01-02 02:00:00", &last),
        predicted(&run, &table)
    );
    assert_eq!(following.end(), Some(0));
}

#[test]
fn a_state_that_is_carried_equals_one_pass_over_all_rows() {
    let model = "backbone = \"causal_mamba\"\nlookback = 32\npatch = 4\nd_model = 16\nlayers = 2\nd_state = 4\nnorm_steps = 16";
    let (folder, run) = trained(model);
    let table = folder.path().join("growing.csv");
    fs::write(&table, HEADER.to_owned() + &rows(0..18)).unwrap();
    let following = Following::start(&run, table.clone());
    let found = following.next(1 + HORIZON);
    behind("2024-01-01 15:00:00", &found[1..]);
    following.append(&rows(18..32));
    let found = following.next(4 * HORIZON);
    behind("2024-01-01 19:00:00", &found[..HORIZON]);
    let last = behind("2024-01-02 07:00:00", &found[3 * HORIZON..]);
    // The whole lookback at once.
    let expected = predicted(&run, &table);
    for (found, expected) in last.iter().zip(&expected) {
        let fields = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
        let (found, expected) = (fields(found), fields(expected));
        assert_eq!(found[0], expected[0]);
        for (x, y) in found[1..].iter().zip(&expected[1..]) {
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!((x - y).abs() < 1e-3, "{last:?} {expected:?}");
        }
    }
    // Behind the lookback the state goes on.
    following.append(&rows(32..36));
    behind("2024-01-02 11:00:00", &following.next(HORIZON));
    assert_eq!(following.end(), Some(0));
    // Where there are more rows than it looks back on, it begins with these.
    let following = Following::start(&run, table.clone());
    let found = following.next(1 + HORIZON);
    assert_eq!(
        behind("2024-01-02 11:00:00", &found[1..]).len(),
        predicted(&run, &table).len()
    );
    assert_eq!(following.end(), Some(0));
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let (folder, run) = trained("backbone = \"rlinear\"\nlookback = 24");
    let said = |name: &str| {
        let path = folder.path().join(name);
        let (code, said) = fail(elapid(["predict", "--follow"]).arg(&run).arg(path));
        assert_eq!(code, Some(2), "{said}");
        said
    };
    assert!(said("none.csv").contains("none.csv"));
    assert!(said("table.parquet").contains("follow a CSV file"));
    fs::write(
        folder.path().join("bad.csv"),
        HEADER.to_owned() + "2024-01-01,1,x\n",
    )
    .unwrap();
    assert!(said("bad.csv").contains("row 1 (line 2): column `load` has `x`"));
}

#[test]
fn the_test_of_a_forecaster_leaves_pictures() {
    let folder = tempdir().unwrap();
    let train = |config: &str, sets: &[&str]| {
        let run = folder.path().join(config);
        let mut command = elapid(["train", "--device", "cpu"]);
        command
            .arg(root().join(format!("configs/smoke/{config}.toml")))
            .arg("--out")
            .arg(&run);
        for set in sets {
            command.args(["--set", set]);
        }
        succeed(&mut command);
        let page = fs::read_to_string(run.join("report.html")).unwrap();
        (succeed(elapid(["eval"]).arg(&run)), page)
    };
    let (said, page) = train("smamba_seasonal", &["task.season=24"]);
    assert!(said.contains("mse_naive"), "{said}");
    assert!(page.contains("Error by step ahead") && page.contains("last season"));
    assert_eq!(page.matches("<h3>s3 from row").count(), 3);
    let (_, page) = train("rlinear_faults", &[]);
    assert!(page.contains("Scores of the rows") && page.contains("labelled anomalies"));
}
