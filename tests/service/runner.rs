//! Whole runs: real journal, real outbox, a mail server in memory or on a socket.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::SignedDuration;
use strongroom::domain::problem::Exit;
use strongroom::service::history::{JournalState, fold};
use strongroom::service::journal::{Event, Journal, JournalEntry};
use strongroom::service::mail::{Mailer, SendError, SmtpMailer, Unusable};
use strongroom::service::outbox::{Outbox, Outgoing};
use strongroom::service::plain::People;
use strongroom::service::post::Channel;
use strongroom::service::runner::{Job, JobOutcome, RunSummary, Runner};
use strongroom::service::words::{Counts, JobKind, NoticeKind, Outcome, Role, SetName, Trouble, Why};

use crate::smtp::{Manner, Server};
use crate::support::{Counting, HandClock, Mailbox, at, people, set};

pub struct Office {
    pub dir: tempfile::TempDir,
    pub journal: Journal,
    pub outbox: Outbox,
    pub mailbox: Mailbox,
    pub clock: HandClock,
    pub entropy: Counting,
    pub people: People,
    pub sets: Vec<SetName>,
    pub deputy_after: Option<SignedDuration>,
    pub stop: AtomicBool,
}

pub fn office() -> Office {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    Office {
        journal: Journal::new(&state),
        outbox: Outbox::new(&state),
        dir,
        mailbox: Mailbox::default(),
        clock: HandClock::new("2026-11-22T02:30:00Z"),
        entropy: Counting(Mutex::new(0)),
        people: people(),
        sets: vec![set("documents"), set("email")],
        deputy_after: None,
        stop: AtomicBool::new(false),
    }
}

impl Office {
    pub fn run(&self, jobs: Vec<Job<'_>>) -> RunSummary {
        self.run_with(Some(&self.mailbox), jobs)
    }
    fn run_with(&self, mailer: Option<&dyn Mailer>, jobs: Vec<Job<'_>>) -> RunSummary {
        self.run_over(mailer, &[], jobs)
    }
    pub fn run_over(&self, mailer: Option<&dyn Mailer>, others: &[Channel], jobs: Vec<Job<'_>>) -> RunSummary {
        let Office { journal, outbox, clock, entropy, people, sets, stop, deputy_after, .. } = self;
        let silent = &[];
        Runner {
            journal,
            outbox,
            mailer,
            others,
            clock,
            entropy,
            people,
            sets,
            silent,
            deputy_after: *deputy_after,
            stop,
        }
        .run_all(jobs)
    }
    pub fn state(&self) -> JournalState {
        fold(&self.journal.read().unwrap().entries)
    }
    /// The next day's mail: kind, role and reference.
    fn next_day(&self, jobs: Vec<Job<'_>>) -> Vec<(NoticeKind, Role)> {
        self.clock.forward(24);
        self.run(jobs);
        told(&self.mailbox.take())
    }
}

fn told(mail: &[Outgoing]) -> Vec<(NoticeKind, Role)> {
    mail.iter().map(|m| (m.notice, m.to)).collect()
}

fn both(kind: NoticeKind) -> Vec<(NoticeKind, Role)> {
    vec![(kind, Role::Clerk), (kind, Role::Provider)]
}

pub fn job(kind: JobKind, set: Option<SetName>, outcome: JobOutcome) -> Job<'static> {
    Job { kind, set, run: Box::new(move || outcome.clone()) }
}

fn fine() -> JobOutcome {
    JobOutcome::done(Counts { files: 10, bytes: 100, ..Counts::default() })
}

fn week(documents: JobOutcome, verify: JobOutcome) -> Vec<Job<'static>> {
    vec![
        job(JobKind::Backup, Some(set("documents")), documents),
        job(JobKind::Backup, Some(set("email")), fine()),
        job(JobKind::Verify, None, verify),
        job(JobKind::Prune, None, fine()),
    ]
}

fn unreachable() -> JobOutcome {
    JobOutcome::failed(Why::StoreUnreachable, Exit::Failed)
}

#[test]
fn a_good_run_tells_nobody_and_is_journalled() {
    let office = office();
    let summary = office.run(week(fine(), fine()));
    assert_eq!((summary.exit, summary.notices.len(), summary.outcomes.len()), (Exit::Done, 0, 4));
    assert!(office.mailbox.take().is_empty() && office.state().unfinished.is_empty());
    assert_eq!(office.state().last_good.len(), 4);
}

#[test]
fn failure_reminder_and_working_again_share_one_reference() {
    let office = office();
    let summary = office.run(week(unreachable(), unreachable()));
    assert_eq!(summary.exit, Exit::Failed);
    let first = office.mailbox.take();
    // One thing struck two jobs: one notice to each, led by the backup.
    assert_eq!(told(&first), both(NoticeKind::Failure));
    assert!(first[0].body.contains("The backup of documents failed"), "{}", first[0].body);
    office.clock.forward(2);
    office.run(week(unreachable(), unreachable()));
    assert!(office.mailbox.take().is_empty(), "told twice in one day");
    assert_eq!(office.next_day(week(unreachable(), fine())), both(NoticeKind::Reminder));
    office.clock.forward(1);
    office.run(week(fine(), fine()));
    let last = office.mailbox.take();
    assert_eq!(told(&last), both(NoticeKind::WorkingAgain));
    assert_eq!(last[0].reference, first[0].reference);
    assert!(office.next_day(week(fine(), fine())).is_empty() && office.state().open.is_empty());
}

#[test]
fn a_panic_is_a_failure_and_hides_nothing() {
    let office = office();
    let mut jobs = week(fine(), fine());
    jobs.insert(0, Job { kind: JobKind::Thin, set: None, run: Box::new(|| panic!("/srv/secret.docx")) });
    let summary = office.run(jobs);
    assert_eq!((summary.exit, summary.outcomes.len()), (Exit::Failed, 5));
    assert!(summary.outcomes[1..].iter().all(|o| o.outcome.outcome == Outcome::Done));
    let mail = office.mailbox.take();
    assert_eq!(told(&mail), both(NoticeKind::Failure));
    assert!(!mail.iter().any(|m| m.body.contains("secret")));
}

#[test]
fn a_test_that_examined_nothing_has_failed() {
    let office = office();
    let summary = office.run(week(fine(), JobOutcome::done(Counts::default())));
    assert_eq!(summary.exit, Exit::Failed);
    assert!(office.mailbox.take()[0].subject.contains("examined nothing"));
}

#[test]
fn a_bad_end_without_a_reason_is_told_all_the_same() {
    for outcome in [Outcome::Incomplete, Outcome::Failed, Outcome::Refused, Outcome::Damage, Outcome::Interrupted] {
        let office = office();
        let bad = JobOutcome::new(outcome, Vec::new(), Counts::default(), Exit::Done);
        let summary = office.run(week(bad, fine()));
        assert_ne!(summary.exit, Exit::Done, "{outcome:?}");
        assert_eq!(told(&office.mailbox.take()), both(NoticeKind::Failure), "{outcome:?}");
    }
}

#[test]
fn a_signal_between_jobs_ends_the_run_in_one_notice() {
    let office = office();
    let mut jobs = week(fine(), fine());
    jobs.insert(
        1,
        Job {
            kind: JobKind::Thin,
            set: None,
            run: Box::new(|| {
                office.stop.store(true, Ordering::SeqCst);
                fine()
            }),
        },
    );
    let summary = office.run(jobs);
    assert_eq!(summary.exit, Exit::Interrupted);
    assert_eq!(told(&office.mailbox.take()), both(NoticeKind::Failure));
    office.stop.store(false, Ordering::SeqCst);
    assert_eq!(office.next_day(week(fine(), fine())), both(NoticeKind::WorkingAgain));
}

#[test]
fn damage_is_not_over_because_a_sample_missed_it() {
    let office = office();
    let damage = JobOutcome::new(Outcome::Damage, vec![Trouble::Damage], fine().counts, Exit::Damage);
    assert_eq!(office.run(week(fine(), damage)).exit, Exit::Damage);
    office.mailbox.take();
    assert_eq!(office.next_day(week(fine(), fine())), both(NoticeKind::Reminder));
    let whole = JobOutcome { examined_all: true, ..fine() };
    assert_eq!(office.next_day(week(fine(), whole)), both(NoticeKind::WorkingAgain));
}

#[test]
fn an_incident_ends_only_by_a_person() {
    let office = office();
    let mass = JobOutcome::new(Outcome::Done, vec![Trouble::MassChange], fine().counts, Exit::Done);
    office.run(week(mass, fine()));
    let mail = office.mailbox.take();
    assert_eq!(told(&mail), both(NoticeKind::Failure));
    assert_eq!(office.next_day(week(fine(), fine())), both(NoticeKind::Reminder));
    let event = Event::IncidentResolved { reference: mail[0].reference.clone().unwrap(), by: None };
    office
        .journal
        .append(&JournalEntry { at: at("2026-11-23T09:00:00Z"), run: String::from("person"), event })
        .unwrap();
    assert_eq!(office.next_day(week(fine(), fine())), both(NoticeKind::Resolved));
    assert!(office.next_day(week(fine(), fine())).is_empty());
}

#[test]
fn a_dead_mail_server_delays_and_neither_loses_nor_heaps_up() {
    let office = office();
    office.mailbox.breaks(Some(SendError::TimedOut { seconds: 60 }));
    office.run(week(unreachable(), fine()));
    for _ in 0..6 {
        assert!(office.next_day(week(unreachable(), fine())).is_empty());
    }
    assert!(office.state().mail_failing_since.is_some());
    office.mailbox.breaks(None);
    assert_eq!(office.next_day(week(unreachable(), fine())), both(NoticeKind::Failure));
    assert_eq!(office.next_day(week(fine(), fine())), both(NoticeKind::WorkingAgain));
}

#[test]
fn without_mail_a_failure_is_told_as_soon_as_there_is_mail() {
    let office = office();
    assert_eq!(office.run_with(None, week(unreachable(), fine())).exit, Exit::Failed);
    assert!(office.outbox.is_empty() && office.state().open.len() == 1);
    assert_eq!(office.next_day(week(unreachable(), fine())), both(NoticeKind::Failure));
}

#[test]
fn a_damaged_notice_is_itself_told() {
    let office = office();
    office.mailbox.breaks(Some(SendError::TimedOut { seconds: 60 }));
    office.run(week(unreachable(), fine()));
    let outbox = office.dir.path().join("state/outbox");
    for file in
        std::fs::read_dir(&outbox).unwrap().flatten().filter(|f| f.path().extension().is_some_and(|e| e == "json"))
    {
        std::fs::write(file.path(), "{}").unwrap();
    }
    office.mailbox.breaks(None);
    office.clock.forward(1);
    office.run(week(fine(), fine()));
    let mail = office.mailbox.take();
    assert!(mail.iter().any(|m| m.to == Role::Clerk && m.subject.contains("a message to you may be lost")));
}

/// The state folder cannot be written at all: the notice goes out directly, and the run says what is wrong.
#[test]
fn a_full_or_broken_state_folder_silences_nobody() {
    let office = office();
    std::fs::write(office.dir.path().join("state"), "a file where the folder should be").unwrap();
    let summary = office.run(week(unreachable(), fine()));
    assert!(!summary.trouble.is_empty() && summary.exit == Exit::Failed);
    // The store, and that nothing can be written down.
    let mail = office.mailbox.take();
    assert_eq!(told(&mail), [both(NoticeKind::Failure), both(NoticeKind::Failure)].concat());
    assert!(mail.iter().any(|m| m.subject.contains("the record cannot be kept")));
}

#[test]
fn a_failure_reaches_a_real_socket_in_the_clerk_s_words() {
    let (office, server) = (office(), Server::start(Manner::Polite));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mailer = SmtpMailer::new(crate::mail::settings(server.port), runtime.handle().clone()).unwrap();
    let summary = office.run_with(Some(&mailer), week(unreachable(), fine()));
    assert_eq!(summary.flush.sent.len(), 2);
    let taken = server.taken.lock().unwrap();
    assert!(taken[0].contains("RCPT TO:<clerk@") && taken[0].contains("telephone 01632 960000"), "{}", taken[0]);
    assert!(taken[1].contains("RCPT TO:<support@example-it.co.uk>") && taken[1].contains("store-unreachable"));
}

/// The password of the mail server cannot be fetched: nothing is lost, and nothing says that all is well.
#[test]
fn a_way_of_telling_that_cannot_be_used_is_itself_a_failure() {
    let office = office();
    let dead = Unusable::new("the file /etc/credstore/smtp-password cannot be read");
    let quiet = office.run_with(Some(&dead), week(fine(), fine()));
    assert_eq!((quiet.exit, quiet.trouble.len()), (Exit::Failed, 1));
    assert!(quiet.trouble[0].contains("do not leave") && office.state().silent_since().is_some());
    let summary = office.run_with(Some(&dead), week(unreachable(), fine()));
    assert_eq!((summary.exit, summary.flush.failed.len(), office.outbox.len()), (Exit::Failed, 1, 2));
    assert_eq!(office.next_day(week(unreachable(), fine())), both(NoticeKind::Failure));
    assert_eq!(office.state().silent_since(), None);
}

#[test]
fn a_refusing_mail_server_is_in_the_exit_code() {
    let office = office();
    let mass = || JobOutcome::new(Outcome::Done, vec![Trouble::MassChange], fine().counts, Exit::Done);
    office.mailbox.breaks(Some(SendError::Refused { code: 550, reply: String::from("no") }));
    assert_eq!(office.run(week(mass(), fine())).exit, Exit::Failed);
}

#[test]
fn damage_met_by_several_jobs_is_one_notice_and_waiting_for_a_person_is_none() {
    let office = office();
    let damage = || JobOutcome::new(Outcome::Damage, vec![Trouble::Damage], fine().counts, Exit::Damage);
    office.run(week(damage(), damage()));
    assert_eq!(told(&office.mailbox.take()), both(NoticeKind::Failure));
    let whole = JobOutcome { examined_all: true, ..fine() };
    assert_eq!(office.next_day(week(fine(), whole)), both(NoticeKind::WorkingAgain));
    let summary = office.run(week(fine(), JobOutcome::waiting(Exit::Refused)));
    assert_eq!(summary.exit, Exit::Refused);
    assert!(office.mailbox.take().is_empty());
}

#[test]
fn the_deputy_hears_daily_of_what_stays_wrong_and_of_its_end_and_of_nothing_before() {
    let office = Office { deputy_after: Some(SignedDuration::from_hours(7 * 24)), ..office() };
    let down = || week(unreachable(), fine());
    office.run(down());
    assert_eq!(told(&office.mailbox.take()), both(NoticeKind::Failure));
    for day in 1..7 {
        assert_eq!(office.next_day(down()), both(NoticeKind::Reminder), "day {day}");
    }
    let all = |kind| [Role::Clerk, Role::Deputy, Role::Provider].map(|to| (kind, to));
    assert_eq!(office.next_day(down()), all(NoticeKind::Reminder), "day 7");
    office.clock.forward(2);
    office.run(down());
    assert!(office.mailbox.take().is_empty(), "told twice in one day");
    office.clock.forward(22);
    office.run(down());
    let mail = office.mailbox.take();
    assert_eq!(told(&mail), all(NoticeKind::Reminder), "day 8");
    let deputy = &mail[1].body;
    assert!(deputy.contains("You are told as deputy: not put right since"), "{deputy}");
    assert_eq!(mail[1].reference, mail[0].reference);
    assert_eq!(office.next_day(week(fine(), fine())), all(NoticeKind::WorkingAgain));
    assert_eq!(office.next_day(down()), both(NoticeKind::Failure), "a new failure is the clerk's again");
}

/// A deputy who was taken out of the settings has no address: a message to them would wait for ever.
#[test]
fn a_deputy_who_left_is_not_told_the_end() {
    let mut office = Office { deputy_after: Some(SignedDuration::from_hours(24)), ..office() };
    office.run(week(unreachable(), fine()));
    office.mailbox.take();
    assert_eq!(office.next_day(week(unreachable(), fine())).len(), 3);
    office.deputy_after = None;
    assert_eq!(office.next_day(week(fine(), fine())), both(NoticeKind::WorkingAgain));
}
