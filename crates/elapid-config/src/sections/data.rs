//! `[data]`: the data set, its splits, its loading and its augmentation.

use serde::Serialize;

use crate::error::{ConfigError, ErrorKind};
use crate::options::{options, tagged};
use crate::range::{FRACTION, above, at_least, within};
use crate::reader::SectionReader;

/// `[data]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DataSpec {
    /// Which data set, and where it is.
    #[serde(flatten)]
    pub source: Source,
    /// What every data set has.
    #[serde(flatten)]
    pub common: DataCommon,
    /// `[data.augment]`
    pub augment: Augment,
}

tagged! {
    /// The data set, its splits and its loading.
    pub enum Source {
        /// Which data set to train on.
        tag: "name" = required;
        /// The 1,797 handwritten digits that come with elapid: 8×8 pixels, 10 classes.
        "digits" => Digits(Digits),
        /// A folder of images with one sub-folder a class.
        "image_folder" => ImageFolder(ImageFolder),
        /// MNIST, from its four idx files.
        "mnist" => Mnist(Folder),
        /// CIFAR-10, from its binary version.
        "cifar10" => Cifar10(Folder),
        /// CIFAR-100, from its binary version.
        "cifar100" => Cifar100(Folder),
    }
}

options! {
    /// The embedded digits have no options of their own.
    pub struct Digits {}
}

options! {
    /// A data set that is read from disk.
    pub struct Folder {
        /// Folder that holds the data set.
        path: String = required;
    }
}

options! {
    /// A folder of images, with or without splits.
    pub struct ImageFolder {
        /// Folder that holds the data set.
        path: String = required;
        /// Share of the images held out for the test when the folder has no test split.
        test_fraction: f64 = 0.2, FRACTION;
    }
}

options! {
    /// What every data set has.
    pub struct DataCommon, checked by channels_agree {
        /// Share of the training split held out for validation when there is no validation split.
        valid_fraction: f64 = 0.1, FRACTION;
        /// Threads that load and augment; 0 does it in the training thread.
        workers: usize = 2, within(0.0, 256.0);
        /// Mean of each channel, subtracted from pixels in 0..1; left out, the data set's own.
        mean: Option<Vec<f64>> = unset;
        /// Standard deviation of each channel, divided by; left out, the data set's own.
        std: Option<Vec<f64>> = unset, above(0.0);
    }
}

options! {
    /// Random changes to training images.
    pub struct Augment {
        /// Largest translation along each axis, in pixels of the network's input.
        shift: usize = 0, at_least(0.0);
        /// Largest rotation either way, in degrees.
        rotate: f64 = 0.0, within(0.0, 180.0);
        /// Largest zoom: the factor lies in 1 ± scale.
        scale: f64 = 0.0, FRACTION;
        /// Largest local displacement along each axis, in pixels of the network's input.
        elastic: f64 = 0.0, at_least(0.0);
        /// Mirror half of the images left to right.
        hflip: bool = false;
    }
}

fn channels_agree(data: &DataCommon, section: &SectionReader<'_>) -> Result<(), ConfigError> {
    let (Some(mean), Some(std)) = (&data.mean, &data.std) else {
        return Ok(());
    };
    if mean.len() == std.len() {
        return Ok(());
    }
    let message = format!(
        "`mean` has {} values and `std` has {}",
        mean.len(),
        std.len()
    );
    Err(section
        .error(ErrorKind::Conflict, &["std", "mean"], message)
        .hint("give both one value a channel"))
}
