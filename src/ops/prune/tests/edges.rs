//! A second too early, one refusal too many: where condemning, sweeping and deleting begin and end.

use super::*;
use crate::domain::clock::Clock;
use crate::domain::id::{IndexName, PackName};
use crate::domain::log::entry::{Stored, StoredPack};
use crate::ops::backup::put_index;
use crate::ops::verify::fixture::Heard;
use crate::repo::chunk::IndexObject;
use crate::repo::create::{CreateOptions, create};
use crate::repo::store::{StoreError, StoreOptions, open};

const SECOND: SignedDuration = SignedDuration::from_secs(1);

fn listed(key: Key, modified: Timestamp) -> Listed {
    Listed { key, size: 1, modified, tag: None }
}

#[test]
fn an_orphan_is_one_when_it_has_waited_and_not_a_second_before() {
    let (pack, index) = (PackName::of(b"stray"), IndexName::of(b"stray"));
    let then: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
    let all = [listed(Key::Pack(pack), then), listed(Key::Index(index), then)];
    let found = |grace, now| {
        let options = PruneOptions { grace, ..PruneOptions::default() };
        let listed = all.iter().map(|l| (l.key.clone(), l.clone())).collect();
        let stop = Stop::default();
        let run = Run { first: 1, newest: None, swept: None, listed, options: &options, monitor: &Silent, stop: &stop };
        let orphans = run.orphans(now);
        (orphans.packs.contains(&pack), orphans.indexes.contains(&index))
    };
    assert_eq!(found(GRACE, then + GRACE - SECOND), (false, false));
    assert_eq!(found(GRACE, then + GRACE), (true, true));
    assert_eq!(found(SignedDuration::ZERO, then - SECOND), (true, true), "who does not wait looks at no clock");
}

/// A backup that told the log of something and never came to its snapshot.
fn session(c: &Council) -> SessionId {
    let (repo, session) = (c.open(), SessionId::new([9; 32]));
    let index = put_index(&repo, &IndexObject::default()).unwrap();
    let pack = StoredPack { name: PackName::of(b"of a session"), size: 1 };
    let stored = Entry::Stored(Stored { session, began: c.clock.now(), packs: vec![pack], index });
    c.open().append(|_| Ok(Some(stored.clone()))).unwrap();
    session
}

#[test]
fn a_session_is_abandoned_when_it_has_waited_and_not_a_second_before() {
    let c = council();
    session(&c);
    c.clock.advance(GRACE - SECOND);
    assert_eq!(c.prune().abandoned, 0);
    assert_eq!(c.open().state().open_sessions.len(), 1);
    c.clock.advance(SECOND);
    assert_eq!(c.prune().abandoned, 1);
    assert!(c.open().state().open_sessions.is_empty());
    assert_eq!(c.prune().abandoned, 0, "once is enough");
}

#[test]
fn what_will_be_refused_is_refused_before_anything_is_written() {
    let c = council();
    thin_to_last(&c);
    session(&c);
    c.clock.advance_days(15);
    let incident = Incident { what: IncidentKind::MassChange, snapshot: None, counts: vec![60, 0, 100] };
    c.open().append(|_| Ok(Some(Entry::Incident(incident.clone())))).unwrap();
    let (objects, entries) = (c.objects(), c.open().slots().len());
    for dry_run in [false, true] {
        let report = c.try_prune(&PruneOptions { dry_run, ..PruneOptions::default() }).unwrap();
        assert!(matches!(report.held_back, Some(Refusal::Incident(_))), "{report:?}");
        assert_eq!((report.abandoned, report.deleted), (0, 0));
        assert_eq!((c.objects(), c.open().slots().len()), (objects.clone(), entries));
    }
}

/// The numbers of seconds by which the log was said to be ahead.
fn said_ahead(c: &Council) -> Vec<Vec<u64>> {
    let repo = c.open();
    let entries = repo.slots().iter().filter_map(|s| s.body.as_ref());
    let clock = |e: &Entry| match e {
        Entry::Incident(i) if i.what == IncidentKind::Clock => Some(i.counts.clone()),
        _ => None,
    };
    entries.filter_map(|b| clock(&b.entry)).collect()
}

#[test]
fn only_a_person_says_that_a_clock_was_ahead_and_only_of_more_than_a_doubt() {
    let c = council();
    let now = c.clock.now();
    let said = |ahead: SignedDuration| {
        c.clock.set(now + ahead);
        c.open().append(|_| Ok(Some(Entry::Restored { snapshot: None, files: 0, bytes: 0 }))).unwrap();
        c.clock.set(now);
    };
    said(CLOCK_DOUBT);
    assert!(c.prune().held_back.is_none() && c.prune_now().held_back.is_none());
    assert!(said_ahead(&c).is_empty(), "no more than a doubt");
    said(CLOCK_DOUBT + SECOND);
    assert!(matches!(c.prune().held_back, Some(Refusal::Clock(_))));
    assert!(said_ahead(&c).is_empty(), "nobody is here who could know");
    assert!(c.prune_now().held_back.is_none());
    assert_eq!(said_ahead(&c), [[901]]);
    assert!(c.prune().held_back.is_none(), "it was said");
    assert_eq!(said_ahead(&c).len(), 1);
}

#[test]
fn a_store_that_refuses_is_not_asked_for_ever() {
    let c = Council::new();
    let (repo, stop) = (c.open(), Stop::default());
    let all: Vec<Listed> = (0..20).map(|n| listed(Key::Pack(PackName::of(&[n])), c.clock.now())).collect();
    let all: Vec<&Listed> = all.iter().collect();
    for (deleted, asked, told) in [(0, 16, 15), (1, 20, 20)] {
        c.faults.restart(Plan::always(Fault::RefuseDelete));
        let mut report = PruneReport { deleted, ..PruneReport::default() };
        let heard = Heard::and(|_| ());
        heard.stage("deleting", None);
        delete::delete(&repo, &all, &mut report, &heard, &stop).unwrap();
        assert_eq!(heard.of("deleting"), Some((None, told)));
        assert_eq!((c.faults.count("delete"), report.refused, report.deleted), (asked, 20, deleted));
        assert!(report.refused_why.is_some());
    }
    // Each that is deleted is counted, with its size.
    c.faults.restart(Plan::none());
    let (heard, mut report) =
        (Heard::and(|_| ()), PruneReport { deleted: 3, deleted_bytes: 5, ..PruneReport::default() });
    heard.stage("deleting", None);
    delete::delete(&repo, &all, &mut report, &heard, &stop).unwrap();
    assert_eq!((report.deleted, report.deleted_bytes, report.refused), (23, 25, 0));
    assert_eq!((heard.of("deleting"), c.faults.count("delete")), (Some((None, 20)), 20));
    // Any other fault is one.
    c.faults.restart(Plan::always(Fault::FailBefore));
    let mut report = PruneReport::default();
    assert!(delete::delete(&repo, &all, &mut report, &Silent, &stop).is_err());
    assert_eq!((report.refused, report.deleted), (0, 0));
    stop.set();
    c.faults.restart(Plan::none());
    assert!(delete::delete(&repo, &all, &mut report, &Silent, &stop).is_err(), "nothing is deleted after a stop");
    assert_eq!((c.faults.calls(), report.deleted), (0, 0));
}

#[test]
fn what_was_left_half_written_in_a_folder_is_counted() {
    let c = Council::new();
    let folder = c.tmp.path().join("store");
    std::fs::create_dir(&folder).unwrap();
    let url = format!("file://{}", folder.display());
    let store = open(&StoreOptions { url, ..StoreOptions::default() }, c.runtime.handle()).unwrap();
    let dir = StateDir::new(c.tmp.path().join("other state"));
    let options = CreateOptions { machine_name: "office".into(), write_only: false, single_machine: false };
    create(&store, &dir, &c.env, &options, |_| Ok(())).unwrap();
    let packs = folder.join("packs/ab");
    std::fs::create_dir_all(&packs).unwrap();
    std::fs::write(packs.join(format!("{}.age#1", "ab".repeat(32))), b"half").unwrap();
    c.clock.advance_days(2);
    let mut repo = Repository::open_fresh(store, dir, c.env.clone()).unwrap();
    let report = prune(&mut repo, &PruneOptions::default(), &Silent, &Stop::default()).unwrap();
    assert_eq!((report.deleted, report.deleted_bytes, report.refused), (1, 4, 0), "{report:?}");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, b"no folder").unwrap();
    let mut report = PruneReport::default();
    assert!(delete::half_written(&repo, &mut report).is_err(), "what is no refusal is a fault");
    assert_eq!((report.refused, report.refused_why), (0, None));
}

#[test]
fn a_refusal_is_counted_and_the_first_is_told() {
    use std::io::ErrorKind as Kind;
    let refused = |what: &str, kind| Err(StoreError::of_io(what, "a folder", kind));
    let mut report = PruneReport { refused: 1, ..PruneReport::default() };
    delete::note(&mut report, refused("one", Kind::PermissionDenied)).unwrap();
    delete::note(&mut report, refused("two", Kind::ReadOnlyFilesystem)).unwrap();
    assert!(delete::note(&mut report, refused("three", Kind::TimedOut)).is_err());
    assert_eq!((report.refused, report.deleted), (3, 0));
    assert!(report.refused_why.as_ref().unwrap().contains("one"), "{report:?}");
    delete::note(&mut report, Ok((2, 7))).unwrap();
    assert_eq!((report.refused, report.deleted, report.deleted_bytes), (3, 2, 7));
}

/// What one run says and does is the same whatever order the store or the memory has it in.
#[test]
fn orphans_sessions_and_deletions_go_in_the_order_of_their_names() {
    let c = council();
    let stray: Vec<bytes::Bytes> = (0..12u8).map(|n| vec![n].into()).collect();
    for bytes in &stray {
        c.store().create(&Key::Pack(PackName::of(bytes)), bytes).unwrap();
        c.store().create(&Key::Index(IndexName::of(bytes)), bytes).unwrap();
    }
    let index = put_index(&c.open(), &IndexObject::default()).unwrap();
    for n in [7, 3, 9, 1, 8, 2, 6, 4, 5, 11, 10, 12] {
        let (bytes, session) = (bytes::Bytes::from(vec![n, n]), SessionId::new([n; 32]));
        let pack = StoredPack { name: PackName::of(&bytes), size: 2 };
        c.store().create(&Key::Pack(pack.name), &bytes).unwrap();
        let stored = Entry::Stored(Stored { session, began: c.clock.now(), packs: vec![pack], index });
        c.open().append(|_| Ok(Some(stored.clone()))).unwrap();
    }
    let first = c.open().state().next;
    c.clock.advance_days(15);
    assert_eq!(c.prune().abandoned, 12);
    let repo = c.open();
    let said: Vec<&Entry> =
        repo.slots()[first as usize..].iter().filter_map(|s| Some(&s.body.as_ref()?.entry)).collect();
    let ended = |e: &&Entry| if let Entry::Abandoned { session } = e { Some(*session) } else { None };
    let sessions: Vec<SessionId> = said.iter().filter_map(ended).collect();
    assert!(sessions.len() == 12 && sessions.is_sorted(), "{sessions:?}");
    let orphans = |e: &&Entry| match e {
        Entry::Condemned { packs, indexes, reason: Reason::Orphan } => Some((packs.clone(), indexes.clone())),
        _ => None,
    };
    let (packs, indexes) = said.iter().find_map(orphans).unwrap();
    assert!(packs.len() == 12 && packs.is_sorted() && indexes.len() == 12 && indexes.is_sorted());
    c.clock.advance_days(15);
    c.faults.restart(Plan::none());
    assert!(c.prune().deleted >= 24);
    let deleted: Vec<String> = c.faults.record().into_iter().filter(|call| call.starts_with("delete")).collect();
    assert!(deleted.len() >= 24 && deleted.is_sorted(), "{deleted:?}");
}
