//! What the status is made from.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Line, StoreInput};
use crate::domain::drills::{Due, Every};
use crate::domain::log::entry::IncidentKind;
use crate::service::plain::People;
use crate::service::policy::Policies;
use crate::service::retention_status::RetentionInput;
use crate::service::words::{Opened, Reference, SetName, Trouble};

/// Something that went well once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Good {
    /// When.
    pub at: Timestamp,
    /// Files in it.
    pub files: u64,
    /// Bytes in it.
    pub bytes: u64,
    /// Items that failed all the same.
    pub problems: u64,
}

/// One protected set.
#[derive(Debug, Clone)]
pub struct SetInput {
    /// Its name.
    pub name: SetName,
    /// Its last good backup.
    pub last: Option<Good>,
    /// How old that may be.
    pub max_age: SignedDuration,
}

/// How long ago everything stored was tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CoverageInput {
    /// Promised: everything within so many weeks.
    pub weeks: u32,
    /// From when the age of the oldest counts.
    pub oldest: Timestamp,
    /// Bytes older than promised.
    pub overdue: u64,
    /// The limits on testing are too low for the promise.
    pub limits_too_low: bool,
    /// When the first byte will be older than promised, if that cannot be helped.
    pub breaks: Option<Timestamp>,
}

/// Something open.
#[derive(Debug, Clone)]
pub struct OpenInput {
    /// What people quote.
    pub reference: Reference,
    /// The heaviest trouble.
    pub trouble: Trouble,
    /// Since when.
    pub since: Timestamp,
    /// The cause's key, and what the last failure said of itself.
    pub cause: String,
    /// What a person said who dealt with it; the next run closes it.
    pub resolved: Option<String>,
}

/// The newest drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrillInput {
    /// When.
    pub at: Timestamp,
    /// Whether all sets came back.
    pub whole: bool,
    /// Files that came back.
    pub files: u64,
    /// Files that did not.
    pub failed: u64,
    /// How long it took.
    pub seconds: u64,
    /// How long everything there is now would take at that speed, and how much that is; where it can be said.
    pub everything: Option<(u64, u64)>,
}

/// When drills are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillsInput {
    /// How often they are wanted.
    pub every: Every,
    /// Each that is wanted.
    pub due: Vec<Due>,
}

/// The newest entry of the log, by which anybody can later see that the store still has the same past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckNumber {
    /// Its number.
    pub entry: u64,
    /// Its link, in hexadecimal digits.
    pub link: String,
}

impl CheckNumber {
    /// As one word: the entry, and the first 24 digits in groups of four.
    pub fn short(&self) -> String {
        let digits: Vec<char> = self.link.chars().take(24).collect();
        let groups: Vec<String> = digits.chunks(4).map(|g| g.iter().collect()).collect();
        format!("{}-{}", self.entry, groups.join("-"))
    }
}

/// A word that a person gave about something open, and that still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordInput {
    /// About what.
    pub reference: Reference,
    /// Who gave it: shown on this computer only.
    pub by: String,
    /// Until when it holds.
    pub until: Timestamp,
}

/// By which ways people are told, and what they answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VoicesInput {
    /// What fails now beside all mail, and since when: a webhook, the ping, or mail for one reader.
    pub failing: Vec<(String, Timestamp)>,
    /// Messages that they gave up.
    pub lost: u64,
    /// What was acknowledged.
    pub acknowledged: Vec<WordInput>,
    /// What a person lives with for a time.
    pub accepted: Vec<WordInput>,
    /// Since when somebody should have confirmed people and numbers.
    pub contacts_due: Option<Timestamp>,
    /// The newest entry of the log, where it is at hand.
    pub check: Option<CheckNumber>,
    /// How many others hold a key that opens what is stored, where that is known.
    pub holders: Option<u64>,
}

/// What the status is made from.
#[derive(Debug, Clone)]
pub struct StatusInput<'a> {
    /// The configured names.
    pub people: &'a People,
    /// The protected sets.
    pub sets: Vec<SetInput>,
    /// The last test restore that passed.
    pub last_test: Option<Good>,
    /// Whether the documents of the last test restore on this computer still open, and when it was.
    pub opening: Option<(Timestamp, Opened)>,
    /// The newest drill.
    pub drill: Option<DrillInput>,
    /// When drills are due, where the log is at hand.
    pub drills: Option<DrillsInput>,
    /// Records that cannot be restored any more, as a person accepted.
    pub lost: Option<super::LostInput>,
    /// How long ago everything was tested, where it is known.
    pub coverage: Option<CoverageInput>,
    /// What the store does for what lies in it, where something is claimed of it or wrong with it.
    pub store: Option<StoreInput>,
    /// What is open.
    pub open: Vec<OpenInput>,
    /// Incidents of the log that nobody has dealt with, whichever computer met them, and since when.
    pub incidents: Vec<(u64, Timestamp, IncidentKind)>,
    /// Entries of the log by somebody who may not write them, that nobody has looked at.
    pub voids: Vec<u64>,
    /// Why what must be there cannot be opened.
    pub unopened: Option<String>,
    /// This computer may read what it stores.
    pub reads: bool,
    /// No configuration: key and backup are on this computer.
    pub trial: bool,
    /// The recovery sheet's key was typed in and opened the repository.
    pub sheet_proved: bool,
    /// Key files of which nobody has proved what they should be.
    pub unchecked_key_files: u64,
    /// Whether messages reach the clerk.
    pub clerk: Reached,
    /// The store is not in this building.
    pub store_offsite: bool,
    /// A keyholder has opened what is stored now.
    pub reading_proved: bool,
    /// Since when no message has got through.
    pub mail_failing_since: Option<Timestamp>,
    /// Messages given up.
    pub messages_lost: u64,
    /// By which ways people are told, and what they answered.
    pub voices: VoicesInput,
    /// Lines of the journal that cannot be read.
    pub journal_damaged: u64,
    /// The council's scheme and records, where they were looked at.
    pub retention: Option<RetentionInput>,
    /// Access of people outside the council, where somebody must look.
    pub access: Vec<Line>,
    /// The council's own policies.
    pub policies: Policies,
    /// Now.
    pub now: Timestamp,
}

/// Whether messages reach somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// No way leads there.
    NoWay,
    /// One of the ways has not accepted a test message.
    Untried,
    /// All have.
    Tried,
}

impl StatusInput<'_> {
    /// Incidents of the log of which no open reference of this computer speaks: the others would count twice.
    pub fn untold_incidents(&self) -> usize {
        let beyond = |kind: IncidentKind, trouble: Trouble| {
            let incidents = self.incidents.iter().filter(|(_, _, what)| *what == kind).count();
            incidents.saturating_sub(self.open.iter().filter(|o| o.trouble == trouble).count())
        };
        let told = |what: &IncidentKind| matches!(what, IncidentKind::MassChange | IncidentKind::NotItsName);
        let others = self.incidents.iter().filter(|(_, _, what)| !told(what)).count();
        others
            + beyond(IncidentKind::MassChange, Trouble::MassChange)
            + beyond(IncidentKind::NotItsName, Trouble::ManyNotItsName)
    }
}
