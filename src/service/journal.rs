//! The journal: what this machine did and whom it told, one checked JSON line after the other.
//!
//! Lines are only ever appended, each is on the disk before `append` returns, and no damage to the file can
//! stop a run: lines that cannot be read are counted and passed over.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::id::SnapshotId;
use crate::service::durable::{self, Opened};
use crate::service::retention::{About, Look};
use crate::service::schedule::Round;
use crate::service::spare::Spare;
use crate::service::voice::Voice;
use crate::service::words::{Cause, Counts, JobKind, NoticeKind, Outcome, Reference, Role, SetName, Trouble};

/// Longer lines are taken as damage.
const MAX_LINE: u64 = 64 * 1024;

/// The journal could not be written or read. Notices are still sent.
#[derive(Debug, thiserror::Error)]
#[error(
    "the journal {path} cannot be {verb}: {error}; check that it is a file, that the disk has room and that this user \
     owns the folder"
)]
pub struct JournalError {
    path: PathBuf,
    verb: &'static str,
    error: io::Error,
}

impl JournalError {
    /// Whether the disk had no room.
    pub fn is_full(&self) -> bool {
        matches!(self.error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// When, as this machine believed.
    pub at: Timestamp,
    /// Which run.
    pub run: String,
    /// What happened.
    pub event: Event,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant, reason = "most lines of a journal are ends of steps")]
pub enum Event {
    /// A run began.
    RunStarted,
    /// A person or a timer began the whole job, or all backups: it serves what the schedule has asked for until now.
    RoundBegan {
        /// Which of the two.
        round: Round,
    },
    /// A run came to its end, with this exit code.
    RunFinished {
        /// The exit code.
        exit: u8,
    },
    /// A run did not begin, because another job was at work.
    RunNotBegun,
    /// A job ended.
    StepFinished(Step),
    /// Something is wrong that was not wrong before.
    CauseOpened {
        /// What people quote; several causes may share it.
        reference: Reference,
        /// What is wrong.
        cause: Cause,
    },
    /// It is no longer wrong.
    CauseClosed {
        /// What people quote.
        reference: Reference,
        /// What was wrong.
        cause: Cause,
        /// How it came to be closed.
        how: NoticeKind,
    },
    /// A person has said that this is dealt with.
    IncidentResolved {
        /// Which.
        reference: Reference,
        /// Who: stays on this computer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// A notice was stored for sending.
    NoticeQueued(Told),
    /// The mail server accepted a notice.
    NoticeSent(Told),
    /// The mail server did not accept a notice; it will be tried again.
    NoticeFailed {
        /// Which.
        #[serde(flatten)]
        told: Told,
        /// The class of error.
        class: String,
    },
    /// The mail server's password, certificate or settings cannot be used: no message can leave.
    MailUnusable {
        /// The class of error.
        class: String,
    },
    /// They can be used again.
    MailUsable,
    /// A notice was given up: nobody read it.
    NoticeExpired(Told),
    /// The mail server accepted a test message.
    TestMessageAccepted {
        /// For whom.
        to: Role,
    },
    /// Somebody typed the recovery sheet's key and it opened the repository.
    SheetProved,
    /// A keyholder opened a pack of the current epoch.
    ReadingProved,
    /// Of the lines that waited, the first ones lie in the repository, too.
    PageKept {
        /// The entry of the log that names the page.
        entry: u64,
        /// How many lines: another program may have added some since they were read.
        lines: u64,
    },
    /// What a run saw of the council's scheme and records.
    RetentionLooked(Box<Look>),
    /// Somebody was told about them.
    RetentionTold {
        /// About what.
        about: About,
        /// What people quote.
        reference: Reference,
        /// Who.
        to: Role,
    },
    /// By which other way somebody was told, or what they answered.
    Voice(Voice),
}

/// Which notice, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What people quote; none for a test message.
    pub reference: Option<Reference>,
    /// For whom.
    pub to: Role,
    /// What it says.
    pub notice: NoticeKind,
}

/// How one job of a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which job.
    pub job: JobKind,
    /// Of which set; none for a job over all sets.
    pub set: Option<SetName>,
    /// How.
    pub outcome: Outcome,
    /// What was wrong, the heaviest first.
    #[serde(default)]
    pub troubles: Vec<Trouble>,
    /// What was counted.
    pub counts: Counts,
    /// The snapshot it made.
    #[serde(default)]
    pub snapshot: Option<SnapshotId>,
    /// The exit code it would end the program with.
    pub exit: u8,
    /// Whether everything stored was examined, or at least all that was found damaged before: only then may
    /// damage be taken as gone. A sample that missed the damage proves nothing.
    #[serde(default)]
    pub examined_all: bool,
    /// How long it took.
    pub seconds: u64,
    /// What a failure said of itself: for this computer's own eyes, never for a notice.
    #[serde(default)]
    pub said: Option<String>,
}

/// What reading the journal gave.
#[derive(Debug, Default)]
pub struct Journalled {
    /// The readable lines in order.
    pub entries: Vec<JournalEntry>,
    /// Lines that are not what was written.
    pub damaged: u64,
    /// Sound lines of a kind this program does not know.
    pub unknown: u64,
    /// Whether the last line was cut short, by a power cut perhaps.
    pub torn: bool,
}

/// The journal's file.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    path: PathBuf,
    spare: Spare,
}

impl Journal {
    /// Changes whenever something was appended.
    pub fn length(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |m| m.len())
    }

    /// The journal in the state folder; made by the first `append`.
    pub fn new(state: &Path) -> Self {
        Self { dir: state.to_owned(), path: state.join("journal.jsonl"), spare: Spare::new(state) }
    }

    /// Appends one line; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`JournalError`] when it could not be written. It is known all the same if the spare sheet had room.
    pub fn append(&self, entry: &JournalEntry) -> Result<(), JournalError> {
        let written = self.take_up_spare().and_then(|()| self.try_append(std::slice::from_ref(entry)));
        match &written {
            Ok(()) => self.spare.keep_ready(),
            // There is no third place.
            Err(_) => drop(self.spare.write(entry)),
        }
        written.map_err(|error| self.error("written", error))
    }

    /// A crash between the two writes an entry twice, which folds to the same.
    fn take_up_spare(&self) -> io::Result<()> {
        self.spare.take_up(|entries| self.try_append(entries))
    }

    /// Appends lines; they are on the disk when this returns.
    ///
    /// # Errors
    /// [`JournalError`] when they could not be written.
    pub fn append_all(&self, entries: &[JournalEntry]) -> Result<(), JournalError> {
        self.try_append(entries).map_err(|error| self.error("written", error))
    }

    fn try_append(&self, entries: &[JournalEntry]) -> io::Result<()> {
        durable::private_dir(&self.dir)?;
        let created = !self.path.exists();
        let mut file = durable::open_own(&self.path, OpenOptions::new().read(true).append(true).create(true))?;
        // Two runs may append at once. The lock ends when the file is closed.
        file.lock()?;
        let mut lines = String::new();
        if !ends_a_line(&mut file)? {
            lines.push('\n');
        }
        for entry in entries {
            lines.push_str(&durable::seal(entry)?);
            lines.push('\n');
        }
        file.write_all(lines.as_bytes())?;
        file.sync_all()?;
        if created { durable::sync_dir(&self.dir) } else { Ok(()) }
    }

    /// Reads all that can be read. A journal that is not there yet is empty.
    ///
    /// # Errors
    /// [`JournalError`] when the file cannot be opened or read at all.
    pub fn read(&self) -> Result<Journalled, JournalError> {
        let spare = self.spare.read();
        let mut all = match File::open(&self.path).and_then(|file| read_lines(BufReader::new(file))) {
            Ok(all) => all,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Journalled::default(),
            // Something is known all the same: whom somebody told that it cannot be read.
            Err(_) if !spare.is_empty() => Journalled { damaged: 1, ..Journalled::default() },
            Err(error) => return Err(self.error("read", error)),
        };
        all.entries.extend(spare);
        Ok(all)
    }

    fn error(&self, verb: &'static str, error: io::Error) -> JournalError {
        JournalError { path: self.path.clone(), verb, error }
    }
}

fn ends_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn read_lines(mut file: impl BufRead) -> io::Result<Journalled> {
    let mut all = Journalled::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        if file.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(all);
        }
        if line.pop_if(|b| *b == b'\n').is_none() {
            let over_long = file.skip_until(b'\n')? > 0;
            all.torn = !over_long;
            all.damaged += u64::from(over_long);
            continue;
        }
        match durable::open(&line) {
            Opened::Value(entry) => all.entries.push(entry),
            Opened::Unknown => all.unknown += 1,
            Opened::Damaged if line.is_empty() => {}
            Opened::Damaged => all.damaged += 1,
        }
    }
}

#[cfg(test)]
mod tests;
