use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{MINIMAL, edited};
use crate::{ConfigError, DataSpec, ErrorKind, ModelSpec, OptimSpec, Plan, ScheduleSpec, Source};

/// Files in a fresh directory.
struct Files(TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn load(&self, name: &str, overrides: &[&str]) -> Result<Plan, ConfigError> {
        let overrides: Vec<_> = overrides.iter().map(|&text| text.to_owned()).collect();
        crate::load(&self.path(name), &overrides)
    }

    /// The message with the directory left out.
    fn message(&self, name: &str, overrides: &[&str]) -> String {
        let error = self.load(name, overrides).unwrap_err().to_string();
        error.replace(&format!("{}/", self.0.path().display()), "")
    }
}

#[test]
fn the_parent_of_a_file_is_found_from_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let child = folder.path().join("child.toml");
    fs::write(&child, "extends = \"../base.toml\"").unwrap();
    let parent = crate::parent(&child).unwrap();
    assert_eq!(parent, Some(folder.path().join("../base.toml")));
    fs::write(&child, "[run]\nseed = 1").unwrap();
    assert_eq!(crate::parent(&child).unwrap(), None);
    fs::write(&child, "extends = 1").unwrap();
    assert!(crate::parent(&child).is_err());
}

#[test]
fn child_wins_key_by_key_down_the_chain() {
    let files = Files::new(&[
        (
            "bases/base.toml",
            &format!("{MINIMAL}\n[data.augment]\nshift = 1\nrotate = 5\n"),
        ),
        (
            "bases/middle.toml",
            "extends = \"base.toml\"\n[optim]\nlr = 2\neps = 1e-5\n",
        ),
        (
            "x.toml",
            "extends = \"bases/middle.toml\"\n[optim]\nlr = 3\n[data.augment]\nshift = 2\n",
        ),
    ]);
    let plan = files.load("x.toml", &[]).unwrap();
    let OptimSpec::AdamW(optim) = &plan.optim else {
        panic!("{:?}", plan.optim)
    };
    assert_eq!((optim.lr, optim.eps), (3.0, 1e-5));
    let augment = &plan.data.images().unwrap().augment;
    assert_eq!((augment.shift, augment.rotate), (2, 5.0));
    assert_eq!(plan.run.name, "x");
    let explained = plan.explain();
    for (key, file, line) in [("lr", "x.toml", 3), ("eps", "bases/middle.toml", 4)] {
        let line = format!("# {}:{line}", files.path(file).display());
        let found = explained
            .lines()
            .find(|line| line.starts_with(key))
            .unwrap();
        assert!(found.ends_with(&line), "{found}");
    }
}

#[test]
fn changed_tag_drops_the_keys_of_the_old_variant() {
    let base = edited("\"digits\"", "\"mnist\"\npath = \"p\"\nworkers = 7");
    let base = format!("{base}\n[schedule]\nmin_lr = 1e-7\nwarmup = 5\n");
    let files = Files::new(&[
        ("base.toml", &base),
        (
            "x.toml",
            "extends = \"base.toml\"\n[data]\nname = \"digits\"\n[schedule]\nkind = \"constant\"\n",
        ),
        (
            "same.toml",
            "extends = \"base.toml\"\n[schedule]\nkind = \"cosine\"\n",
        ),
    ]);
    let plan = files.load("x.toml", &[]).unwrap();
    let DataSpec { source, common, .. } = plan.data;
    assert!(matches!(source, Source::Digits(_)));
    assert_eq!(common.workers, 2);
    let ScheduleSpec::Constant(schedule) = plan.schedule else {
        panic!("not constant")
    };
    assert_eq!(schedule.warmup.in_steps(30), 0);
    let ScheduleSpec::Cosine(kept) = files.load("same.toml", &[]).unwrap().schedule else {
        panic!("not cosine")
    };
    assert_eq!((kept.min_lr, kept.warmup.in_steps(30)), (1e-7, 5));
    assert!(files.load("base.toml", &["schedule.kind=constant"]).is_ok());
}

#[test]
fn base_without_a_tag_keeps_its_keys() {
    let files = Files::new(&[
        ("base.toml", "[data]\nworkers = 7\n"),
        ("x.toml", &format!("extends = \"base.toml\"\n{MINIMAL}")),
    ]);
    assert_eq!(files.load("x.toml", &[]).unwrap().data.common.workers, 7);
}

#[test]
fn child_may_count_in_steps_where_its_parent_counts_epochs() {
    let files = Files::new(&[("x.toml", MINIMAL)]);
    let plan = files.load("x.toml", &["train.steps=5"]).unwrap();
    assert_eq!((plan.train.epochs, plan.train.steps), (None, Some(5)));
}

#[test]
fn mistakes_are_placed_in_the_file_that_holds_them() {
    let files = Files::new(&[
        ("base.toml", &edited("\"vim\"", "\"vim\"\n  depth = -1")),
        ("x.toml", "extends = \"base.toml\"\n"),
        (
            "lost.toml",
            "# no such parent\nextends = \"nowhere.toml\"\n",
        ),
        ("number.toml", "extends = 3\n"),
        ("a.toml", "extends = \"b.toml\"\n"),
        ("b.toml", "extends = \"./a.toml\"\n"),
    ]);
    assert_eq!(
        files.message("x.toml", &[]),
        "base.toml:7:11: `depth` in [model] must be at least 1 and at most 65536, got -1"
    );
    assert_eq!(
        files.message("lost.toml", &[]),
        "lost.toml:2:11: cannot read the config `nowhere.toml`: No such file or directory (os \
         error 2); `extends` takes a path from the folder of the file that it stands in"
    );
    assert_eq!(
        files.message("number.toml", &[]),
        "number.toml:1:11: expected a path for `extends`, got the integer 3; write for example \
         `extends = \"base.toml\"`"
    );
    assert_eq!(
        files.message("a.toml", &[]),
        "b.toml:1:11: `extends` runs in a circle: a.toml → b.toml → ./a.toml; the last parent of \
         a chain extends nothing"
    );
    let error = files.load("absent.toml", &[]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreadable);
}

#[test]
fn model_file_needs_only_a_model() {
    let files = Files::new(&[
        ("model.toml", "[model]\nbackbone = \"vim\"\ndepth = 2\n"),
        (
            "both.toml",
            "[model]\nbackbone = \"vim\"\n[task]\nkind = \"classify\"\n",
        ),
        ("x.toml", MINIMAL),
        ("task.toml", "[task]\nkind = \"classify\"\n"),
    ]);
    let load = |name: &str| crate::load_model(&files.path(name));
    let (ModelSpec::Vim(vim), task) = load("model.toml").unwrap() else {
        panic!("another backbone")
    };
    assert_eq!((vim.depth, task), (2, None));
    assert!(load("both.toml").unwrap().1.is_some());
    assert!(load("x.toml").unwrap().1.is_some());
    assert_eq!(load("task.toml").unwrap_err().kind, ErrorKind::Missing);
    assert_eq!(
        crate::load_model(Path::new("")).unwrap_err().kind,
        ErrorKind::Unreadable
    );
}
