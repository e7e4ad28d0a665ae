//! The sink that writes files: without a name, or under an unfinished one, until a file is complete and its digest is right.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::digest::Digests;
use super::engine::{Sink, locked};
use super::item::{Doing, Item};
use super::look::digest_of;
use super::place::{Places, unusable};
use super::report::RestoreReport;
use super::window::Window;
use crate::domain::id::Digest;
use crate::domain::listing::Meta;
use crate::domain::path::RecordPath;
use crate::domain::problem::{Problem, ProblemKind};
use crate::ops::OpsError;
use crate::ops::Stop;
use crate::ops::fs::partial::{Partial, PartialFile, open_at_most};
use crate::ops::fs::place::{Overwrite, PlaceError, Placed, Target};

enum FileState {
    /// Nothing has come yet.
    Waiting,
    /// Some of it is written; and it open, unless too many are.
    UnderWay(Partial, Option<Held>),
    /// It is done, or it failed and was reported.
    Ended,
}

/// A file that is kept open.
struct Held {
    file: Arc<PartialFile>,
    _room: Room,
}

/// Room for one file more that is kept open.
struct Room(Arc<AtomicUsize>);

impl Room {
    fn new(count: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let room = Self(Arc::clone(count));
        (count.fetch_add(1, Ordering::Relaxed) < most).then_some(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What became of the files of a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// Not finished.
    Open,
    /// In place.
    Done,
    /// Stored data is damaged.
    Damaged,
    /// It could not be written.
    NotWritten,
}

/// Writes the files of one window.
pub(super) struct DiskSink<'a> {
    places: &'a Places,
    items: &'a [Item],
    files: &'a [u32],
    states: Vec<Mutex<FileState>>,
    open: Arc<AtomicUsize>,
    open_at_most: usize,
    fates: Vec<Mutex<Fate>>,
    /// What each file's digest was when it was backed up, where that is known.
    recorded: Vec<Option<Digest>>,
    digests: Digests,
    report: &'a Mutex<RestoreReport>,
}

impl<'a> DiskSink<'a> {
    /// For the files of this window, which are these items in this order, with the digests they had.
    pub fn new(
        places: &'a Places,
        items: &'a [Item],
        files: &'a [u32],
        recorded: Vec<Option<Digest>>,
        report: &'a Mutex<RestoreReport>,
    ) -> Self {
        let states = files.iter().map(|_| Mutex::new(FileState::Waiting)).collect();
        let fates = files.iter().map(|_| Mutex::new(Fate::Open)).collect();
        let asked = files.iter().zip(&recorded).map(|(at, known)| known.map(|_| items[*at as usize].size));
        let digests = Digests::new(asked);
        Self {
            places,
            items,
            files,
            states,
            open: Arc::default(),
            open_at_most: open_at_most(),
            fates,
            recorded,
            digests,
            report,
        }
    }

    /// Takes in the holes of these files.
    ///
    /// # Errors
    /// When it is stopped.
    pub fn holes(&self, window: &Window, stop: &Stop) -> Result<(), OpsError> {
        window.holes.iter().try_for_each(|(file, offset, len)| self.digests.hole(*file, *offset, *len, stop))
    }

    /// What became of each file.
    pub fn fates(self) -> Vec<Fate> {
        self.fates.into_iter().map(|f| f.into_inner().unwrap_or(Fate::NotWritten)).collect()
    }

    fn item(&self, file: u32) -> &'a Item {
        &self.items[self.files[file as usize] as usize]
    }

    fn spot(&self, item: &Item) -> Result<(&'a Target, RecordPath), PlaceError> {
        self.places.open(&item.path).ok_or_else(|| PlaceError::NotAFolder(item.path.clone()))
    }

    /// Begins a file. It is kept open, and needs no name before it is complete, if there is room.
    fn begin(&self, item: &Item) -> Result<(Partial, Arc<PartialFile>, Option<Held>), PlaceError> {
        let ((target, path), size) = (self.spot(item)?, item.size);
        let Some(room) = Room::new(&self.open, self.open_at_most) else {
            let (partial, file) = target.begin_named(&path, size)?;
            return Ok((partial, file, None));
        };
        let (partial, file) = target.begin_open(&path, size)?;
        let held = Held { file: Arc::clone(&file), _room: room };
        Ok((partial, file, Some(held)))
    }

    fn end(&self, file: u32, fate: Fate, problem: Problem) {
        *locked(&self.fates[file as usize]) = fate;
        self.digests.forget(file);
        locked(self.report).fail(problem);
    }

    /// A record that could not be written is a problem; a target that cannot be written at all is the end.
    fn refused(&self, file: u32, e: PlaceError) -> Result<(), OpsError> {
        let problem = refused(self.item(file), e)?;
        self.end(file, Fate::NotWritten, problem);
        Ok(())
    }

    fn finish(&self, file: u32, partial: Partial, open: Option<&PartialFile>) -> Result<(), OpsError> {
        if let Some(recorded) = self.recorded[file as usize] {
            // What was not digested on the way is read back.
            let unread = |source| PlaceError::NotReadBack { path: self.item(file).path.clone(), source };
            let read_back = || digest_of(&partial.read_back()?).map_err(unread);
            match self.digests.found(file).map_or_else(read_back, Ok) {
                Ok(found) if found == recorded => {}
                Ok(_) => return self.another(file),
                Err(e) => return self.refused(file, e),
            }
        }
        self.put(file, |target, path, meta, overwrite| match open {
            Some(open) => target.finish_open(partial, open, path, meta, overwrite),
            None => target.finish_file(partial, path, meta, overwrite),
        })
    }

    /// A file that comes at once: nothing of it is written before its digest is right.
    fn whole(&self, file: u32, bytes: &[u8]) -> Result<(), OpsError> {
        if self.recorded[file as usize].is_some_and(|recorded| Digest::of(bytes) != recorded) {
            return self.another(file);
        }
        self.put(file, |target, path, meta, overwrite| target.put_file(path, bytes, meta, overwrite))
    }

    fn another(&self, file: u32) -> Result<(), OpsError> {
        let detail = "what came back is not what was backed up; it was not put in place";
        self.end(file, Fate::Damaged, Problem::of(&self.item(file).path, ProblemKind::Damaged, detail));
        Ok(())
    }

    /// Puts a file in place whose content is right, and takes note of it.
    fn put(
        &self,
        file: u32,
        place: impl FnOnce(&Target, &RecordPath, &Meta, Overwrite) -> Result<Placed, PlaceError>,
    ) -> Result<(), OpsError> {
        let item = self.item(file);
        let (_, meta) = item.unpack()?;
        let placed = self.spot(item).and_then(|(target, path)| {
            let (overwrite, kept) = make_way(self.places, target, &path, item.doing)?;
            Ok((place(target, &path, &meta, overwrite)?, kept))
        });
        match placed {
            Ok((placed, kept)) => {
                let mut report = locked(self.report);
                report.files += 1;
                report.bytes += item.size;
                report.copies_kept += u64::from(kept);
                report.warn(&item.path, placed.warnings);
                *locked(&self.fates[file as usize]) = Fate::Done;
                Ok(())
            }
            Err(e) => self.refused(file, e),
        }
    }
}

/// Before something is replaced in place, a copy of it is kept.
pub(super) fn make_way(
    places: &Places,
    target: &Target,
    path: &RecordPath,
    doing: Doing,
) -> Result<(Overwrite, bool), PlaceError> {
    if doing != Doing::Replace {
        return Ok((Overwrite::Never, false));
    }
    let Some(suffix) = &places.keep else { return Ok((Overwrite::Always, false)) };
    if target.exists(path)?.is_none() {
        return Ok((Overwrite::Never, false));
    }
    target.keep_copy(path, suffix)?;
    Ok((Overwrite::Always, true))
}

/// The problem that a refusal is.
///
/// # Errors
/// [`OpsError::Target`] when it is about the target as a whole.
pub(super) fn refused(item: &Item, e: PlaceError) -> Result<Problem, OpsError> {
    match e {
        PlaceError::NoSpace(_) | PlaceError::Target { .. } => Err(unusable(e)),
        e => Ok(Problem::of(&item.path, ProblemKind::NotWritten, e.to_string())),
    }
}

impl Sink for DiskSink<'_> {
    fn piece(&self, file: u32, offset: u64, bytes: &[u8]) -> Result<(), OpsError> {
        let mut state = locked(&self.states[file as usize]);
        let opened = match &*state {
            FileState::Waiting if bytes.len() as u64 == self.item(file).size => {
                *state = FileState::Ended;
                drop(state);
                return self.whole(file, bytes);
            }
            FileState::Waiting => match self.begin(self.item(file)) {
                Ok((partial, open, held)) => {
                    *state = FileState::UnderWay(partial, held);
                    Ok(open)
                }
                Err(e) => {
                    *state = FileState::Ended;
                    return self.refused(file, e);
                }
            },
            FileState::UnderWay(_, Some(held)) => Ok(Arc::clone(&held.file)),
            FileState::UnderWay(partial, None) => partial.open(),
            FileState::Ended => return Ok(()),
        };
        drop(state);
        // Another piece of the file may be written at the same time, elsewhere in it.
        match opened.and_then(|open| open.write_at(offset, bytes)) {
            Ok(()) => {
                self.digests.piece(file, offset, bytes);
                Ok(())
            }
            Err(e) => match std::mem::replace(&mut *locked(&self.states[file as usize]), FileState::Ended) {
                FileState::Ended => Ok(()),
                _ => self.refused(file, e),
            },
        }
    }

    fn lost(&self, file: u32, why: &str) {
        let mut state = locked(&self.states[file as usize]);
        if !matches!(*state, FileState::Ended) {
            *state = FileState::Ended;
            self.end(file, Fate::Damaged, Problem::of(&self.item(file).path, ProblemKind::Damaged, why));
        }
    }

    fn complete(&self, file: u32) -> Result<(), OpsError> {
        let state = std::mem::replace(&mut *locked(&self.states[file as usize]), FileState::Ended);
        match state {
            FileState::Ended => Ok(()),
            FileState::UnderWay(partial, held) => self.finish(file, partial, held.as_ref().map(|held| &*held.file)),
            // It is empty, or one hole.
            FileState::Waiting => match self.begin(self.item(file)) {
                Ok((partial, open, _held)) => self.finish(file, partial, Some(&open)),
                Err(e) => self.refused(file, e),
            },
        }
    }
}

#[cfg(test)]
mod tests;
