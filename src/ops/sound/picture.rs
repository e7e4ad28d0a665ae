//! Pictures are decoded, within limits, and must not end before their own end mark.

use std::io::Cursor;

use image::{ImageError, ImageFormat, ImageReader, Limits};

use super::Verdict;
use super::kind::Format;

/// No side is longer.
const MAX_SIDE: u32 = 40_000;
/// Points of a picture.
const MAX_POINTS: u64 = 60_000_000;
/// Memory for decoding.
const MAX_MEMORY: u64 = 256 << 20;

pub(super) fn check(format: Format, bytes: &[u8]) -> Result<(), Verdict> {
    let kind = match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png => ImageFormat::Png,
        Format::Gif => ImageFormat::Gif,
        Format::Tiff => ImageFormat::Tiff,
    };
    let size = ImageReader::with_format(Cursor::new(bytes), kind).into_dimensions();
    let (width, height) = size.map_err(|e| refused(&e))?;
    let too_large = || Verdict::not_checkable("it has more points than are examined");
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_POINTS {
        return Err(too_large());
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), kind);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits);
    reader.decode().map_err(|e| refused(&e))?;
    if ends(format, bytes) { Ok(()) } else { Err(Verdict::damaged("the picture is cut off")) }
}

fn refused(error: &ImageError) -> Verdict {
    match error {
        ImageError::Limits(_) => Verdict::not_checkable("it needs more memory than an examination has"),
        ImageError::Unsupported(_) => Verdict::not_checkable("it is a picture of a kind that is not examined"),
        e => Verdict::damaged(format!("the picture cannot be decoded: {e}")),
    }
}

/// Whether the end mark is there: decoders make do without, and paint the rest grey.
fn ends(format: Format, bytes: &[u8]) -> bool {
    let last = |mark: &[u8]| memchr::memmem::rfind(bytes, mark);
    match format {
        Format::Jpeg => last(b"\xff\xd9") > last(b"\xff\xda"),
        Format::Png => last(b"IEND\xaeB`\x82").is_some(),
        Format::Gif => bytes.iter().rev().find(|b| **b != 0) == Some(&b';'),
        Format::Tiff => true,
    }
}
