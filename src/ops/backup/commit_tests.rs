//! What a run takes up, looks at, remembers and says around its commit.

use std::os::unix::fs::FileExt;
use std::sync::Arc;

use jiff::SignedDuration;

use super::commit::compressors;
use super::session_tests::{acknowledged, clocks_said};
use super::{BackupOptions, BackupReport, Sum, Usual, Week, backup};
use crate::domain::listing::{Kind, Pieces};
use crate::domain::log::Role;
use crate::domain::log::entry::Entry;
use crate::ops::error::OpsError;
use crate::ops::verify::Object;
use crate::ops::verify::fixture::{Council, Heard};
use crate::ops::{Silent, Stop};
use crate::repo::error::RepoError;
use crate::repo::last_listing::LastListing;
use crate::repo::listing::read_root;
use crate::repo::repository::Repository;
use crate::repo::store::Store;
use crate::testing::{DatedStore, FakeClock, Fault, Plan};

fn options(c: &Council) -> BackupOptions {
    BackupOptions::new(&c.set, vec![c.source()])
}

/// Does something just before the last packs are stored.
fn with(c: &Council, then: impl Fn() + Send + Sync, stop: &Stop) -> Result<BackupReport, OpsError> {
    let before_storing = |what: &str| {
        if what == "storing" {
            then();
        }
    };
    backup(&mut c.open(), &options(c), &Heard::and(before_storing), stop)
}

#[test]
fn nothing_at_all_is_no_backup_unless_it_is_meant_so() {
    let c = Council::new();
    let run = |options: &BackupOptions| backup(&mut c.open(), options, &Silent, &Stop::default());
    assert!(matches!(run(&options(&c)), Err(OpsError::Nothing(_))));
    assert!(c.open().state().snapshots.is_empty());
    let meant = BackupOptions { allow_empty: true, ..options(&c) };
    assert_eq!(run(&meant).unwrap().files, 0);
    // A folder in it is no document, but there was a backup before.
    std::fs::create_dir(c.docs().join("empty")).unwrap();
    assert_eq!(run(&options(&c)).unwrap().files, 0);
}

#[test]
fn a_run_takes_up_what_one_that_died_had_stored() {
    let c = Council::new();
    c.write("minutes.txt", "resolved");
    let stored = acknowledged(&c.open(), &[b"what the run before had stored"]);
    c.backup();
    assert!(c.open().state().pack(&stored[0].pack.name).is_some());
}

#[test]
fn a_listing_of_long_ago_is_not_what_a_snapshot_is_committed_on() {
    let c = Council::new();
    c.write("minutes.txt", "resolved");
    c.backup();
    c.backup();
    let quarter = SignedDuration::from_mins(15);
    for (waits, listings) in [(SignedDuration::ZERO, 1), (quarter, 1), (quarter + SignedDuration::from_secs(1), 2)] {
        c.faults.restart(Plan::none());
        let report = with(&c, || c.clock.advance(waits), &Stop::default()).unwrap();
        assert_eq!((report.packs_stored, c.faults.count("list packs")), (0, listings), "{waits}");
    }
}

#[test]
fn a_machine_that_cannot_read_proves_what_it_stored_and_says_so() {
    let c = Council::write_only();
    c.write("minutes.txt", "resolved");
    let report = c.try_backup().unwrap();
    assert!(report.packs_proved > 0);
    let repo = c.open();
    let proved = |e: &Entry| if let Entry::Proved { packs, .. } = e { packs.count() as u64 } else { 0 };
    let said: u64 = repo.slots().iter().filter_map(|s| s.body.as_ref()).map(|b| proved(&b.entry)).sum();
    assert_eq!(said, report.packs_proved);
    let other = Council::new();
    other.write("minutes.txt", "resolved");
    assert_eq!(other.try_backup().unwrap().packs_proved, 0, "who can read tests in another way");
}

#[test]
fn a_pack_that_is_not_seen_in_the_store_is_in_no_snapshot() {
    let c = Council::new();
    c.write("minutes.txt", "resolved");
    let mut repo = c.open();
    let unseen = Plan::within("packs/", Fault::NotFound);
    c.faults.restart((0..1000).fold(unseen, |plan, call| plan.and(call, Fault::EmptyList)));
    let failed = backup(&mut repo, &options(&c), &Silent, &Stop::default());
    assert!(matches!(failed, Err(OpsError::Repo(RepoError::PackMissing(_)))), "{failed:?}");
    c.faults.restart(Plan::none());
    assert!(c.open().state().snapshots.is_empty());
    c.backup();
}

/// The number of the first call by which a backup brings something of a pack back.
fn first_answer(c: &Council) -> usize {
    let c = c.fork();
    c.faults.restart(Plan::none());
    c.try_backup().unwrap();
    c.faults.record().iter().position(|call| call.starts_with("get packs")).unwrap()
}

#[test]
fn what_does_not_come_back_as_it_was_stored_is_no_backup_and_is_stored_again() {
    for (fault, why) in [(Fault::FlipBit(4000), "is damaged"), (Fault::NotFound, "is missing from the store")] {
        let c = Council::write_only();
        c.write("minutes.txt", "resolved");
        c.faults.restart(Plan::within("packs/", fault));
        let failed = c.try_backup().unwrap_err();
        assert!(matches!(&failed, OpsError::Repo(e) if e.is_damage()), "{failed}");
        assert!(failed.to_string().starts_with("pack ") && failed.to_string().contains(why), "{failed}");
        c.faults.restart(Plan::none());
        let repo = c.open();
        assert!(repo.state().snapshots.is_empty() && repo.state().packs.len() == 2);
        let noted = c.dir().damaged_packs();
        assert!(noted.len() == 2 && noted.iter().all(|name| repo.state().pack(name).is_some()), "{noted:?}");
        let report = c.try_backup().unwrap();
        assert_eq!((report.packs_stored, report.packs_proved), (2, 2), "each of them, not only the first");
        let needs = c.open().state().newest(&c.set).unwrap().snapshot.needs.clone();
        assert!(noted.iter().all(|name| !needs.contains(repo.state().pack(name).unwrap().0)), "nothing relies on it");
    }
    let c = Council::write_only();
    c.write("minutes.txt", "resolved");
    c.faults.restart(Plan::at(first_answer(&c), Fault::FailBefore));
    let failed = c.try_backup();
    assert!(matches!(failed, Err(OpsError::Repo(RepoError::Store(_)))), "no answer is no damage: {failed:?}");
    assert!(c.dir().damaged_packs().is_empty());
}

#[test]
fn changed_bytes_are_told_also_where_somebody_swept_meanwhile() {
    let c = Council::write_only();
    c.write("minutes.txt", "resolved");
    c.faults.restart(Plan::within("packs/", Fault::FlipBit(4000)));
    let swept = || Entry::Swept { packs: vec![], indexes: vec![] };
    let failed = with(&c, || c.say_as(Role::Writer, swept()), &Stop::default()).unwrap_err();
    assert!(matches!(failed, OpsError::Repo(RepoError::Pack { .. })), "{failed}");
    assert_eq!(c.faults.count("get packs"), 2, "and it is not tried again");
}

#[test]
fn the_listing_is_kept_for_the_next_run() {
    let c = Council::new();
    c.write("minutes.txt", "resolved");
    let id = c.backup();
    let root = c.open().state().snapshot(id).unwrap().snapshot.root;
    assert!(LastListing::new(&c.dir(), &c.set).find(&root).is_some());
}

#[test]
fn who_is_stopped_before_the_commit_commits_nothing() {
    let c = Council::new();
    c.write("minutes.txt", "resolved");
    let stop = Stop::default();
    let stopped = with(&c, || stop.set(), &stop);
    assert!(matches!(stopped, Err(OpsError::Repo(RepoError::Interrupted))), "{stopped:?}");
    assert!(c.open().state().snapshots.is_empty());
    c.backup();
}

#[test]
fn a_run_reports_its_own_incident_and_no_other() {
    let c = Council::new();
    let write = |words: &str| (0..200).for_each(|n| c.write(&format!("{n}.txt"), format!("{words} {n}")));
    write("first");
    c.backup();
    write("quite another, and longer");
    let report = c.try_backup().unwrap();
    assert_eq!(report.incident, report.snapshot.map(|id| id.0));
    assert!(report.incident.is_some() && report.touched == 200, "{report:?}");
    assert_eq!(c.try_backup().unwrap().incident, None, "the open one is of the run before");
}

#[test]
fn a_run_reports_what_changed_what_turned_and_how_much_it_is_in_a_week() {
    let c = Council::new();
    (0..200).for_each(|n| c.write(&format!("{n}.txt"), format!("first {n}")));
    c.backup();
    std::fs::rename(c.docs().join("0.txt"), c.docs().join("0.txt.locked")).unwrap();
    (1..20).for_each(|n| c.write(&format!("{n}.txt"), format!("first {n}, and then another")));
    let mut with = options(&c);
    let touched = Sum { so_far: 60, usual: 0 };
    with.usual = Usual { once: Some(1000), week: Some(Week { touched, turned: None }) };
    let report = backup(&mut c.open(), &with, &Silent, &Stop::default()).unwrap();
    assert_eq!((report.touched, report.turned, report.in_week), (20, 1, Some(80)));
    assert_eq!(report.incident, report.snapshot.map(|id| id.0));
}

#[test]
fn a_run_says_how_far_the_clocks_are_apart() {
    let mut c = Council::new();
    c.own_clock = true;
    c.write("minutes.txt", "resolved");
    c.backup();
    assert_eq!(clocks_said(&c), 0);
    c.clock.advance(SignedDuration::from_hours(25));
    c.backup();
    assert_eq!(clocks_said(&c), 1);
}

#[test]
fn clocks_a_day_apart_are_told_from_the_second_after() {
    let c = Council::new();
    let then: jiff::Timestamp = "2031-03-01T00:00:00Z".parse().unwrap();
    c.clock.set(then);
    let dated = Arc::new(DatedStore::new(Arc::new(c.faults.clone()), FakeClock::at(then)));
    let open = || {
        let (path, handle) = (object_store::path::Path::default(), c.runtime.handle().clone());
        let store = Store::new(dated.clone(), path, handle, "memory".into(), true);
        Repository::open_fresh(store, c.dir(), c.env.clone()).unwrap()
    };
    c.write("minutes.txt", "resolved");
    let run = || backup(&mut open(), &options(&c), &Silent, &Stop::default()).unwrap();
    run();
    c.clock.advance(SignedDuration::from_hours(24));
    run();
    assert_eq!(clocks_said(&c), 0);
    c.clock.advance(SignedDuration::from_secs(1));
    run();
    assert_eq!(clocks_said(&c), 1);
}

#[test]
fn a_run_tells_how_far_it_is_and_ends_when_it_is_told_to() {
    let c = Council::new();
    c.write("minutes.txt", "resolved");
    c.write("plan.txt", "as drawn");
    for known in [None, Some(2)] {
        let heard = Heard::and(|_| ());
        backup(&mut c.open(), &options(&c), &heard, &Stop::default()).unwrap();
        assert_eq!(heard.all(), [("reading".into(), known, 3), ("storing".into(), None, 0)], "a folder and two files");
    }
    let stop = Stop::default();
    let heard = Heard::and(|_| stop.set());
    let stopped = backup(&mut c.open(), &options(&c), &heard, &stop);
    assert!(matches!(stopped, Err(OpsError::Repo(RepoError::Interrupted))), "{stopped:?}");
    assert_eq!(heard.all(), [("reading".into(), Some(2), 0)], "nothing is read any more");
}

#[test]
fn a_file_of_two_names_on_a_disk_is_read_once() {
    let c = Council::new();
    c.write("a.txt", "both");
    std::fs::hard_link(c.docs().join("a.txt"), c.docs().join("b.txt")).unwrap();
    let report = c.try_backup().unwrap();
    assert_eq!((report.files, report.files_read), (2, 1));
}

#[test]
fn as_many_compress_as_there_are_processors_up_to_a_limit() {
    let processors = [None, Some(1), Some(8), Some(9), Some(256)];
    assert_eq!(processors.map(compressors), [2, 1, 8, 8, 8]);
}

/// Content in a pack of its own; the number of that pack.
fn with_content(c: &Council) -> (u32, Object) {
    c.write("plan.bin", Council::noise(1, 100_000));
    c.backup();
    c.pack_of("Documents/plan.bin")
}

#[test]
fn nothing_new_relies_on_a_pack_that_is_damaged_or_not_there() {
    let c = Council::new();
    let (old, _) = with_content(&c);
    let name = c.open().pack_name(old).unwrap();
    assert!(c.try_backup().unwrap().bytes_stored < 50_000);
    c.dir().note_damaged([name]).unwrap();
    assert!(c.try_backup().unwrap().bytes_stored > 100_000, "it is damaged, as this machine found");
    let newest = c.open().state().newest(&c.set).unwrap().snapshot.needs.clone();
    assert!(!newest.contains(old));
    let c = Council::new();
    let (_, pack) = with_content(&c);
    c.lose(pack);
    assert!(c.try_backup().unwrap().bytes_stored > 100_000, "it is not there");
}

#[test]
fn a_machine_that_forgot_the_last_listing_brings_it_back_with_what_is_gone() {
    let c = Council::new();
    c.write("other.txt", "so that the folder is never empty");
    // Of so many pieces that its entry does not hold them itself.
    let (noise, large) = (Council::noise(2, 700 * 4096), std::fs::File::create(c.docs().join("large.bin")).unwrap());
    noise.chunks(4096).zip(0..).for_each(|(part, n)| large.write_all_at(part, n * 16_384).unwrap());
    drop(large);
    c.backup();
    assert!(matches!(c.entry("Documents/large.bin").kind, Kind::File(f) if matches!(f.pieces, Pieces::Listed(_))));
    std::fs::remove_file(c.docs().join("large.bin")).unwrap();
    c.backup();
    c.faults.restart(Plan::none());
    c.backup();
    assert_eq!(c.faults.count("get packs"), 0, "who has the last listing asks for nothing");
    std::fs::remove_dir_all(c.dir().file("sets")).unwrap();
    c.faults.restart(Plan::at(first_answer(&c), Fault::FailBefore));
    let failed = c.try_backup();
    assert!(matches!(failed, Err(OpsError::Repo(RepoError::Store(_)))), "no answer is no damage: {failed:?}");
    c.faults.restart(Plan::none());
    let report = c.try_backup().unwrap();
    assert!(report.problems.is_empty() && report.bytes_stored < 50_000, "{report:?}");
    assert!(c.entry("Documents/large.bin").gone.is_some());
    c.everything();
    // Where it is damaged there, everything is read again, and what is gone is inherited.
    let root = c.open().state().newest(&c.set).unwrap().snapshot.root;
    let mut repo = c.open();
    let pack = repo.chunks().unwrap().pack_of(&root).unwrap();
    let (name, content) = (repo.pack_name(pack).unwrap(), c.pack_of("Documents/large.bin").0);
    let bytes = c.store().get(&Object::Pack(name).key()).unwrap();
    c.damage(Object::Pack(name), |bytes| bytes.fill(7));
    std::fs::remove_dir_all(c.dir().file("sets")).unwrap();
    let id = c.try_backup().unwrap().snapshot.unwrap();
    let inherited = c.open().state().snapshot(id).unwrap().snapshot.clone();
    assert!(inherited.needs.contains(pack) && inherited.needs.contains(content), "what it named stays needed");
    // A listing that inherits is not all there is: who has it no more inherits it in turn.
    c.damage(Object::Pack(name), |damaged| *damaged = bytes.to_vec());
    std::fs::remove_dir_all(c.dir().file("sets")).unwrap();
    let id = c.try_backup().unwrap().snapshot.unwrap();
    let (mut repo, next) = (c.open(), c.open().state().snapshot(id).unwrap().snapshot.clone());
    assert!(next.needs.contains(pack) && next.needs.contains(content));
    assert_eq!(read_root(&mut repo.chunks().unwrap(), &next.root).unwrap().inherits, [inherited.root]);
}
