//! What other implementations recorded, for tests.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::Region;
use crate::vision::PixelImage;

/// The path of a file below `tests/golden`.
pub(crate) fn path(name: &str) -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    Path::new(&package).join("../../tests/golden").join(name)
}

/// A recorded picture.
pub(crate) fn picture(name: &str) -> PixelImage {
    let path = path(name);
    let image = image::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    PixelImage::from(image)
}

/// `count` pictures of equal height that were recorded as one, from the top.
pub(crate) fn slices(name: &str, count: usize) -> Vec<PixelImage> {
    let whole = picture(name);
    let height = whole.height() / count;
    assert_eq!(height * count, whole.height(), "{name}");
    let slice = |at: usize| Region {
        left: 0,
        top: at * height,
        width: whole.width(),
        height,
    };
    (0..count).map(|at| slice(at).cut(&whole)).collect()
}

/// A recorded list of cases.
pub(crate) fn cases<T: DeserializeOwned>(name: &str) -> Vec<T> {
    record(name)
}

/// A recorded JSON file.
pub(crate) fn record<T: DeserializeOwned>(name: &str) -> T {
    let path = path(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
