//! Verification of real backups in a store that loses and changes things.

use std::time::Duration;

use jiff::SignedDuration;

use super::fixture::Council;
use super::*;
use crate::domain::log::bits::Bits;
use crate::domain::problem::ProblemKind;
use crate::ops::{Silent, Stop};
use crate::repo::error::RepoError;
use crate::testing::{Fault, Plan};

fn checked(c: &Council) -> VerifyReport {
    check(&mut c.open(), true, &Silent, &Stop::default()).unwrap()
}

fn scrubbed(c: &Council, budget: Budget) -> VerifyReport {
    scrub(&mut c.open(), &budget, &Silent, &Stop::default()).unwrap()
}

fn tested(c: &Council, options: &TestOptions) -> VerifyReport {
    restore(&mut c.open(), options, &Silent, &Stop::default()).unwrap()
}

fn all() -> TestOptions {
    TestOptions { all: true, ..TestOptions::default() }
}

/// Two backups: one document changed, one deleted, one the same.
fn council() -> Council {
    let c = Council::new();
    c.write("same.bin", Council::noise(1, 300_000));
    c.write("changed.txt", "draft");
    c.write("deleted.bin", Council::noise(2, 200_000));
    c.backup();
    c.write("changed.txt", "final");
    std::fs::remove_file(c.docs().join("deleted.bin")).unwrap();
    c.backup();
    c
}

fn names(records: &[RecordPath]) -> Vec<String> {
    records.iter().map(ToString::to_string).collect()
}

#[test]
fn examining_nothing_is_a_failure() {
    let c = Council::new();
    let stop = Stop::default();
    let mut repo = c.open();
    let outcomes = [
        check(&mut repo, false, &Silent, &stop),
        scrub(&mut repo, &Budget::default(), &Silent, &stop),
        restore(&mut repo, &all(), &Silent, &stop),
    ];
    for outcome in outcomes {
        assert!(matches!(outcome, Err(OpsError::Nothing(_))), "{outcome:?}");
    }
}

#[test]
fn a_good_repository_passes_everything() {
    let c = council();
    let report = checked(&c);
    assert_eq!((report.exit(), report.foreign, report.unknown), (Exit::Done, 0, 0), "{report:?}");
    assert!(report.examined.objects >= 6 && report.examined.bytes > 500_000);
    let report = scrubbed(&c, Budget::default());
    assert_eq!((report.exit(), report.left), (Exit::Done, 0));
    assert_eq!(report.oldest, Some(c.env.clock.now()));
    let report = tested(&c, &TestOptions::default());
    assert_eq!((report.exit(), report.left), (Exit::Done, 0), "{report:?}");
    assert_eq!(report.examined.documents, 4, "two live, one deleted, one old version: {report:?}");
    let report = tested(&c, &all());
    assert_eq!((report.exit(), report.examined.documents), (Exit::Done, 4));
    let repo = c.open();
    let last = &repo.state().tests.back().unwrap();
    assert!(last.complete && last.failed == 0);
    assert!(repo.state().needed().iter().all(|n| repo.state().packs[n as usize].tested.is_some()));
    assert!(repo.state().newest("documents").unwrap().tested.is_some());
    let proofs = &repo.state().proofs;
    assert!(proofs.checked.is_some_and(|(_, c)| c.objects >= 6 && c.failed == 0));
    assert!(proofs.scrubbed.is_some_and(|(_, s)| s.objects >= 4 && s.left == 0 && s.oldest.is_some()));
}

#[test]
fn a_computer_that_only_writes_puts_its_examinations_on_record() {
    let c = Council::write_only();
    c.write("a.txt", "minutes");
    c.backup();
    let report = checked(&c);
    assert_eq!((report.exit(), report.entries.len()), (Exit::Done, 1), "it stands on the roster, so it may say so");
    assert_eq!(scrubbed(&c, Budget::default()).entries.len(), 1);
}

#[test]
fn what_is_missing_or_short_is_named_with_the_records_it_affects() {
    let c = council();
    let (number, pack) = c.pack_of("Documents/deleted.bin");
    c.lose(pack);
    let report = checked(&c);
    let [found] = &report.failed[..] else { panic!("{report:?}") };
    assert_eq!((found.object, found.snapshots.len(), report.exit()), (Some(pack), 2, Exit::Damage));
    assert!(names(&found.records).contains(&"Documents/deleted.bin".to_string()), "{found:?}");
    let packs: Bits = [number].into_iter().collect();
    assert_eq!(affected_records(&mut c.open(), &packs, 1).unwrap().len(), 1);
    let c = council();
    let (_, pack) = c.pack_of("Documents/changed.txt");
    c.damage(pack, |bytes| bytes.truncate(100));
    let report = checked(&c);
    assert!(report.failed[0].what.contains("100 bytes"), "{report:?}");
    assert_eq!(names(&report.failed[0].records), ["Documents/changed.txt"]);
}

#[test]
fn a_lost_index_and_a_lost_bundle_are_named() {
    let c = council();
    let repo = c.open();
    let index = Object::Index(repo.state().indexes[0].index.name);
    let holder = repo.state().keyholders[0].id;
    c.lose(index);
    c.lose(Object::Bundle(holder, 1));
    let report = checked(&c);
    let objects: Vec<_> = report.failed.iter().map(|d| d.object).collect();
    assert_eq!(objects, [Some(index), Some(Object::Bundle(holder, 1))]);
    assert_eq!(report.failed[0].snapshots.len(), 2);
}

#[test]
fn an_incomplete_listing_is_no_damage() {
    let c = council();
    let mut repo = c.open();
    c.faults.restart(crate::testing::Plan::always(crate::testing::Fault::DropFromList(2)));
    let report = check(&mut repo, false, &Silent, &Stop::default()).unwrap();
    assert!(report.unlisted > 0);
    assert!(report.failed.iter().all(|d| matches!(d.object, Some(Object::Bundle(..)))), "{report:?}");
}

#[test]
fn a_flipped_bit_is_found_by_scrub_without_any_key_for_reading() {
    let c = council();
    let (_, pack) = c.pack_of("Documents/same.bin");
    c.damage(pack, |bytes| bytes[1000] ^= 4);
    assert_eq!(checked(&c).exit(), Exit::Done, "sizes are right");
    for _ in 0..2 {
        let report = scrubbed(&c, Budget::default());
        assert_eq!(report.failed.iter().map(|d| d.object).collect::<Vec<_>>(), [Some(pack)], "each time anew");
        assert!(names(&report.failed[0].records).contains(&"Documents/same.bin".to_string()));
    }
    let c = Council::write_only();
    c.write("a.txt", "minutes");
    c.backup();
    let mut repo = c.open();
    let pack = Object::Pack(repo.state().packs[0].pack.name);
    c.damage(pack, |bytes| bytes[200] ^= 1);
    let report = scrub(&mut repo, &Budget::default(), &Silent, &Stop::default()).unwrap();
    assert_eq!((report.failed[0].object, report.failed[0].records.len()), (Some(pack), 0));
}

#[test]
fn scrub_goes_round_within_its_budget() {
    let c = council();
    // And the log, which a check reads by opening it.
    let objects = checked(&c).examined.objects + c.open().state().next;
    let one = Budget { max_bytes: Some(1), ..Budget::default() };
    for done in 1..=objects {
        let report = scrubbed(&c, one);
        // Each scrub is an entry of its own, which does not push itself before the others.
        assert_eq!((report.examined.objects, report.left), (1, objects + done - 2));
        assert_eq!(report.oldest.is_some(), done == objects, "round {done} of {objects}");
        c.clock.advance(SignedDuration::from_secs(1));
    }
    let none = Budget { max_duration: Some(Duration::ZERO), ..Budget::default() };
    assert_eq!(scrubbed(&c, none).examined.objects, 1, "at least one");
    let report = scrubbed(&c, Budget { all: true, ..one });
    assert_eq!(report.examined.objects, 2 * objects + 1);
    std::fs::write(c.dir().file("scrub.json"), "{ not json").unwrap();
    assert_eq!(scrubbed(&c, one).examined.objects, 1, "notes decide the order only");
}

#[test]
fn a_scrub_without_any_key_goes_round_too_and_takes_nothing_removed_for_damage() {
    let c = council();
    let dir = crate::repo::machine::StateDir::new(c.tmp.path().join("elsewhere"));
    let round = |budget: Budget| {
        let (store, stop) = (c.store(), Stop::default());
        super::scrub_keyless(&store, &dir, &*c.env.clock, &budget, &Silent, &stop)
    };
    let all = round(Budget::default()).unwrap();
    let objects = all.examined.objects;
    assert!(objects >= 4 && all.left == 0 && all.oldest.is_some() && all.exit() == Exit::Done, "{all:?}");
    let one = Budget { max_bytes: Some(1), ..Budget::default() };
    for done in 1..=objects {
        c.clock.advance(SignedDuration::from_secs(1));
        let report = round(one).unwrap();
        assert_eq!((report.examined.objects, report.left), (1, objects - 1));
        assert_eq!(report.oldest > all.oldest, done == objects, "each once: {done} of {objects}");
    }
    // Damaged, each time anew; another is listed, and gone when it is fetched.
    let pack = Object::Pack(c.open().state().packs[0].pack.name);
    c.damage(pack, |bytes| bytes[100] ^= 1);
    c.faults.restart(Plan::none());
    round(Budget::default()).unwrap();
    let get = c.faults.record().iter().position(|call| call.starts_with("get index/")).unwrap();
    c.faults.restart(Plan::at(get, Fault::NotFound));
    let report = round(Budget::default()).unwrap();
    assert_eq!(report.failed.iter().map(|d| d.object).collect::<Vec<_>>(), [Some(pack)]);
    let empty = Council::new();
    let nothing = super::scrub_keyless(&empty.store(), &dir, &*c.env.clock, &one, &Silent, &Stop::default());
    assert!(matches!(nothing, Err(OpsError::Nothing(_))));
}

#[test]
fn a_test_restore_finds_what_lies_beneath_right_sizes() {
    let c = council();
    let (_, pack) = c.pack_of("Documents/same.bin");
    c.damage(pack, |bytes| {
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
    });
    for options in [TestOptions::default(), all()] {
        let report = tested(&c, &options);
        assert_eq!(report.exit(), Exit::Damage);
        let found = report.failed.iter().find(|d| d.object == Some(pack));
        assert!(found.is_some_and(|d| names(&d.records).contains(&"Documents/same.bin".into())), "{report:?}");
    }
    let repo = c.open();
    let (number, _) = c.pack_of("Documents/same.bin");
    assert!(repo.state().packs[number as usize].tested.is_none());
    assert!(repo.state().newest("documents").unwrap().tested.is_none());
    assert!(repo.state().tests.iter().all(|t| t.failed > 0 && !t.complete));
}

#[test]
fn new_content_comes_first_then_the_longest_untested() {
    let c = Council::new();
    for i in 0..6u8 {
        c.write(&format!("{i}.bin"), Council::noise(i, 120_000));
        c.backup();
    }
    let small = TestOptions { bytes: Some(200_000), documents_per_run: 1, ..TestOptions::default() };
    let mut runs = 0;
    while c.open().state().needed().iter().any(|n| c.open().state().packs[n as usize].tested.is_none()) {
        tested(&c, &small);
        c.clock.advance(SignedDuration::from_secs(60));
        runs += 1;
        assert!(runs < 30, "it never came round");
    }
    assert!(runs > 2, "the budget was kept");
    let oldest = tested(&c, &small).oldest.unwrap();
    c.clock.advance(SignedDuration::from_secs(60));
    for _ in 0..runs {
        tested(&c, &small);
    }
    let again = tested(&c, &small).oldest.unwrap();
    assert!(again > oldest, "what was tested longest ago comes next");
}

#[test]
fn a_machine_that_cannot_read_says_so() {
    let c = Council::write_only();
    c.write("a.txt", "minutes");
    c.backup();
    assert_eq!(check(&mut c.open(), true, &Silent, &Stop::default()).unwrap().exit(), Exit::Done);
    let outcome = restore(&mut c.open(), &all(), &Silent, &Stop::default());
    assert!(matches!(outcome, Err(OpsError::Repo(RepoError::CannotRead))), "{outcome:?}");
}

#[test]
fn a_live_file_that_changed_behind_its_times_is_reported() {
    let c = council();
    let path = c.docs().join("changed.txt");
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    std::fs::write(&path, "fin@l").unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let options = TestOptions { folders: vec![c.source()], ..TestOptions::default() };
    let report = tested(&c, &options);
    assert_eq!((report.exit(), report.problems.len()), (Exit::Incomplete, 1), "{report:?}");
    assert_eq!(report.problems[0].kind, ProblemKind::Changed);
    std::fs::write(&path, "honestly edited").unwrap();
    assert!(tested(&c, &options).problems.is_empty());
}

#[test]
fn a_store_that_does_not_answer_proves_nothing() {
    let c = council();
    let mut repo = c.open();
    let entries = repo.slots().len();
    c.faults.restart(crate::testing::Plan::at(3, crate::testing::Fault::StopBefore));
    assert!(restore(&mut repo, &all(), &Silent, &Stop::default()).is_err());
    c.faults.restart(crate::testing::Plan::none());
    assert_eq!(c.open().slots().len(), entries, "nothing is on record");
    c.faults.restart(crate::testing::Plan::at(2, crate::testing::Fault::StopBefore));
    assert!(scrub(&mut repo, &Budget::default(), &Silent, &Stop::default()).is_err());
}
