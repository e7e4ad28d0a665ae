//! The report: what can be shown of a stretch of time. Facts in, a report of numbers and dates out, words after that.
//!
//! Pure. Facts come from the signed log first, which survives, and from the journals second; where they disagree, the
//! report says so and the log counts. A month of which nothing is known reads "no evidence", never "no failure". No
//! field can hold the name of a file: only what the configuration, the roster and the register of access call things.

mod count;
mod document;
mod gather;
mod people;
mod register;
mod render;
pub mod span;
mod words;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

pub use count::{Backups, Counted, Evidence, Runs, Tests};
pub use document::{Document, Section, Table};
pub use gather::report;
pub use register::{Failure, Holder, Writer};
pub use render::{csv, html, markdown};
use span::Span;
pub use words::document;

use crate::domain::id::{ActorId, Link, RepositoryId};
use crate::domain::log::entry::IncidentKind;
use crate::domain::log::state::{Slot, State};
use crate::ops::access;
use crate::service::pages::Kept;
use crate::service::plain::{People, Plain};
use crate::service::policy::Policies;
use crate::service::words::SetName;

/// What the configuration says, and what was seen of the store today.
#[derive(Debug, Clone, Serialize)]
pub struct Setting {
    /// What kind of store it is.
    pub store: &'static str,
    /// Whether it is in another place.
    pub offsite: bool,
    /// The store is said to lock what lies in it for so many days.
    pub lock_days: Option<u32>,
    /// The store is said to keep what is deleted for so many days.
    pub version_days: Option<u32>,
    /// The sets, and how many hours old their last good backup may be.
    pub sets: Vec<(SetName, i64)>,
    /// The council's policies.
    pub policies: Policies,
    /// Whether the newest stored object was seen to be sealed today; unknown where the store could not be asked.
    pub sealed: Option<bool>,
    /// A trial on one computer.
    pub trial: bool,
}

/// Everything that a report is made from.
pub struct Facts<'a> {
    /// The configured names, and the council's time zone.
    pub people: &'a People,
    /// The configuration.
    pub setting: Setting,
    /// The log.
    pub slots: &'a [Slot],
    /// What it adds up to.
    pub state: &'a State,
    /// The journals.
    pub kept: &'a Kept,
    /// The register of outsiders' access.
    pub access: Vec<access::Listed>,
    /// What the report is about.
    pub span: Span,
    /// The time.
    pub now: Timestamp,
    /// The key that will sign it, and its name in the roster.
    pub signer: Option<(ActorId, String)>,
}

/// How far back what lay in the store at the end of the span had been brought back as a test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Untested {
    /// Stored objects that hold documents, and their bytes.
    pub objects: u64,
    /// Those that were never brought back.
    pub never: u64,
    /// Of the others, when the one was tested that was tested longest ago.
    pub oldest: Option<Timestamp>,
}

/// A drill, or a trial of a holder's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drill {
    /// When.
    pub at: Timestamp,
    /// Of what.
    pub what: &'static str,
    /// Files that came back.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How long it took, where that was measured.
    pub seconds: Option<u64>,
    /// What did not come back as it was.
    pub failed: u64,
}

/// Somebody brought something back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// When.
    pub at: Timestamp,
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A hold that stood on some day of the span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// Its number.
    pub number: u64,
    /// When it was placed.
    pub placed: Timestamp,
    /// The day to look at it again.
    pub review: Date,
    /// When it was released.
    pub released: Option<Timestamp>,
}

/// A disposal that something happened to in the span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disposal {
    /// Its number.
    pub number: u64,
    /// The plan's name.
    pub plan: String,
    /// How many records.
    pub records: u64,
    /// When it was approved.
    pub approved: Timestamp,
    /// When it was done.
    pub done: Option<Timestamp>,
    /// When it was called off.
    pub cancelled: Option<Timestamp>,
}

/// A scheme that was adopted, and its minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scheme {
    /// The minute that says so.
    pub minute: String,
    /// The day of the decision.
    pub on: Date,
    /// The first day on which it counts.
    pub in_force: Date,
}

/// Something that a person had to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// Its number.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: IncidentKind,
    /// When a person said go on.
    pub resolved: Option<Timestamp>,
}

/// Where log and journals differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Differences {
    /// Backups of which a journal tells and the log does not.
    pub not_in_log: u64,
    /// Backups of which the log tells and no journal that covers their time.
    pub not_in_journal: u64,
    /// Entries of the log that count for nothing.
    pub void: u64,
}

/// The report.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whose.
    pub council: Plain,
    /// Who keeps the backups going.
    pub provider: Plain,
    /// What it is about.
    pub span: Span,
    /// When it was made.
    pub made: Timestamp,
    /// Which backup.
    pub repository: RepositoryId,
    /// The newest entry of the log that was read.
    pub entry: u64,
    /// The check number of that entry.
    pub link: Link,
    /// When the backup was set up.
    pub installed: Timestamp,
    /// See [`Setting`].
    pub setting: Setting,
    /// The sets that are reported on, in the order of [`Counted::backups`].
    pub sets: Vec<Reported>,
    /// Month by month.
    pub months: Vec<Counted>,
    /// All of it, counted by itself.
    pub total: Counted,
    /// What was not tested yet.
    pub untested: Untested,
    /// What went wrong, and who was told when.
    pub failures: Vec<Failure>,
    /// Incidents.
    pub incidents: Vec<Incident>,
    /// Drills.
    pub drills: Vec<Drill>,
    /// What was brought back.
    pub restored: Vec<Restored>,
    /// Holds.
    pub holds: Vec<Hold>,
    /// Disposals.
    pub disposals: Vec<Disposal>,
    /// Schemes.
    pub schemes: Vec<Scheme>,
    /// Who could read the backups or what is stored.
    pub holders: Vec<Holder>,
    /// Who could add to them.
    pub writers: Vec<Writer>,
    /// Outsiders' access.
    pub access: Vec<access::Listed>,
    /// What is not covered.
    pub not_covered: Option<String>,
    /// Where log and journals differ.
    pub differences: Differences,
    /// Stretches of journals that are lost, within the span.
    pub lost: Vec<super::pages::Lost>,
    /// Pages of other computers' journals that this one may not read.
    pub sealed_pages: u64,
    /// The key that signs it, and its name.
    pub signer: Option<(ActorId, String)>,
}

/// A set that is reported on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reported {
    /// Its name.
    pub name: SetName,
    /// How many hours old its last good backup may be.
    pub max_age_hours: i64,
    /// It is configured today.
    pub configured: bool,
}
