//! The engine over a store in memory: back up, look again, back up what changed.

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use strongroom::domain::clock::{Clock, Entropy};
use strongroom::domain::path::RecordPath;
use strongroom::ops::backup::{BackupOptions, backup};
use strongroom::ops::fs::walk::Source;
use strongroom::ops::{Silent, Stop};
use strongroom::repo::create::{CreateOptions, create};
use strongroom::repo::listing::{find_entry, read_pieces, read_root};
use strongroom::repo::machine::StateDir;
use strongroom::repo::repository::{Env, Repository};
use strongroom::repo::store::Store;

struct TestClock;
impl Clock for TestClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::try_from(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000))
            .unwrap()
    }
}
struct TestEntropy(std::sync::Mutex<u64>);
impl Entropy for TestEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut n = self.0.lock().unwrap();
        *n += 1;
        blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(bytes);
    }
}

#[test]
fn a_changed_file_is_read_and_an_unchanged_one_is_not_stored_again() {
    let rt = tokio::runtime::Runtime::new().unwrap();
    let store =
        Store::new(Arc::new(InMemory::new()), StorePath::default(), rt.handle().clone(), "memory".into(), false);
    let tmp = tempfile::tempdir().unwrap();
    let docs = tmp.path().join("docs");
    std::fs::create_dir_all(docs.join("Minutes")).unwrap();
    std::fs::write(docs.join("Minutes/May.txt"), b"resolved").unwrap();
    let big: Vec<u8> = (0..5_000_000u32).flat_map(|i| (i.wrapping_mul(2654435761) >> 7).to_le_bytes()).collect();
    std::fs::write(docs.join("big.bin"), &big).unwrap();
    let env = Env { clock: Arc::new(TestClock), entropy: Arc::new(TestEntropy(std::sync::Mutex::new(0))) };
    let dir = StateDir::new(tmp.path().join("state"));
    let options = CreateOptions { machine_name: "office server".into(), write_only: false, single_machine: false };
    create(&store, &dir, &env, &options, |_| Ok(())).unwrap();
    let mut repo = Repository::open(store.clone(), dir.clone(), env.clone()).unwrap();
    let source = Source { name: RecordPath::new("Documents").unwrap(), path: docs.clone() };
    let options = BackupOptions::new("documents", vec![source]);
    let first = backup(&mut repo, &options, &Silent, &Stop::default()).unwrap();
    assert_eq!((first.files, first.problems.len()), (2, 0));
    assert!(first.bytes_stored > 17_000_000, "{first:?}");
    let again = backup(&mut repo, &options, &Silent, &Stop::default()).unwrap();
    assert_eq!((again.packs_stored, again.files), (0, 2), "{again:?}");
    std::fs::write(docs.join("Minutes/May.txt"), b"resolved and signed").unwrap();
    std::fs::remove_file(docs.join("big.bin")).unwrap();
    let third = backup(&mut repo, &options, &Silent, &Stop::default()).unwrap();
    assert_eq!((third.files, third.files_gone), (1, 1));

    let mut repo = Repository::open(store, dir, env).unwrap();
    let root_id = repo.state().newest("documents").unwrap().snapshot.root;
    let mut chunks = repo.chunks().unwrap();
    let root = read_root(&mut chunks, &root_id).unwrap();
    let gone = find_entry(&mut chunks, &root.gone, &RecordPath::new("Documents/big.bin").unwrap()).unwrap().unwrap();
    let strongroom::domain::listing::Kind::File(content) = &gone.kind else { panic!() };
    let mut back = vec![];
    for piece in read_pieces(&mut chunks, content).unwrap() {
        back.extend(chunks.read(&piece.chunk().unwrap()).unwrap());
    }
    assert!(back == big);
    let live =
        find_entry(&mut chunks, &root.live, &RecordPath::new("Documents/Minutes/May.txt").unwrap()).unwrap().unwrap();
    assert_eq!(live.size(), 19);
}
