//! From chunks to packs in the store: compress, seal, prove, put; each stage in threads of its own,
//! with few pieces between them, so that memory is bounded whatever the speed of each.
//!
//! A pack is proved before it is put: opened with a key that lives only as long as this writer, every segment
//! decompressed, every chunk digested. What the journal and the log say is stored, was acknowledged.

mod shared;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use bytes::Bytes;

use super::chunk::{ChunkKey, Head, IndexedPack};
use super::compress::frame_into;
use super::error::RepoError;
use super::lane::{LANES, Lane};
use super::layout::Key;
use super::open_pack::SMALL;
use super::pack::{Directory, PACK_CHUNKS, PACK_TARGET, PackBuilder, PackError, PackReader, SegmentChunk};
use super::seal::{Identity, Recipient, Sealing, head_of};
use super::store::{Created, Store};
use crate::domain::id::{ChunkId, PackName};
use crate::domain::log::entry::StoredPack;
use shared::{Shared, Stage, locked};

/// Chunks are compressed together up to this many raw bytes.
pub const SEGMENT_RAW: usize = 2 << 20;
/// Or so many chunks, so that a pack ends near its limit.
const SEGMENT_CHUNKS: usize = PACK_CHUNKS / 4;

/// Packs on their way at one time are kept in memory: no more of them than fit into this.
const UPLOAD_MEMORY: usize = 96 << 20;

/// Which packs a chunk goes to: listings are kept apart, so that finding one file reads little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Pieces of files.
    Content = 0,
    /// Pages, roots, lists of pieces.
    Listing = 1,
}

/// A pack that has its name: sealed and proved. It is in the store, too, unless [`PackWriter::close`] handed it over.
#[derive(Debug, Clone)]
pub struct WrittenPack {
    /// Name and size.
    pub pack: StoredPack,
    /// What is in it.
    pub indexed: IndexedPack,
}

/// What the writer needs.
pub struct WriterSettings {
    /// Where to.
    pub store: Store,
    /// What packs are sealed to.
    pub reading: Recipient,
    /// The key of chunk ids.
    pub chunk_key: ChunkKey,
    /// Threads that compress.
    pub compressors: usize,
    /// Threads that prove and put.
    pub uploaders: usize,
    /// Called for every pack that is in the store, before anything else learns of it.
    pub acknowledged: Acknowledged,
}

/// Hears of each pack that is in the store.
pub type Acknowledged = Box<dyn Fn(&WrittenPack) -> Result<(), RepoError> + Send + Sync>;

struct RawSegment {
    lane: Lane,
    raw: Vec<u8>,
    chunks: Vec<SegmentChunk>,
}

enum Task {
    Segment(u64, RawSegment),
    Close(u64),
}

enum Framed {
    /// As it is; or compressed, with its length before: its bytes are gone then.
    Segment(RawSegment, Option<(Vec<u8>, u32)>),
    Close,
}

/// Writes chunks to packs. Dropping it without `finish` leaves what was put as orphans for prune or a later run.
pub struct PackWriter {
    shared: Arc<Shared>,
    tasks: Option<SyncSender<Task>>,
    threads: Vec<JoinHandle<()>>,
    open: [RawSegment; 3],
    sequence: u64,
    session: Identity,
}

fn empty(lane: Lane, mut raw: Vec<u8>) -> RawSegment {
    raw.clear();
    RawSegment { lane, raw, chunks: vec![] }
}

impl PackWriter {
    /// Starts the threads.
    pub fn start(settings: WriterSettings) -> Self {
        let shared = Arc::new(Shared::default());
        let session = Identity::generate();
        let (tasks, task_queue) = sync_channel(1);
        let (frames, frame_queue) = sync_channel(1);
        let (packs, pack_queue) = sync_channel(0);
        let task_queue = Arc::new(Mutex::new(task_queue));
        let pack_queue = Arc::new(Mutex::new(pack_queue));
        let settings = Arc::new((settings, session.clone()));
        let mut threads = vec![];
        for _ in 0..settings.0.compressors.max(1) {
            let (shared, queue, out) = (Arc::clone(&shared), Arc::clone(&task_queue), frames.clone());
            threads.push(std::thread::spawn(move || compress(&shared, &queue, &out)));
        }
        drop(frames);
        {
            let (shared, settings) = (Arc::clone(&shared), Arc::clone(&settings));
            threads.push(std::thread::spawn(move || {
                let recipients = [&settings.0.reading, &settings.1.recipient()];
                assemble(&shared, &frame_queue, &packs, &recipients);
            }));
        }
        for _ in 0..settings.0.uploaders.clamp(1, UPLOAD_MEMORY / PACK_TARGET) {
            let (shared, queue, settings) = (Arc::clone(&shared), Arc::clone(&pack_queue), Arc::clone(&settings));
            threads.push(std::thread::spawn(move || upload(&shared, &queue, &settings.0, &settings.1)));
        }
        let open = LANES.map(|lane| empty(lane, vec![]));
        Self { shared, tasks: Some(tasks), threads, open, sequence: 0, session }
    }

    /// Adds a chunk that is not stored yet.
    ///
    /// # Errors
    /// The first failure of any stage.
    pub fn add(&mut self, stream: Stream, id: ChunkId, bytes: &[u8]) -> Result<(), RepoError> {
        let lane = Lane::of(stream, bytes);
        let open = &self.open[lane as usize];
        if !open.raw.is_empty() && open.raw.len() + bytes.len() > SEGMENT_RAW + SEGMENT_RAW / 4 {
            self.send_segment(lane)?;
        }
        let open = &mut self.open[lane as usize];
        open.raw.extend_from_slice(bytes);
        open.chunks.push(SegmentChunk { id, len: bytes.len() as u32 });
        let full = open.raw.len() >= SEGMENT_RAW || open.chunks.len() >= SEGMENT_CHUNKS;
        if full { self.send_segment(lane) } else { Ok(()) }
    }

    fn send_segment(&mut self, lane: Lane) -> Result<(), RepoError> {
        if self.open[lane as usize].chunks.is_empty() {
            return Ok(());
        }
        let fresh = empty(lane, self.shared.raw.take());
        let segment = std::mem::replace(&mut self.open[lane as usize], fresh);
        let sequence = self.sequence;
        self.send(Task::Segment(sequence, segment))
    }

    fn send(&mut self, task: Task) -> Result<(), RepoError> {
        self.check()?;
        self.sequence += 1;
        self.shared.count(1, 0);
        let sent = self.tasks.as_ref().is_some_and(|t| t.send(task).is_ok());
        if sent { Ok(()) } else { Err(self.take_error()) }
    }

    fn check(&self) -> Result<(), RepoError> {
        if self.shared.failed.load(Ordering::SeqCst) { Err(self.take_error()) } else { Ok(()) }
    }

    fn take_error(&self) -> RepoError {
        locked(&self.shared.error).take().unwrap_or(RepoError::Interrupted)
    }

    /// Closes what is open and waits until all packs have their names: those that were not handed over yet, some of
    /// them still on their way to the store. [`PackWriter::flush`] hands them over.
    ///
    /// # Errors
    /// The first failure of any stage.
    pub fn close(&mut self) -> Result<Vec<WrittenPack>, RepoError> {
        LANES.into_iter().try_for_each(|lane| self.send_segment(lane))?;
        let sequence = self.sequence;
        self.send(Task::Close(sequence))?;
        self.shared.wait_until(|(nameless, _)| *nameless == 0);
        self.check()?;
        Ok(locked(&self.shared.named).iter().map(|(written, _)| written.clone()).collect())
    }

    /// Closes what is open, waits until everything added so far is in the store, and hands over the packs
    /// written since the last time.
    ///
    /// # Errors
    /// The first failure of any stage.
    pub fn flush(&mut self) -> Result<Vec<WrittenPack>, RepoError> {
        self.close()?;
        self.shared.wait_until(|under_way| *under_way == (0, 0));
        self.check()?;
        Ok(self.take_written())
    }

    /// The packs that are in the store and were not handed over yet, without waiting.
    pub fn take_written(&self) -> Vec<WrittenPack> {
        locked(&self.shared.named).extract_if(.., |(_, there)| *there).map(|(written, _)| written).collect()
    }

    /// Brings a pack of this writer back from the store and proves it again, with the key of this run.
    ///
    /// # Errors
    /// [`RepoError::Pack`]; faults of the store.
    pub fn prove_back(&self, store: &Store, pack: &WrittenPack, key: &ChunkKey) -> Result<u64, RepoError> {
        let name = pack.pack.name;
        let stored = store.get(&Key::Pack(name))?;
        let directory = Directory { segments: pack.indexed.segments.clone() };
        let proved = PackReader::open(&name, stored, std::slice::from_ref(&self.session))
            .and_then(|mut reader| reader.verify_all(&directory, key));
        proved.map_err(|error| RepoError::Pack { name, error })
    }
}

impl Drop for PackWriter {
    fn drop(&mut self) {
        self.tasks = None;
        self.shared.failed.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn next<T>(queue: &Mutex<Receiver<T>>) -> Option<T> {
    locked(queue).recv().ok()
}

fn compress(shared: &Shared, queue: &Mutex<Receiver<Task>>, out: &SyncSender<(u64, Framed)>) {
    let _stage = Stage(shared);
    while let Some(task) = next(queue) {
        let framed = match task {
            Task::Close(sequence) => (sequence, Framed::Close),
            Task::Segment(sequence, mut segment) => {
                let framed = segment.lane.compresses().then(|| {
                    let mut frame = shared.frames.take();
                    frame_into(&segment.raw, &mut frame).map(|()| (frame, segment.raw.len() as u32))
                });
                match framed.transpose() {
                    Ok(frame) => {
                        if frame.is_some() {
                            shared.raw.give(std::mem::take(&mut segment.raw));
                        }
                        (sequence, Framed::Segment(segment, frame))
                    }
                    Err(e) => {
                        shared.fail(RepoError::Index(e.to_string()));
                        (sequence, Framed::Close)
                    }
                }
            }
        };
        if out.send(framed).is_err() {
            return;
        }
    }
}

/// Seals segments into packs in the order in which their chunks came.
fn assemble(
    shared: &Shared,
    queue: &Receiver<(u64, Framed)>,
    packs: &SyncSender<PackBuilder<Sealing>>,
    recipients: &[&Recipient],
) {
    let _stage = Stage(shared);
    let mut early: BTreeMap<u64, Framed> = BTreeMap::new();
    let mut expected = 0;
    let mut builders = [None, None];
    while let Ok((sequence, framed)) = queue.recv() {
        early.insert(sequence, framed);
        while let Some(framed) = early.remove(&expected) {
            expected += 1;
            let sent = match framed {
                Framed::Segment(segment, frame) => {
                    let slot = &mut builders[segment.lane.stream() as usize];
                    if let Err(e) = add_segment(slot, segment, frame, shared, recipients) {
                        return shared.fail(unnamed(e));
                    }
                    !slot.as_ref().is_some_and(PackBuilder::is_full) || send_pack(shared, packs, slot.take())
                }
                Framed::Close => builders.iter_mut().all(|slot| send_pack(shared, packs, slot.take())),
            };
            if !sent {
                return;
            }
            shared.count(-1, 0);
        }
    }
}

/// Adds a segment to a pack, which is begun if there is none.
fn add_segment(
    slot: &mut Option<PackBuilder<Sealing>>,
    segment: RawSegment,
    frame: Option<(Vec<u8>, u32)>,
    shared: &Shared,
    recipients: &[&Recipient],
) -> Result<(), PackError> {
    let RawSegment { raw, chunks, .. } = segment;
    let mut builder = match slot.take() {
        Some(builder) => builder,
        None => PackBuilder::sealing(shared.sealed.take(), recipients)?,
    };
    match frame {
        Some((frame, raw)) => {
            builder.add(&frame, raw, chunks)?;
            shared.frames.give(frame);
        }
        None => {
            builder.add_as_it_is(&raw, chunks)?;
            shared.raw.give(raw);
        }
    }
    *slot = Some(builder);
    Ok(())
}

fn send_pack(shared: &Shared, packs: &SyncSender<PackBuilder<Sealing>>, pack: Option<PackBuilder<Sealing>>) -> bool {
    let Some(pack) = pack else { return true };
    shared.count(1, 0);
    packs.send(pack).is_ok()
}

fn upload(
    shared: &Shared,
    queue: &Mutex<Receiver<PackBuilder<Sealing>>>,
    settings: &WriterSettings,
    session: &Identity,
) {
    let _stage = Stage(shared);
    while let Some(builder) = next(queue) {
        let going_on = !shared.failed.load(Ordering::SeqCst);
        let proved = going_on.then(|| prove_one(builder, shared, settings, session).map_err(|e| shared.fail(e)));
        let Some(Ok((written, stored))) = proved else {
            shared.count(-1, 0);
            continue;
        };
        let name = written.pack.name;
        locked(&shared.named).push((written.clone(), false));
        shared.count(-1, 1);
        match put_one(&written, stored, shared, settings) {
            Ok(()) => locked(&shared.named).iter_mut().filter(|(w, _)| w.pack.name == name).for_each(|w| w.1 = true),
            Err(e) => shared.fail(e),
        }
        shared.count(0, -1);
    }
}

/// A pack that has no name yet failed.
fn unnamed(error: PackError) -> RepoError {
    RepoError::Pack { name: PackName::new([0; 32]), error }
}

/// Ends a pack and proves it.
fn prove_one(
    builder: PackBuilder<Sealing>,
    shared: &Shared,
    settings: &WriterSettings,
    session: &Identity,
) -> Result<(WrittenPack, Bytes), RepoError> {
    let mut turn = locked(&shared.proving);
    let (sealing, directory) = builder.finish().map_err(unnamed)?;
    let stored = sealing.finish().map_err(|e| unnamed(e.into()))?.freeze();
    let name = PackName::of(&stored);
    let mut reader = PackReader::of_sealed(stored.clone(), session).map_err(unnamed)?;
    let proved = reader.verify_with(&directory, &settings.chunk_key, &mut turn);
    proved.map_err(|error| RepoError::Pack { name, error })?;
    let pack = StoredPack { name, size: stored.len() as u64 };
    let head = head_of(&stored).filter(|_| pack.size > SMALL).map(|head| Head(head.to_vec()));
    let indexed = IndexedPack { name, segments: directory.segments, head };
    Ok((WrittenPack { pack, indexed }, stored))
}

fn put_one(written: &WrittenPack, stored: Bytes, shared: &Shared, settings: &WriterSettings) -> Result<(), RepoError> {
    let name = written.pack.name;
    if settings.store.create(&Key::Pack(name), &stored)? == Created::Taken {
        return Err(RepoError::Pack { name, error: PackError::Digest });
    }
    if let Ok(buffer) = stored.try_into_mut() {
        shared.sealed.give(buffer);
    }
    (settings.acknowledged)(written)
}
