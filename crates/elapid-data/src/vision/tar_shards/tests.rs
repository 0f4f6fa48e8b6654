use std::fs::{self, File};
use std::io::Cursor;
use std::time::{Duration, SystemTime};

use image::{ImageFormat, Rgb, RgbImage};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use super::*;
use crate::transform::{Augment, ImagePipeline, Interpolation};
use crate::vision::{ImageBatch, ImageBatcher, ImageDataset};
use crate::{Corrupt, EvalLoader, Order, TrainLoader};

/// A PNG of 6×5 pixels.
fn png(level: u8) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let image = RgbImage::from_fn(6, 5, |x, y| Rgb([level, 10 * x as u8, 10 * y as u8]));
    image.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn write(root: &Path, name: &str, members: &[(&str, &[u8])]) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, archive(members)).unwrap();
}

/// An archive of images with the labels given, of the levels from `first` on.
fn labelled(root: &Path, name: &str, first: u8, labels: &[usize]) {
    let levels = (first..).zip(labels);
    let files: Vec<(String, Vec<u8>)> = levels
        .flat_map(|(level, label)| {
            [
                (format!("{level:03}.png"), png(level)),
                (format!("{level:03}.cls"), label.to_string().into_bytes()),
            ]
        })
        .collect();
    let members: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    write(root, name, &members);
}

/// Label and level of each image.
fn contents(images: &ImageDataset) -> Vec<(usize, u8)> {
    (0..images.len())
        .map(|index| {
            let sample = images.get(index).unwrap();
            assert_eq!(images.label(index), Some(sample.label));
            (sample.label, sample.image.data()[0])
        })
        .collect()
}

fn message(root: &Path) -> String {
    splits(root, 0.0, 0.5, 0).unwrap_err().to_string()
}

#[test]
fn shards_in_folders_of_splits() {
    let root = TempDir::new().unwrap();
    labelled(root.path(), "train/a-001.tar", 20, &[2, 0]);
    labelled(root.path(), "train/a-000.tar", 10, &[1, 0, 2]);
    labelled(root.path(), "val/b.tar", 30, &[1]);
    labelled(root.path(), "test/c.tar", 40, &[0, 1]);
    let read = splits(root.path(), 0.5, 0.5, 0).unwrap();
    assert_eq!(read.train.classes(), ["0", "1", "2"]);
    let train = [(1, 10), (0, 11), (2, 12), (2, 20), (0, 21)];
    assert_eq!(contents(&*read.train), train);
    assert_eq!(contents(&**read.valid.as_ref().unwrap()), [(1, 30)]);
    assert_eq!(contents(&*read.test), [(0, 40), (1, 41)]);
    let described = read.train.describe(3);
    assert!(described.starts_with("`020.png` in `"), "{described}");
    assert!(described.ends_with("train/a-001.tar`"), "{described}");
}

#[test]
fn shards_named_after_their_splits() {
    let root = TempDir::new().unwrap();
    labelled(root.path(), "imagenet1k-train-0000.tar", 10, &[1, 0]);
    labelled(root.path(), "imagenet1k-train-0001.tar", 20, &[1, 0]);
    labelled(root.path(), "imagenet1k-validation-00.tar", 30, &[0]);
    let read = splits(root.path(), 0.25, 0.5, 0).unwrap();
    // Without archives for the test those of the validation are it.
    assert_eq!(contents(&*read.test), [(0, 30)]);
    assert_eq!((read.train.len(), read.valid.unwrap().len()), (3, 1));
    labelled(root.path(), "more.tar", 40, &[0]);
    let said = message(root.path());
    assert!(
        said.contains("of 4 archives says of which split it is, but not that of `more.tar`"),
        "{said}"
    );
}

#[test]
fn undivided_shards_are_divided_class_by_class() {
    let root = TempDir::new().unwrap();
    labelled(root.path(), "0.tar", 10, &[0, 1, 0, 1, 0]);
    labelled(root.path(), "1.tar", 20, &[0, 0, 1, 1, 1]);
    let read = splits(root.path(), 0.25, 0.4, 3).unwrap();
    let labels: Vec<_> = contents(&*read.test)
        .iter()
        .map(|(label, _)| *label)
        .collect();
    assert_eq!(labels, [0, 0, 1, 1]);
    assert_eq!((read.train.len(), read.valid.unwrap().len()), (4, 2));
    let again = splits(root.path(), 0.25, 0.4, 3).unwrap();
    assert_eq!(read.test.fingerprint(), again.test.fingerprint());
}

#[test]
fn one_archive_a_class() {
    let root = TempDir::new().unwrap();
    let (a, b, c) = (png(1), png(2), png(3));
    // In byte order a-b.tar is before a.tar, but a before a-b.
    write(
        root.path(),
        "train/a.tar",
        &[("x.1.png", &a), ("x.2.png", &b)],
    );
    write(
        root.path(),
        "train/a-b.tar",
        &[("y.png", &c), ("notes.txt", b"")],
    );
    write(root.path(), "val/a-b.tar", &[("z.PNG", &b)]);
    let read = splits(root.path(), 0.0, 0.5, 0).unwrap();
    assert_eq!(read.train.classes(), ["a", "a-b"]);
    assert_eq!(contents(&*read.train), [(1, 3), (0, 1), (0, 2)]);
    assert_eq!(contents(&*read.test), [(1, 2)]);
    write(root.path(), "val/c.tar", &[("z.png", &b)]);
    assert!(message(root.path()).ends_with("class `c` is not among the 2 of the training set"));
}

#[test]
fn descriptions_have_numbers_or_names() {
    let root = TempDir::new().unwrap();
    let (a, b) = (png(1), png(2));
    let names: [(&str, &[u8]); 5] = [
        ("x/0.png", &a),
        ("x/0.json", br#"{"label": "dog", "more": [1]}"#),
        ("./y/0.json", br#"{"label": "cat"}"#),
        ("./y/0.png", &b),
        ("index.json", br#"{"made": "by hand"}"#),
    ];
    write(root.path(), "train/0.tar", &names);
    write(root.path(), "test/0.tar", &names);
    let read = splits(root.path(), 0.0, 0.5, 0).unwrap();
    assert_eq!(read.train.classes(), ["cat", "dog"]);
    assert_eq!(contents(&*read.train), [(1, 1), (0, 2)]);
    // The number beside a description counts, wherever it stands.
    let numbers: [(&str, &[u8]); 6] = [
        ("0.png", &a),
        ("0.json", br#"{"label": 7}"#),
        ("0.cls", b"1\n"),
        ("1.cls", b"0"),
        ("1.json", br#"{"label": 7}"#),
        ("1.png", &b),
    ];
    for part in ["train", "test"] {
        write(root.path(), &format!("{part}/0.tar"), &numbers);
    }
    fs::write(root.path().join("classes.txt"), "cat\ndog\nbird\n").unwrap();
    let read = splits(root.path(), 0.0, 0.5, 0).unwrap();
    assert_eq!(read.train.classes(), ["cat", "dog", "bird"]);
    assert_eq!(contents(&*read.train), [(1, 1), (0, 2)]);
}

#[test]
fn long_names_and_other_members_are_passed_over_rightly() {
    let root = TempDir::new().unwrap();
    let mut builder = Builder::new(Vec::new());
    let long = format!("{}/image.png", "folder".repeat(40));
    let label = long.replace(".png", ".cls");
    let (a, b) = (png(5), png(6));
    let mut append = |name: &str, kind: EntryType, bytes: &[u8]| {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        if kind == EntryType::Symlink {
            return builder.append_link(&mut header, name, "other.png").unwrap();
        }
        builder.append_data(&mut header, name, bytes).unwrap();
    };
    append("folder/", EntryType::Directory, &[]);
    append(&long, EntryType::Regular, &a);
    append(&label, EntryType::Regular, b"0");
    append("._hidden.png", EntryType::Regular, b"resource fork");
    append("link.png", EntryType::Symlink, &[]);
    append("b.png", EntryType::Regular, &b);
    append("b.cls", EntryType::Regular, b"1");
    let bytes = builder.into_inner().unwrap();
    for part in ["train", "test"] {
        fs::create_dir(root.path().join(part)).unwrap();
        fs::write(root.path().join(part).join("0.tar"), &bytes).unwrap();
    }
    let read = splits(root.path(), 0.0, 0.5, 0).unwrap();
    assert_eq!(contents(&*read.train), [(0, 5), (1, 6)]);
}

#[test]
fn archives_that_are_cut_off_or_none_are_named() {
    let root = TempDir::new().unwrap();
    let bytes = archive(&[
        ("0.png", &png(1)),
        ("0.cls", b"0"),
        ("1.png", &png(2)),
        ("1.cls", b"1"),
    ]);
    let path = root.path().join("0.tar");
    let with = |length: usize| {
        fs::write(&path, &bytes[..length]).unwrap();
        message(root.path())
    };
    let image = png(1).len();
    let said = with(512 + image / 2);
    assert!(
        said.contains(&format!(
            "0.tar`: the archive is cut off: `0.png` goes up to byte {}",
            512 + image
        )),
        "{said}"
    );
    // In a header, and between two members.
    let second = 512 + image.next_multiple_of(512);
    assert!(
        with(second + 100).contains("damaged after byte"),
        "{}",
        with(second + 100)
    );
    let said = with(second);
    assert!(
        said.contains("the block of zeros at its end is missing"),
        "{said}"
    );
    fs::write(
        &path,
        "no archive, but long enough to hold a header of one. ".repeat(20),
    )
    .unwrap();
    assert!(message(root.path()).contains("0.tar`: no tar archive, or damaged after byte 0: "));
    fs::rename(&path, root.path().join("0.tar.gz")).unwrap();
    assert!(message(root.path()).contains("no .tar archive, but `0.tar.gz`: a compressed archive"));
    fs::remove_file(root.path().join("0.tar.gz")).unwrap();
    assert!(message(root.path()).ends_with("no .tar archive in this folder"));
    let gone = root.path().join("gone");
    assert!(message(&gone).ends_with("does not exist; expected a folder with .tar archives"));
}

#[test]
fn labels_that_are_missing_or_wrong_are_named() {
    let root = TempDir::new().unwrap();
    let (a, b) = (png(1), png(2));
    let with = |members: &[(&str, &[u8])]| {
        write(root.path(), "0.tar", members);
        message(root.path())
    };
    let said = with(&[("0.png", &a), ("0.cls", b"0"), ("1.png", &b)]);
    assert!(
        said.ends_with(
            "0.tar`: `1.png` has no label; expected `1.cls` with the number of its class, or `1.json` with a `label`"
        ),
        "{said}"
    );
    let said = with(&[("0.png", &a), ("0.cls", b"0"), ("1.cls", b"1")]);
    assert!(
        said.contains("`1.cls` belongs to no image; expected `1` with one of"),
        "{said}"
    );
    let said = with(&[("0.png", &a), ("0.cls", b"cat")]);
    assert!(
        said.contains("`0.cls` is `cat`, expected the number of a class"),
        "{said}"
    );
    let said = with(&[("0.png", &a), ("0.json", b"{")]);
    assert!(said.contains("`0.json` is no JSON object: "), "{said}");
    let said = with(&[("0.png", &a), ("0.json", br#"{"label": -1.5}"#)]);
    assert!(
        said.contains("`0.json` has the label -1.5, expected the number or"),
        "{said}"
    );
    let said = with(&[("0.png", &a), ("0.png", &b), ("0.cls", b"1")]);
    assert!(said.ends_with("`0.png` is in the archive twice"), "{said}");
    let said = with(&[("0.png", &a), ("0.jpg", &b), ("0.cls", b"1")]);
    assert!(
        said.contains("`0.png` and `0.jpg` have the same key `0`"),
        "{said}"
    );
    let said = with(&[
        ("0.png", &a),
        ("0.cls", b"0"),
        ("1.png", &b),
        ("1.cls", b"900"),
    ]);
    assert!(
        said.contains("`1.png` has class number 900, but there are 2 samples"),
        "{said}"
    );
    let said = with(&[
        ("0.png", &a),
        ("0.cls", b"0"),
        ("1.png", &b),
        ("1.json", br#"{"label":"x"}"#),
    ]);
    assert!(
        said.contains("`1.png` in `0.tar` has the name of its class; write all"),
        "{said}"
    );
    let said = with(&[("0.png", &a), ("1.png", &b)]);
    assert!(
        said.contains("so each archive is a class; but there is only `0.tar`"),
        "{said}"
    );
    assert!(with(&[("notes.txt", b"")]).ends_with("no image in the archives of this folder"));
    write(root.path(), "1.tar", &[("0.png", &a)]);
    assert!(with(&[("0.png", &a), ("0.cls", b"0")]).contains("has no label; write all"));
    fs::remove_file(root.path().join("1.tar")).unwrap();
    labelled(root.path(), "0.tar", 1, &[0, 1, 1, 0]);
    fs::write(root.path().join("classes.txt"), "cat\n\n").unwrap();
    assert!(message(root.path()).contains("classes.txt`: line 2 is empty"));
    fs::write(root.path().join("classes.txt"), "cat\ncat\n").unwrap();
    assert!(message(root.path()).contains("classes.txt`: line 2: `cat` is in line 1 too"));
    fs::remove_file(root.path().join("classes.txt")).unwrap();
    fs::create_dir(root.path().join("train")).unwrap();
    fs::rename(root.path().join("0.tar"), root.path().join("train/0.tar")).unwrap();
    labelled(root.path(), "val/0.tar", 1, &[2]);
    let said = message(root.path());
    assert!(
        said.contains("`001.png` in `") && said.contains("has label 2, expected 0 to 1"),
        "{said}"
    );
}

#[test]
fn the_fingerprint_follows_names_sizes_and_labels() {
    let print = |labels: &[usize]| {
        let root = TempDir::new().unwrap();
        labelled(root.path(), "train/0.tar", 1, labels);
        labelled(root.path(), "test/0.tar", 1, &[0]);
        splits(root.path(), 0.0, 0.5, 0)
            .unwrap()
            .train
            .fingerprint()
    };
    assert_eq!(print(&[0, 1, 0]), print(&[0, 1, 0]));
    assert_ne!(print(&[0, 1, 0]), print(&[0, 1, 1]));
    assert_ne!(print(&[0, 1, 0]), print(&[0, 1, 0, 0]));
}

/// The same images as files and in two archives, in the same order.
fn twins() -> (TempDir, TempDir) {
    let (files, archives) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for part in ["train", "test"] {
        let mut members = Vec::new();
        for class in ["a", "b"] {
            for at in 0..9_u8 {
                let bytes = match (part, class, at) {
                    ("train", "b", 4) => b"no image".to_vec(),
                    _ => png(20 * at),
                };
                let path = files.path().join(part).join(class);
                fs::create_dir_all(&path).unwrap();
                fs::write(path.join(format!("{at}.png")), &bytes).unwrap();
                let label = usize::from(class == "b").to_string().into_bytes();
                members.push((format!("{class}{at}.png"), bytes));
                members.push((format!("{class}{at}.cls"), label));
            }
        }
        for (number, members) in members.chunks(14).enumerate() {
            let members: Vec<(&str, &[u8])> = members
                .iter()
                .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
                .collect();
            write(archives.path(), &format!("{part}/{number}.tar"), &members);
        }
    }
    (files, archives)
}

fn batcher(images: &Shared<ImageSample>, augment: Augment) -> ImageBatcher {
    let pipeline = ImagePipeline {
        size: 4,
        channels: 3,
        mean: vec![0.5; 3],
        std: vec![0.5; 3],
        crop_ratio: 1.0,
        interpolation: Interpolation::Bicubic,
        augment,
        views: 1,
    };
    ImageBatcher::new(Arc::clone(images), pipeline, Corrupt::Skip).unwrap()
}

fn bits(batches: impl Iterator<Item = ImageBatch>) -> Vec<(Vec<u32>, Vec<usize>)> {
    batches
        .map(|batch| {
            let pixels = batch.pixels.iter().map(|value| value.to_bits()).collect();
            (pixels, batch.labels)
        })
        .collect()
}

#[test]
fn batches_are_those_of_a_folder_for_any_number_of_workers_and_any_start() {
    let (files, archives) = twins();
    let folder = crate::image_folder::splits(files.path(), 0.0, 0.5, 0).unwrap();
    let shards = splits(archives.path(), 0.0, 0.5, 0).unwrap();
    let augment = Augment {
        shift: 1,
        hflip: true,
        ..Augment::default()
    };
    let train = |images: &Shared<ImageSample>, workers, first| {
        let batcher = batcher(images, augment);
        let loader = TrainLoader::new(batcher, Order::plain(5, 7), workers).unwrap();
        let batches = loader.iter_from(first).take(24);
        let bits = bits(batches.map(Result::unwrap));
        (bits, loader.warnings().len())
    };
    let (expected, warnings) = train(&folder.train, 0, 0);
    // The image that cannot be decoded is passed over, and said to be once.
    assert_eq!(warnings, 1);
    for workers in [0, 1, 3] {
        let (batches, warnings) = train(&shards.train, workers, 0);
        assert_eq!((&batches, warnings), (&expected, 1));
        assert_eq!(train(&shards.train, workers, 3).0[..21], expected[3..]);
    }
    let eval = |images: &Shared<ImageSample>, workers| {
        let loader = EvalLoader::new(batcher(images, Augment::default()), 4, workers).unwrap();
        bits(loader.iter().map(Result::unwrap))
    };
    assert_eq!(eval(&shards.test, 2), eval(&folder.test, 0));
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_an_error_and_not_a_bad_image() {
    let root = TempDir::new().unwrap();
    labelled(root.path(), "train/0.tar", 1, &[0, 1]);
    labelled(root.path(), "test/0.tar", 1, &[0, 1]);
    let read = splits(root.path(), 0.0, 0.5, 0).unwrap();
    let file = File::options()
        .write(true)
        .open(root.path().join("train/0.tar"));
    file.unwrap().set_len(600).unwrap();
    let error = read.train.get(0).unwrap_err();
    let error = DataError::from_dataset(&error, String::new);
    assert!(matches!(error, DataError::Unreadable { .. }), "{error}");
    assert!(
        error.to_string().contains("`001.png` at byte 512: "),
        "{error}"
    );
}

#[test]
fn noted_places_are_believed_until_an_archive_changes() {
    let (root, caches) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let path = root.path().join("0.tar");
    let age = |seconds| {
        let past = SystemTime::now() - Duration::from_secs(seconds);
        File::open(&path).unwrap().set_modified(past).unwrap();
        past
    };
    let list = |large| shards::shards_with(root.path(), Some(caches.path()), large);
    let noted = || fs::read_dir(caches.path()).unwrap().count();
    labelled(root.path(), "0.tar", 1, &[0, 1]);
    // Just written: it might be written again without a newer stamp.
    list(1).unwrap();
    assert_eq!(noted(), 0);
    let past = age(3600);
    list(3).unwrap();
    assert_eq!(noted(), 0);
    let first = list(1).unwrap();
    assert_eq!((noted(), first[0].members.len()), (1, 2));
    // Nothing is read that is known.
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, vec![1; bytes.len()]).unwrap();
    File::open(&path).unwrap().set_modified(past).unwrap();
    assert_eq!(list(1).unwrap(), first);
    age(1800);
    assert!(list(1).is_err());
    labelled(root.path(), "0.tar", 1, &[0, 1, 1]);
    age(900);
    labelled(root.path(), "1.tar", 9, &[1]);
    let both = list(1).unwrap();
    assert_eq!([both[0].members.len(), both[1].members.len()], [3, 1]);
}
