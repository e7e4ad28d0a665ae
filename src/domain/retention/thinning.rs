//! Thinning: which old snapshots may be given up. The newest of a set, the newest that passed a test
//! restore, and every snapshot whose time is in doubt are always kept. A rule of all zeros keeps everything.
//!
//! Thinning never loses a record: each snapshot's listing carries the last version of every record that is
//! no longer live, so what an old snapshot alone can give back is a version that was superseded.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::id::SnapshotId;

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
}

/// What becomes of a snapshot, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Kept, for all these reasons.
    Keep(Vec<&'static str>),
    /// May be given up.
    Thin,
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
mod tests {
    use super::*;

    fn nightly(days: usize) -> Vec<Candidate> {
        let start: Timestamp = "2026-01-01T02:30:00Z".parse().unwrap();
        (0..days)
            .map(|d| Candidate {
                id: SnapshotId(d as u64 + 1),
                time: start + jiff::SignedDuration::from_hours(24 * d as i64),
                suspect: false,
                tested: false,
                partial: false,
            })
            .collect()
    }

    fn kept(c: &[Candidate], rule: &KeepRule) -> Vec<u64> {
        let zone = TimeZone::get("Europe/London").unwrap();
        decide(c, rule, &zone).into_iter().filter(|(_, f)| *f != Fate::Thin).map(|(id, _)| id.0).collect()
    }

    #[test]
    fn a_year_of_nights_leaves_weeks_months_and_the_year() {
        let c = nightly(365);
        let kept = kept(&c, &KeepRule::default());
        assert!(kept.contains(&365), "the newest stays");
        assert_eq!(kept.len(), 8 + 12 - 2, "eight weeks and twelve months, of which two coincide: {kept:?}");
    }

    #[test]
    fn zeros_keep_everything_and_the_newest_always_stays() {
        let c = nightly(5);
        let none = KeepRule { last: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
        assert_eq!(kept(&c, &none).len(), 5);
        assert_eq!(kept(&c, &KeepRule { last: 1, ..none }), [5]);
    }

    #[test]
    fn tested_and_doubtful_snapshots_stay_and_displace_nobody() {
        let none = KeepRule { last: 1, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
        let mut c = nightly(5);
        c[1].tested = true;
        c[4].suspect = true;
        assert_eq!(kept(&c, &none), [2, 4, 5], "5 is newest and in doubt, 4 is the last one that counts, 2 was tested");
    }

    #[test]
    fn a_partial_snapshot_does_not_displace_a_whole_one_of_its_week() {
        let none = KeepRule { last: 0, daily: 0, weekly: 2, monthly: 0, yearly: 0 };
        let mut c = nightly(11); // Thursday 1 January to Sunday 11 January: two weeks
        c[10].partial = true;
        assert_eq!(kept(&c, &none), [4, 10, 11]);
    }
}
