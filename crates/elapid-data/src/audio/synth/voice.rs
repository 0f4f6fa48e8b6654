//! Speech from the program espeak-ng.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::audio::decode::decode;
use crate::audio::waveform::Waveform;
use crate::error::DataError;

/// English accents that come with espeak-ng.
const ACCENTS: [&str; 8] = [
    "en-us",
    "en-gb",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-029",
    "en-us-nyc",
];

/// Throats that come with espeak-ng.
const VARIANTS: [&str; 12] = [
    "m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4", "f5",
];

/// How many voices there are.
pub(super) const VOICES: usize = ACCENTS.len() * VARIANTS.len();

/// One way to say something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Voice {
    /// An accent and a throat.
    pub(super) name: String,
    /// Words a minute.
    pub(super) speed: u32,
    /// 0 to 99.
    pub(super) pitch: u32,
}

/// Name of voice `number`.
pub(super) fn name(number: usize) -> String {
    let (accent, variant) = (
        ACCENTS[number % ACCENTS.len()],
        VARIANTS[number / ACCENTS.len() % VARIANTS.len()],
    );
    format!("{accent}+{variant}")
}

/// What the program calls itself.
pub(super) fn version(program: &OsStr) -> Result<String, DataError> {
    let text = run(program, &["--version".to_owned()])?;
    let text = String::from_utf8_lossy(&text);
    let version = text.split("Data at").next().unwrap_or_default();
    Ok(version.trim().to_owned())
}

/// A voice says a text.
pub(super) fn say(program: &OsStr, voice: &Voice, text: &str) -> Result<Waveform, DataError> {
    let arguments = [
        "--stdout".to_owned(),
        format!("-v{}", voice.name),
        format!("-s{}", voice.speed),
        format!("-p{}", voice.pitch),
        text.to_owned(),
    ];
    let bytes = run(program, &arguments)?;
    let recording = decode(Path::new("speech.wav"), &bytes);
    let recording = recording.map_err(|reason| failed(program, reason))?;
    match recording
        .waveform
        .samples
        .iter()
        .any(|&sample| sample != 0.0)
    {
        true => Ok(recording.waveform),
        false => Err(failed(
            program,
            format!("voice {} says nothing", voice.name),
        )),
    }
}

fn run(program: &OsStr, arguments: &[String]) -> Result<Vec<u8>, DataError> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.trim();
            Err(failed(program, format!("{}: {said}", output.status)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Err(failed(
            program,
            "it is not installed; on Debian and Ubuntu `apt-get install espeak-ng` does that",
        )),
        Err(error) => Err(failed(program, error)),
    }
}

fn failed(program: &OsStr, problem: impl ToString) -> DataError {
    DataError::Program {
        program: program.to_string_lossy().into_owned(),
        problem: problem.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_voice_has_its_own_name() {
        let names: BTreeSet<String> = (0..VOICES).map(name).collect();
        assert_eq!(names.len(), VOICES);
        assert!(names.contains("en-gb-scotland+f5"));
    }

    #[test]
    fn a_missing_program_says_how_to_get_it() {
        let error = version(OsStr::new("no-such-espeak")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`no-such-espeak` failed: it is not installed; on Debian and Ubuntu \
             `apt-get install espeak-ng` does that"
        );
    }
}
