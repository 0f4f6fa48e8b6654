//! FLAC, MP3 and Ogg Vorbis, through symphonia.

use std::io::Cursor;

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::FormatOptions;
use symphonia::core::formats::TrackType;
use symphonia::core::formats::probe::Hint;
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use super::Channels;
use super::format::Format;

/// The first track of a file.
pub(super) fn decode(bytes: &[u8], format: Format) -> Result<Channels, String> {
    let damaged = |error: Error| damaged(&error, format);
    let source = Box::new(Cursor::new(bytes.to_vec()));
    let stream = MediaSourceStream::new(source, Default::default());
    let mut reader = symphonia::default::get_probe()
        .probe(
            &Hint::new(),
            stream,
            FormatOptions::default(),
            MetadataOptions::default(),
        )
        .map_err(damaged)?;
    let track = reader.default_track(TrackType::Audio);
    let track = track.ok_or_else(|| unsupported(format))?;
    let (id, promised) = (track.id, track.num_frames);
    let parameters = track.codec_params.as_ref().and_then(|codec| codec.audio());
    let parameters = parameters.ok_or_else(|| unsupported(format))?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(damaged)?;
    let mut sound = Channels {
        interleaved: Vec::new(),
        channels: 0,
        rate: 0,
    };
    let mut part: Vec<f32> = Vec::new();
    while let Some(packet) = reader.next_packet().map_err(damaged)? {
        if packet.track_id != id {
            continue;
        }
        let decoded = decoder.decode(&packet).map_err(damaged)?;
        let spec = decoded.spec();
        let (channels, rate) = (spec.channels().count(), spec.rate());
        if sound.channels != 0 && (sound.channels, sound.rate) != (channels, rate) {
            return Err("the number of channels or the rate changes on the way".to_owned());
        }
        (sound.channels, sound.rate) = (channels, rate);
        decoded.copy_to_vec_interleaved(&mut part);
        sound.interleaved.extend_from_slice(&part);
    }
    let found = (sound.interleaved.len() / sound.channels.max(1)) as u64;
    match promised.filter(|&promised| found < promised) {
        Some(promised) => Err(format!(
            "the file is cut off: its header promises {promised} samples, and it has {found}"
        )),
        None => Ok(sound),
    }
}

fn unsupported(format: Format) -> String {
    match format {
        Format::Ogg => "the OGG file holds no Vorbis (Opus and Speex are not read)".to_owned(),
        Format::Mp3 => {
            "the file is cut off or damaged: no two MP3 frames follow each other".to_owned()
        }
        _ => format!("the {} file holds no sound", format.name()),
    }
}

fn damaged(error: &Error, format: Format) -> String {
    match error {
        Error::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the file is cut off".to_owned()
        }
        Error::Unsupported(_) => unsupported(format),
        other => format!("the {} file is damaged: {other}", format.name()),
    }
}
