//! What is on its way at one time, and what is sent again after a cut: by counting, over a store in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
use strongroom::ops::backup::{BackupOptions, backup};
use strongroom::ops::{Silent, Stop};
use strongroom::repo::repository::Repository;
use strongroom::repo::store::Store;
use strongroom::testing::{Fault, Plan};
use tokio::sync::Barrier;

use crate::support::world::World;

/// Puts of the first packs wait for each other: whoever sends them one by one waits for ever.
struct Together {
    inner: Arc<InMemory>,
    first: usize,
    begun: AtomicUsize,
    barrier: Barrier,
}

impl fmt::Debug for Together {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("together")
    }
}
impl fmt::Display for Together {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("together")
    }
}

#[async_trait]
impl ObjectStore for Together {
    async fn put_opts(&self, to: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if to.as_ref().starts_with("packs/") && self.begun.fetch_add(1, Ordering::SeqCst) < self.first {
            self.barrier.wait().await;
        }
        self.inner.put_opts(to, payload, options).await
    }
    async fn put_multipart_opts(&self, to: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(to, options).await
    }
    async fn get_opts(&self, from: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(from, options).await
    }
    fn delete_stream(&self, all: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(all)
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

fn noise(world: &World, documents: u8) {
    for n in 0..documents {
        let mut bytes = vec![0; 1 << 20];
        blake3::Hasher::new().update(&[n]).finalize_xof().fill(&mut bytes);
        world.write(&format!("Plans/{n:02}.jpg"), bytes);
    }
}

#[test]
fn as_many_packs_are_on_their_way_as_there_are_connections() {
    let world = World::new();
    world.create();
    noise(&world, 34);
    let connections = 2;
    let (inner, barrier) = (Arc::clone(&world.memory), Barrier::new(connections));
    let together = Together { inner, first: connections, begun: AtomicUsize::default(), barrier };
    let handle = world.runtime.handle().clone();
    let store = Store::new(Arc::new(together), Path::default(), handle, "memory".into(), false);
    // Long enough to make a pack however busy the machine is; where they go one by one, the end of the test.
    let store = store.with_patience(Duration::from_secs(60));
    let mut repo = Repository::open(store, world.dir(), world.env()).unwrap();
    let options = BackupOptions { connections, ..world.options() };
    let report = backup(&mut repo, &options, &Silent, &Stop::default()).unwrap();
    assert!(report.packs_stored >= 3, "{report:?}");
}

/// Packs that were sent, with their sizes; each once.
fn sent(world: &World) -> BTreeMap<String, u64> {
    let record = world.faults.record();
    let puts: Vec<&String> = record.iter().filter(|call| call.starts_with("create packs/")).collect();
    let split = |call: &&String| {
        let mut words = call.split(' ').skip(1);
        (words.next().unwrap().to_owned(), words.next().unwrap().parse::<u64>().unwrap())
    };
    let all: BTreeMap<String, u64> = puts.iter().map(split).collect();
    assert_eq!(all.len(), puts.len(), "no pack is sent twice: {record:?}");
    all
}

/// A run that was cut off at a pack: the next one sends what is missing, and of what was sent only what was on its way.
#[test]
fn after_a_cut_no_pack_that_arrived_is_sent_again() {
    for (pack, fault) in [(1, Fault::StopBefore), (1, Fault::StopAfter), (2, Fault::StopBefore)] {
        let world = World::new();
        world.create();
        noise(&world, 34);
        let mut repo = world.open().unwrap();
        // One call before the first pack: which packs there are.
        world.faults.restart(Plan::at(1 + pack, fault));
        let options = BackupOptions { connections: 1, ..world.options() };
        assert!(backup(&mut repo, &options, &Silent, &Stop::default()).is_err());
        drop(repo);
        let before = sent(&world);
        assert_eq!(before.len(), pack + 1, "{:?}", world.faults.record());
        world.faults.restart(Plan::none());
        let mut repo = world.open().unwrap();
        backup(&mut repo, &options, &Silent, &Stop::default()).unwrap();
        let after = sent(&world);
        let name = |n: &strongroom::domain::id::PackName| strongroom::repo::layout::Key::Pack(*n).to_string();
        let used: BTreeSet<String> = repo.state().packs.iter().map(|p| name(&p.pack.name)).collect();
        let stored: u64 = repo.state().packs.iter().map(|p| p.pack.size).sum();
        let twice: Vec<&String> = before.keys().filter(|n| !used.contains(*n)).collect();
        assert_eq!(twice.len(), 1, "the one that was on its way: {twice:?}");
        assert!(after.keys().all(|n| used.contains(n) && !before.contains_key(n)));
        let all: u64 = before.values().chain(after.values()).sum();
        assert_eq!(all, stored + before[twice[0]], "{pack} {fault:?}");
    }
}
