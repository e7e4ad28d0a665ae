//! When things run: cron lines in the council's time zone, and what is due, by the journal. Pure.
//!
//! There is no state but the journal, so a timer, `serve` and a person at the keyboard stand beside each other: a
//! time is served by whichever run began at or after it, and one that was missed is caught up once.

mod cron;
mod due;
mod fields;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

pub use self::cron::{CronError, Line};
pub use self::due::{Begun, Due, due, latest, next};

/// Which jobs are done in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Round {
    /// All of it: backups, tests, clean-up, retention.
    Whole,
    /// The backups alone.
    Backups,
}

/// The configured schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The whole job.
    pub run: Line,
    /// Backups between.
    pub backup: Option<Line>,
    /// A run begins so much later at most, so that not all councils begin at the same second.
    pub jitter: SignedDuration,
    /// A run that takes longer is stopped.
    pub run_limit: SignedDuration,
    /// How long after that a backup that should be there is not missed yet.
    pub grace: SignedDuration,
}

/// Every night at half past one.
pub const NIGHTLY: &str = "30 1 * * *";

impl Schedule {
    /// As it is where nothing is said.
    ///
    /// # Errors
    /// Never: the line is one.
    pub fn nightly() -> Result<Self, CronError> {
        Ok(Self {
            run: Line::parse(NIGHTLY)?,
            backup: None,
            jitter: SignedDuration::from_mins(45),
            run_limit: SignedDuration::from_hours(20),
            grace: SignedDuration::from_hours(4),
        })
    }

    fn lines(&self) -> impl Iterator<Item = (Round, &Line)> {
        [(Round::Whole, &self.run)].into_iter().chain(self.backup.iter().map(|line| (Round::Backups, line)))
    }

    /// The first time after `from` at which backups should be made.
    pub fn first_backup_after(&self, from: jiff::Timestamp, zone: &TimeZone) -> Option<jiff::Timestamp> {
        self.lines().filter_map(|(_, line)| line.after(from, zone).next()).min()
    }

    /// From when a set is overdue that was last backed up well at `last`: it is older than it may be, and a time to
    /// back up has passed since, with all that a run may take. A job that is done in time is never overdue.
    pub fn overdue_from(
        &self,
        last: jiff::Timestamp,
        max_age: SignedDuration,
        zone: &TimeZone,
    ) -> Option<jiff::Timestamp> {
        let slot = self.first_backup_after(last, zone)?;
        let patience = self.jitter + self.run_limit + self.grace;
        Some(last.saturating_add(max_age).ok()?.max(slot.saturating_add(patience).ok()?))
    }

    /// The longest time between two backups in two years, as far as it is more than a day.
    pub fn longest_gap(&self, from: jiff::Timestamp, zone: &TimeZone) -> SignedDuration {
        const DAYS: i64 = 800;
        let over = |day: i64| {
            let at = from.saturating_add(SignedDuration::from_hours(24 * day)).ok()?;
            let before = self.lines().filter_map(|(_, line)| line.latest(at, zone)).max()?;
            Some(self.first_backup_after(at, zone)?.duration_since(before))
        };
        (0..DAYS).filter_map(over).max().unwrap_or(SignedDuration::ZERO)
    }
}
