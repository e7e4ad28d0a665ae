//! Base64 bodies as the bytes they stand for, and back. The only file here that knows the `base64` crate.
//!
//! Decoding succeeds only if writing back gives the same characters, so nothing is ever lost by storing the decoded
//! form: lines of one length, a last one that may be shorter, one kind of line end, canonical padding.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::listing::Base64Form;

/// Lines decoded at a time: enough to be fast, few enough to stay in the nearest cache.
const BLOCK_LINES: usize = 64;

/// Decodes `region` if [`write_back`] restores it exactly. The last line may lack its end.
pub fn base64_region(region: &[u8]) -> Option<(Vec<u8>, Base64Form)> {
    let mut decoded = Vec::new();
    let form = base64_region_into(region, &mut decoded)?;
    Some((decoded, form))
}

/// As [`base64_region`], into a buffer that is kept between calls. What it holds after a refusal means nothing.
pub fn base64_region_into(region: &[u8], decoded: &mut Vec<u8>) -> Option<Base64Form> {
    let form = form_of(region)?;
    decoded.clear();
    let taken = decode_lines(region, form, true, decoded);
    (taken.len == region.len() && !decoded.is_empty()).then_some(form)
}

/// How far [`decode_lines`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// So many bytes of the text were decoded.
    pub len: usize,
    /// What follows cannot be written back together with them: padding, another form, no base64.
    pub ends: bool,
}

/// Decodes whole lines onto `decoded`, as far as writing back gives them exactly. `last`: nothing follows `text`, so
/// that its last line may be shorter and lack its end.
pub fn decode_lines(text: &[u8], form: Base64Form, last: bool, decoded: &mut Vec<u8>) -> Taken {
    let (line, end) = (usize::from(form.line), end_of(form));
    let stride = line + end.len();
    let whole = if last { text.len() } else { text.len() / stride * stride };
    let mut taken = Taken { len: 0, ends: false };
    let mut scratch = Scratch::default();
    decoded.reserve(whole / 4 * 3);
    for block in text[..whole].chunks(BLOCK_LINES * stride) {
        let at_end = last && taken.len + block.len() == text.len();
        let before = decoded.len();
        match decode_block(block, (line, end), at_end, decoded, &mut scratch) {
            None => {
                decoded.truncate(before);
                taken.ends = true;
            }
            Some(padded) => {
                taken.len += block.len();
                taken.ends = padded;
            }
        }
        if taken.ends {
            break;
        }
    }
    taken
}

/// Memory for one block.
#[derive(Default)]
struct Scratch {
    characters: Vec<u8>,
    again: Vec<u8>,
}

/// Decodes some lines and proves it by encoding them again. Whether padding closes them; nothing if they would not come back.
fn decode_block(
    block: &[u8],
    (line, end): (usize, &[u8]),
    at_end: bool,
    decoded: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Option<bool> {
    let Scratch { characters, again } = scratch;
    characters.clear();
    let mut lines = block.chunks(line + end.len()).peekable();
    while let Some(whole) = lines.next() {
        let text = match whole.strip_suffix(end) {
            Some(text) => text,
            None if at_end && lines.peek().is_none() => whole,
            None => return None,
        };
        if text.is_empty() {
            return None; // a blank line at the end would not be written back
        }
        characters.extend_from_slice(text);
    }
    let start = decoded.len();
    STANDARD.decode_vec(&*characters, decoded).ok()?;
    let bytes = &decoded[start..];
    again.resize(characters.len(), 0);
    let written = STANDARD.encode_slice(bytes, again).ok()?;
    (again[..written] == **characters).then_some(!bytes.len().is_multiple_of(3))
}

/// Writes `decoded` as base64 in lines, `len` bytes in all; nothing if that is not what it comes to, with or without
/// the end of the last line.
pub fn write_back(decoded: &[u8], form: Base64Form, len: usize) -> Option<Vec<u8>> {
    let (line, end) = (usize::from(form.line), end_of(form));
    let run = form.run.unwrap_or_default();
    let column = usize::from(run.column);
    if line == 0 || !line.is_multiple_of(4) || column >= line {
        return None;
    }
    let decoded = decoded.get(usize::from(run.skip)..)?;
    let more: Vec<u8> = run.next.into_iter().chain(run.after).collect();
    let characters =
        if more.is_empty() { STANDARD.encode(decoded) } else { STANDARD.encode([decoded, &more].concat()) };
    let full = characters.len() + (column + characters.len()).div_ceil(line) * end.len();
    if characters.is_empty() || (len != full && len + end.len() != full) {
        return None;
    }
    let mut written = Vec::with_capacity(full);
    let (first, rest) = characters.as_bytes().split_at(characters.len().min(line - column));
    for line in std::iter::once(first).chain(rest.chunks(line)) {
        written.extend_from_slice(line);
        written.extend_from_slice(end);
    }
    written.truncate(len);
    Some(written)
}

/// How lines end.
pub(super) fn end_of(form: Base64Form) -> &'static [u8] {
    if form.crlf { b"\r\n" } else { b"\n" }
}

/// The form of the first line, which must hold for all.
pub(super) fn form_of(region: &[u8]) -> Option<Base64Form> {
    let (first, crlf) = match memchr::memchr(b'\n', region) {
        Some(end) => match region[..end].strip_suffix(b"\r") {
            Some(line) => (line, true),
            None => (&region[..end], false),
        },
        None => (region, false),
    };
    let line = u16::try_from(first.len()).ok()?;
    (line > 0 && line.is_multiple_of(4)).then_some(Base64Form::new(line, crlf))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn common_forms_come_back() {
        for (region, decoded, line, crlf) in [
            (&b"QUJD\nRA==\n"[..], &b"ABCD"[..], 4, false),
            (b"QUJD\r\nRA==\r\n", b"ABCD", 4, true),
            (b"QUJDRA==\n", b"ABCD", 8, false),
            (b"QUJD\nRA==", b"ABCD", 4, false),
            (b"QUJDRA==", b"ABCD", 8, false),
        ] {
            assert_eq!(base64_region(region), Some((decoded.to_vec(), Base64Form::new(line, crlf))));
        }
    }

    #[test]
    fn what_would_not_come_back_is_refused() {
        for region in [
            &b""[..],
            b"\n",
            b"QUJD\n\n",
            b"QUJD\nQUJDRA==\n",       // a later line is longer
            b"QUJDRA==\nQUJD\n",       // padding in the middle
            b"QUJDQUJD\nQUJD\nQUJD\n", // a short line in the middle
            b"QUJD\r\nRA==\n",         // mixed line ends
            b"QUJD\nRA==\r\n",
            b"RB==\n",   // bits beyond the end
            b"QUJDRA\n", // no padding
            b"QUJ\nDRA\n",
            b"QU D\n",
            b"QUJD\r\nRA==\r", // cut inside a line end
        ] {
            assert_eq!(base64_region(region), None, "{:?}", String::from_utf8_lossy(region));
        }
    }

    #[test]
    fn damage_anywhere_is_refused() {
        let form = Base64Form::new(8, false);
        let region = write_back(&[b'x'; 6 * 300], form, 9 * 300).unwrap();
        assert!(base64_region(&region).is_some());
        for line in [0, BLOCK_LINES - 1, BLOCK_LINES, 2 * BLOCK_LINES - 1, 298] {
            for damage in [b"eHh4eA==\n", b"eHh4eHh4=", b"eHh4eHh4\r", b"eHh4eH-4\n", b"eHh4eHh\n\n"] {
                let mut damaged = region.clone();
                damaged[line * 9..][..9].copy_from_slice(damage);
                assert_eq!(base64_region(&damaged), None, "line {line}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_encoded_body_decodes(
            decoded in proptest::collection::vec(any::<u8>(), 1..2000), quarter in 1u16..30, crlf: bool, ended: bool,
        ) {
            let form = Base64Form::new(quarter * 4, crlf);
            let characters = decoded.len().div_ceil(3) * 4;
            let end = if crlf { 2 } else { 1 };
            let full = characters + characters.div_ceil(usize::from(form.line)) * end;
            let written = write_back(&decoded, form, if ended { full } else { full - end }).unwrap();
            let (again, found) = base64_region(&written).unwrap();
            prop_assert_eq!(&again, &decoded);
            prop_assert_eq!(write_back(&again, found, written.len()).unwrap(), written);
        }

        #[test]
        fn decoding_never_lies(
            decoded in proptest::collection::vec(any::<u8>(), 1..1200), quarter in 1u16..4, crlf: bool,
            place in any::<proptest::sample::Index>(), cut in 0usize..3, new in "[A-D=\r\n]{0,5}",
        ) {
            let form = Base64Form::new(quarter * 4, crlf);
            let characters = decoded.len().div_ceil(3) * 4;
            let lines = characters.div_ceil(usize::from(form.line));
            let mut region = write_back(&decoded, form, characters + lines * end_of(form).len()).unwrap();
            let at = place.index(region.len() + 1);
            region.splice(at..(at + cut).min(region.len()), new.into_bytes());
            if let Some((found, form)) = base64_region(&region) {
                prop_assert_eq!(write_back(&found, form, region.len()), Some(region));
            }
        }
    }
}
