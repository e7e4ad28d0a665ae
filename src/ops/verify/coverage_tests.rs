//! Coverage of real backups: what a test credits, what it fetches, and who may ask.

use jiff::SignedDuration;

use super::coverage::{Coverage, Promise, coverage};
use super::fixture::Council;
use super::*;
use crate::ops::{Silent, Stop};
use crate::testing::Plan;

fn covered(c: &Council) -> Coverage {
    coverage(&mut c.open(), &Promise::weeks(2)).unwrap()
}

fn tested(c: &Council, options: &TestOptions) -> VerifyReport {
    restore(&mut c.open(), options, &Silent, &Stop::default()).unwrap()
}

fn council() -> Council {
    let c = Council::new();
    for n in 0..5u8 {
        c.write(&format!("{n}.bin"), Council::noise(n, 150_000));
        c.backup();
    }
    c
}

#[test]
fn ages_count_from_the_proof_at_write_until_the_first_test() {
    let c = Council::new();
    assert!(matches!(coverage(&mut c.open(), &Promise::default()), Err(OpsError::Nothing(_))));
    let c = council();
    let found = covered(&c);
    assert_eq!((found.all.never, found.all.overdue), (found.all.bytes, 0));
    assert!(found.keys.is_empty() && found.forecast.keeps && found.scrubbed.is_none());
    c.clock.advance(SignedDuration::from_hours(15 * 24));
    let found = covered(&c);
    assert!(found.is_overdue() && found.sets["documents"].overdue == found.all.overdue, "{found:?}");
    assert_eq!(found.scrubbed_bytes, 0, "three facts: none follows from another");
    scrub(&mut c.open(), &Budget::default(), &Silent, &Stop::default()).unwrap();
    let found = covered(&c);
    assert!(found.is_overdue() && found.scrubbed_bytes == found.all.bytes, "to scrub is not to restore");
    tested(&c, &TestOptions::default());
    let found = covered(&c);
    assert_eq!((found.all.overdue, found.all.never, found.all.weeks[0]), (0, 0, found.all.bytes));
    let [key] = &found.keys[..] else { panic!("{:?}", found.keys) };
    assert_eq!((key.name.as_str(), key.bytes), ("office server", found.all.bytes));
}

#[test]
fn a_pack_is_fetched_once_for_its_documents_and_for_itself() {
    let c = council();
    let mut repo = c.open();
    let sizes: Vec<(PackName, u64)> = repo.state().packs.iter().map(|p| (p.pack.name, p.pack.size)).collect();
    c.faults.restart(Plan::none());
    let report = restore(&mut repo, &TestOptions::default(), &Silent, &Stop::default()).unwrap();
    assert_eq!((report.examined.documents, report.left), (5, 0));
    let fetched = |name: &PackName, size: u64| -> u64 {
        let place = Object::Pack(*name).to_string();
        let of = |call: &String| {
            let range = call.strip_prefix(&format!("get {place}"))?;
            let Some((from, to)) = range.trim().strip_prefix("bytes=").and_then(|r| r.split_once('-')) else {
                return Some(size);
            };
            Some(to.parse::<u64>().ok()? - from.parse::<u64>().ok()? + 1)
        };
        c.faults.record().iter().filter_map(of).sum()
    };
    // Those of documents, not those of listings, which are read to choose and then tested.
    let content: Vec<_> = sizes.iter().filter(|(_, size)| *size > 100_000).collect();
    assert_eq!(content.len(), 5);
    for (name, size) in content {
        let bytes = fetched(name, *size);
        assert!(bytes >= *size && bytes < size + size / 4, "{bytes} of {size}: {:#?}", c.faults.record());
    }
}

#[test]
fn what_failed_stays_untested_and_is_taken_again() {
    let c = council();
    let (number, pack) = c.pack_of("Documents/2.bin");
    c.damage(pack, |bytes| bytes[1000] ^= 4);
    for _ in 0..2 {
        assert_eq!(tested(&c, &TestOptions::default()).exit(), Exit::Damage);
    }
    let size = c.open().state().packs[number as usize].pack.size;
    assert_eq!(covered(&c).all.never, size);
    c.clock.advance(SignedDuration::from_hours(15 * 24));
    assert!(covered(&c).is_overdue());
    let small = TestOptions { bytes: Some(size), documents_per_run: 1, ..TestOptions::default() };
    assert_eq!(tested(&c, &small).failed.len(), 1, "it waits longest, so it is the one that is taken");
}

#[test]
fn a_computer_that_cannot_read_sees_by_the_log_that_nobody_tests() {
    let c = Council::write_only();
    c.write("a.txt", "minutes");
    c.backup();
    assert!(!covered(&c).is_overdue());
    c.clock.advance(SignedDuration::from_hours(15 * 24));
    assert!(covered(&c).is_overdue());
}

#[test]
fn a_month_counts_what_runs_took_and_not_what_a_person_wanted() {
    let c = council();
    let spent = || {
        let repo = c.open();
        super::coverage::terms(repo.state(), &Promise::default(), c.env.clock.now()).spent
    };
    tested(&c, &TestOptions { all: true, ..TestOptions::default() });
    assert_eq!(spent(), 0);
    tested(&c, &TestOptions::default());
    assert_eq!(spent(), covered(&c).all.bytes);
    c.clock.advance(SignedDuration::from_hours(31 * 24));
    assert_eq!(spent(), 0);
}

#[test]
fn how_often_backups_are_made_says_nothing_of_tests_where_some_runs_only_back_up() {
    let c = Council::new();
    let every = |hours| {
        for n in 0..6u8 {
            c.write("a.txt", [n, hours]);
            c.backup();
            c.clock.advance(SignedDuration::from_hours(i64::from(hours)));
        }
    };
    let rhythm = |promise: &Promise| {
        let repo = c.open();
        super::coverage::terms(repo.state(), promise, c.env.clock.now()).rhythm
    };
    let (plain, between) = (Promise::weeks(12), Promise { backups_between: true, ..Promise::weeks(12) });
    every(24);
    assert!(rhythm(&plain).known && rhythm(&plain).every.as_hours() == 24);
    assert!(!rhythm(&between).known, "daily backups beside weekly rounds are no daily rounds");
    assert_eq!(rhythm(&between).every.as_hours(), 7 * 24, "ready for the worst");
    let needed = |promise: &Promise| super::coverage::look(&c.open(), promise).unwrap().forecast.needed_per_run;
    assert!(needed(&between) > 3 * needed(&plain));
    (0..3).for_each(|_| every(1));
    assert!(!rhythm(&plain).known, "nobody plans hourly rounds");
    for _ in 0..4 {
        tested(&c, &TestOptions::default());
        c.clock.advance(SignedDuration::from_hours(24));
    }
    assert!(rhythm(&between).known && rhythm(&between).every.as_hours() == 24, "tests have a rhythm of their own");
}

/// Time passes with every step.
struct Ticking<'c>(&'c crate::testing::FakeClock);
impl crate::ops::Monitor for Ticking<'_> {
    fn stage(&self, _: &str, _: Option<u64>) {
        self.0.advance(SignedDuration::from_secs(1));
    }
    fn advance(&self, _: u64) {
        self.0.advance(SignedDuration::from_secs(1));
    }
    fn problem(&self, _: &crate::domain::problem::Problem) {}
}

#[test]
fn a_test_limited_by_time_takes_what_waits_longest_and_so_comes_round() {
    let c = Council::new();
    for n in 0..20u8 {
        c.write(&format!("{n}.bin"), Council::noise(n, 60_000));
        c.backup();
    }
    let options = TestOptions {
        bytes: Some(1 << 40),
        documents_per_run: 1000,
        max_duration: Some(std::time::Duration::from_secs(2)),
        ..TestOptions::default()
    };
    let run = || restore(&mut c.open(), &options, &Ticking(&c.clock), &Stop::default()).unwrap();
    let needed = c.open().state().needed().count();
    assert!(needed > 32, "{needed}");
    let first = run();
    assert!(first.left > 0 && first.examined.packs <= 17, "{first:?}");
    let never = || {
        let repo = c.open();
        repo.state().needed().iter().filter(|n| repo.state().packs[*n as usize].tested.is_none()).count()
    };
    let mut before = never();
    let mut runs = 1;
    while before > 0 {
        run();
        let now = never();
        assert!(now < before, "run {runs} tested again what was tested, and {now} were never tested");
        (before, runs) = (now, runs + 1);
    }
    assert!(runs > 2);
}
