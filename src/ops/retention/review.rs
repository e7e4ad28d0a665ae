//! What waits for people: due, overdue, without a date, without a class. Counts by class, and some of each by name.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;

use super::plan::{Planner, Row};
use crate::domain::path::RecordPath;
use crate::domain::retention::decide::Disposition;

/// Why a record waits for people; the first that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waits {
    /// Past its ceiling.
    Overdue,
    /// Due to be destroyed: the plan names it.
    Dispose,
    /// Due, and its class leaves it to a person.
    Review,
    /// Due, and on the live side.
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
pub struct Review {
    /// Past their ceiling, held or not.
    pub overdue: Pile,
    /// Due to be destroyed.
    pub dispose: Pile,
    /// Due, and left to a person.
    pub review: Pile,
    /// Due on the live side.
    pub live: Pile,
    /// Without a date to count from.
    pub no_date: Pile,
    /// Without a class.
    pub no_class: Pile,
}

impl Review {
    /// One pile.
    pub fn pile(&self, waits: Waits) -> &Pile {
        match waits {
            Waits::Overdue => &self.overdue,
            Waits::Dispose => &self.dispose,
            Waits::Review => &self.review,
            Waits::Live => &self.live,
            Waits::NoDate => &self.no_date,
            Waits::NoClass => &self.no_class,
        }
    }

    fn pile_mut(&mut self, waits: Waits) -> &mut Pile {
        match waits {
            Waits::Overdue => &mut self.overdue,
            Waits::Dispose => &mut self.dispose,
            Waits::Review => &mut self.review,
            Waits::Live => &mut self.live,
            Waits::NoDate => &mut self.no_date,
            Waits::NoClass => &mut self.no_class,
        }
    }
}

/// Why a record waits, if it does. One that is approved waits no more.
pub fn waits(row: &Row<'_>) -> Option<Waits> {
    let d = &row.decision;
    match d.disposition {
        _ if row.under_way.is_some() => None,
        _ if d.overdue_since.is_some() => Some(Waits::Overdue),
        Disposition::Dispose => Some(Waits::Dispose),
        Disposition::Review => Some(Waits::Review),
        Disposition::Live => Some(Waits::Live),
        Disposition::Held | Disposition::Retain if d.class.is_none() => Some(Waits::NoClass),
        Disposition::Held | Disposition::Retain if d.dated.is_none() => Some(Waits::NoDate),
        Disposition::Held | Disposition::Retain => None,
    }
}

/// Everything that waits for people, at most `most` of each by name.
pub fn review(planner: &Planner<'_>, most: usize) -> Review {
    let mut review = Review::default();
    for row in planner.rows() {
        let Some(why) = waits(&row) else { continue };
        let pile = review.pile_mut(why);
        pile.records += 1;
        *pile.classes.entry(row.decision.class.clone()).or_insert(0) += 1;
        if pile.listed.len() < most {
            pile.listed.push(Waiting {
                set: row.record.set.to_string(),
                path: row.record.path.clone(),
                class: row.decision.class,
                disposition: row.decision.disposition,
                due: row.decision.due,
                overdue_since: row.decision.overdue_since,
            });
        }
    }
    review
}
