//! Who is whose moved self: a file that was gone and came up elsewhere with the same content is the same record.
//!
//! A copy is not: it was there while the record was. Where it cannot be known, it counts as moved: that keeps longer.

use jiff::Timestamp;

use super::record::RecordFacts;

/// The records of a repository by content, ready to be asked.
#[derive(Debug, Clone)]
pub struct Lineage {
    /// Records with content, by content and then by when they were first seen.
    order: Vec<u32>,
    /// Where each record stands in `order`.
    place: Vec<Option<u32>>,
    /// For each place: where the run of its content begins.
    start: Vec<u32>,
    /// For each place: where the run of its content ends.
    end: Vec<u32>,
    /// For each place: the earliest last sight of the gone ones from here to the end of the run.
    earliest: Vec<Timestamp>,
}

impl Lineage {
    /// Looks at all records of a repository, in any order.
    pub fn new(records: &[RecordFacts]) -> Self {
        let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let mut order: Vec<u32> = (0..count).filter(|i| !records[*i as usize].content.is_nothing()).collect();
        // By the first bytes, which nearly always decide: records are large and far apart in memory.
        let mut keyed: Vec<(u64, u32)> = order.iter().map(|i| (first_bytes(&records[*i as usize]), *i)).collect();
        keyed.sort_unstable_by(|(a, i), (b, j)| {
            let whole = |i: u32| {
                let r = &records[i as usize];
                (r.content.as_bytes(), r.first_seen, i)
            };
            a.cmp(b).then_with(|| whole(*i).cmp(&whole(*j)))
        });
        order.clear();
        order.extend(keyed.iter().map(|(_, i)| *i));
        let mut place = vec![None; records.len()];
        let mut end = vec![0; order.len()];
        let mut earliest = vec![Timestamp::MAX; order.len()];
        for at in (0..order.len()).rev() {
            let record = &records[order[at] as usize];
            let next = order.get(at + 1).filter(|i| records[**i as usize].content == record.content);
            let own = if record.may_be_live() { Timestamp::MAX } else { gone_since(record) };
            (end[at], earliest[at]) = match next {
                Some(_) => (end[at + 1], own.min(earliest[at + 1])),
                None => (u32::try_from(at + 1).unwrap_or(u32::MAX), own),
            };
            place[order[at] as usize] = u32::try_from(at).ok();
        }
        let mut start: Vec<u32> = vec![0; order.len()];
        for at in 1..order.len() {
            let same = end[at] == end[at - 1];
            start[at] = if same { start[at - 1] } else { u32::try_from(at).unwrap_or(u32::MAX) };
        }
        Self { order, place, start, end, earliest }
    }

    /// The records (by their number) that record `of` became, and what those became; none while it is live.
    pub fn moved_selves(&self, records: &[RecordFacts], of: usize) -> impl Iterator<Item = usize> {
        let (from, end) = self.run(records, of);
        self.order[from..end].iter().map(|i| *i as usize).filter(move |i| *i != of)
    }

    /// Places in the order, for sums over runs: `(place of the first, end)`.
    pub(super) fn run(&self, records: &[RecordFacts], of: usize) -> (usize, usize) {
        let Some(place) = self.place.get(of).copied().flatten().filter(|_| !records[of].may_be_live()) else {
            return (0, 0);
        };
        let (start, end) = (self.start[place as usize] as usize, self.end[place as usize] as usize);
        let mut since = gone_since(&records[of]);
        loop {
            let later = self.order[start..end].partition_point(|i| records[*i as usize].first_seen <= since);
            let from = start + later;
            match self.earliest[from..end].first() {
                Some(earlier) if *earlier < since => since = *earlier,
                _ => return (from, end),
            }
        }
    }

    /// Whether contradicting dates put the record itself among these places.
    pub(super) fn stands_in(&self, of: usize, from: usize, end: usize) -> bool {
        self.place.get(of).copied().flatten().is_some_and(|place| (from..end).contains(&(place as usize)))
    }

    /// The records that share their content with another, by place, from the last place to the first; with each,
    /// whether it is the last of its run.
    pub(super) fn shared_from_last(&self) -> impl Iterator<Item = (usize, usize, bool)> {
        (0..self.order.len()).rev().filter_map(|at| {
            let last = self.end[at] as usize == at + 1;
            let first = at == 0 || self.end[at - 1] != self.end[at];
            (!(first && last)).then_some((at, self.order[at] as usize, last))
        })
    }

    /// How many records have content.
    pub(super) fn places(&self) -> usize {
        self.order.len()
    }
}

fn first_bytes(record: &RecordFacts) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&record.content.as_bytes()[..8]);
    u64::from_be_bytes(first)
}

/// A gone record whose last sight is not known has been gone for ever: then everything like it is its moved self.
fn gone_since(record: &RecordFacts) -> Timestamp {
    record.last_seen.unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
#[path = "lineage_tests.rs"]
mod tests;
