//! The transforms of one sound. Those that are random draw their parameters in one function and apply them in another.

mod fit;
mod mask;
mod mixup;
mod noise;
mod normalise;
mod pipeline;
mod shift;

use fit::fit;
use mask::Mask;
pub use mixup::Mixup;
use mixup::{blend, centre};
use noise::Noise;
use normalise::normalise;
pub use pipeline::{AudioAugment, AudioPipeline, Changes, Input};
use shift::{draw_shift, roll};
