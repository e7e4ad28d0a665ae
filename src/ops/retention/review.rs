//! What waits for people: due, overdue, held, come back, without a date, without a class. Counts by class, and some of
//! each by name.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;

use super::plan::{Planner, Row};
use super::register::Register;
use crate::domain::path::RecordPath;
use crate::domain::retention::decide::{Decision, Disposition};
use crate::domain::retention::reason::Reason;
use crate::domain::retention::trigger::Trigger;

/// Why a record waits for people; the first that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waits {
    /// Disposed of before, and in the folders again.
    Reappeared,
    /// Due, and kept by a hold.
    Held,
    /// Past its ceiling, and still in the folders.
    LiveOverdue,
    /// Past its ceiling, and in the backup alone.
    Overdue,
    /// Due to be destroyed: the plan names it.
    Dispose,
    /// Due, and its class leaves it to a person.
    Review,
    /// Due, and still in the folders.
    Live,
    /// Its class counts from a day that nobody knows.
    NoDate,
    /// No class matches it, or several do equally.
    NoClass,
}

/// One record that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its set.
    pub set: String,
    /// Its path.
    pub path: RecordPath,
    /// Its class.
    pub class: Option<String>,
    /// What becomes of it.
    pub disposition: Disposition,
    /// Since when it is due.
    pub due: Option<Date>,
    /// Since when it is past its ceiling.
    pub overdue_since: Option<Date>,
    /// From what its class counts, where nobody knows that day.
    pub trigger: Option<Trigger>,
}

/// The records that wait for one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pile {
    /// How many.
    pub records: u64,
    /// How many of each class; those without one have none.
    pub classes: BTreeMap<Option<String>, u64>,
    /// The first of them, as many as were asked for.
    pub listed: Vec<Waiting>,
}

/// Everything that waits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Review(BTreeMap<Waits, Pile>);

impl Review {
    /// One pile; nothing when nothing waits for that reason.
    pub fn pile(&self, waits: Waits) -> Option<&Pile> {
        self.0.get(&waits)
    }

    /// How many records wait for one reason.
    pub fn records(&self, waits: Waits) -> u64 {
        self.pile(waits).map_or(0, |pile| pile.records)
    }
}

/// Why a record waits on this day, if it does. One that is approved waits no more.
pub fn waits(row: &Row<'_>, on: Date, register: &Register) -> Option<Waits> {
    let (d, record) = (&row.decision, row.record);
    let live = record.may_be_live();
    Some(match d.disposition {
        _ if row.under_way.is_some() => return None,
        _ if record.live && register.is_again(&record.set, &record.path, record.content) => Waits::Reappeared,
        Disposition::Held if d.due.is_some_and(|due| due <= on) => Waits::Held,
        Disposition::Live if d.overdue_since.is_some() => Waits::LiveOverdue,
        Disposition::Live => Waits::Live,
        Disposition::Dispose | Disposition::Review if d.overdue_since.is_some() => Waits::Overdue,
        Disposition::Dispose => Waits::Dispose,
        Disposition::Review => Waits::Review,
        Disposition::Held | Disposition::Retain if d.class.is_none() => Waits::NoClass,
        // What a person could record would change nothing.
        _ if d.reasons.contains(&Reason::KeptByClass) => return None,
        _ => match no_date(d)? {
            Trigger::LastSeen if live => return None, // its day comes when it is gone
            _ => Waits::NoDate,
        },
    })
}

/// From what the record's class counts, where nobody knows that day.
pub fn no_date(decision: &Decision) -> Option<&Trigger> {
    decision.reasons.iter().find_map(|r| if let Reason::NoDate { trigger } = r { Some(trigger) } else { None })
}

/// Everything that waits for people, at most `most` of each by name.
pub fn review(planner: &Planner<'_>, register: &Register, most: usize) -> Review {
    let mut review = Review::default();
    for row in planner.rows() {
        let Some(why) = waits(&row, planner.on(), register) else { continue };
        let pile = review.0.entry(why).or_default();
        pile.records += 1;
        *pile.classes.entry(row.decision.class.clone()).or_insert(0) += 1;
        if pile.listed.len() < most {
            let trigger = no_date(&row.decision).filter(|_| why == Waits::NoDate).cloned();
            pile.listed.push(Waiting {
                set: row.record.set.to_string(),
                path: row.record.path.clone(),
                class: row.decision.class,
                disposition: row.decision.disposition,
                due: row.decision.due,
                overdue_since: row.decision.overdue_since,
                trigger,
            });
        }
    }
    review
}
