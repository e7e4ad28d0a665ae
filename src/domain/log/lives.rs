//! What entries do to packs and index objects: born, described, needed, condemned, rescued, dead.
//!
//! A swept name never lives again. Nothing that a snapshot needs is swept, and no snapshot commits that needs
//! what is swept, condemned for disposal, or described by no index.

use super::bits::Bits;
use super::entry::{Body, Incident, IncidentKind, Reason, Snapshot, Stored};
use super::state::{IncidentState, IndexState, Life, LossState, PackState, SnapshotState, State, VoidWhy};
use crate::domain::id::{IndexName, NoteName, PackName, SnapshotId};

pub(super) fn store(state: &mut State, body: &Body, stored: &Stored, void: bool) {
    let mut covers = Bits::default();
    let known = state.packs.len();
    for pack in &stored.packs {
        let number = *state.pack_numbers.entry(pack.name).or_insert_with(|| {
            // An orphan that was condemned before its writer came back keeps its fate; a snapshot may rescue it.
            let life = state.orphans.remove(&pack.name).unwrap_or(Life::Live);
            state.packs.push(PackState {
                pack: *pack,
                actor: body.actor,
                session: stored.session,
                life,
                tested: None,
                stored: body.time,
                void,
                doubted: false,
                quarantined: None,
                lost: None,
            });
            (state.packs.len() - 1) as u32
        });
        covers.insert(number);
    }
    describe(state, body, stored, covers, void);
    if !void && state.packs.len() > known {
        state.open_sessions.entry(stored.session).or_insert((body.actor, stored.began));
    }
}

/// A revoked author's index stays readable, because others may have relied on its packs once they were tested;
/// it never takes another index's place. What two authors say of one name is kept apart: neither can shrink or
/// stretch what the other said.
fn describe(state: &mut State, body: &Body, stored: &Stored, covers: Bits, void: bool) {
    let (index, actor) = (stored.index, body.actor);
    let dead = state.is_index_swept(&index.name);
    let same = |i: &&mut IndexState| i.index.name == index.name && i.actor == actor && i.void == void;
    match state.indexes.iter_mut().find(same) {
        Some(_) if dead => {}
        Some(known) => {
            known.covers.union(&covers);
            known.life = Life::Live;
        }
        None => {
            let orphan = state.orphan_indexes.remove(&index.name);
            let swept = match orphan {
                Some(Life::Swept { at }) => Some(at),
                _ => dead.then_some(body.n),
            };
            let life = swept.map_or(Life::Live, |at| Life::Swept { at });
            state.indexes.push(IndexState { index, covers, life, actor, void, doubted: false, quarantined: false });
        }
    }
}

pub(super) fn commit(state: &mut State, body: &Body, snapshot: &Snapshot) -> Result<(), VoidWhy> {
    for number in snapshot.needs.iter() {
        let pack = state.packs.get(number as usize).ok_or(VoidWhy::Impossible)?;
        match pack.life {
            Life::Swept { .. } | Life::Condemned { reason: Reason::Disposal, .. } => return Err(VoidWhy::Impossible),
            Life::Live | Life::Condemned { .. } => {}
        }
    }
    let described = state.described();
    if snapshot.needs.iter().any(|number| !described.contains(number)) {
        return Err(VoidWhy::Impossible);
    }
    for number in snapshot.needs.iter() {
        state.packs[number as usize].life = Life::Live;
    }
    let machine = state.actors.get(&body.actor).map(|(a, ..)| a.machine).ok_or(VoidWhy::UnknownActor)?;
    state.open_sessions.remove(&snapshot.session);
    if let Some(counts) = &snapshot.mass_change {
        let incident =
            Incident { what: IncidentKind::MassChange, snapshot: Some(SnapshotId(body.n)), counts: counts.clone() };
        state.incidents.push(IncidentState { at: body.n, time: body.time, incident, resolved: false });
    }
    state.snapshots.push(SnapshotState {
        id: SnapshotId(body.n),
        snapshot: snapshot.clone(),
        actor: body.actor,
        machine,
        time: body.time,
        thinned: false,
        suspect: false,
        tested: None,
    });
    Ok(())
}

/// Nothing, and what nobody describes, cannot take the place of what a snapshot needs.
pub(super) fn rewrite(state: &mut State, from: &Bits, to: &Bits) -> Result<(), VoidWhy> {
    let live = |t: u32| matches!(state.packs.get(t as usize).map(|p| p.life), Some(Life::Live));
    let described = state.described();
    if to.iter().any(|t| !live(t) || !described.contains(t)) {
        return Err(VoidWhy::Impossible);
    }
    let needs_old = |s: &SnapshotState| from.iter().any(|f| s.snapshot.needs.contains(f));
    if to.iter().next().is_none() && state.live_snapshots().any(needs_old) {
        return Err(VoidWhy::Impossible);
    }
    for s in &mut state.snapshots {
        let needs = &mut s.snapshot.needs;
        if from.iter().any(|f| needs.contains(f)) {
            from.iter().for_each(|f| needs.remove(f));
            needs.union(to);
        }
    }
    Ok(())
}

/// What a pruner rewrote before it was cut off: the old packs may be gone by now, and the new ones may be no good. What
/// needs the old ones needs both, so that nobody deletes either. What was dead already, or what nobody describes, can have taken
/// no other's place.
pub(super) fn keep_both(state: &mut State, from: &Bits, to: &Bits) {
    let swept = |t: u32| state.packs.get(t as usize).is_none_or(|p| matches!(p.life, Life::Swept { .. }));
    let described = state.described();
    let there: Bits = to.iter().filter(|t| !swept(*t) && described.contains(*t)).collect();
    for s in &mut state.snapshots {
        if from.iter().any(|f| s.snapshot.needs.contains(f)) {
            s.snapshot.needs.union(&there);
        }
    }
}

pub(super) fn condemn(state: &mut State, body: &Body, packs: &[PackName], indexes: &[IndexName], reason: Reason) {
    let life = Life::Condemned { at: body.n, time: body.time, reason };
    let needed = state.needed();
    for name in packs {
        match state.pack_numbers.get(name) {
            Some(number) if reason == Reason::Disposal || !needed.contains(*number) => {
                let pack = &mut state.packs[*number as usize];
                pack.life = sentence(pack.life, life);
            }
            Some(_) => {}
            None => {
                let old = state.orphans.get(name).copied().unwrap_or(Life::Live);
                state.orphans.insert(*name, sentence(old, life));
            }
        }
    }
    for name in indexes {
        if !state.indexes.iter().any(|i| i.index.name == *name) {
            let old = state.orphan_indexes.get(name).copied().unwrap_or(Life::Live);
            state.orphan_indexes.insert(*name, sentence(old, life));
        } else if index_is_superfluous(state, name) {
            let all = state.indexes.iter_mut().filter(|i| i.index.name == *name);
            all.for_each(|i| i.life = sentence(i.life, life));
        }
    }
}

/// What a new sentence makes of an old life: the first counts, but disposal takes the hope of rescue.
fn sentence(old: Life, new: Life) -> Life {
    match (old, new) {
        (Life::Live, new) => new,
        (Life::Condemned { at, time, .. }, Life::Condemned { reason: Reason::Disposal, .. }) => {
            Life::Condemned { at, time, reason: Reason::Disposal }
        }
        (old, _) => old,
    }
}

/// Every pack it describes is dead, or described by a live index that a pruner made of several.
pub fn index_is_superfluous(state: &State, name: &IndexName) -> bool {
    still_described_by(state, name).is_some_and(|packs| packs.is_empty())
}

/// It would be superfluous but for packs whose loss a person accepted: nobody can say any more what was in them.
pub fn is_missed_by_none(state: &State, name: &IndexName) -> bool {
    let lost = |n: u32| state.packs.get(n as usize).is_some_and(|p| p.lost.is_some());
    still_described_by(state, name).is_some_and(|packs| !packs.is_empty() && packs.iter().all(lost))
}

/// The packs that are not dead and that no live index of a pruner describes but this one; `None` of an unknown index.
pub fn still_described_by(state: &State, name: &IndexName) -> Option<Bits> {
    let mut mine = Bits::default();
    let mut elsewhere = Bits::default();
    let mut known = false;
    for index in &state.indexes {
        if index.index.name == *name {
            known = true;
            mine.union(&index.covers);
        } else if matches!(index.life, Life::Live) && !index.void && !index.quarantined && state.is_pruner(&index.actor)
        {
            elsewhere.union(&index.covers);
        }
    }
    let dead = |number: u32| matches!(state.packs.get(number as usize).map(|p| p.life), Some(Life::Swept { .. }));
    known.then(|| mine.iter().filter(|number| !dead(*number) && !elsewhere.contains(*number)).collect())
}

/// Only what is condemned and not needed at this very entry becomes dead; the rest of the list is ignored.
pub(super) fn sweep(state: &mut State, at: u64, packs: &[PackName], indexes: &[IndexName]) {
    let needed = state.needed();
    for name in packs {
        if let Some(number) = state.pack_numbers.get(name).copied() {
            let pack = &mut state.packs[number as usize];
            if matches!(pack.life, Life::Condemned { .. }) && !needed.contains(number) {
                pack.life = Life::Swept { at };
            }
        } else if let Some(life @ Life::Condemned { .. }) = state.orphans.get_mut(name) {
            *life = Life::Swept { at };
        }
    }
    for name in indexes {
        if let Some(life @ Life::Condemned { .. }) = state.orphan_indexes.get_mut(name) {
            *life = Life::Swept { at };
        }
        let all = || state.indexes.iter().filter(|i| i.index.name == *name);
        if all().all(|i| matches!(i.life, Life::Condemned { .. })) && index_is_superfluous(state, name) {
            let all = state.indexes.iter_mut().filter(|i| i.index.name == *name);
            all.for_each(|i| i.life = Life::Swept { at });
        }
    }
}

/// What a pruner swept before it was cut off lives again, but may be deleted: nobody relies on it until it is tested.
pub(super) fn doubt(state: &mut State, packs: &[PackName], indexes: &[IndexName]) {
    for name in packs {
        if let Some(number) = state.pack_numbers.get(name) {
            state.packs[*number as usize].doubted = true;
        }
    }
    state.indexes.iter_mut().filter(|i| indexes.contains(&i.index.name)).for_each(|i| i.doubted = true);
}

/// Nobody relies on these packs any more; needed they stay, and what is needed is never swept. An index goes out of use only
/// where a pruner's other index describes all its packs.
pub(super) fn quarantine(state: &mut State, at: u64, packs: &Bits, indexes: &[IndexName]) {
    for number in packs.iter() {
        let Some(pack) = state.packs.get_mut(number as usize) else { break };
        pack.quarantined = pack.quarantined.or(Some(at));
    }
    for name in indexes {
        if index_is_superfluous(state, name) {
            state.indexes.iter_mut().filter(|i| i.index.name == *name).for_each(|i| i.quarantined = true);
        }
    }
}

/// A person's word ends no need: what is left of a lost pack stays where it is. It is about packs that were found damaged
/// before: an approver alone silences nothing.
pub(super) fn accept_loss(state: &mut State, body: &Body, packs: &Bits, records: u64, note: NoteName) {
    let mut known = Bits::default();
    for number in packs.iter() {
        let Some(pack) = state.packs.get_mut(number as usize) else { break };
        if pack.quarantined.is_some() {
            pack.lost = Some(body.n);
            known.insert(number);
        }
    }
    state.losses.push(LossState { at: body.n, time: body.time, packs: known, records, note });
}
