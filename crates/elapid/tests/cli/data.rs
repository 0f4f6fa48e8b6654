//! Data sets from the command line: listed, prepared and looked through.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::net::TcpListener;
use std::thread;

use image::{ImageFormat, RgbImage};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{elapid, fail, smoke, succeed, timeless, train};

/// A PNG of 8×8 pixels.
fn png(red: u8) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_fn(8, 8, |x, y| image::Rgb([red, 20 * x as u8, 20 * y as u8]))
        .write_to(&mut bytes, ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

/// Two shards of twelve samples for training and one of six for the test, the last of which is no image if `broken`.
fn shards(broken: bool) -> TempDir {
    let folder = tempdir().unwrap();
    for (name, count) in [
        ("train/0.tar", 12),
        ("train/1.tar", 12),
        ("test/0.tar", 6_u8),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut builder = tar::Builder::new(fs::File::create(path).unwrap());
        let mut append = |name: String, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, bytes).unwrap();
        };
        for at in 0..count {
            let image = match broken && name == "test/0.tar" && at == 5 {
                true => b"no image".to_vec(),
                false => png(10 + 90 * (at % 2) + at),
            };
            append(format!("{at:04}.png"), &image);
            append(format!("{at:04}.cls"), (at % 2).to_string().as_bytes());
        }
        builder.finish().unwrap();
    }
    folder
}

#[test]
fn every_data_set_is_listed_with_where_it_comes_from() {
    let listed = succeed(&mut elapid(["data", "list"]));
    for words in [
        "images\n  digits ",
        "images with masks\n",
        "sounds\n",
        "tar_shards",
        "fetched by `elapid data prepare tiny_imagenet`",
        ": read as `csv`",
        "`elapid data prepare audioset` says what to do",
        "comes with elapid, or is made by it",
    ] {
        assert!(listed.contains(words), "`{words}` is missing in: {listed}");
    }
    let lines = succeed(&mut elapid(["data", "list", "--json"]));
    let names: Vec<String> = lines
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["name"].as_str().unwrap().to_owned()
        })
        .collect();
    assert!(
        names.contains(&"voxceleb1".to_owned()) && names.len() > 40,
        "{names:?}"
    );
}

#[test]
fn a_folder_is_looked_through_and_what_is_broken_is_named() {
    let folder = tempdir().unwrap();
    let images = folder.path().join("images");
    succeed(elapid(["data", "digits"]).arg(&images));
    let said = succeed(elapid(["data", "verify"]).arg(&images));
    assert!(
        said.contains("A folder of images (name = \"image_folder\")"),
        "{said}"
    );
    assert!(said.contains("train  1437 images  all readable"), "{said}");
    assert!(said.contains("test   360 images"), "{said}");
    // A line a class: label, training and test images.
    assert!(
        said.lines().any(|line| line.starts_with("0      143")),
        "{said}"
    );

    for name in ["test/0/0002.png", "train/3/0003.png"] {
        fs::write(images.join(name), "no image").unwrap();
    }
    let broken = images.join("train/3/0003.png");
    assert!(broken.is_file());
    let output = elapid(["data", "verify"]).arg(&images).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("unreadable"), "{said}");
    assert!(
        said.contains("train/3/0003.png` cannot be loaded: "),
        "{said}"
    );
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("samples cannot be read; repair or remove them"),
        "{error}"
    );

    // Only listed, nothing is found.
    let said = succeed(elapid(["data", "verify", "--quick"]).arg(&images));
    assert!(said.contains("not read"), "{said}");
}

#[test]
fn an_experiment_is_looked_through() {
    let config = smoke();
    let said = succeed(elapid(["data", "verify"]).arg(&config));
    assert!(
        said.contains("(name = \"digits\")") && said.contains("all readable"),
        "{said}"
    );
    let (code, error) = fail(elapid(["data", "verify"]).arg(&config).args([
        "--set",
        "data.name=mnist",
        "--set",
        "data.path=nowhere",
    ]));
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("`nowhere` does not exist"), "{error}");
    let empty = tempdir().unwrap();
    let (code, error) = fail(elapid(["data", "verify"]).arg(empty.path()));
    assert_eq!(code, Some(2), "{error}");
    assert!(
        error.contains("is laid out as no data set that is recognised"),
        "{error}"
    );
}

#[test]
fn counts_other_than_the_published_ones_are_said() {
    let folder = tempdir().unwrap();
    let idx = |words: &[u32], payload: &[u8]| {
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.extend_from_slice(payload);
        bytes
    };
    for (part, count) in [("train", 3_u32), ("t10k", 2)] {
        let images = idx(&[2051, count, 2, 2], &vec![9; 4 * count as usize]);
        let labels = idx(&[2049, count], &vec![1; count as usize]);
        fs::write(
            folder.path().join(format!("{part}-images-idx3-ubyte")),
            images,
        )
        .unwrap();
        fs::write(
            folder.path().join(format!("{part}-labels-idx1-ubyte")),
            labels,
        )
        .unwrap();
    }
    let output = elapid(["data", "verify"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains(
            "the counts are not those of MNIST: 3 train instead of 60000, 2 test instead of 10000"
        ),
        "{error}"
    );
    let etth1 = folder.path().join("ETTh1.csv");
    let mut rows = "date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT\n".to_owned();
    let (mut month, mut day) = (1, 1);
    for at in 0..600 {
        let year = 2016 + at / 366;
        for hour in 0..24 {
            rows += &format!("{year}-{month:02}-{day:02} {hour:02}:00:00,1,2,3,4,5,6,{hour}\n");
        }
        let length = match month {
            2 if year == 2016 => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        (month, day) = match day == length {
            true => (1 + month % 12, 1),
            false => (month, day + 1),
        };
    }
    fs::write(&etth1, rows).unwrap();
    let output = elapid(["data", "verify"]).arg(&etth1).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("14400 rows instead of the 17420 of ETTh1"),
        "{error}"
    );
}

#[test]
fn shards_train_resume_and_are_looked_through_like_files() {
    let shards = shards(true);
    let said = elapid(["data", "verify"])
        .arg(shards.path())
        .output()
        .unwrap();
    assert_eq!(said.status.code(), Some(1));
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("(name = \"tar_shards\")"), "{said}");
    assert!(said.contains("`0005.png` in `"), "{said}");

    let folder = tempdir().unwrap();
    let path = format!("data.path={:?}", shards.path().to_str().unwrap());
    let set = [
        "data.name=tar_shards",
        &path,
        "data.corrupt=skip",
        "train.steps=12",
        "train.batch_size=4",
        "train.checkpoint=4",
        "eval.every=6",
        "log.every=1",
        "schedule.kind=constant",
    ];
    let on = |workers: &str| {
        let out = folder.path().join(workers);
        let workers = format!("data.workers={workers}");
        let set: Vec<&str> = set.iter().copied().chain([workers.as_str()]).collect();
        succeed(&mut train(&out, &set));
        out
    };
    let one = on("0");
    let log = fs::read_to_string(one.join("log.txt")).unwrap();
    assert_eq!(log.matches("it is passed over").count(), 1, "{log}");
    // The same with several workers, and killed and resumed.
    assert_eq!(timeless(&on("3")), timeless(&one));
    let mut command = elapid(["verify-resume", "--kills", "2"]);
    command.arg(smoke());
    for value in set {
        command.args(["--set", value]);
    }
    let said = succeed(&mut command);
    assert_eq!(said.matches("equal bit for bit").count(), 2, "{said}");
}

#[test]
fn a_data_set_is_prepared_from_a_mirror_and_recognised() {
    let folder = tempdir().unwrap();
    let rows = "date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT\n2016-07-01 00:00:00,1,2,3,4,5,6,7\n";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{rows}",
                rows.len()
            );
        }
    });
    // The file is not the published one, which its checksum tells.
    let place = folder.path().join("ett");
    let (code, error) = fail(elapid(["data", "prepare", "ett", "--mirror", &mirror]).arg(&place));
    assert_eq!(code, Some(1), "{error}");
    assert!(
        error.contains("ETTh1.csv` from http://127.0.0.1"),
        "{error}"
    );
    assert!(
        error.contains("has the sha256 ") && error.contains("it was removed"),
        "{error}"
    );
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_fetched_is_explained() {
    let folder = tempdir().unwrap();
    let (code, error) =
        fail(elapid(["data", "prepare", "imagenet1k"]).arg(folder.path().join("in")));
    assert_eq!(code, Some(2), "{error}");
    assert!(
        error.contains("https://www.image-net.org/download-images"),
        "{error}"
    );
    assert!(
        error.contains("in/train: it holds an archive a class"),
        "{error}"
    );
    let said = succeed(&mut elapid(["data", "prepare", "shapes"]));
    assert!(said.contains("needs no files"), "{said}");
    let (code, error) = fail(&mut elapid(["data", "prepare", "minst"]));
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("no such card, expected one of"), "{error}");
    // Nobody listens on the port of `discard`.
    let (code, error) = fail(
        elapid(["data", "prepare", "mnist", "--mirror", "http://127.0.0.1:9"])
            .arg(folder.path().join("mnist")),
    );
    assert_eq!(code, Some(1), "{error}");
    assert!(
        error.contains("cannot reach http://127.0.0.1:9/train-images-idx3-ubyte.gz"),
        "{error}"
    );
    assert!(
        error.contains("-> ") && error.contains("(md5:f68b3c2d"),
        "{error}"
    );
}
