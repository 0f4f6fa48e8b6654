//! Whether an Ogg file is whole: decoders take the end of a file for the end of the sound.

/// Bytes of a page's header in front of its table of segments.
const HEADER: usize = 27;

/// Position of the flags in the header, and the one that marks the last page of a stream.
const FLAGS: usize = 5;
const LAST_PAGE: u8 = 4;

/// Refuses a file whose last page is missing or cut.
pub(super) fn check_whole(bytes: &[u8]) -> Result<(), String> {
    let (mut rest, mut is_last) = (bytes, false);
    while rest.starts_with(b"OggS") {
        let Some(length) = page_length(rest).filter(|&length| length <= rest.len()) else {
            return Err("the file is cut off inside a page".to_owned());
        };
        is_last = rest[FLAGS] & LAST_PAGE != 0;
        rest = &rest[length..];
    }
    match is_last {
        true => Ok(()),
        false => Err("the file is cut off: the last page of the stream is missing".to_owned()),
    }
}

fn page_length(page: &[u8]) -> Option<usize> {
    let segments = usize::from(*page.get(HEADER - 1)?);
    let table = page.get(HEADER..HEADER + segments)?;
    Some(HEADER + segments + table.iter().copied().map(usize::from).sum::<usize>())
}
