//! What must be in the repository, kept by hand beside it: for each snapshot its live files and those that are gone, what
//! was thinned or destroyed, when what was condemned; and every object that was ever seen.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use strongroom::domain::id::{IndexName, PackName, SnapshotId};
use strongroom::domain::log::entry::{Entry, Reason};
use strongroom::domain::log::ruled::DisposalState;
use strongroom::domain::log::state::{Life, State};
use strongroom::repo::repository::Repository;

use super::ground::{Ground, HALL, OFFICE};
use super::steps::Tally;
use crate::support::world::{Files, read_snapshot};

/// How long what nobody hurries waits before it is deleted.
pub const GRACE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Files that are gone, each with the snapshot that saw it last.
type Gone = BTreeMap<Vec<u8>, (Vec<u8>, SnapshotId)>;

/// One snapshot as it should be.
struct Kept {
    set: String,
    live: Files,
    gone: Gone,
}

/// A record that is to be destroyed.
pub struct Doomed {
    pub approval: u64,
    pub set: String,
    pub path: Vec<u8>,
    /// The entry of its withdrawal, and its true time.
    pub withdrawn: Option<(u64, Timestamp)>,
    pub done: bool,
}

#[derive(Default)]
pub struct Model {
    snapshots: BTreeMap<SnapshotId, Kept>,
    thinned: BTreeSet<SnapshotId>,
    /// Digests of everything that was ever in the store, but probes.
    seen: HashMap<String, blake3::Hash>,
    condemned: HashMap<PackName, Timestamp>,
    pub doomed: Vec<Doomed>,
    /// Slots of the log that were looked at.
    slots: u64,
    /// Holds in force: entry, and the name that it holds.
    pub holds: Vec<(u64, Vec<u8>)>,
}

impl Model {
    fn last(&self, set: &str) -> Option<(&SnapshotId, &Kept)> {
        self.snapshots.iter().rfind(|(_, kept)| kept.set == set)
    }

    /// The records of a set that are gone and not destroyed.
    pub fn gone_of(&self, set: &str) -> Vec<Vec<u8>> {
        let Some((_, kept)) = self.last(set) else { return vec![] };
        let still = |(path, (_, seen)): &(&Vec<u8>, &(Vec<u8>, SnapshotId))| !self.is_dead(set, path, *seen, true);
        kept.gone.iter().filter(still).map(|(path, _)| path.clone()).collect()
    }

    /// Whether somebody asked for this record to be destroyed.
    pub fn is_doomed(&self, set: &str, path: &[u8]) -> bool {
        self.doomed.iter().any(|d| d.set == set && d.path == path && !d.done)
    }

    /// A new snapshot of these files.
    fn add(&mut self, id: SnapshotId, set: &str, live: Files) {
        let mut gone = Gone::new();
        if let Some((before, kept)) = self.last(set) {
            let left = kept.live.iter().map(|(path, bytes)| (path, (bytes.clone(), *before)));
            let all = kept.gone.iter().map(|(path, last)| (path, last.clone())).chain(left);
            gone = all.filter(|(path, _)| !live.contains_key(*path)).map(|(p, last)| (p.clone(), last)).collect();
        }
        self.snapshots.insert(id, Kept { set: set.into(), live, gone });
    }

    /// Whether a record last seen by this snapshot is destroyed; or, with `all`, withdrawn.
    fn is_dead(&self, set: &str, path: &[u8], seen: SnapshotId, all: bool) -> bool {
        let is = |d: &&Doomed| d.set == set && d.path == path && d.withdrawn.is_some_and(|(n, _)| seen.0 < n);
        self.doomed.iter().filter(is).any(|d| d.done || all)
    }

    /// The most and the least that a snapshot may show: what is withdrawn may be there still.
    fn may_show(&self, id: SnapshotId, kept: &Kept) -> [(Files, Files); 2] {
        [false, true].map(|all| {
            let live = kept.live.iter().filter(|(path, _)| !self.is_dead(&kept.set, path, id, all));
            let gone = kept.gone.iter().filter(|(path, (_, seen))| !self.is_dead(&kept.set, path, *seen, all));
            let gone = gone.map(|(path, (bytes, _))| (path.clone(), bytes.clone())).collect();
            (live.map(|(path, bytes)| (path.clone(), bytes.clone())).collect(), gone)
        })
    }
}

/// Few words of many files.
fn words((live, gone): &(Files, Files)) -> String {
    let of = |files: &Files| files.iter().map(|(p, b)| format!("{} {}", p.escape_ascii(), b.len())).collect::<Vec<_>>();
    format!("live {:?}, gone {:?}", of(live), of(gone))
}

impl Ground {
    /// What holds after every step: the log only grows, nothing changes under its name, what is deleted was swept before,
    /// nothing is swept before its time, no snapshot goes but by a rule. New snapshots are what the folders hold.
    pub fn look(&mut self, tally: &mut Tally) {
        let repo = self.watch();
        let state = repo.state();
        assert!(state.voids.is_empty(), "void entries: {:?}", state.voids);
        self.look_at_objects(state);
        self.look_at_new_entries(&repo, tally);
        self.look_at_condemned(state, tally);
        for (id, kept) in &self.model.snapshots {
            let there = state.snapshot(*id).is_some_and(|found| !found.thinned);
            assert!(
                there != self.model.thinned.contains(id),
                "snapshot {} of {} went without an entry",
                id.0,
                kept.set
            );
        }
        tally.count("looks");
        self.watched(repo);
    }

    fn look_at_objects(&mut self, state: &State) {
        let now = self.objects();
        for (name, bytes) in now.iter().filter(|(name, _)| !name.starts_with("probe/")) {
            let digest = blake3::hash(bytes);
            let before = self.model.seen.insert(name.clone(), digest);
            assert!(before.is_none_or(|before| before == digest), "{name} has other bytes now");
            if before.is_none() {
                let own = match name.split('/').next().unwrap() {
                    "packs" => PackName::of(bytes).to_string(),
                    "index" => IndexName::of(bytes).to_string(),
                    _ => continue,
                };
                assert!(name.contains(&own), "{name} is no name of its bytes");
            }
        }
        let swept = |name: &str| {
            let own = name.rsplit('/').next().unwrap().trim_end_matches(".age");
            let pack = || state.packs.iter().find(|p| p.pack.name.to_string() == own).map(|p| p.pack.name);
            let orphan = || state.orphans.keys().find(|n| n.to_string() == own).copied();
            match name.split('/').next().unwrap() {
                "packs" => pack().or_else(orphan).is_some_and(|n| state.is_swept(&n)),
                "index" => {
                    let known = state.indexes.iter().map(|i| i.index.name).chain(state.orphan_indexes.keys().copied());
                    known.into_iter().find(|n| n.to_string() == own).is_some_and(|n| state.is_index_swept(&n))
                }
                // Notes that nothing needs go; what they must hold is looked at where it is used.
                "notes" => true,
                _ => false,
            }
        };
        self.model.seen.retain(|name, _| {
            let there = now.contains_key(name);
            assert!(there || swept(name), "{name} is gone, and no entry said so");
            there
        });
    }

    fn look_at_new_entries(&mut self, repo: &Repository, tally: &mut Tally) {
        let first = self.model.slots;
        for slot in repo.slots().iter().filter(|slot| slot.n >= first) {
            let Some(body) = &slot.body else { panic!("slot {} holds no entry", slot.n) };
            match &body.entry {
                Entry::Snapshot(snapshot) => {
                    let node = if snapshot.set == "documents" { OFFICE } else { HALL };
                    let files = self.files(node);
                    self.model.add(SnapshotId(slot.n), &snapshot.set, files);
                    tally.count("snapshots");
                }
                Entry::Thinned { snapshots, .. } => {
                    for id in snapshots {
                        self.not_held(*id);
                        self.model.thinned.insert(*id);
                        tally.count("thinned");
                    }
                }
                _ => {}
            }
        }
        self.model.slots = repo.state().next;
    }

    /// A snapshot that shows a held record stays.
    fn not_held(&self, id: SnapshotId) {
        let kept = &self.model.snapshots[&id];
        for (at, name) in &self.model.holds {
            let shown = kept.live.keys().chain(kept.gone.keys()).any(|path| path.ends_with(name));
            assert!(!shown, "snapshot {} was thinned in spite of hold {at}", id.0);
        }
    }

    fn look_at_condemned(&mut self, state: &State, tally: &mut Tally) {
        let now = self.now();
        for pack in &state.packs {
            let name = pack.pack.name;
            match pack.life {
                Life::Condemned { reason, .. } if reason != Reason::Disposal => {
                    self.model.condemned.entry(name).or_insert(now);
                }
                Life::Swept { .. } => {
                    let Some(since) = self.model.condemned.remove(&name) else { continue };
                    tally.count("swept");
                    // Where a person said yes, or where no clock but the machines' own is at hand, it may be sooner.
                    let waited = now.duration_since(since);
                    assert!(!self.cloud || self.person || waited >= GRACE, "{name} was swept after {waited:?}");
                }
                _ => {
                    self.model.condemned.remove(&name);
                }
            }
        }
        for disposal in &state.disposals {
            self.look_at_disposal(disposal, now, tally);
        }
    }

    fn look_at_disposal(&mut self, found: &DisposalState, now: Timestamp, tally: &mut Tally) {
        let Some(doomed) = self.model.doomed.iter_mut().find(|d| d.approval == found.at) else { return };
        if let (Some(withdrawn), None) = (&found.withdrawn, doomed.withdrawn) {
            doomed.withdrawn = Some((withdrawn.at, now));
            let before = self.model.snapshots.range(..SnapshotId(withdrawn.at));
            let newest = before.rev().find(|(_, kept)| kept.set == doomed.set).unwrap();
            assert!(!newest.1.live.contains_key(&doomed.path), "a live record was withdrawn");
        }
        if found.relisted_at.is_some() && !doomed.done && self.cloud && !self.person {
            let waited = now.duration_since(doomed.withdrawn.unwrap().1);
            assert!(waited >= GRACE, "a record was destroyed after {waited:?}");
        }
        if found.done.is_some() && !doomed.done {
            doomed.done = true;
            tally.count("destroyed");
        }
    }

    /// Every snapshot that is kept gives back what was in the folder, and what had gone from it.
    pub fn read_everything(&mut self, repo: &mut Repository, tally: &mut Tally) {
        let kept: Vec<_> = repo.state().live_snapshots().map(|s| (s.id, s.snapshot.root)).collect();
        for (id, root) in kept {
            let should = self.model.snapshots.get(&id).unwrap_or_else(|| panic!("snapshot {} is not ours", id.0));
            let shown = read_snapshot(repo, &root).unwrap_or_else(|e| panic!("snapshot {}: {e}", id.0));
            let may = self.model.may_show(id, should);
            let fits = |part: fn(&(Files, Files)) -> &Files| {
                let part_of = part(&shown);
                part_of.iter().all(|(p, b)| part(&may[0]).get(p) == Some(b))
                    && part(&may[1]).iter().all(|(p, b)| part_of.get(p) == Some(b))
            };
            let right = fits(|f| &f.0) && fits(|f| &f.1);
            assert!(right, "snapshot {} of {}: {} instead of {}", id.0, should.set, words(&shown), words(&may[0]));
            tally.count("snapshots read");
        }
    }
}
