//! Circles, squares, triangles and stars over a textured background: images with exact masks that are drawn when they are
//! asked for, so that dense prediction can be tried without any file.

use std::f64::consts::{PI, TAU};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use burn_dataset::{Dataset, DatasetError};
use image::{DynamicImage, GrayImage};
use rand_chacha::ChaCha8Rng;

use super::{Mask, MaskSample, MaskSplits, PixelImage};
use crate::SampleSet;
use crate::card::card;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::random::{below, purpose, stream, symmetric, unit64};
use crate::transform::require;

/// Changes when the same settings draw other images.
const VERSION: u64 = 1;

/// How many images of which size are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Height and width, pixels.
    pub size: usize,
    /// Training images.
    pub train: usize,
    /// Test images.
    pub test: usize,
    /// Most shapes in an image; there is at least one.
    pub largest: usize,
    /// Which images.
    pub seed: u64,
}

/// The shapes that `settings` describe, with a share of the training images held out for validation.
///
/// # Errors
///
/// If a number is 0, or `valid_fraction` is not in `[0, 1)`.
pub fn splits(
    settings: &Settings,
    valid_fraction: f64,
    seed: u64,
) -> Result<MaskSplits, DataError> {
    let counts = [
        ("size", settings.size),
        ("train", settings.train),
        ("test", settings.test),
        ("shapes", settings.largest),
    ];
    for (name, count) in counts {
        require(count > 0, name, count, "at least 1")?;
    }
    let card = card("shapes")?;
    let part = |part: Part, len| {
        Arc::new(Drawn {
            settings: *settings,
            part,
            len,
            classes: card.classes.clone(),
        })
    };
    let (train, test) = (
        part(Part::Train, settings.train),
        part(Part::Test, settings.test),
    );
    MaskSplits::held_out(train, test, card, valid_fraction, seed)
}

/// Writes the shapes that `settings` describe below `root`, in the layout that [`mask_folder`](super::mask_folder) reads.
///
/// # Errors
///
/// As [`splits`], if `root` is there and not empty, or if a file cannot be written.
pub fn write(root: &Path, settings: &Settings) -> Result<(), DataError> {
    let splits = splits(settings, 0.0, 0)?;
    let is_taken = fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_some());
    if is_taken || root.is_file() {
        return Err(DataError::layout(
            root,
            "not an empty folder; name another one",
        ));
    }
    let unwritten = |path: &Path, error: &dyn std::fmt::Display| DataError::Unreadable {
        path: path.to_owned(),
        reason: format!("it cannot be written: {error}"),
    };
    let folder = |name: &str| {
        let path = root.join(name);
        fs::create_dir_all(&path).map_err(|error| unwritten(&path, &error))?;
        Ok::<_, DataError>(path)
    };
    for (part, samples) in [("training", &splits.train), ("validation", &splits.test)] {
        let images = folder(&format!("images/{part}"))?;
        let masks = folder(&format!("annotations/{part}"))?;
        for index in 0..samples.len() {
            let sample = samples.get(index);
            let sample = sample
                .map_err(|error| DataError::from_dataset(&error, || samples.describe(index)))?;
            let name = format!("{index:06}.png");
            let levels = sample.mask.ids().iter().map(|&id| id as u8).collect();
            let side = settings.size as u32;
            let mask = GrayImage::from_raw(side, side, levels).map(DynamicImage::ImageLuma8);
            let pair = [
                (&images, Some(DynamicImage::from(sample.image))),
                (&masks, mask),
            ];
            for (folder, picture) in pair {
                let path = folder.join(&name);
                if let Some(picture) = picture {
                    picture
                        .save(&path)
                        .map_err(|error| unwritten(&path, &error))?;
                }
            }
        }
    }
    let path = root.join("classes.txt");
    let names = splits.train.classes().join("\n") + "\n";
    fs::write(&path, names).map_err(|error| unwritten(&path, &error))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Train,
    Test,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Test => "test",
        }
    }
}

/// One part, nothing of which is kept.
struct Drawn {
    settings: Settings,
    part: Part,
    len: usize,
    classes: Vec<String>,
}

impl Dataset<MaskSample> for Drawn {
    fn get(&self, index: usize) -> Result<MaskSample, DatasetError> {
        assert!(index < self.len, "image {index} of {}", self.len);
        let key = [purpose::SHAPES, self.part as u64, index as u64];
        Ok(draw(&self.settings, &mut stream(self.settings.seed, &key)))
    }

    fn len(&self) -> usize {
        self.len
    }
}

impl SampleSet<MaskSample> for Drawn {
    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn describe(&self, index: usize) -> String {
        format!("{} image {index} of the drawn shapes", self.part.name())
    }

    fn fingerprint(&self) -> String {
        let Settings {
            size,
            largest,
            seed,
            ..
        } = self.settings;
        let numbers = [
            VERSION,
            size as u64,
            largest as u64,
            seed,
            self.part as u64,
            self.len as u64,
        ];
        let print = Fingerprint::new().bytes(b"shapes");
        numbers
            .into_iter()
            .fold(print, Fingerprint::number)
            .finish()
    }
}

/// A colour, each channel from 0 to 255.
type Colour = [f64; 3];

/// A background, and shapes on it, of which the later ones hide the earlier ones.
fn draw(settings: &Settings, rng: &mut ChaCha8Rng) -> MaskSample {
    let side = settings.size as f64;
    let background = Texture::draw(rng, side, 24.0);
    let shapes: Vec<Shape> = (0..1 + below(rng, settings.largest))
        .map(|_| Shape::draw(rng, side, background.colour))
        .collect();
    let places = (0..settings.size).flat_map(|y| (0..settings.size).map(move |x| (x, y)));
    let (mut levels, mut ids) = (Vec::new(), Vec::new());
    for (x, y) in places {
        let (x, y) = (x as f64 + 0.5, y as f64 + 0.5);
        let top = shapes.iter().rev().find(|shape| shape.covers(x, y));
        let texture = top.map_or(&background, |shape| &shape.texture);
        ids.push(top.map_or(0, |shape| shape.kind as u16 + 1));
        levels.extend(texture.at(x, y, rng));
    }
    MaskSample {
        image: PixelImage::new(settings.size, settings.size, 3, levels),
        mask: Mask::new(settings.size, settings.size, ids),
    }
}

/// A colour with waves of brightness over it, and noise.
struct Texture {
    colour: Colour,
    /// Wave numbers along both axes, phase, height.
    waves: [[f64; 4]; 3],
}

impl Texture {
    fn draw(rng: &mut ChaCha8Rng, side: f64, strength: f64) -> Self {
        let colour = [(); 3].map(|()| 40.0 + 175.0 * unit64(rng));
        let waves = [(); 3].map(|()| {
            let (direction, cycles) = (TAU * unit64(rng), 1.0 + 7.0 * unit64(rng));
            let number = TAU * cycles / side;
            let height = strength * unit64(rng);
            [
                number * direction.cos(),
                number * direction.sin(),
                TAU * unit64(rng),
                height,
            ]
        });
        Self { colour, waves }
    }

    fn at(&self, x: f64, y: f64, rng: &mut ChaCha8Rng) -> [u8; 3] {
        let wave =
            |[along, down, phase, height]: &[f64; 4]| height * (along * x + down * y + phase).sin();
        let wave: f64 = self.waves.iter().map(wave).sum();
        let colour = self.colour;
        colour.map(|level| {
            let noise = f64::from(symmetric(rng, 10.0));
            (level + wave + noise).round().clamp(0.0, 255.0) as u8
        })
    }
}

/// In the order of the classes behind the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Circle,
    Square,
    Triangle,
    Star,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Circle, Self::Square, Self::Triangle, Self::Star];
}

struct Shape {
    kind: Kind,
    centre: [f64; 2],
    radius: f64,
    /// Cosine and sine of the rotation.
    turn: [f64; 2],
    texture: Texture,
}

impl Shape {
    /// Redrawn until its colour differs from that of the background, at most eight times.
    fn draw(rng: &mut ChaCha8Rng, side: f64, background: Colour) -> Self {
        let kind = Kind::ALL[below(rng, Kind::ALL.len())];
        let radius = side * (0.11 + 0.11 * unit64(rng));
        let mut place = || radius + unit64(rng) * (side - 2.0 * radius);
        let centre = [place(), place()];
        let angle = TAU * unit64(rng);
        let mut texture = Texture::draw(rng, side, 10.0);
        for _ in 0..8 {
            if distance(texture.colour, background) > 90.0 {
                break;
            }
            texture = Texture::draw(rng, side, 10.0);
        }
        Self {
            kind,
            centre,
            radius,
            turn: [angle.cos(), angle.sin()],
            texture,
        }
    }

    /// Whether a point lies inside. All kinds have about the area of the circle, but for the star.
    fn covers(&self, x: f64, y: f64) -> bool {
        let (x, y) = (
            (x - self.centre[0]) / self.radius,
            (y - self.centre[1]) / self.radius,
        );
        let [cos, sin] = self.turn;
        let (x, y) = (cos * x + sin * y, cos * y - sin * x);
        match self.kind {
            Kind::Circle => x * x + y * y < 1.0,
            Kind::Square => x.abs().max(y.abs()) < 0.9,
            Kind::Triangle => {
                // Distance of an equilateral triangle's sides from its centre.
                let sides = [0.0, TAU / 3.0, -TAU / 3.0];
                let beyond = |angle: f64| angle.cos() * x + angle.sin() * y;
                sides.into_iter().all(|angle| beyond(angle) < 0.7)
            }
            Kind::Star => {
                // Folded to half a point of the five: from the tip to the notch beside it.
                let fifth = TAU / 5.0;
                let angle = (y.atan2(x) + PI / 5.0).rem_euclid(fifth) - PI / 5.0;
                let (length, angle) = (x.hypot(y), angle.abs());
                let (x, y) = (length * angle.cos(), length * angle.sin());
                let (tip, notch) = (1.35, 0.58);
                let notch = [notch * (PI / 5.0).cos(), notch * (PI / 5.0).sin()];
                (notch[0] - tip) * y - notch[1] * (x - tip) > 0.0
            }
        }
    }
}

fn distance(a: Colour, b: Colour) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b).powi(2));
    squares.sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings {
        size: 48,
        train: 200,
        test: 20,
        largest: 4,
        seed: 0,
    };

    fn shape(kind: Kind, turn: f64) -> Shape {
        let flat = Texture {
            colour: [0.0; 3],
            waves: [[0.0; 4]; 3],
        };
        Shape {
            kind,
            centre: [50.0, 50.0],
            radius: 20.0,
            turn: [turn.cos(), turn.sin()],
            texture: flat,
        }
    }

    /// Area in squares of the radius.
    fn area(shape: &Shape) -> f64 {
        let places = (0..100).flat_map(|y| (0..100).map(move |x| (x, y)));
        let inside = places.filter(|&(x, y)| shape.covers(f64::from(x) + 0.5, f64::from(y) + 0.5));
        inside.count() as f64 / 400.0
    }

    #[test]
    fn shapes_have_the_areas_of_their_geometry() {
        let triangle = 3.0 * 3.0_f64.sqrt() * 0.7 * 0.7;
        // Ten triangles between centre, tip and notch.
        let star = 10.0 * 0.5 * 1.35 * 0.58 * (PI / 5.0).sin();
        let expected = [
            (Kind::Circle, PI),
            (Kind::Square, 3.24),
            (Kind::Triangle, triangle),
            (Kind::Star, star),
        ];
        for (kind, expected) in expected {
            for turn in [0.0, 0.4, 2.0] {
                let area = area(&shape(kind, turn));
                assert!((area - expected).abs() < 0.06, "{kind:?} {area} {expected}");
            }
        }
    }

    #[test]
    fn images_follow_from_seed_part_and_index() {
        let with = |seed| splits(&Settings { seed, ..SETTINGS }, 0.0, 0).unwrap();
        let (one, other) = (with(1), with(2));
        assert_eq!(one.train.get(3).unwrap(), with(1).train.get(3).unwrap());
        assert_ne!(one.train.get(3).unwrap(), one.train.get(4).unwrap());
        assert_ne!(one.train.get(3).unwrap(), other.train.get(3).unwrap());
        assert_ne!(one.train.get(3).unwrap(), one.test.get(3).unwrap());
        assert_eq!(one.train.fingerprint(), with(1).train.fingerprint());
        assert_ne!(one.train.fingerprint(), other.train.fingerprint());
        assert_ne!(one.train.fingerprint(), one.test.fingerprint());
    }

    #[test]
    fn every_class_is_seen_and_masks_tell_colours_apart() {
        let splits = splits(&SETTINGS, 0.1, 0).unwrap();
        assert_eq!((splits.train.len(), splits.test.len()), (180, 20));
        let mut pixels = [0_usize; 5];
        for index in 0..splits.train.len() {
            let sample = splits.train.get(index).unwrap();
            for &id in sample.mask.ids() {
                pixels[usize::from(id)] += 1;
            }
        }
        let all: usize = pixels.iter().sum();
        let share = |class: usize| pixels[class] as f64 / all as f64;
        assert!((0.6..0.9).contains(&share(0)), "{pixels:?}");
        assert!((1..5).all(|class| share(class) > 0.02), "{pixels:?}");
        assert_eq!(splits.train.classes().len(), 5);
    }

    #[test]
    fn written_shapes_are_read_as_they_were_drawn() {
        let settings = Settings {
            train: 3,
            test: 2,
            ..SETTINGS
        };
        let folder = tempfile::TempDir::new().unwrap();
        let root = folder.path().join("shapes");
        write(&root, &settings).unwrap();
        let levels = crate::mask_folder::Levels {
            ignore: 255,
            reduce_zero_label: false,
        };
        let read = crate::mask_folder::splits(&root, levels, 0.0, 0).unwrap();
        let drawn = splits(&settings, 0.0, 0).unwrap();
        assert_eq!(read.train.classes(), drawn.train.classes());
        for index in 0..3 {
            assert_eq!(
                read.train.get(index).unwrap(),
                drawn.train.get(index).unwrap()
            );
        }
        assert_eq!(read.test.get(1).unwrap(), drawn.test.get(1).unwrap());
        let error = write(&root, &settings).unwrap_err().to_string();
        assert!(error.ends_with("not an empty folder; name another one"));
    }

    #[test]
    fn a_set_without_images_is_refused() {
        let none = Settings {
            test: 0,
            ..SETTINGS
        };
        let error = splits(&none, 0.0, 0).unwrap_err().to_string();
        assert_eq!(error, "test is 0, expected at least 1");
    }
}
