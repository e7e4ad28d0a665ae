//! Whole runs over several ways: each has its own folder, a dead one is told of by another, and what a person says
//! about a problem is heeded as far as it goes.

use std::sync::Arc;

use jiff::SignedDuration;
use strongroom::domain::problem::Exit;
use strongroom::service::journal::{Event, JournalEntry};
use strongroom::service::mail::{Accepted, Mailer, SendError};
use strongroom::service::outbox::{Outbox, Outgoing};
use strongroom::service::post::Channel;
use strongroom::service::runner::{Job, JobOutcome, RunSummary};
use strongroom::service::voice::{Voice, WayName};
use strongroom::service::web::WebError;
use strongroom::service::words::{Counts, JobKind, NoticeKind, Outcome, Reference, Role, Trouble, Why};

use crate::http::{Answer, Web};
use crate::runner::{Office, job, office};
use crate::support::{Mailbox, at, set};

/// Hands to a mailbox that the test keeps.
struct To(Arc<Mailbox>);
impl Mailer for To {
    fn send(&self, message: &Outgoing) -> Result<Accepted, SendError> {
        self.0.send(message)
    }
}

fn channel(office: &Office, name: &str, role: Role) -> (Channel, Arc<Mailbox>) {
    let (way, mailbox) = (WayName::new(name).unwrap(), Arc::new(Mailbox::default()));
    let outbox = Outbox::of(&office.dir.path().join("state"), &way);
    (Channel { role, outbox, mailer: Box::new(To(Arc::clone(&mailbox))) }, mailbox)
}

fn fine() -> Vec<Job<'static>> {
    vec![job(JobKind::Backup, Some(set("documents")), JobOutcome::done(Counts { files: 1, ..Counts::default() }))]
}

fn failing() -> Vec<Job<'static>> {
    vec![job(JobKind::Backup, Some(set("documents")), JobOutcome::failed(Why::StoreUnreachable, Exit::Failed))]
}

fn unreadable(which: u64) -> Vec<Job<'static>> {
    let counts = Counts { files: 9, problems: 1, which: Some(which), ..Counts::default() };
    let outcome = JobOutcome::new(Outcome::Incomplete, vec![Trouble::Incomplete], counts, Exit::Incomplete);
    vec![job(JobKind::Backup, Some(set("documents")), outcome)]
}

fn told(mailbox: &Mailbox) -> Vec<(NoticeKind, Role)> {
    mailbox.take().iter().map(|m| (m.notice, m.to)).collect()
}

fn night(office: &Office, jobs: Vec<Job<'_>>, others: &[Channel]) -> RunSummary {
    office.clock.forward(24);
    office.run_over(Some(&office.mailbox), others, jobs)
}

fn says(office: &Office, voice: Voice) {
    let at = office.clock.0.lock().unwrap().to_owned();
    office.journal.append(&JournalEntry { at, run: String::from("person"), event: Event::Voice(voice) }).unwrap();
}

fn open_reference(office: &Office) -> Reference {
    office.state().open.keys().next().unwrap().clone()
}

const DOWN: SendError = SendError::TimedOut { seconds: 60 };

#[test]
fn each_way_carries_the_messages_of_its_reader_and_waits_by_itself() {
    let office = office();
    let (desk, at_desk) = channel(&office, "desk", Role::Provider);
    let (panel, at_panel) = channel(&office, "panel", Role::Clerk);
    at_desk.breaks(Some(DOWN));
    let others = [desk, panel];
    let summary = night(&office, failing(), &others);
    assert_eq!(told(&office.mailbox), [(NoticeKind::Failure, Role::Clerk), (NoticeKind::Failure, Role::Provider)]);
    assert_eq!(told(&at_panel), [(NoticeKind::Failure, Role::Clerk)]);
    assert_eq!((told(&at_desk), others[0].outbox.len(), office.outbox.len()), (vec![], 1, 0));
    assert_eq!(
        summary.others.iter().map(|(_, r)| (r.sent.len(), r.failed.len())).collect::<Vec<_>>(),
        [(0, 1), (1, 0)]
    );
    assert!(office.dir.path().join("state/outbox-desk").is_dir());
    // The journal does not take the panel's success for the mail's, nor the desk's failure.
    assert!(office.state().mail_failing_since.is_none());
    at_desk.breaks(None);
    night(&office, fine(), &others);
    let both = [(NoticeKind::Failure, Role::Provider), (NoticeKind::WorkingAgain, Role::Provider)];
    assert_eq!((told(&at_desk).as_slice(), others[0].outbox.len()), (&both[..], 0));
}

#[test]
fn a_dead_webhook_fails_no_run_that_told_people_by_mail_and_is_told_of_by_mail() {
    let office = office();
    let (desk, at_desk) = channel(&office, "desk", Role::Provider);
    let others = [desk];
    at_desk.breaks(Some(WebError::TimedOut { seconds: 30 }.into()));
    assert_eq!(night(&office, failing(), &others).exit, Exit::Failed);
    told(&office.mailbox);
    // It was not tried again yet: one night is no dead way.
    assert_eq!(night(&office, fine(), &others).exit, Exit::Done);
    assert_eq!(told(&office.mailbox).len(), 2, "working again");
    // Two failures a day apart: the third night tells both, by mail alone.
    assert_eq!(night(&office, fine(), &others).exit, Exit::Done);
    let mail = office.mailbox.take();
    assert_eq!(mail.len(), 2, "{mail:?}");
    assert!(mail[0].notice == NoticeKind::Failure && mail[0].subject.contains("some messages do not get through"));
    assert!(mail[1].body.contains("Causes: notices-unheard"), "{}", mail[1].body);
    let waiting = others[0].outbox.len();
    // Daily, under the same reference, and nothing of it heaps up on the dead way.
    night(&office, fine(), &others);
    let reminder = office.mailbox.take();
    assert!(reminder[0].notice == NoticeKind::Reminder && reminder[0].reference == mail[0].reference, "{reminder:?}");
    assert_eq!(others[0].outbox.len(), waiting);
    at_desk.breaks(None);
    night(&office, fine(), &others);
    assert!(!at_desk.take().is_empty());
    office.mailbox.take();
    night(&office, fine(), &others);
    let last = office.mailbox.take();
    assert!(last.iter().all(|m| m.notice == NoticeKind::WorkingAgain && m.reference == mail[0].reference), "{last:?}");
    assert!(last.len() == 2 && last[0].body.contains("Messages got through again by every way"), "{last:?}");
    assert!(office.state().open.is_empty());
}

#[test]
fn a_dead_ping_is_told_of_by_mail_until_it_is_taken_or_no_longer_tried() {
    let office = office();
    let ping = || Voice::Failed { way: WayName::ping(), told: None, class: String::from("timed-out") };
    for _ in 0..2 {
        night(&office, fine(), &[]);
        assert!(told(&office.mailbox).is_empty());
        says(&office, ping());
    }
    night(&office, fine(), &[]);
    let mail = office.mailbox.take();
    assert!(mail.len() == 2 && mail[0].subject.contains("some messages do not get through"), "{mail:?}");
    says(&office, Voice::Sent { way: WayName::ping(), told: None });
    night(&office, fine(), &[]);
    assert!(told(&office.mailbox).iter().all(|(kind, _)| *kind == NoticeKind::WorkingAgain));
    assert!(office.state().open.is_empty());
    // Taken out of the settings while it was dead.
    (0..2).for_each(|_| {
        night(&office, fine(), &[]);
        says(&office, ping());
    });
    (0..10).for_each(|_| drop(night(&office, fine(), &[])));
    assert!(office.state().open.is_empty());
}

#[test]
fn dead_mail_is_told_of_by_a_webhook_and_by_nobody_where_there_is_none() {
    for with in [true, false] {
        let office = office();
        let (desk, at_desk) = channel(&office, "desk", Role::Provider);
        let others = if with { vec![desk] } else { vec![] };
        office.mailbox.breaks(Some(DOWN));
        for _ in 0..4 {
            night(&office, failing(), &others);
        }
        let of_it = |m: &Outgoing| m.body.contains("notices-unheard");
        assert_eq!(at_desk.take().iter().any(of_it), with);
        office.mailbox.breaks(None);
        night(&office, failing(), &others);
        assert!(!office.mailbox.take().iter().any(|m| m.subject.contains("get through")), "it gets through now");
    }
}

#[test]
fn one_reader_whose_address_is_refused_is_told_of_to_the_other() {
    let office = office();
    let refusing = |m: &Outgoing| m.to == Role::Clerk;
    struct Refusing<'a, F: Fn(&Outgoing) -> bool>(&'a Mailbox, F);
    impl<F: Fn(&Outgoing) -> bool + Send + Sync> Mailer for Refusing<'_, F> {
        fn send(&self, message: &Outgoing) -> Result<Accepted, SendError> {
            if (self.1)(message) {
                return Err(SendError::Refused { code: 550, reply: String::from("no such person") });
            }
            self.0.send(message)
        }
    }
    let mailer = Refusing(&office.mailbox, refusing);
    for _ in 0..4 {
        office.clock.forward(24);
        office.run_over(Some(&mailer), &[], failing());
    }
    let mail = office.mailbox.take();
    assert!(mail.iter().any(|m| m.to == Role::Provider && m.body.contains("notices-unheard")), "{mail:?}");
}

#[test]
fn a_crash_between_taking_and_removal_sends_once_more_under_the_same_id() {
    let (office, web) = (office(), Web::start(Answer::Plain(200, "")));
    let runtime = crate::web::runtime();
    let way = WayName::new("desk").unwrap();
    let outbox = Outbox::of(&office.dir.path().join("state"), &way);
    let mailer = Box::new(crate::web::webhook(&web.url(), &runtime).unwrap());
    let others = [Channel { role: Role::Provider, outbox, mailer }];
    web.answers(Answer::Plain(503, ""));
    night(&office, failing(), &others);
    let folder = office.dir.path().join("state/outbox-desk");
    let file =
        std::fs::read_dir(&folder).unwrap().flatten().find(|f| f.path().extension().is_some_and(|e| e == "json"));
    let (path, kept) = (file.as_ref().unwrap().path(), std::fs::read(file.unwrap().path()).unwrap());
    web.take();
    web.answers(Answer::Plain(200, ""));
    night(&office, fine(), &others);
    assert!(!path.exists());
    std::fs::write(&path, kept).unwrap();
    night(&office, fine(), &others);
    let ids: Vec<String> =
        web.take().iter().map(|r| r.body.split("\"id\":\"").nth(1).unwrap()[..40].to_owned()).collect();
    assert_eq!(ids.iter().filter(|id| **id == ids[0]).count(), 2, "{ids:?}");
}

#[test]
fn an_acknowledgement_quietens_the_clerk_for_its_days_and_nobody_else() {
    let office = Office { deputy_after: Some(SignedDuration::from_hours(5 * 24)), ..office() };
    night(&office, failing(), &[]);
    told(&office.mailbox);
    let until = at("2026-11-22T02:30:00Z") + SignedDuration::from_hours(24 * 8);
    let reference = open_reference(&office);
    says(&office, Voice::Acknowledged { reference, by: String::from("The Clerk"), until });
    for day in 1..=3 {
        night(&office, failing(), &[]);
        assert_eq!(told(&office.mailbox), [(NoticeKind::Reminder, Role::Provider)], "day {day}");
    }
    // The deputy's turn comes as ever.
    night(&office, failing(), &[]);
    told(&office.mailbox);
    night(&office, failing(), &[]);
    assert_eq!(told(&office.mailbox), [(NoticeKind::Reminder, Role::Deputy), (NoticeKind::Reminder, Role::Provider)]);
    // Worse is told at once.
    let mut worse = failing();
    let damage = JobOutcome::new(Outcome::Damage, vec![Trouble::Damage], Counts::default(), Exit::Damage);
    worse.push(job(JobKind::Verify, None, damage));
    night(&office, worse, &[]);
    assert!(told(&office.mailbox).contains(&(NoticeKind::Failure, Role::Clerk)));
    // And after its day the clerk hears again.
    night(&office, failing(), &[]);
    night(&office, failing(), &[]);
    assert!(told(&office.mailbox).contains(&(NoticeKind::Reminder, Role::Clerk)));
}

#[test]
fn what_is_accepted_is_silent_for_these_files_until_its_day_and_for_no_others() {
    let office = Office { deputy_after: Some(SignedDuration::from_hours(24)), ..office() };
    let accept = |which, days: i64| {
        let until = office.clock.0.lock().unwrap().to_owned() + SignedDuration::from_hours(24 * days);
        let by = String::from("The Clerk");
        says(&office, Voice::Accepted { reference: open_reference(&office), by, until, which });
    };
    night(&office, unreadable(7), &[]);
    assert_eq!(told(&office.mailbox).len(), 2);
    accept(7, 30);
    for _ in 0..5 {
        night(&office, unreadable(7), &[]);
        assert_eq!(told(&office.mailbox), [], "neither clerk nor deputy nor provider");
    }
    // Another file: told at once, to all.
    night(&office, unreadable(8), &[]);
    assert_eq!(told(&office.mailbox).len(), 3);
    night(&office, unreadable(7), &[]);
    assert_eq!(told(&office.mailbox), []);
    // It ends when somebody takes it back …
    says(&office, Voice::AcceptanceWithdrawn { reference: open_reference(&office), by: String::from("The Clerk") });
    night(&office, unreadable(7), &[]);
    assert_eq!(told(&office.mailbox).len(), 3);
    // … and by itself.
    accept(7, 2);
    night(&office, unreadable(7), &[]);
    assert_eq!(told(&office.mailbox), []);
    night(&office, unreadable(7), &[]);
    assert_eq!(told(&office.mailbox).len(), 3);
    // What works again is over, and what comes after it is new.
    accept(7, 30);
    night(&office, fine(), &[]);
    assert_eq!(told(&office.mailbox).len(), 3);
    night(&office, unreadable(7), &[]);
    assert_eq!(told(&office.mailbox).len(), 2);
}
