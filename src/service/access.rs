//! Who may use the backups: which access of outsiders ends soon or should have ended, and that the list of keys and computers
//! was changed. Counts and days, for status and notices. Pure.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::domain::id::ActorId;
use crate::domain::log::entry::{Actor, Entry, Role};
use crate::domain::log::state::{Slot, State};
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

/// Older changes are no news.
const NEWS_DAYS: i64 = 31;

/// That the list of keys and computers was changed, by whomever and wherever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeysSeen {
    /// The newest entry that changed it.
    pub entry: u64,
    /// When, by the clock of who did it.
    pub at: Timestamp,
    /// How many keys open the backups now.
    pub readers: u64,
    /// How many computers may write to them now.
    pub writers: u64,
}

/// What the log says; nothing when this computer (its keys are `own`) has said something since that is older than a month. The
/// date in the entry itself is the word of whoever made it, and hides nothing.
pub fn keys_changed(slots: &[Slot], state: &State, own: &[ActorId], now: Timestamp) -> Option<KeysSeen> {
    let counts = |n: u64| n > 0 && !state.voids.iter().any(|(void, _)| *void == n);
    let changes = |entry: &Entry| {
        matches!(
            entry,
            Entry::ActorAdded(_)
                | Entry::ActorRevoked { .. }
                | Entry::KeyholderAdded(_)
                | Entry::KeyholderRemoved { .. }
                | Entry::Epoch(_)
        )
    };
    let bodies = slots.iter().rev().filter(|s| counts(s.n)).filter_map(|s| s.body.as_ref());
    let newest = bodies.into_iter().find(|b| changes(&b.entry))?;
    let writes =
        |(actor, _, revoked): &&(Actor, u64, Option<u64>)| revoked.is_none() && actor.roles.contains(&Role::Writer);
    let seen = KeysSeen {
        entry: newest.n,
        at: newest.time,
        readers: state.keyholders.iter().filter(|k| k.reads).count() as u64,
        writers: state.actors.values().filter(writes).count() as u64,
    };
    let long_ago = |at: Timestamp| now.duration_since(at).abs() >= SignedDuration::from_hours(24 * NEWS_DAYS);
    let since = slots.iter().filter(|s| s.n > newest.n).filter_map(|s| s.body.as_ref());
    let known = since.into_iter().any(|b| own.contains(&b.actor) && long_ago(b.time));
    (!known).then_some(seen)
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
