//! Which packs nobody needs since a `thinned` or `rewritten` entry, as against one that wrote listings anew.
//!
//! Everything a pruner's key may say makes packs unneeded; only what a disposal did itself goes without a wait.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use crate::domain::log::bits::Bits;
use crate::domain::log::entry::Entry;
use crate::domain::log::state::{Slot, State};

/// The entry after which nobody needed a pack, and the latest time the log had shown by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenUp {
    /// The entry.
    pub at: u64,
    /// No author can date it back.
    pub time: Timestamp,
}

/// By pack number. Packs that no snapshot ever needed, or that lost their use by a `relisted` entry, are not in it.
pub fn given_up(state: &State, slots: &[Slot]) -> HashMap<u32, GivenUp> {
    let void: HashSet<u64> = state.voids.iter().map(|(n, _)| *n).collect();
    let thinned: HashSet<_> = state.snapshots.iter().filter(|s| s.thinned).map(|s| s.id).collect();
    let mut needs: BTreeMap<u64, Bits> = BTreeMap::new();
    let mut lost: HashMap<u32, GivenUp> = HashMap::new();
    let mut time = state.created_at;
    for slot in slots.iter().filter(|s| !void.contains(&s.n)) {
        let Some(body) = &slot.body else { continue };
        time = time.max(body.time);
        let now = GivenUp { at: slot.n, time };
        match &body.entry {
            Entry::Snapshot(snapshot) => {
                needs.insert(slot.n, snapshot.needs.clone());
            }
            Entry::Thinned { snapshots, .. } => {
                let gone = snapshots.iter().filter(|id| thinned.contains(id)).filter_map(|id| needs.remove(&id.0));
                gone.for_each(|bits| lost.extend(bits.iter().map(|p| (p, now))));
            }
            Entry::Rewritten { from, to } => {
                for bits in needs.values_mut().filter(|bits| from.iter().any(|f| bits.contains(f))) {
                    lost.extend(from.iter().filter(|f| bits.contains(*f)).map(|f| (f, now)));
                    from.iter().for_each(|f| bits.remove(f));
                    bits.union(to);
                }
            }
            Entry::Relisted { roots, .. } => {
                for root in roots {
                    let Some(old) = needs.insert(root.snapshot.0, root.needs.clone()) else { continue };
                    old.iter().filter(|p| !root.needs.contains(*p)).for_each(|p| {
                        lost.remove(&p);
                    });
                }
            }
            _ => {}
        }
    }
    let needed = state.needed();
    lost.retain(|pack, _| !needed.contains(*pack));
    lost
}

#[cfg(test)]
#[path = "given_up_tests.rs"]
mod tests;
