//! Somebody backs up, thins and prunes without any wait, between any two calls of an examination.

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::fixture::Council;
use super::*;
use crate::domain::retention::thinning::KeepRule;
use crate::ops::prune::{PruneOptions, circumstances, prune, thin};
use crate::ops::{Silent, Stop};
use crate::repo::machine::StateDir;
use crate::testing::Plan;

fn council() -> Council {
    let c = Council::new();
    for night in 1..4 {
        c.write("changing.bin", Council::noise(night, 60_000));
        c.write("same.bin", Council::noise(8, 300_000));
        c.backup();
    }
    c
}

/// By another computer: all that was there before is superseded, given up, swept and deleted. How many objects went.
fn sweep_elsewhere(c: &Council) -> u64 {
    c.write("changing.bin", Council::noise(9, 60_000));
    c.backup();
    let dir = c.tmp.path().join("elsewhere");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::copy(c.dir().file("machine.json"), dir.join("machine.json")).unwrap();
    let mut repo = Repository::open_fresh(c.store(), StateDir::new(dir), c.env.clone()).unwrap();
    let newest = KeepRule { last: 1, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
    let person = circumstances(&repo, SignedDuration::ZERO, true);
    thin(&mut repo, &newest, &TimeZone::UTC, &person, false).unwrap();
    let options = PruneOptions { grace: SignedDuration::ZERO, person: true, ..PruneOptions::default() };
    let pruned = prune(&mut repo, &options, &Silent, &Stop::default()).unwrap();
    assert_eq!(pruned.held_back, None);
    pruned.deleted
}

/// How much damage the log tells of.
fn failed_on_record(c: &Council) -> u64 {
    let failed = |entry: &Entry| match entry {
        Entry::Tested(t) => t.failed,
        Entry::Checked(checked) => checked.failed,
        Entry::Scrubbed(s) => s.failed,
        _ => 0,
    };
    c.open().slots().iter().filter_map(|slot| Some(failed(&slot.body.as_ref()?.entry))).sum()
}

type Examined = Result<VerifyReport, OpsError>;

/// The examination meets no damage wherever it is overtaken, and goes on to its end.
fn is_not_misled(what: &str, examine: impl Fn(&mut Repository) -> Examined + Sync) {
    let start = council();
    let calls = {
        let reference = start.fork();
        let mut repo = reference.open();
        reference.faults.restart(Plan::none());
        assert_eq!(examine(&mut repo).unwrap().exit(), Exit::Done);
        reference.faults.calls()
    };
    assert!(calls > 3, "{what}: {calls} calls");
    for call in 0..calls {
        let c = start.fork();
        let mut repo = c.open();
        c.faults.restart(Plan::none());
        let pause = c.faults.pause_at(call);
        std::thread::scope(|scope| {
            let examined = scope.spawn(|| examine(&mut repo));
            assert!(pause.reached(), "{what}, call {call} of {calls}");
            assert!(sweep_elsewhere(&c) >= 3, "{what}, call {call}: nothing was swept");
            pause.go();
            let report = examined.join().unwrap().unwrap_or_else(|e| panic!("{what}, call {call} of {calls}: {e}"));
            assert!(report.failed.is_empty(), "{what}, call {call} of {calls}: {:?}", report.failed);
        });
        assert!(c.dir().damaged_packs().is_empty());
        assert_eq!(failed_on_record(&c), 0, "{what}, call {call}");
    }
}

#[test]
fn a_check_that_is_overtaken_tells_of_no_damage() {
    is_not_misled("check", |repo| check(repo, true, &Silent, &Stop::default()));
}

#[test]
fn a_scrub_that_is_overtaken_tells_of_no_damage() {
    let all = Budget { all: true, ..Budget::default() };
    is_not_misled("scrub", move |repo| scrub(repo, &all, &Silent, &Stop::default()));
}

#[test]
fn the_look_of_every_run_that_is_overtaken_tells_of_no_damage() {
    is_not_misled("look", |repo| look(repo, true, &Silent, &Stop::default()));
}

#[test]
fn a_test_restore_that_is_overtaken_tells_of_no_damage() {
    is_not_misled("test", |repo| restore(repo, &TestOptions::default(), &Silent, &Stop::default()));
    let all = |repo: &mut Repository| {
        let options = TestOptions { all: true, ..TestOptions::default() };
        restore(repo, &options, &Silent, &Stop::default())
    };
    is_not_misled("test of all", all);
}

fn flip(c: &Council, object: Object) {
    c.damage(object, |bytes| bytes[100_000] ^= 1);
}

/// What is damaged, before or meanwhile, is told although something else was swept meanwhile.
fn is_told(
    examine: impl Fn(&mut Repository) -> Examined + Sync,
    before: fn(&Council, Object),
    meanwhile: fn(&Council, Object),
) {
    let c = council();
    let (_, object) = c.pack_of("Documents/same.bin");
    before(&c, object);
    let mut repo = c.open();
    let pause = c.faults.pause_at(c.faults.calls() + 1);
    let report = std::thread::scope(|scope| {
        let examined = scope.spawn(|| examine(&mut repo));
        assert!(pause.reached());
        sweep_elsewhere(&c);
        assert_eq!(c.pack_of("Documents/same.bin").1, object, "it stays where it was");
        meanwhile(&c, object);
        pause.go();
        examined.join().unwrap().unwrap()
    });
    let told: Vec<Option<Object>> = report.failed.iter().map(|d| d.object).collect();
    assert_eq!(told, [Some(object)], "{report:?}");
    assert!(failed_on_record(&c) >= 1);
}

#[test]
fn whoever_is_overtaken_tells_of_what_is_damaged_beside_it() {
    is_told(|repo| check(repo, true, &Silent, &Stop::default()), |_, _| {}, Council::lose);
    let all = Budget { all: true, ..Budget::default() };
    is_told(move |repo| scrub(repo, &all, &Silent, &Stop::default()), flip, |_, _| {});
    let options = TestOptions { all: true, ..TestOptions::default() };
    is_told(move |repo| restore(repo, &options, &Silent, &Stop::default()), flip, |_, _| {});
}
