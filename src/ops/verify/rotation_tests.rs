//! Bit rot on the live side: whatever is chosen by chance, each file that claims to be unchanged is read again in time.

use std::time::SystemTime;

use super::fixture::Council;
use super::{LiveRead, Object, Promise, TestOptions, VerifyReport, restore};
use crate::domain::problem::Exit;
use crate::ops::{OpsError, Silent, Stop};
use crate::repo::error::RepoError;
use crate::testing::{Fault, Plan};

const FILES: usize = 300;
const NIGHT: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

fn options(c: &Council) -> TestOptions {
    TestOptions {
        promise: Promise::weeks(2),
        documents_per_run: 1,
        folders: vec![c.source()],
        ..TestOptions::default()
    }
}

fn tested(c: &Council, options: &TestOptions) -> (VerifyReport, LiveRead) {
    let report = restore(&mut c.open(), options, &Silent, &Stop::default()).unwrap();
    let live = report.live.clone().unwrap();
    (report, live)
}

fn council() -> Council {
    council_of(0..FILES)
}

fn council_of(files: std::ops::Range<usize>) -> Council {
    let c = Council::new();
    for n in files {
        c.write(&format!("{n}.bin"), Council::noise((n % 250) as u8, 400 + n));
    }
    c.backup();
    // The rhythm becomes known.
    for _ in 0..4 {
        tested(&c, &options(&c));
        c.clock.advance(NIGHT);
    }
    c
}

/// As a disk does it: the times stay.
fn rot(c: &Council, name: &str) {
    let path = c.docs().join(name);
    let modified: SystemTime = std::fs::metadata(&path).unwrap().modified().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[200] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
}

#[test]
fn every_one_of_hundreds_of_rotten_files_is_found_within_the_promise_and_none_twice() {
    let c = council();
    (0..FILES).for_each(|n| rot(&c, &format!("{n}.bin")));
    let (mut found, mut nights, mut read) = (std::collections::BTreeSet::new(), 0, 0);
    while found.len() < FILES {
        let (report, live) = tested(&c, &options(&c));
        assert!(report.failed.is_empty() && !live.late && live.left == 0, "{live:?}");
        assert!(live.files < FILES as u64 / 4, "no more than its share: {live:?}");
        found.extend(report.problems.iter().filter_map(|p| p.path.clone()));
        (nights, read) = (nights + 1, read + live.files);
        assert!(nights <= 14, "{} of {FILES} after {nights} nights", found.len());
        c.clock.advance(NIGHT);
    }
    assert!(nights >= 8, "spread over the promise: {nights}");
    assert!(read <= FILES as u64 + 60, "each once: {read}");
}

#[test]
fn a_limit_leaves_files_to_the_next_run_and_says_when_it_is_too_low() {
    let c = council();
    let low = TestOptions { promise: Promise { live_per_run: Some(2_000), ..Promise::weeks(2) }, ..options(&c) };
    let first = tested(&c, &low).1;
    assert!(first.bytes <= 2_000 && first.left > 0 && !first.late, "{first:?}");
    c.clock.advance(NIGHT * 3);
    assert!(tested(&c, &low).1.late);
    let coverage = super::coverage::look(&c.open(), &low.promise).unwrap();
    assert!(coverage.live_is_low() && coverage.live_needed > 2_000);
    let all = tested(&c, &TestOptions { all: true, ..low }).1;
    assert_eq!((all.files, all.left, all.late), (FILES as u64, 0, false));
}

/// However little of it is held at a time: what is rotten is found wherever it stands, and nothing is read twice.
#[test]
fn a_test_of_everything_reads_every_live_file_a_part_at_a_time() {
    let c = council();
    let rotten = ["0.bin", "7.bin", "150.bin", "299.bin"];
    rotten.iter().for_each(|name| rot(&c, name));
    let changed = c.docs().join("11.bin");
    for at_once in [1, 7, 299, FILES, FILES + 1] {
        let few = TestOptions { all: true, live_at_once: at_once, ..options(&c) };
        let (report, live) = tested(&c, &few);
        assert_eq!((live.files, live.left, live.late), (FILES as u64, 0, false), "{at_once}: {live:?}");
        let found: Vec<_> = report.problems.iter().filter_map(|p| Some(p.path.as_ref()?.to_string())).collect();
        assert_eq!(found.len(), rotten.len(), "{at_once}: each once: {found:?}");
        assert!(rotten.iter().all(|name| found.contains(&format!("Documents/{name}"))), "{at_once}: {found:?}");
    }
    // What changed since is the next backup's business, and keeps nobody from going on to the end.
    std::fs::write(&changed, "another").unwrap();
    let live = tested(&c, &TestOptions { all: true, live_at_once: 50, ..options(&c) }).1;
    assert_eq!((live.files, live.left), (FILES as u64 - 1, 0));
}

/// A later round is not shown a page that an earlier one was: what stands there does not count as read.
#[test]
fn what_a_later_round_cannot_see_is_left_and_the_hand_stays() {
    let c = council();
    let few = TestOptions { all: true, live_at_once: 100, ..options(&c) };
    c.faults.restart(Plan::none());
    tested(&c, &few);
    let gets = c.faults.record();
    let last = gets.iter().rposition(|call| call.starts_with("get packs/")).unwrap();
    c.clock.advance(NIGHT);
    c.faults.restart(Plan::at(last, Fault::NotFound));
    let (report, live) = tested(&c, &few);
    assert_eq!(c.faults.injected().len(), 1);
    assert!(report.failed.is_empty() && live.left > 0 && live.files >= 100, "{live:?}");
    c.faults.restart(Plan::none());
    let live = tested(&c, &few).1;
    assert_eq!((live.files, live.left), (FILES as u64, 0));
}

fn break_pack(c: &Council, record: &str) -> Object {
    let pack = c.pack_of(record).1;
    c.damage(pack, |bytes| {
        let at = bytes.len() / 2;
        (at..at + 200).for_each(|n| bytes[n] ^= 4);
    });
    pack
}

/// The same whether the documents of the test are compared or the hand of the rotation passes the file.
#[test]
fn which_side_is_bad_is_said_by_bringing_the_copy_in_the_store_back() {
    let sampled = |c: &Council| TestOptions { documents_per_run: 10, ..options(c) };
    let whole = |c: &Council| TestOptions { all: true, ..options(c) };
    let by_hand = |c: &Council| {
        c.clock.advance(NIGHT * 15);
        TestOptions { documents_per_run: 1, ..options(c) }
    };
    type Way<'w> = &'w dyn Fn(&Council) -> TestOptions;
    // Of two documents in a pack both are in the sample, wherever the hand stands today.
    let ways: [(Way<'_>, _); 3] = [(&sampled, 6..8), (&whole, 0..FILES), (&by_hand, 0..FILES)];
    for (way, files) in ways {
        // This computer's disk: one file is told of, by name, and the store is not blamed.
        let c = council_of(files);
        rot(&c, "7.bin");
        let (report, _) = tested(&c, &way(&c));
        let [problem] = &report.problems[..] else { panic!("{report:?}") };
        assert_eq!(problem.path.as_ref().unwrap().to_string(), "Documents/7.bin");
        assert!(problem.detail.contains("The backup is good"), "{report:?}");
        assert_eq!((report.exit(), report.failed.len()), (Exit::Incomplete, 0));
        // The store as well: nobody can say which of the two is right.
        let pack = break_pack(&c, "Documents/7.bin");
        let (report, _) = tested(&c, &TestOptions { all: true, ..options(&c) });
        let [problem] = &report.problems[..] else { panic!("{report:?}") };
        assert_eq!(problem.path.as_ref().unwrap().to_string(), "Documents/7.bin");
        assert!(problem.detail.contains("nobody can say which of the two is right"), "{report:?}");
        let found: Vec<_> = report.failed.iter().map(|d| d.object).collect();
        assert_eq!((report.exit(), found), (Exit::Damage, vec![Some(pack)]), "{report:?}");
    }
    // The store alone: the files here are not blamed.
    let c = council();
    let pack = break_pack(&c, "Documents/7.bin");
    let (report, live) = tested(&c, &TestOptions { all: true, ..options(&c) });
    let found: Vec<_> = report.failed.iter().map(|d| d.object).collect();
    assert_eq!((report.exit(), found, report.problems.len()), (Exit::Damage, vec![Some(pack)], 0), "{report:?}");
    assert_eq!(live.files, FILES as u64, "and all of them were read");
}

#[test]
fn a_folder_that_is_not_there_is_said_and_the_hand_waits_and_losing_it_loses_nothing() {
    let c = council();
    let (was, away) = (c.docs(), c.tmp.path().join("away"));
    let hand = || std::fs::read_to_string(c.dir().file("live.json")).unwrap();
    let before = hand();
    std::fs::rename(&was, &away).unwrap();
    let live = tested(&c, &options(&c)).1;
    assert!(live.skipped.as_ref().unwrap().contains("is not there") && live.files == 0, "{live:?}");
    assert!(before.contains(&live.last.unwrap().to_string()), "and when it was last done: {live:?}");
    assert_eq!(hand(), before);
    std::fs::rename(&away, &was).unwrap();
    std::fs::remove_file(c.dir().file("live.json")).unwrap();
    c.clock.advance(NIGHT);
    let live = tested(&c, &options(&c)).1;
    assert!(live.files > 0 && live.files < FILES as u64 / 4, "since the last test in the log: {live:?}");
    assert_eq!(live.last, None, "nobody knows here");
    // As a computer that was recovered a moment ago: what nobody read has no date, however often that is found.
    std::fs::remove_file(c.dir().file("live.json")).unwrap();
    std::fs::rename(&was, &away).unwrap();
    for _ in 0..2 {
        c.clock.advance(NIGHT);
        let live = tested(&c, &options(&c)).1;
        assert!(live.skipped.is_some() && live.last.is_none(), "{live:?}");
    }
    let none = TestOptions { folders: vec![], ..options(&c) };
    assert_eq!(restore(&mut c.open(), &none, &Silent, &Stop::default()).unwrap().live, None);
}

/// Stops when live files are to be read again.
struct StopsThere<'s>(&'s Stop);
impl crate::ops::Monitor for StopsThere<'_> {
    fn stage(&self, stage: &str, _: Option<u64>) {
        if stage == "reading files on this computer again" {
            self.0.set();
        }
    }
    fn advance(&self, _: u64) {}
    fn problem(&self, _: &crate::domain::problem::Problem) {}
}

fn small() -> Council {
    let c = Council::new();
    (0..4u8).for_each(|n| c.write(&format!("{n}.bin"), Council::noise(n, 400)));
    c.backup();
    c
}

#[test]
fn a_test_that_is_stopped_tells_the_damage_it_found_and_leaves_the_hand_where_it_was() {
    let c = small();
    let (stop, all) = (Stop::default(), TestOptions { all: true, ..options(&c) });
    let tests = |c: &Council| c.open().state().tests.len();
    assert_eq!(tests(&c), 0);
    let ended = restore(&mut c.open(), &all, &StopsThere(&stop), &stop);
    assert!(matches!(ended, Err(OpsError::Repo(RepoError::Interrupted))), "without damage the error is the result");
    assert_eq!(tests(&c), 1, "what came back is on record before live files are read");
    let hand = || std::fs::read_to_string(c.dir().file("live.json")).unwrap();
    let before = hand();
    let (_, pack) = c.pack_of("Documents/1.bin");
    c.damage(pack, |bytes| bytes[200] ^= 1);
    rot(&c, "2.bin");
    c.clock.advance(NIGHT);
    let stop = Stop::default();
    let report = restore(&mut c.open(), &all, &StopsThere(&stop), &stop).unwrap();
    assert_eq!((report.exit(), report.failed[0].object), (Exit::Damage, Some(pack)));
    assert!(matches!(report.ended, Some(OpsError::Repo(RepoError::Interrupted))), "{report:?}");
    assert_eq!(hand(), before, "what it was to pass is read by the next run");
    let told: Vec<String> =
        tested(&c, &all).0.problems.iter().filter_map(|p| Some(p.path.as_ref()?.to_string())).collect();
    assert_eq!(told, ["Documents/2.bin"]);
    assert_ne!(hand(), before);
}

#[test]
fn damage_is_told_where_nothing_can_be_put_on_record() {
    let c = small();
    let before = c.open().state().next;
    let (_, pack) = c.pack_of("Documents/1.bin");
    c.damage(pack, |bytes| bytes[200] ^= 1);
    let mut repo = c.open();
    c.faults.restart(Plan::always(Fault::Conflict));
    let report = restore(&mut repo, &options(&c), &Silent, &Stop::default()).unwrap();
    c.faults.restart(Plan::none());
    assert_eq!((report.exit(), report.failed[0].object), (Exit::Damage, Some(pack)));
    assert!(report.ended.is_some());
    assert_eq!(c.open().state().next, before);
}
