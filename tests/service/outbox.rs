//! Losing a notice is not allowed; sending it twice after a crash is.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use strongroom::service::history::fold;
use strongroom::service::journal::{Event, Journal};
use strongroom::service::mail::{Accepted, Mailer, SendError};
use strongroom::service::outbox::{EXPIRY, FIRST_WAIT, LONGEST_WAIT, Outbox, Outgoing, Sending};
use strongroom::service::words::Role;
use strongroom::testing::FakeClock;

use crate::support::{Mailbox, at, outgoing};

struct Place {
    dir: tempfile::TempDir,
    outbox: Outbox,
    journal: Journal,
    mailbox: Mailbox,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, journal) = (Outbox::new(dir.path()), Journal::new(dir.path()));
    Place { dir, outbox, journal, mailbox: Mailbox::default() }
}

fn start() -> Timestamp {
    at("2026-11-22T02:31:00Z")
}

fn down() -> SendError {
    SendError::Unreachable { reason: String::from("refused") }
}

impl Place {
    fn flush(&self, now: Timestamp) -> strongroom::service::outbox::FlushReport {
        let clock = FakeClock::at(now);
        let sending = Sending { mailer: &self.mailbox, clock: &clock, journal: &self.journal, run: "r" };
        let report = self.outbox.flush(&sending);
        assert_eq!(report.trouble, Vec::<String>::new());
        report
    }
    fn events(&self) -> Vec<Event> {
        self.journal.read().unwrap().entries.into_iter().map(|e| e.event).collect()
    }
}

#[test]
fn a_notice_stays_until_it_is_accepted() {
    let p = place();
    let message = outgoing("a", Role::Clerk, start());
    p.outbox.put(&message).unwrap();
    p.mailbox.breaks(Some(down()));
    assert_eq!(p.flush(start()).failed.len(), 1);
    assert_eq!(p.outbox.len(), 1);
    assert!(fold(&p.journal.read().unwrap().entries).mail_failing_since.is_some());

    p.mailbox.breaks(None);
    assert_eq!(p.flush(start() + FIRST_WAIT - SignedDuration::from_secs(1)).waiting, 1);
    assert_eq!(p.flush(start() + FIRST_WAIT).sent.len(), 1);
    assert_eq!(p.mailbox.take(), [message]);
    assert!(p.outbox.is_empty());
    assert!(fold(&p.journal.read().unwrap().entries).mail_failing_since.is_none());
}

#[test]
fn waits_grow_to_a_limit_and_a_clock_put_right_does_not_stop_them() {
    let p = place();
    p.outbox.put(&outgoing("a", Role::Clerk, start())).unwrap();
    p.mailbox.breaks(Some(down()));
    let (mut now, mut tries) = (start(), 0);
    while now < start() + SignedDuration::from_hours(24) {
        tries += p.flush(now).failed.len();
        now += SignedDuration::from_mins(5);
    }
    assert!((8..=12).contains(&tries), "{tries} tries on the first day");
    p.mailbox.breaks(None);
    assert_eq!(p.flush(start() - LONGEST_WAIT - LONGEST_WAIT).sent.len(), 1);
}

#[test]
fn a_server_that_is_down_is_asked_once_a_flush_but_one_refused_address_stops_nobody() {
    let p = place();
    for n in 0..5 {
        p.outbox.put(&outgoing(&format!("n{n}"), Role::Clerk, start())).unwrap();
    }
    p.mailbox.breaks(Some(down()));
    let report = p.flush(start());
    assert_eq!((report.failed.len(), report.waiting, *p.mailbox.tried.lock().unwrap()), (1, 4, 1));
    p.mailbox.breaks(Some(SendError::Refused { code: 550, reply: String::new() }));
    assert_eq!(p.flush(start() + LONGEST_WAIT).failed.len(), 5);
    assert_eq!(p.outbox.len(), 5);
}

#[test]
fn giving_up_is_written_down() {
    let p = place();
    p.outbox.put(&outgoing("a", Role::Provider, start())).unwrap();
    p.mailbox.breaks(Some(down()));
    assert_eq!(p.flush(start() + EXPIRY - SignedDuration::from_secs(1)).failed.len(), 1);
    let report = p.flush(start() + EXPIRY);
    assert_eq!(report.expired.len(), 1);
    assert!(p.outbox.is_empty());
    assert!(p.events().iter().any(|e| matches!(e, Event::NoticeExpired(told) if told.to == Role::Provider)));
    assert_eq!(fold(&p.journal.read().unwrap().entries).expired, 1);
}

/// Clerk and provider are told at the same moment, one after the other: the journal says when each server had answered.
#[test]
fn each_is_journalled_with_the_moment_at_which_it_was_taken() {
    struct Slow(FakeClock);
    impl Mailer for Slow {
        fn send(&self, _: &Outgoing) -> Result<Accepted, SendError> {
            self.0.advance(SignedDuration::from_secs(40));
            Ok(Accepted { reply: String::new() })
        }
    }
    let (p, clock) = (place(), FakeClock::at(start()));
    p.outbox.put(&outgoing("a", Role::Clerk, start())).unwrap();
    p.outbox.put(&outgoing("b", Role::Provider, start())).unwrap();
    let mailer = Slow(clock.clone());
    p.outbox.flush(&Sending { mailer: &mailer, clock: &clock, journal: &p.journal, run: "r" });
    let entries = p.journal.read().unwrap().entries;
    let told: Vec<_> = entries.iter().map(|e| (e.at.duration_since(start()).as_secs(), e.event.clone())).collect();
    assert!(matches!(&told[0], (40, Event::NoticeSent(t)) if t.to == Role::Clerk), "{told:?}");
    assert!(matches!(&told[1], (80, Event::NoticeSent(t)) if t.to == Role::Provider), "{told:?}");
}

#[test]
fn a_crash_before_removal_sends_again_under_the_same_name() {
    let p = place();
    let message = outgoing("a", Role::Clerk, start());
    p.outbox.put(&message).unwrap();
    let file = p.dir.path().join("outbox/a.json");
    let stored = fs::read(&file).unwrap();
    p.flush(start());
    fs::write(&file, stored).unwrap();
    p.flush(start());
    let got = p.mailbox.take();
    assert_eq!((got.len(), &got[0].id, &got[0]), (2, &got[1].id, &message));
}

#[test]
fn any_damage_to_a_stored_notice_is_set_aside_and_counted_and_the_rest_is_sent() {
    let p = place();
    p.outbox.put(&outgoing("a", Role::Clerk, start())).unwrap();
    let file = p.dir.path().join("outbox/a.json");
    let good = fs::read(&file).unwrap();
    let mut damages: Vec<Vec<u8>> = (0..good.len()).step_by(7).map(|cut| good[..cut].to_vec()).collect();
    damages.extend((0..good.len()).step_by(7).map(|at| {
        let mut bad = good.clone();
        bad[at] ^= 2;
        bad
    }));
    damages.push(vec![b'x'; 300 * 1024]);
    for bad in damages {
        fs::write(&file, &bad).unwrap();
        p.outbox.put(&outgoing("b", Role::Provider, start())).unwrap();
        let report = p.flush(start());
        assert_eq!((report.damaged, report.sent.len()), (1, 1));
        assert_eq!(fs::read(p.dir.path().join("outbox/damaged/a.json")).unwrap(), bad);
    }
    // A sound file under another's name is not that notice.
    fs::write(p.dir.path().join("outbox/c.json"), good).unwrap();
    assert_eq!(p.flush(start()).damaged, 1);
}

#[test]
fn ids_cannot_leave_the_folder_and_two_senders_do_not_send_one_notice_twice() {
    let p = place();
    for bad in ["", "../a", "a/b", "a\n", "a.b"] {
        assert!(p.outbox.put(&outgoing(bad, Role::Clerk, start())).is_err(), "{bad:?}");
    }
    for n in 0..20 {
        p.outbox.put(&outgoing(&format!("n{n}"), Role::Clerk, start())).unwrap();
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| p.flush(start()));
        }
    });
    p.flush(start());
    assert_eq!(p.mailbox.take().len(), 20);
}
