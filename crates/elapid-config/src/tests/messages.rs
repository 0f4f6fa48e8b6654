use super::{MINIMAL, edited, parse};
use crate::ErrorKind::{self, *};

/// What is wrong with `text`, sort and message.
fn refusal(text: &str) -> (ErrorKind, String) {
    let error = parse(text).expect_err(text);
    (error.kind, error.to_string())
}

fn model(lines: &str) -> String {
    edited(
        "backbone = \"vim\"",
        &format!("backbone = \"vim\"\n{lines}"),
    )
}

fn train(lines: &str) -> String {
    format!("{MINIMAL}{lines}\n")
}

#[test]
fn messages_are_pinned() {
    let cases: Vec<(String, ErrorKind, &str)> = vec![
        (
            train("keep_lats = 3"),
            UnknownKey,
            "configs/x.toml:14:1: unknown key `keep_lats` in [train]; did you mean `keep_last`? \
             Valid keys: `epochs`, `steps`, `batch_size`, `micro_batch`, `precision`, `graph`, `init_from`, `init_positions`, `freeze`, `unfreeze`, `layer_decay`, `input_lr_factor`, `head_lr_factor`, `ema`, `max_skips`, `patience`, `max_minutes`, `checkpoint`, `keep_best`, `keep_last`, `keep_every`",
        ),
        (
            train("patch_size = 3"),
            UnknownKey,
            "configs/x.toml:14:1: unknown key `patch_size` in [train]; `patch_size` belongs to \
             [model]. Valid keys: `epochs`, `steps`, `batch_size`, `micro_batch`, \
             `precision`, `graph`, `init_from`, `init_positions`, `freeze`, `unfreeze`, `layer_decay`, `input_lr_factor`, `head_lr_factor`, `ema`, `max_skips`, `patience`, `max_minutes`, `checkpoint`, `keep_best`, `keep_last`, `keep_every`",
        ),
        (
            train("[schedule]\nkind = \"constant\"\nmin_lr = 0"),
            UnknownKey,
            "configs/x.toml:16:1: `min_lr` is not a key of schedule kind `constant`; it is one of \
             `cosine`, `linear`, `polynomial`, `wsd`, `plateau`",
        ),
        (
            format!("lr = 3\n{MINIMAL}"),
            UnknownKey,
            "configs/x.toml:1:1: unknown key `lr` outside all sections; `lr` belongs to [optim]. \
             Valid sections: `run`, `data`, `data.audio`, `data.augment`, `model`, `task`, `optim`, `schedule`, \
             `train`, `lora`, `eval`, `log`",
        ),
        (
            edited("\"digits\"", "\"digts\""),
            UnknownName,
            "configs/x.toml:3:8: unknown value `digts` for `name` in [data]; did you mean \
             `digits`? Valid values: `digits`, `image_folder`, `tiny_imagenet`, `tar_shards`, `mnist`, `fashion_mnist`, `cifar10`, `cifar100`, `shapes`, `ade20k`, `mask_folder`, `audio_folder`, `esc50`, `urbansound8k`, `speech_commands`, `audioset`, `csv`, `ett`, `solar`, `pems`, `seasonal`, `uea`, `rhythms`, `anomaly`, `faults`, `pattern`, `cluster`, `tree_neighbors_match`, `ring_transfer`, `minesweeper`, `karate`, `communities`, `graph_csv`, `graphml`, `tu`, `ogb`, `heterophilous`",
        ),
        (
            train("precision = \"fp8\""),
            UnknownName,
            "configs/x.toml:14:13: unknown value `fp8` for `precision` in [train]; valid values: \
             `fp32`, `bf16`, `fp16`",
        ),
        (
            model("patch_size = 4.0"),
            WrongType,
            "configs/x.toml:7:14: expected an integer for `patch_size` in [model], got the float \
             4.0; write for example `patch_size = 16`",
        ),
        (
            model("dt_rank = \"atuo\""),
            WrongType,
            "configs/x.toml:7:11: expected an integer or `\"auto\"` for `dt_rank` in [model], got \
             the string \"atuo\"; write for example `dt_rank = \"auto\"`",
        ),
        (
            edited("batch_size = 64", ""),
            Missing,
            "configs/x.toml:11:2: missing key `batch_size` in [train]; add `batch_size = 16` \
             under [train]",
        ),
        (
            train("micro_batch = \"all\""),
            WrongType,
            "configs/x.toml:14:15: expected an integer or `\"auto\"` for `micro_batch` in [train], got \
             the string \"all\"; write for example `micro_batch = \"auto\"`",
        ),
        (
            train("micro_batch = 0"),
            OutOfRange,
            "configs/x.toml:14:15: `micro_batch` in [train] must be at least 1, got 0",
        ),
        (
            "".to_owned(),
            Missing,
            "configs/x.toml: missing key `name` in [data]; add `name = \"digits\"` under [data]. \
             Valid values: `digits`, `image_folder`, `tiny_imagenet`, `tar_shards`, `mnist`, `fashion_mnist`, `cifar10`, `cifar100`, `shapes`, `ade20k`, `mask_folder`, `audio_folder`, `esc50`, `urbansound8k`, `speech_commands`, `audioset`, `csv`, `ett`, `solar`, `pems`, `seasonal`, `uea`, `rhythms`, `anomaly`, `faults`, `pattern`, `cluster`, `tree_neighbors_match`, `ring_transfer`, `minesweeper`, `karate`, `communities`, `graph_csv`, `graphml`, `tu`, `ogb`, `heterophilous`",
        ),
        (
            edited("batch_size = 64", "batch_size = 0"),
            OutOfRange,
            "configs/x.toml:13:14: `batch_size` in [train] must be at least 1, got 0",
        ),
        (
            edited("epochs = 20", ""),
            Missing,
            "configs/x.toml:11:2: [train] does not say how long to train; add `epochs = 20` or \
             `steps = 10000` under [train]",
        ),
        (
            train("steps = 5"),
            Conflict,
            "configs/x.toml:14:9: `epochs` and `steps` in [train] both say how long to train; \
             keep one of them",
        ),
        (
            model("patch_size = 8\nstride = 9"),
            Conflict,
            "configs/x.toml:8:10: `stride` 9 is above `patch_size` 8; pixels between the patches \
             would be lost; leave `stride` out for patches side by side",
        ),
        (
            train("[data.augment]\ncrop_area = [1, 0.08]"),
            Conflict,
            "configs/x.toml:15:13: `crop_area` goes from 1 down to 0.08; write the smaller number first: \
             `crop_area = [0.08, 1]`",
        ),
        (
            train("batch_size = 3"),
            DuplicateKey,
            "configs/x.toml:14:1: `batch_size` is written twice; keep one of the two; a section \
             may open only once",
        ),
        (
            edited("\"digits\"", "digits"),
            Syntax,
            "configs/x.toml:3:8: not valid TOML: string values must be quoted, expected literal \
             string; a value is a number, `true`, `false`, or text in quotes",
        ),
        (
            train("[data]\nworkers = 1"),
            DuplicateKey,
            "configs/x.toml:14:2: `data` is written twice; keep one of the two; a section may open \
             only once",
        ),
        (
            train("precision = fp32"),
            Syntax,
            "configs/x.toml:14:13: not valid TOML: invalid boolean, expected `false`; a value is \
             a number, `true`, `false`, or text in quotes",
        ),
        (
            edited("[task]", "[task"),
            Syntax,
            "configs/x.toml:8:6: not valid TOML: unclosed table, expected `]`",
        ),
    ];
    for (text, kind, message) in cases {
        assert_eq!(refusal(&text), (kind, message.to_owned()));
    }
}

#[test]
fn illegal_numbers_are_refused_with_their_range() {
    for (line, words) in [
        (
            "image_size = -224",
            "at least 1 and at most 65536, got -224",
        ),
        ("d_state = 257", "at least 1 and at most 256, got 257"),
        ("dt_rank = 0", "at least 1 and at most 65536, got 0"),
        ("dt_min = 0", "greater than 0, got 0"),
        ("dt_min = nan", "finite and greater than 0, got nan"),
        ("dt_max = inf", "finite and greater than 0, got inf"),
        ("drop_rate = 1", "at least 0 and less than 1, got 1"),
        (
            "drop_rate = -inf",
            "finite and at least 0 and less than 1, got -inf",
        ),
        ("init_layer_scale = 0.0", "greater than 0, got 0.0"),
        (
            "depth = 99999999999999999999",
            "at most 18446744073709551615, got 99999999999999999999",
        ),
    ] {
        let (kind, message) = refusal(&model(line));
        assert_eq!(kind, OutOfRange, "{message}");
        assert!(
            message.ends_with(&format!("[model] must be {words}")),
            "{message}"
        );
    }
}

#[test]
fn illegal_values_outside_the_model_are_refused() {
    for lines in [
        "checkpoint = 0",
        "checkpoint = -1",
        "checkpoint = \"0 epochs\"",
        "checkpoint = \"nan epochs\"",
        "checkpoint = \"1.5 steps\"",
        "checkpoint = \"10 minutes\"",
        "keep_last = 0",
        "[optim]\nbetas = [0.9]",
        "[optim]\nbetas = [0.9, 1.0]",
        "[optim]\nlr = 0",
        "[optim]\ngrad_clip = -1",
        "[run]\nseed = -1",
        "[run]\nname = \"\"",
        "[run]\nname = \"..\"",
        "[run]\nname = \"a/b\"",
        "[data.augment]\nscale = 1",
        "[data.augment]\ncrop_area = [0, 1]",
        "[data.augment]\ncrop_area = [0.1, 1.1]",
        "[data.augment]\nrand_augment = 11",
        "[data.augment]\nerase = 1.5",
        "[data.augment]\nrepeats = 0",
        "[data.augment]\nmixup = -0.2",
    ] {
        let (kind, message) = refusal(&train(lines));
        assert_eq!(kind, OutOfRange, "{message}");
    }
    for lines in [
        "mean = []",
        "std = [0]",
        "workers = 257",
        "valid_fraction = 1",
        "crop_ratio = 0",
        "crop_ratio = 1.1",
    ] {
        let text = edited("\"digits\"", &format!("\"digits\"\n{lines}"));
        assert_eq!(refusal(&text).0, OutOfRange);
    }
}

#[test]
fn impossible_combinations_are_refused() {
    for lines in [
        "image_size = 8",
        "stride = 17",
        "dt_min = 0.2",
        "pool = \"max\"",
        "dt_max = 1e-4",
    ] {
        assert_eq!(refusal(&model(lines)).0, Conflict, "{lines}");
    }
    let text = edited("\"digits\"", "\"digits\"\nmean = [0.5]\nstd = [1, 1]");
    assert_eq!(refusal(&text).0, Conflict);
    let graphs = include_str!("../../../../configs/graphs/graph_mamba_cluster.toml");
    for lines in ["local = \"none\"", "scan_norm = true"] {
        let text = graphs.replace("dropout = 0.1", &format!("global = \"none\"\n{lines}"));
        assert_eq!(refusal(&text).0, Conflict, "{lines}");
    }
}

#[test]
fn wrong_types_are_refused() {
    for (lines, got) in [
        ("depth = \"24\"", "got the string \"24\";"),
        ("depth = 2024-01-01", "got the date 2024-01-01;"),
        ("bias = 1", "got the integer 1;"),
        ("rms_norm = \"yes\"", "got the string \"yes\";"),
        ("size = 3", "got the integer 3;"),
        ("dt_min = [1]", "got the array [1];"),
        ("dt_min = { a = 1 }", "got a table;"),
    ] {
        let (kind, message) = refusal(&model(lines));
        assert_eq!(kind, WrongType, "{message}");
        assert!(message.contains(got), "{message}");
    }
    let (kind, message) = refusal(&format!("log = 3\n{MINIMAL}"));
    assert_eq!(kind, WrongType);
    assert_eq!(
        message,
        "configs/x.toml:1:7: expected the section [log], got the integer 3; open it with a line \
         `[log]` and put its keys below"
    );
}

#[test]
fn columns_count_characters() {
    let (_, message) = refusal(&edited("\"digits\"", "\"digits\"\n\"ü\" = 1"));
    assert!(message.starts_with("configs/x.toml:4:1:"), "{message}");
    let (_, message) = refusal(&edited(
        "\"digits\"",
        "\"mnist\"\naugment = { \"ü\" = 1, shift = 1 }",
    ));
    assert!(message.starts_with("configs/x.toml:4:13:"), "{message}");
}
