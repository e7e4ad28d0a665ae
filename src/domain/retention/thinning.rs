//! Thinning: which old snapshots may be given up. The newest of a set, the newest that passed a test
//! restore, and every snapshot whose time is in doubt are always kept. A rule of all zeros keeps everything.
//!
//! Thinning never loses a record: each snapshot's listing carries the last version of every record that is
//! no longer live, so what an old snapshot alone can give back is a version that was superseded. A snapshot
//! that the newest one does not descend from was carried on by nobody, and is kept. While a hold touches any
//! record of a set, none of its snapshots goes: a superseded version may be what the hold is about.

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::id::SnapshotId;
use crate::domain::log::state::State;

/// How many snapshots to keep, newest first, one for each period that has any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepRule {
    /// The newest so many.
    pub last: u32,
    /// One a day for so many days that have one.
    pub daily: u32,
    /// One a week (Monday to Sunday).
    pub weekly: u32,
    /// One a month.
    pub monthly: u32,
    /// One a calendar year.
    pub yearly: u32,
}

impl Default for KeepRule {
    fn default() -> Self {
        Self { last: 0, daily: 0, weekly: 8, monthly: 12, yearly: 7 }
    }
}

impl KeepRule {
    /// The rule in words, as it stands in the log.
    pub fn describe(&self) -> String {
        let parts = [
            (self.last, "last"),
            (self.daily, "daily"),
            (self.weekly, "weekly"),
            (self.monthly, "monthly"),
            (self.yearly, "yearly"),
        ];
        let said: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, w)| format!("{n} {w}")).collect();
        if said.is_empty() { "everything".into() } else { said.join(", ") }
    }

    fn keeps_everything(&self) -> bool {
        self.last == 0 && self.daily == 0 && self.weekly == 0 && self.monthly == 0 && self.yearly == 0
    }
}

/// What the rule needs to know of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub id: SnapshotId,
    /// The data's point in time.
    pub time: Timestamp,
    /// The time cannot be believed.
    pub suspect: bool,
    /// A test restore of it passed.
    pub tested: bool,
    /// Some items could not be read.
    pub partial: bool,
    /// The newest snapshot descends from it, so that its records are in the newest listing, live or gone.
    pub carried: bool,
}

/// The live snapshots of one set, ready for [`decide`].
pub fn candidates(state: &State, set: &str) -> Vec<Candidate> {
    let mut carried = HashSet::new();
    let mut next = state.newest(set).map(|s| s.id);
    while let Some(snapshot) = next.and_then(|id| state.snapshots.iter().find(|s| s.id == id)) {
        // A parent is always older, so that no chain of parents can run in a circle.
        let older = |parent: &SnapshotId| *parent < snapshot.id && snapshot.snapshot.set == set;
        carried.insert(snapshot.id);
        next = snapshot.snapshot.parent.filter(older);
    }
    let all = state.live_snapshots().filter(|s| s.snapshot.set == set);
    all.map(|s| Candidate {
        id: s.id,
        time: s.snapshot.began,
        suspect: s.suspect,
        tested: s.tested.is_some(),
        partial: s.snapshot.problems > 0,
        carried: carried.contains(&s.id),
    })
    .collect()
}

/// What becomes of a snapshot, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Kept, for all these reasons.
    Keep(Vec<&'static str>),
    /// The rule would let it go; these open holds, by their entries, do not.
    Held(Vec<u64>),
    /// May be given up.
    Thin,
}

impl Fate {
    /// Why it stays, in a few words; nothing where it goes.
    pub fn why(&self) -> String {
        match self {
            Self::Keep(reasons) => reasons.join(", "),
            Self::Held(holds) => {
                let numbers: Vec<String> = holds.iter().map(u64::to_string).collect();
                format!("hold {}", numbers.join(", "))
            }
            Self::Thin => String::new(),
        }
    }

    /// What becomes of a snapshot of a set in which these holds touch a record.
    pub fn under(self, holds: &[u64]) -> Self {
        match self {
            Self::Thin if !holds.is_empty() => Self::Held(holds.to_vec()),
            other => other,
        }
    }
}

/// Decides for the snapshots of one set, in any order; answers in the order given.
pub fn decide(candidates: &[Candidate], rule: &KeepRule, zone: &TimeZone) -> Vec<(SnapshotId, Fate)> {
    let mut reasons: Vec<Vec<&'static str>> = vec![vec![]; candidates.len()];
    let mut newest_first: Vec<usize> = (0..candidates.len()).collect();
    newest_first.sort_by_key(|i| std::cmp::Reverse((candidates[*i].id, *i)));

    if let Some(i) = newest_first.first() {
        reasons[*i].push("newest");
    }
    if let Some(i) = newest_first.iter().find(|i| candidates[**i].tested) {
        reasons[*i].push("newest that passed a test restore");
    }
    for (i, c) in candidates.iter().enumerate() {
        if !c.carried {
            reasons[i].push("no later snapshot goes on from it");
        }
        if c.suspect {
            reasons[i].push("its time is in doubt");
        }
        if rule.keeps_everything() {
            reasons[i].push("the rule keeps everything");
        }
    }
    // A snapshot in doubt takes no other's place. A partial one takes none of a whole one in the same period.
    newest_first.retain(|i| !candidates[*i].suspect);
    let rank = |i: usize| (candidates[i].time, candidates[i].id);
    newest_first.sort_by_key(|i| std::cmp::Reverse(rank(*i)));
    for i in newest_first.iter().take(rule.last as usize) {
        reasons[*i].push("last");
    }
    let day = |t: Timestamp| t.to_zoned(zone.clone()).date();
    keep_periods(candidates, &newest_first, rule.daily, "daily", &mut reasons, |t| day(t).to_string());
    keep_periods(candidates, &newest_first, rule.weekly, "weekly", &mut reasons, |t| {
        let w = day(t).iso_week_date();
        format!("{}-{}", w.year(), w.week())
    });
    keep_periods(candidates, &newest_first, rule.monthly, "monthly", &mut reasons, |t| {
        format!("{}-{}", day(t).year(), day(t).month())
    });
    keep_periods(candidates, &newest_first, rule.yearly, "yearly", &mut reasons, |t| day(t).year().to_string());

    let fate = |r: Vec<&'static str>| if r.is_empty() { Fate::Thin } else { Fate::Keep(r) };
    candidates.iter().zip(reasons).map(|(c, r)| (c.id, fate(r))).collect()
}

/// Keeps the newest whole snapshot (or else the newest partial one) of each of the newest `count` periods.
fn keep_periods(
    candidates: &[Candidate],
    newest_first: &[usize],
    count: u32,
    name: &'static str,
    reasons: &mut [Vec<&'static str>],
    period: impl Fn(Timestamp) -> String,
) {
    let mut periods: Vec<(String, usize)> = vec![];
    for &i in newest_first {
        let key = period(candidates[i].time);
        let full = periods.len() as u32 == count;
        match periods.last_mut() {
            Some((last, chosen)) if *last == key => {
                if candidates[*chosen].partial && !candidates[i].partial {
                    *chosen = i;
                }
            }
            _ if full => break,
            _ => periods.push((key, i)),
        }
    }
    for (_, i) in periods {
        reasons[i].push(name);
    }
}

#[cfg(test)]
#[path = "thinning_tests.rs"]
mod tests;
