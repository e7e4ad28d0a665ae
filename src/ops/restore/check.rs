//! Bringing everything back to nowhere: the real way from the store, every chunk and every digest checked.
//!
//! Each pack is fetched once for all files of a window, whatever the order of their pieces; a file of which too much would
//! have to be kept for its digest is brought back a second time by itself.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::cat::pour;
use super::digest::Digests;
use super::engine::{How, Sink, locked, run};
use super::part::Whole;
use super::window::Window;
use crate::domain::id::Digest;
use crate::domain::listing::{Content, Entry, Kind};
use crate::domain::path::RecordPath;
use crate::domain::problem::{Problem, ProblemKind};
use crate::ops::{Monitor, OpsError, Stop};
use crate::repo::listing::read_pieces;
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;

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
    /// Which of the entries that were handed out, from 0.
    pub nth: u64,
    /// Its length.
    pub size: u64,
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
    let mut report = CheckReport::default();
    check_into(repo, next, whole, &mut report, monitor, stop)?;
    Ok(report)
}

/// The same. What was found before an error is in the report.
///
/// # Errors
/// As [`check_stream`].
pub fn check_into(
    repo: &mut Repository,
    next: NextEntry<'_>,
    whole: Option<&Whole>,
    report: &mut CheckReport,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<(), OpsError> {
    let mut chunks = repo.chunks()?;
    let (mut packs, mut nth, mut more) = (BTreeSet::new(), 0, true);
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
                files.push(Checked { nth, path: entry.path, content });
            }
            nth += 1;
        }
        packs.extend(&window.packs);
        let asked = files.iter().map(|f| f.content.digest.map(|_| f.content.size));
        let lost = files.iter().map(|_| Mutex::new(None)).collect();
        let sink = CheckSink { digests: Digests::new(asked), lost };
        for (file, offset, len) in std::mem::take(&mut window.holes) {
            stop.check()?;
            sink.digests.hole(file, offset, len, stop)?;
        }
        chunks.rest();
        run(chunks.repository(), window, &sink, How { connections: CONNECTIONS, whole }, monitor, stop)?;
        for (number, file) in files.into_iter().enumerate() {
            let lost = locked(&sink.lost[number]).take();
            let found = sink.digests.found(number as u32);
            file.settle(lost, found, &mut chunks, report, monitor, stop)?;
        }
    }
    report.packs = packs.into_iter().collect();
    Ok(())
}

/// One file on its way.
struct Checked {
    nth: u64,
    path: RecordPath,
    content: Content,
}

struct CheckSink {
    digests: Digests,
    lost: Vec<Mutex<Option<String>>>,
}

impl Checked {
    /// `found`: its digest, where it could be told as its pieces came.
    fn settle(
        self,
        lost: Option<String>,
        found: Option<Digest>,
        chunks: &mut ChunkReader<'_>,
        report: &mut CheckReport,
        monitor: &dyn Monitor,
        stop: &Stop,
    ) -> Result<(), OpsError> {
        let mut lost = lost;
        if lost.is_none()
            && let Some(recorded) = self.content.digest
        {
            let found = match found {
                Some(found) => Ok(found),
                None => read_pieces(chunks, &self.content)
                    .map_err(OpsError::from)
                    .and_then(|pieces| pour(chunks, &pieces, stop, &mut |_| Ok(()))),
            };
            lost = match found {
                Ok(found) if found == recorded => None,
                Ok(_) => Some("what came back is not what was backed up".into()),
                Err(OpsError::Repo(e)) if e.is_damage() => Some(e.to_string()),
                Err(e) => return Err(e),
            };
        }
        let size = self.content.size;
        let Some(why) = lost else {
            report.files += 1;
            report.bytes += size;
            return Ok(());
        };
        let problem = Problem::of(&self.path, ProblemKind::Damaged, why);
        monitor.problem(&problem);
        let ids = read_pieces(chunks, &self.content).unwrap_or_default();
        let mut packs: Vec<u32> = ids.iter().filter_map(|p| p.chunk()).filter_map(|id| chunks.pack_of(&id)).collect();
        packs.sort_unstable();
        packs.dedup();
        report.failed.push(Lost { problem, packs, nth: self.nth, size });
        Ok(())
    }
}

impl Sink for CheckSink {
    fn piece(&self, file: u32, offset: u64, bytes: &[u8]) -> Result<(), OpsError> {
        self.digests.piece(file, offset, bytes);
        Ok(())
    }

    fn lost(&self, file: u32, why: &str) {
        self.digests.forget(file);
        locked(&self.lost[file as usize]).get_or_insert_with(|| why.into());
    }

    fn complete(&self, _: u32) -> Result<(), OpsError> {
        Ok(())
    }
}
