use std::path::Path;

use super::{MINIMAL, edited, parse};
use crate::schema::{Default, SECTIONS};
use crate::{Interval, ModelSpec, VimSize};

const ALL_DEFAULTS: &str = include_str!("all_defaults.toml");

#[test]
fn almost_empty_file_has_every_default() {
    assert_eq!(parse(MINIMAL).unwrap().to_toml(), ALL_DEFAULTS);
}

#[test]
fn every_default_is_valid_toml() {
    for section in SECTIONS {
        for key in section.keys(None).into_iter().chain(section.tag.as_ref()) {
            if let Default::Toml(text) = key.default {
                let line = format!("{} = {text}", key.name);
                assert!(
                    line.parse::<toml::Table>().is_ok(),
                    "[{}] {line}",
                    section.name
                );
            }
        }
    }
}

#[test]
fn size_sets_width_unless_the_width_is_explicit() {
    let width = |keys: &str| {
        let model = parse(&edited("\"vim\"", &format!("\"vim\"\n{keys}")))
            .unwrap()
            .model;
        let ModelSpec::Vim(vim) = model else {
            panic!("{model:?}")
        };
        (vim.size, vim.embed_dim, vim.depth)
    };
    assert_eq!(width("size = \"small\""), (Some(VimSize::Small), 384, 24));
    assert_eq!(
        width("size = \"base\"\nembed_dim = 96"),
        (Some(VimSize::Base), 96, 24)
    );
}

#[test]
fn stride_follows_patch_size_and_eval_batches_follow_training() {
    let text = edited("\"vim\"", "\"vim\"\nimage_size = 8\npatch_size = 2");
    let plan = parse(&text).unwrap();
    let ModelSpec::Vim(vim) = &plan.model else {
        panic!("{:?}", plan.model)
    };
    assert_eq!((vim.stride, plan.eval.batch_size), (2, 64));
    assert_eq!(plan.run.name, "x");
}

#[test]
fn zero_turns_clipping_off() {
    let clip = |text: &str| parse(text).unwrap().optim.common().clip_norm;
    assert_eq!(clip(MINIMAL), Some(1.0));
    assert_eq!(clip(&format!("{MINIMAL}\n[optim]\ngrad_clip = 0\n")), None);
}

#[test]
fn training_length_comes_from_epochs_or_steps() {
    assert_eq!(
        parse(MINIMAL).unwrap().train.length(),
        Interval::Epochs(20.0)
    );
    let steps = parse(&edited("epochs = 20", "steps = 500")).unwrap();
    assert_eq!(steps.train.length(), Interval::Steps(500));
}

#[test]
fn intervals_become_steps() {
    let steps = |text: &str| text.parse::<Interval>().unwrap().in_steps(30);
    assert_eq!(steps("7 steps"), 7);
    assert_eq!(steps("1 epoch"), 30);
    assert_eq!(steps("0.5epochs"), 15);
    assert_eq!(steps("0.001 epochs"), 1);
    assert_eq!(steps("0 epochs"), 0);
}

#[test]
fn explain_names_every_origin() {
    let text = format!("{MINIMAL}\n[optim]\nlr = 3e-4\n");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.toml");
    std::fs::write(&path, text).unwrap();
    let explained = crate::load(&path, &["optim.eps=1e-6".to_owned()])
        .unwrap()
        .explain();
    let origin_of = |key: &str| {
        let line = explained
            .lines()
            .find(|line| line.starts_with(key))
            .unwrap();
        line.split_once(" # ").unwrap().1.to_owned()
    };
    assert_eq!(origin_of("betas"), "default");
    assert_eq!(origin_of("stride"), "default: `patch_size`");
    assert_eq!(origin_of("lr"), format!("{}:16", path.display()));
    assert_eq!(origin_of("eps"), "--set");
    assert!(explained.contains("\n# steps is not set\n"), "{explained}");
}

#[test]
fn explained_plan_reads_back() {
    let plan = parse(MINIMAL).unwrap();
    assert_eq!(
        crate::parse(&plan.explain(), Path::new("plan.toml")).unwrap(),
        plan
    );
}

#[test]
fn reference_lists_every_key() {
    let page = crate::reference();
    for section in SECTIONS {
        assert!(page.contains(&format!("## `[{}]`", section.name)));
        for key in section.keys(None) {
            assert!(
                page.contains(&format!("| `{}` |", key.name)),
                "{}",
                key.name
            );
            assert!(!key.doc.trim().is_empty(), "{}", key.name);
        }
    }
}
