//! Which access of outsiders ends soon, or should have ended: counts and days, for status and notices. Pure.

use jiff::ToSpan;
use jiff::civil::Date;

use crate::domain::log::state::State;
use crate::service::plain::{counted, date};
use crate::service::status::{Light, Line};

/// From so many days before its last day on, people are reminded.
const SOON_DAYS: i32 = 14;

/// Access that somebody must look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessSeen {
    /// The oldest of them: what the reference is about.
    pub first: u64,
    /// How many end within the next days.
    pub ending: u64,
    /// The first of those days.
    pub next: Option<Date>,
    /// How many should have ended, and nobody has said that they did.
    pub passed: u64,
    /// The oldest of those days.
    pub since: Option<Date>,
}

/// What the log says; nothing when nobody need look.
pub fn seen(state: &State, today: Date) -> Option<AccessSeen> {
    let soon = today.saturating_add(SOON_DAYS.days());
    let wanted = || state.open_accesses().filter(|a| a.given.until <= soon);
    let passed = || wanted().filter(|a| a.is_overdue(today)).map(|a| a.given.until);
    let ending = || wanted().filter(|a| !a.is_overdue(today)).map(|a| a.given.until);
    Some(AccessSeen {
        first: wanted().map(|a| a.at).min()?,
        ending: ending().count() as u64,
        next: ending().min(),
        passed: passed().count() as u64,
        since: passed().min(),
    })
}

/// The lines of the status.
pub fn lines(state: &State, today: Date) -> Vec<Line> {
    let Some(seen) = seen(state, today) else { return vec![] };
    let mut lines = vec![];
    if let Some(since) = seen.since {
        let n = counted(seen.passed, "outsider's access", "outsiders' accesses");
        let text = format!(
            "{n} should have ended, the first on {}, and nobody has said so. Take the key away, then: strongroom provider \
             access end NUMBER --by NAME --note TEXT",
            date(since)
        );
        lines.push(Line { light: Light::Amber, text });
    }
    if let Some(next) = seen.next {
        let n = counted(seen.ending, "outsider's access ends", "outsiders' accesses end");
        let text = format!("{n} soon, the first on {}. See: strongroom provider access list", date(next));
        lines.push(Line { light: Light::Green, text });
    }
    lines
}
