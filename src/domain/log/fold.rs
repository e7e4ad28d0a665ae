//! The law of the log: which entries count, and what each does to the state.
//!
//! An entry by the wrong role, by a revoked actor or against what stands before it is *void*: it keeps its
//! number and place in the chain and has no effect. `needs` bitmaps count packs by order of storing, so a
//! `stored` entry gives its packs their numbers even when its actor is revoked afterwards.

use std::collections::{BTreeSet, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::bundles::{self, Teller};
use super::entry::{Body, Entry, Incident, IncidentKind, Role, Tested};
use super::hindsight::Hindsight;
use super::lives::{accept_loss, commit, condemn, keep_both, quarantine, rewrite, store, sweep};
use super::ruled::{outlives_its_author, remember_undone, rule};
use super::state::{IncidentState, PackTest, Slot, SnapshotState, State, TESTS_KEPT, TestState, VoidWhy};
use crate::domain::id::{Link, RepositoryId, SnapshotId};

/// Tests one after the other within so long are those of one run.
const ONE_RUN: SignedDuration = SignedDuration::from_hours(12);

pub use super::lives::{index_is_superfluous, is_missed_by_none, still_described_by};

/// Entry 0 is not the beginning of a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// There is no entry 0, or it is not a signed `created`.
    #[error("the log does not begin with a signed description of the repository")]
    NoBeginning,
    /// Written by a newer program.
    #[error(
        "entry {n} of the log was written by a newer version of this program (format {version}); update Strongroom on this computer"
    )]
    Newer {
        /// The entry.
        n: u64,
        /// Its format version.
        version: u32,
    },
}

/// Adds up all slots, in order from 0.
///
/// # Errors
/// [`FoldError`] when entry 0 is no beginning, or an entry needs a newer program.
pub fn fold(repository: RepositoryId, slots: &[Slot]) -> Result<State, FoldError> {
    let mut state = begin(repository, slots.first().ok_or(FoldError::NoBeginning)?)?;
    let hindsight = Hindsight::of(&state, slots);
    for slot in &slots[1..] {
        add(&mut state, slot, &hindsight)?;
    }
    Ok(state)
}

/// Adds the last slot to the state that those before it make. Only a revocation reaches back: all is added up anew then.
///
/// # Errors
/// As [`fold`].
pub fn fold_one_more(state: &mut State, slots: &[Slot]) -> Result<(), FoldError> {
    let reaches_back = |slot: &Slot| matches!(slot.body.as_ref().map(|b| &b.entry), Some(Entry::ActorRevoked { .. }));
    match slots.split_last() {
        Some((last, before)) if before.len() as u64 == state.next && !reaches_back(last) => {
            add(state, last, &Hindsight::so_far(state))
        }
        _ => {
            *state = fold(state.repository, slots)?;
            Ok(())
        }
    }
}

fn add(state: &mut State, slot: &Slot, hindsight: &Hindsight<'_>) -> Result<(), FoldError> {
    if let Some(body) = &slot.body
        && body.v > super::entry::FORMAT_VERSION
        && body.actor == state.created.root
    {
        return Err(FoldError::Newer { n: body.n, version: body.v });
    }
    let prev = state.link;
    if let Err(why) = judge(state, slot, prev).and_then(|body| apply(state, body, hindsight)) {
        state.voids.push((slot.n, why));
    }
    state.next = slot.n + 1;
    state.link = slot.link;
    Ok(())
}

fn begin(repository: RepositoryId, slot: &Slot) -> Result<State, FoldError> {
    let body = slot.body.as_ref().filter(|b| b.n == 0 && slot.n == 0).ok_or(FoldError::NoBeginning)?;
    if body.v > super::entry::FORMAT_VERSION {
        return Err(FoldError::Newer { n: 0, version: body.v });
    }
    let Entry::Created(created) = &body.entry else { return Err(FoldError::NoBeginning) };
    if body.actor != created.root || body.prev != Link::ORIGIN {
        return Err(FoldError::NoBeginning);
    }
    let mut actors = HashMap::new();
    for actor in &created.actors {
        actors.insert(actor.key, (actor.clone(), 1, None));
    }
    Ok(State {
        repository,
        created: created.clone(),
        created_at: body.time,
        next: 1,
        link: slot.link,
        newest_time: body.time,
        actors,
        keyholders: created.keyholders.clone(),
        epochs: vec![created.epoch.clone()],
        bundles: HashMap::new(),
        packs: vec![],
        pack_numbers: HashMap::new(),
        orphans: HashMap::new(),
        orphan_indexes: HashMap::new(),
        indexes: vec![],
        snapshots: vec![],
        incidents: vec![],
        voids: vec![],
        acknowledged: BTreeSet::new(),
        tests: VecDeque::new(),
        last_passed: None,
        last_passed_by: None,
        drills: vec![],
        proofs: super::proofs::Proofs::beginning(created, body.time),
        losses: vec![],
        documents_accepted: vec![],
        store_test: None,
        open_sessions: HashMap::new(),
        schemes: vec![],
        dates: vec![],
        holds: vec![],
        disposals: vec![],
        undone: vec![],
        pages: vec![],
        accesses: vec![],
    })
}

/// The slot's body, if it is an entry of this repository that was made for this very place.
pub(super) fn placed<'a>(state: &State, slot: &'a Slot, prev: Link) -> Result<&'a Body, VoidWhy> {
    let body = slot.body.as_ref().ok_or(VoidWhy::Unreadable)?;
    if body.n != slot.n || body.repository != Some(state.repository) || body.prev != prev {
        return Err(VoidWhy::Misplaced);
    }
    if body.v > super::entry::FORMAT_VERSION { Err(VoidWhy::Impossible) } else { Ok(body) }
}

fn judge<'a>(state: &State, slot: &'a Slot, prev: Link) -> Result<&'a Body, VoidWhy> {
    let body = placed(state, slot, prev)?;
    let needed = body.entry.roles();
    if body.actor == state.created.root {
        // The root key describes people and machines; it never stores, thins or deletes.
        let may = needed.is_empty() || needed.contains(&Role::Root);
        return if may { Ok(body) } else { Err(VoidWhy::WrongRole) };
    }
    let (actor, from, _) = state.actors.get(&body.actor).ok_or(VoidWhy::UnknownActor)?;
    if body.n < *from {
        return Err(VoidWhy::UnknownActor);
    }
    if !needed.is_empty() && !actor.roles.iter().any(|r| needed.contains(r)) {
        return Err(VoidWhy::WrongRole);
    }
    Ok(body)
}

fn apply(state: &mut State, body: &Body, hindsight: &Hindsight<'_>) -> Result<(), VoidWhy> {
    let void = hindsight.is_cut(body);
    if let Entry::Stored(stored) = &body.entry {
        store(state, body, stored, void);
    }
    if void && !outlives_its_author(state, body) && !hindsight.acted_upon(state, body) {
        remember_undone(state, body);
        // After the cut was known nobody acted upon it.
        if let Entry::Rewritten { from, to } = &body.entry
            && hindsight.is_cut_later(body)
        {
            keep_both(state, from, to);
        }
        return Err(VoidWhy::Revoked);
    }
    match &body.entry {
        Entry::Created(_) => return Err(VoidWhy::Impossible),
        Entry::ActorAdded(_) | Entry::ActorRevoked { .. } | Entry::Epoch(_) => roster(state, body)?,
        Entry::KeyholderAdded(_) | Entry::KeyholderRemoved { .. } => roster(state, body)?,
        Entry::Stored(_) | Entry::Proved { .. } | Entry::Restored { .. } => {}
        Entry::KeyDrilled(_) | Entry::Checked(_) | Entry::Scrubbed(_) | Entry::Opened(_) => {}
        Entry::Snapshot(snapshot) => commit(state, body, snapshot)?,
        Entry::Tested(tested) => test(state, body, tested),
        Entry::Drilled(drilled) => {
            // The newest, and the newest of everything, are all that anybody asks for.
            state.drills.retain(|(_, d)| d.whole && !drilled.whole);
            state.drills.push((body.time, drilled.clone()));
        }
        Entry::StoreTested(tested) => state.store_test = Some((body.time, tested.clone())),
        Entry::Thinned { snapshots, .. } => thin(state, snapshots),
        Entry::Rewritten { from, to } => rewrite(state, from, to)?,
        Entry::Condemned { packs, indexes, reason } => condemn(state, body, packs, indexes, *reason),
        Entry::Swept { packs, indexes } => sweep(state, body.n, packs, indexes),
        Entry::Quarantined { packs, indexes } => quarantine(state, body.n, packs, indexes),
        Entry::DocumentsAccepted { note, .. } => state.documents_accepted.push((body.n, *note)),
        Entry::LossAccepted { packs, records, note } => accept_loss(state, body, packs, *records, *note),
        Entry::Abandoned { session } => {
            state.open_sessions.remove(session);
        }
        Entry::Incident(incident) => {
            if incident.what == IncidentKind::Clock {
                suspect(state, incident.snapshot, body.time);
            }
            let resolved = incident.what == IncidentKind::Clock;
            let (at, time, incident) = (body.n, body.time, incident.clone());
            state.incidents.push(IncidentState { at, time, incident, resolved });
        }
        Entry::IncidentResolved { incident, .. } => resolve(state, *incident)?,
        Entry::SchemeAdopted(_) | Entry::TriggerDated { .. } => rule(state, body)?,
        Entry::HoldPlaced { .. } | Entry::HoldReleased { .. } => rule(state, body)?,
        Entry::DisposalApproved(_) | Entry::DisposalCancelled { .. } => rule(state, body)?,
        Entry::DisposalWithdrawn(_) | Entry::Relisted { .. } | Entry::DisposalDone { .. } => rule(state, body)?,
        Entry::Journal(_) | Entry::AccessGiven(_) | Entry::AccessEnded(_) => super::evidence::take(state, body)?,
    }
    if void && matches!(&body.entry, Entry::Relisted { roots, .. } if !roots.is_empty()) {
        // Its author was cut off, and voiding it may bring nothing back: nothing is deleted until a person has looked.
        let incident = Incident { what: IncidentKind::MassChange, snapshot: None, counts: vec![] };
        state.incidents.push(IncidentState { at: body.n, time: body.time, incident, resolved: false });
    }
    super::proofs::show(state, body);
    state.newest_time = state.newest_time.max(body.time);
    Ok(())
}

/// Who there is. Only the root key gets here.
fn roster(state: &mut State, body: &Body) -> Result<(), VoidWhy> {
    match &body.entry {
        Entry::ActorAdded(actor) => {
            if actor.roles.contains(&Role::Root) || state.actors.contains_key(&actor.key) {
                return Err(VoidWhy::Impossible);
            }
            state.actors.insert(actor.key, (actor.clone(), body.n + 1, None));
        }
        Entry::ActorRevoked { actor, from } => {
            let known = state.actors.get_mut(actor).ok_or(VoidWhy::Impossible)?;
            known.2 = Some(known.2.map_or(*from, |u: u64| u.min(*from)));
        }
        Entry::KeyholderAdded(added) => {
            if state.keyholders.iter().any(|k| k.id == added.holder.id) {
                return Err(VoidWhy::Impossible);
            }
            state.keyholders.push(added.holder.clone());
            bundles::tell(state, state.epoch().number, added.bundle.as_slice(), Teller::Root);
        }
        Entry::KeyholderRemoved { keyholder } => {
            let before = state.keyholders.len();
            state.keyholders.retain(|k| k.id != *keyholder);
            if state.keyholders.len() == before {
                return Err(VoidWhy::Impossible);
            }
        }
        Entry::Epoch(epoch) if epoch.number == state.epoch().number + 1 => {
            state.epochs.push(epoch.clone());
            bundles::tell(state, epoch.number, &epoch.bundles, Teller::Root);
        }
        _ => return Err(VoidWhy::Impossible),
    }
    Ok(())
}

/// A person has looked at an incident, or at a void entry of that number.
fn resolve(state: &mut State, n: u64) -> Result<(), VoidWhy> {
    if let Some(found) = state.incidents.iter_mut().find(|i| i.at == n) {
        found.resolved = true;
    } else if state.voids.iter().any(|(at, _)| *at == n) {
        state.acknowledged.insert(n);
    } else {
        return Err(VoidWhy::Impossible);
    }
    Ok(())
}

/// Of several tests of a pack the newest entry counts, whatever its date: a clock that once ran ahead must not keep
/// a pack from being tested again.
fn test(state: &mut State, body: &Body, tested: &Tested) {
    let reads = state.actors.get(&body.actor).is_some_and(|(a, ..)| a.reads);
    if reads {
        bundles::tell(state, state.epoch().number, &tested.bundles, Teller::Tester);
    }
    let mut pack_bytes = 0u64;
    // The bitmap names only packs that passed from end to end; that others failed takes nothing from them.
    for number in tested.packs.iter() {
        let Some(pack) = state.packs.get_mut(number as usize) else { break };
        pack_bytes = pack_bytes.saturating_add(pack.pack.size);
        if reads {
            pack.tested = Some(PackTest { at: body.time, keyholder: tested.keyholder });
            (pack.doubted, pack.quarantined, pack.lost) = (false, None, None);
        }
    }
    if reads
        && tested.documents > 0
        && tested.failed == 0
        && let Some(s) = tested.snapshot.and_then(|id| state.snapshots.iter_mut().find(|s| s.id == id))
    {
        s.tested = Some(body.time);
    }
    let seen = TestState {
        at: body.time,
        documents: tested.documents,
        bytes: tested.bytes,
        packs: tested.packs.count() as u64,
        pack_bytes,
        failed: tested.failed,
        complete: tested.complete,
    };
    if reads && seen.passed() {
        passed(state, body, seen);
    }
    if state.tests.len() == TESTS_KEPT {
        state.tests.pop_front();
    }
    state.tests.push_back(seen);
}

/// A run tests each set by itself and says so entry after entry: together they are what was brought back.
fn passed(state: &mut State, body: &Body, seen: TestState) {
    let before = state.last_passed.filter(|last| {
        let at_once = body.time.duration_since(last.at).abs() <= ONE_RUN;
        at_once && state.last_passed_by == Some((body.n.wrapping_sub(1), body.actor))
    });
    let sum = |of: fn(&TestState) -> u64| of(&seen).saturating_add(before.as_ref().map_or(0, of));
    state.last_passed = Some(TestState { documents: sum(|t| t.documents), bytes: sum(|t| t.bytes), ..seen });
    state.last_passed_by = Some((body.n, body.actor));
}

/// The newest snapshot of a set is never given up, whatever the entry says.
fn thin(state: &mut State, snapshots: &[SnapshotId]) {
    for id in snapshots {
        let Some(at) = state.snapshots.iter().position(|s| s.id == *id && !s.thinned) else { continue };
        let set = state.snapshots[at].snapshot.set.clone();
        if state.newest(&set).is_some_and(|newest| newest.id != *id) {
            state.snapshots[at].thinned = true;
        }
    }
}

/// A clock was wrong: for one snapshot; or, where none is named, for all that is dated later than `now`.
fn suspect(state: &mut State, id: Option<SnapshotId>, now: Timestamp) {
    let wrong = |s: &SnapshotState| id.map_or(s.time > now, |id| s.id == id);
    state.snapshots.iter_mut().filter(|s| wrong(s)).for_each(|s| s.suspect = true);
    if id.is_none() {
        state.newest_time = state.newest_time.min(now);
    }
}
