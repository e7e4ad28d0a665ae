//! Whether the date can be believed where no clock but the machine's own can be asked: a date that is years ahead makes
//! records look due that are not.
//!
//! A clock that leaps ahead, at any time after the first entry and by any amount above [`SILENCE`], is in doubt until
//! it is put right or a person has said that the date is right; so is one that is put right after a month behind. One that was wrong from the beginning, or creeps, shows
//! nothing here.

use jiff::{SignedDuration, Timestamp};

use super::later;
use crate::domain::log::entry::Entry;
use crate::domain::log::state::Slot;

/// Longer than this nothing is silent that runs at least monthly.
pub const SILENCE: SignedDuration = SignedDuration::from_hours(31 * 24);

/// From where to where the calendar leapt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leap {
    /// No earlier than this is it for certain.
    pub from: Timestamp,
    /// What the clock says.
    pub to: Timestamp,
}

/// The leap that nobody has confirmed, by the entries of a log in order and the clock now. `confirms`: a person had
/// looked at the date when it was made.
pub fn leap(entries: impl Iterator<Item = Said>, now: Timestamp) -> Option<Leap> {
    let (mut certain, mut doubted, mut latest) = (None, false, None::<Timestamp>);
    for Said { time, confirms } in entries.chain([Said { time: now, confirms: false }]) {
        let from: Timestamp = certain.unwrap_or(time);
        doubted = !confirms && time > later(from, SILENCE);
        if !doubted {
            (certain, latest) = (Some(from.max(time)), None);
            continue;
        }
        // A clock that is wrong still counts the days; of several the latest.
        let passed = latest.map_or(SignedDuration::ZERO, |latest| time.duration_since(latest));
        let passed = if passed.is_positive() && passed <= SILENCE { passed } else { SignedDuration::ZERO };
        certain = Some(later(from, passed));
        latest = latest.max(Some(time));
    }
    certain.filter(|_| doubted).map(|from| Leap { from, to: now })
}

/// What one entry says of the date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// Its author's clock.
    pub time: Timestamp,
    /// Whether a person had looked at it.
    pub confirms: bool,
}

/// What the valid entries say. While the date is in doubt nothing is approved or withdrawn but by a person who says
/// that it is right: so such an entry confirms it.
pub fn said<'a>(slots: &'a [Slot], is_void: impl Fn(u64) -> bool + 'a) -> impl Iterator<Item = Said> + 'a {
    let valid = slots.iter().filter(move |s| !is_void(s.n));
    valid.filter_map(|s| s.body.as_ref()).map(|body| Said {
        time: body.time,
        confirms: matches!(body.entry, Entry::DisposalApproved(_) | Entry::DisposalWithdrawn(_)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::NoteName;
    use crate::domain::log::entry::{Incident, IncidentKind};
    use crate::domain::log::rulings::DisposalApproved;
    use crate::domain::log::tests::*;
    use proptest::prelude::*;

    const DAY: i64 = 86_400;
    const YEAR: i64 = 365 * DAY;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    /// The leap at `now`, and the day that is certain; days with a + after them were confirmed.
    fn days(times: &str, now: i64) -> Option<i64> {
        let said = times.split_whitespace().map(|d| Said {
            time: at(d.trim_end_matches('+').parse::<i64>().unwrap() * DAY),
            confirms: d.ends_with('+'),
        });
        leap(said, at(now * DAY)).map(|l| (l.from.as_second() - at(0).as_second()) / DAY)
    }

    #[test]
    fn a_leap_is_in_doubt_until_it_is_confirmed_or_the_clock_is_put_right() {
        assert_eq!(days("", 4_000), None, "there is no log to contradict it");
        assert_eq!((days("0 7 38", 69), days("0 7 38", 70)), (None, Some(38)), "a month's silence, and a day more");
        assert_eq!(days("0 7 4000 4001 4002", 4_003), Some(10), "a clock that is years ahead goes on counting");
        assert_eq!(days("0 7 4000 4001+ 4002", 4_003), None, "a person has looked");
        assert_eq!(days("0 7 4000 4001+ 4002 9000", 9_001), Some(4_003), "that says nothing of the next leap");
        assert_eq!(days("0 7 4000 4060 4061", 9), None, "it was put right");
        assert_eq!(days("0 7 -20000 8 9", 10), None, "a dead clock, seen before, is no leap");
        assert_eq!(days("0 7 4000 4020 4001 4021 4002", 4_022), Some(29), "two that are wrong count no day twice");
        assert_eq!(
            (days("0 7 4000", 4_031), days("0 7 4000", 4_032)),
            (Some(38), Some(7)),
            "a month of it, and a day more"
        );
        assert_eq!(days("0+ 7+ 8", 4_000), Some(8), "nobody looked at what came after");
    }

    #[test]
    fn what_a_person_approves_or_withdraws_confirms_and_nothing_void_counts() {
        let mut w = World::new();
        let incident = || Entry::Incident(Incident { what: IncidentKind::Damage, snapshot: None, counts: vec![] });
        let late = |w: &World, entry, days: i64| {
            let mut body = w.body(APPROVER, entry);
            body.time = later(body.time, SignedDuration::from_hours(24 * days));
            body
        };
        let now = |w: &World| later(w.state().newest_time, SignedDuration::from_hours(1));
        let leapt = |w: &World, now, void| leap(said(&w.slots, |n| Some(n) == void), now).is_some();
        w.say(APPROVER, incident());
        let body = late(&w, incident(), 4_000);
        let n = w.slot(Some(body));
        let right = later(w.slots[0].body.as_ref().unwrap().time, SignedDuration::from_hours(1));
        assert!(leapt(&w, now(&w), None) && leapt(&w, now(&w), Some(n)) && !leapt(&w, right, None));
        let approved = DisposalApproved { plan: "p".into(), note: NoteName::new([1; 32]), records: 1, bytes: 1 };
        let body = late(&w, Entry::DisposalApproved(approved), 4_001);
        let n = w.slot(Some(body));
        assert!(!leapt(&w, now(&w), None) && leapt(&w, now(&w), Some(n)));
    }

    /// Waits of up to nine days, and where the clock jumps by how much.
    fn life() -> impl Strategy<Value = (Vec<i64>, Vec<(usize, i64)>)> {
        let jump = prop_oneof![-60 * DAY..=60 * DAY, -20 * YEAR..=20 * YEAR];
        (prop::collection::vec(0..9 * DAY, 1..60), prop::collection::vec((1usize..60, jump), 0..5))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]
        #[test]
        fn no_clock_that_leaps_is_believed_and_none_that_is_right_doubted((waits, jumps) in life()) {
            let (mut truth, mut ahead, mut happened, mut entries) = (0, 0, 0, vec![]);
            for (place, wait) in waits.iter().enumerate() {
                for (_, by) in jumps.iter().filter(|(at, _)| *at == place) {
                    ahead += by;
                    happened += 1;
                }
                truth += wait;
                let now = at(truth + ahead);
                let leapt = leap(entries.iter().copied(), now);
                prop_assert!(leapt.is_some() || ahead <= happened * SILENCE.as_secs(), "{ahead} after {happened}");
                if let Some(leap) = leapt {
                    prop_assert!(happened > 0 && leap.to == now, "{leap:?}");
                    prop_assert!(leap.from.as_second() <= at(truth).as_second() + happened * SILENCE.as_secs());
                }
                let right = leap(entries.iter().copied(), at(truth));
                prop_assert!(right.is_none() || happened > 1 || ahead < 0, "put right, it is believed: {right:?}");
                entries.push(Said { time: now, confirms: false });
            }
        }
    }
}
