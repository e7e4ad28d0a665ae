//! In which snapshots something is, as ranges of their places; each different answer is kept once.
//!
//! Half a million records share the answers of the few pages they lie on.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::id::SnapshotId;

/// Places of snapshots, first and last of each range, ascending, with gaps between.
pub type Ranges = Vec<(u32, u32)>;

/// Adds a place that is not before any that was added.
pub fn push(ranges: &mut Ranges, place: u32) {
    match ranges.last_mut() {
        Some(last) if last.1.saturating_add(1) >= place => last.1 = last.1.max(place),
        _ => ranges.push((place, place)),
    }
}

/// Both together.
pub fn union(a: &[(u32, u32)], b: &[(u32, u32)]) -> Ranges {
    let mut all: Ranges = a.iter().chain(b).copied().collect();
    all.sort_unstable();
    let mut out: Ranges = vec![];
    for (from, to) in all {
        match out.last_mut() {
            Some(last) if last.1.saturating_add(1) >= from => last.1 = last.1.max(to),
            _ => out.push((from, to)),
        }
    }
    out
}

/// The number of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Presence(u32);

/// All different answers.
#[derive(Default)]
pub struct Presences {
    all: Vec<Ranges>,
    numbers: HashMap<Ranges, Presence>,
    unions: HashMap<(Presence, Presence), Presence>,
    /// The two that were put together last, and their sum: a page's records mostly ask for the same.
    last: Option<((Presence, Presence), Presence)>,
}

impl Presences {
    /// The number of this answer.
    pub fn number(&mut self, ranges: Ranges) -> Presence {
        if let Some(known) = self.numbers.get(&ranges) {
            return *known;
        }
        let new = Presence(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.all.push(ranges.clone());
        self.numbers.insert(ranges, new);
        new
    }

    /// The number of both answers together.
    pub fn both(&mut self, a: Presence, b: Presence) -> Presence {
        if a == b {
            return a;
        }
        let pair = (a.min(b), a.max(b));
        if let Some((_, sum)) = self.last.filter(|(last, _)| *last == pair) {
            return sum;
        }
        let sum = match self.unions.get(&pair) {
            Some(known) => *known,
            None => {
                let number = self.number(union(self.ranges(a), self.ranges(b)));
                self.unions.insert(pair, number);
                number
            }
        };
        self.last = Some((pair, sum));
        sum
    }

    fn ranges(&self, of: Presence) -> &[(u32, u32)] {
        self.all.get(of.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// To be spelt out in these snapshots.
    pub fn spelt_out(self, ids: Vec<SnapshotId>) -> SpeltOut {
        let none = vec![None; self.all.len()];
        SpeltOut { ids, all: self.all, spelt: none }
    }
}

/// Answers in snapshots; records share them. Most answers were only steps to others, and are never spelt out.
pub struct SpeltOut {
    ids: Vec<SnapshotId>,
    all: Vec<Ranges>,
    spelt: Vec<Option<Arc<[SnapshotId]>>>,
}

impl SpeltOut {
    /// The snapshots of one answer.
    pub fn of(&mut self, presence: Presence) -> Arc<[SnapshotId]> {
        let at = presence.0 as usize;
        let (Some(ranges), Some(spelt)) = (self.all.get(at), self.spelt.get_mut(at)) else { return Arc::default() };
        let places = ranges.iter().flat_map(|(from, to)| *from..=*to);
        let spell = || places.filter_map(|place| self.ids.get(place as usize).copied()).collect();
        Arc::clone(spelt.get_or_insert_with(spell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_grow_and_join() {
        let mut ranges = vec![];
        for place in [1, 2, 2, 5, 6] {
            push(&mut ranges, place);
        }
        assert_eq!(ranges, [(1, 2), (5, 6)]);
        assert_eq!(union(&ranges, &[(3, 4)]), [(1, 6)]);
        assert_eq!(union(&ranges, &[(0, 0), (9, 9)]), [(0, 2), (5, 6), (9, 9)]);
    }

    #[test]
    fn the_same_answer_is_kept_once() {
        let mut all = Presences::default();
        let (a, b) = (all.number(vec![(0, 1)]), all.number(vec![(3, 3)]));
        let both = all.both(a, b);
        assert_eq!((all.both(b, a), all.both(both, a)), (both, both));
        let ids: Vec<SnapshotId> = [10, 11, 14, 20].map(SnapshotId).to_vec();
        let mut spelt = all.spelt_out(ids);
        assert_eq!(*spelt.of(both), [10, 11, 20].map(SnapshotId));
    }
}
