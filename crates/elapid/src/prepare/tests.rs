//! Against a server of the standard library on this machine: nothing here leaves it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::{TempDir, tempdir};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::fetch::{Request, fetch};
use super::*;

/// What a server does with a file.
#[derive(Clone, Default)]
struct Served {
    bytes: Vec<u8>,
    tag: Option<&'static str>,
    /// Ranges are not looked at.
    is_simple: bool,
    /// Bytes of the body after which the connection ends, of each answer in turn.
    cuts: Vec<usize>,
}

/// A server that runs until its test ends.
struct Server {
    address: String,
    files: Arc<Mutex<HashMap<String, Served>>>,
    /// First line and range of each request.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            files: Arc::default(),
            asked: Arc::default(),
        };
        let (files, asked) = (Arc::clone(&server.files), Arc::clone(&server.asked));
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that goes away in the middle is part of the tests.
                let _ = answer(stream.unwrap(), &files, &asked);
            }
        });
        server
    }

    fn serve(&self, name: &str, served: Served) -> String {
        self.files
            .lock()
            .unwrap()
            .insert(format!("/{name}"), served);
        format!("{}/{name}", self.address)
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn answer(
    mut stream: TcpStream,
    files: &Mutex<HashMap<String, Served>>,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap()?;
    let mut headers = HashMap::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let path = first.split(' ').nth(1).unwrap().to_owned();
    let range = headers.get("range").cloned().unwrap_or_default();
    asked
        .lock()
        .unwrap()
        .push(format!("{path} {range}").trim().to_owned());
    let mut files = files.lock().unwrap();
    let Some(served) = files.get_mut(&path) else {
        return stream.write_all(
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    };
    let size = served.bytes.len();
    let is_same = headers
        .get("if-range")
        .is_none_or(|of| Some(of.as_str()) == served.tag);
    let from = range
        .strip_prefix("bytes=")
        .and_then(|range| range.strip_suffix('-'));
    let from = from.filter(|_| is_same && !served.is_simple);
    let from: Option<usize> = from.map(|from| from.parse().unwrap());
    let tag = served
        .tag
        .map_or(String::new(), |tag| format!("ETag: {tag}\r\n"));
    let (status, range, start) = match from {
        Some(from) if from >= size => (
            "416 Range Not Satisfiable",
            format!("Content-Range: bytes */{size}\r\n"),
            size,
        ),
        Some(from) => (
            "206 Partial Content",
            format!("Content-Range: bytes {from}-{}/{size}\r\n", size - 1),
            from,
        ),
        None => ("200 OK", String::new(), 0),
    };
    let body = &served.bytes[start..];
    let head = format!(
        "HTTP/1.1 {status}\r\n{range}{tag}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    let sent = match served.cuts.is_empty() {
        true => body.len(),
        false => served.cuts.remove(0).min(body.len()),
    };
    stream.write_all(&body[..sent])?;
    stream.flush()
}

/// 100,000 bytes that do not repeat.
fn content() -> Vec<u8> {
    (0..100_000_u64).map(|at| (at * at % 251) as u8).collect()
}

fn sum(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(bytes);
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

fn get(url: &str, folder: &TempDir, checksum: Option<&str>) -> Result<Vec<u8>, PrepareError> {
    let target = folder.path().join("file");
    let checksum = checksum.map(|text| checksum::Expected::parse(text).unwrap());
    let request = Request {
        url,
        target: &target,
        bytes: None,
        checksum: checksum.as_ref(),
        progress: &|_, _| (),
    };
    fetch(&request).map(|()| fs::read(&target).unwrap())
}

/// Names of what is in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_fetched_whole_and_leaves_nothing_else() {
    let (server, folder) = (Server::start(), tempdir().unwrap());
    let bytes = content();
    let url = server.serve(
        "a",
        Served {
            bytes: bytes.clone(),
            ..Served::default()
        },
    );
    assert_eq!(get(&url, &folder, Some(&sum(&bytes))).unwrap(), bytes);
    assert_eq!(names(folder.path()), ["file"]);
    assert_eq!(server.asked(), ["/a"]);
}

#[test]
fn a_cut_connection_goes_on_where_it_was() {
    let (server, folder) = (Server::start(), tempdir().unwrap());
    let bytes = content();
    let cuts = vec![30_000, 0, 20_000];
    let url = server.serve(
        "a",
        Served {
            bytes: bytes.clone(),
            tag: Some("\"1\""),
            cuts,
            ..Served::default()
        },
    );
    assert_eq!(get(&url, &folder, Some(&sum(&bytes))).unwrap(), bytes);
    let asked = [
        "/a",
        "/a bytes=30000-",
        "/a bytes=30000-",
        "/a bytes=50000-",
    ];
    assert_eq!(server.asked(), asked);
}

#[test]
fn a_connection_that_always_breaks_ends_with_what_there_is_and_the_next_call_goes_on() {
    let (server, folder) = (Server::start(), tempdir().unwrap());
    let bytes = content();
    let cuts = vec![40_000, 0, 0, 0, 0];
    let url = server.serve(
        "a",
        Served {
            bytes: bytes.clone(),
            cuts,
            ..Served::default()
        },
    );
    let error = get(&url, &folder, Some(&sum(&bytes))).unwrap_err();
    assert!(
        matches!(error, PrepareError::Cut { bytes: 40_000, .. }),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .ends_with("the same command goes on from there")
    );
    assert_eq!(
        fs::read(folder.path().join("file.part")).unwrap(),
        bytes[..40_000]
    );
    server.asked();
    assert_eq!(get(&url, &folder, Some(&sum(&bytes))).unwrap(), bytes);
    assert_eq!(server.asked(), ["/a bytes=40000-"]);
}

#[test]
fn a_server_that_ignores_ranges_sends_all_again() {
    let (server, folder) = (Server::start(), tempdir().unwrap());
    let bytes = content();
    fs::write(folder.path().join("file.part"), &bytes[..70_000]).unwrap();
    let url = server.serve(
        "a",
        Served {
            bytes: bytes.clone(),
            is_simple: true,
            ..Served::default()
        },
    );
    assert_eq!(get(&url, &folder, Some(&sum(&bytes))).unwrap(), bytes);
    assert_eq!(server.asked(), ["/a bytes=70000-"]);
}

#[test]
fn parts_of_two_files_are_not_put_together() {
    let (server, folder) = (Server::start(), tempdir().unwrap());
    let (old, new) = (vec![7; 100_000], content());
    // Without a checksum the server's tag tells.
    let url = server.serve(
        "a",
        Served {
            bytes: old.clone(),
            tag: Some("\"old\""),
            cuts: vec![40_000, 0, 0, 0, 0],
            ..Served::default()
        },
    );
    assert!(get(&url, &folder, None).is_err());
    server.serve(
        "a",
        Served {
            bytes: new.clone(),
            tag: Some("\"new\""),
            ..Served::default()
        },
    );
    assert_eq!(get(&url, &folder, None).unwrap(), new);
    // Without either nothing is certain, and nothing is kept.
    fs::write(folder.path().join("file.part"), &old[..40_000]).unwrap();
    server.serve(
        "b",
        Served {
            bytes: new.clone(),
            ..Served::default()
        },
    );
    server.asked();
    assert_eq!(
        get(&format!("{}/b", server.address), &folder, None).unwrap(),
        new
    );
    assert_eq!(server.asked(), ["/b"]);
}

#[test]
fn a_part_that_is_all_or_too_much_is_told_apart() {
    let (server, folder) = (Server::start(), tempdir().unwrap());
    let bytes = content();
    let url = server.serve(
        "a",
        Served {
            bytes: bytes.clone(),
            ..Served::default()
        },
    );
    let part = folder.path().join("file.part");
    fs::write(&part, &bytes).unwrap();
    assert_eq!(get(&url, &folder, Some(&sum(&bytes))).unwrap(), bytes);
    fs::write(&part, [&bytes[..], &[0; 9]].concat()).unwrap();
    assert_eq!(get(&url, &folder, Some(&sum(&bytes))).unwrap(), bytes);
    assert_eq!(
        server.asked(),
        ["/a bytes=100000-", "/a bytes=100009-", "/a"]
    );
}

#[test]
fn a_wrong_checksum_is_said_and_the_file_removed() {
    let (server, folder) = (Server::start(), tempdir().unwrap());
    let url = server.serve(
        "a",
        Served {
            bytes: content(),
            ..Served::default()
        },
    );
    let error = get(&url, &folder, Some(&sum(b"another")))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("has the sha256 ") && error.contains("it was removed"),
        "{error}"
    );
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_missing_file_and_a_missing_server_are_said() {
    let (server, folder) = (Server::start(), tempdir().unwrap());
    let error = get(&format!("{}/none", server.address), &folder, None).unwrap_err();
    assert!(
        error.to_string().contains("answers with status 404"),
        "{error}"
    );
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = get(&format!("http://{port}/a"), &folder, None).unwrap_err();
    assert!(matches!(error, PrepareError::Unreachable { .. }), "{error}");
}

fn tar_gz(members: &[(&str, &[u8])]) -> Vec<u8> {
    let gz = GzEncoder::new(Vec::new(), Compression::fast());
    let mut builder = tar::Builder::new(gz);
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // The name as it is: the writer of the crate refuses what a bad archive has.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn card_with(downloads: Vec<Download>) -> Card {
    Card {
        downloads,
        ..elapid_data::card("digits").unwrap()
    }
}

fn download(
    name: &str,
    bytes: &[u8],
    unpack: Option<elapid_data::Archive>,
    strip: usize,
) -> Download {
    Download {
        url: format!("http://127.0.0.1:9/{name}"),
        path: name.to_owned(),
        bytes: Some(bytes.len() as u64),
        checksum: Some(sum(bytes)),
        origin: "this test".to_owned(),
        unpack,
        strip,
    }
}

fn prepare(card: &Card, folder: &Path, mirror: &str) -> (Result<(), PrepareError>, Vec<String>) {
    let said = std::cell::RefCell::new(Vec::new());
    let preparation = Preparation {
        card,
        text: "name = \"x\"\n",
        folder,
        mirror: Some(mirror),
        say: &|text| said.borrow_mut().push(text.to_owned()),
        progress: &|_, _| (),
    };
    let result = preparation.run();
    (result, said.into_inner())
}

#[test]
fn a_set_is_fetched_unpacked_and_left_with_its_card() {
    let (server, folder) = (Server::start(), tempdir().unwrap());
    let files = [
        ("plain.csv", b"a,b\n".to_vec()),
        (
            "one.tar.gz",
            tar_gz(&[("./deep/x.txt", b"x"), ("y.txt", b"y")]),
        ),
        (
            "two.zip",
            zipped(&[("outer/z.txt", b"z"), ("outer/in/w.txt", b"w")]),
        ),
    ];
    for (name, bytes) in &files {
        server.serve(
            name,
            Served {
                bytes: bytes.clone(),
                ..Served::default()
            },
        );
    }
    let [plain, one, two] = &files;
    let mut card = card_with(vec![
        download(plain.0, &plain.1, None, 0),
        download(one.0, &one.1, Some(elapid_data::Archive::TarGz), 0),
        download(two.0, &two.1, Some(elapid_data::Archive::Zip), 1),
    ]);
    card.downloads[2].checksum = None;
    let root = folder.path().join("new/set");
    // The mirror stands in for the addresses of the card, where nobody listens.
    let (result, said) = prepare(&card, &root, &format!("{}/", server.address));
    result.unwrap();
    assert_eq!(
        names(&root),
        ["card.toml", "deep", "in", "plain.csv", "y.txt", "z.txt"]
    );
    assert_eq!(fs::read_to_string(root.join("deep/x.txt")).unwrap(), "x");
    assert_eq!(fs::read_to_string(root.join("in/w.txt")).unwrap(), "w");
    let text = fs::read_to_string(root.join("card.toml")).unwrap();
    assert!(
        text.contains("plain.csv: checksum as expected, by this test"),
        "{text}"
    );
    assert!(
        text.contains("two.zip: unchecked") && text.ends_with("name = \"x\"\n"),
        "{text}"
    );
    let unchecked = said
        .iter()
        .filter(|line| line.contains("two.zip` is unchecked: checksum this test"));
    assert_eq!(unchecked.count(), 1);
    server.asked();
    // What is complete is not fetched again.
    let (result, said) = prepare(&card, &root, &server.address);
    result.unwrap();
    assert!(said[0].contains("is complete"));
    assert!(server.asked().is_empty());
}

#[test]
fn what_was_put_there_by_hand_is_checked_and_used() {
    let (server, folder) = (Server::start(), tempdir().unwrap());
    let bytes = tar_gz(&[("y.txt", b"y")]);
    let card = card_with(vec![download(
        "one.tar.gz",
        &bytes,
        Some(elapid_data::Archive::TarGz),
        0,
    )]);
    fs::write(folder.path().join("one.tar.gz"), b"something else").unwrap();
    let (result, _) = prepare(&card, folder.path(), &server.address);
    assert!(matches!(result, Err(PrepareError::Checksum { .. })));
    fs::write(folder.path().join("one.tar.gz"), &bytes).unwrap();
    prepare(&card, folder.path(), &server.address).0.unwrap();
    assert_eq!(names(folder.path()), ["card.toml", "y.txt"]);
    assert!(server.asked().is_empty());
}

#[test]
fn archives_cannot_write_elsewhere() {
    type Make = fn(&[(&str, &[u8])]) -> Vec<u8>;
    let kinds: [(elapid_data::Archive, Make); 2] = [
        (elapid_data::Archive::TarGz, tar_gz),
        (elapid_data::Archive::Zip, zipped),
    ];
    for (kind, make) in kinds {
        for bad in ["../escaped.txt", "a/../../escaped.txt", "/escaped.txt"] {
            let folder = tempdir().unwrap();
            let root = folder.path().join("root");
            fs::create_dir(&root).unwrap();
            let archive = folder.path().join("archive");
            fs::write(&archive, make(&[("good.txt", b"g"), (bad, b"b")])).unwrap();
            let error = unpack::unpack(&archive, kind, 0, &root).unwrap_err();
            assert!(
                matches!(error, PrepareError::Member { .. }),
                "{bad}: {error}"
            );
            // Not even what came before it.
            assert!(names(&root).is_empty());
            assert_eq!(names(folder.path()), ["archive", "root"]);
        }
    }
}

#[test]
fn links_and_damaged_archives_are_refused() {
    let folder = tempdir().unwrap();
    let archive = folder.path().join("archive");
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "link", "/etc").unwrap();
    fs::write(&archive, builder.into_inner().unwrap().finish().unwrap()).unwrap();
    let refused =
        |kind| unpack::unpack(&archive, kind, 0, &folder.path().join("root")).unwrap_err();
    let error = refused(elapid_data::Archive::TarGz).to_string();
    assert!(
        error.contains("member `link` is neither file nor folder"),
        "{error}"
    );
    let whole = tar_gz(&[("a.txt", &content())]);
    fs::write(&archive, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(
        refused(elapid_data::Archive::TarGz),
        PrepareError::Damaged { .. }
    ));
    fs::write(&archive, b"no zip").unwrap();
    assert!(matches!(
        refused(elapid_data::Archive::Zip),
        PrepareError::Damaged { .. }
    ));
    assert!(!folder.path().join("root").exists());
}

#[test]
fn what_has_to_be_done_by_hand_is_said_with_places() {
    let card = elapid_data::card("imagenet1k").unwrap();
    let text = by_hand(&card, Path::new("data/in"));
    assert!(text.contains("image-net.org/download-images"), "{text}");
    assert!(
        text.contains("Unpack the first into data/in/train"),
        "{text}"
    );
    assert!(!text.contains("FOLDER"), "{text}");
    let text = by_hand(&elapid_data::card("mnist").unwrap(), Path::new("m"));
    assert!(
        text.contains("t10k-labels-idx1-ubyte.gz -> m/t10k-labels-idx1-ubyte.gz (md5:ec29"),
        "{text}"
    );
}
