//! Content in several packs, and two who append at once.

use std::collections::HashSet;

use super::*;
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
