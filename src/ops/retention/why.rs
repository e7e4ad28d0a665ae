//! Everything about one record: why it is kept or may go, what it was and became, and what happens next.

use jiff::Timestamp;
use jiff::civil::Date;

use super::plan::Planner;
use crate::domain::id::SnapshotId;
use crate::domain::log::state::State;
use crate::domain::path::RecordPath;
use crate::domain::pattern::Pattern;
use crate::domain::retention::decide::{Decision, Disposition};
use crate::domain::retention::record::RecordFacts;
use crate::domain::retention::rulings::Hold;
use crate::domain::retention::scheme::{Approver, Class};
use crate::ops::OpsError;

/// No more records are explained at once.
pub const MOST: usize = 20;

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing, as things are: no class, no date, kept for ever.
    Kept,
    /// It is due on this day.
    DueOn(Date),
    /// Somebody should look at this hold on that day.
    HoldReview(u64, Date),
    /// People must act on the live side first.
    LiveSide,
    /// A person decides.
    Decide,
    /// The plan names it; this one must approve.
    Approve(Approver),
    /// This approval names it.
    UnderWay(u64),
}

/// A record by name, as something that another one was or became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Its set.
    pub set: String,
    /// Its path.
    pub path: RecordPath,
    /// Whether it is, or may be, there.
    pub live: bool,
}

/// Everything about one record.
#[derive(Debug, Clone)]
pub struct Why {
    /// What the listings say.
    pub record: RecordFacts,
    /// What becomes of it, with class, matching pattern, date and its source, minimum, reasons.
    pub decision: Decision,
    /// Its class.
    pub class: Option<Class>,
    /// The first day after its ceiling.
    pub ceiling: Option<Date>,
    /// The holds that touch it.
    pub holds: Vec<Hold>,
    /// The kept snapshots that contain it, and when each was begun.
    pub snapshots: Vec<(SnapshotId, Timestamp)>,
    /// What it became.
    pub moved_to: Vec<Other>,
    /// What it was.
    pub moved_from: Vec<Other>,
    /// What happens next.
    pub next: Next,
}

/// Explains the record at a path, of every set that has it; or the records whose name is exactly that.
///
/// # Errors
/// [`OpsError::NotFound`]; [`OpsError::Usage`] when more than twenty have that name.
pub fn why(planner: &Planner<'_>, state: &State, what: &str) -> Result<Vec<Why>, OpsError> {
    let records = &planner.facts().records;
    let all = |fits: &dyn Fn(&RecordPath) -> bool| -> Vec<usize> {
        records.iter().enumerate().filter(|(_, r)| fits(&r.path)).map(|(number, _)| number).collect()
    };
    let mut found = all(&|path| path.as_bytes() == what.as_bytes());
    if found.is_empty() {
        let name = Pattern::new(what);
        found = all(&|path| name.is_name_of(path));
    }
    let shown = crate::domain::path::printable(what.as_bytes());
    match found.len() {
        0 => {
            Err(OpsError::NotFound(format!("no record is called '{shown}'; 'strongroom find' searches parts of names")))
        }
        n if n > MOST => Err(OpsError::Usage(format!("{n} records are called '{shown}': write more of the path"))),
        _ => Ok(found.into_iter().map(|number| explain(planner, state, number)).collect()),
    }
}

/// Explains one record, by its number in the facts.
pub fn explain(planner: &Planner<'_>, state: &State, number: usize) -> Why {
    let (facts, law) = (planner.facts(), planner.law().law());
    let row = planner.row(number);
    let record = row.record;
    let scheme = law.scheme.as_ref();
    let class = row.decision.class.as_ref().and_then(|id| scheme?.class(id)).cloned();
    let ceiling = class.as_ref().and_then(|c| c.ceiling?.due(row.decision.dated.as_ref()?.date));
    let holds: Vec<Hold> = law.holds.iter().filter(|h| h.touches(record, &law.zone)).cloned().collect();
    let lineage = planner.decider().lineage();
    let moved_to: Vec<Other> = lineage.moved_selves(&facts.records, number).map(|n| other(&facts.records[n])).collect();
    let was = |n: &usize| {
        let same = facts.records[*n].content == record.content && !record.content.is_nothing();
        same && *n != number && lineage.moved_selves(&facts.records, *n).any(|to| to == number)
    };
    let moved_from: Vec<Other> = (0..facts.records.len()).filter(was).map(|n| other(&facts.records[n])).collect();
    let began = |id: &SnapshotId| state.snapshots.iter().find(|s| s.id == *id).map(|s| (*id, s.snapshot.began));
    let next = next(&row.decision, row.under_way, &holds, planner.on());
    Why {
        snapshots: record.snapshots.iter().filter_map(began).collect(),
        record: record.clone(),
        decision: row.decision,
        class,
        ceiling,
        holds,
        moved_to,
        moved_from,
        next,
    }
}

fn other(record: &RecordFacts) -> Other {
    Other { set: record.set.to_string(), path: record.path.clone(), live: record.may_be_live() }
}

fn next(decision: &Decision, under_way: Option<u64>, holds: &[Hold], on: Date) -> Next {
    if let Some(approval) = under_way {
        return Next::UnderWay(approval);
    }
    match decision.disposition {
        Disposition::Held => match holds.iter().min_by_key(|h| h.review) {
            Some(hold) => Next::HoldReview(hold.at, hold.review),
            // Its moved self is held.
            None => Next::Kept,
        },
        Disposition::Retain => decision.due.filter(|due| *due > on).map_or(Next::Kept, Next::DueOn),
        Disposition::Live => Next::LiveSide,
        Disposition::Review => Next::Decide,
        Disposition::Dispose => Next::Approve(decision.approver.unwrap_or_default()),
    }
}
