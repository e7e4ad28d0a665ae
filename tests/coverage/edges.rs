//! Where one side of a limit ends and the other begins, to the second and to the byte.

use jiff::{SignedDuration, Timestamp};
use strongroom::domain::coverage::{Rhythm, Seen, Terms, WEEKLY, ages, forecast};

use super::{UNIT, World, at, known};

/// Packs of one byte each, stored at that hour and tested never.
fn bytes(count: u32, hour: i64) -> Vec<Seen> {
    let pack = |number| Seen { number, size: 1, stored: at(hour), tested: None, lot: 0 };
    (0..count).map(pack).collect()
}

#[test]
fn a_date_up_to_a_day_ahead_is_believed() {
    let ahead = |seconds| at(24) + SignedDuration::from_secs(seconds);
    for (stored, counts_from) in [(ahead(0), ahead(0)), (ahead(1), Timestamp::UNIX_EPOCH)] {
        let found = ages(&[Seen { stored, ..bytes(1, 0)[0] }], WEEKLY, at(0));
        assert_eq!((found.oldest, found.safe_until), (Some(counts_from), counts_from.checked_add(WEEKLY).ok()));
    }
}

#[test]
fn a_run_of_this_moment_counts_and_runs_an_hour_apart_are_two() {
    let of = |hours: &[i64]| Rhythm::of(hours.iter().map(|h| at(*h)), at(1000));
    assert_eq!((of(&[952, 976, 1000]), of(&[900, 901, 902])), (known(24), known(1)));
}

#[test]
fn limits_that_are_just_enough_are_enough() {
    let world = World::new(24, 2);
    let of = |count, run, month, spent| forecast(&bytes(count, 0), &Terms { spent, ..world.terms(run, month) });
    let enough = of(13, Some(1), None, 0);
    assert_eq!((enough.allowed, enough.sustainable, enough.keeps), (Some(13), true, true));
    assert!(!of(14, Some(1), None, 0).sustainable);
    // A month's bytes are shared by thirty runs; what was spent is missing today.
    assert!(of(13, None, Some(30), 0).keeps && of(13, None, Some(30), 29).keeps && !of(13, None, Some(30), 30).keeps);
}

#[test]
fn a_run_takes_what_was_typed_or_what_the_month_leaves_and_no_more_than_is_of_use() {
    let mut world = World::new(24, 2);
    world.store(1, 0);
    let of = |run: Option<u64>, month: Option<u64>, spent| {
        let (run, month) = (run.map(|units| units * UNIT), month.map(|units| units * UNIT));
        forecast(&world.seen(), &Terms { spent: spent * UNIT, ..world.terms(run, month) }).allowance
    };
    assert_eq!((of(Some(20), None, 0), of(Some(2), None, 0)), (20 * UNIT, 2 * UNIT));
    assert_eq!((of(None, Some(300), 0), of(None, Some(300), 299)), (10 * UNIT, UNIT));
    assert_eq!(of(None, Some(900), 0), 1 << 30);
}

#[test]
fn what_is_due_first_decides_how_much_a_run_must_take() {
    let world = World::new(24, 2);
    let of = |now: i64, packs: &[Seen]| {
        forecast(packs, &Terms { last: at(0), now: at(now), ..world.terms(None, None) }).needed_per_run
    };
    // Five are due before the next run but one, all within thirteen.
    assert_eq!(of(0, &[bytes(5, -288), bytes(20, 0)].concat()), 5);
    // A run that is late by a little is still to come: now, not when it should have been.
    assert_eq!((of(24, &bytes(4, 47 + 26 - 336)), of(26, &bytes(4, 47 + 26 - 336))), (2, 4));
}

#[test]
fn a_run_is_missed_when_it_is_late_by_more_than_a_quarter() {
    let mut world = World::new(24, 1);
    world.store(1, 0);
    world.spent.push((5 * 24, 0));
    let said = |seconds: i64| {
        let now = at(6 * 24 + 6) + SignedDuration::from_secs(seconds);
        forecast(&world.seen(), &Terms { now, ..world.terms(None, None) }).breaks
    };
    assert_eq!((said(0), said(1)), (None, Some(at(7 * 24))));
}

#[test]
fn a_promise_without_a_run_to_spare_warns_once_one_was_missed() {
    let weekly = |now: i64, stored: i64| {
        let terms = Terms { last: at(0), now: at(now), ..World::new(168, 1).terms(None, None) };
        forecast(&bytes(1, stored), &terms).breaks
    };
    assert_eq!(weekly(100, 0), None, "the next run is in time, and there is none to spare");
    assert_eq!(weekly(218, 200), Some(at(368)), "one was missed: if the next is, too, it is too late");
}
