//! The path of a record: its folder's name and where it lies below, the same on every machine.
//!
//! Paths are bytes. A `RecordPath` is relative, has no empty, `.` or `..` component and no NUL byte,
//! so that joining it to a target folder can only ever lead below that folder.

use std::borrow::Borrow;
use std::fmt;

use minicbor::{CborLen, Decode, Encode};

/// Why bytes from a listing or a person are not a record path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// Nothing is there.
    #[error("the path is empty")]
    Empty,
    /// A NUL byte can be in no file name.
    #[error("the path holds a NUL byte")]
    Nul,
    /// `/etc`, `a//b`, `.` or `..`: could lead outside the folder it is joined to.
    #[error("the path holds an empty, '.' or '..' component")]
    Component,
}

/// For example `Documents/Minutes/2026/May.docx`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, CborLen)]
#[cbor(transparent)]
pub struct RecordPath(#[cbor(with = "minicbor::bytes")] Vec<u8>);

impl<'b, C> Decode<'b, C> for RecordPath {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::new(d.bytes()?).map_err(|e| minicbor::decode::Error::message(e.to_string()))
    }
}

impl RecordPath {
    /// Checks the bytes.
    ///
    /// # Errors
    /// [`BadPath`] says what is wrong with them.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, BadPath> {
        let bytes = bytes.into();
        Self::check(&bytes)?;
        Ok(Self(bytes))
    }

    /// Whether the bytes are a record's path.
    ///
    /// # Errors
    /// [`BadPath`] says what is wrong with them.
    pub fn check(bytes: &[u8]) -> Result<(), BadPath> {
        if bytes.is_empty() {
            return Err(BadPath::Empty);
        }
        if memchr::memchr(0, bytes).is_some() {
            return Err(BadPath::Nul);
        }
        let mut from = 0;
        for end in memchr::memchr_iter(b'/', bytes).chain([bytes.len()]) {
            if matches!(&bytes[from..end], b"" | b"." | b"..") {
                return Err(BadPath::Component);
            }
            from = end + 1;
        }
        Ok(())
    }

    /// The path one level down.
    ///
    /// # Errors
    /// [`BadPath`] when `name` is not one clean component.
    pub fn child(&self, name: &[u8]) -> Result<Self, BadPath> {
        if name.contains(&b'/') {
            return Err(BadPath::Component);
        }
        let mut bytes = self.0.clone();
        bytes.push(b'/');
        bytes.extend_from_slice(name);
        Self::new(bytes)
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The last component.
    pub fn name(&self) -> &[u8] {
        self.0.rsplit(|b| *b == b'/').next().unwrap_or(&self.0)
    }

    /// Everything before the last component, if there is any.
    pub fn parent(&self) -> Option<&[u8]> {
        self.0.iter().rposition(|b| *b == b'/').map(|at| &self.0[..at])
    }

    /// The components in order.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|b| *b == b'/')
    }

    /// Whether this is `folder` itself or lies below it.
    pub fn is_within(&self, folder: &[u8]) -> bool {
        self.0 == folder || (self.0.starts_with(folder) && self.0.get(folder.len()) == Some(&b'/'))
    }

    /// The path as text, if it is UTF-8.
    pub fn as_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

/// Paths are ordered and found by their bytes.
impl Borrow<[u8]> for RecordPath {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// For terminals: what is not UTF-8 and what could move a cursor or turn text round is escaped.
impl fmt::Display for RecordPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.0))
    }
}
impl fmt::Debug for RecordPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordPath({self})")
    }
}

/// Renders bytes so that no terminal, log or table can be broken by them.
pub fn printable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for part in bytes.utf8_chunks() {
        for c in part.valid().chars() {
            if c.is_control() || is_format_character(c) {
                out.extend(c.escape_unicode());
            } else {
                out.push(c);
            }
        }
        for b in part.invalid() {
            out.push_str(&format!("\\x{b:02x}"));
        }
    }
    out
}

/// Characters that are invisible or change the direction or joining of what follows.
fn is_format_character(c: char) -> bool {
    matches!(c, '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_could_lead_outside_is_a_path() {
        for bad in ["", "/etc", "a//b", "a/", "..", "a/../b", ".", "a/."] {
            assert!(RecordPath::new(bad).is_err(), "{bad}");
        }
        assert_eq!(RecordPath::new(&b"a\0b"[..]), Err(BadPath::Nul));
        assert!(RecordPath::new("Documents").unwrap().child(b"a/b").is_err());
        assert!(RecordPath::new("Documents/..hidden").is_ok());
    }

    #[test]
    fn terminals_are_safe() {
        let p = RecordPath::new(&b"a/\x1b[2J\xff\xe2\x80\xaegpj.exe"[..]).unwrap();
        assert_eq!(p.to_string(), "a/\\u{1b}[2J\\xff\\u{202e}gpj.exe");
        assert_eq!(format!("{p:?}"), format!("RecordPath({p})"));
    }

    #[test]
    fn within_means_whole_components() {
        let p = RecordPath::new("Documents/Minutes/May.docx").unwrap();
        assert!(p.is_within(b"Documents") && p.is_within(b"Documents/Minutes"));
        assert!(!p.is_within(b"Documents/Min"));
        assert_eq!(p.parent(), Some(&b"Documents/Minutes"[..]));
        assert_eq!(p.name(), b"May.docx");
        assert_eq!(RecordPath::new("Documents").unwrap().child(b"May.docx").unwrap().as_bytes(), b"Documents/May.docx");
    }
}
