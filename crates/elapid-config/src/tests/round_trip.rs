use std::path::Path;

use super::{MINIMAL, edited, parse};

fn cases() -> Vec<String> {
    let data = |lines: &str| edited("name = \"digits\"", lines);
    let below = |lines: &str| format!("{MINIMAL}\n{lines}\n");
    vec![
        MINIMAL.to_owned(),
        edited("epochs = 20", "steps = 7\nkeep_last = 1\ncheckpoint = 3"),
        edited("epochs = 20", "steps = 7\nmicro_batch = \"auto\""),
        edited("epochs = 20", "steps = 7\nmicro_batch = 3"),
        data("name = \"mnist\"\npath = 'C:\\data \"m\"'"),
        data("name = \"cifar10\"\npath = \"data/ü\"\nmean = [0, 1, 2]\nstd = [1, 0.1, 1e-9]"),
        data(
            "name = \"cifar100\"\npath = \"p\"\nworkers = 0\naugment = { shift = 2, hflip = true }",
        ),
        data("name = \"image_folder\"\npath = \"p\"\ntest_fraction = 0"),
        data("name = \"digits\"\ncrop_ratio = 0.875\ninterpolation = \"bilinear\""),
        below("[data.augment]\ncrop_area = [0.08, 1]\nrand_augment = 9\nmixup = 0.8\nrepeats = 3"),
        edited(
            "\"vim\"",
            "\"vim\"\nsize = \"small\"\ndt_rank = 5\ninit_layer_scale = 1e-6",
        ),
        edited(
            "\"vim\"",
            "\"vim\"\nclass_token = \"none\"\npool = \"max\"\nbimamba = \"none\"",
        ),
        edited(
            "\"classify\"",
            "\"classify\"\nclasses = 3\nlabel_smoothing = 0.1",
        ),
        below("[optim]\nbetas = [0, 0.5]\ngrad_clip = 0"),
        below("[schedule]\nkind = \"constant\"\nwarmup = \"0.3 epochs\""),
        below("[run]\nname = \"a-b_c.d\"\nseed = 18446744073709551615"),
        below("[eval]\nbest = \"loss\"\nweights = \"last\"\nbatch_size = 1\nevery = \"1 step\""),
    ]
}

#[test]
fn printed_plan_reads_back_equal() {
    for text in cases() {
        let plan = parse(&text).unwrap_or_else(|error| panic!("{error}\nin\n{text}"));
        let printed = plan.to_toml();
        let again = crate::parse(&printed, Path::new("runs/other/plan.toml")).unwrap();
        assert_eq!(again, plan, "{printed}");
        assert_eq!(again.to_toml(), printed);
    }
}

#[test]
fn serialised_plan_has_the_names_of_the_file() {
    let text = edited(
        "name = \"digits\"",
        "name = \"mnist\"\npath = \"p\"\nmean = [0.5]",
    );
    let plan = parse(&text).unwrap();
    let serialised = toml::Table::try_from(&plan).unwrap();
    let data = serialised["data"].as_table().unwrap();
    assert_eq!(data["name"].as_str(), Some("mnist"));
    assert_eq!(data["augment"]["shift"].as_integer(), Some(0));
    assert_eq!(serialised["model"]["dt_rank"].as_str(), Some("auto"));
    assert_eq!(serialised["log"]["every"].as_str(), Some("10 steps"));
    assert_eq!(serialised, plan.to_toml().parse::<toml::Table>().unwrap());
}
