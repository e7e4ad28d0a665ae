//! Arguments of the commands about how long records are kept, and what is held.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Subcommand;
use jiff::civil::Date;

use crate::domain::retention::plan::PlanId;
use crate::domain::retention::trigger::Trigger;

/// A day of the calendar as people type it.
pub(super) fn day(text: &str) -> Result<Date, String> {
    let shape = text.len() == 10 && text.chars().all(|c| c.is_ascii_digit() || c == '-');
    match text.parse() {
        Ok(day) if shape => Ok(day),
        _ if shape => Err("the calendar has no such day".into()),
        _ => Err("write a day as 2026-03-17".into()),
    }
}

/// `retention …`
#[derive(Debug, Subcommand)]
pub enum RetentionCommand {
    /// Print the scheme that is shipped: a draft to adopt
    Draft,
    /// Look for what is wrong or doubtful in a scheme
    Lint(LintArgs),
    /// List the classes of a scheme
    Classes(ClassesArgs),
    /// Give a folder to a class; alone, propose classes from the folders' names
    Assign(AssignArgs),
    /// Take a folder out of its class
    Unassign(UnassignArgs),
    /// Put the scheme in force, by the council's decision
    Adopt(AdoptArgs),
    /// What would be destroyed on a day, and what becomes of everything else
    Plan(PlanArgs),
    /// Why a record is kept or may go
    Why(WhyArgs),
    /// What waits for people: due, overdue, no date, no class
    Review(ReviewArgs),
    /// Record the day from which records count; alone, list the days that were recorded
    Date(DateArgs),
    /// Approve a plan that was shown
    Approve(ApproveArgs),
    /// Call an approved plan off
    Cancel(CancelArgs),
    /// Carry an approved plan out, as far as it may go today
    Apply(ApplyArgs),
    /// Write the signed certificate of a disposal into a folder
    Certificate(CertificateArgs),
    /// List the disposals and how far each has gone
    Disposals,
}

/// `retention lint`
#[derive(Debug, clap::Args)]
pub struct LintArgs {
    /// The scheme's file (default: the one that council.toml names)
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `retention classes`
#[derive(Debug, clap::Args)]
pub struct ClassesArgs {
    /// Of the scheme that was adopted and counts today, not of the file
    #[arg(long)]
    pub in_force: bool,
}

/// `retention assign`
#[derive(Debug, clap::Args)]
pub struct AssignArgs {
    /// The folder, as `ls` shows it
    #[arg(value_name = "FOLDER", requires = "class")]
    pub folder: Option<OsString>,
    /// The id of the class
    #[arg(value_name = "CLASS")]
    pub class: Option<String>,
    /// Although the backup has no such folder yet
    #[arg(long, requires = "folder")]
    pub anyway: bool,
    /// You have read what would change
    #[arg(long, requires = "folder")]
    pub yes: bool,
}

/// `retention unassign`
#[derive(Debug, clap::Args)]
pub struct UnassignArgs {
    /// The folder, as `ls` shows it, or the pattern as the scheme writes it
    #[arg(value_name = "FOLDER")]
    pub folder: OsString,
    /// Only out of this class
    #[arg(value_name = "CLASS")]
    pub class: Option<String>,
    /// You have read what would change
    #[arg(long)]
    pub yes: bool,
}

/// `retention adopt`
#[derive(Debug, clap::Args)]
pub struct AdoptArgs {
    /// The reference of the minute that says so
    #[arg(long, value_name = "REF")]
    pub minute: String,
    /// The day of the decision
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub on: Date,
    /// Although it is in force already: another minute confirms it
    #[arg(long)]
    pub again: bool,
    /// You have read what would change
    #[arg(long)]
    pub yes: bool,
}

/// `retention plan`
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// For this day, also one to come (default: today)
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub on: Option<Date>,
    /// Also write every record into this file, as a table
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

/// `retention why`
#[derive(Debug, clap::Args)]
pub struct WhyArgs {
    /// The record: its path, its path on this computer, or its name
    #[arg(value_name = "PATH")]
    pub path: OsString,
    /// On this day (default: today)
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub on: Option<Date>,
}

/// `retention review`
#[derive(Debug, clap::Args)]
pub struct ReviewArgs {
    /// Name so many records of each kind
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub most: usize,
}

/// `retention date`
#[derive(Debug, clap::Args)]
pub struct DateArgs {
    /// The record, folder, name or pattern
    #[arg(value_name = "PATH|PATTERN", requires_all = ["trigger", "on", "by"])]
    pub what: Option<OsString>,
    /// For what: employment-end, superseded, or another word of the scheme
    #[arg(long, value_name = "TRIGGER", requires = "what")]
    pub trigger: Option<Trigger>,
    /// The day
    #[arg(long, value_name = "DATE", value_parser = day, requires = "what")]
    pub on: Option<Date>,
    /// Who says so
    #[arg(long, value_name = "NAME", requires = "what")]
    pub by: Option<String>,
    /// Although it fits no record yet, or no class counts from it
    #[arg(long, requires = "what")]
    pub anyway: bool,
    /// You have read what it fits
    #[arg(long, requires = "what")]
    pub yes: bool,
    /// Show what it would fit; record nothing
    #[arg(long, requires = "what")]
    pub dry_run: bool,
}

/// `retention approve`
#[derive(Debug, clap::Args)]
pub struct ApproveArgs {
    /// The plan's name, as `retention plan` shows it
    #[arg(value_name = "PLAN")]
    pub plan: PlanId,
    /// Who approves
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// The reference of the minute; needed where a class says `approver = "council"`
    #[arg(long, value_name = "REF", default_value = "", hide_default_value = true)]
    pub minute: String,
    /// You have looked at the number of records: it is a large share
    #[arg(long)]
    pub large: bool,
    /// You have looked at the calendar: this computer's date is right, although the log has nothing of the time before
    #[arg(long)]
    pub yes: bool,
}

/// `retention cancel`
#[derive(Debug, clap::Args)]
pub struct CancelArgs {
    /// The plan's name, or the number that `retention disposals` shows
    #[arg(value_name = "PLAN")]
    pub plan: String,
    /// Who says so
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// `retention apply`
#[derive(Debug, clap::Args)]
pub struct ApplyArgs {
    /// The plan's name, or the number that `retention disposals` shows
    #[arg(value_name = "PLAN")]
    pub plan: String,
    /// At once, without the time to change one's mind
    #[arg(long, requires = "reason")]
    pub urgent: bool,
    /// Why it is urgent
    #[arg(long, value_name = "TEXT", requires = "urgent")]
    pub reason: Option<String>,
    /// You have looked at the number of records: it is a large share
    #[arg(long)]
    pub large: bool,
    /// A person says yes: go on although an entry of the log is void, or ahead of the clock
    #[arg(long)]
    pub yes: bool,
}

/// `retention certificate`
#[derive(Debug, clap::Args)]
pub struct CertificateArgs {
    /// The plan's name, or the number that `retention disposals` shows
    #[arg(value_name = "PLAN")]
    pub plan: String,
    /// The folder to write into
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
}

/// `hold …`
#[derive(Debug, Subcommand)]
pub enum HoldCommand {
    /// Keep records whatever the scheme says, until a person releases them
    Place(PlaceArgs),
    /// End a hold
    Release(ReleaseArgs),
    /// List the holds
    List(HoldListArgs),
}

/// `hold place`
#[derive(Debug, clap::Args)]
pub struct PlaceArgs {
    /// Records, folders, names or patterns; '*' for everything
    #[arg(value_name = "PATTERN", required = true)]
    pub patterns: Vec<OsString>,
    /// Why, such as "FOI 2026-014"
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Who says so
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// The day to look at it again; it stays in force until it is released
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub review: Date,
    /// Only records changed on this day or later
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub from: Option<Date>,
    /// Only records changed on this day or earlier
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub to: Option<Date>,
}

/// `hold release`
#[derive(Debug, clap::Args)]
pub struct ReleaseArgs {
    /// The number that `hold list` shows, or the reason
    #[arg(value_name = "HOLD", required_unless_present = "reason", conflicts_with = "reason")]
    pub hold: Option<String>,
    /// The reason that it was placed for
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// All that were placed for this reason
    #[arg(long, requires = "reason")]
    pub all: bool,
    /// Who says so
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// Why it may end
    #[arg(long, value_name = "TEXT")]
    pub note: String,
}

/// `hold list`
#[derive(Debug, clap::Args)]
pub struct HoldListArgs {
    /// Released ones too
    #[arg(long)]
    pub released: bool,
}

impl RetentionCommand {
    /// The words that name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Draft => "retention draft",
            Self::Lint(_) => "retention lint",
            Self::Classes(_) => "retention classes",
            Self::Assign(_) => "retention assign",
            Self::Unassign(_) => "retention unassign",
            Self::Adopt(_) => "retention adopt",
            Self::Plan(_) => "retention plan",
            Self::Why(_) => "retention why",
            Self::Review(_) => "retention review",
            Self::Date(_) => "retention date",
            Self::Approve(_) => "retention approve",
            Self::Cancel(_) => "retention cancel",
            Self::Apply(_) => "retention apply",
            Self::Certificate(_) => "retention certificate",
            Self::Disposals => "retention disposals",
        }
    }
}

impl HoldCommand {
    /// The words that name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Place(_) => "hold place",
            Self::Release(_) => "hold release",
            Self::List(_) => "hold list",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_of_the_calendar_are_days() {
        assert_eq!(day("2028-02-29").map(|d| d.to_string()).as_deref(), Ok("2028-02-29"));
        assert_eq!(day("2026-02-30").unwrap_err(), "the calendar has no such day");
        for bad in ["", "17/03/2026", "2026-03-17T00:00", "20260317", "2026-3-17", "17-03-2026x"] {
            assert_eq!(day(bad).unwrap_err(), "write a day as 2026-03-17", "{bad}");
        }
    }
}
