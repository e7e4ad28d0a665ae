//! Notices are stored before they are sent, and removed only after a server has accepted them. Each way by which
//! messages leave has a folder of its own, so that one that is dead holds up no other.
//!
//! A crash between acceptance and removal sends a notice twice, under one Message-ID; no crash loses one. What is
//! given up (after fourteen days) or found damaged is journalled and reported, never dropped in silence.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::clock::Clock;
use crate::service::durable::{self, Opened};
use crate::service::journal::{Event, Journal, JournalEntry, JournalError, Told};
use crate::service::mail::{Mailer, SendError};
use crate::service::voice::{Voice, WayName};
use crate::service::words::{NoticeKind, Reference, Role};

/// After this long a notice tells nobody anything.
pub const EXPIRY: SignedDuration = SignedDuration::from_hours(14 * 24);
/// The first wait after a failed attempt; it doubles each time.
pub const FIRST_WAIT: SignedDuration = SignedDuration::from_mins(5);
/// The longest wait between attempts.
pub const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(6);
/// Notices sent in one flush; the rest wait for the next.
pub const MAX_PER_FLUSH: usize = 100;
/// Larger files in the outbox are taken as damaged.
const MAX_FILE: u64 = 256 * 1024;

/// The outbox's folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the outbox {path} cannot be used: {error}; check that the disk has room and that this user owns the folder")]
pub struct OutboxError {
    path: PathBuf,
    error: io::Error,
}

/// A message as it is stored and sent. It names a role, not an address: the mailer knows the addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// Letters, digits and `-` only; the file's name and the Message-ID are made of it.
    pub id: String,
    /// What people quote.
    pub reference: Option<Reference>,
    /// For whom.
    pub to: Role,
    /// What it says.
    pub notice: NoticeKind,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// When it was decided.
    pub created: Timestamp,
}

impl Outgoing {
    /// What the journal says of it.
    pub fn told(&self) -> Told {
        Told { reference: self.reference.clone(), to: self.to, notice: self.notice }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    message: Outgoing,
    attempts: u32,
    next: Timestamp,
}

impl Stored {
    /// Set back by a clock put right, a next attempt may seem far away: never wait longer than the longest wait.
    fn is_due(&self, now: Timestamp) -> bool {
        self.next <= now || self.next.duration_since(now) > LONGEST_WAIT
    }
}

/// What a flush did.
#[derive(Debug, Default)]
pub struct FlushReport {
    /// Accepted by the server.
    pub sent: Vec<Told>,
    /// Tried in vain, and why; they stay.
    pub failed: Vec<(Told, SendError)>,
    /// Given up.
    pub expired: Vec<Told>,
    /// Not due yet, or left because the server does not answer.
    pub waiting: usize,
    /// Files that were not what was written, moved to `outbox/damaged/`.
    pub damaged: usize,
    /// What went wrong with the outbox or the journal themselves.
    pub trouble: Vec<String>,
}

/// What sending needs.
#[derive(Clone, Copy)]
pub struct Sending<'a> {
    /// Who takes the messages.
    pub mailer: &'a dyn Mailer,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Where it is written down.
    pub journal: &'a Journal,
    /// In which run.
    pub run: &'a str,
}

/// One way's folder.
#[derive(Debug)]
pub struct Outbox {
    dir: PathBuf,
    way: WayName,
}

impl Outbox {
    /// The mail's outbox in the state folder; made when first needed.
    pub fn new(state: &Path) -> Self {
        Self { dir: state.join("outbox"), way: WayName::mail() }
    }

    /// That of another way.
    pub fn of(state: &Path, way: &WayName) -> Self {
        Self { dir: state.join(format!("outbox-{way}")), way: way.clone() }
    }

    /// Whose it is.
    pub fn way(&self) -> &WayName {
        &self.way
    }

    /// The journal's word for what this way did with a notice.
    pub fn sent(&self, told: Told) -> Event {
        if self.way == WayName::mail() {
            return Event::NoticeSent(told);
        }
        Event::Voice(Voice::Sent { way: self.way.clone(), told: Some(told) })
    }

    fn failed(&self, told: Told, class: String) -> Event {
        if self.way == WayName::mail() {
            return Event::NoticeFailed { told, class };
        }
        Event::Voice(Voice::Failed { way: self.way.clone(), told: Some(told), class })
    }

    fn expired(&self, told: Told) -> Event {
        if self.way == WayName::mail() {
            return Event::NoticeExpired(told);
        }
        Event::Voice(Voice::Expired { way: self.way.clone(), told })
    }

    /// Stores a message; it is on the disk when this returns. The same id again replaces it.
    ///
    /// # Errors
    /// [`OutboxError`] when it could not be stored.
    pub fn put(&self, message: &Outgoing) -> Result<(), OutboxError> {
        let stored = Stored { message: message.clone(), attempts: 0, next: message.created };
        self.write(&stored).map_err(|error| self.error(error))
    }

    /// Whether a message of this reference is still waiting to tell this role that something is wrong.
    pub fn is_waiting(&self, reference: &Reference, to: Role) -> bool {
        let (stored, _, _) = self.load();
        stored.iter().any(|s| {
            s.message.reference.as_ref() == Some(reference)
                && s.message.to == to
                && matches!(s.message.notice, NoticeKind::Failure | NoticeKind::Reminder)
        })
    }

    /// Whether one of those that wait may be tried again now.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.load().0.iter().any(|stored| stored.is_due(now))
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.load().0.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends what is due, oldest first; after an error that any message would meet, the rest wait.
    /// Each is journalled with the moment at which the server had answered: who was told first.
    pub fn flush(&self, by: &Sending<'_>) -> FlushReport {
        let mut report = FlushReport::default();
        let now = by.clock.now();
        let note = |event, report: &mut FlushReport| {
            let entry = JournalEntry { at: by.clock.now(), run: by.run.to_owned(), event };
            let written: Result<(), JournalError> = by.journal.append(&entry);
            report.trouble.extend(written.err().map(|e| e.to_string()));
        };
        let (mut all, damaged, unreadable) = self.load();
        report.trouble.extend(unreadable);
        report.damaged = damaged.len();
        report.trouble.extend(self.set_aside(&damaged));
        // A second run beside this one leaves the sending to it; the lock ends with the file.
        let _lock = match self.lock() {
            Ok(Some(lock)) => lock,
            Ok(None) => return FlushReport { waiting: all.len(), ..report },
            Err(error) => {
                report.trouble.push(self.error(error).to_string());
                return FlushReport { waiting: all.len(), ..report };
            }
        };
        all.sort_by(|a, b| (a.message.created, &a.message.id).cmp(&(b.message.created, &b.message.id)));
        let (mut tried, mut server_down) = (0, false);
        for mut stored in all {
            let told = stored.message.told();
            if now.duration_since(stored.message.created) >= EXPIRY {
                // Journalled first: a crash in between says it twice, never not at all.
                note(self.expired(told.clone()), &mut report);
                self.remove(&stored, &mut report);
                report.expired.push(told);
                continue;
            }
            if server_down || !stored.is_due(now) || tried == MAX_PER_FLUSH {
                report.waiting += 1;
                continue;
            }
            tried += 1;
            match by.mailer.send(&stored.message) {
                Ok(_) => {
                    self.remove(&stored, &mut report);
                    note(self.sent(told.clone()), &mut report);
                    report.sent.push(told);
                }
                Err(error) => {
                    stored.next = now.saturating_add(wait(stored.attempts)).unwrap_or(now);
                    stored.attempts = stored.attempts.saturating_add(1);
                    report.trouble.extend(self.write(&stored).err().map(|e| self.error(e).to_string()));
                    note(self.failed(told.clone(), error.class().to_owned()), &mut report);
                    server_down = error.is_about_the_server();
                    report.failed.push((told, error));
                }
            }
        }
        report
    }

    fn write(&self, stored: &Stored) -> io::Result<()> {
        if !is_id(&stored.message.id) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the message's id has forbidden characters"));
        }
        durable::private_dir(&self.dir)?;
        durable::replace(&self.dir, &format!("{}.json", stored.message.id), durable::seal(stored)?.as_bytes())
    }

    fn remove(&self, stored: &Stored, report: &mut FlushReport) {
        let removed = fs::remove_file(self.dir.join(format!("{}.json", stored.message.id)))
            .and_then(|()| durable::sync_dir(&self.dir));
        match removed {
            // Another run beside this one has sent and removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => report.trouble.extend(other.err().map(|e| self.error(e).to_string())),
        }
    }

    /// All messages, the files that are not messages, and what could not be read.
    fn load(&self) -> (Vec<Stored>, Vec<PathBuf>, Option<String>) {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return (good, bad, None),
            Err(error) => return (good, bad, Some(self.error(error).to_string())),
        };
        for path in entries.filter_map(Result::ok).map(|e| e.path()) {
            if path.extension().is_none_or(|e| e != "json") {
                continue;
            }
            match load_one(&path) {
                Ok(Some(stored)) => good.push(stored),
                Ok(None) => bad.push(path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => bad.push(path),
            }
        }
        (good, bad, None)
    }

    /// Moves aside what is not what was written, and says how many files that were and what went wrong.
    pub fn sweep(&self) -> (usize, Vec<String>) {
        let (_, damaged, unreadable) = self.load();
        let mut trouble: Vec<String> = unreadable.into_iter().collect();
        trouble.extend(self.set_aside(&damaged));
        (damaged.len(), trouble)
    }

    fn set_aside(&self, damaged: &[PathBuf]) -> Vec<String> {
        let aside = self.dir.join("damaged");
        let moved = damaged.iter().filter_map(|path| {
            let name = path.file_name().unwrap_or_default();
            durable::private_dir(&aside).and_then(|()| fs::rename(path, aside.join(name))).err()
        });
        moved.map(|e| self.error(e).to_string()).collect()
    }

    fn lock(&self) -> io::Result<Option<fs::File>> {
        durable::private_dir(&self.dir)?;
        let mut options = fs::OpenOptions::new();
        let options = options.create(true).truncate(false).write(true);
        let file = durable::open_own(&self.dir.join("sending.lock"), options)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn error(&self, error: io::Error) -> OutboxError {
        OutboxError { path: self.dir.clone(), error }
    }
}

/// How long to wait after so many earlier failures.
fn wait(attempts: u32) -> SignedDuration {
    FIRST_WAIT.checked_mul(1 << attempts.min(16)).map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT))
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 100 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// `None` when the file is not what was written.
fn load_one(path: &Path) -> io::Result<Option<Stored>> {
    if fs::metadata(path)?.len() > MAX_FILE {
        return Ok(None);
    }
    let Opened::Value(stored) = durable::open::<Stored>(&fs::read(path)?) else { return Ok(None) };
    let named = path.file_stem().is_some_and(|stem| stem == stored.message.id.as_str());
    Ok((named && is_id(&stored.message.id)).then_some(stored))
}
