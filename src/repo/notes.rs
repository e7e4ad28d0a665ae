//! Notes: what must not stand in the log. Names of people and records, patterns, reasons, certificates.
//!
//! A note is sealed to readers alone, so a machine that may only write can leave one and not read it back. It
//! counts only when an entry names it, by the digest of its stored bytes: put the note first, then append.

use std::io::Read;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::compress::{content_of, frame_of};
use super::error::RepoError;
use super::layout::Key;
use super::repository::Repository;
use super::seal::{SealError, open, seal};
use super::store::{Created, StoreFault};
use crate::domain::id::{Digest, NoteName};
use crate::domain::path::RecordPath;

/// No note is larger than this as it is stored.
pub const NOTE_MAX: usize = 64 << 20;
/// No note says more than this.
const MAX_TEXT: u64 = 512 << 20;
/// The register's key is derived with this.
const REGISTER: &str = "strongroom register v1";

/// Why a note cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// The name is the digest of other bytes.
    #[error("its bytes are not those that were stored")]
    Digest,
    /// It is no sealed note, or its bytes were changed before they got their name.
    #[error("it is damaged ({0})")]
    Damaged(String),
    /// It was sealed to others.
    #[error("no key at hand opens it")]
    WrongKey,
    /// It is a note about something else, or of a newer version of this program.
    #[error("it does not say what is expected there ({0})")]
    Content(String),
}

/// Makes the digests by which a disposed record is known when its name has gone.
pub struct RegisterKey(zeroize::Zeroizing<[u8; 32]>);

impl RegisterKey {
    /// Derives it from the repository's chunk secret.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(zeroize::Zeroizing::new(blake3::derive_key(REGISTER, secret)))
    }

    /// The digest of one record of one content. `set` and `path` hold no zero byte, so no two records are confused.
    pub fn digest(&self, set: &str, path: &RecordPath, content: &[u8; 32]) -> Digest {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(set.as_bytes()).update(&[0]).update(path.as_bytes()).update(&[0]).update(content);
        Digest::new(*hasher.finalize().as_bytes())
    }
}

impl Repository {
    /// Seals a note to the readers of this epoch and stores it. Two notes of the same words have different names.
    ///
    /// # Errors
    /// [`RepoError::Seal`] when it is too large or cannot be written as JSON; faults of the store.
    pub fn put_note(&self, value: &impl Serialize) -> Result<NoteName, RepoError> {
        let fail = |e: String| RepoError::Seal(SealError::Seal(e));
        let framed = frame_of(|out| serde_json::to_writer(out, value).map_err(Into::into));
        let framed = framed.map_err(|e| fail(e.to_string()))?;
        let stored = Bytes::from(seal(&framed, &[&self.reading_recipient()?])?);
        if stored.len() > NOTE_MAX {
            return Err(fail(format!("a note of {} MiB is too large; 64 MiB is the most", stored.len() >> 20)));
        }
        let name = NoteName::of(&stored);
        match self.store.create(&Key::Note(name), &stored)? {
            Created::Ours => Ok(name),
            Created::Taken => Err(fail("another object has the name of a new note".into())),
        }
    }

    /// Fetches, checks and opens a note.
    ///
    /// # Errors
    /// [`RepoError::CannotRead`] without the reading identity; [`RepoError::NoteMissing`], [`RepoError::Note`];
    /// faults of the store.
    pub fn read_note<T: DeserializeOwned>(&self, name: &NoteName) -> Result<T, RepoError> {
        self.read_note_within(name, MAX_TEXT)
    }

    /// As [`Self::read_note`], of a note whose text is no longer than so many bytes: a longer one counts as damaged.
    ///
    /// # Errors
    /// As [`Self::read_note`].
    pub fn read_note_within<T: DeserializeOwned>(&self, name: &NoteName, most: u64) -> Result<T, RepoError> {
        if !self.can_read() {
            return Err(RepoError::CannotRead);
        }
        let not = |error| RepoError::Note { name: *name, error };
        let stored = self.store.get(&Key::Note(*name)).map_err(|e| match e.fault() {
            StoreFault::Missing => RepoError::NoteMissing(*name),
            _ if e.is_too_large() => not(NoteError::Digest),
            _ => RepoError::Store(e),
        })?;
        if NoteName::of(&stored) != *name {
            return Err(not(NoteError::Digest));
        }
        let opened = open(stored, &self.ring.reading).and_then(super::seal::Opened::all);
        let framed = opened.map_err(|e| match e {
            SealError::WrongKey => not(NoteError::WrongKey),
            other => not(NoteError::Damaged(other.to_string())),
        })?;
        let damaged = |e: String| not(NoteError::Damaged(e));
        let mut text = content_of(&framed, most).map_err(|e| damaged(e.to_string()))?;
        let value = serde_json::from_reader(&mut text).map_err(|e| match e.classify() {
            serde_json::error::Category::Data => not(NoteError::Content(e.to_string())),
            _ => damaged(e.to_string()),
        })?;
        // Nothing follows: what was signed is what was read.
        match text.read(&mut [0]) {
            Ok(0) => Ok(value),
            _ => Err(damaged("something follows its end".into())),
        }
    }

    /// The key of the register of disposals.
    pub fn register_key(&self) -> RegisterKey {
        RegisterKey::new(&self.ring.chunk_secret)
    }

    /// How the register names one record of one content.
    pub fn register_digest(&self, set: &str, path: &RecordPath, content: &[u8; 32]) -> Digest {
        self.register_key().digest(set, path, content)
    }
}
