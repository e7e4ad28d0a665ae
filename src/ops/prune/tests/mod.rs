//! Pruning under every single failure of the store, beside running backups and other pruners.

mod crash;
mod edges;
mod grudging;
mod holds;
mod merging;
mod notes;
mod overlap;
mod said;

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::*;
use crate::domain::retention::thinning::{Fate, KeepRule};
use crate::ops::verify::Object;
use crate::ops::verify::fixture::Council;
use crate::ops::{Silent, Stop};
use crate::repo::machine::StateDir;
use crate::testing::{Fault, Plan};

const LAST: KeepRule = KeepRule { last: 1, daily: 0, weekly: 0, monthly: 0, yearly: 0 };

fn thin_to_last(c: &Council) -> ThinReport {
    let mut repo = c.open();
    let circumstances = circumstances(&repo, GRACE, false);
    thin(&mut repo, &LAST, &TimeZone::UTC, &circumstances, false).unwrap()
}

/// Until nothing is left to do: an index can be condemned only once the packs it describes are dead.
fn prune_to_the_end(c: &Council) {
    let runs = (0..5).take_while(|_| c.prune_now() != PruneReport::default()).count();
    assert!(runs < 5, "it never ends");
}

/// Three backups; each night one document is new and one goes.
fn council() -> Council {
    let c = Council::new();
    c.write("kept.bin", Council::noise(100, 50_000));
    for night in 0..3u8 {
        c.write("minutes.bin", Council::noise(night, 150_000));
        c.write(&format!("deleted-{night}.txt"), format!("night {night}"));
        c.backup();
        std::fs::remove_file(c.docs().join(format!("deleted-{night}.txt"))).unwrap();
    }
    c
}

#[test]
fn the_whole_way_takes_the_wait_and_loses_no_record() {
    let c = council();
    let before = c.everything();
    let report = thin_to_last(&c);
    assert_eq!(report.thinned().count(), 2);
    assert!(report.snapshots[2].fate == Fate::Keep(vec!["newest", "last"]), "{report:?}");
    let objects = c.objects();
    let first = c.prune();
    assert!(first.condemned.packs >= 2 && first.condemned.bytes > 200_000, "{first:?}");
    assert_eq!((first.swept, first.deleted, first.exit()), (Amount::default(), 0, Exit::Done));
    c.clock.advance_days(13);
    assert_eq!(c.prune().deleted, 0);
    assert!(objects.iter().all(|o| c.objects().contains(o)));
    c.clock.advance_days(1);
    let last = c.prune();
    assert!(last.deleted >= 2 && last.deleted_bytes > 200_000, "{last:?}");
    assert_eq!(c.everything()[0], before[2], "live and deleted documents of the last night are all there");
    let after = c.prune();
    assert!(after.condemned.packs == 0 && after.condemned.indexes > 0, "what described only dead packs: {after:?}");
    c.clock.advance_days(14);
    assert_eq!(c.prune().deleted, after.condemned.indexes);
    assert_eq!(c.prune(), PruneReport::default(), "nothing is left to do");
}

#[test]
fn no_wait_needs_a_person() {
    let c = council();
    thin_to_last(&c);
    let now = PruneOptions { grace: SignedDuration::ZERO, ..PruneOptions::default() };
    let report = c.try_prune(&now).unwrap();
    assert_eq!((report.held_back.clone(), report.exit()), (Some(Refusal::NoWait), Exit::Refused));
    let (objects, entries) = (c.objects(), c.open().slots().len());
    let pretended = c.try_prune(&PruneOptions { dry_run: true, person: true, ..now }).unwrap();
    assert!(pretended.condemned.packs > 0 && pretended.deleted == 0);
    assert_eq!((c.objects(), c.open().slots().len()), (objects, entries), "a dry run touches nothing");
    let report = c.prune_now();
    assert!(report.deleted >= 2 && report.waiting == Amount::default(), "{report:?}");
    c.everything();
}

#[test]
fn a_backup_between_condemning_and_sweeping_keeps_its_packs() {
    let c = Council::new();
    c.write("a.bin", Council::noise(1, 100_000));
    c.backup();
    c.write("a.bin", Council::noise(2, 100_000));
    c.backup();
    thin_to_last(&c);
    let mut slow = c.open(); // this backup has read the log: the old content still counts as there
    let index = slow.index().unwrap().len();
    assert!(index > 0);
    assert!(c.prune().condemned.bytes > 100_000);
    c.write("a.bin", Council::noise(1, 100_000));
    let mut options = crate::ops::backup::BackupOptions::new("documents", vec![c.source()]);
    options.reread = true;
    let report = crate::ops::backup::backup(&mut slow, &options, &Silent, &Stop::default()).unwrap();
    assert!(report.bytes_stored < 50_000, "it leaned on what was condemned meanwhile: {report:?}");
    c.clock.advance_days(20);
    let pruned = c.prune();
    assert!(pruned.held_back.is_none());
    let all = c.everything();
    assert!(all.iter().any(|(id, _)| Some(*id) == report.snapshot));
}

#[test]
fn a_backup_whose_packs_were_swept_starts_over() {
    let c = Council::new();
    c.write("a.bin", Council::noise(1, 100_000));
    c.backup();
    c.write("a.bin", Council::noise(2, 100_000));
    c.backup();
    thin_to_last(&c);
    let mut slow = c.open();
    slow.index().unwrap();
    c.prune_now();
    c.write("a.bin", Council::noise(1, 100_000));
    let options = crate::ops::backup::BackupOptions::new("documents", vec![c.source()]);
    crate::ops::backup::backup(&mut slow, &options, &Silent, &Stop::default()).unwrap();
    c.prune_now();
    c.everything();
}

#[test]
fn two_pruners_do_no_harm() {
    let c = council();
    thin_to_last(&c);
    let grace = SignedDuration::ZERO;
    let options = PruneOptions { grace, person: true, ..PruneOptions::default() };
    std::thread::scope(|scope| {
        let pruners: Vec<_> = (0..2)
            .map(|i| {
                let (store, env, options) = (c.store(), c.env.clone(), &options);
                // Each has its own files, as another machine would.
                let dir = c.tmp.path().join(format!("pruner-{i}"));
                std::fs::create_dir_all(&dir).unwrap();
                std::fs::copy(c.dir().file("machine.json"), dir.join("machine.json")).unwrap();
                let open = move || Repository::open_fresh(store, StateDir::new(dir), env).unwrap();
                scope.spawn(move || prune(&mut open(), options, &Silent, &Stop::default()).unwrap())
            })
            .collect();
        pruners.into_iter().for_each(|p| assert!(p.join().unwrap().held_back.is_none()));
    });
    c.everything();
    prune_to_the_end(&c);
    assert!(c.open().state().voids.is_empty());
}

#[test]
fn an_older_store_is_refused() {
    let c = council();
    let n = c.open().state().next - 1;
    thin_to_last(&c);
    let newest = c.open().state().next - 1;
    assert!(newest > n);
    c.store().delete(&Key::Log(newest)).unwrap();
    let objects = c.objects();
    let outcome = c.try_prune(&PruneOptions::default());
    assert!(matches!(outcome, Err(OpsError::Repo(RepoError::RolledBack { .. }))), "{outcome:?}");
    assert_eq!(c.objects(), objects);
}

#[test]
fn the_stores_own_clock_is_asked() {
    let mut c = council();
    c.own_clock = true;
    thin_to_last(&c);
    c.prune();
    let objects = c.objects();
    c.clock.advance_days(15); // this computer's clock alone
    let entries = c.open().slots().len();
    let report = c.prune();
    assert!(matches!(report.held_back, Some(Refusal::Clock(_))), "{report:?}");
    assert_eq!((c.objects(), c.open().slots().len()), (objects, entries + 1), "one entry, to be dated by the store");
    let mut c = council();
    c.own_clock = true;
    thin_to_last(&c);
    assert!(c.prune_now().deleted > 0, "clocks that agree are no hindrance");
    c.everything();
}

#[test]
fn an_open_incident_stops_thinning_and_pruning() {
    use crate::domain::log::entry::{Incident, IncidentKind};
    let c = council();
    let mut repo = c.open();
    let incident = Incident { what: IncidentKind::MassChange, snapshot: None, counts: vec![60, 0, 100] };
    let n = repo.append(|_| Ok(Some(Entry::Incident(incident.clone())))).unwrap().unwrap();
    let person = circumstances(&repo, GRACE, true);
    let outcome = thin(&mut repo, &LAST, &TimeZone::UTC, &person, false);
    assert!(matches!(outcome, Err(OpsError::Refused(Refusal::Incident(_)))), "{outcome:?}");
    assert_eq!(c.prune().held_back, Some(Refusal::Incident(n)));
    let resolved = Entry::IncidentResolved { incident: n, by: "Clerk".into(), note: String::new() };
    repo.append(|_| Ok(Some(resolved.clone()))).unwrap();
    assert_eq!(thin_to_last(&c).thinned().count(), 2);
    assert!(c.prune().held_back.is_none());
}

#[test]
fn an_empty_listing_deletes_nothing() {
    let c = council();
    thin_to_last(&c);
    c.prune();
    c.clock.advance_days(15);
    let mut repo = c.open();
    c.faults.restart(Plan::always(Fault::EmptyList));
    let report = prune(&mut repo, &PruneOptions::default(), &Silent, &Stop::default()).unwrap();
    assert!(matches!(report.held_back, Some(Refusal::Listing { seen: 0, .. })), "{report:?}");
    c.faults.restart(Plan::none());
    c.everything();
}

#[test]
fn orphans_and_dead_sessions_go_after_the_wait() {
    let c = council();
    let mut repo = c.open();
    let stray = bytes::Bytes::from_static(b"a pack nobody told the log of");
    let name = crate::domain::id::PackName::of(&stray);
    repo.store.create(&Key::Pack(name), &stray).unwrap();
    let index = crate::domain::id::IndexName::of(&stray);
    repo.store.create(&Key::Index(index), &stray).unwrap();
    // A backup that dies before its snapshot leaves a session.
    c.write("new.bin", Council::noise(9, 100_000));
    c.faults.restart(Plan::none());
    c.try_backup().unwrap();
    let calls = c.faults.calls();
    c.write("new.bin", Council::noise(10, 100_000));
    c.faults.restart(Plan::at(calls - 2, Fault::StopBefore));
    let died = c.try_backup().is_err();
    c.faults.restart(Plan::none());
    assert!(c.prune().deleted == 0, "all of it is too young");
    c.clock.advance_days(15);
    let report = c.prune();
    assert_eq!(report.abandoned, u64::from(died && !repo.state().open_sessions.is_empty()).max(report.abandoned));
    assert!(report.condemned.packs >= 1 && report.condemned.indexes >= 1, "{report:?}");
    c.clock.advance_days(15);
    c.prune();
    repo.refresh().unwrap();
    assert!(repo.state().is_swept(&name) && repo.state().is_index_swept(&index));
    assert!(!c.objects().contains(&Key::Pack(name).to_string()));
    assert!(!c.objects().contains(&Key::Index(index).to_string()));
    assert!(c.open().state().open_sessions.is_empty());
    c.everything();
}

#[test]
fn refused_deletions_are_counted_and_done_later() {
    let c = council();
    thin_to_last(&c);
    c.prune();
    c.clock.advance_days(15);
    let grudging = grudging::Grudging(std::sync::Arc::new(c.faults.clone()));
    let handle = c.runtime.handle().clone();
    let path = object_store::path::Path::default();
    let store = crate::repo::store::Store::new(std::sync::Arc::new(grudging), path, handle, "memory".into(), false);
    let mut repo = Repository::open_fresh(store, c.dir(), c.env.clone()).unwrap();
    let report = prune(&mut repo, &PruneOptions::default(), &Silent, &Stop::default()).unwrap();
    assert!(report.refused >= 2 && report.deleted == 0, "{report:?}");
    assert_eq!(report.exit(), Exit::Incomplete);
    assert_eq!(c.prune().deleted, report.refused);
}

#[test]
fn many_indexes_become_one_and_everything_is_still_found() {
    let c = Council::new();
    for night in 0..35u8 {
        c.write("minutes.txt", format!("night {night}"));
        c.backup();
    }
    let before = c.everything();
    assert!(c.open().state().indexes.len() > merge::MERGE_ABOVE);
    let report = c.prune();
    assert_eq!((report.merged, report.condemned.indexes), (35, 35), "{report:?}");
    assert_eq!(c.everything(), before);
    c.clock.advance_days(15);
    assert_eq!(c.prune().deleted, 35);
    assert_eq!(c.objects().iter().filter(|o| o.starts_with("index")).count(), 1);
    std::fs::remove_dir_all(c.dir().file("cache")).unwrap();
    assert_eq!(c.everything(), before);
    assert_eq!(c.prune().merged, 0);
}

#[test]
fn a_mostly_unneeded_pack_is_rewritten() {
    let c = Council::new();
    c.write("kept.bin", Council::noise(1, 40_000));
    c.write("changing.bin", Council::noise(2, 900_000));
    c.backup();
    c.write("changing.bin", "short now");
    c.backup();
    let before = c.everything();
    thin_to_last(&c);
    let (old, _) = c.pack_of("Documents/kept.bin");
    let report = c.prune_now();
    assert!(report.repacked >= 1, "{report:?}");
    assert!(report.deleted_bytes > 900_000, "{report:?}");
    assert_eq!(c.everything()[0], before[1]);
    assert_ne!(c.pack_of("Documents/kept.bin").0, old);
    assert_eq!(c.prune_now().repacked, 0, "once is enough");
    prune_to_the_end(&c);
    assert_eq!(c.everything()[0], before[1]);
    c.write("kept.bin", Council::noise(1, 40_001));
    c.backup();
    c.everything();
}

#[test]
fn a_lost_listing_keeps_what_it_needs_and_nothing_else_from_being_rewritten() {
    let c = Council::new();
    c.write("early.bin", Council::noise(3, 40_000));
    c.write("early too.bin", Council::noise(4, 900_000));
    let first = c.backup();
    c.write("kept.bin", Council::noise(1, 40_000));
    c.write("changing.bin", Council::noise(2, 900_000));
    std::fs::remove_file(c.docs().join("early too.bin")).unwrap();
    let second = c.backup();
    c.write("changing.bin", "short now");
    let third = c.backup();
    let (early, kept) = (c.pack_of("Documents/early.bin").0, c.pack_of("Documents/kept.bin").0);
    let mut repo = c.open();
    let listing = |repo: &mut Repository, id| {
        let root = repo.state().snapshot(id).unwrap().snapshot.root;
        let pack = repo.chunks().unwrap().pack_of(&root).unwrap();
        Object::Pack(repo.pack_name(pack).unwrap())
    };
    let (lost, other) = (listing(&mut repo, first), listing(&mut repo, third));
    assert_ne!(lost, other);
    let thinned = Entry::Thinned { snapshots: vec![second], rule: "by hand".into() };
    repo.append(|_| Ok(Some(thinned.clone()))).unwrap();
    c.damage(lost, |bytes| bytes.fill(7));
    let report = c.prune_now();
    assert!(report.repacked >= 1, "{report:?}");
    assert_eq!(c.pack_of("Documents/early.bin").0, early, "nobody can say what else the first snapshot needs of it");
    assert_ne!(c.pack_of("Documents/kept.bin").0, kept);
}
