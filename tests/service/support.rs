//! What several of these tests need.

use std::sync::Mutex;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use strongroom::domain::clock::{Clock, Entropy};
use strongroom::service::mail::{Accepted, Mailer, SendError};
use strongroom::service::outbox::Outgoing;
use strongroom::service::plain::{People, Plain};
use strongroom::service::words::{NoticeKind, Reference, Role, SetName};

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn set(name: &str) -> SetName {
    SetName::new(name).unwrap()
}

pub fn people() -> People {
    People {
        council: Plain::new("Anytown Town Council"),
        provider: Plain::new("Example IT"),
        phone: Plain::new("01632 960000"),
        email_set: false,
        elsewhere: None,
        zone: TimeZone::posix("GMT0BST,M3.5.0/1,M10.5.0").unwrap(),
        clerk_is_told: true,
    }
}

pub fn outgoing(id: &str, to: Role, created: Timestamp) -> Outgoing {
    Outgoing {
        id: id.to_owned(),
        reference: Some(Reference::try_from(String::from("SR-2026-1122-K7Q")).unwrap()),
        to,
        notice: NoticeKind::Failure,
        subject: String::from("Môn Town Council: the backup failed – reference SR-2026-1122-K7Q"),
        body: String::from("What happened: = a long line that must survive. Môn – “quoted”.\n.\nEnd\n"),
        created,
    }
}

/// A clock that is set by hand.
pub struct HandClock(pub Mutex<Timestamp>);

impl HandClock {
    pub fn new(start: &str) -> Self {
        Self(Mutex::new(at(start)))
    }
    pub fn forward(&self, hours: i64) {
        let mut now = self.0.lock().unwrap();
        *now += SignedDuration::from_hours(hours);
    }
}
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Names runs 1, 2, 3.
pub struct Counting(pub Mutex<u8>);
impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let mut n = self.0.lock().unwrap();
        *n = n.wrapping_add(1);
        bytes.fill(*n);
    }
}

/// A mail server in memory, that can be told to fail.
#[derive(Default)]
pub struct Mailbox {
    pub got: Mutex<Vec<Outgoing>>,
    pub fail: Mutex<Option<SendError>>,
    pub tried: Mutex<usize>,
}
impl Mailer for Mailbox {
    fn send(&self, message: &Outgoing) -> Result<Accepted, SendError> {
        *self.tried.lock().unwrap() += 1;
        if let Some(error) = self.fail.lock().unwrap().clone() {
            return Err(error);
        }
        self.got.lock().unwrap().push(message.clone());
        Ok(Accepted { reply: String::from("250 ok") })
    }
}
impl Mailbox {
    pub fn take(&self) -> Vec<Outgoing> {
        std::mem::take(&mut self.got.lock().unwrap())
    }
    pub fn breaks(&self, error: Option<SendError>) {
        *self.fail.lock().unwrap() = error;
    }
}
