//! Base64 bodies as the bytes they stand for, and back. The only file here that knows the `base64` crate.
//!
//! Decoding succeeds only if writing back gives the same characters, so nothing is ever lost by storing the decoded
//! form: lines of one length, a last one that may be shorter, one kind of line end, canonical padding.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::listing::Base64Form;

/// Decodes `region` if [`write_back`] restores it exactly. The last line may lack its end.
pub fn base64_region(region: &[u8]) -> Option<(Vec<u8>, Base64Form)> {
    let form = form_of(region)?;
    let mut characters = Vec::with_capacity(region.len());
    for line in region.split(|byte| *byte == b'\n') {
        characters.extend_from_slice(if form.crlf { line.strip_suffix(b"\r").unwrap_or(line) } else { line });
    }
    let decoded = STANDARD.decode(&characters).ok()?;
    drop(characters);
    (write_back(&decoded, form, region.len()).as_deref() == Some(region)).then_some((decoded, form))
}

/// Writes `decoded` as base64 in lines, `len` bytes in all; nothing if that is not what it comes to, with or without
/// the end of the last line.
pub fn write_back(decoded: &[u8], form: Base64Form, len: usize) -> Option<Vec<u8>> {
    let end: &[u8] = if form.crlf { b"\r\n" } else { b"\n" };
    let line = usize::from(form.line);
    if line == 0 || !line.is_multiple_of(4) {
        return None;
    }
    let characters = STANDARD.encode(decoded);
    let lines = characters.len().div_ceil(line);
    let full = characters.len() + lines * end.len();
    if decoded.is_empty() || (len != full && len + end.len() != full) {
        return None;
    }
    let mut written = Vec::with_capacity(full);
    for line in characters.as_bytes().chunks(line) {
        written.extend_from_slice(line);
        written.extend_from_slice(end);
    }
    written.truncate(len);
    Some(written)
}

/// The form of the first line, which must hold for all.
fn form_of(region: &[u8]) -> Option<Base64Form> {
    let (first, crlf) = match memchr::memchr(b'\n', region) {
        Some(end) => match region[..end].strip_suffix(b"\r") {
            Some(line) => (line, true),
            None => (&region[..end], false),
        },
        None => (region, false),
    };
    let line = u16::try_from(first.len()).ok()?;
    (line > 0 && line.is_multiple_of(4)).then_some(Base64Form { line, crlf })
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
            assert_eq!(base64_region(region), Some((decoded.to_vec(), Base64Form { line, crlf })));
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

    proptest! {
        #[test]
        fn every_encoded_body_decodes(
            decoded in proptest::collection::vec(any::<u8>(), 1..2000), quarter in 1u16..30, crlf: bool, ended: bool,
        ) {
            let form = Base64Form { line: quarter * 4, crlf };
            let characters = decoded.len().div_ceil(3) * 4;
            let end = if crlf { 2 } else { 1 };
            let full = characters + characters.div_ceil(usize::from(form.line)) * end;
            let written = write_back(&decoded, form, if ended { full } else { full - end }).unwrap();
            let (again, found) = base64_region(&written).unwrap();
            prop_assert_eq!(&again, &decoded);
            prop_assert_eq!(write_back(&again, found, written.len()).unwrap(), written);
        }

        #[test]
        fn decoding_never_lies(region in "[A-D=\r\n]{0,40}") {
            if let Some((decoded, form)) = base64_region(region.as_bytes()) {
                prop_assert_eq!(write_back(&decoded, form, region.len()).unwrap(), region.into_bytes());
            }
        }
    }
}
