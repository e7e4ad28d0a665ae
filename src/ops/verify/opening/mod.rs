//! Does what comes back still open? The documents of a test restore land in a private folder, by the real engine,
//! and are examined there.
//!
//! The alarm is relative: a document is *spoiled* when it is live, does not open, and an earlier version of it did.
//! One that never opened since it is backed up is counted. Nothing here can end a test restore: what cannot be
//! examined is said to be skipped, and documents then come back to nowhere, as before.
//!
//! A run opens every live document that the packs of its plan complete and of which nothing is known yet; what it
//! cannot finish stays in the queue: packs that were tested and of which not every document was opened.

mod accepted;
mod earlier;
mod incident;
mod memory;
mod scratch;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use crate::domain::id::SnapshotId;
use crate::domain::listing::Entry;
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::IncidentKind;
use crate::domain::log::proofs::Opened;
use crate::domain::path::RecordPath;
use crate::ops::monitor::{Monitor, Stop};
use crate::ops::sound::{Program, Verdict};
use crate::repo::repository::Repository;

use earlier::Before;
use memory::{Memory, key_of};
use scratch::Scratch;
pub(super) use scratch::{Landed, Room, fits};

pub use accepted::accept;
pub use incident::SEVERAL;
pub use memory::any_spoiled;
pub use scratch::clear as clear_scratch;

/// No run opens documents for longer.
const MOST_TIME: SignedDuration = SignedDuration::from_hours(1);
/// Documents for which earlier versions are looked up in one run; the others wait for the next.
const MOST_COMPARED: usize = 200;

/// How to examine what comes back.
#[derive(Debug, Clone)]
pub struct SoundOptions {
    /// Who examines.
    pub program: Program,
    /// A folder of our own on this computer, wiped before and after.
    pub scratch: PathBuf,
}

/// What was examined, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opening {
    /// Structurally sound.
    pub sound: u64,
    /// Live, damaged now, and sound in an earlier version.
    pub damaged: u64,
    /// Live, no longer what their names say, and sound in an earlier version.
    pub not_its_name: u64,
    /// Damaged, or not what their names say, in every version that is kept; or of a version that is no longer live.
    pub never_sound: u64,
    /// Encrypted, too large, of other kinds.
    pub not_checkable: u64,
    /// Of these, examinations that did not end.
    pub unended: u64,
    /// Live documents that this run was to open and did not: the next goes on with them.
    pub waiting: u64,
    /// The incident that several documents with other content than their names say are part of, while it is open.
    pub incident: Option<u64>,
    /// That incident speaks of these documents alone, not of a mass change.
    pub several: bool,
    /// Why nothing, or not all, could be examined.
    pub skipped: Option<String>,
    /// When documents were last examined before this run.
    pub last: Option<Timestamp>,
}

impl Opening {
    /// The same for the log.
    pub fn for_the_log(&self) -> Opened {
        Opened {
            sound: self.sound,
            damaged: self.damaged,
            not_its_name: self.not_its_name,
            never_sound: self.never_sound,
            not_checkable: self.not_checkable,
            skipped: self.skipped.is_some(),
        }
    }

    /// Documents of which something could be said.
    pub fn examined(&self) -> u64 {
        self.sound + self.damaged + self.not_its_name + self.never_sound
    }
}

/// A live document that no longer opens. The backup is faithful: it was damaged before it was backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoiled {
    /// Which.
    pub path: RecordPath,
    /// What is wrong with it.
    pub why: String,
    /// Its content is no longer what its name says, as after an attack.
    pub not_its_name: bool,
    /// The newest snapshot in which it was sound.
    pub sound_in: SnapshotId,
    /// And when that was.
    pub sound_at: Timestamp,
    /// The incident that it is part of.
    pub incident: Option<u64>,
}

/// What a run is to open for the first time.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// Packs whose documents it is to open.
    pub homes: Bits,
    /// Of these, packs of which documents were left for another time; and how many documents.
    pub left: Bits,
    pub waiting: u64,
    /// The documents, each by its newest pack.
    pub documents: Vec<(u32, Entry)>,
}

/// A document that came back, and whether it is what is live now.
pub(super) struct Document<'e> {
    pub entry: &'e Entry,
    pub live: bool,
}

/// One run's examination.
pub(super) struct Opener {
    scratch: Option<Scratch>,
    memory: Memory,
    counts: Opening,
    compared: usize,
    began: Timestamp,
}

impl Opener {
    /// Takes the scratch folder, or notes why it cannot.
    pub fn begin(options: &SoundOptions, repo: &Repository) -> Self {
        let memory = Memory::load(repo);
        let mut counts = Opening { last: memory.last, ..Opening::default() };
        let scratch = match Scratch::begin(options) {
            Ok(scratch) => Some(scratch),
            Err(why) => {
                counts.skipped = Some(why);
                None
            }
        };
        Self { scratch, memory, counts, compared: 0, began: repo.env.clock.now() }
    }

    /// Whether every live document that this pack completes was opened once.
    pub fn has_opened(&self, pack: u32) -> bool {
        self.memory.opened.contains(pack)
    }

    /// Whether documents can be opened at all.
    pub fn is_able(&self) -> bool {
        self.scratch.is_some()
    }

    /// Whether something would be learnt by opening this document.
    pub fn wants(&self, entry: &Entry) -> bool {
        fits(entry) && !self.memory.is_settled(&key_of(entry), entry, self.began)
    }

    /// Whether an examination of this document did not end: others come first.
    pub fn comes_last(&self, entry: &Entry) -> bool {
        self.memory.was_unended(&key_of(entry))
    }

    /// Whether enough time went into opening: the rest waits for the next run.
    pub fn rests(&self, now: Timestamp) -> bool {
        now.duration_since(self.began) >= MOST_TIME
    }

    /// From here on documents come back to nowhere.
    pub fn skip(&mut self, why: String) {
        self.scratch = None;
        self.counts.skipped.get_or_insert(why);
    }

    /// From here on documents come back to nowhere; those that were to be opened wait.
    pub fn rest(&mut self) {
        self.scratch = None;
    }

    /// The folder that documents are to land in.
    pub fn scratch(&mut self) -> Option<&mut Scratch> {
        self.scratch.as_mut()
    }

    /// Says of documents that came back to nowhere that nobody looked at them.
    pub fn too_large(&mut self, documents: u64) {
        self.counts.not_checkable += documents;
    }

    /// Examines what has landed: each document stands beside its file.
    pub fn look(
        &mut self,
        repo: &mut Repository,
        documents: &[&Document<'_>],
        landed: &Landed,
        monitor: &dyn Monitor,
        stop: &Stop,
    ) -> Result<(), crate::ops::OpsError> {
        let mut suspects = vec![];
        for (document, file) in documents.iter().zip(&landed.files) {
            stop.check()?;
            let (Some(file), Some(scratch)) = (file, &mut self.scratch) else { continue };
            let (key, now) = (key_of(document.entry), repo.env.clock.now());
            let verdict = match self.memory.verdict(&key, document.entry, now) {
                Some(verdict) => verdict,
                None => match scratch.examine(file, document.entry) {
                    Ok(verdict) => verdict,
                    Err(why) => {
                        self.skip(why);
                        break;
                    }
                },
            };
            self.counts.unended += u64::from(verdict.is_passing());
            self.memory.learn(&key, document.entry, &verdict, now);
            match verdict {
                Verdict::Sound => self.counts.sound += 1,
                Verdict::NotCheckable(_) => self.counts.not_checkable += 1,
                bad if document.live => suspects.push((document.entry, key, bad)),
                _ => self.counts.never_sound += 1,
            }
        }
        for (entry, key, verdict) in suspects {
            self.suspect(repo, entry, &key, &verdict, monitor, stop)?;
        }
        Ok(())
    }

    /// A live document does not open: did it ever?
    fn suspect(
        &mut self,
        repo: &mut Repository,
        entry: &Entry,
        key: &str,
        verdict: &Verdict,
        monitor: &dyn Monitor,
        stop: &Stop,
    ) -> Result<(), crate::ops::OpsError> {
        let mut before = self.memory.before(key, entry);
        if before.is_none() && self.compared < MOST_COMPARED {
            self.compared += 1;
            let Some(scratch) = &mut self.scratch else { return Ok(()) };
            before = earlier::find(repo, scratch, entry, monitor, stop)?;
            if let Some(before) = &before {
                self.memory.learn_before(key, entry, before);
            }
        }
        match before {
            Some(Before::Was { snapshot, at, bad_since }) => {
                self.memory.stand(entry, key, verdict, (snapshot, at), bad_since);
            }
            Some(Before::Never) => self.counts.never_sound += 1,
            // Not known yet: the next test that meets it asks again.
            None => self.counts.not_checkable += 1,
        }
        Ok(())
    }

    /// The numbers, and every document that is spoiled now, whenever it was found.
    /// What cannot be looked up or noted is no reason to end: it is said.
    pub fn finish(mut self, repo: &mut Repository, due: &Due) -> (Opening, Vec<Spoiled>) {
        self.note_opened(due);
        let mut spoiled = match self.memory.standing(repo) {
            Ok(spoiled) => spoiled,
            Err(e) => {
                self.skip(format!("what is spoiled could not be looked up: {e}"));
                return (self.counts, vec![]);
            }
        };
        if let Err(e) = accepted::put_answered(repo, &mut self.memory) {
            self.skip(format!("what a person accepted could not be put on record: {e}"));
        }
        self.counts.not_its_name = spoiled.iter().filter(|s| s.not_its_name).count() as u64;
        self.counts.damaged = spoiled.len() as u64 - self.counts.not_its_name;
        if let Err(e) = incident::report(repo, &mut self.memory, &mut spoiled, self.counts.examined()) {
            self.skip(format!("that several documents turned into something else could not be put on record: {e}"));
        }
        let open = |n: &u64| repo.state().open_incidents().any(|i| i.at == *n);
        self.counts.incident = spoiled.iter().filter_map(|s| s.incident).filter(open).max();
        let of_these =
            |n| repo.state().open_incidents().any(|i| i.at == n && i.incident.what == IncidentKind::NotItsName);
        self.counts.several = self.counts.incident.is_some_and(of_these);
        if self.counts.examined() > 0 && self.counts.skipped.is_none() {
            self.memory.last = Some(repo.env.clock.now());
        }
        if let Err(e) = self.memory.save(repo) {
            self.skip(format!("what was found could not be noted on this computer: {e}"));
        }
        (self.counts, spoiled)
    }

    /// A pack is done with when nothing more would be learnt from any document that it completes.
    fn note_opened(&mut self, due: &Due) {
        let mut left = due.left.clone();
        self.counts.waiting = due.waiting;
        for (home, entry) in &due.documents {
            if self.wants(entry) {
                left.insert(*home);
                self.counts.waiting += 1;
            }
        }
        due.homes.iter().filter(|n| !left.contains(*n)).for_each(|n| self.memory.opened.insert(n));
    }
}
