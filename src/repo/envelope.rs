//! Two lines: a JSON body, then its signature in base64. Used by log entries and key bundles alike.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::sign::{Purpose, Seed, verify};
use crate::domain::id::ActorId;

/// Joins `body` (one line of JSON) and its signature.
pub fn wrap(seed: &Seed, purpose: Purpose, body: &[u8]) -> Vec<u8> {
    let signature = STANDARD.encode(seed.sign(purpose, body));
    [body, b"\n", signature.as_bytes(), b"\n"].concat()
}

/// Splits the two lines. `None` when there are not exactly two.
pub fn split(text: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let text = text.strip_suffix(b"\n")?;
    let at = text.iter().position(|b| *b == b'\n')?;
    let signature = &text[at + 1..];
    if signature.contains(&b'\n') {
        return None;
    }
    Some((&text[..at], STANDARD.decode(signature).ok()?))
}

/// The body, if `actor` signed it for `purpose`.
pub fn unwrap<'a>(text: &'a [u8], actor: &ActorId, purpose: Purpose) -> Option<&'a [u8]> {
    let (body, signature) = split(text)?;
    verify(actor, purpose, body, &signature).then_some(body)
}
