//! Content in several packs, and two who append at once.

use std::collections::HashSet;

use super::*;
use crate::domain::id::SnapshotId;
use crate::domain::log::bits::Bits;
use crate::repo::listing::{chunks_of, find_entry, read_root};

/// The chunks of a record in a snapshot, and those that lie in the packs this snapshot needs.
fn chunks_and_needed(c: &Council, snapshot: SnapshotId, path: &str) -> (Vec<[u8; 32]>, HashSet<[u8; 32]>) {
    let mut repo = c.open();
    let found = repo.state().snapshot(snapshot).unwrap();
    let (root, needs): (_, Bits) = (found.snapshot.root, found.snapshot.needs.clone());
    let mut inside = HashSet::new();
    repo.for_each_pack(&needs, |_, pack| {
        inside.extend(pack.segments.iter().flat_map(|s| &s.chunks).map(|chunk| *chunk.id.as_bytes()));
        Ok::<_, RepoError>(())
    })
    .unwrap();
    let mut chunks = repo.chunks().unwrap();
    let root = read_root(&mut chunks, &root).unwrap();
    let path = crate::domain::path::RecordPath::new(path).unwrap();
    let entry = find_entry(&mut chunks, &root.live, &path).unwrap().unwrap();
    (chunks_of(&mut chunks, &entry).unwrap().iter().map(|id| *id.as_bytes()).collect(), inside)
}

#[test]
fn a_piece_that_lies_in_two_packs_is_brought_over_from_each() {
    let c = Council::new();
    c.write("kept.bin", Council::noise(1, 40_000));
    c.write("other.bin", Council::noise(2, 30_000));
    c.write("changing.bin", Council::noise(3, 900_000));
    c.backup();
    c.write("changing.bin", "short now");
    let second = c.backup();
    let (_, old) = c.pack_of("Documents/kept.bin");
    let bytes = c.store().get(&old.key()).unwrap();
    c.lose(old);
    c.write("other.bin", Council::noise(4, 30_000));
    c.backup();
    assert_ne!(c.pack_of("Documents/kept.bin").1.key(), old.key(), "it was stored again");
    c.store().create(&old.key(), &bytes).unwrap();
    let circumstances = circumstances(&c.open(), GRACE, false);
    let rule = KeepRule { last: 2, ..LAST };
    assert_eq!(thin(&mut c.open(), &rule, &TimeZone::UTC, &circumstances, false).unwrap().thinned().count(), 1);
    assert!(c.prune_now().repacked >= 1);
    for path in ["Documents/kept.bin", "Documents/other.bin"] {
        let (chunks, inside) = chunks_and_needed(&c, second, path);
        assert!(!chunks.is_empty() && chunks.iter().all(|id| inside.contains(id)), "{path} is not in what is needed");
    }
    prune_to_the_end(&c);
    c.everything();
}

#[test]
fn who_loses_a_race_decides_again() {
    let c = council();
    let (mut slow, mut quick) = (c.open(), c.open());
    let said = Entry::Restored { snapshot: None, files: 1, bytes: 1 };
    let first = slow.state().next;
    quick.append(|_| Ok(Some(said.clone()))).unwrap();
    let mut seen = vec![];
    let done = slow.append(|state| {
        seen.push(state.next);
        Ok((state.next == first).then(|| said.clone()))
    });
    assert_eq!((done.unwrap(), seen), (None, vec![first, first + 1]), "it was asked again, and said no");
    assert_eq!(c.open().state().next, first + 1);
}

/// A prune by another machine that waits for nobody.
fn prune_elsewhere(c: &Council) -> PruneReport {
    let dir = c.tmp.path().join("elsewhere");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::copy(c.dir().file("machine.json"), dir.join("machine.json")).unwrap();
    let mut repo = Repository::open_fresh(c.store(), StateDir::new(dir), c.env.clone()).unwrap();
    let options = PruneOptions { grace: SignedDuration::ZERO, person: true, ..PruneOptions::default() };
    prune(&mut repo, &options, &Silent, &Stop::default()).unwrap()
}

#[test]
fn a_prune_between_any_two_calls_of_a_backup_takes_nothing_that_it_needs() {
    let start = Council::new();
    start.write("a.bin", Council::noise(1, 100_000));
    start.backup();
    start.write("a.bin", Council::noise(2, 100_000));
    start.backup();
    thin_to_last(&start);
    // What is thinned comes back, and its pack is still there: the backup leans on it.
    start.write("a.bin", Council::noise(1, 100_000));
    let calls = {
        let reference = start.fork();
        reference.faults.restart(Plan::none());
        assert!(reference.try_backup().unwrap().bytes_stored < 50_000, "it leans on nothing");
        reference.faults.calls()
    };
    let mut swept = 0;
    for call in 0..calls {
        let c = start.fork();
        c.faults.restart(Plan::none());
        let pause = c.faults.pause_at(call);
        std::thread::scope(|scope| {
            let backup = scope.spawn(|| c.try_backup());
            if pause.reached() {
                swept += prune_elsewhere(&c).swept.packs;
                pause.go();
            }
            backup.join().unwrap().unwrap_or_else(|e| panic!("call {call} of {calls}: {e}"));
        });
        c.faults.no_pause();
        prune_elsewhere(&c);
        let (_, newest) = c.everything().pop().unwrap();
        assert!(newest.iter().any(|name| name.starts_with("Documents/a.bin")), "call {call}: {newest:?}");
        assert!(c.open().state().voids.is_empty(), "call {call}");
    }
    assert!(swept > 0, "nothing was swept meanwhile");
}
