//! The council's records through whole runs: who is told of what, when again, and what the status makes of it.

use jiff::SignedDuration;
use jiff::civil::Date;
use strongroom::service::mail::SendError;
use strongroom::service::outbox::Outgoing;
use strongroom::service::post::{Post, Ways};
use strongroom::service::retention::{DisposalSeen, Look, News, Numbers, SchemeSeen, Stopped};
use strongroom::service::retention_notices::tell;
use strongroom::service::retention_status::{RetentionInput, lines};
use strongroom::service::runner::JobOutcome;
use strongroom::service::status::Light;
use strongroom::service::words::{Counts, JobKind, NoticeKind, Role};

use crate::runner::{Office, job, office};
use crate::support::{at, people};

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn scheme(entry: u64, on: &str, in_force: &str) -> SchemeSeen {
    SchemeSeen { entry, minute: "7c\u{1b}[2J".into(), on: day(on), in_force: day(in_force) }
}

fn look(due: u64) -> Look {
    Look {
        scheme: Some(scheme(5, "2026-03-17", "2026-03-17")),
        numbers: Some(Numbers { records: 200, classed: 184, datable: 171, due, held: 3, ..Numbers::default() }),
        reappeared: Some(0),
        ..Look::default()
    }
}

/// A night on which this was seen; the mail it gave.
fn night(office: &Office, look: &Look) -> Vec<Outgoing> {
    let outcome = JobOutcome { look: Some(Box::new(look.clone())), ..JobOutcome::done(Counts::default()) };
    office.run(vec![job(JobKind::Retention, None, outcome)]);
    office.clock.forward(24);
    let mail = office.mailbox.take();
    assert!(mail.iter().all(|m| m.notice == NoticeKind::Retention && !m.body.contains("7c")), "{mail:?}");
    mail
}

fn to(mail: &[Outgoing]) -> Vec<Role> {
    mail.iter().map(|m| m.to).collect()
}

#[test]
fn what_waits_is_told_at_once_and_then_weekly_while_it_waits() {
    let office = office();
    assert!(night(&office, &look(0)).is_empty());
    let first = night(&office, &look(12));
    assert_eq!(to(&first), [Role::Clerk]);
    assert!(first[0].body.contains("12 records should now be destroyed"), "{}", first[0].body);
    for due in [12, 12, 13, 13, 14, 14] {
        assert!(night(&office, &look(due)).is_empty(), "more of the same is no news");
    }
    let again = night(&office, &look(14));
    assert_eq!((to(&again), &again[0].reference), (vec![Role::Clerk], &first[0].reference));
    assert!(again[0].body.contains("14 records") && again[0].body.contains("since Monday 23 November 2026"));
    assert!(night(&office, &look(0)).is_empty());
    let new = night(&office, &look(1));
    assert!(new.len() == 1 && new[0].reference != first[0].reference, "answered: what comes then is news");
}

#[test]
fn what_happened_is_told_once_to_clerk_and_deputy() {
    let mut office = office();
    office.deputy_after = Some(SignedDuration::from_hours(7 * 24));
    let disposal = DisposalSeen { approval: 41, records: 9 };
    let both = [Role::Clerk, Role::Deputy];
    let approved = night(&office, &Look { approved: vec![disposal], ..look(0) });
    assert_eq!(to(&approved), both);
    let stopped = Look { stopped: vec![(disposal, Stopped::Changed)], ..look(0) };
    assert_eq!(to(&night(&office, &stopped)), [Role::Clerk]);
    assert!((0..20).all(|_| night(&office, &stopped).is_empty()), "once");
    let other = Look { stopped: vec![(disposal, Stopped::SafetyCheck)], ..look(0) };
    // What a check of this computer refused has a technical side.
    assert_eq!(to(&night(&office, &other)), [Role::Clerk, Role::Provider], "another reason is news");
    let done = night(&office, &Look { done: vec![disposal], ..look(0) });
    assert_eq!(to(&done), both);
    assert_eq!(done[0].reference, approved[0].reference, "one disposal, one reference");
    assert!(done.iter().all(|m| m.body.contains("number 41")));
}

#[test]
fn the_cooling_off_is_told_at_both_ends() {
    let office = office();
    let new = scheme(9, "2026-11-22", "2026-12-20");
    let waiting = Look { next: Some(new.clone()), ..look(0) };
    let begun = night(&office, &waiting);
    assert!(to(&begun) == [Role::Clerk, Role::Provider] && begun[0].body.contains("20 December 2026"), "{begun:?}");
    assert!(
        begun[1].body.contains("In force from: 2026-12-20") && begun[1].reference == begun[0].reference,
        "{begun:?}"
    );
    assert!(night(&office, &waiting).is_empty());
    let over = night(&office, &Look { scheme: Some(new.clone()), ..look(0) });
    assert!(over.len() == 1 && over[0].subject.contains("now count"), "{over:?}");
    assert!(night(&office, &Look { scheme: Some(new.clone()), ..look(0) }).is_empty());
    let stranger = crate::runner::office();
    assert!(night(&stranger, &Look { scheme: Some(new), ..look(0) }).is_empty(), "who was not told of the beginning");
}

#[test]
fn reviews_and_reappeared_records_nag_weekly() {
    let office = office();
    let bad = Look { reviews_overdue: 2, oldest_review: Some(day("2026-11-01")), reappeared: Some(3), ..look(0) };
    let mail: Vec<usize> = (0..15).map(|_| night(&office, &bad).len()).collect();
    assert_eq!(mail, [2, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 2]);
    // A night without a backup does not know, and forgets nothing.
    assert!(night(&office, &Look { reappeared: None, ..bad.clone() }).is_empty());
    assert!(night(&office, &bad).is_empty());
}

#[test]
fn a_dead_mail_server_delays_and_the_same_news_waits_once() {
    let office = office();
    office.mailbox.breaks(Some(SendError::Unreachable { reason: "down".into() }));
    for _ in 0..3 {
        night(&office, &look(12));
    }
    assert_eq!(office.outbox.len(), 1);
    office.mailbox.breaks(None);
    assert_eq!(night(&office, &look(12)).len(), 1);
}

#[test]
fn a_command_tells_at_once_and_the_run_does_not_repeat_it() {
    let office = office();
    let post = |deputy| Post {
        journal: &office.journal,
        ways: Ways { outbox: &office.outbox, mailer: Some(&office.mailbox), others: &[] },
        clock: &office.clock,
        people: &office.people,
        deputy,
        run: "command".into(),
    };
    let news = [News::AdoptedShortening { entry: 9, in_force: day("2026-12-20"), records: Some(142) }];
    let posted = tell(&post(true), &news);
    assert_eq!((posted.notices.len(), posted.flush.sent.len(), posted.trouble.len()), (3, 3, 0));
    let mail = office.mailbox.take();
    assert!(
        to(&mail) == [Role::Clerk, Role::Deputy, Role::Provider] && mail[0].body.contains("142 records"),
        "{mail:?}"
    );
    assert!(tell(&post(true), &news).notices.is_empty());
    assert!(night(&office, &Look { next: Some(scheme(9, "2026-11-22", "2026-12-20")), ..look(0) }).is_empty());
    let none = Post { ways: Ways { outbox: &office.outbox, mailer: None, others: &[] }, ..post(true) };
    let done = [News::DisposalDone { disposal: DisposalSeen { approval: 1, records: 1 } }];
    assert!(tell(&none, &done).notices.is_empty());
}

fn status_of(office: &Office) -> Option<RetentionInput> {
    RetentionInput::of(&office.state().retention)
}

fn said(input: &RetentionInput, now: &str) -> Vec<(Light, String)> {
    lines(input, &people(), at(now)).into_iter().map(|l| (l.light, l.text)).collect()
}

#[test]
fn the_status_comes_from_the_journal() {
    let office = office();
    assert_eq!(status_of(&office), None, "no run has looked");
    night(&office, &look(12));
    let input = status_of(&office).unwrap();
    let words = "Retention: scheme adopted 17 March 2026 (minute 7c\\u{1b}[2J); 12 records due and waiting for your decision; \
                 3 on hold; 92 % of records have a class, 85 % also a date to count from.";
    assert_eq!(said(&input, "2026-12-20T02:00:00Z"), [(Light::Green, words.to_owned())]);
    let late = said(&input, "2026-12-23T02:00:00Z");
    assert!(late[0].0 == Light::Amber && late[0].1.contains("waited since Sunday 22 November 2026"), "{late:?}");
    let disposal = DisposalSeen { approval: 41, records: 9 };
    let bad = Look {
        next: Some(scheme(9, "2026-11-22", "2026-12-20")),
        reviews_overdue: 1,
        oldest_review: Some(day("2026-11-01")),
        stopped: vec![(disposal, Stopped::Changed)],
        disposals: 1,
        ..look(0)
    };
    night(&office, &bad);
    let all = said(&status_of(&office).unwrap(), "2026-12-23T02:00:00Z");
    let lights: Vec<Light> = all.iter().map(|(light, _)| *light).collect();
    assert_eq!(lights, [Light::Green, Light::Green, Light::Amber, Light::Amber], "{all:?}");
}

#[test]
fn what_was_not_counted_is_not_called_none() {
    let office = office();
    let blind = Look {
        numbers: None,
        not_checked: Some(strongroom::service::retention::NotChecked::CannotRead),
        holds: 2,
        ..look(0)
    };
    assert!(night(&office, &blind).is_empty());
    let all = said(&status_of(&office).unwrap(), "2026-11-23T02:00:00Z");
    assert!(all[0].1.contains("2 open holds.") && all[0].1.contains("cannot read what it stores"), "{all:?}");
    assert!(!all[0].1.contains("0 records due"), "{all:?}");
    night(&office, &Look { scheme: None, numbers: None, ..Look::default() });
    let all = said(&status_of(&office).unwrap(), "2026-11-23T02:00:00Z");
    assert_eq!(all[0], (Light::Green, "Retention: no scheme is adopted, so no record is destroyed.".into()));
    // One that waits is named first, and once.
    let waits = SchemeSeen {
        entry: 4,
        minute: "7c".into(),
        on: "2026-11-20".parse().unwrap(),
        in_force: "2026-12-18".parse().unwrap(),
    };
    night(&office, &Look { scheme: None, next: Some(waits), numbers: None, ..Look::default() });
    let all = said(&status_of(&office).unwrap(), "2026-11-23T02:00:00Z");
    let text = "Retention: the scheme of minute 7c counts from 18 December 2026; until then no record is destroyed.";
    assert_eq!(all, [(Light::Green, text.into())]);
}
