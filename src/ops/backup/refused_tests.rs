//! What the store refuses, and where a run dies: the run fails in words, the log claims nothing that is not there, and the
//! next run gets everything in.

use crate::domain::log::entry::{Entry, Reason};
use crate::domain::log::state::Life;
use crate::domain::problem::Exit;
use crate::ops::verify::fixture::Council;
use crate::repo::chunk::ChunkKey;
use crate::repo::error::RepoError;
use crate::repo::layout::PACKS;
use crate::repo::pack::{PACK_CHUNKS, PackError};
use crate::repo::seal::Identity;
use crate::repo::store::Store;
use crate::repo::writer::{Acknowledged, PackWriter, Stream, WriterSettings, WrittenPack};
use crate::testing::{Fault, Plan};

fn council() -> Council {
    let c = Council::new();
    c.write("minutes.txt", "resolved");
    c.write("plan.bin", Council::noise(1, 200_000));
    c
}

/// Every pack and index that the log says is stored lies in the store, with its size.
fn assert_nothing_is_claimed(c: &Council, why: &str) {
    let repo = c.open();
    let names = c.objects();
    for pack in repo.state().packs.iter().map(|p| p.pack) {
        let key = crate::repo::layout::Key::Pack(pack.name);
        assert!(names.contains(&key.to_string()), "{why}: the log claims {key}, which is not there");
        assert_eq!(repo.store.get(&key).unwrap().len() as u64, pack.size, "{why}");
    }
    for index in &repo.state().indexes {
        let key = crate::repo::layout::Key::Index(index.index.name);
        assert!(names.contains(&key.to_string()), "{why}: the log claims {key}, which is not there");
    }
}

#[test]
fn what_the_store_refuses_for_good_fails_the_run_and_is_never_claimed() {
    for earlier in [0, 1] {
        for folder in ["packs/", "index/", "log/"] {
            for fault in [Fault::FailBefore, Fault::Conflict] {
                let why = format!("{folder} with {fault:?} after {earlier} backups");
                let c = council();
                (0..earlier).for_each(|_| {
                    c.backup();
                });
                let before = c.everything();
                c.write("new.bin", Council::noise(2, 100_000));
                c.faults.restart(Plan::within(folder, fault));
                let failed = c.try_backup().expect_err(&why);
                assert!(failed.exit() != Exit::Done && failed.exit() != Exit::Incomplete, "{why}: {failed}");
                assert!(!c.faults.injected().is_empty(), "{why}");
                c.faults.restart(Plan::none());
                assert_nothing_is_claimed(&c, &why);
                assert_eq!(c.everything(), before, "{why}: what was there is there, and no more");
                c.backup();
                assert_nothing_is_claimed(&c, &why);
                assert_eq!(c.everything().len(), before.len() + 1, "{why}");
            }
        }
    }
}

#[test]
fn a_run_that_died_anywhere_leaves_nothing_claimed_that_is_not_there() {
    let calls = {
        let c = council();
        c.faults.restart(Plan::none());
        c.backup();
        c.faults.calls()
    };
    let mut died = 0;
    for call in 0..calls {
        for fault in [Fault::StopBefore, Fault::StopAfter] {
            let (c, why) = (council(), format!("{fault:?} at call {call} of {calls}"));
            c.faults.restart(Plan::at(call, fault));
            died += usize::from(c.try_backup().is_err());
            c.faults.restart(Plan::none());
            assert_nothing_is_claimed(&c, &why);
            c.backup();
            assert_nothing_is_claimed(&c, &why);
            c.everything();
        }
    }
    assert!(died * 4 > calls * 6, "most of these must hurt: {died} of {}", calls * 2);
}

/// What it leans on is swept between the last look and its entry: an entry that names it would be void.
#[test]
fn what_is_swept_just_before_the_commit_is_in_no_snapshot() {
    let c = Council::new();
    c.write("plan.bin", Council::noise(1, 200_000));
    let first = c.backup();
    let (old, _) = c.pack_of("Documents/plan.bin");
    c.write("plan.bin", Council::noise(2, 200_000));
    c.backup();
    let say = |c: &Council, entry: Entry| c.open().append(|_| Ok(Some(entry.clone()))).unwrap().unwrap();
    say(&c, Entry::Thinned { snapshots: vec![first], rule: "by hand".into() });
    c.write("plan.bin", Council::noise(1, 200_000));
    let commit = {
        let c = c.fork();
        c.faults.restart(Plan::none());
        assert!(c.try_backup().unwrap().bytes_stored < 50_000, "it leans on nothing");
        c.faults.record().iter().rposition(|call| call.starts_with("create log")).unwrap()
    };
    c.faults.restart(Plan::none());
    let pause = c.faults.pause_at(commit);
    let report = std::thread::scope(|scope| {
        let backup = scope.spawn(|| c.try_backup().unwrap());
        assert!(pause.reached());
        let packs = vec![c.open().pack_name(old).unwrap()];
        say(&c, Entry::Condemned { packs: packs.clone(), indexes: vec![], reason: Reason::Unreferenced });
        say(&c, Entry::Swept { packs, indexes: vec![] });
        pause.go();
        backup.join().unwrap()
    });
    let repo = c.open();
    assert!(matches!(repo.state().packs[old as usize].life, Life::Swept { .. }) && repo.state().voids.is_empty());
    let needs = &repo.state().snapshot(report.snapshot.unwrap()).unwrap().snapshot.needs;
    assert!(!needs.contains(old) && report.bytes_stored > 200_000, "it was stored again: {report:?}");
    c.everything();
}

fn writer(store: &Store, key: &ChunkKey, acknowledged: Acknowledged) -> PackWriter {
    PackWriter::start(WriterSettings {
        store: store.clone(),
        reading: Identity::generate().recipient(),
        chunk_key: key.clone(),
        compressors: 1,
        uploaders: 1,
        acknowledged,
    })
}

/// However a part of it ends, nobody waits for it for ever.
#[test]
fn a_part_that_dies_ends_the_whole() {
    let (c, key) = (Council::new(), ChunkKey::new([3; 32]));
    let mut writer = writer(&c.store(), &key, Box::new(|_| panic!("as a fault of the program would")));
    writer.add(Stream::Content, key.id(b"minutes"), b"minutes").unwrap();
    let words = "a part of this program stopped by a fault of its own; nothing that was stored is lost: run it again";
    assert_eq!(writer.flush().unwrap_err().to_string(), words);
}

#[test]
fn what_does_not_prove_itself_is_never_put() {
    let c = Council::new();
    let (store, key) = (c.store(), ChunkKey::new([3; 32]));
    let start = || writer(&store, &key, Box::new(|_| Ok(())));
    let count = || store.list(PACKS).unwrap().0.len();
    // As if what was compressed came back as something else: the piece is not what its id says.
    let mut writer = start();
    writer.add(Stream::Content, key.id(b"agenda"), b"agenda").unwrap();
    writer.add(Stream::Content, key.id(b"minutes"), b"minutez").unwrap();
    let refused = writer.flush().unwrap_err();
    assert!(matches!(refused, RepoError::Pack { error: PackError::Chunk(_), .. }), "{refused}");
    assert!(refused.is_damage() && count() == 0, "nothing of it is in the store");
    let mut writer = start();
    writer.add(Stream::Content, key.id(b"minutes"), b"minutes").unwrap();
    let written = writer.flush().unwrap();
    assert_eq!((written.len(), count()), (1, 1));
    assert_eq!(writer.prove_back(&store, &written[0], &key).unwrap(), 7);
}

/// The directory of a pack is in memory as long as the log was not told: it ends in time, however small the pieces are.
#[test]
fn very_small_pieces_end_a_pack_by_their_number() {
    let (c, key) = (Council::new(), ChunkKey::new([3; 32]));
    let mut writer = writer(&c.store(), &key, Box::new(|_| Ok(())));
    let pieces = PACK_CHUNKS as u32 + 10;
    for n in 0..pieces {
        let piece = n.to_le_bytes();
        writer.add(Stream::Content, key.id(&piece), &piece).unwrap();
    }
    let written = writer.flush().unwrap();
    let chunks = |w: &WrittenPack| w.indexed.segments.iter().map(|s| s.chunks.len()).sum::<usize>();
    assert_eq!(written.iter().map(chunks).collect::<Vec<_>>(), [PACK_CHUNKS, 10]);
}
