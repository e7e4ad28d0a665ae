//! What is on its way at one time, and what is sent again after a cut: by counting, over a store in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
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

/// So many calls about these folders wait for each other: whoever makes them one by one waits for ever.
struct Meeting {
    folders: &'static [&'static str],
    size: usize,
    begun: AtomicUsize,
    barrier: Barrier,
}

impl Meeting {
    fn of(folders: &'static [&'static str], size: usize) -> Self {
        Self { folders, size, begun: AtomicUsize::default(), barrier: Barrier::new(size) }
    }
}

/// A store in which such meetings take place, one after the other, from the first pack that is put.
#[derive(Clone)]
struct Together {
    inner: Arc<InMemory>,
    meetings: Arc<Vec<Meeting>>,
}

impl Together {
    async fn meet(&self, verb: &str, name: &str) {
        let all = &self.meetings;
        let Some(next) = all.iter().find(|m| m.begun.load(Ordering::SeqCst) < m.size) else { return };
        let begins = verb == "put" || !std::ptr::eq(next, &all[0]);
        let asked = next.folders.iter().any(|folder| name.starts_with(folder));
        if begins && asked && next.begun.fetch_add(1, Ordering::SeqCst) < next.size {
            next.barrier.wait().await;
        }
    }

    fn over(world: &World, meetings: Vec<Meeting>) -> Repository {
        let together = Self { inner: Arc::clone(&world.memory), meetings: Arc::new(meetings) };
        let handle = world.runtime.handle().clone();
        let store = Store::new(Arc::new(together), Path::default(), handle, "memory".into(), false);
        // Long enough to make a pack however busy the machine is; where they go one by one, the end of the test.
        let store = store.with_patience(Duration::from_secs(60));
        Repository::open(store, world.dir(), world.env()).unwrap()
    }
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
        self.meet("put", to.as_ref()).await;
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
        let (this, name) = (self.clone(), prefix.map(ToString::to_string).unwrap_or_default());
        let listed = self.inner.list(prefix);
        let after = async move {
            this.meet("list", &name).await;
            listed
        };
        futures::stream::once(after).flatten().boxed()
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
    let mut repo = Together::over(&world, vec![Meeting::of(&["packs"], connections)]);
    let options = BackupOptions { connections, ..world.options() };
    let report = backup(&mut repo, &options, &Silent, &Stop::default()).unwrap();
    assert!(report.packs_stored >= 3, "{report:?}");
}

/// Five answers are waited for one after the other: the end of the log, the last packs and the index that describes them,
/// the entry that tells of both and what the store lists meanwhile, the snapshot, and its entry read back.
#[test]
fn a_week_waits_for_no_more_answers_one_after_the_other_than_it_must() {
    let world = World::new();
    world.create();
    world.write("a.txt", "minutes");
    world.backup().unwrap();
    world.write("b.txt", "more minutes");
    // Content and listing make a pack each.
    let together = vec![Meeting::of(&["packs", "index"], 3), Meeting::of(&["log", "packs"], 2)];
    let mut repo = Together::over(&world, together);
    let report = backup(&mut repo, &world.options(), &Silent, &Stop::default()).unwrap();
    assert_eq!((report.files_read, report.packs_stored), (2, 2));
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
