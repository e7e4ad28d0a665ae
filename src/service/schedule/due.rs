//! What is due now, and what comes next: from the schedule, the journal and the time alone.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Round, Schedule};

/// When runs of each kind last began, as the journal has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Begun {
    /// The whole job.
    pub whole: Option<Timestamp>,
    /// Backups alone.
    pub backups: Option<Timestamp>,
}

impl Begun {
    /// The last that serves such a round. The whole job makes backups too. What began later than now began under
    /// another clock, and counts for nothing.
    fn serving(&self, round: Round, now: Timestamp) -> Option<Timestamp> {
        let past = |at: Option<Timestamp>| at.filter(|at| *at <= now);
        match round {
            Round::Whole => past(self.whole),
            Round::Backups => past(self.whole).max(past(self.backups)),
        }
    }
}

/// Something that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// What.
    pub round: Round,
    /// The time in the schedule.
    pub slot: Timestamp,
    /// When it begins: a little later, by this computer's own jitter.
    pub from: Timestamp,
}

/// What should run and has not; the whole job before backups alone. It may begin a little later than now.
pub fn due(schedule: &Schedule, begun: &Begun, now: Timestamp, zone: &TimeZone, machine: &str) -> Option<Due> {
    schedule.lines().find_map(|(round, line)| {
        let slot = line.latest(now, zone)?;
        let served = begun.serving(round, now).is_some_and(|at| at >= slot);
        // A small jitter of a dense line must end before its next time.
        (!served).then(|| Due { round, slot, from: jittered(schedule, round, slot, zone, machine) })
    })
}

/// The newest time that is past, and whether some run served it.
pub fn latest(schedule: &Schedule, begun: &Begun, now: Timestamp, zone: &TimeZone) -> Option<(Timestamp, bool)> {
    let slot = schedule.run.latest(now, zone)?;
    Some((slot, begun.serving(Round::Whole, now).is_some_and(|at| at >= slot)))
}

/// The next times, soonest first.
pub fn next(schedule: &Schedule, now: Timestamp, zone: &TimeZone, n: usize) -> Vec<(Timestamp, Round)> {
    let mut all: Vec<(Timestamp, Round)> =
        schedule.lines().flat_map(|(round, line)| line.after(now, zone).take(n).map(move |at| (at, round))).collect();
    all.sort();
    // The whole job serves both.
    all.dedup_by_key(|(at, _)| *at);
    all.truncate(n);
    all
}

/// Always the same for this computer and this time, and before half of the way to the next.
fn jittered(schedule: &Schedule, round: Round, slot: Timestamp, zone: &TimeZone, machine: &str) -> Timestamp {
    let line = match (round, &schedule.backup) {
        (Round::Backups, Some(line)) => line,
        _ => &schedule.run,
    };
    let half = line.after(slot, zone).next().map_or(SignedDuration::ZERO, |next| next.duration_since(slot) / 2);
    let most = u64::try_from(schedule.jitter.min(half).as_millis()).unwrap_or(0);
    if most == 0 {
        return slot;
    }
    let digest = blake3::hash(format!("strongroom-jitter {machine} {}", slot.as_second()).as_bytes());
    let mut eight = [0; 8];
    eight.copy_from_slice(&digest.as_bytes()[..8]);
    let late = i64::try_from(u64::from_le_bytes(eight) % most).unwrap_or(0);
    slot.saturating_add(SignedDuration::from_millis(late)).unwrap_or(slot)
}

#[cfg(test)]
mod tests {
    use super::super::Line;
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn london() -> TimeZone {
        TimeZone::get("Europe/London").unwrap()
    }

    fn nightly() -> Schedule {
        Schedule { jitter: SignedDuration::ZERO, ..Schedule::nightly().unwrap() }
    }

    fn whole(text: &str) -> Begun {
        Begun { whole: Some(at(text)), backups: None }
    }

    fn is_due(schedule: &Schedule, begun: &Begun, now: &str) -> Option<(Round, Timestamp)> {
        due(schedule, begun, at(now), &london(), "m").map(|d| (d.round, d.slot))
    }

    #[test]
    fn a_time_is_served_by_any_run_since_and_caught_up_once() {
        let schedule = nightly();
        let slot = at("2026-11-22T01:30:00Z");
        let now = "2026-11-22T09:00:00Z";
        assert_eq!(is_due(&schedule, &Begun::default(), now), Some((Round::Whole, slot)));
        assert_eq!(is_due(&schedule, &whole("2026-11-22T01:29:59Z"), now), Some((Round::Whole, slot)));
        assert_eq!(is_due(&schedule, &whole("2026-11-22T01:30:00Z"), now), None);
        assert_eq!(is_due(&schedule, &whole("2026-11-22T08:00:00Z"), now), None);
        // Off for a fortnight: the last of the missed times, and only that.
        assert_eq!(is_due(&schedule, &whole("2026-11-08T01:30:00Z"), now), Some((Round::Whole, slot)));
        assert_eq!(is_due(&schedule, &whole(now), now), None);
        assert_eq!(is_due(&schedule, &whole(now), "2026-11-23T01:29:59Z"), None);
        assert!(is_due(&schedule, &whole(now), "2026-11-23T01:30:00Z").is_some());
    }

    #[test]
    fn a_run_in_the_future_counts_for_nothing() {
        let now = "2026-11-22T09:00:00Z";
        assert!(is_due(&nightly(), &whole("2027-11-22T01:30:00Z"), now).is_some());
        assert!(is_due(&nightly(), &whole("2026-11-22T09:00:01Z"), now).is_some());
    }

    #[test]
    fn over_a_year_each_night_is_due_once() {
        let (schedule, zone) = (nightly(), london());
        let (mut now, end) = (at("2026-01-01T12:00:00Z"), at("2027-01-01T12:00:00Z"));
        let (mut begun, mut days) = (whole("2026-01-01T12:00:00Z"), std::collections::BTreeMap::new());
        while now < end {
            if due(&schedule, &begun, now, &zone, "m").is_some_and(|d| d.from <= now) {
                *days.entry(now.to_zoned(zone.clone()).date()).or_insert(0) += 1;
                begun.whole = Some(now);
            }
            now += SignedDuration::from_hours(1);
        }
        assert_eq!((days.len(), days.values().max()), (365, Some(&1)));
    }

    #[test]
    fn the_whole_job_serves_backups_and_not_the_other_way() {
        let hourly = Schedule { backup: Some(Line::parse("0 8-18 * * *").unwrap()), ..nightly() };
        let now = "2026-11-23T09:10:00Z";
        let slot = at("2026-11-23T09:00:00Z");
        assert_eq!(is_due(&hourly, &whole("2026-11-23T01:30:00Z"), now), Some((Round::Backups, slot)));
        assert_eq!(is_due(&hourly, &whole("2026-11-23T09:05:00Z"), now), None);
        let backups = |text| Begun { whole: Some(at("2026-11-22T01:30:00Z")), backups: Some(at(text)) };
        assert_eq!(is_due(&hourly, &backups("2026-11-23T09:00:00Z"), now).map(|d| d.0), Some(Round::Whole));
        let comes: Vec<Round> =
            next(&hourly, at("2026-11-22T17:30:00Z"), &london(), 3).into_iter().map(|(_, round)| round).collect();
        assert_eq!(comes, [Round::Backups, Round::Whole, Round::Backups]);
        let same = Schedule { backup: Some(Line::parse("30 * * * *").unwrap()), ..nightly() };
        assert_eq!(next(&same, at("2026-11-22T01:00:00Z"), &london(), 1)[0].1, Round::Whole);
    }

    #[test]
    fn jitter_is_this_computer_s_own_and_always_the_same() {
        let schedule = Schedule::nightly().unwrap();
        let of =
            |machine: &str| due(&schedule, &Begun::default(), at("2026-11-22T09:00:00Z"), &london(), machine).unwrap();
        let all: Vec<SignedDuration> =
            (0..50).map(|n| of(&n.to_string())).map(|d| d.from.duration_since(d.slot)).collect();
        assert!(all.iter().all(|d| !d.is_negative() && *d < schedule.jitter));
        assert!(all.iter().any(|d| *d < schedule.jitter / 4) && all.iter().any(|d| *d > schedule.jitter / 4 * 3));
        assert_eq!(of("a"), of("a"));
        let dense = Schedule { run: Line::parse("* * * * * *").unwrap(), ..schedule };
        let due = due(&dense, &Begun::default(), at("2026-11-22T09:00:00Z"), &london(), "a").unwrap();
        assert!(due.from.duration_since(due.slot) < SignedDuration::from_millis(500));
    }

    #[test]
    fn a_punctual_job_is_never_overdue_and_a_missed_one_is() {
        let week = SignedDuration::from_hours(7 * 24);
        let zone = london();
        for line in ["0 2 * * SUN", "30 1 * * *", "0 2 1,8,15,22,29 * *"] {
            let schedule = Schedule { run: Line::parse(line).unwrap(), ..Schedule::nightly().unwrap() };
            let mut slots = schedule.run.after(at("2026-01-01T00:00:00Z"), &zone).take(120);
            let mut last = slots.next().unwrap() + SignedDuration::from_mins(20);
            for slot in slots {
                // As late as it may be.
                let good = slot + schedule.jitter + schedule.run_limit;
                assert!(schedule.overdue_from(last, week, &zone).unwrap() > good, "{line} {slot}");
                last = slot + SignedDuration::from_mins(20);
            }
        }
        let weekly = Schedule { run: Line::parse("0 2 * * SUN").unwrap(), ..nightly() };
        let from = weekly.overdue_from(at("2026-11-22T03:00:00Z"), week, &zone).unwrap();
        assert_eq!(from, at("2026-11-29T02:00:00Z") + weekly.run_limit + weekly.grace);
        let from = nightly().overdue_from(at("2026-11-22T03:00:00Z"), week, &zone).unwrap();
        assert_eq!(from, at("2026-11-29T03:00:00Z"));
        assert_eq!(weekly.longest_gap(at("2026-01-01T00:00:00Z"), &zone), week + SignedDuration::from_hours(1));
    }
}
