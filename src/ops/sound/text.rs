//! Plain text and tables as text: all that can be said is whether the bytes are text in some encoding.

use super::Verdict;
use super::kind::is_noise;

/// Of a hundred bytes, so many control characters make it no text.
const MOST_CONTROLS: usize = 5;
/// A stray byte among so many letters of UTF-8 is damage, not another encoding.
const LETTERS_A_STRAY: usize = 10;

pub(super) fn check(bytes: &[u8]) -> Result<(), Verdict> {
    if bytes.is_empty() {
        return Ok(());
    }
    if is_noise(bytes) {
        return Err(Verdict::not_its_name("its content is noise"));
    }
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => narrow(rest),
        _ if is_wide(bytes, 1) => wide(bytes, u16::from_le_bytes),
        _ if is_wide(bytes, 0) => wide(bytes, u16::from_be_bytes),
        _ => narrow(bytes),
    }
}

/// UTF-16 without its mark: nearly every second byte is zero, and no other.
fn is_wide(bytes: &[u8], zeros: usize) -> bool {
    let (pairs, _) = bytes.as_chunks::<2>();
    let zero = pairs.iter().filter(|p| p[zeros] == 0 && p[1 - zeros] != 0).count();
    pairs.len() >= 8 && zero * 10 >= pairs.len() * 8
}

fn wide(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<(), Verdict> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Verdict::damaged("the text ends in the middle of a letter"));
    }
    let broken = |letter: Result<char, _>| letter.is_err() || letter.is_ok_and(|c| c == '\0');
    match char::decode_utf16(pairs.iter().map(|p| unit(*p))).any(broken) {
        true => Err(Verdict::damaged("a stretch of the text is lost")),
        false => Ok(()),
    }
}

fn narrow(bytes: &[u8]) -> Result<(), Verdict> {
    let zeros = memchr::memchr_iter(0, bytes).count();
    let controls = bytes.iter().filter(|b| **b < 32 && !b"\0\t\n\r\x0b\x0c\x1b\x1a".contains(b)).count();
    if controls * 100 > bytes.len() * MOST_CONTROLS {
        return Err(Verdict::not_its_name("it is no text"));
    }
    if zeros > 0 {
        return Err(Verdict::damaged("a stretch of the text is zero bytes"));
    }
    let (mut letters, mut strays, mut cut) = (0usize, 0usize, false);
    for chunk in bytes.utf8_chunks() {
        letters += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        strays += usize::from(!chunk.invalid().is_empty());
        let rest = chunk.invalid();
        cut = rest.first().is_some_and(|b| *b >= 0xc2) && bytes.ends_with(rest) && rest.len() < 4;
    }
    match (letters, strays) {
        (_, 0) => Ok(()),
        (1.., 1) if cut => Err(Verdict::damaged("the text ends in the middle of a letter")),
        (letters, strays) if letters >= strays * LETTERS_A_STRAY => {
            Err(Verdict::damaged("bytes that are no text lie in the text"))
        }
        // An older encoding, in which every byte is a letter.
        _ => Ok(()),
    }
}
