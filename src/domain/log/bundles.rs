//! What the key bundles in the store are: their digests and sizes, as the log says them.
//!
//! The root key says it in the entry that makes a bundle needed. Of a bundle that no such entry tells of (those of the
//! first epoch, which name the digest of entry 0), a tester says what it saw: the first to say it counts.

use serde::{Deserialize, Serialize};

use super::entry::Keyholder;
use super::state::State;
use crate::domain::id::{Digest, KeyholderId};

/// The stored bytes of one bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredBundle {
    /// Whose.
    pub keyholder: KeyholderId,
    /// Digest of its stored bytes.
    pub digest: Digest,
    /// Their length.
    pub size: u64,
}

impl StoredBundle {
    /// Describes stored bytes.
    pub fn of(keyholder: KeyholderId, stored: &[u8]) -> Self {
        Self { keyholder, digest: Digest::of(stored), size: stored.len() as u64 }
    }

    /// Whether these are the bytes that were stored.
    pub fn is(&self, stored: &[u8]) -> bool {
        self.size == stored.len() as u64 && self.digest == Digest::of(stored)
    }
}

/// A pair of recipients that everything new is sealed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counts from 1.
    pub number: u32,
    /// age recipient for packs and notes.
    pub reading: String,
    /// age recipient for the log and the index.
    pub writing: String,
    /// The bundles made for it, if it says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bundles: Vec<StoredBundle>,
}

/// Somebody else, and the bundle made for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyholderAdded {
    /// Who.
    #[serde(flatten)]
    pub holder: Keyholder,
    /// Their bundle of the epoch of then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<StoredBundle>,
}

impl From<Keyholder> for KeyholderAdded {
    fn from(holder: Keyholder) -> Self {
        Self { holder, bundle: None }
    }
}

impl State {
    /// What the bundle of a keyholder is in the epoch of now, if an entry says it.
    pub fn bundle(&self, keyholder: &KeyholderId) -> Option<&StoredBundle> {
        self.bundles.get(&(*keyholder, self.epoch().number))
    }

    /// Keyholders of whose newest bundle no entry says what it is.
    pub fn bundles_untold(&self) -> impl Iterator<Item = KeyholderId> + '_ {
        self.keyholders.iter().map(|k| k.id).filter(|id| self.bundle(id).is_none())
    }
}

/// What was said first counts.
pub(super) fn tell(state: &mut State, epoch: u32, bundles: &[StoredBundle]) {
    for bundle in bundles {
        state.bundles.entry((bundle.keyholder, epoch)).or_insert(*bundle);
    }
}
