//! Once per cause: from what is open and what this run found, which notices are due. Pure.
//!
//! Every trouble found is on an open ticket of which each role has been told; nobody is told twice of the same
//! ticket within a day unless it has become worse; the deputy hears of it only when it has stayed wrong for so long; and a ticket closes only on evidence: a good run of the very
//! job and set, a person's word for an incident, or the set's removal from the configuration. A decision that was
//! carried out by half is decided again, under the same notice ids, until the journal has it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::service::history::{Finished, JournalState, Open};
use crate::service::journal::{Event, JournalEntry, Step};
use crate::service::lead;
use crate::service::words::{
    Cause, Counts, JobKind, NoticeKind, Outcome, Reference, Role, SetName, Ticket, Trouble, Why, word,
};

/// A nightly run is sometimes a little early, and clocks change: a daily reminder must not slip to every second day.
pub const REMIND_AFTER: SignedDuration = SignedDuration::from_hours(22);
/// For the same reason: seven days are told on the seventh night.
const SLACK: SignedDuration = SignedDuration::from_hours(2);

/// Everything a notice may say, before it is put into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Stable: the same notice decided twice has the same id.
    pub id: String,
    /// What people quote.
    pub reference: Reference,
    /// What it says.
    pub kind: NoticeKind,
    /// For whom.
    pub to: Role,
    /// The heaviest cause.
    pub lead: Cause,
    /// All of them.
    pub causes: Vec<Cause>,
    /// The sets that the heaviest cause strikes.
    pub sets: Vec<SetName>,
    /// When it began.
    pub since: Timestamp,
    /// When it was last seen or, for a closing notice, found right.
    pub at: Timestamp,
    /// When a job last found it: a run that did not look at it, or passed it by, found nothing.
    pub found: Timestamp,
    /// What the jobs counted; while it is open, those that last found it.
    pub counts: Counts,
    /// The exit code.
    pub exit: u8,
    /// The last time the job got through; of several sets, the one that is worst off.
    pub last_good: Option<Timestamp>,
}

/// What to do, in this order: journal what is opened, store the notices, journal what is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// `CauseOpened` events.
    pub opened: Vec<Event>,
    /// Notices to store.
    pub notices: Vec<Notice>,
    /// `CauseClosed` events.
    pub closed: Vec<Event>,
}

/// What a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The journal, this run's steps included.
    pub state: &'a JournalState,
    /// This run's steps.
    pub steps: &'a [Finished],
    /// The sets that are configured.
    pub sets: &'a [SetName],
    /// Who is told at once.
    pub roles: &'a [Role],
    /// How long something stays wrong before the deputy is told too; `None` where there is none.
    pub deputy_after: Option<SignedDuration>,
    /// Now.
    pub now: Timestamp,
    /// The council's time zone, for the date in a reference.
    pub zone: &'a TimeZone,
}

/// Decides.
pub fn decide(evidence: &Evidence<'_>) -> Decision {
    let found: BTreeSet<Cause> = evidence.steps.iter().flat_map(|f| causes_of(&f.step)).collect();
    let mut decision = Decision::default();
    let closing = closing(evidence, &found);
    let joined = opening(evidence, &found, &closing);
    let mut after = evidence.state.clone();
    for (reference, causes) in &joined {
        for cause in causes {
            let event = Event::CauseOpened { reference: reference.clone(), cause: cause.clone() };
            after.take(&entry(evidence.now, event.clone()));
            decision.opened.push(event);
        }
    }
    for (reference, open) in &after.open {
        let none = BTreeMap::new();
        let hows = closing.get(reference).unwrap_or(&none);
        for (cause, how) in hows {
            let (reference, cause) = (reference.clone(), cause.clone());
            decision.closed.push(Event::CauseClosed { reference, cause, how: *how });
        }
        let remaining: BTreeSet<Cause> = open.causes.iter().filter(|c| !hows.contains_key(c)).cloned().collect();
        if remaining.is_empty() {
            close_notices(evidence, reference, open, hows, &mut decision.notices);
        } else {
            open_notices(evidence, reference, open, &remaining, &found, &mut decision.notices);
        }
    }
    decision
}

/// The causes that a step gives rise to.
pub fn causes_of(step: &Step) -> impl Iterator<Item = Cause> {
    step.troubles.iter().map(|trouble| Cause { trouble: *trouble, job: step.job, set: step.set.clone() })
}

fn entry(at: Timestamp, event: Event) -> JournalEntry {
    JournalEntry { at, run: String::new(), event }
}

type Closing = BTreeMap<Reference, BTreeMap<Cause, NoticeKind>>;

fn closing(evidence: &Evidence<'_>, found: &BTreeSet<Cause>) -> Closing {
    let mut closing = Closing::new();
    for (reference, open) in &evidence.state.open {
        for cause in &open.causes {
            let how = if open.resolved.is_some() {
                NoticeKind::Resolved
            } else if cause.set.as_ref().is_some_and(|set| !evidence.sets.contains(set)) {
                NoticeKind::NotConfigured
            } else if !found.contains(cause) && evidence.steps.iter().any(|f| clears(cause, &f.step)) {
                NoticeKind::WorkingAgain
            } else {
                continue;
            };
            closing.entry(reference.clone()).or_default().insert(cause.clone(), how);
        }
    }
    closing
}

/// Whether this step is evidence that the cause is gone.
pub fn clears(cause: &Cause, step: &Step) -> bool {
    let same = step.job == cause.job && (step.set.is_none() || step.set == cause.set);
    let done = step.outcome == Outcome::Done;
    match cause.trouble {
        // A watcher that could look at everything, and did not find it, has seen the end of it: also of a changed past,
        // since it sees again what it remembers.
        _ if cause.job == JobKind::Watch => same && step.examined_all,
        Trouble::HistoryChanged | Trouble::MassChange | Trouble::ManyNotItsName => false,
        Trouble::Damage | Trouble::Unheard if cause.job == JobKind::Notices => {
            same && !step.troubles.contains(&cause.trouble)
        }
        Trouble::Damage => {
            let of_it = step.set.is_none() || step.set == cause.set;
            step.job == JobKind::Verify && of_it && done && step.examined_all
        }
        Trouble::Failed(_) | Trouble::ExaminedNothing => {
            let got_through = match step.job {
                JobKind::Verify => step.outcome == Outcome::Damage || step.troubles.contains(&Trouble::LiveDiffers),
                JobKind::Backup | JobKind::Thin | JobKind::Prune | JobKind::Retention | JobKind::Coverage => {
                    step.outcome == Outcome::Incomplete
                }
                JobKind::Store => step.troubles.iter().all(|t| matches!(t, Trouble::Unprotected | Trouble::Incomplete)),
                JobKind::Configuration | JobKind::Notices | JobKind::Drills | JobKind::Watch => false,
            };
            same && (done || got_through)
        }
        Trouble::Refused | Trouble::Incomplete | Trouble::Unprotected | Trouble::Unheard => same && done,
        Trouble::WrongClock | Trouble::Undelivered => same && done,
        Trouble::Missed => same && (done || step.outcome == Outcome::Incomplete),
        // A test that reads a part of the files says nothing of the others.
        Trouble::LiveDiffers => same && step.counts.all_live,
        Trouble::PutRight => same && step.counts.looked_around && !step.troubles.contains(&Trouble::Damage),
        // Only what looked whether documents open can say that they do.
        Trouble::Spoiled | Trouble::NotItsName => same && done && step.counts.opening.is_some(),
        // Each may end while the other goes on.
        Trouble::Overdue | Trouble::LimitsTooLow | Trouble::FallingBehind => {
            same && (done || step.outcome == Outcome::Incomplete)
        }
        // While a drill of everything is overdue, nobody asks for one of a part: that is no evidence of one.
        Trouble::SampleOverdue => same && done && !step.troubles.contains(&Trouble::WholeOverdue),
        Trouble::WholeOverdue | Trouble::KeysOverdue => same && done,
        Trouble::Quiet | Trouble::Untested | Trouble::ClocksDiffer => same && done,
    }
}

/// The causes that are new, by the reference they get: that of a ticket open already, or one of their own.
fn opening(
    evidence: &Evidence<'_>,
    found: &BTreeSet<Cause>,
    closing: &Closing,
) -> BTreeMap<Reference, BTreeSet<Cause>> {
    let state = evidence.state;
    let live = || state.open.iter().filter(|(_, open)| open.resolved.is_none());
    let is_closing = |r: &Reference, c: &Cause| closing.get(r).is_some_and(|all| all.contains_key(c));
    let mut tickets: BTreeMap<Ticket, Reference> = BTreeMap::new();
    let mut known: BTreeSet<&Cause> = BTreeSet::new();
    for (reference, open) in live() {
        for cause in &open.causes {
            tickets.insert(cause.ticket(), reference.clone());
            if !is_closing(reference, cause) {
                known.insert(cause);
            }
        }
    }
    let mut taken = state.references.clone();
    let mut joined: BTreeMap<Reference, BTreeSet<Cause>> = BTreeMap::new();
    // What strikes several sets in one run in the same way has one cause: one share that is not connected, one attack.
    let mut alike: BTreeMap<(Trouble, JobKind), Reference> = BTreeMap::new();
    for cause in found.iter().filter(|c| !known.contains(c)) {
        let reference = tickets.entry(cause.ticket()).or_insert_with(|| {
            let derived = || {
                let reference = Reference::derive(cause, evidence.now, evidence.zone, &taken);
                taken.insert(reference.clone());
                reference
            };
            alike.entry((cause.trouble, cause.job)).or_insert_with(derived).clone()
        });
        joined.entry(reference.clone()).or_default().insert(cause.clone());
    }
    joined
}

fn close_notices(
    evidence: &Evidence<'_>,
    reference: &Reference,
    open: &Open,
    hows: &BTreeMap<Cause, NoticeKind>,
    notices: &mut Vec<Notice>,
) {
    // Of several ways the one that claims least: `WorkingAgain` only if all of them work again.
    let kind = hows.values().copied().max().unwrap_or(NoticeKind::WorkingAgain);
    let causes: BTreeSet<Cause> = open.causes.union(&open.closed).cloned().collect();
    let is_there = |to: &Role| *to != Role::Deputy || evidence.deputy_after.is_some();
    for to in open.told.keys().filter(|to| is_there(to)) {
        notices.push(Notice {
            id: format!("{reference}-{}-{}", word(&kind), word(to)),
            at: evidence.now,
            ..facts(evidence, reference, open, &causes, kind, *to)
        });
    }
}

fn open_notices(
    evidence: &Evidence<'_>,
    reference: &Reference,
    open: &Open,
    remaining: &BTreeSet<Cause>,
    found: &BTreeSet<Cause>,
    notices: &mut Vec<Notice>,
) {
    let replaced = |cause: &Cause| {
        let other = |f: &Finished| f.step.job == cause.job && f.step.set == cause.set && !f.step.troubles.is_empty();
        !goes_on(cause.trouble) && !found.contains(cause) && evidence.steps.iter().any(other)
    };
    // What was put right is told again only if it is found so again.
    let is_right = remaining.iter().all(|c| c.trouble.is_over() && !found.contains(c));
    let accepted = is_accepted(evidence.state, reference, remaining, evidence.now);
    // An acknowledgement repairs nothing: it quietens the clerk's reminders alone, and the deputy's turn comes as ever.
    let acknowledged = evidence.state.voices.acknowledged.get(reference).is_some_and(|w| w.holds(evidence.now));
    let deputy = is_the_deputys(evidence, open).then_some(&Role::Deputy);
    for to in evidence.roles.iter().chain(deputy) {
        let (kind, first) = match (open.told.get(to), open.told_of.get(to)) {
            (None, _) if *to == Role::Deputy && (is_right || accepted || remaining.iter().all(replaced)) => continue,
            (None, _) if *to == Role::Deputy => (NoticeKind::Reminder, true),
            (None, _) => (NoticeKind::Failure, true),
            (Some(_), Some(of)) if lead::is_worse(remaining, of) => (NoticeKind::Failure, false),
            // The absolute difference, so that a clock set back does not silence anybody.
            (Some(told), _) if evidence.now.duration_since(*told).abs() < remind_after(remaining) => continue,
            _ if is_right || accepted || remaining.iter().all(replaced) => continue,
            _ if *to == Role::Clerk && acknowledged => continue,
            _ => (NoticeKind::Reminder, false),
        };
        let mut notice = facts(evidence, reference, open, remaining, kind, *to);
        if !first {
            notice.id = format!("{}-{}", notice.id, evidence.now.as_second());
        }
        notices.push(notice);
    }
}

/// Whether a person lives with just this for a time: with these items, not with one more or another.
pub fn is_accepted(state: &JournalState, reference: &Reference, causes: &BTreeSet<Cause>, now: Timestamp) -> bool {
    let word = state.voices.accepted.get(reference).filter(|w| w.holds(now));
    word.is_some_and(|word| can_be_accepted(state, causes) == Some(word.which))
}

/// Whether nothing is open but what a person lives with.
pub fn is_all_accepted(state: &JournalState, now: Timestamp) -> bool {
    state.open.iter().all(|(reference, open)| is_accepted(state, reference, &open.causes, now))
}

/// What of it a person can accept, see [`Counts::which`]; `None` for what is no matter of living with it.
pub fn can_be_accepted(state: &JournalState, causes: &BTreeSet<Cause>) -> Option<u64> {
    let one = |cause: &Cause| match (cause.trouble, cause.job) {
        (Trouble::Incomplete, JobKind::Backup) => state.last_found.get(cause)?.step.counts.which,
        (Trouble::WholeOverdue | Trouble::SampleOverdue | Trouble::KeysOverdue, _) => Some(0),
        _ => None,
    };
    causes.iter().try_fold(0u64, |all, cause| Some(all.wrapping_add(one(cause)?)))
}

/// Whether it stays wrong whatever else the same job meets later.
fn goes_on(trouble: Trouble) -> bool {
    trouble.is_incident() || matches!(trouble, Trouble::Damage | Trouble::LiveDiffers)
}

/// Nothing is broken by a drill that is late: of it people are reminded once a week.
fn remind_after(causes: &BTreeSet<Cause>) -> SignedDuration {
    let is_drill = |c: &Cause| c.job == JobKind::Drills;
    if causes.iter().all(is_drill) { SignedDuration::from_hours(7 * 24) - SLACK } else { REMIND_AFTER }
}

/// Whether it has stayed wrong for so long. Once told, the deputy is told to the end, whatever is configured since.
fn is_the_deputys(evidence: &Evidence<'_>, open: &Open) -> bool {
    // The absolute difference, so that a clock set back does not silence anybody.
    let waited = evidence.now.duration_since(lead::failing_since(evidence.state, open)).abs() + SLACK;
    evidence.deputy_after.is_some_and(|after| waited >= after || open.told.contains_key(&Role::Deputy))
}

fn facts(
    evidence: &Evidence<'_>,
    reference: &Reference,
    open: &Open,
    causes: &BTreeSet<Cause>,
    kind: NoticeKind,
    to: Role,
) -> Notice {
    let causes = lead::current(evidence.state, causes);
    let lead = causes.iter().min_by_key(|c| c.weight()).map(|c| Cause::clone(c));
    // A ticket without causes does not exist: `opened` gives it one and `closed` removes it with its last.
    let lead = lead.unwrap_or(Cause { trouble: Trouble::Failed(Why::Other), job: JobKind::Notices, set: None });
    let like: Vec<&Cause> = causes.iter().copied().filter(|c| c.weight() == lead.weight()).collect();
    let state = evidence.state;
    let key = |c: &Cause| (c.job, c.set.clone());
    let is_open = matches!(kind, NoticeKind::Failure | NoticeKind::Reminder);
    let last = |c: &Cause| state.last_finished.get(&key(c));
    let found = |c: &&Cause| state.last_found.get(c).or_else(|| last(c));
    let finished: Vec<&Finished> = like.iter().filter_map(|c| last(c)).collect();
    let shown: Vec<&Finished> = if is_open { like.iter().filter_map(found).collect() } else { finished.clone() };
    let good: Option<Vec<Timestamp>> = like.iter().map(|c| state.last_good.get(&key(c)).map(|f| f.at)).collect();
    let mut counts = Counts::default();
    for f in &shown {
        counts.files = counts.files.saturating_add(f.step.counts.files);
        counts.bytes = counts.bytes.saturating_add(f.step.counts.bytes);
        counts.problems = counts.problems.saturating_add(f.step.counts.problems);
        counts.changed = counts.changed.saturating_add(f.step.counts.changed);
        counts.in_week |= f.step.counts.in_week;
        counts.lost = counts.lost.max(f.step.counts.lost);
        counts.silent_since = [counts.silent_since, f.step.counts.silent_since].into_iter().flatten().min();
        counts.opening = f.step.counts.opening.or(counts.opening);
        counts.marked = f.step.counts.marked.filter(|at| *at >= open.since).or(counts.marked);
        counts.last_settings |= f.step.counts.last_settings;
        counts.differing = counts.differing.saturating_add(f.step.counts.differing);
        counts.last = [counts.last, f.step.counts.last].into_iter().flatten().min();
    }
    // Whichever job met the damage: what was accepted as lost is known to the test.
    if let Some(test) = state.last_finished.get(&(JobKind::Verify, None)).filter(|_| lead.job != JobKind::Notices) {
        counts.lost = counts.lost.max(test.step.counts.lost);
        counts.accepted = test.step.counts.accepted;
    }
    let at = finished.iter().map(|f| f.at).max().unwrap_or(open.since);
    Notice {
        id: format!("{reference}-{}-{}", word(&kind), word(&to)),
        reference: reference.clone(),
        kind,
        to,
        sets: like.iter().filter_map(|c| c.set.clone()).collect(),
        causes: causes.iter().copied().cloned().collect(),
        since: open.since,
        at,
        found: shown.iter().map(|f| f.at).max().unwrap_or(at),
        counts,
        exit: shown.iter().map(|f| f.step.exit).max().unwrap_or(1),
        last_good: if lead.job == JobKind::Watch { counts.last } else { good.and_then(|all| all.into_iter().min()) },
        lead,
    }
}
