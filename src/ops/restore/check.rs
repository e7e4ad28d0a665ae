//! Bringing everything back to nowhere: the real way from the store, every chunk and every digest checked.
//!
//! Packs are delivered in order, so that nearly all files can be digested as they come. Pieces that come
//! early wait within a budget; a file that does not fit is brought back a second time by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::cat::pour;
use super::engine::{How, Order, Sink, locked, run};
use super::part::Whole;
use super::window::Window;
use crate::domain::id::Digest;
use crate::domain::listing::{Content, Entry, Kind, Pieces};
use crate::domain::path::RecordPath;
use crate::domain::problem::{Problem, ProblemKind};
use crate::ops::{Monitor, OpsError, Stop};
use crate::repo::listing::read_pieces;
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;

/// Bytes of pieces that wait for earlier ones.
const WAITING: usize = 16 << 20;
/// A window of a check is closed at so many pieces, and at so many files: 7 GiB in small chunks, and a few packs more that
/// are fetched twice, cost less than the memory would.
const MOST_NEEDS: usize = 60_000;
const MOST_FILES: usize = 20_000;
/// Packs fetched at the same time.
const CONNECTIONS: usize = 2;

/// What was brought back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Regular files that came back as they were.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The numbers of all packs that were read, fully or partly.
    pub packs: Vec<u32>,
    /// Files that did not come back as they were.
    pub failed: Vec<Lost>,
}

/// A file that did not come back as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Which, and why.
    pub problem: Problem,
    /// The numbers of the packs it needs, as far as they are known.
    pub packs: Vec<u32>,
}

/// Hands out the next entry; it may read listings for it.
pub type NextEntry<'n> = &'n mut dyn FnMut(&mut ChunkReader<'_>) -> Result<Option<Entry>, OpsError>;

/// Brings the content of these entries back from the store and checks it. Nothing is written anywhere.
///
/// # Errors
/// As [`check_stream`].
pub fn check_entries(
    repo: &mut Repository,
    entries: impl IntoIterator<Item = Entry>,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<CheckReport, OpsError> {
    let mut entries = entries.into_iter();
    check_stream(repo, &mut |_| Ok(entries.next()), None, monitor, stop)
}

/// The same for entries that come one by one. With `whole`, every pack that is opened is tested from end to end.
///
/// # Errors
/// `CannotRead` without the reading identity; faults of the store; `Interrupted`; whatever `next` returns. Damage
/// is in the report.
pub fn check_stream(
    repo: &mut Repository,
    next: NextEntry<'_>,
    whole: Option<&Whole>,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<CheckReport, OpsError> {
    let mut chunks = repo.chunks()?;
    let mut report = CheckReport::default();
    let mut packs = BTreeSet::new();
    let mut more = true;
    while more {
        let (mut window, mut files) = (Window::default(), vec![]);
        while window.needs.len() < MOST_NEEDS && window.left.len() < MOST_FILES {
            stop.check()?;
            let Some(entry) = next(&mut chunks)? else {
                more = false;
                break;
            };
            if let Kind::File(content) = entry.kind {
                window.add(&mut chunks, &content)?;
                files.push(Mutex::new(Checked::new(entry.path, content)));
            }
        }
        packs.extend(&window.packs);
        let sink = CheckSink { files, waiting: AtomicUsize::new(0) };
        let how = How { order: Order::ByPack, connections: CONNECTIONS, whole };
        run(chunks.repository(), window, &sink, how, monitor, stop)?;
        for file in sink.files {
            let file = file.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            file.settle(&mut chunks, &mut report, monitor, stop)?;
        }
    }
    report.packs = packs.into_iter().collect();
    Ok(report)
}

/// One file on its way.
struct Checked {
    path: RecordPath,
    content: Content,
    /// How far it was digested.
    at: u64,
    /// While it is on its way: a hasher is large, and there may be very many files.
    hasher: Option<Box<blake3::Hasher>>,
    /// Once all of it has come.
    found: Option<Digest>,
    early: BTreeMap<u64, Vec<u8>>,
    /// It has holes or came too far out of order: brought back by itself at the end.
    again: bool,
    lost: Option<String>,
}

struct CheckSink {
    files: Vec<Mutex<Checked>>,
    waiting: AtomicUsize,
}

impl Checked {
    fn new(path: RecordPath, content: Content) -> Self {
        let holes = match &content.pieces {
            Pieces::Inline(pieces) => pieces.iter().any(|p| p.chunk().is_none()),
            Pieces::Listed(_) => false,
        };
        let again = holes && content.digest.is_some();
        Self { path, content, at: 0, hasher: None, found: None, early: BTreeMap::new(), again, lost: None }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.hasher.get_or_insert_default().update(bytes);
        self.at += bytes.len() as u64;
    }

    /// Forgets what came so far. Gives back how many bytes were waiting.
    fn give_up(&mut self) -> usize {
        self.hasher = None;
        std::mem::take(&mut self.early).values().map(Vec::len).sum()
    }

    fn settle(
        mut self,
        chunks: &mut ChunkReader<'_>,
        report: &mut CheckReport,
        monitor: &dyn Monitor,
        stop: &Stop,
    ) -> Result<(), OpsError> {
        if self.lost.is_none()
            && let Some(recorded) = self.content.digest
        {
            let found = match self.found.filter(|_| !self.again) {
                Some(found) => Ok(found),
                None => read_pieces(chunks, &self.content)
                    .map_err(OpsError::from)
                    .and_then(|pieces| pour(chunks, &pieces, stop, &mut |_| Ok(()))),
            };
            self.lost = match found {
                Ok(found) if found == recorded => None,
                Ok(_) => Some("what came back is not what was backed up".into()),
                Err(OpsError::Repo(e)) if e.is_damage() => Some(e.to_string()),
                Err(e) => return Err(e),
            };
        }
        match self.lost {
            None => {
                report.files += 1;
                report.bytes += self.content.size;
            }
            Some(why) => {
                let problem = Problem::of(&self.path, ProblemKind::Damaged, why);
                monitor.problem(&problem);
                let ids = read_pieces(chunks, &self.content).unwrap_or_default();
                let mut packs: Vec<u32> =
                    ids.iter().filter_map(|p| p.chunk()).filter_map(|id| chunks.pack_of(&id)).collect();
                packs.sort_unstable();
                packs.dedup();
                report.failed.push(Lost { problem, packs });
            }
        }
        Ok(())
    }
}

impl Sink for CheckSink {
    fn piece(&self, file: u32, offset: u64, bytes: &[u8]) -> Result<(), OpsError> {
        let mut file = locked(&self.files[file as usize]);
        if file.content.digest.is_none() || file.again || file.lost.is_some() {
            return Ok(());
        }
        if offset != file.at {
            if self.waiting.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len() > WAITING {
                let freed = file.give_up() + bytes.len();
                self.waiting.fetch_sub(freed, Ordering::Relaxed);
                file.again = true;
            } else {
                file.early.insert(offset, bytes.to_vec());
            }
            return Ok(());
        }
        file.take(bytes);
        loop {
            let at = file.at;
            let Some(next) = file.early.remove(&at) else { return Ok(()) };
            self.waiting.fetch_sub(next.len(), Ordering::Relaxed);
            file.take(&next);
        }
    }

    fn lost(&self, file: u32, why: &str) {
        let mut file = locked(&self.files[file as usize]);
        self.waiting.fetch_sub(file.give_up(), Ordering::Relaxed);
        file.lost.get_or_insert_with(|| why.into());
    }

    fn complete(&self, file: u32) -> Result<(), OpsError> {
        let mut file = locked(&self.files[file as usize]);
        let whole = file.at == file.content.size && file.early.is_empty();
        if let Some(hasher) = file.hasher.take().filter(|_| whole) {
            file.found = Some(Digest::new(*hasher.finalize().as_bytes()));
        }
        Ok(())
    }
}
