//! When drills are due: of a part, of everything, and of each holder's key. Pure.
//!
//! A repository that is young, and a key that was given lately, has the whole time first. A drill that failed does not
//! count. A date from the future tells of a wrong clock, not of a drill.

use jiff::{SignedDuration, Timestamp};

use crate::domain::log::state::State;

/// Later than this from now is the future.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_hours(24);

/// How often each is wanted; `None` for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Every {
    /// Of a part: a sample, or some sets.
    pub sample: Option<SignedDuration>,
    /// Of everything.
    pub whole: Option<SignedDuration>,
    /// Of each holder's key.
    pub key: Option<SignedDuration>,
}

/// What is to be drilled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drill {
    /// A part.
    Sample,
    /// Everything.
    Whole,
    /// The key of this holder.
    Key(String),
}

/// One drill's date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Of what.
    pub drill: Drill,
    /// How often it is wanted.
    pub every: SignedDuration,
    /// When it was last done.
    pub last: Option<Timestamp>,
    /// Until when it should be done again.
    pub until: Timestamp,
    /// That is past.
    pub overdue: bool,
}

/// Every drill that is wanted; none before the first backup.
pub fn due(state: &State, every: &Every, now: Timestamp) -> Vec<Due> {
    let Some(first) = state.snapshots.iter().map(|s| s.time).min() else { return vec![] };
    let one = |drill: Drill, every: Option<SignedDuration>, last: Option<Timestamp>, from: Timestamp| {
        let every = every?;
        let last = last.filter(|at| at.duration_since(now) <= CLOCK_SLACK);
        // A beginning that lies in the future is as good as none.
        let from = last.unwrap_or(if from.duration_since(now) <= CLOCK_SLACK { from } else { Timestamp::UNIX_EPOCH });
        let until = from.checked_add(every).unwrap_or(Timestamp::MAX);
        Some(Due { drill, every, last, until, overdue: now > until })
    };
    let proofs = &state.proofs;
    let parts = [
        one(Drill::Sample, every.sample, proofs.drilled, first),
        one(Drill::Whole, every.whole, proofs.drilled_whole, first),
    ];
    let keys = state.keyholders.iter().map(|holder| {
        let last = proofs.keys.get(&holder.id).map(|p| p.at);
        let given = proofs.held_since.get(&holder.id).copied().unwrap_or(first).max(first);
        one(Drill::Key(holder.name.clone()), every.key, last, given)
    });
    parts.into_iter().chain(keys).flatten().collect()
}
