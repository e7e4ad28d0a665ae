//! What the key bundles in the store are: their digests and sizes, as the log says them.
//!
//! The root key says it in the entry that makes a bundle needed. Of a bundle that no such entry tells of (those of the
//! first epoch, which name the digest of entry 0), a key drill says what the holder's key opened, and a tester what it made
//! or opened itself. The root key is believed before a drill, a drill before a tester.

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

/// Who said what a bundle is: the greater is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Teller {
    /// A tester that reads. The first counts.
    Tester,
    /// A key drill that passed, put on record by who reads. The newest counts.
    Drill,
    /// The root key, when it made the bundle. The first counts.
    Root,
}

/// What was said of a bundle, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToldBundle {
    /// The bytes.
    pub bundle: StoredBundle,
    /// Who says so.
    pub by: Teller,
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
    pub fn bundle(&self, keyholder: &KeyholderId) -> Option<&ToldBundle> {
        self.bundles.get(&(*keyholder, self.epoch().number))
    }

    /// Keyholders of whose newest bundle no entry says what it is.
    pub fn bundles_untold(&self) -> impl Iterator<Item = KeyholderId> + '_ {
        self.keyholders.iter().map(|k| k.id).filter(|id| self.bundle(id).is_none())
    }
}

/// Takes in what somebody says, unless who is believed more has said it.
pub(super) fn tell(state: &mut State, epoch: u32, bundles: &[StoredBundle], by: Teller) {
    for bundle in bundles {
        let told = state.bundles.entry((bundle.keyholder, epoch)).or_insert(ToldBundle { bundle: *bundle, by });
        if by > told.by || (by == told.by && by == Teller::Drill) {
            *told = ToldBundle { bundle: *bundle, by };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::log::tests::{ROOT, World};

    #[test]
    fn stored_bytes_are_known_by_length_and_digest() {
        let bundle = StoredBundle::of(KeyholderId::new([9; 32]), b"sealed");
        assert!(bundle.is(b"sealed") && !bundle.is(b"sealeD") && !bundle.is(b"sealed, and more"));
        assert!(!StoredBundle { size: 7, ..bundle }.is(b"sealed"));
    }

    #[test]
    fn a_new_epoch_has_bundles_of_its_own_and_whose_nobody_tells_of_is_known() {
        let holder = |n: u8, bundle| {
            let id = KeyholderId::new([n; 32]);
            let holder = Keyholder { id, name: String::new(), recipient: String::new(), reads: true };
            super::super::Entry::KeyholderAdded(KeyholderAdded { holder, bundle })
        };
        let file = |n: u8, what: &[u8]| StoredBundle::of(KeyholderId::new([n; 32]), what);
        let epoch = |number: u32, bundles| {
            let text = || number.to_string();
            super::super::Entry::Epoch(Epoch { number, reading: text(), writing: text(), bundles })
        };
        let mut w = World::new();
        w.say(ROOT, holder(8, Some(file(8, b"first"))));
        w.say(ROOT, holder(9, None));
        assert_eq!(w.state().bundles_untold().collect::<Vec<_>>(), [KeyholderId::new([9; 32])]);
        for number in [0, 1, 3] {
            w.say(ROOT, epoch(number, vec![]));
            assert_eq!(w.void(), Some(super::super::state::VoidWhy::Impossible), "epoch {number} after 1");
        }
        w.say(ROOT, epoch(2, vec![file(9, b"second")]));
        let state = w.state();
        assert_eq!((w.void(), state.epoch().number, &state.epoch().reading[..]), (None, 2, "2"));
        let told = state.bundle(&KeyholderId::new([9; 32])).unwrap();
        assert_eq!((told.bundle, told.by), (file(9, b"second"), Teller::Root));
        assert_eq!(
            state.bundles_untold().collect::<Vec<_>>(),
            [KeyholderId::new([8; 32])],
            "the first is of an old epoch"
        );
    }
}
