//! Does a document still open? Structural soundness, by the document's own means: check sums, tables of parts,
//! markup that closes, pictures that decode, pages of a database that hang together.
//!
//! "Sound" means structurally sound and no more: nobody has read it. [`examine_bytes`] is a pure function of a name
//! and bytes that somebody else wrote; what they can make it spend is bounded by [`Work`], and what they can make it
//! break is bounded by the process it runs in ([`Examiner`]).

mod archive;
mod database;
mod examiner;
mod kind;
mod mail;
mod pdf;
mod picture;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
mod text;

use serde::{Deserialize, Serialize};

pub use examiner::{Examiner, Program, serve};
pub use kind::ending;

use kind::{Expected, Kind};

/// Larger documents are not examined.
pub const MAX_DOCUMENT: u64 = 64 << 20;
/// Bytes that a document and everything in it may unpack to.
const MAX_UNPACKED: u64 = 512 << 20;
/// Parts, messages, attachments, streams and pages of one document.
const MAX_PARTS: u32 = 100_000;
/// Documents within documents.
const MAX_DEPTH: u32 = 4;
/// How a verdict begins that the document itself may not have deserved.
const UNENDED: &str = "its examination ";
/// Letters of what is said about a document.
const MAX_WORDS: usize = 200;

/// What an examination can say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "why", rename_all = "kebab-case")]
pub enum Verdict {
    /// Structurally sound.
    Sound,
    /// It begins as what it is, and is not whole.
    Damaged(String),
    /// It is nothing that its name says: noise, perhaps, after an attack.
    NotItsName(String),
    /// Nobody can say: encrypted, too large, of a kind that is not known here.
    NotCheckable(String),
}

impl Verdict {
    fn damaged(why: impl Into<String>) -> Self {
        Self::Damaged(short(why))
    }
    fn not_its_name(why: impl Into<String>) -> Self {
        Self::NotItsName(short(why))
    }
    fn not_checkable(why: impl Into<String>) -> Self {
        Self::NotCheckable(short(why))
    }

    /// Whether it may be another next time: it says more about the examination than about the document.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::NotCheckable(why) if why.starts_with(UNENDED))
    }
}

/// Error texts of parsers may carry pieces of the document: only so much of them, and printable.
fn short(why: impl Into<String>) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    why.into().chars().take(MAX_WORDS).map(printable).collect()
}

/// What may still be spent on one document, everything in it included.
struct Work {
    unpacked: u64,
    parts: u32,
}

impl Work {
    fn new() -> Self {
        Self { unpacked: MAX_UNPACKED, parts: MAX_PARTS }
    }

    fn unpack(&mut self, bytes: u64) -> Result<(), Verdict> {
        let left = self.unpacked.checked_sub(bytes);
        self.unpacked = left.ok_or_else(|| Verdict::not_checkable("it unpacks to more than is examined"))?;
        Ok(())
    }

    fn part(&mut self) -> Result<(), Verdict> {
        let left = self.parts.checked_sub(1);
        self.parts = left.ok_or_else(|| Verdict::not_checkable("it has more parts than are examined"))?;
        Ok(())
    }
}

/// Whether a name promises a kind that is never empty.
pub fn names_a_kind(name: &[u8]) -> bool {
    let expected = kind::by_name(name);
    expected.is_known() && !matches!(expected, Expected::Text | Expected::Mailbox)
}

/// Whether content is noise, and none that a packed or encrypted document of a known kind is.
pub fn is_nameless_noise(head: &[u8]) -> bool {
    kind::is_noise(head) && kind::by_content(Expected::Nothing, head).is_none()
}

/// Examines a document. The name is a record's path, or a part of one; it may be anything.
pub fn examine_bytes(name: &[u8], bytes: &[u8]) -> Verdict {
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Verdict::not_checkable("it is larger than what is examined");
    }
    examine(name, bytes, &mut Work::new(), 0)
}

fn examine(name: &[u8], bytes: &[u8], work: &mut Work, depth: u32) -> Verdict {
    if depth > MAX_DEPTH {
        return Verdict::not_checkable("it lies too deep in other documents");
    }
    let expected = kind::by_name(name);
    let examined = match kind::by_content(expected, bytes) {
        Some(Kind::Archive) => archive::check(expected, bytes, work),
        Some(Kind::Pdf) => pdf::check(bytes, work),
        Some(Kind::Picture(format)) => picture::check(format, bytes),
        Some(Kind::Database) => database::check(bytes),
        Some(Kind::Mail) => mail::check(bytes, work, depth),
        Some(Kind::Mailbox) => mail::check_mailbox(bytes, work, depth),
        Some(Kind::Text) => text::check(bytes),
        Some(Kind::OldOffice) => Err(kind::old_office(bytes)),
        Some(Kind::Other(what)) => Err(kind::other(expected, what)),
        None => Err(kind::unlike(expected, bytes)),
    };
    examined.err().unwrap_or(Verdict::Sound)
}

impl Expected {
    /// Whether a document of that name could be examined at all.
    fn is_known(self) -> bool {
        self != Self::Nothing
    }
}
