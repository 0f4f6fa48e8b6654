//! From the bytes of an image file to pixels.

use std::io::Cursor;

use image::{DynamicImage, ImageReader, RgbImage};
use image_webp::WebPDecoder;

use super::{ImageSample, PixelImage};

/// Decodes PNG, JPEG and the first frame of WebP. The format is told from the content, because mislabelled endings are common
/// in the wild.
///
/// # Errors
///
/// What is wrong with the file, without its name.
pub fn decode_image(bytes: &[u8]) -> Result<DynamicImage, String> {
    if is_webp(bytes) {
        return decode_webp(bytes);
    }
    if is_cut_off(bytes) {
        return Err("the file is cut off: the end marker of a JPEG is missing".to_owned());
    }
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let reader = reader.map_err(|error| error.to_string())?;
    reader.decode().map_err(|error| error.to_string())
}

/// A labelled image in RGB.
pub(super) fn rgb_sample(bytes: &[u8], label: usize) -> Result<ImageSample, String> {
    let rgb = DynamicImage::ImageRgb8(decode_image(bytes)?.into_rgb8());
    let image = PixelImage::from(rgb);
    Ok(ImageSample { image, label })
}

fn is_webp(bytes: &[u8]) -> bool {
    bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP")
}

/// Alpha is dropped, as [`rgb_sample`] would.
fn decode_webp(bytes: &[u8]) -> Result<DynamicImage, String> {
    let said = |error: image_webp::DecodingError| error.to_string();
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(said)?;
    let (width, height) = decoder.dimensions();
    let size = decoder.output_buffer_size();
    let mut pixels = vec![0; size.ok_or("its size is not that of an image")?];
    decoder.read_image(&mut pixels).map_err(said)?;
    if decoder.has_alpha() {
        let (colours, _) = pixels.as_chunks::<4>();
        pixels = colours
            .iter()
            .map(|&[r, g, b, _]| [r, g, b])
            .collect::<Vec<_>>()
            .into_flattened();
    }
    let image = RgbImage::from_raw(width, height, pixels);
    let image = image.ok_or("it has fewer pixels than its header says")?;
    Ok(DynamicImage::ImageRgb8(image))
}

/// Whether the last scan of a JPEG has no end. The decoder would make grey of what is missing and say nothing.
fn is_cut_off(bytes: &[u8]) -> bool {
    const START_OF_IMAGE: [u8; 2] = [0xff, 0xd8];
    const START_OF_SCAN: [u8; 2] = [0xff, 0xda];
    const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
    let mut backwards = bytes.windows(2).rev();
    let last = backwards.find(|pair| *pair == START_OF_SCAN || *pair == END_OF_IMAGE);
    bytes.starts_with(&START_OF_IMAGE) && last != Some(&END_OF_IMAGE)
}

#[cfg(test)]
mod tests {
    use image_webp::{ColorType, WebPEncoder};

    use super::*;

    /// Lossless, 2×2.
    fn webp(pixels: &[u8], colour: ColorType) -> Vec<u8> {
        let mut bytes = Vec::new();
        let encoder = WebPEncoder::new(&mut bytes);
        encoder.encode(pixels, 2, 2, colour).unwrap();
        bytes
    }

    #[test]
    fn webp_gives_its_pixels_with_and_without_alpha() {
        let rgb = [1, 2, 3, 40, 50, 60, 7, 8, 9, 255, 0, 128];
        let decoded = decode_image(&webp(&rgb, ColorType::Rgb8)).unwrap();
        assert_eq!(decoded.into_rgb8().as_raw(), &rgb);
        let rgba = [
            1, 2, 3, 255, 40, 50, 60, 200, 7, 8, 9, 255, 255, 0, 128, 100,
        ];
        let sample = rgb_sample(&webp(&rgba, ColorType::Rgba8), 3).unwrap();
        assert_eq!((sample.label, sample.image.data()), (3, &rgb[..]));
    }

    #[test]
    fn damaged_webp_is_an_error() {
        let rgb = [9; 12];
        let whole = webp(&rgb, ColorType::Rgb8);
        for bytes in [&whole[..20], b"RIFF\0\0\0\0WEBPgarbage".as_slice()] {
            assert!(decode_image(bytes).is_err());
        }
    }
}
