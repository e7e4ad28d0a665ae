//! Which sets a hold stops thinning in: every set of which it touches any record, of now or of the past.
//!
//! Broader than for a disposal: only the last version's date is known, so that a hold on a span of time counts for
//! thinning whatever that date is. Nothing is thinned that may be the only place of a version somebody must keep.

use std::collections::{BTreeMap, BTreeSet};

use super::record::RecordFacts;
use super::rulings::{Hold, HoldFinder, record_text};

/// Which holds stop thinning, by set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldSets {
    /// Holds that are not known to leave any set alone.
    everywhere: BTreeSet<u64>,
    by_set: BTreeMap<String, BTreeSet<u64>>,
}

impl HeldSets {
    /// Where nothing can be looked up: these holds stop everything.
    pub fn all(holds: impl IntoIterator<Item = u64>) -> Self {
        Self { everywhere: holds.into_iter().collect(), by_set: BTreeMap::new() }
    }

    /// From all records of all sets.
    pub fn of(records: &[RecordFacts], holds: &[Hold]) -> Self {
        let mut held = Self::all(holds.iter().filter(|h| h.readable.is_none() && h.sets.is_empty()).map(|h| h.at));
        let finders: Vec<(&Hold, HoldFinder)> = holds.iter().map(|h| (h, HoldFinder::new(h))).collect();
        for set in records.chunk_by(|a, b| a.set == b.set) {
            let Some(name) = set.first().map(|r| r.set.to_string()) else { continue };
            let mut open: Vec<&(&Hold, HoldFinder)> = finders.iter().collect();
            for record in set {
                if open.is_empty() {
                    break;
                }
                let text = record_text(record);
                open.retain(|(hold, finder)| {
                    let touched = finder.names(hold, record, &text);
                    if touched {
                        held.by_set.entry(name.clone()).or_default().insert(hold.at);
                    }
                    !touched
                });
            }
        }
        held
    }

    /// The holds that stop thinning in a set.
    pub fn of_set(&self, set: &str) -> Vec<u64> {
        let here = self.by_set.get(set).into_iter().flatten();
        self.everywhere.iter().chain(here).copied().collect::<BTreeSet<u64>>().into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::rulings::HoldText;
    use super::super::samples::record;
    use super::*;

    fn hold(at: u64, patterns: Option<&[&str]>) -> Hold {
        let readable = patterns.map(|p| HoldText {
            patterns: p.iter().map(|p| (*p).to_owned()).collect(),
            reason: "FOI".into(),
            by: "Clerk".into(),
            from: Some("1990-01-01".parse().unwrap()),
            to: Some("1990-12-31".parse().unwrap()),
        });
        let review = "2027-01-01".parse().unwrap();
        Hold { at, readable, sets: vec![], review, placed: Timestamp::UNIX_EPOCH }
    }

    fn records() -> Vec<RecordFacts> {
        let mut all = vec![record("Documents/a.txt"), record("Mail/b.txt")];
        (all[0].set, all[1].set) = ("documents".into(), "mail".into());
        all
    }

    #[test]
    fn a_hold_stops_the_sets_it_touches_whatever_the_dates() {
        let holds = [hold(7, Some(&["a.txt"])), hold(9, Some(&["*.txt"])), hold(11, Some(&["nothing"]))];
        let held = HeldSets::of(&records(), &holds);
        assert_eq!(
            (held.of_set("documents"), held.of_set("mail"), held.of_set("other")),
            (vec![7, 9], vec![9], vec![])
        );
    }

    #[test]
    fn every_record_of_a_set_is_looked_at() {
        let all = ["a.txt", "b.txt", "c.txt"].map(|name| record(&format!("Documents/{name}")));
        let held =
            HeldSets::of(&all, &[hold(7, Some(&["b.txt"])), hold(8, Some(&["c.txt"])), hold(9, Some(&["a.txt"]))]);
        assert_eq!(held.of_set("office"), [7, 8, 9]);
    }

    #[test]
    fn what_cannot_be_read_or_looked_up_stops_everything() {
        let held = HeldSets::of(&records(), &[hold(7, None), hold(8, Some(&["b.txt"]))]);
        assert_eq!(
            (held.of_set("documents"), held.of_set("mail"), held.of_set("other")),
            (vec![7], vec![7, 8], vec![7])
        );
        assert_eq!(HeldSets::all([3, 4]).of_set("any"), [3, 4]);
        assert!(HeldSets::of(&[], &[]).of_set("documents").is_empty());
    }
}
