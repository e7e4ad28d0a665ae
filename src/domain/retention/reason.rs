//! Why a record is kept or may go, in typed facts that say themselves in plain words.

use std::fmt;

use jiff::civil::Date;
use serde::{Serialize, Serializer};

use super::scheme::Action;
use super::trigger::{Dated, Trigger};
use super::words::Said;
use crate::domain::path::RecordPath;

/// One fact that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A hold touches it.
    Held {
        /// The hold's log entry.
        hold: u64,
        /// Its reason, where its note can be read.
        why: Option<String>,
    },
    /// A hold touches its moved self.
    MovedHeld {
        /// Where it is now.
        to: RecordPath,
        /// The hold's log entry.
        hold: u64,
        /// Its reason, where its note can be read.
        why: Option<String>,
    },
    /// Nothing was adopted.
    NoScheme,
    /// No pattern fits it.
    NoClass,
    /// Several classes claim it equally.
    Tie {
        /// Their ids.
        classes: Vec<String>,
    },
    /// Its class, and by which pattern.
    Classed {
        /// The class.
        class: String,
        /// The pattern.
        pattern: String,
    },
    /// The class counts from a day that nobody knows.
    NoDate {
        /// The class's trigger.
        trigger: Trigger,
    },
    /// The day from which the class counts.
    Counts {
        /// The class's trigger.
        trigger: Trigger,
        /// The day.
        dated: Dated,
    },
    /// The minimum has no end.
    MinimumNever,
    /// The minimum's last day is still to come, or today.
    MinimumEnds(Date),
    /// The minimum's last day is past.
    MinimumEnded(Date),
    /// The class keeps it whatever the day.
    KeptByClass,
    /// A scheme that was adopted and is not in force yet leaves it to a person.
    WaitingReviews {
        /// When that comes into force.
        from: Date,
    },
    /// A scheme that was adopted and is not in force yet keeps it.
    WaitingKeeps {
        /// When that comes into force.
        from: Date,
    },
    /// It is the same record as one that is kept longer.
    MovedLonger {
        /// Where it is now.
        to: RecordPath,
        /// When that is due, if ever.
        due: Option<Date>,
    },
    /// It is the same record as one of which nobody knows how long it is kept.
    MovedUnknown {
        /// Where it is now.
        to: RecordPath,
    },
    /// It is the same record as one that is not kept longer.
    MovedNoLonger {
        /// Where it is now.
        to: RecordPath,
    },
    /// It is the same record as one that is on the live side.
    MovedLive {
        /// Where it is now.
        to: RecordPath,
    },
    /// The moved self's class is the more careful one.
    MovedAction {
        /// Where it is now.
        to: RecordPath,
        /// What that class says.
        action: Action,
    },
    /// It exists.
    Live,
    /// It may exist.
    Unreadable,
    /// It may go from this day on, which is past or today.
    DueSince(Date),
    /// A person must decide or act.
    ByPerson(Action),
    /// It should have been gone before this day.
    PastCeiling(Date),
}

fn hold(f: &mut fmt::Formatter<'_>, hold: u64, why: Option<&String>) -> fmt::Result {
    match why {
        Some(why) => write!(f, "held: {why} (hold {hold})"),
        None => write!(f, "held: by hold {hold}, whose note cannot be read here"),
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { hold: at, why } => hold(f, *at, why.as_ref()),
            Self::MovedHeld { to, hold: at, why } => {
                hold(f, *at, why.as_ref())?;
                write!(f, ", which touches it as {to}")
            }
            Self::NoScheme => f.write_str("no scheme is in force"),
            Self::NoClass => f.write_str("no class matches"),
            Self::Tie { classes } => write!(f, "classes match equally: {}", classes.join(", ")),
            Self::Classed { class, pattern } => write!(f, "class {class}, by {pattern}"),
            Self::NoDate { trigger } => write!(f, "no date is known for `{trigger}`"),
            Self::Counts { trigger, dated } => write!(f, "{trigger} is {dated}"),
            Self::MinimumNever => f.write_str("its minimum never ends"),
            Self::MinimumEnds(date) => write!(f, "minimum ends {}", Said(*date)),
            Self::MinimumEnded(date) => write!(f, "minimum ended {}", Said(*date)),
            Self::KeptByClass => f.write_str("kept for ever by its class"),
            Self::WaitingReviews { from } => {
                write!(f, "left to a person by the scheme that comes into force on {}", Said(*from))
            }
            Self::WaitingKeeps { from } => {
                write!(f, "kept by the scheme that comes into force on {}", Said(*from))
            }
            Self::MovedLonger { to, due: Some(due) } => {
                write!(f, "moved to {to}; the longer minimum counts: due {}", Said(*due))
            }
            Self::MovedLonger { to, due: None } => write!(f, "moved to {to}; the longer minimum counts: never due"),
            Self::MovedUnknown { to } => write!(f, "moved to {to}, and nobody knows how long that is kept"),
            Self::MovedNoLonger { to } => write!(f, "moved to {to}, which is not kept longer"),
            Self::MovedLive { to } => write!(f, "moved to {to}, which is still in the folders"),
            Self::MovedAction { to, action } => {
                write!(f, "moved to {to}, whose class says {action}; the more careful counts")
            }
            Self::Live => f.write_str("still in the folders"),
            Self::Unreadable => f.write_str("it may still exist: it could not be read"),
            Self::DueSince(date) => write!(f, "due since {}", Said(*date)),
            Self::ByPerson(Action::Transfer) => f.write_str("its class says transfer: a person hands it over"),
            Self::ByPerson(action) => write!(f, "its class says {action}: a person decides"),
            Self::PastCeiling(date) => write!(f, "past its ceiling since {}", Said(*date)),
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
