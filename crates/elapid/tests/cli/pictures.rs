//! `predict --sheet` and `explain`.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{elapid, fail, succeed, train};

/// Noise that differs from image to image, with a bright or dark upper left corner of 4 × 4 pixels.
fn image(number: u32, bright: bool) -> RgbImage {
    RgbImage::from_fn(12, 12, |x, y| {
        let level = match x < 4 && y < 4 {
            true if bright => 230,
            true => 20,
            false => {
                let seed = 1 + number * 997 + y * 131 + x * 17;
                let mixed = seed.wrapping_mul(0x9e37_79b9);
                let mixed = (mixed ^ mixed >> 15).wrapping_mul(0x85eb_ca6b);
                (mixed >> 24) as u8
            }
        };
        Rgb([level; 3])
    })
}

fn corner_images(root: &Path) {
    for split in ["train", "val"] {
        for (class, bright) in [("dark", false), ("bright", true)] {
            let folder = root.join(split).join(class);
            fs::create_dir_all(&folder).unwrap();
            for number in 0..24 {
                let number = number + if split == "val" { 100 } else { 0 };
                let path = folder.join(format!("{number}.png"));
                image(number, bright).save(path).unwrap();
            }
        }
    }
}

const CORNERS: &str = r#"
[data]
name = "image_folder"
path = "DATA"
workers = 1

[model]
backbone = "vim"
image_size = 12
patch_size = 4
channels = 1
embed_dim = 16
depth = 2

[task]
kind = "classify"

[optim]
lr = 1e-2

[eval]
every = 1000

[train]
steps = 150
batch_size = 16
"#;

/// The class is in the upper left patch of nine, and so is the explanation.
#[test]
fn a_decision_is_explained_by_the_patch_that_it_hangs_on() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    corner_images(&data);
    let config = folder.path().join("corners.toml");
    fs::write(
        &config,
        CORNERS.replace("DATA", &data.display().to_string()),
    )
    .unwrap();
    let run = folder.path().join("run");
    succeed(elapid(["train"]).arg(&config).arg("--out").arg(&run));

    // An image of mean colour is of one class or the other: the image of the other class is the one that was moved.
    let explained = |class: &str| {
        let image = data.join(format!("val/{class}/100.png"));
        let picture = folder.path().join(format!("new/{class}.png"));
        let mut command = elapid(["explain", "--json"]);
        let said = succeed(command.arg(&run).arg(&image).arg("--output").arg(&picture));
        let found: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(found["class"], class);
        (found, image, picture)
    };
    let change = |found: &Value| {
        let number = |member: &str| found[member].as_f64().unwrap();
        number("log_odds") - number("log_odds_of_mean_colour")
    };
    let (found, image, picture) = ["dark", "bright"]
        .into_iter()
        .map(explained)
        .max_by(|a, b| change(&a.0).total_cmp(&change(&b.0)))
        .unwrap();
    let change = change(&found);
    let numbers = |member: &str| -> Vec<f64> {
        let values = found[member].as_array().unwrap();
        values.iter().map(|value| value.as_f64().unwrap()).collect()
    };
    let cells = numbers("contributions");
    assert_eq!(cells.len(), 9);
    let total: f64 = cells.iter().map(|cell| cell.abs()).sum();
    assert!(cells[0] > 0.5 * total, "{cells:?}");
    // Contributions sum to what the image changes.
    let sum: f64 = cells.iter().sum();
    assert!(
        change > 2.0 && (sum - change).abs() < 0.05 * change,
        "{sum} {change}"
    );
    let attention = numbers("attention");
    assert!((attention.iter().sum::<f64>() - 1.0).abs() < 1e-9 && attention.len() == 9);

    // The heat map is red in that corner: panels of 324 pixels begin at 20 and 364.
    let page = image::open(&picture).unwrap().into_rgb8();
    let redness = |x: u32, y: u32| {
        let [r, _, b] = page.get_pixel(x, y).0;
        i32::from(r) - i32::from(b)
    };
    assert!(redness(364 + 50, 150) > 60, "{}", redness(364 + 50, 150));
    assert!(redness(364 + 50, 150) > redness(364 + 160, 150) + 30);

    let (code, message) = fail(elapid(["explain", "--class", "grey"]).arg(&run).arg(&image));
    assert_eq!(code, Some(2));
    assert!(
        message.contains("`dark`") && message.contains("`bright`"),
        "{message}"
    );
    // What spoke for the one class speaks against the other.
    let other = match found["class"].as_str() {
        Some("dark") => "bright",
        _ => "dark",
    };
    let said = succeed(elapid(["explain", "--class", other]).arg(&run).arg(&image));
    assert!(said.contains("row 1, column 1 of 3: -"), "{said}");
    assert!(run.join(format!("explain/100_{other}.png")).is_file());
}

#[test]
fn a_contact_sheet_shows_images_and_what_is_right() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    succeed(&mut train(&run, &["train.steps=2"]));
    let images = folder.path().join("7");
    fs::create_dir(&images).unwrap();
    for number in 0..5 {
        image(number, true)
            .save(images.join(format!("{number}.png")))
            .unwrap();
    }
    let sheet = folder.path().join("sheet.png");
    let mut command = elapid(["predict"]);
    let said = succeed(command.arg(&run).arg(&images).arg("--sheet").arg(&sheet));
    assert!(said.contains("sheet.png"), "{said}");
    let sheet = image::open(&sheet).unwrap();
    assert!(sheet.width() > 500 && sheet.height() > 400);
    let (code, message) = fail(
        elapid(["predict"])
            .arg(&run)
            .arg(&images)
            .args(["--sheet", "/dev/null/a.png"]),
    );
    assert_eq!(code, Some(1), "{message}");
}
