//! What later entries say about earlier ones: who was cut off from where on, and which packs were swept when.
//!
//! A revocation reaches back, but what was deleted stays deleted. A listing that was written anew, and whose old
//! packs were swept before anybody knew of the cut, stands: the old one can be read no more.

use std::collections::{HashMap, HashSet};

use super::entry::{Body, Entry, Role};
use super::fold::placed;
use super::state::{Slot, State};
use crate::domain::id::{ActorId, PackName};

/// The revocations and sweeps of a whole log.
pub(super) struct Hindsight<'a> {
    /// By actor: the revoking entries, each with the number it cuts from.
    cuts: HashMap<ActorId, Vec<(u64, u64)>>,
    /// By pack: the entries that swept it, by pruners who were not known to be cut off then.
    sweeps: HashMap<&'a PackName, Vec<u64>>,
}

impl<'a> Hindsight<'a> {
    /// Reads ahead. `state` is the one that entry 0 makes.
    pub(super) fn of(state: &State, slots: &'a [Slot]) -> Self {
        let root = state.created.root;
        let mut known: HashSet<ActorId> = state.actors.keys().copied().collect();
        let is_pruner = |roles: &[Role]| roles.contains(&Role::Pruner);
        let first = state.actors.values().filter(|(a, ..)| is_pruner(&a.roles));
        let mut pruners: HashSet<ActorId> = first.map(|(a, ..)| a.key).collect();
        let mut found = Self { cuts: HashMap::new(), sweeps: HashMap::new() };
        for (before, slot) in slots.iter().zip(&slots[1..]) {
            let Ok(body) = placed(state, slot, before.link) else { continue };
            match &body.entry {
                Entry::Swept { packs, .. } if pruners.contains(&body.actor) && !found.is_cut(body) => {
                    packs.iter().for_each(|p| found.sweeps.entry(p).or_default().push(body.n));
                }
                _ if body.actor != root => {}
                // One with the root's role is never taken.
                Entry::ActorAdded(actor) if actor.roles.contains(&Role::Root) => {}
                Entry::ActorAdded(actor) => {
                    let new = known.insert(actor.key);
                    if new && is_pruner(&actor.roles) {
                        pruners.insert(actor.key);
                    }
                }
                Entry::ActorRevoked { actor, from } if *actor != root && known.contains(actor) => {
                    found.cuts.entry(*actor).or_default().push((body.n, *from));
                }
                _ => {}
            }
        }
        found
    }

    /// What is known at the end of the log: who is cut off. No sweep that is still to come changes what was.
    pub(super) fn so_far(state: &State) -> Self {
        let root = state.created.root;
        let cut = |(actor, (_, _, until)): (&ActorId, &(_, u64, Option<u64>))| Some((*actor, vec![(0, (*until)?)]));
        let cuts = state.actors.iter().filter(|(actor, _)| **actor != root).filter_map(cut).collect();
        Self { cuts, sweeps: HashMap::new() }
    }

    /// Whether the author was cut off from this entry, or one before it, on; whenever that was decided.
    pub(super) fn is_cut(&self, body: &Body) -> bool {
        self.cut_by(body).is_some()
    }

    /// Whether that was decided after this entry was made: others may have acted upon it.
    pub(super) fn is_cut_later(&self, body: &Body) -> bool {
        self.cut_by(body).is_some_and(|cut| body.n < cut)
    }

    /// The first entry that made this one void.
    fn cut_by(&self, body: &Body) -> Option<u64> {
        let cuts = self.cuts.get(&body.actor)?;
        cuts.iter().find(|(_, from)| body.n >= *from).map(|(at, _)| *at)
    }

    /// Whether this is a `relisted` that hides nothing, or after which packs that only the old listings needed were
    /// swept before its author was cut off.
    pub(super) fn acted_upon(&self, state: &State, body: &Body) -> bool {
        let Entry::Relisted { roots, .. } = &body.entry else { return false };
        let Some(cut) = self.cut_by(body).filter(|cut| body.n < *cut) else { return false };
        let swept = |number: u32| {
            let name = state.packs.get(number as usize).map(|p| &p.pack.name);
            let at = name.and_then(|name| self.sweeps.get(name));
            at.is_some_and(|at| at.iter().any(|n| body.n < *n && *n < cut))
        };
        roots.is_empty()
            || roots.iter().any(|new| {
                let old = state.snapshot(new.snapshot).map(|s| &s.snapshot.needs);
                old.is_some_and(|old| old.iter().any(|number| !new.needs.contains(number) && swept(number)))
            })
    }
}
