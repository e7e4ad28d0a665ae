//! Every live file is read again within the promise, whatever runs do.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use strongroom::domain::coverage::WEEKLY;
use strongroom::domain::rotation::{Hand, place, round};

use super::at;

/// Every place on the circle with the time when it was last read.
fn circle(places: u64, began: Timestamp) -> Vec<(u64, Timestamp)> {
    (0..places).map(|n| (place(&n.to_le_bytes()), began)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is missed, cut short by a limit and made up for, or changed in speed: as long as one run in two gets
    /// through, no file waits longer than promised to be read again.
    #[test]
    fn no_live_file_waits_longer_than_promised(
        runs in prop::collection::vec((0i64..=100, any::<bool>(), 0usize..40), 60..160),
        every in prop::sample::select(vec![12i64, 24, 60]), weeks in 2i32..7, began in 0i64..100_000,
    ) {
        let (within, every) = (WEEKLY * weeks, SignedDuration::from_hours(every));
        let speed = round(within, every);
        let mut hand = Hand::began(at(began), speed);
        let mut now = at(began);
        let mut files = circle(300, now);
        let mut cut_before = true;
        for (jitter, cut, most) in runs {
            // Up to two rhythms after the last; one that is cut short is followed by one that is not.
            let far = if cut_before { 50 } else { 100 };
            now += SignedDuration::from_secs(every.as_secs() * (far + jitter.min(100 - far / 2)) / 100);
            let arc = hand.arc(now, speed);
            let mut due: Vec<(u64, usize)> =
                files.iter().enumerate().filter_map(|(n, (place, _))| Some((arc.along(*place)?, n))).collect();
            due.sort_unstable();
            cut_before = cut && !cut_before;
            let end = due.get(most).filter(|_| cut_before).map(|(far, _)| *far);
            for (far, n) in due {
                if end.is_none_or(|end| far < end) {
                    files[n].1 = now;
                }
            }
            hand = arc.passed(end);
            prop_assert!(hand.at <= now);
            if !cut_before {
                for (_, last) in &files {
                    prop_assert!(now.duration_since(*last) <= within, "{} at {now}, last {last}", within);
                }
            }
        }
    }
}

#[test]
fn the_hand_reads_everything_after_a_long_pause_a_wrong_clock_or_when_asked() {
    let speed = round(WEEKLY * 12, SignedDuration::from_hours(24));
    assert_eq!(speed, SignedDuration::from_hours(82 * 24));
    assert_eq!(round(WEEKLY, WEEKLY), SignedDuration::from_hours(42), "at least a quarter, however rare runs are");
    let hand = Hand { place: 77, at: at(1000), read: true };
    let all = |arc: strongroom::domain::rotation::Arc| circle(500, at(0)).iter().all(|(p, _)| arc.along(*p).is_some());
    assert!(all(hand.arc(at(1000 + 82 * 24), speed)) && all(hand.arc(at(9_000_000), speed)));
    assert!(all(hand.arc(at(900), speed)), "the hand stands in the future");
    assert!(all(hand.arc(at(1024), speed).whole()));
    let night = hand.arc(at(1024), speed);
    let read = circle(8200, at(0)).iter().filter(|(p, _)| night.along(*p).is_some()).count();
    assert!((60..=140).contains(&read), "an eighty-second part: {read}");
    assert_eq!(hand.arc(at(995), speed).along(77), None, "a clock set back by hours: nothing now");
    assert_eq!(night.passed(None).at, at(1024));
    assert_eq!(hand.arc(at(1024), speed).whole().passed(None).place, 77);
    // A hand that was lost begins where every other would stand.
    assert_eq!(Hand::began(at(5), speed), Hand::began(at(5), speed));
}
