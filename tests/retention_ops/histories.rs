//! Random histories: the facts that the listings give, against a model that remembers every day.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan};
use strongroom::domain::id::SnapshotId;
use strongroom::domain::log::entry::Entry;

use crate::council::{Council, day, path};

/// Small, and the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// What a path was on one day: its own date and its text.
type Version = (String, String);

/// One backup, as the model remembers it.
struct Day {
    snapshot: u64,
    began: Timestamp,
    live: BTreeMap<String, Version>,
}

#[derive(Debug, PartialEq, Eq)]
struct Known {
    live: bool,
    created: String,
    modified: String,
    size: u64,
    observed: Timestamp,
    first_seen: Timestamp,
    last_seen: Option<Timestamp>,
    snapshots: Vec<u64>,
}

fn model(days: &[Day], thinned: &BTreeSet<u64>) -> BTreeMap<String, Known> {
    let names: BTreeSet<&String> = days.iter().flat_map(|d| d.live.keys()).collect();
    let kept = |d: &&Day| !thinned.contains(&d.snapshot);
    let one = |name: &String| {
        let had = || days.iter().filter(|d| d.live.contains_key(name));
        let (first, last) = (had().next().unwrap(), had().next_back().unwrap());
        let (modified, text) = last.live[name].clone();
        let live = days.last().unwrap().live.contains_key(name);
        Known {
            live,
            created: created(days, name),
            modified,
            size: text.len() as u64,
            observed: last.began,
            first_seen: had().find(kept).map_or(last.began, |d| d.began),
            last_seen: (!live).then_some(last.began),
            snapshots: days.iter().filter(kept).map(|d| d.snapshot).filter(|s| *s >= first.snapshot).collect(),
        }
    };
    names.into_iter().map(|name| (format!("Documents/{name}"), one(name))).collect()
}

/// The first version's own date; where other content came up after a deletion, not before the backup that found it.
fn created(days: &[Day], name: &str) -> String {
    let (mut known, mut last, mut there): (Option<String>, Option<&Version>, bool) = (None, None, false);
    for one in days {
        let now = one.live.get(name);
        if let Some(version) = now.filter(|_| !there) {
            let own = version.0.clone();
            known = match (known, last) {
                (Some(known), Some(last)) if last.1 == version.1 => Some(known),
                (Some(_), _) => Some(own.max(one.began.to_string()[..10].to_owned())),
                (None, _) => Some(own),
            };
        }
        (there, last) = (now.is_some(), now.or(last));
    }
    known.unwrap()
}

fn facts(c: &Council) -> BTreeMap<String, Known> {
    let own = |t: Timestamp| t.to_string()[..10].to_owned();
    let known = |r: &strongroom::domain::retention::record::RecordFacts| Known {
        live: r.live,
        created: own(r.created.unwrap()),
        modified: own(r.modified),
        size: r.size,
        observed: r.observed,
        first_seen: r.first_seen,
        last_seen: r.last_seen,
        snapshots: r.snapshots.iter().map(|s| s.0).collect(),
    };
    c.facts().records.iter().map(|r| (r.path.to_string(), known(r))).collect()
}

#[test]
fn the_facts_are_those_of_a_model_that_forgets_nothing() {
    for seed in 0..6 {
        let mut dice = Dice(seed);
        let c = Council::new("2020-01-01");
        c.write("always.txt", "always", "2019-01-01");
        let mut live: BTreeMap<String, Version> =
            [("always.txt".to_owned(), ("2019-01-01".to_owned(), "always".to_owned()))].into();
        let (mut days, mut thinned) = (vec![], BTreeSet::new());
        for n in 0..8 {
            let today = day("2020-01-02").checked_add((i64::from(n) * 10).days()).unwrap();
            for _ in 0..dice.below(6) {
                let name = format!("f{}/{}.txt", dice.below(2), dice.below(5));
                if dice.below(3) == 0 && live.remove(&name).is_some() {
                    c.remove(&name);
                    continue;
                }
                let own = today.checked_sub((dice.below(300) as i64).days()).unwrap().to_string();
                let text = "x".repeat(1 + n as usize * 40 + dice.below(30) as usize);
                c.write(&name, &text, &own);
                live.insert(name, (own, text));
            }
            let snapshot = c.backup(&today.to_string());
            let began = c.open().state().snapshot(SnapshotId(snapshot)).unwrap().snapshot.began;
            days.push(Day { snapshot, began, live: live.clone() });
            let old: Vec<u64> = days[..days.len() - 1].iter().map(|d| d.snapshot).collect();
            if dice.below(3) == 0 && !old.is_empty() {
                let given_up = old[dice.below(old.len() as u64) as usize];
                let entry = Entry::Thinned { snapshots: vec![SnapshotId(given_up)], rule: "test".into() };
                c.open().append(|_| Ok(Some(entry.clone()))).unwrap();
                thinned.insert(given_up);
            }
            assert_eq!(facts(&c), model(&days, &thinned), "seed {seed}, day {n}");
        }
        assert!(c.facts().find("documents", &path("Documents/always.txt")).is_some());
    }
}
