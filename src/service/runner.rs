//! Runs jobs one after the other, journals each, then decides, stores and sends the notices.
//!
//! One job's failure, or its panic, never hides another's; and no failure is silent: where the journal or the
//! outbox cannot be written, the notice is sent all the same, and the summary says what went wrong.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::domain::clock::{Clock, Entropy};
use crate::domain::problem::Exit;
use crate::service::causes::{Evidence, Notice, decide};
use crate::service::history::{Finished, JournalState, fold};
use crate::service::journal::{Event, Journal, JournalEntry, Step, Told};
use crate::service::mail::Mailer;
use crate::service::outbox::{FlushReport, Outbox, Outgoing};
pub use crate::service::outcome::JobOutcome;
use crate::service::plain::People;
pub use crate::service::post::compose;
use crate::service::post::{Channel, Ways, got_through, may_carry};
use crate::service::retention::{self, Look};
use crate::service::retention_notices::{outgoing, told_of};
use crate::service::voice::WayName;
use crate::service::words::{Counts, JobKind, NoticeKind, Outcome, Role, SetName, Trouble, Why};

/// One thing to do.
pub struct Job<'a> {
    /// What kind of thing.
    pub kind: JobKind,
    /// For which set; none for all of them.
    pub set: Option<SetName>,
    /// Does it.
    pub run: Box<dyn FnMut() -> JobOutcome + 'a>,
}

/// What a run needs.
pub struct Runner<'a> {
    /// Where it is written down.
    pub journal: &'a Journal,
    /// Where notices wait.
    pub outbox: &'a Outbox,
    /// Who takes them.
    pub mailer: Option<&'a dyn Mailer>,
    /// The other ways. Without these and a mailer nobody is told.
    pub others: &'a [Channel],
    /// The time.
    pub clock: &'a dyn Clock,
    /// For the name of the run.
    pub entropy: &'a dyn Entropy,
    /// The fields of every message.
    pub people: &'a People,
    /// The sets that are configured.
    pub sets: &'a [SetName],
    /// The sets of which a backup is missing that nobody was told of, and since when.
    pub silent: &'a [(SetName, Timestamp)],
    /// How long something stays wrong before the deputy is told too; `None` where there is none.
    pub deputy_after: Option<SignedDuration>,
    /// Set by a signal: no further job is begun.
    pub stop: &'a AtomicBool,
}

/// One job's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// What kind of job.
    pub kind: JobKind,
    /// Of which set.
    pub set: Option<SetName>,
    /// How.
    pub outcome: JobOutcome,
}

/// What a run did.
#[derive(Debug)]
pub struct RunSummary {
    /// The name of the run in the journal.
    pub run: String,
    /// The exit code.
    pub exit: Exit,
    /// Each job's end, in order.
    pub outcomes: Vec<Ended>,
    /// The notices that were due.
    pub notices: Vec<Told>,
    /// What became of those that were waiting.
    pub flush: FlushReport,
    /// The same of the other ways.
    pub others: Vec<(WayName, FlushReport)>,
    /// What went wrong with the journal, the outbox or the settings for mail, for the technician.
    pub trouble: Vec<String>,
}

impl Runner<'_> {
    /// Runs the jobs in order.
    pub fn run_all(&self, jobs: Vec<Job<'_>>) -> RunSummary {
        let mut name = [0; 8];
        self.entropy.fill(&mut name);
        let mut run = Running {
            on: self,
            name: hex::encode(name),
            unwritten: None,
            steps: Vec::new(),
            look: None,
            trouble: Vec::new(),
        };
        run.begin();
        let outcomes: Vec<Ended> = jobs.into_iter().map(|job| run.one(job)).collect();
        run.look_after_messages();
        let exit = outcomes.iter().fold(Exit::Done, |worst, ended| worst.worse(ended.outcome.exit));
        let notices = run.tell();
        let (mut flush, mut others) = self.ways().flush(self.clock, self.journal, &run.name);
        let all = others.iter_mut().map(|(_, report)| report).chain([&mut flush]);
        all.flat_map(|report| report.trouble.drain(..)).for_each(|words| run.complain(words));
        // A run that could not tell people has not done its work, however well the backup went.
        let told = run.trouble.is_empty() && got_through(&self.ways(), &flush, &others);
        let exit = if told { exit } else { exit.worse(Exit::Failed) };
        run.note(Event::RunFinished { exit: exit as u8 });
        RunSummary { run: run.name, exit, outcomes, notices, flush, others, trouble: run.trouble }
    }

    fn ways(&self) -> Ways<'_> {
        Ways { outbox: self.outbox, mailer: self.mailer, others: self.others }
    }
}

struct Running<'a> {
    on: &'a Runner<'a>,
    name: String,
    /// Why it could not be written down that it began.
    unwritten: Option<Why>,
    steps: Vec<Finished>,
    look: Option<Box<Look>>,
    trouble: Vec<String>,
}

impl Running<'_> {
    fn begin(&mut self) {
        let entry = JournalEntry { at: self.on.clock.now(), run: self.name.clone(), event: Event::RunStarted };
        if let Err(error) = self.on.journal.append(&entry) {
            self.unwritten = Some(if error.is_full() { Why::LocalDiskFull } else { Why::NoRecord });
            self.complain(error.to_string());
        }
    }

    fn note(&mut self, event: Event) {
        let entry = JournalEntry { at: self.on.clock.now(), run: self.name.clone(), event };
        if let Err(error) = self.on.journal.append(&entry) {
            self.complain(error.to_string());
        }
    }

    fn complain(&mut self, words: String) {
        if !self.trouble.contains(&words) {
            self.trouble.push(words);
        }
    }

    fn one(&mut self, mut job: Job<'_>) -> Ended {
        let began = self.on.clock.now();
        let outcome = if self.on.stop.load(Ordering::SeqCst) {
            JobOutcome::failed(Why::Interrupted, Exit::Interrupted)
        } else {
            catch_unwind(AssertUnwindSafe(|| (job.run)()))
                .unwrap_or_else(|_| JobOutcome::failed(Why::Other, Exit::Failed))
        };
        let mut outcome = outcome.settled(job.kind);
        self.break_the_silence(&job, &mut outcome);
        let at = self.on.clock.now();
        let seconds = u64::try_from(at.duration_since(began).as_secs()).unwrap_or(0);
        let step = Step {
            job: job.kind,
            set: job.set.clone(),
            outcome: outcome.outcome,
            troubles: outcome.troubles.clone(),
            counts: outcome.counts,
            snapshot: outcome.snapshot,
            exit: outcome.exit as u8,
            examined_all: outcome.examined_all,
            seconds,
            said: outcome.said.clone(),
        };
        self.steps.push(Finished { at, step: step.clone() });
        self.note(Event::StepFinished(step));
        if let Some(look) = &outcome.look {
            self.note(Event::RetentionLooked(look.clone()));
            self.look = Some(look.clone());
        }
        Ended { kind: job.kind, set: job.set, outcome }
    }

    /// A backup that comes after too long a silence is good, and the silence is told all the same. A failure tells of
    /// the last good backup itself.
    fn break_the_silence(&self, job: &Job<'_>, outcome: &mut JobOutcome) {
        let made = matches!(outcome.outcome, Outcome::Done | Outcome::Incomplete);
        let silent = self.on.silent.iter().find(|(set, _)| Some(set) == job.set.as_ref());
        if let (JobKind::Backup, true, Some((_, since))) = (job.kind, made, silent) {
            outcome.troubles.push(Trouble::Missed);
            outcome.counts.silent_since = Some(*since);
        }
    }

    /// That a run runs shows that the configuration could be read; what waits to be sent must be readable, and each way
    /// must lead somewhere.
    fn look_after_messages(&mut self) {
        let (damaged, trouble) = self.on.ways().sweep();
        trouble.into_iter().for_each(|words| self.complain(words));
        let at = self.on.clock.now();
        let dead = self.on.ways().is_one_dead(&self.state(at).voices, at);
        let lost = (damaged > 0).then_some(Trouble::Damage);
        let state = self.state(at);
        let given_up = self.on.ways().given_up(&state);
        let undelivered = (given_up > 0).then_some(Trouble::Undelivered);
        let unheard = dead.then_some(Trouble::Unheard);
        let unwritten = self.unwritten.map(Trouble::Failed);
        let found: Vec<Trouble> = [lost, unwritten, undelivered, unheard].into_iter().flatten().collect();
        let problems = damaged as u64 + given_up;
        for (job, troubles) in [(JobKind::Configuration, vec![]), (JobKind::Notices, found)] {
            let bad = !troubles.is_empty();
            let counts = Counts { problems: if bad { problems } else { 0 }, ..Counts::default() };
            let step = Step {
                job,
                set: None,
                outcome: match troubles.first() {
                    None => Outcome::Done,
                    Some(Trouble::Unheard) => Outcome::Incomplete,
                    Some(_) => Outcome::Damage,
                },
                troubles,
                counts,
                snapshot: None,
                exit: 0,
                examined_all: false,
                seconds: 0,
                said: None,
            };
            self.steps.push(Finished { at, step: step.clone() });
            if bad {
                self.note(Event::StepFinished(step));
            }
        }
    }

    fn state(&mut self, now: Timestamp) -> JournalState {
        let mut state = match self.on.journal.read() {
            Ok(all) => fold(&all.entries),
            Err(error) => {
                self.complain(error.to_string());
                JournalState::default()
            }
        };
        // This run's steps count even if the journal could not take them.
        for finished in &self.steps {
            let event = Event::StepFinished(finished.step.clone());
            state.take(&JournalEntry { at: finished.at.min(now), run: self.name.clone(), event });
        }
        if let Some(look) = &self.look {
            state.retention.looked(now, look);
        }
        state
    }

    fn tell(&mut self) -> Vec<Told> {
        let now = self.on.clock.now();
        let state = self.state(now);
        self.look_after_mail(&state);
        let decision = decide(&Evidence {
            state: &state,
            steps: &self.steps,
            sets: self.on.sets,
            roles: &[Role::Clerk, Role::Provider],
            deputy_after: self.on.deputy_after,
            now,
            zone: &self.on.people.zone,
        });
        decision.opened.into_iter().for_each(|event| self.note(event));
        let mut told = Vec::new();
        // Without a way nothing is stored: the causes stay untold, and are told when there is one.
        if self.on.ways().is_any() {
            told.extend(decision.notices.iter().filter_map(|notice| self.post(notice, &state, now)));
            told.extend(self.tell_of_retention(&state, now));
        }
        decision.closed.into_iter().for_each(|event| self.note(event));
        told
    }

    /// That no message can leave is journalled, said and counted even if there is nothing to tell today.
    fn look_after_mail(&mut self, state: &JournalState) {
        let Some(mailer) = self.on.mailer else { return };
        match mailer.unusable() {
            Some(error) => {
                self.note(Event::MailUnusable { class: error.class().to_owned() });
                self.complain(format!("messages do not leave this computer: {error}"));
            }
            None if state.mail_unusable_since.is_some() => self.note(Event::MailUsable),
            None => {}
        }
    }

    fn post(&mut self, notice: &Notice, state: &JournalState, now: Timestamp) -> Option<Told> {
        let message = compose(notice, self.on.people, now);
        let done = self.hand_over(&message, may_carry(notice, state));
        (done || notice.kind != NoticeKind::Reminder).then(|| message.told())
    }

    fn tell_of_retention(&mut self, state: &JournalState, now: Timestamp) -> Vec<Told> {
        let Some(look) = self.look.take() else { return vec![] };
        let (known, people) = (&state.retention, self.on.people);
        let news = retention::news(known, &look, now);
        let deputy = self.on.deputy_after.is_some();
        let mut told = vec![];
        for notice in retention::notices(known, &state.references, &news, deputy, now, &people.zone) {
            let message = outgoing(&notice, people);
            if self.hand_over(&message, |_| true) {
                self.note(told_of(&notice));
            }
            told.push(message.told());
        }
        told
    }

    /// Whether it is stored or sent.
    fn hand_over(&mut self, message: &Outgoing, may: impl Fn(&Outbox) -> bool) -> bool {
        let handed = self.on.ways().hand_over(message, may);
        handed.trouble.into_iter().for_each(|words| self.complain(words));
        let done = !handed.events.is_empty();
        handed.events.into_iter().for_each(|event| self.note(event));
        done
    }
}
