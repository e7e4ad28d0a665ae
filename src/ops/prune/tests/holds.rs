//! While a hold is open nothing is thinned that it may be about: records of now, of the past and of days to come.

use jiff::civil::date;

use super::*;
use crate::domain::log::entry::Tested;
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
    repo.refresh().unwrap();
    let all = KeepRule { last: 3, ..LAST };
    thin(&mut repo, &all, &TimeZone::UTC, &circumstances, true).unwrap();
    assert!(!listed(&repo), "nothing would go");
    thin(&mut repo, &LAST, &TimeZone::UTC, &circumstances, true).unwrap();
    assert!(listed(&repo));
}

/// What somebody does just before the entry is appended by which snapshots are thinned.
fn thin_while(c: &Council, act: impl Fn(&Council)) -> ThinReport {
    let append = {
        let c = c.fork();
        c.faults.restart(Plan::none());
        assert_eq!(thin_to_last(&c).thinned().count(), 2);
        c.faults.record().iter().position(|call| call.starts_with("create log")).unwrap()
    };
    c.faults.restart(Plan::none());
    let pause = c.faults.pause_at(append);
    std::thread::scope(|scope| {
        let thinned = scope.spawn(|| thin_to_last(c));
        assert!(pause.reached());
        act(c);
        pause.go();
        thinned.join().unwrap()
    })
}

#[test]
fn a_hold_or_a_backup_that_was_faster_counts() {
    let c = council();
    let before = c.everything();
    let report = thin_while(&c, |c| {
        hold(c, "minutes.bin");
    });
    assert_eq!((report.thinned().count(), report.held().count(), report.entry), (0, 2, None));
    assert_eq!(c.everything(), before);
    // The hold was there, and now there is a record that it touches.
    let c = council();
    hold(&c, "planning-appeal*");
    let report = thin_while(&c, |c| {
        c.write("planning-appeal.txt", "first");
        c.backup();
    });
    assert_eq!((report.thinned().count(), report.held().count(), report.entry), (0, 3, None));
    // What changes nothing is no hindrance.
    let c = council();
    let report = thin_while(&c, |c| {
        c.open().append(|_| Ok(Some(Entry::Restored { snapshot: None, files: 0, bytes: 0 }))).unwrap();
    });
    assert!(report.thinned().count() == 2 && report.entry.is_some());
    // A test that it passed keeps a snapshot.
    let c = council();
    let first = c.open().state().live_snapshots().next().unwrap().id;
    let report = thin_while(&c, |c| {
        let keyholder = c.open().machine.as_ref().unwrap().id;
        let (snapshot, packs, bundles) = (Some(first), Default::default(), vec![]);
        let (documents, bytes, failed, complete) = (3, 3, 0, true);
        let tested = Tested { snapshot, packs, documents, bytes, failed, complete, keyholder, bundles };
        c.open().append(|_| Ok(Some(Entry::Tested(tested.clone())))).unwrap();
    });
    assert!(matches!(report.snapshots[0].fate, Fate::Keep(_)) && report.thinned().count() == 1, "{report:?}");
}
