//! `[data]`: the data set, its splits, its loading and its augmentation.

use serde::Serialize;

use crate::document::Raw;
use crate::error::{ConfigError, ErrorKind};
use crate::lines::Lines;
use crate::options::{Options, Tagged, choice, options, tagged};
use crate::range::{FRACTION, SHARE, above, at_least, within};
use crate::reader::{Reader, SectionReader};
use crate::schema::Group;
use crate::sections::graphs::{
    Cluster, Communities, GraphCsv, GraphMl, GraphSpec, Heterophilous, Karate, Minesweeper, Ogb,
    Pattern, RingTransfer, TreeNeighborsMatch, Tu,
};
use crate::sections::series::{
    Anomaly, Csv, Ett, Faults, Pems, Rhythms, Seasonal, SeriesOptions, Solar, Uea,
};
use crate::sections::sounds::{
    AudioFolder, AudioOptions, Folds, SoundAugment, SoundLists, SoundSpec, SpeechCommands,
};

/// `[data]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DataSpec {
    /// Which data set, and where it is.
    #[serde(flatten)]
    pub source: Source,
    /// What every data set has.
    #[serde(flatten)]
    pub common: DataCommon,
    /// What is done with its samples, which depends on their kind.
    #[serde(flatten)]
    pub samples: Samples,
}

/// Options for one kind of samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Samples {
    /// Options for images.
    Images(ImageSpec),
    /// Options for images with masks.
    Masks(MaskSpec),
    /// Options for sounds.
    Sounds(SoundSpec),
    /// Options for series.
    Series(SeriesOptions),
    /// Options for graphs.
    Graphs(GraphSpec),
}

/// What is done with images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImageSpec {
    /// How they are prepared.
    #[serde(flatten)]
    pub options: ImageOptions,
    /// `[data.augment]`
    pub augment: Augment,
}

/// What is done with images and their masks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MaskSpec {
    /// How they are prepared.
    #[serde(flatten)]
    pub options: MaskOptions,
    /// `[data.augment]`
    pub augment: MaskAugment,
}

impl DataSpec {
    /// What is done with images, if the data set is of images with classes.
    pub fn images(&self) -> Option<&ImageSpec> {
        match &self.samples {
            Samples::Images(images) => Some(images),
            Samples::Masks(_) | Samples::Sounds(_) | Samples::Series(_) | Samples::Graphs(_) => {
                None
            }
        }
    }

    /// What is done with images and masks, if the data set is of those.
    pub fn masks(&self) -> Option<&MaskSpec> {
        match &self.samples {
            Samples::Masks(masks) => Some(masks),
            Samples::Images(_) | Samples::Sounds(_) | Samples::Series(_) | Samples::Graphs(_) => {
                None
            }
        }
    }

    pub(crate) fn read(reader: &mut Reader) -> Result<Self, ConfigError> {
        let source = Source::read(&mut reader.section("data"))?;
        // A tenth of a labelled set is often a handful of series, and the published share of anomalies is a fifth.
        let held_out = match &source {
            Source::Uea(_) | Source::Rhythms(_) | Source::Anomaly(_) | Source::Faults(_) => 0.2,
            _ => 0.1,
        };
        let section = reader.section("data");
        let common = DataCommon::read(&mut section.supply("valid_fraction", Raw::Float(held_out)))?;
        let samples = match source.group() {
            Some(Group::Masks) => Samples::Masks(MaskSpec {
                options: MaskOptions::read(&mut reader.section("data"))?,
                augment: MaskAugment::read(&mut reader.section("data.augment"))?,
            }),
            Some(Group::Images) | None => Samples::Images(ImageSpec {
                options: ImageOptions::read(&mut reader.section("data"))?,
                augment: Augment::read(&mut reader.section("data.augment"))?,
            }),
            Some(Group::Sounds) => Samples::Sounds(SoundSpec {
                audio: AudioOptions::read(&mut reader.section("data.audio"))?,
                augment: SoundAugment::read(&mut reader.section("data.augment"))?,
            }),
            Some(Group::Series) => {
                Samples::Series(SeriesOptions::read(&mut reader.section("data"))?)
            }
            Some(Group::Graphs) => Samples::Graphs(GraphSpec::read(&mut reader.section("data"))?),
        };
        Ok(Self {
            source,
            common,
            samples,
        })
    }

    pub(crate) fn write(&self, lines: &mut Lines) {
        self.source.write(lines.section("data"));
        self.common.write(lines);
        match &self.samples {
            Samples::Images(images) => {
                images.options.write(lines);
                images.augment.write(lines.section("data.augment"));
            }
            Samples::Masks(masks) => {
                masks.options.write(lines);
                masks.augment.write(lines.section("data.augment"));
            }
            Samples::Sounds(sounds) => {
                sounds.audio.write(lines.section("data.audio"));
                sounds.augment.write(lines.section("data.augment"));
            }
            Samples::Series(series) => series.write(lines),
            Samples::Graphs(graphs) => graphs.write(lines),
        }
    }
}

tagged! {
    /// The data set, its splits and its loading.
    pub enum Source {
        /// Which data set to train on.
        tag: "name" = required;
        /// The 1,797 handwritten digits that come with elapid: 8×8 pixels, 10 classes.
        "digits" => Digits(Digits) of Images,
        /// A folder of images with one sub-folder a class.
        "image_folder" => ImageFolder(ImageFolder) of Images,
        /// Tiny-ImageNet, from its folders and tables.
        "tiny_imagenet" => TinyImageNet(TinyImageNet) of Images,
        /// Images in tar archives: shards as WebDataset writes them, or one archive a class.
        "tar_shards" => TarShards(ImageFolder) of Images,
        /// MNIST, from its four idx files.
        "mnist" => Mnist(Folder) of Images,
        /// Fashion-MNIST, from its four idx files.
        "fashion_mnist" => FashionMnist(Folder) of Images,
        /// CIFAR-10, from its binary version.
        "cifar10" => Cifar10(Folder) of Images,
        /// CIFAR-100, from its binary version.
        "cifar100" => Cifar100(Folder) of Images,
        /// Circles, squares, triangles and stars with masks, drawn when they are asked for.
        "shapes" => Shapes(Shapes) of Masks,
        /// ADE20K with 150 classes, from the folder `ADEChallengeData2016`.
        "ade20k" => Ade20k(Folder) of Masks,
        /// Folders of images and of their masks, laid out as those of ADE20K, with the classes in `classes.txt`.
        "mask_folder" => MaskFolder(MaskFolder) of Masks,
        /// A folder of sounds with one sub-folder a class.
        "audio_folder" => AudioFolder(AudioFolder) of Sounds,
        /// ESC-50, from its table and its folder of sounds.
        "esc50" => Esc50(Folds) of Sounds,
        /// UrbanSound8K, from its table and its folders of sounds.
        "urbansound8k" => UrbanSound8k(Folds) of Sounds,
        /// Speech Commands: a folder a word, and the lists of what is for validation and test.
        "speech_commands" => SpeechCommands(SpeechCommands) of Sounds,
        /// AudioSet, or any sounds with several labels, from lists as those of AST and SSAMBA.
        "audioset" => AudioSet(SoundLists) of Sounds,
        /// A CSV or Parquet file with a column of dates, divided by shares of its rows; so Weather, Electricity, Traffic and
        /// Exchange.
        "csv" => Csv(Csv) of Series,
        /// ETTh1, ETTh2, ETTm1 or ETTm2, divided by months.
        "ett" => Ett(Ett) of Series,
        /// Solar-Energy, from its text file.
        "solar" => Solar(Solar) of Series,
        /// PEMS03, PEMS04, PEMS07 or PEMS08, from its archive.
        "pems" => Pems(Pems) of Series,
        /// Hourly series with a daily and a weekly season, trend and noise, made when they are asked for.
        "seasonal" => Seasonal(Seasonal) of Series,
        /// Labelled series in `.ts` files, a problem of the UEA and UCR archives.
        "uea" => Uea(Uea) of Series,
        /// Labelled series of four wave forms, made when they are asked for.
        "rhythms" => Rhythms(Rhythms) of Series,
        /// Series with labelled anomalies: SMD, MSL, SMAP, SWaT, PSM, or any arrays like theirs.
        "anomaly" => Anomaly(Anomaly) of Series,
        /// Sensors with labelled faults, made when they are asked for.
        "faults" => Faults(Faults) of Series,
        /// PATTERN, drawn by its published procedure: nodes of a pattern hidden among communities.
        "pattern" => Pattern(Pattern) of Graphs,
        /// CLUSTER, drawn by its published procedure: nodes of six communities.
        "cluster" => Cluster(Cluster) of Graphs,
        /// Tree-NeighborsMatch: trees whose root asks for the value of a leaf.
        "tree_neighbors_match" => TreeNeighborsMatch(TreeNeighborsMatch) of Graphs,
        /// Ring transfer: rings whose node 0 asks for the class of the opposite node.
        "ring_transfer" => RingTransfer(RingTransfer) of Graphs,
        /// Minesweeper: which fields of a board are mines, drawn by its published rules.
        "minesweeper" => Minesweeper(Minesweeper) of Graphs,
        /// Zachary's karate club, which comes with elapid.
        "karate" => Karate(Karate) of Graphs,
        /// One graph of communities, of any size.
        "communities" => Communities(Communities) of Graphs,
        /// Graphs in CSV tables: your own data.
        "graph_csv" => GraphCsv(GraphCsv) of Graphs,
        /// One graph in GraphML.
        "graphml" => GraphMl(GraphMl) of Graphs,
        /// TUDataset, from its text files.
        "tu" => Tu(Tu) of Graphs,
        /// Open Graph Benchmark, from its compressed tables.
        "ogb" => Ogb(Ogb) of Graphs,
        /// Roman-empire, Amazon-ratings, Minesweeper, Tolokers or Questions, from their archives.
        "heterophilous" => Heterophilous(Heterophilous) of Graphs,
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
    /// Tiny-ImageNet.
    pub struct TinyImageNet {
        /// Folder that holds the data set, or the folder `tiny-imagenet-200`.
        path: String = required;
        /// What happens to images that cannot be decoded.
        corrupt: Corrupt = "error";
    }
}

options! {
    /// A folder of images or of archives, with or without splits.
    pub struct ImageFolder {
        /// Folder that holds the data set.
        path: String = required;
        /// Share of the images held out for the test when the folder has no test split.
        test_fraction: f64 = 0.2, FRACTION;
        /// What happens to images that cannot be decoded.
        corrupt: Corrupt = "error";
    }
}

options! {
    /// Drawn shapes.
    pub struct Shapes {
        /// Height and width of an image, in pixels.
        size: usize = 64, within(8.0, 4096.0);
        /// Training images, of which `valid_fraction` is held out.
        train: usize = 2000, at_least(2.0);
        /// Test images.
        test: usize = 400, at_least(1.0);
        /// Most shapes in an image.
        shapes: usize = 4, within(1.0, 100.0);
        /// Which images are drawn. It is not `run.seed`, so that runs with different seeds see the same images.
        draw_seed: u64 = 0;
    }
}

options! {
    /// Images with masks in folders.
    pub struct MaskFolder {
        /// Folder that holds `images`, `annotations` and `classes.txt`.
        path: String = required;
        /// Level of pixels that count neither in training nor in evaluation.
        ignore_label: usize = 255, within(0.0, 65535.0);
        /// Level 0 does not count either, and level 1 is the first class, as in ADE20K.
        reduce_zero_label: bool = false;
    }
}

choice! {
    /// What happens to images that cannot be decoded.
    pub enum Corrupt {
        /// The first one ends the run with its name. Folders of up to 5,000 images are checked before a run.
        Error = "error",
        /// They are named and passed over: training takes the next image in their place, evaluation leaves them out.
        Skip = "skip",
    }
}

options! {
    /// What every data set has.
    pub struct DataCommon {
        /// Share of the training split held out for validation when there is no validation split.
        valid_fraction: f64 = ("0.1; 0.2 of `uea`, `rhythms`, `anomaly` and `faults`"), FRACTION;
        /// Share of the training split that is trained on, once validation is held out: for learning from few labels. Which
        /// samples does not depend on `run.seed`, and a larger share contains a smaller one.
        train_fraction: f64 = 1.0, SHARE;
        /// Threads that load and augment; 0 does it in the training thread.
        workers: usize = 2, within(0.0, 256.0);
    }
}

options! {
    /// How images are prepared.
    pub struct ImageOptions, checked by channels_agree {
        /// Share of the shorter side that is kept when an image is cut to a square in its middle, before it is scaled to the
        /// network's input; 0.875 for ImageNet.
        crop_ratio: f64 = 1.0, SHARE;
        /// How images are scaled.
        interpolation: Interpolation = "bicubic";
        /// Mean of each channel, subtracted from pixels in 0..1; left out, the data set's own.
        mean: Option<Vec<f64>> = unset;
        /// Standard deviation of each channel, divided by; left out, the data set's own.
        std: Option<Vec<f64>> = unset, above(0.0);
    }
}

options! {
    /// How images with masks are prepared.
    pub struct MaskOptions, checked by mask_options_agree {
        /// How images are scaled; masks have the class of the nearest pixel.
        interpolation: Interpolation = "bilinear";
        /// How the network sees images that it is not trained on.
        view: MaskView = "whole";
        /// Length of an image's shorter side under `view = "windows"`, in pixels; the longer one becomes at most four times as
        /// long. Left out, the network's input.
        window_side: Option<usize> = unset, within(1.0, 65536.0);
        /// Distance between windows, in pixels; left out, two thirds of the network's input.
        window_stride: Option<usize> = unset, within(1.0, 65536.0);
        /// Mean of each channel, subtracted from pixels in 0..1; left out, the data set's own.
        mean: Option<Vec<f64>> = unset;
        /// Standard deviation of each channel, divided by; left out, the data set's own.
        std: Option<Vec<f64>> = unset, above(0.0);
    }
}

choice! {
    /// How the network sees images that it is not trained on.
    pub enum MaskView {
        /// Scaled until they fit into its input. Pixels count at that size.
        Whole = "whole",
        /// Through windows of its input's size that overlap: the mean of their scores, interpolated to the size of the stored image,
        /// whose pixels count. The `slide` mode of mmsegmentation.
        Windows = "windows",
    }
}

choice! {
    /// How images are scaled.
    pub enum Interpolation {
        /// Keys' cubic, two pixels wide each way, as Pillow's.
        Bicubic = "bicubic",
        /// A triangle one pixel wide each way, as Pillow's.
        Bilinear = "bilinear",
        /// Between the two nearest pixels each way whatever the scale, as OpenCV's; masks likewise by its rule of the nearest.
        Linear = "linear",
    }
}

options! {
    /// Random changes to training images.
    pub struct Augment, checked by ranges_ascend {
        /// Smallest and largest share of an image's area that is cut out and scaled to the network's input (random resized
        /// crop); left out, the middle is taken.
        crop_area: Option<[f64; 2]> = unset, SHARE;
        /// Smallest and largest width divided by height of what `crop_area` cuts out.
        crop_aspect: [f64; 2] = [0.75, 1.3333333333333333], above(0.0);
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
        /// Magnitude of RandAugment, on timm's scale of 0 to 10 with increasing severity; left out, there is none.
        rand_augment: Option<f64> = unset, within(0.0, 10.0);
        /// Operations of RandAugment that are drawn for an image; each is then left out with probability 0.5.
        rand_augment_ops: usize = 2, at_least(1.0);
        /// Standard deviation of its magnitude.
        rand_augment_std: f64 = 0.5, at_least(0.0);
        /// Strength of random brightness, contrast and saturation: their factors lie in 1 ± color_jitter.
        color_jitter: f64 = 0.0, at_least(0.0);
        /// Probability that a rectangle is replaced by noise (random erasing).
        erase: f64 = 0.0, within(0.0, 1.0);
        /// Times that an image follows itself in a batch, with other draws each time (repeated augmentation). An epoch has as
        /// many samples as without, and so fewer images.
        repeats: usize = 1, at_least(1.0);
        /// Parameter of the beta distribution that mixup draws its share from; 0 turns it off.
        mixup: f64 = 0.0, at_least(0.0);
        /// The same of cutmix.
        cutmix: f64 = 0.0, at_least(0.0);
        /// Share of the batches that are mixed, where `mixup` or `cutmix` is on.
        mix_probability: f64 = 1.0, within(0.0, 1.0);
        /// Share of the mixed batches that use cutmix, where both are on.
        cutmix_share: f64 = 0.5, within(0.0, 1.0);
    }
}

options! {
    /// Random changes to training images and their masks, which move together.
    pub struct MaskAugment, checked by resize_ascends {
        /// Smallest and largest length of an image's shorter side, in sides of the network's input. A square of the input's
        /// size is then cut out; what is missing of it counts nowhere.
        resize: [f64; 2] = [1.0, 1.0], above(0.0);
        /// Largest share of one class in what is cut out; the tenth part that is drawn anew is taken whatever it has.
        max_share: f64 = 1.0, SHARE;
        /// Mirror half of the images left to right.
        hflip: bool = false;
        /// Strength of random brightness, contrast and saturation: their factors lie in 1 ± color_jitter.
        color_jitter: f64 = 0.0, at_least(0.0);
        /// The photometric distortion of mmsegmentation: brightness, contrast, saturation and hue, each for half of the images.
        photometric: bool = false;
    }
}

fn resize_ascends(augment: &MaskAugment, section: &SectionReader<'_>) -> Result<(), ConfigError> {
    ascends("resize", augment.resize, section)
}

fn mask_options_agree(data: &MaskOptions, section: &SectionReader<'_>) -> Result<(), ConfigError> {
    let of_windows = [
        ("window_side", data.window_side),
        ("window_stride", data.window_stride),
    ];
    for (key, given) in of_windows {
        if given.is_some() && data.view != MaskView::Windows {
            let message = format!("`{key}` in [data] is for `view = \"windows\"`");
            return Err(section
                .error(ErrorKind::Conflict, &[key, "view"], message)
                .hint(format!("set `view`, or leave `{key}` out")));
        }
    }
    one_value_a_channel(data.mean.as_ref(), data.std.as_ref(), section)
}

fn ranges_ascend(augment: &Augment, section: &SectionReader<'_>) -> Result<(), ConfigError> {
    let aspect = Some(augment.crop_aspect);
    let ranges = [("crop_area", augment.crop_area), ("crop_aspect", aspect)];
    for (key, range) in ranges {
        range.map_or(Ok(()), |range| ascends(key, range, section))?;
    }
    Ok(())
}

fn ascends(
    key: &'static str,
    [low, high]: [f64; 2],
    section: &SectionReader<'_>,
) -> Result<(), ConfigError> {
    if low <= high {
        return Ok(());
    }
    let message = format!("`{key}` goes from {low} down to {high}");
    let error = section.error(ErrorKind::Conflict, &[key], message);
    Err(error.hint(format!(
        "write the smaller number first: `{key} = [{high}, {low}]`"
    )))
}

fn channels_agree(data: &ImageOptions, section: &SectionReader<'_>) -> Result<(), ConfigError> {
    one_value_a_channel(data.mean.as_ref(), data.std.as_ref(), section)
}

fn one_value_a_channel(
    mean: Option<&Vec<f64>>,
    std: Option<&Vec<f64>>,
    section: &SectionReader<'_>,
) -> Result<(), ConfigError> {
    let (Some(mean), Some(std)) = (mean, std) else {
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
