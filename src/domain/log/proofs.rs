//! What was shown by examining: a key that opens, and checks, scrubs and openings in numbers. What they add up to.
//!
//! No name and no path: counts only. A key counts as shown when content came back with it whole: in a key drill, or in
//! a test restore or drill by the computer that holds it. A key that may read nothing is shown by opening the log. That
//! the root key was shown, the root key itself signs; that another's key was, a computer that may read: the stolen key of one
//! that only writes shows nothing but itself.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bundles::{StoredBundle, Teller, tell};
use super::entry::{Body, Created, Drilled, Entry, Tested};
use super::state::State;
use crate::domain::id::{KeyholderId, SnapshotId};

/// A holder's key alone opened the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyDrilled {
    /// Whose.
    pub keyholder: KeyholderId,
    /// The epoch of the newest pack that it opened; 0 for a key that may read nothing.
    pub epoch: u32,
    /// It holds the root key: it is the recovery sheet's. Believed only where the root key signed it.
    pub root: bool,
    /// The newest backup, whose listing was read; none for a key that may read nothing.
    pub snapshot: Option<SnapshotId>,
    /// Documents that came back and were what the listing says.
    pub documents: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Documents or packs that did not come back as they were.
    pub failed: u64,
    /// The bundle of now that it opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<StoredBundle>,
}

/// It was looked whether everything is there, by names and sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Stored objects looked for.
    pub objects: u64,
    /// Bytes whose presence was seen.
    pub bytes: u64,
    /// Objects that are missing or of another size.
    pub failed: u64,
}

/// Stored bytes were read again and are those that were stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scrubbed {
    /// Stored objects read.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that are missing or changed.
    pub failed: u64,
    /// Objects that the budget left for another time.
    pub left: u64,
    /// When that computer last read what it read longest ago; none where it never read something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Timestamp>,
}

/// It was looked whether documents that came back still open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Structurally sound.
    pub sound: u64,
    /// Live, damaged, and sound before.
    pub damaged: u64,
    /// Live, no longer what their names say, and sound before.
    pub not_its_name: u64,
    /// Never sound since they are backed up.
    pub never_sound: u64,
    /// Encrypted, too large, of other kinds.
    pub not_checkable: u64,
    /// Nothing, or not all, could be examined.
    pub skipped: bool,
}

/// The newest time that a key was shown to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyProof {
    /// When.
    pub at: Timestamp,
    /// See [`KeyDrilled::epoch`]; 0 unless it was a key drill.
    pub epoch: u32,
    /// The root key was shown, and signed that.
    pub root: bool,
}

/// What was shown, the newest of each kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proofs {
    /// For each holder.
    pub keys: HashMap<KeyholderId, KeyProof>,
    /// The newest key drill of each holder, however it ended.
    pub key_drills: HashMap<KeyholderId, (Timestamp, KeyDrilled)>,
    /// Since when each holder has had a key.
    pub held_since: HashMap<KeyholderId, Timestamp>,
    /// The newest drill in which everything came back that was asked for.
    pub drilled: Option<Timestamp>,
    /// The same of all sets.
    pub drilled_whole: Option<Timestamp>,
    /// The newest check.
    pub checked: Option<(Timestamp, Checked)>,
    /// The newest scrub.
    pub scrubbed: Option<(Timestamp, Scrubbed)>,
    /// The newest look whether documents open.
    pub opened: Option<(Timestamp, Opened)>,
}

impl Proofs {
    pub(super) fn beginning(created: &Created, at: Timestamp) -> Self {
        let held_since = created.keyholders.iter().map(|k| (k.id, at)).collect();
        Self { held_since, ..Self::default() }
    }

    fn key(&mut self, keyholder: KeyholderId, at: Timestamp) {
        let proof = self.keys.entry(keyholder).or_insert(KeyProof { at, epoch: 0, root: false });
        proof.at = at;
    }
}

/// Takes in what an entry shows. Of two entries the newer counts, whatever its date.
pub(super) fn show(state: &mut State, body: &Body) {
    let at = body.time;
    // Whoever appends has opened the log; of a machine that reads, that shows less than it should.
    if let Some((actor, ..)) = state.actors.get(&body.actor)
        && !actor.reads
    {
        let machine = actor.machine;
        state.proofs.key(machine, at);
    }
    // A computer shows no key but its own.
    let reader = state.actors.get(&body.actor).filter(|(a, ..)| a.reads).map(|(a, ..)| a.machine);
    if let Entry::KeyDrilled(drilled) = &body.entry {
        let own = state.actors.get(&body.actor).is_some_and(|(a, ..)| a.machine == drilled.keyholder);
        return key_drilled(state, body, drilled, reader.is_some(), own);
    }
    let proofs = &mut state.proofs;
    match &body.entry {
        Entry::KeyholderAdded(added) => drop(proofs.held_since.insert(added.holder.id, at)),
        Entry::KeyholderRemoved { keyholder } => {
            proofs.keys.remove(keyholder);
            proofs.key_drills.remove(keyholder);
        }
        Entry::Tested(Tested { documents: 1.., failed: 0, keyholder, .. }) if reader == Some(*keyholder) => {
            proofs.key(*keyholder, at);
        }
        Entry::Drilled(Drilled { files: 1.., failed: 0, keyholder, whole, .. }) => {
            if reader == Some(*keyholder) {
                proofs.key(*keyholder, at);
            }
            proofs.drilled = Some(at);
            proofs.drilled_whole = whole.then_some(at).or(proofs.drilled_whole);
        }
        Entry::Checked(checked) => proofs.checked = Some((at, *checked)),
        Entry::Scrubbed(scrubbed) => proofs.scrubbed = Some((at, *scrubbed)),
        Entry::Opened(opened) => proofs.opened = Some((at, *opened)),
        _ => {}
    }
}

/// A key drill counts for a holder of now and keys that there are; what failed takes back what was shown before.
fn key_drilled(state: &mut State, body: &Body, drilled: &KeyDrilled, by_reader: bool, own: bool) {
    let epoch = state.epoch().number;
    let Some(holder) = state.keyholders.iter().find(|k| k.id == drilled.keyholder) else { return };
    if drilled.epoch > epoch {
        return;
    }
    let by_root = body.actor == state.created.root;
    let is_believed = by_root || by_reader || (own && !holder.reads);
    let passed = is_believed && drilled.failed == 0 && (drilled.documents > 0 || !holder.reads);
    let known = state.proofs.keys.get(&drilled.keyholder);
    if drilled.failed > 0 {
        state.proofs.keys.remove(&drilled.keyholder);
    } else if passed && (by_root || known.is_none_or(|k| !k.root)) {
        // What the root key signed of its own holder, nobody else renews.
        let proof = KeyProof { at: body.time, epoch: drilled.epoch, root: drilled.root && by_root };
        state.proofs.keys.insert(drilled.keyholder, proof);
    }
    if passed || drilled.failed > 0 {
        state.proofs.key_drills.insert(drilled.keyholder, (body.time, drilled.clone()));
    }
    if let Some(bundle) = drilled.bundle.filter(|b| b.keyholder == drilled.keyholder)
        && passed
        && (by_root || by_reader)
    {
        tell(state, epoch, &[bundle], Teller::Drill);
    }
}
