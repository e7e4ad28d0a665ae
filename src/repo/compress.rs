//! The one door to zstd: standard frames, and the skippable frames that directories and padding hide in.

use std::cell::RefCell;
use std::io::{BufReader, BufWriter, Read, Write};

use zstd::bulk::{Compressor, Decompressor};

/// The level for documents: the measurements are in `docs/performance.md`.
pub const LEVEL: i32 = 3;
/// No frame of ours is larger than this once decompressed; a larger claim is damage or an attack.
pub const MAX_FRAME_RAW: usize = 64 << 20;

const SKIPPABLE_MAGIC: u32 = 0x184D_2A50;

/// A frame could not be made or undone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("compressed data is damaged ({0})")]
pub struct CompressError(String);

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

fn failed(error: std::io::Error) -> CompressError {
    CompressError(error.to_string())
}

/// One standard frame that holds `raw` and its length.
///
/// # Errors
/// [`CompressError`] when memory runs out.
pub fn frame(raw: &[u8]) -> Result<Vec<u8>, CompressError> {
    COMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Some(Compressor::new(LEVEL).map_err(failed)?);
        }
        slot.as_mut().ok_or_else(|| CompressError("no compressor".into()))?.compress(raw).map_err(failed)
    })
}

/// The content of one frame, which must be exactly `raw_len` bytes.
///
/// # Errors
/// [`CompressError`] when it is damaged, longer or shorter.
pub fn unframe(frame: &[u8], raw_len: usize) -> Result<Vec<u8>, CompressError> {
    if raw_len > MAX_FRAME_RAW {
        return Err(CompressError("it claims an impossible size".into()));
    }
    let raw = DECOMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Some(Decompressor::new().map_err(failed)?);
        }
        slot.as_mut().ok_or_else(|| CompressError("no decompressor".into()))?.decompress(frame, raw_len).map_err(failed)
    })?;
    if raw.len() == raw_len { Ok(raw) } else { Err(CompressError("it is shorter than it should be".into())) }
}

/// The content of one frame whose length only the frame knows, up to `limit`.
///
/// # Errors
/// [`CompressError`] when it is damaged or longer than `limit`.
pub fn unframe_up_to(frame: &[u8], limit: usize) -> Result<Vec<u8>, CompressError> {
    let claimed = zstd::zstd_safe::get_frame_content_size(frame)
        .map_err(|_| CompressError("it is no compressed frame".into()))?
        .ok_or_else(|| CompressError("it does not say its size".into()))?;
    let claimed = usize::try_from(claimed).unwrap_or(usize::MAX);
    if claimed > limit.min(MAX_FRAME_RAW) {
        return Err(CompressError("it claims an impossible size".into()));
    }
    unframe(frame, claimed)
}

/// One standard frame of whatever `write` writes, of any length.
///
/// # Errors
/// [`CompressError`] when memory runs out, or when `write` fails.
pub fn frame_of(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<Vec<u8>, CompressError> {
    let encoder = zstd::stream::write::Encoder::new(vec![], LEVEL).map_err(failed)?;
    let mut out = BufWriter::with_capacity(1 << 16, encoder);
    write(&mut out).map_err(failed)?;
    out.into_inner().map_err(|e| failed(e.into_error()))?.finish().map_err(failed)
}

/// Reads the content of a frame piece by piece; it seems to end after `limit` bytes.
///
/// # Errors
/// [`CompressError`] when memory runs out.
pub fn content_of(frame: &[u8], limit: u64) -> Result<impl Read + '_, CompressError> {
    let decoder = zstd::stream::read::Decoder::with_buffer(frame).map_err(failed)?;
    Ok(BufReader::with_capacity(1 << 16, decoder.take(limit)))
}

/// A skippable frame: `zstd -d` passes over it.
pub fn skippable(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 8);
    out.extend_from_slice(&SKIPPABLE_MAGIC.to_le_bytes());
    out.extend_from_slice(&(content.len() as u32).to_le_bytes());
    out.extend_from_slice(content);
    out
}

/// Bytes a skippable frame adds to its content.
pub const SKIPPABLE_OVERHEAD: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_and_skippable_ones_are_passed_over() {
        let raw = b"minutes of the meeting ".repeat(100);
        let mut all = frame(&raw).unwrap();
        assert_eq!(unframe(&all, raw.len()).unwrap(), raw);
        assert_eq!(unframe_up_to(&all, 1 << 20).unwrap(), raw);
        all.extend(skippable(b"directory"));
        all.extend(frame(b"more").unwrap());
        let whole = zstd::stream::decode_all(&all[..]).unwrap();
        assert_eq!(whole, [&raw[..], b"more"].concat());
    }

    #[test]
    fn lies_about_length_are_refused() {
        let framed = frame(&[0; 1000]).unwrap();
        assert!(unframe(&framed, 999).is_err() && unframe(&framed, 1001).is_err());
        assert!(unframe_up_to(&framed, 999).is_err());
        assert!(unframe(&framed, usize::MAX).is_err());
        assert!(unframe_up_to(b"junk", 1000).is_err());
    }
}
