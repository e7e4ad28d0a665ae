//! What the log is told of, what is taken up again, and how far a listing is believed.

use std::collections::HashMap;

use super::BackupReport;
use super::commit::after_commit;
use super::gather::{Tally, tell_in_time};
use super::session::*;
use super::unusual::Unusual;
use crate::domain::clock::Clock;
use crate::domain::id::{ChunkId, IndexName, PackName, SessionId};
use crate::domain::log::entry::{Entry, IncidentKind, Reason, Stored, StoredIndex, StoredPack};
use crate::ops::retention::register::Register;
use crate::ops::verify::fixture::Council;
use crate::repo::chunk::IndexedPack;
use crate::repo::error::RepoError;
use crate::repo::layout::Key;
use crate::repo::pack::{Segment, SegmentChunk};
use crate::repo::repository::Repository;
use crate::repo::store::ASKED_BY_NAME;
use crate::repo::writer::{Acknowledged, PackWriter, Stream, WriterSettings, WrittenPack};
use crate::testing::{Fault, Plan};

fn session(c: &Council) -> Session {
    Session { id: SessionId::new([5; 32]), began: c.clock.now(), epoch: c.open().state().epoch().number }
}

/// So many small objects that the log and the store call packs.
fn packs(c: &Council, count: usize) -> HashMap<PackName, u64> {
    let bytes = |n: usize| bytes::Bytes::from(format!("pack {n}"));
    let packs: Vec<StoredPack> =
        (0..count).map(|n| StoredPack { name: PackName::of(&bytes(n)), size: bytes(n).len() as u64 }).collect();
    (0..count).for_each(|n| assert!(c.store().create(&Key::Pack(packs[n].name), &bytes(n)).is_ok()));
    let index = StoredIndex { name: IndexName::of(b"none"), size: 1 };
    let stored = Entry::Stored(Stored { session: session(c).id, began: c.clock.now(), packs: packs.clone(), index });
    c.open().append(|_| Ok(Some(stored.clone()))).unwrap();
    packs.iter().map(|p| (p.name, p.size)).collect()
}

#[test]
fn what_a_listing_leaves_out_is_asked_for_by_name() {
    for (count, believed) in [(ASKED_BY_NAME, true), (ASKED_BY_NAME + 1, false)] {
        let c = Council::new();
        let all = packs(&c, count);
        let mut repo = c.open();
        assert_eq!(packs_there(&mut repo).unwrap(), all);
        c.faults.restart(Plan::always(Fault::EmptyList));
        let mut repo = c.open();
        match packs_there(&mut repo) {
            Ok(there) => assert_eq!((there, believed), (all.clone(), true)),
            Err(e) => assert!(!believed && e.to_string().contains("leaves out"), "{count}: {e}"),
        }
        // Where all are missing that were asked for, the listing was right.
        c.faults.restart(Plan::none());
        all.keys().for_each(|name| c.store().delete(&Key::Pack(*name)).unwrap());
        assert!(packs_there(&mut c.open()).unwrap().is_empty(), "{count}");
        // A store that cannot be asked is a fault, and no pack that is missing.
        c.faults.restart(Plan::none());
        let mut repo = c.open();
        let listed = packs_there(&mut repo);
        assert!(listed.is_ok());
        c.faults.restart(Plan::within("packs/", Fault::FailBefore));
        assert!(packs_there(&mut repo).is_err(), "{count}");
    }
}

#[test]
fn what_is_swept_is_not_asked_for_and_a_refusal_ends_the_asking() {
    let c = Council::new();
    let mut all = packs(&c, 3);
    let swept = *all.keys().next().unwrap();
    let condemned = Entry::Condemned { packs: vec![swept], indexes: vec![], reason: Reason::Unreferenced };
    for entry in [condemned, Entry::Swept { packs: vec![swept], indexes: vec![] }] {
        c.open().append(|_| Ok(Some(entry.clone()))).unwrap();
    }
    c.store().delete(&Key::Pack(swept)).unwrap();
    all.remove(&swept);
    c.faults.restart(Plan::none());
    let there = packs_there(&mut c.open()).unwrap();
    assert_eq!((&there, c.faults.count("head packs")), (&all, 0));
    // A computer that may not read has only the listing.
    let lost: Vec<PackName> = there.keys().copied().collect();
    lost.iter().for_each(|name| c.store().delete(&Key::Pack(*name)).unwrap());
    let mut repo = c.open();
    c.faults.restart(Plan::within("packs/", Fault::RefuseHead));
    assert!(packs_there(&mut repo).unwrap().is_empty());
    assert_eq!(c.faults.count("head packs"), 1, "one refusal says it all");
}

fn writer(repo: &Repository, acknowledged: Acknowledged) -> PackWriter {
    PackWriter::start(WriterSettings {
        store: repo.store.clone(),
        reading: repo.reading_recipient().unwrap(),
        chunk_key: repo.chunk_key(),
        compressors: 1,
        uploaders: 1,
        acknowledged,
    })
}

/// One of whose packs nobody hears.
pub(super) fn quiet_writer(repo: &Repository) -> PackWriter {
    writer(repo, Box::new(|_| Ok(())))
}

/// Packs that a run stored, of which the log was not told: in the store and in the journal.
pub(super) fn acknowledged(repo: &Repository, contents: &[&[u8]]) -> Vec<WrittenPack> {
    let mut all = vec![];
    for content in contents {
        let mut writer = writer(repo, journal(repo));
        writer.add(Stream::Content, repo.chunk_key().id(content), content).unwrap();
        all.extend(writer.flush().unwrap());
    }
    all
}

#[test]
fn what_a_run_that_died_stored_is_taken_up_once_and_only_what_is_there_and_nobody_knows() {
    let c = Council::new();
    let (mut repo, now) = (c.open(), session(&c));
    let path = c.dir().file("session.journal");
    let three = acknowledged(&repo, &[b"one", b"two", b"three"]);
    let names = |w: &[WrittenPack]| w.iter().map(|w| w.pack.name).collect::<Vec<_>>();
    let lines = std::fs::read_to_string(&path).unwrap();
    assert_eq!(lines.lines().count(), 3);
    let good = packs_there(&mut repo).unwrap();
    let taken = |repo: &mut Repository, lines: &str, session: Session, listed: &HashMap<PackName, u64>| {
        std::fs::write(&path, lines).unwrap();
        resume(repo, session, listed)
    };
    let next = repo.state().next;
    // What fits not.
    let mut small = good.clone();
    small.values_mut().for_each(|size| *size -= 1);
    let other = Session { epoch: now.epoch + 1, ..now };
    let torn = lines.replace('2', "3");
    for (lines, session, listed) in
        [(&lines, now, &HashMap::new()), (&lines, now, &small), (&lines, other, &good), (&torn, now, &good)]
    {
        assert_eq!(taken(&mut repo, lines, session, listed).unwrap(), 0);
        assert!(!path.exists(), "it is done with");
    }
    assert_eq!(repo.state().next, next, "nothing was told");
    // One is condemned, as an orphan; the others are taken up, each once.
    let condemned = Entry::Condemned { packs: vec![three[0].pack.name], indexes: vec![], reason: Reason::Orphan };
    repo.append(|_| Ok(Some(condemned.clone()))).unwrap();
    assert_eq!(taken(&mut repo, &format!("{lines}{lines}"), now, &good).unwrap(), 2);
    assert!(!path.exists(), "the log was told");
    let told: Vec<PackName> = repo.state().packs.iter().map(|p| p.pack.name).collect();
    assert_eq!(told, names(&three[1..]));
    assert_eq!(taken(&mut repo, &lines, now, &good).unwrap(), 0, "the log knows them");
    assert_eq!(c.open().state().packs.len(), 2);
    // What was sealed to keys of before is never told, and stays in the journal.
    let four = acknowledged(&repo, &[b"four"]);
    let next = repo.state().next;
    assert!(matches!(tell(&mut repo, other, four), Err(RepoError::KeysChanged)));
    assert_eq!((c.open().state().next, path.exists()), (next, true));
    // Nothing to tell: no entry, and the journal is left alone.
    tell(&mut repo, now, vec![]).unwrap();
    assert_eq!((c.open().state().next, path.exists()), (next, true));
    std::fs::remove_file(&path).unwrap();
    let five = acknowledged(&repo, &[b"five"]);
    assert!(path.exists());
    tell(&mut repo, now, five).unwrap();
    assert!(!path.exists(), "what the log was told needs no journal");
}

/// As if it held so many chunks.
fn of_chunks(seed: u8, count: usize) -> WrittenPack {
    let pack = StoredPack { name: PackName::of(&[seed]), size: 1 };
    let chunks = vec![SegmentChunk { id: ChunkId::new([seed; 32]), len: 1 }; count];
    let segments = vec![Segment { offset: 0, len: 1, raw: count as u32, chunks }];
    WrittenPack { pack, indexed: IndexedPack { name: pack.name, segments, head: None } }
}

#[test]
fn the_log_is_told_after_many_packs_or_of_much() {
    let mut waiting = Waiting::default();
    assert!(!waiting.is_enough());
    waiting.extend((0..63).map(|n| of_chunks(n, 1)).collect());
    assert!(!waiting.is_enough());
    waiting.extend(vec![of_chunks(63, 1)]);
    assert!(waiting.is_enough());
    assert_eq!(waiting.take().len(), 64);
    assert!(!waiting.is_enough() && waiting.take().is_empty(), "none waits any more");
    // 8 MiB of an index, in two parts: 40 bytes a chunk, 96 for the rest of each pack.
    let half = 100_000;
    for (rest, enough) in [(109_710, false), (109_711, true)] {
        waiting.extend(vec![of_chunks(1, half)]);
        assert!(!waiting.is_enough());
        waiting.extend(vec![of_chunks(2, rest)]);
        assert_eq!(waiting.is_enough(), enough, "{rest}");
        assert_eq!(waiting.take().len(), 2);
    }
    // Three packs of 8 MiB to the byte.
    waiting.extend(vec![of_chunks(1, half), of_chunks(2, half), of_chunks(3, 9_708)]);
    assert!(waiting.is_enough());
}

#[test]
fn a_run_tells_the_log_on_its_way_once_it_is_much() {
    let c = Council::new();
    let (mut repo, now) = (c.open(), session(&c));
    let (report, set) = (BackupReport::default(), c.set.clone());
    let register = Register::default();
    let mut tally =
        Tally { report, waiting: Waiting::default(), unusual: Unusual::default(), gone_total: 0, register, set };
    let next = repo.state().next;
    tell_in_time(&mut repo, now, &mut tally, (0..40).map(|n| of_chunks(n, 1)).collect()).unwrap();
    tell_in_time(&mut repo, now, &mut tally, (40..63).map(|n| of_chunks(n, 1)).collect()).unwrap();
    assert_eq!((repo.state().next, tally.report.packs_stored, tally.report.bytes_stored), (next, 63, 63));
    tell_in_time(&mut repo, now, &mut tally, vec![of_chunks(63, 1)]).unwrap();
    assert_eq!((c.open().state().packs.len(), tally.report.packs_stored), (64, 64), "all of them");
    assert!(tally.waiting.take().is_empty(), "none is told twice");
}

#[test]
fn no_index_object_describes_more_than_readers_take() {
    let c = Council::new();
    let (mut repo, now) = (c.open(), session(&c));
    // 16 MiB: two of these fit exactly, and not one chunk more.
    for (seed, second, objects) in [(0, 209_712, 1), (2, 209_713, 2), (4, 500_000, 2)] {
        let first = c.objects().len();
        tell(&mut repo, now, vec![of_chunks(seed, 209_713), of_chunks(seed + 1, second)]).unwrap();
        assert_eq!(c.objects().len() - first, objects, "{second}");
    }
    let described = repo.state().indexes.len();
    assert_eq!(described, 5, "the log was told of each");
    // Six packs of 16 MiB to the byte.
    let first = c.objects().len();
    tell(&mut repo, now, (10..16).map(|n| of_chunks(n, if n == 10 { 69_901 } else { 69_903 })).collect()).unwrap();
    assert_eq!(c.objects().len() - first, 1);
}

#[test]
fn the_log_and_the_index_name_each_pack_that_is_told() {
    let c = Council::new();
    let (mut repo, now) = (c.open(), session(&c));
    let written: Vec<WrittenPack> = (0..3).map(|n| of_chunks(n, usize::from(n) + 1)).collect();
    tell(&mut repo, now, written.clone()).unwrap();
    c.faults.restart(Plan::none());
    let repo = c.open();
    let told: Vec<StoredPack> = repo.state().packs.iter().map(|p| p.pack).collect();
    assert_eq!(told, written.iter().map(|w| w.pack).collect::<Vec<_>>());
    let mut described = vec![];
    repo.for_each_pack(&(0..3).collect(), |_, pack| {
        described.push(pack.clone());
        Ok::<_, RepoError>(())
    })
    .unwrap();
    assert_eq!(described, written.into_iter().map(|w| w.indexed).collect::<Vec<_>>());
    assert_eq!(c.faults.count("get index"), 0, "who wrote it has a copy");
}

/// How often the log says that clocks differ.
pub(super) fn clocks_said(c: &Council) -> usize {
    let repo = c.open();
    let bodies = repo.slots().iter().filter_map(|s| s.body.as_ref());
    bodies.filter(|b| matches!(&b.entry, Entry::Incident(i) if i.what == IncidentKind::Clock)).count()
}

#[test]
fn an_entry_that_is_another_in_the_store_is_no_commit() {
    let mut c = Council::new();
    c.own_clock = true;
    c.write("minutes.txt", "resolved");
    let id = c.backup();
    let mut repo = c.open();
    after_commit(&mut repo, id.0).unwrap();
    assert_eq!(clocks_said(&c), 0);
    // The store's clock is a day and an hour behind: that is said, of a store that has a clock.
    c.clock.advance(jiff::SignedDuration::from_hours(25));
    c.own_clock = false;
    after_commit(&mut c.open(), id.0).unwrap();
    assert_eq!(clocks_said(&c), 0);
    c.own_clock = true;
    after_commit(&mut repo, id.0).unwrap();
    assert_eq!(clocks_said(&c), 1);
    let key = Key::Log(id.0);
    c.store().delete(&key).unwrap();
    c.store().create(&key, &"another entry".into()).unwrap();
    let gone = after_commit(&mut repo, id.0);
    assert!(matches!(gone, Err(RepoError::RolledBack { remembered, .. }) if remembered == id.0), "{gone:?}");
}
