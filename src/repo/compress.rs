//! The one door to zstd: standard frames, and the skippable frames that directories and padding hide in.

use std::cell::RefCell;
use std::cmp::Ordering;
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
    static PROBE: RefCell<(Option<Compressor<'static>>, Vec<u8>)> = const { RefCell::new((None, Vec::new())) };
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
    let mut out = vec![];
    frame_into(raw, &mut out)?;
    Ok(out)
}

/// The same into a buffer that is used again.
///
/// # Errors
/// As [`frame`].
pub fn frame_into(raw: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
    out.clear();
    out.reserve(zstd::zstd_safe::compress_bound(raw.len()));
    COMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Some(Compressor::new(LEVEL).map_err(failed)?);
        }
        let compressor = slot.as_mut().ok_or_else(|| CompressError("no compressor".into()))?;
        compressor.compress_to_buffer(raw, out).map_err(failed).map(|_| ())
    })
}

/// Bytes of one sample of [`is_dense`], and how many are taken.
const SAMPLE: usize = 2 << 10;
const SAMPLES: usize = 6;

/// Whether compressing would gain next to nothing, as far as a few samples show: pictures, archives, what is encrypted.
/// A wrong guess costs space or time, never bytes.
pub fn is_dense(raw: &[u8]) -> bool {
    if raw.len() < 2 * SAMPLE * SAMPLES {
        return false;
    }
    let step = (raw.len() - SAMPLE) / (SAMPLES - 1);
    PROBE.with_borrow_mut(|(slot, room)| {
        if slot.is_none() {
            *slot = Compressor::new(1).ok();
            room.resize(2 * SAMPLE, 0);
        }
        let Some(probe) = slot else { return false };
        let samples = (0..SAMPLES).map(|n| &raw[n * step..n * step + SAMPLE]);
        let sizes = samples.map(|sample| probe.compress_to_buffer(sample, room.as_mut_slice()).unwrap_or(0));
        sizes.sum::<usize>() * 100 >= SAMPLE * SAMPLES * DENSE_PERCENT
    })
}

/// Samples that shrink to less than this are worth compressing.
const DENSE_PERCENT: usize = 98;

/// Writes one standard frame that holds `raw` as it is, for what [`is_dense`]: its header with the length, and raw blocks. Says how
/// long the frame is.
///
/// # Errors
/// When `raw` is longer than any frame may be; those of `out`.
pub fn write_as_it_is(raw: &[u8], out: &mut impl Write) -> std::io::Result<usize> {
    const MAGIC: u32 = 0xFD2F_B528;
    /// One segment, a length of four bytes, no checksum, no dictionary.
    const HEADER: u8 = 0b1010_0000;
    const BLOCK: usize = 128 << 10;
    let length = u32::try_from(raw.len()).ok().filter(|_| raw.len() <= MAX_FRAME_RAW);
    let length = length.ok_or_else(|| std::io::Error::other("it is too long"))?;
    out.write_all(&MAGIC.to_le_bytes())?;
    out.write_all(&[HEADER])?;
    out.write_all(&length.to_le_bytes())?;
    let last = raw.len().div_ceil(BLOCK).saturating_sub(1);
    for n in 0..=last {
        let block = &raw[n * BLOCK..raw.len().min((n + 1) * BLOCK)];
        let header = u32::from(n == last) | (block.len() as u32) << 3;
        out.write_all(&header.to_le_bytes()[..3])?;
        out.write_all(block)?;
    }
    Ok(raw.len() + 9 + 3 * (last + 1))
}

/// The content of one frame, which must be exactly `raw_len` bytes.
///
/// # Errors
/// [`CompressError`] when it is damaged, longer or shorter.
pub fn unframe(frame: &[u8], raw_len: usize) -> Result<Vec<u8>, CompressError> {
    let mut raw = vec![];
    unframe_into(frame, raw_len, &mut raw)?;
    Ok(raw)
}

/// The same into a buffer that is used again.
///
/// # Errors
/// As [`unframe`]; the buffer's content means nothing then.
pub fn unframe_into(frame: &[u8], raw_len: usize, raw: &mut Vec<u8>) -> Result<(), CompressError> {
    if raw_len > MAX_FRAME_RAW {
        return Err(CompressError("it claims an impossible size".into()));
    }
    raw.clear();
    raw.reserve(raw_len);
    DECOMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Some(Decompressor::new().map_err(failed)?);
        }
        let decompressor = slot.as_mut().ok_or_else(|| CompressError("no decompressor".into()))?;
        decompressor.decompress_to_buffer(frame, raw).map_err(failed)
    })?;
    match raw.len().cmp(&raw_len) {
        Ordering::Equal => Ok(()),
        Ordering::Less => Err(CompressError("it is shorter than it should be".into())),
        Ordering::Greater => Err(CompressError("it is longer than it should be".into())),
    }
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
    fn what_does_not_compress_is_told_and_kept_as_it_is() {
        let mut noise = vec![0; (2 << 20) + 77];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        let text = b"minutes of the meeting ".repeat(20_000);
        assert!(is_dense(&noise) && !is_dense(&text) && !is_dense(&noise[..1000]));
        assert!(!is_dense(&[&noise[..100_000], &text[..100_000]].concat()));
        for raw in [&noise[..], &text, &noise[..128 << 10], &noise[..(128 << 10) + 1], b"x", b""] {
            let mut framed = vec![];
            assert_eq!(write_as_it_is(raw, &mut framed).unwrap(), framed.len());
            assert!(framed.len() < raw.len() + 70);
            assert_eq!(zstd::stream::decode_all(&framed[..]).unwrap(), raw, "any zstd opens it");
            assert_eq!(unframe(&framed, raw.len()).unwrap(), raw);
            assert_eq!(unframe_up_to(&framed, 4 << 20).unwrap(), raw);
        }
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
