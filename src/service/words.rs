//! The closed vocabulary of this floor: jobs, outcomes, troubles, causes, references and roles.
//!
//! Notices are made of these, of numbers and of dates, so that nothing read from a council's files can ever
//! reach a message. The two types that hold text, [`SetName`] and [`Reference`], refuse all but a few characters,
//! also when they are read back from disk.

pub use super::opened::{Counts, Opened};
pub use super::reference::Reference;
pub use super::roles::{NoticeKind, Role};
use std::fmt;

use serde::{Deserialize, Serialize};

/// The text is not a set's name or not a reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0}")]
pub struct NotAWord(pub(super) &'static str);

/// The name of a protected set: 1 to [`SetName::LONGEST`] letters, digits, spaces, `-` or `_`, starting with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SetName(String);

impl SetName {
    /// The longest, in bytes.
    pub const LONGEST: usize = 40;

    /// Checks the name.
    ///
    /// # Errors
    /// [`NotAWord`] when it has other characters or is too long.
    pub fn new(name: impl Into<String>) -> Result<Self, NotAWord> {
        let name = name.into();
        let clean = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b'_'));
        if !clean || name.len() > Self::LONGEST || !name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric()) {
            return Err(NotAWord("set name"));
        }
        Ok(Self(name))
    }

    /// The name as configured.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the set that holds the council's e-mail.
    pub fn is_email(&self) -> bool {
        self.0.eq_ignore_ascii_case("email")
    }

    /// For people: `email` is written as e-mail.
    pub fn spoken(&self) -> &str {
        if self.is_email() { "e-mail" } else { &self.0 }
    }
}
impl TryFrom<String> for SetName {
    type Error = NotAWord;
    fn try_from(name: String) -> Result<Self, NotAWord> {
        Self::new(name)
    }
}
impl From<SetName> for String {
    fn from(name: SetName) -> Self {
        name.0
    }
}
/// What a run does, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// Reading and checking the configuration.
    Configuration,
    /// Backup of one set.
    Backup,
    /// Test restore, scrub or check.
    Verify,
    /// Dropping old snapshots.
    Thin,
    /// Reclaiming space.
    Prune,
    /// Storing and sending notices.
    Notices,
    /// Keeping and destroying by the council's scheme.
    Retention,
    /// Looking whether everything stored was tested in time.
    Coverage,
    /// Looking whether drills are made in time.
    Drills,
    /// Testing what the store itself does for what lies in it.
    Store,
    /// Looking at all this from another computer.
    Watch,
}
/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All of it.
    Done,
    /// Finished, but some items failed.
    Incomplete,
    /// Did not finish.
    Failed,
    /// A guard refused.
    Refused,
    /// Damage was found.
    Damage,
    /// Stopped by a signal, or never begun because of one.
    Interrupted,
}
/// The class of error behind a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The store does not answer.
    StoreUnreachable,
    /// The store refuses our credentials, or refuses to let us write.
    StoreRefused,
    /// The store has no room.
    StoreFull,
    /// There is no repository at that address.
    NoRepository,
    /// The key does not open this repository.
    WrongKey,
    /// State or scratch has no room on this computer.
    LocalDiskFull,
    /// A source folder is not there.
    SourceMissing,
    /// A source folder is empty and was not before.
    SourceEmpty,
    /// A source folder is not the mount it was.
    SourceNotMounted,
    /// Stopped before it was finished.
    Interrupted,
    /// A source folder may not be read by this computer.
    SourceUnreadable,
    /// The store, the keys or the log could not be opened, for a reason that has no word of its own.
    NotOpened,
    /// The job that should have run never began.
    NotStarted,
    /// This computer's own record cannot be read or written.
    NoRecord,
    /// Anything else, a panic included.
    Other,
}

impl Why {
    /// Whether it strikes everything that runs at the time, so that several failures have this one cause.
    pub fn is_shared(self) -> bool {
        !matches!(
            self,
            Self::SourceMissing | Self::SourceEmpty | Self::SourceNotMounted | Self::SourceUnreadable | Self::Other
        )
    }
}
/// What is wrong. The order is that of weight: of several, the first leads the notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// The repository shows an older or a different past (incident).
    HistoryChanged,
    /// Too many records changed, went or turned to noise (incident).
    MassChange,
    /// Several documents turned into something else on the live side, as after an attack (incident).
    ManyNotItsName,
    /// One or two documents did.
    NotItsName,
    /// Stored data is damaged or missing.
    Damage,
    /// Documents on the live side opened once and do not open any more; the backups are faithful.
    Spoiled,
    /// Documents on this computer differ from their good backups although nobody saved them, or cannot be read.
    LiveDiffers,
    /// The job failed.
    Failed(Why),
    /// The job examined nothing, and so proved nothing.
    ExaminedNothing,
    /// The store does not protect what lies in it as claimed.
    Unprotected,
    /// A guard refused to go on.
    Refused,
    /// This computer's clock does not fit the log or the store: nothing is deleted.
    WrongClock,
    /// Messages were given up, because for so long none could leave.
    Undelivered,
    /// Some items failed.
    Incomplete,
    /// One of the ways by which people are told is dead.
    Unheard,
    /// A backup was missed without a word: the computer was off, nothing started the run, or a power cut ended it. Now one
    /// has been made again.
    Missed,
    /// Damage that was put right at once from a copy; the next look says whether it stays right.
    PutRight,
    /// The office server gives no sign of life (a watcher's word).
    Quiet,
    /// Something stored was not tested within the promised time; to a watcher: no recent good backup was seen.
    Overdue,
    /// The limits on testing are too low for the promise.
    LimitsTooLow,
    /// Nothing is late yet, but will be as tests are made now.
    FallingBehind,
    /// For too long everything has not been brought back in a drill.
    WholeOverdue,
    /// The same of a part.
    SampleOverdue,
    /// For too long a holder's key was not shown to open.
    KeysOverdue,
    /// For too long the backups were not tested (a watcher's word).
    Untested,
    /// The clocks of office server, store and watcher do not agree (a watcher's word).
    ClocksDiffer,
}

impl Trouble {
    /// Whether it is over by itself when people are told of it: they are told again only if it is found so again.
    pub fn is_over(self) -> bool {
        matches!(self, Self::PutRight | Self::Missed)
    }

    /// Whether only a person can close it.
    pub fn is_incident(self) -> bool {
        matches!(self, Self::HistoryChanged | Self::MassChange | Self::ManyNotItsName)
    }
}
/// A stable key: the same thing going wrong again is the same cause.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cause {
    /// What is wrong.
    pub trouble: Trouble,
    /// The job that found it.
    pub job: JobKind,
    /// The set concerned, if it is one.
    pub set: Option<SetName>,
}
/// `backup-failed/documents/store-unreachable`.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.trouble {
            Trouble::Failed(_) => write!(f, "{}-failed", word(&self.job))?,
            trouble if trouble.is_incident() => f.write_str(&word(&trouble))?,
            trouble => write!(f, "{}-{}", word(&self.job), word(&trouble))?,
        }
        if let Some(set) = &self.set {
            write!(f, "/{}", set.as_str())?;
        }
        if let Trouble::Failed(why) = self.trouble {
            write!(f, "/{}", word(&why))?;
        }
        Ok(())
    }
}
/// The kebab-case word by which a plain value of this vocabulary is written to disk.
pub fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::from("other"),
    }
}
/// Causes with the same ticket share one reference and one notice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ticket {
    /// One thing that strikes several jobs and sets.
    Shared(Why),
    /// The repository's past, whoever noticed.
    History,
    /// Damage in what is stored, whichever job met it.
    Damage,
    /// What a watcher no longer sees happen: mostly it ends all at once.
    Silence,
    /// Runs that were missed, whichever sets wanted them.
    Missed,
    /// The clock, whichever job minded.
    Clock,
    /// The backup of one set, whatever about that set makes it fail.
    Failing(SetName),
    /// A cause by itself.
    Own(Cause),
}

impl Cause {
    /// Which notice speaks of it.
    pub fn ticket(&self) -> Ticket {
        match self.trouble {
            Trouble::Failed(why) if why.is_shared() => Ticket::Shared(why),
            Trouble::Failed(_) if self.job == JobKind::Backup => match &self.set {
                Some(set) => Ticket::Failing(set.clone()),
                None => Ticket::Own(self.clone()),
            },
            Trouble::HistoryChanged => Ticket::History,
            Trouble::Damage if self.job != JobKind::Notices => Ticket::Damage,
            Trouble::Quiet | Trouble::Overdue | Trouble::Untested if self.job == JobKind::Watch => Ticket::Silence,
            Trouble::Missed => Ticket::Missed,
            Trouble::WrongClock => Ticket::Clock,
            _ => Ticket::Own(self.clone()),
        }
    }

    /// For choosing which of several causes leads a notice; the smallest leads.
    pub fn weight(&self) -> (Trouble, JobKind) {
        // Whichever job minds the clock, it is no worse for that.
        if self.trouble == Trouble::WrongClock {
            return (self.trouble, JobKind::Prune);
        }
        (self.trouble, self.job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause() -> Cause {
        Cause {
            trouble: Trouble::Failed(Why::StoreUnreachable),
            job: JobKind::Backup,
            set: Some(SetName::new("documents").unwrap()),
        }
    }

    #[test]
    fn keys_are_stable() {
        assert_eq!(cause().to_string(), "backup-failed/documents/store-unreachable");
        let of = |trouble, job| Cause { trouble, job, set: None }.to_string();
        assert_eq!(of(Trouble::Damage, JobKind::Verify), "verify-damage");
        assert_eq!(of(Trouble::HistoryChanged, JobKind::Backup), "history-changed");
        assert_eq!(of(Trouble::Refused, JobKind::Prune), "prune-refused");
    }

    #[test]
    fn names_from_disk_or_configuration_cannot_smuggle_text() {
        for bad in ["", "a\nb", "../etc", "-x", "a.docx", "é", &"x".repeat(41)] {
            assert!(SetName::new(bad).is_err(), "{bad:?}");
            assert!(serde_json::from_value::<SetName>(bad.into()).is_err());
        }
        for bad in ["", "SR-../x", "SR-a", "XX-1", "SR-1\r\nBcc"] {
            assert!(Reference::try_from(String::from(bad)).is_err(), "{bad:?}");
        }
    }
}
