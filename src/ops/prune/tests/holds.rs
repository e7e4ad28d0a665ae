//! While a hold is open nothing is thinned that it may be about: records of now, of the past and of days to come.

use jiff::civil::date;

use super::*;
use crate::domain::retention::rulings::HoldText;
use crate::ops::retention::hold::{PlaceHold, Which, place, release};
use crate::ops::retention::note;

fn hold(c: &Council, pattern: &str) -> u64 {
    let options = PlaceHold {
        patterns: vec![pattern.into()],
        reason: "FOI 2026-014".into(),
        by: "Clerk".into(),
        review: date(2030, 1, 1),
        from: None,
        to: None,
        today: date(2020, 1, 1),
    };
    place(&mut c.open(), &options).unwrap()
}

#[test]
fn a_hold_on_a_record_of_now_or_of_the_past_stops_its_set() {
    for pattern in ["minutes.bin", "deleted-0.txt", "DELETED-?.txt"] {
        let c = council();
        let before = c.everything();
        let n = hold(&c, pattern);
        let report = thin_to_last(&c);
        assert_eq!((report.thinned().count(), report.held().count(), report.entry), (0, 2, None), "{pattern}");
        assert_eq!(report.snapshots[0].fate, Fate::Held(vec![n]));
        assert_eq!(report.snapshots[0].fate.why(), format!("hold {n}"));
        c.clock.advance_days(60);
        let pruned = c.prune();
        assert_eq!((pruned.swept.packs, c.everything() == before), (0, true), "every version is still there");
        release(&mut c.open(), &Which::one(n.to_string(), &jiff::tz::TimeZone::UTC), "Clerk", "answered").unwrap();
        assert_eq!(thin_to_last(&c).thinned().count(), 2, "released: the rule counts again");
    }
}

#[test]
fn a_hold_that_touches_nothing_yet_stops_what_comes() {
    let c = council();
    hold(&c, "planning-appeal*");
    assert_eq!(thin_to_last(&c).thinned().count(), 2, "no record is touched");
    c.write("planning-appeal.txt", "first");
    c.backup();
    c.write("planning-appeal.txt", "second");
    c.backup();
    let report = thin_to_last(&c);
    assert_eq!((report.thinned().count(), report.held().count()), (0, 2));
}

#[test]
fn another_set_is_thinned_as_ever() {
    let mut c = council();
    c.set = "other".into();
    for night in 10..12u8 {
        c.write("minutes.bin", Council::noise(night, 1000));
        c.write("only-here.txt", format!("{night}"));
        c.backup();
    }
    let n = hold(&c, "only-here.txt");
    let report = thin_to_last(&c);
    let held: Vec<&str> = report.held().map(|s| s.set.as_str()).collect();
    let thinned: Vec<&str> = report.thinned().map(|s| s.set.as_str()).collect();
    assert_eq!((held, thinned), (vec!["other"], vec!["documents"; 2]), "hold {n}");
}

#[test]
fn a_hold_that_cannot_be_read_stops_everything() {
    let c = council();
    let text = HoldText { patterns: vec!["nothing".into()], reason: "x".into(), by: "y".into(), from: None, to: None };
    let name = note::put(&c.open(), "riddle", &text).unwrap();
    let entry = Entry::HoldPlaced { note: name, review: date(2030, 1, 1) };
    c.open().append(|_| Ok(Some(entry.clone()))).unwrap();
    assert_eq!(thin_to_last(&c).held().count(), 2);
}

#[test]
fn without_a_hold_no_listing_is_read() {
    let c = council();
    let listed = |repo: &Repository| repo.loaded_index().is_some();
    let mut repo = c.open();
    let circumstances = circumstances(&repo, GRACE, false);
    thin(&mut repo, &LAST, &TimeZone::UTC, &circumstances, true).unwrap();
    assert!(!listed(&repo), "thinning must stay cheap");
    hold(&c, "minutes.bin");
    thin(&mut repo, &LAST, &TimeZone::UTC, &circumstances, true).unwrap();
    assert!(listed(&repo));
}
