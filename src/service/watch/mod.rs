//! What a watcher on another computer makes of what it saw: is the office at work, and are its backups fresh? Pure.
//!
//! It believes no time that lies ahead of its own clock, and no machine that claims to be fresher than the store says its
//! object is. It says less where it has no key: what a heartbeat does not show is not said to be well.

mod pins;
mod seen;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

pub use pins::{Pinned, Pins};
pub use seen::{Beat, LogSeen, Seen};

use crate::domain::heartbeat::{Health, SetLabel};
use crate::domain::id::ActorId;
use crate::domain::problem::Exit;
use crate::service::runner::JobOutcome;
use crate::service::words::{Counts, Outcome, SetName, Trouble, Why};

/// How old a set's last good backup may be: a day and more beyond the office's own week, so that a punctual weekly job
/// never alarms, and the office's own alarm comes first.
pub const MAX_AGE: SignedDuration = SignedDuration::from_hours(8 * 24 + 2);
/// How long nothing may be heard: one missed night, not two.
pub const MAX_SILENCE: SignedDuration = SignedDuration::from_hours(2 * 24);
/// How old the last test of the backups may be.
pub const MAX_TEST_AGE: SignedDuration = crate::service::status::MAX_TEST_AGE;
/// Clocks that agree so far agree: the same that pruning asks for.
pub const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(15);

/// What is expected of one council.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The sets, where they are listed; empty: what the office names.
    pub sets: Vec<ExpectedSet>,
    /// For sets that say nothing else.
    pub max_age: SignedDuration,
    /// How long nothing may be heard.
    pub max_silence: SignedDuration,
    /// How old the last test may be.
    pub max_test_age: SignedDuration,
}

/// A set that is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedSet {
    /// Its name.
    pub name: SetName,
    /// What the office calls it in public.
    pub label: Option<SetLabel>,
    /// How old its last good backup may be.
    pub max_age: SignedDuration,
}

/// What is thought of one set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetJudged {
    /// Its name, where it is known.
    pub name: Option<SetName>,
    /// Its public label, where it is known.
    pub label: Option<SetLabel>,
    /// Its last good backup, as far as it can be believed.
    pub last: Option<Timestamp>,
    /// Too old, never made, or dated in the future.
    pub overdue: bool,
}

/// What is thought of one council.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Each set.
    pub sets: Vec<SetJudged>,
    /// The last sign of life that can be believed; where a computer is silent, the last of the one silent longest.
    pub alive: Option<Timestamp>,
    /// From one of those expected, that was too long ago, or never was.
    pub quiet: bool,
    /// How the office saw itself then: the worst that any of its computers says.
    pub health: Option<Health>,
    /// The last test of the backups; only the log shows it.
    pub tested: Option<Timestamp>,
    /// That was too long ago.
    pub untested: bool,
    /// The office's clock against the store's, where they do not agree.
    pub office_clock: Option<SignedDuration>,
    /// The store's clock against this computer's, where it lies ahead.
    pub store_clock: Option<SignedDuration>,
    /// Something is dated later than now.
    pub from_future: bool,
    /// Why the past is not the one that is remembered.
    pub changed: Option<String>,
    /// Objects in place of heartbeats that the office did not sign.
    pub junk: usize,
}

/// Judges what was seen.
pub fn judge(seen: &Seen, expected: &Expected, pins: &Pins, now: Timestamp) -> Judged {
    let ahead = |at: Timestamp| at.duration_since(now) > CLOCK_SLACK;
    let believed = |at: Timestamp| Some(at).filter(|at| !ahead(*at));
    let beats = || seen.beats.iter();
    let newest = beats().filter(|b| !ahead(b.effective())).max_by_key(|b| b.effective());
    let snapshots = seen.log.iter().flat_map(|l| l.sets.iter().filter_map(|(_, at)| *at));
    let tested = seen.log.as_ref().and_then(|l| l.tested).and_then(believed);
    let too_old = |at: Option<Timestamp>, most| at.is_none_or(|at| now.duration_since(at) > most);
    let (alive, quiet) =
        heard(seen, snapshots.clone().filter_map(believed).max(), &believed, |at| too_old(at, expected.max_silence));
    // Of a computer that was replaced long ago the colour counts no more.
    let counts = |b: &&Beat| {
        seen.speakers.iter().any(|(actor, _)| *actor == b.heartbeat.actor)
            || !too_old(Some(b.effective()), expected.max_silence)
            || newest == Some(*b)
    };
    let health = beats().filter(|b| !ahead(b.effective())).filter(counts).map(|b| b.heartbeat.health).max();
    let skewed = |(said, stored): (Timestamp, Option<Timestamp>)| {
        stored.map(|stored| said.duration_since(stored)).filter(|by| by.abs() > CLOCK_SLACK)
    };
    // Only what was written last: what lies there longer may have been copied from another store.
    let last_written = newest.map(|b| (b.heartbeat.time, b.stored));
    let stored = beats().filter_map(|b| b.stored).chain(seen.log.iter().filter_map(|l| l.newest?.1)).max();
    let dated = beats().map(|b| b.heartbeat.time).chain(snapshots).chain(seen.log.iter().filter_map(|l| l.tested));
    let log_skew = seen.log.as_ref().and_then(|l| l.newest).and_then(skewed);
    Judged {
        sets: sets(seen, expected, now),
        alive,
        quiet,
        health,
        tested,
        untested: seen.log.is_some() && too_old(tested, expected.max_test_age),
        office_clock: last_written.and_then(skewed).or(log_skew),
        store_clock: stored.map(|s| s.duration_since(now)).filter(|by| *by > CLOCK_SLACK),
        from_future: dated.into_iter().any(ahead),
        changed: seen.changed(pins),
        junk: seen.junk,
    }
}

/// The last sign of life, and whether somebody is silent: each that is expected speaks for itself alone. Where it is not
/// known who is, or nobody left a heartbeat and the log names no backups of theirs, any sign is one.
fn heard(
    seen: &Seen,
    backed_up: Option<Timestamp>,
    believed: &impl Fn(Timestamp) -> Option<Timestamp>,
    silent: impl Fn(Option<Timestamp>) -> bool,
) -> (Option<Timestamp>, bool) {
    let signs = |actor: Option<ActorId>, logged: Option<Timestamp>| {
        let mut own = seen.beats.iter().filter(|b| actor.is_none_or(|a| a == b.heartbeat.actor)).peekable();
        // An office of before there were heartbeats is known by its backups.
        if own.peek().is_none() { logged.and_then(believed) } else { own.filter_map(|b| believed(b.effective())).max() }
    };
    let any = signs(None, backed_up);
    let each: Vec<_> = match &seen.speakers[..] {
        [] => vec![any],
        all => all.iter().map(|(actor, logged)| signs(Some(*actor), *logged)).collect(),
    };
    let quiet: Vec<_> = each.into_iter().filter(|at| silent(*at)).collect();
    if quiet.is_empty() { (any, false) } else { (quiet.into_iter().flatten().min(), true) }
}

/// When each set was last backed up: by the log where it was read, else as the heartbeats say.
fn sets(seen: &Seen, expected: &Expected, now: Timestamp) -> Vec<SetJudged> {
    let mut by_label: BTreeMap<SetLabel, Option<Timestamp>> = BTreeMap::new();
    for beat in &seen.beats {
        for set in &beat.heartbeat.sets {
            // Nothing was backed up after the heartbeat that says so was written.
            let last = set.last.filter(|at| *at <= beat.heartbeat.time + CLOCK_SLACK);
            let known = by_label.entry(set.set).or_default();
            *known = (*known).max(last.map(|at| at.min(beat.effective())));
        }
    }
    let judged = |name: Option<SetName>, label: Option<SetLabel>, max_age: SignedDuration| {
        let last = match (&seen.log, &name) {
            (Some(log), Some(name)) => log.last(name.as_str()),
            _ => label.and_then(|l| by_label.get(&l).copied().flatten()),
        };
        let age = last.map(|at| now.duration_since(at));
        let overdue = age.is_none_or(|age| age > max_age || age < -CLOCK_SLACK);
        SetJudged { name, label, last, overdue }
    };
    let label_of = |name: &SetName| seen.log.as_ref().and_then(|l| l.label(name.as_str()));
    if !expected.sets.is_empty() {
        let one = |s: &ExpectedSet| judged(Some(s.name.clone()), label_of(&s.name).or(s.label), s.max_age);
        return expected.sets.iter().map(one).collect();
    }
    let named = |label: SetLabel| seen.log.as_ref().and_then(|l| l.named(label));
    if by_label.is_empty() {
        let all = seen.log.iter().flat_map(|l| l.labels.iter());
        return all
            .filter_map(|(n, l)| Some(judged(Some(SetName::new(n).ok()?), Some(*l), expected.max_age)))
            .collect();
    }
    by_label.keys().map(|label| judged(named(*label), Some(*label), expected.max_age)).collect()
}

impl Judged {
    /// What a look of this kind ends with.
    pub fn exit(&self) -> Exit {
        let mut exit = Exit::Done;
        if self.changed.is_some() || self.junk > 0 {
            exit = exit.worse(Exit::Damage);
        }
        if self.health == Some(Health::Red) {
            exit = exit.worse(Exit::Failed);
        }
        let clocks = self.office_clock.is_some() || self.store_clock.is_some() || self.from_future;
        if self.quiet || self.untested || clocks || self.sets.iter().any(|s| s.overdue) {
            exit = exit.worse(Exit::Stale);
        }
        exit
    }

    /// The jobs' ends, for the journal: of the whole look, and of each set that has a name. What is missing counts from
    /// `since` on at the latest: nobody is told on the first day of what was never there.
    pub fn outcomes(
        &self,
        expected: &Expected,
        since: Timestamp,
        now: Timestamp,
    ) -> Vec<(Option<SetName>, JobOutcome)> {
        let waited = |most: SignedDuration| now.duration_since(since) > most;
        let mut troubles = vec![];
        let mut add = |is: bool, trouble| is.then(|| troubles.push(trouble));
        add(self.changed.is_some() || self.junk > 0, Trouble::HistoryChanged);
        add(self.quiet && (self.alive.is_some() || waited(expected.max_silence)), Trouble::Quiet);
        let nameless = |s: &SetJudged| s.name.is_none() && is_told(s, expected, since, now);
        add(self.sets.iter().any(nameless), Trouble::Overdue);
        add(self.untested && (self.tested.is_some() || waited(expected.max_test_age)), Trouble::Untested);
        add(self.office_clock.is_some() || self.store_clock.is_some() || self.from_future, Trouble::ClocksDiffer);
        let last = match troubles.first() {
            Some(Trouble::Quiet) => self.alive,
            Some(Trouble::Untested) => self.tested,
            Some(Trouble::Overdue) => self.sets.iter().filter(|s| s.name.is_none()).filter_map(|s| s.last).min(),
            _ => None,
        };
        let mut all = vec![(None, outcome(troubles, last, self.exit()))];
        for set in self.sets.iter() {
            let Some(name) = &set.name else { continue };
            let troubles = if is_told(set, expected, since, now) { vec![Trouble::Overdue] } else { vec![] };
            all.push((Some(name.clone()), outcome(troubles, set.last, Exit::Stale)));
        }
        all
    }
}

fn is_told(set: &SetJudged, expected: &Expected, since: Timestamp, now: Timestamp) -> bool {
    let named = |e: &&ExpectedSet| Some(&e.name) == set.name.as_ref();
    let most = expected.sets.iter().find(named).map_or(expected.max_age, |e| e.max_age);
    set.overdue && (set.last.is_some() || now.duration_since(since) > most)
}

fn outcome(troubles: Vec<Trouble>, last: Option<Timestamp>, exit: Exit) -> JobOutcome {
    let counts = Counts { last, ..Counts::default() };
    let (ended, exit) = match troubles.first() {
        None => (Outcome::Done, Exit::Done),
        Some(Trouble::HistoryChanged) => (Outcome::Damage, exit),
        Some(_) => (Outcome::Failed, exit),
    };
    JobOutcome { examined_all: true, ..JobOutcome::new(ended, troubles, counts, exit) }
}

/// A look that did not get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blind {
    /// The past changed, or another repository stands there.
    Changed,
    /// What is needed to look is damaged.
    Damaged,
    /// The repository is not there.
    Gone,
    /// Store or keys do not let it in.
    Shut(Why),
}

impl Blind {
    /// The job's end. A store that cannot be reached for a while is no news for a clerk: it is told once nobody could have
    /// seen for too long whether the office is at work. A repository that was there and is not is told at once.
    pub fn outcome(self, pins: &Pins, max_silence: SignedDuration, exit: Exit, now: Timestamp) -> Option<JobOutcome> {
        let last = pins.looked;
        let counts = Counts { last, ..Counts::default() };
        let ended = |outcome, trouble| Some(JobOutcome::new(outcome, vec![trouble], counts, exit));
        match self {
            Self::Changed => ended(Outcome::Damage, Trouble::HistoryChanged),
            Self::Damaged => ended(Outcome::Damage, Trouble::Damage),
            Self::Gone if last.is_some() => ended(Outcome::Failed, Trouble::Failed(Why::NoRepository)),
            Self::Gone | Self::Shut(_) if now.duration_since(last.unwrap_or(pins.first)).abs() <= max_silence => None,
            Self::Gone => ended(Outcome::Failed, Trouble::Failed(Why::NoRepository)),
            Self::Shut(why) => ended(Outcome::Failed, Trouble::Failed(why)),
        }
    }
}
