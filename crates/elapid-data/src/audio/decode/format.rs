//! Telling formats apart by their first bytes.

use std::path::Path;

/// A format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Wav,
    Flac,
    Mp3,
    Ogg,
}

/// What other content begins with, where, and what it is.
const OTHERS: [(usize, &[u8], &str); 14] = [
    (0, b"RF64", "a RIFF file of 64 bits"),
    (0, b"RIFX", "a big-endian RIFF file"),
    (0, b"RIFF", "a RIFF file, but not WAV"),
    (8, b"AIFF", "an AIFF file"),
    (8, b"AIFC", "an AIFF file"),
    (4, b"ftyp", "an MP4 or M4A file"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM file"),
    (0, b"caff", "a CAF file"),
    (0, b"NIST_1A", "a SPHERE file"),
    (0, b".snd", "an AU file"),
    (0, b"\x89PNG", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
];

impl Format {
    /// The format of a file with this content, or what is wrong with it.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, String> {
        let starts = |at: usize, mark: &[u8]| bytes.get(at..).is_some_and(|b| b.starts_with(mark));
        if bytes.is_empty() {
            return Err("the file is empty".to_owned());
        }
        if starts(0, b"RIFF") && starts(8, b"WAVE") {
            return Ok(Self::Wav);
        }
        if starts(0, b"OggS") {
            return Ok(Self::Ogg);
        }
        let tagged = past_id3(bytes);
        if tagged.starts_with(b"fLaC") {
            return Ok(Self::Flac);
        }
        if is_mp3_frame(tagged) || tagged.len() < bytes.len() {
            return Ok(Self::Mp3);
        }
        let other = OTHERS.iter().find(|(at, mark, _)| starts(*at, mark));
        let what = match other {
            Some((.., what)) => what,
            None if bytes.iter().take(256).all(|&b| is_text(b)) => "a text file",
            None => "not a sound file that is known here",
        };
        Err(format!("it is {what}; expected WAV, FLAC, MP3 or OGG"))
    }

    /// The usual endings.
    fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Wav => &["wav", "wave"],
            Self::Flac => &["flac"],
            Self::Mp3 => &["mp3"],
            Self::Ogg => &["ogg", "oga"],
        }
    }

    /// The name of the format.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Wav => "WAV",
            Self::Flac => "FLAC",
            Self::Mp3 => "MP3",
            Self::Ogg => "OGG",
        }
    }

    /// A remark if the file's ending is that of something else.
    pub(super) fn remark(self, path: &Path) -> Option<String> {
        let ending = path.extension().unwrap_or_default();
        let fits = |known: &&str| ending.eq_ignore_ascii_case(known);
        (!self.endings().iter().any(fits)).then(|| {
            format!(
                "`{}` is {} by its content, whatever its name says",
                path.display(),
                self.name()
            )
        })
    }
}

/// What is behind an ID3 tag, which may stand in front of MP3 and, against the rules, of FLAC.
fn past_id3(bytes: &[u8]) -> &[u8] {
    let [b'I', b'D', b'3', _, _, _, a, b, c, d, rest @ ..] = bytes else {
        return bytes;
    };
    // Seven bits a byte.
    let size = [a, b, c, d]
        .iter()
        .fold(0, |size, &&byte| size << 7 | usize::from(byte & 0x7f));
    rest.get(size..).unwrap_or_default()
}

/// Whether bytes begin with the header of a frame of layer III: eleven ones, and no field with a forbidden value.
fn is_mp3_frame(bytes: &[u8]) -> bool {
    let [0xff, second, third, ..] = bytes else {
        return false;
    };
    let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
    let (bit_rate, rate) = (third >> 4, third >> 2 & 3);
    second >> 5 == 7 && version != 1 && layer == 1 && bit_rate != 15 && rate != 3
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..)
}
