//! `[data]` of sounds: the sets, their filterbank and their augmentation.

use serde::Serialize;

use crate::options::{choice, options};
use crate::range::{FRACTION, above, at_least, within};
use crate::sections::Corrupt;

/// What is done with sounds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SoundSpec {
    /// `[data.audio]`
    pub audio: AudioOptions,
    /// `[data.augment]`
    pub augment: SoundAugment,
}

options! {
    /// A folder of sounds, with or without splits.
    pub struct AudioFolder {
        /// Folder that holds the data set.
        path: String = required;
        /// Share of the sounds held out for the test when the folder has no test split.
        test_fraction: f64 = 0.2, FRACTION;
    }
}

options! {
    /// A set of sounds whose table says to which fold each belongs.
    pub struct Folds {
        /// Folder that holds the data set.
        path: String = required;
        /// The fold that is tested on; the others are trained on.
        fold: usize = 1, at_least(1.0);
    }
}

options! {
    /// Spoken words.
    pub struct SpeechCommands {
        /// Folder that holds the data set.
        path: String = required;
        /// What is told apart.
        words: Words = "all";
    }
}

choice! {
    /// What is told apart.
    pub enum Words {
        /// Every word folder that is there.
        All = "all",
        /// Ten words, silence and everything else.
        TenAndTwo = "ten_and_two",
    }
}

options! {
    /// Sounds with several labels each, in lists.
    pub struct SoundLists {
        /// Folder that lists and sounds are relative to.
        path: String = required;
        /// Table of the classes: index, mid, display_name.
        classes: String = "class_labels_indices.csv";
        /// List of the training sounds, JSON or CSV.
        train: String = required;
        /// List of the sounds for validation; left out, `valid_fraction` is held out.
        valid: Option<String> = unset;
        /// List of the sounds for the test.
        test: String = required;
    }
}

options! {
    /// How sounds become log-mel spectrograms. Their size is the model's.
    pub struct AudioOptions {
        /// Samples a second that sounds are brought to.
        sample_rate: usize = 16000, within(1000.0, 192000.0);
        /// Shape of a frame.
        window: Window = "hanning";
        /// Length of a frame, in milliseconds.
        frame_length: f64 = 25.0, above(0.0);
        /// From the start of a frame to the start of the next, in milliseconds.
        frame_shift: f64 = 10.0, above(0.0);
        /// Lower end of the first bin, in Hertz.
        low_frequency: f64 = 20.0, at_least(0.0);
        /// Upper end of the last bin, in Hertz; 0 or below counts from half of the rate.
        high_frequency: f64 = 0.0;
        /// Mean of the spectrograms' values; left out, the data set's own.
        mean: Option<f64> = unset;
        /// Their standard deviation, twice which they are divided by; left out, the data set's own.
        std: Option<f64> = unset, above(0.0);
        /// What happens to sounds that cannot be decoded.
        corrupt: Corrupt = "error";
        /// GiB of spectrograms kept in the user's cache directory, so that they are computed once; 0 keeps none.
        cache_gib: f64 = 0.0, at_least(0.0);
    }
}

choice! {
    /// Shape of a frame.
    pub enum Window {
        /// Half a period of a cosine.
        Hanning = "hanning",
        /// Kaldi's: Hann to the power of 0.85.
        Povey = "povey",
        /// A cosine that does not reach 0.
        Hamming = "hamming",
        /// Two cosines.
        Blackman = "blackman",
        /// All ones.
        Rectangular = "rectangular",
    }
}

options! {
    /// Random changes to training sounds.
    pub struct SoundAugment {
        /// Share of the sounds that are mixed with another one.
        mixup_rate: f64 = 0.0, within(0.0, 1.0);
        /// Widest mask along frequency, in bins, exclusive.
        frequency_mask: usize = 0, at_least(0.0);
        /// Widest mask along time, in frames, exclusive.
        time_mask: usize = 0, at_least(0.0);
        /// Strongest noise on normalised values; the official code's is 0.1.
        noise: f64 = 0.0, at_least(0.0);
        /// Furthest shift along time, in frames; the official code's is 10.
        shift: usize = 0, at_least(0.0);
    }
}
