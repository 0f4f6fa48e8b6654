//! What other implementations recorded, for tests.

use std::path::{Path, PathBuf};

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
