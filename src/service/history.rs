//! The journal folded into what is known now: last successes, what is open and who was told, what was proved.
//!
//! Pure. The same entries always give the same state, and an entry never makes an earlier success older.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::service::causes::causes_of;
use crate::service::changes::Changes;
use crate::service::journal::{Event, JournalEntry, Step, Told};
use crate::service::retention::RetentionState;
use crate::service::schedule::{Begun, Round};
use crate::service::voice::{Voice, VoiceState, WayName};
use crate::service::words::{Cause, JobKind, NoticeKind, Outcome, Reference, Role, SetName};

/// A step and when it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// When it ended.
    pub at: Timestamp,
    /// How it ended.
    pub step: Step,
}

/// Something that is wrong and who knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// When it began.
    pub since: Timestamp,
    /// What belongs to it and is still wrong.
    pub causes: BTreeSet<Cause>,
    /// What belonged to it and is right again.
    pub closed: BTreeSet<Cause>,
    /// When each was last told.
    pub told: BTreeMap<Role, Timestamp>,
    /// The causes that each was last told of.
    pub told_of: BTreeMap<Role, BTreeSet<Cause>>,
    /// When a person said that it is dealt with.
    pub resolved: Option<Timestamp>,
    /// Who that was, where it was written down: shown on this computer only.
    pub resolved_by: Option<String>,
}

/// What the journal says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalState {
    /// The last time each job got through for each set (a backup with problems counts; `counts.problems` says so).
    pub last_good: BTreeMap<(JobKind, Option<SetName>), Finished>,
    /// The last time each job ended for each set, however it ended.
    pub last_finished: BTreeMap<(JobKind, Option<SetName>), Finished>,
    /// The last time each cause was found.
    pub last_found: BTreeMap<Cause, Finished>,
    /// What is wrong now, by reference.
    pub open: BTreeMap<Reference, Open>,
    /// Every reference ever given.
    pub references: BTreeSet<Reference>,
    /// When each way last accepted a test message to each role.
    pub tests: BTreeMap<(WayName, Role), Timestamp>,
    /// When the recovery sheet was last proved.
    pub sheet_proved: Option<Timestamp>,
    /// When a keyholder last proved that the current epoch can be read.
    pub reading_proved: Option<Timestamp>,
    /// Since when no notice has got through, if the last attempt failed.
    pub mail_failing_since: Option<Timestamp>,
    /// Since when no message can leave, because the settings for mail cannot be used.
    pub mail_unusable_since: Option<Timestamp>,
    /// Notices given up since the last one that got through.
    pub expired: u64,
    /// The newest end of a run, or the newest time that one gave way to another job.
    pub last_end: Option<Timestamp>,
    /// Runs that began and are not known to have ended: killed, or still at work.
    pub unfinished: BTreeMap<String, Timestamp>,
    /// When the whole job, and all backups, last began, in the order in which it was written.
    pub begun: Begun,
    /// How many records change and go as a rule.
    pub changes: Changes,
    /// The council's scheme and records, as runs saw them.
    pub retention: RetentionState,
    /// By which ways people are told, and what they answered.
    pub voices: VoiceState,
}

/// Folds the entries, in the order in which they were written.
pub fn fold<'a>(entries: impl IntoIterator<Item = &'a JournalEntry>) -> JournalState {
    let mut state = JournalState::default();
    entries.into_iter().for_each(|entry| state.take(entry));
    state
}

impl JournalState {
    /// Takes in one more entry.
    pub fn take(&mut self, entry: &JournalEntry) {
        let at = entry.at;
        self.voices.began.get_or_insert(at);
        match &entry.event {
            Event::RunStarted => drop(self.unfinished.insert(entry.run.clone(), at)),
            Event::RoundBegan { round: Round::Whole } => self.begun.whole = Some(at),
            Event::RoundBegan { round: Round::Backups } => self.begun.backups = Some(at),
            Event::RunFinished { exit } => {
                self.voices.last_exit = Some(*exit);
                self.unfinished.remove(&entry.run);
                self.last_end = Some(at);
            }
            Event::RunNotBegun => self.last_end = Some(at),
            Event::StepFinished(step) => self.step(at, step),
            Event::CauseOpened { reference, cause } => self.opened(at, reference, cause),
            Event::CauseClosed { reference, cause, .. } => self.closed(reference, cause),
            Event::IncidentResolved { reference, by } => {
                if let Some(open) = self.open.get_mut(reference) {
                    open.resolved = Some(at);
                    open.resolved_by.clone_from(by);
                }
            }
            Event::NoticeQueued(told) => self.told(at, told),
            Event::NoticeSent(told) => {
                self.sent(at, told);
                self.mail_failing_since = None;
                self.expired = 0;
                self.voices.sent(&WayName::mail(), Some(told.to));
            }
            Event::NoticeFailed { told, class } => {
                self.mail_failing_since.get_or_insert(at);
                self.voices.failed(at, &WayName::mail(), Some(told.to), class);
            }
            Event::MailUnusable { class } => {
                self.mail_unusable_since.get_or_insert(at);
                self.voices.failed(at, &WayName::mail(), None, class);
            }
            Event::MailUsable => {
                self.mail_unusable_since = None;
                self.voices.sent(&WayName::mail(), None);
            }
            Event::NoticeExpired(_) => self.expired += 1,
            Event::TestMessageAccepted { to } => {
                self.tests.insert((WayName::mail(), *to), at);
                self.mail_failing_since = None;
                self.mail_unusable_since = None;
                self.voices.sent(&WayName::mail(), Some(*to));
            }
            Event::PageKept { .. } => {}
            Event::SheetProved => self.sheet_proved = Some(at),
            Event::ReadingProved => self.reading_proved = Some(at),
            Event::RetentionLooked(look) => self.retention.looked(at, look),
            Event::Voice(voice) => {
                if let Voice::WeeklyTold { reference, .. } | Voice::ContactsAsked { reference } = voice {
                    self.references.insert(reference.clone());
                }
                if let Voice::Sent { way, told: Some(Told { to, notice: NoticeKind::Test, .. }) } = voice {
                    self.tests.insert((way.clone(), *to), at);
                }
                self.voices.take(at, voice);
            }
            Event::RetentionTold { about, reference, to } => {
                self.references.insert(reference.clone());
                self.retention.was_told(at, about, reference, *to);
            }
        }
    }

    /// Since when messages do not leave this computer.
    pub fn silent_since(&self) -> Option<Timestamp> {
        [self.mail_failing_since, self.mail_unusable_since].into_iter().flatten().min()
    }

    fn step(&mut self, at: Timestamp, step: &Step) {
        let key = (step.job, step.set.clone());
        let finished = Finished { at, step: step.clone() };
        let good = match step.job {
            JobKind::Backup => matches!(step.outcome, Outcome::Done | Outcome::Incomplete),
            // That drills are overdue is found by a look that is done, and is no success.
            _ => step.outcome == Outcome::Done && step.troubles.is_empty(),
        };
        for cause in causes_of(step) {
            self.last_found.insert(cause, finished.clone());
        }
        if let (JobKind::Backup, true, Some(set)) = (step.job, good, &step.set) {
            self.changes.take(at, set, step);
        }
        if good {
            self.last_good.insert(key.clone(), finished.clone());
        }
        self.last_finished.insert(key, finished);
    }

    fn opened(&mut self, at: Timestamp, reference: &Reference, cause: &Cause) {
        self.references.insert(reference.clone());
        let open = self.open.entry(reference.clone()).or_insert_with(|| Open {
            since: at,
            causes: BTreeSet::new(),
            closed: BTreeSet::new(),
            told: BTreeMap::new(),
            told_of: BTreeMap::new(),
            resolved: None,
            resolved_by: None,
        });
        open.closed.remove(cause);
        open.causes.insert(cause.clone());
    }

    fn closed(&mut self, reference: &Reference, cause: &Cause) {
        if let Some(open) = self.open.get_mut(reference) {
            if open.causes.remove(cause) {
                open.closed.insert(cause.clone());
            }
            if open.causes.is_empty() {
                self.open.remove(reference);
                self.voices.closed(reference);
            }
        }
    }

    /// It may have waited for days: the next reminder is counted from its leaving.
    fn sent(&mut self, at: Timestamp, told: &Told) {
        let open = told.reference.as_ref().and_then(|r| self.open.get_mut(r));
        if let (true, Some(last)) = (is_of_trouble(told), open.and_then(|o| o.told.get_mut(&told.to))) {
            *last = at;
        }
    }

    fn told(&mut self, at: Timestamp, told: &Told) {
        if !is_of_trouble(told) {
            return;
        }
        if let Some(open) = told.reference.as_ref().and_then(|r| self.open.get_mut(r)) {
            open.told.insert(told.to, at);
            open.told_of.insert(told.to, open.causes.clone());
        }
    }
}

fn is_of_trouble(told: &Told) -> bool {
    matches!(told.notice, NoticeKind::Failure | NoticeKind::Reminder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::words::{Counts, Trouble};

    fn at(second: i64, event: Event) -> JournalEntry {
        JournalEntry { at: Timestamp::from_second(second).unwrap(), run: String::from("r"), event }
    }

    fn backup(outcome: Outcome) -> Event {
        Event::StepFinished(Step {
            job: JobKind::Backup,
            set: Some(SetName::new("documents").unwrap()),
            outcome,
            troubles: Vec::new(),
            counts: Counts::default(),
            snapshot: None,
            exit: 0,
            examined_all: false,
            seconds: 1,
            said: None,
        })
    }

    #[test]
    fn a_failed_backup_never_counts_as_a_success() {
        let entries =
            [at(1, backup(Outcome::Done)), at(2, backup(Outcome::Incomplete)), at(3, backup(Outcome::Failed))];
        let state = fold(&entries);
        let key = (JobKind::Backup, Some(SetName::new("documents").unwrap()));
        assert_eq!(state.last_good[&key].at.as_second(), 2);
        assert_eq!(state.last_finished[&key].at.as_second(), 3);
    }

    #[test]
    fn a_ticket_lives_until_its_last_cause_is_closed() {
        let cause = |job| Cause { trouble: Trouble::Refused, job, set: None };
        let reference = Reference::try_from(String::from("SR-1")).unwrap();
        let opened = |job| Event::CauseOpened { reference: reference.clone(), cause: cause(job) };
        let closed =
            |job| Event::CauseClosed { reference: reference.clone(), cause: cause(job), how: NoticeKind::WorkingAgain };
        let told = Told { reference: Some(reference.clone()), to: Role::Clerk, notice: NoticeKind::Failure };
        let mut state = fold(&[
            at(1, opened(JobKind::Thin)),
            at(2, opened(JobKind::Prune)),
            at(3, Event::NoticeQueued(told)),
            at(4, closed(JobKind::Thin)),
        ]);
        assert_eq!(state.open[&reference].causes.len(), 1);
        assert_eq!(state.open[&reference].told[&Role::Clerk].as_second(), 3);
        state.take(&at(5, closed(JobKind::Prune)));
        assert!(state.open.is_empty() && state.references.contains(&reference));
    }

    #[test]
    fn a_run_that_never_ended_stays_known() {
        let state = fold(&[at(1, Event::RunStarted)]);
        assert!(state.unfinished.contains_key("r"));
        assert!(fold(&[at(1, Event::RunStarted), at(2, Event::RunFinished { exit: 0 })]).unfinished.is_empty());
    }
}
