//! The law of the log: which entries count, and what each does to the state.
//!
//! An entry by the wrong role, by a revoked actor or against what stands before it is *void*: it keeps its
//! number and place in the chain and has no effect. `needs` bitmaps count packs by order of storing, so a
//! `stored` entry gives its packs their numbers even when its actor is revoked afterwards.

use std::collections::HashMap;

use super::bits::Bits;
use super::entry::{Body, Entry, IncidentKind, Reason, Role, Snapshot, Stored, Tested};
use super::state::{IncidentState, IndexState, Life, PackState, Slot, SnapshotState, State, VoidWhy};
use crate::domain::id::{ActorId, IndexName, Link, PackName, RepositoryId, SnapshotId};

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
    let revoked = revocations(&state, slots);
    for slot in &slots[1..] {
        if let Some(body) = &slot.body
            && body.v > super::entry::FORMAT_VERSION
            && state.actor_at(&body.actor, body.n).is_some_and(|a| a.roles.contains(&Role::Root))
        {
            return Err(FoldError::Newer { n: body.n, version: body.v });
        }
        let prev = state.link;
        if let Err(why) = judge(&state, slot, prev).and_then(|body| apply(&mut state, body, &revoked)) {
            state.voids.push((slot.n, why));
        }
        state.next = slot.n + 1;
        state.link = slot.link;
    }
    Ok(state)
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
        packs: vec![],
        pack_numbers: HashMap::new(),
        orphans: HashMap::new(),
        indexes: vec![],
        snapshots: vec![],
        incidents: vec![],
        voids: vec![],
        tests: vec![],
        open_sessions: HashMap::new(),
    })
}

/// Revocations reach back: what the actor said from entry `from` on is void, whenever that was decided.
fn revocations(state: &State, slots: &[Slot]) -> HashMap<ActorId, u64> {
    let mut revoked: HashMap<ActorId, u64> = HashMap::new();
    for body in slots.iter().filter_map(|s| s.body.as_ref()) {
        if let Entry::ActorRevoked { actor, from } = &body.entry
            && body.actor == state.created.root
            && *actor != state.created.root
        {
            let first = revoked.entry(*actor).or_insert(*from);
            *first = (*first).min(*from);
        }
    }
    revoked
}

fn judge<'a>(state: &State, slot: &'a Slot, prev: Link) -> Result<&'a Body, VoidWhy> {
    let body = slot.body.as_ref().ok_or(VoidWhy::Unreadable)?;
    if body.n != slot.n || body.repository != Some(state.repository) || body.prev != prev {
        return Err(VoidWhy::Misplaced);
    }
    if body.v > super::entry::FORMAT_VERSION {
        return Err(VoidWhy::Impossible);
    }
    if body.actor == state.created.root {
        return Ok(body);
    }
    let (actor, from, _) = state.actors.get(&body.actor).ok_or(VoidWhy::UnknownActor)?;
    if body.n < *from {
        return Err(VoidWhy::UnknownActor);
    }
    let needed = body.entry.roles();
    if !needed.is_empty() && !actor.roles.iter().any(|r| needed.contains(r)) {
        return Err(VoidWhy::WrongRole);
    }
    Ok(body)
}

fn apply(state: &mut State, body: &Body, revoked: &HashMap<ActorId, u64>) -> Result<(), VoidWhy> {
    let void = revoked.get(&body.actor).is_some_and(|from| body.n >= *from);
    if let Entry::Stored(stored) = &body.entry {
        store(state, body, stored, void);
    }
    if void {
        return Err(VoidWhy::UnknownActor);
    }
    // The root key describes people and machines; it never stores, thins or deletes.
    if body.actor == state.created.root && !body.entry.roles().is_empty() && !body.entry.roles().contains(&Role::Root) {
        return Err(VoidWhy::WrongRole);
    }
    match &body.entry {
        Entry::Created(_) => return Err(VoidWhy::Impossible),
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
        Entry::KeyholderAdded(holder) => {
            if state.keyholders.iter().any(|k| k.id == holder.id) {
                return Err(VoidWhy::Impossible);
            }
            state.keyholders.push(holder.clone());
        }
        Entry::KeyholderRemoved { keyholder } => {
            let before = state.keyholders.len();
            state.keyholders.retain(|k| k.id != *keyholder);
            if state.keyholders.len() == before {
                return Err(VoidWhy::Impossible);
            }
        }
        Entry::Epoch(epoch) => {
            if epoch.number != state.epoch().number + 1 {
                return Err(VoidWhy::Impossible);
            }
            state.epochs.push(epoch.clone());
        }
        Entry::Stored(_) | Entry::Proved { .. } | Entry::Restored { .. } => {}
        Entry::Snapshot(snapshot) => commit(state, body, snapshot)?,
        Entry::Tested(tested) => test(state, body, tested),
        Entry::Thinned { snapshots, .. } => thin(state, snapshots),
        Entry::Rewritten { from, to } => rewrite(state, from, to)?,
        Entry::Condemned { packs, indexes, reason } => condemn(state, body, packs, indexes, *reason),
        Entry::Swept { packs, indexes } => sweep(state, body.n, packs, indexes),
        Entry::Abandoned { session } => {
            state.open_sessions.remove(session);
        }
        Entry::Incident(incident) => {
            if incident.what == IncidentKind::Clock {
                mark_suspect(state, incident.snapshot);
            }
            let resolved = incident.what == IncidentKind::Clock;
            let (at, time, incident) = (body.n, body.time, incident.clone());
            state.incidents.push(IncidentState { at, time, incident, resolved });
        }
        Entry::IncidentResolved { incident, .. } => {
            let found = state.incidents.iter_mut().find(|i| i.at == *incident).ok_or(VoidWhy::Impossible)?;
            found.resolved = true;
        }
    }
    state.newest_time = state.newest_time.max(body.time);
    Ok(())
}

fn store(state: &mut State, body: &Body, stored: &Stored, void: bool) {
    let mut covers = Bits::default();
    for pack in &stored.packs {
        let number = *state.pack_numbers.entry(pack.name).or_insert_with(|| {
            // An orphan that was condemned before its writer came back keeps its fate; a snapshot may rescue it.
            let life = state.orphans.remove(&pack.name).unwrap_or(Life::Live);
            state.packs.push(PackState {
                pack: *pack,
                actor: body.actor,
                session: stored.session,
                life,
                tested: false,
                stored: body.time,
                void,
            });
            (state.packs.len() - 1) as u32
        });
        covers.insert(number);
    }
    let life = Life::Live;
    if !void && !state.indexes.iter().any(|i| i.index.name == stored.index.name) {
        state.indexes.push(IndexState { index: stored.index, covers, life, actor: body.actor });
        state.open_sessions.entry(stored.session).or_insert((body.actor, stored.began));
    }
}

fn commit(state: &mut State, body: &Body, snapshot: &Snapshot) -> Result<(), VoidWhy> {
    for number in snapshot.needs.iter() {
        let pack = state.packs.get(number as usize).ok_or(VoidWhy::Impossible)?;
        match pack.life {
            Life::Swept { .. } | Life::Condemned { reason: Reason::Disposal, .. } => return Err(VoidWhy::Impossible),
            Life::Live | Life::Condemned { .. } => {}
        }
    }
    for number in snapshot.needs.iter() {
        state.packs[number as usize].life = Life::Live;
    }
    let machine = state.actors.get(&body.actor).map(|(a, ..)| a.machine).ok_or(VoidWhy::UnknownActor)?;
    state.open_sessions.remove(&snapshot.session);
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

fn test(state: &mut State, body: &Body, tested: &Tested) {
    let reads = state.actors.get(&body.actor).is_some_and(|(a, ..)| a.reads);
    if reads && tested.failed == 0 {
        for number in tested.packs.iter() {
            if let Some(pack) = state.packs.get_mut(number as usize) {
                pack.tested = true;
            }
        }
        if tested.documents > 0
            && let Some(s) = tested.snapshot.and_then(|id| state.snapshots.iter_mut().find(|s| s.id == id))
        {
            s.tested = Some(body.time);
        }
    }
    state.tests.push((body.time, tested.clone()));
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

fn rewrite(state: &mut State, from: &Bits, to: &Bits) -> Result<(), VoidWhy> {
    if to.iter().any(|t| !matches!(state.packs.get(t as usize).map(|p| p.life), Some(Life::Live))) {
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

fn condemn(state: &mut State, body: &Body, packs: &[PackName], indexes: &[IndexName], reason: Reason) {
    let life = Life::Condemned { at: body.n, time: body.time, reason };
    let needed = state.needed();
    for name in packs {
        match state.pack_numbers.get(name) {
            Some(number) if reason == Reason::Disposal || !needed.contains(*number) => {
                let pack = &mut state.packs[*number as usize];
                if matches!(pack.life, Life::Live) {
                    pack.life = life;
                }
            }
            Some(_) => {}
            None => {
                state.orphans.entry(*name).or_insert(life);
            }
        }
    }
    for name in indexes {
        if index_is_superfluous(state, name)
            && let Some(index) = state.indexes.iter_mut().find(|i| i.index.name == *name)
            && matches!(index.life, Life::Live)
        {
            index.life = life;
        }
    }
}

/// Every pack it describes is dead or described by another live index.
pub fn index_is_superfluous(state: &State, name: &IndexName) -> bool {
    let Some(index) = state.indexes.iter().find(|i| i.index.name == *name) else { return false };
    index.covers.iter().all(|number| {
        let dead = matches!(state.packs.get(number as usize).map(|p| p.life), Some(Life::Swept { .. }));
        let others = state.indexes.iter().filter(|i| i.index.name != *name && matches!(i.life, Life::Live));
        dead || others.into_iter().any(|i| i.covers.contains(number))
    })
}

/// Only what is condemned and not needed at this very entry becomes dead; the rest of the list is ignored.
fn sweep(state: &mut State, at: u64, packs: &[PackName], indexes: &[IndexName]) {
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
        let superfluous = index_is_superfluous(state, name);
        if let Some(index) = state.indexes.iter_mut().find(|i| i.index.name == *name)
            && matches!(index.life, Life::Condemned { .. })
            && superfluous
        {
            index.life = Life::Swept { at };
        }
    }
}

fn mark_suspect(state: &mut State, id: Option<SnapshotId>) {
    if let Some(s) = state.snapshots.iter_mut().find(|s| Some(s.id) == id) {
        s.suspect = true;
    }
}
