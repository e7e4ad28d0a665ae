//! By which ways people are told, what they answered, and what the journal keeps of that.
//!
//! Events of this kind are one variant of the journal's, so that a program that does not know them passes them over and
//! never takes another way's success for the mail's.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::service::journal::Told;
use crate::service::words::{NotAWord, Reference, Role};

/// A way that failed for so long, at its first and its last attempt and never between, is dead. Less than a day: nightly
/// runs are sometimes a little early.
pub const DEAD_AFTER: SignedDuration = SignedDuration::from_hours(22);
/// Within so long a ping that is configured was tried, whatever the schedule.
const PING_TRIED: SignedDuration = SignedDuration::from_hours(8 * 24);

/// The name of a way: `mail`, `ping`, or what the configuration calls a webhook. 1 to 20 of `a-z`, `0-9`, `-`, a letter first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WayName(String);

impl WayName {
    /// Checks the name.
    ///
    /// # Errors
    /// [`NotAWord`] when it has other characters or is too long.
    pub fn new(name: impl Into<String>) -> Result<Self, NotAWord> {
        let name = name.into();
        let clean = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let begins = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if clean && begins && name.len() <= 20 { Ok(Self(name)) } else { Err(NotAWord("name of a way")) }
    }

    /// The mail server.
    pub fn mail() -> Self {
        Self(String::from("mail"))
    }

    /// The service that is pinged.
    pub fn ping() -> Self {
        Self(String::from("ping"))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl TryFrom<String> for WayName {
    type Error = NotAWord;
    fn try_from(name: String) -> Result<Self, NotAWord> {
        Self::new(name)
    }
}
impl From<WayName> for String {
    fn from(name: WayName) -> Self {
        name.0
    }
}
impl fmt::Display for WayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Voice {
    /// A way other than mail took a notice, or a ping.
    Sent {
        /// Which way.
        way: WayName,
        /// Which notice; none for a ping.
        told: Option<Told>,
    },
    /// It did not.
    Failed {
        /// Which way.
        way: WayName,
        /// Which notice; none for a ping.
        told: Option<Told>,
        /// The class of error.
        class: String,
    },
    /// A notice was given up on this way.
    Expired {
        /// Which way.
        way: WayName,
        /// Which notice.
        told: Told,
    },
    /// A person knows, and wants no daily reminder until then.
    Acknowledged {
        /// Of what.
        reference: Reference,
        /// Who: for this computer's own eyes, never for a notice.
        by: String,
        /// Until when.
        until: Timestamp,
    },
    /// A person lives with it until then.
    Accepted {
        /// With what.
        reference: Reference,
        /// Who: for this computer's own eyes, never for a notice.
        by: String,
        /// Until when.
        until: Timestamp,
        /// Which items it was, see [`Counts::which`](crate::service::words::Counts::which), of all its jobs together.
        which: u64,
    },
    /// And no longer does.
    AcceptanceWithdrawn {
        /// With what.
        reference: Reference,
        /// Who.
        by: String,
    },
    /// The weekly message was stored for sending.
    WeeklyTold {
        /// The Monday with which that week began.
        week: Date,
        /// What people quote.
        reference: Reference,
    },
    /// Somebody was asked whether the people and numbers in the settings are still right.
    ContactsAsked {
        /// What people quote.
        reference: Reference,
    },
    /// Somebody said that they are.
    ContactsConfirmed {
        /// Who: for this computer's own eyes, never for a notice.
        by: String,
    },
}

/// A word that a person gave, and until when it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Until when.
    pub until: Timestamp,
    /// See [`Voice::Accepted`].
    pub which: u64,
}

impl Word {
    /// Whether it counts now. One from the future was given under a wrong clock.
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.until && self.at.duration_since(now) < SignedDuration::from_hours(24)
    }
}

/// Since when a way has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    /// The first failure after the last success.
    pub since: Timestamp,
    /// The newest.
    pub last: Timestamp,
}

/// What the journal says of all this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VoiceState {
    /// When the journal begins.
    pub began: Option<Timestamp>,
    /// What fails: a way for all, or for one reader of it.
    pub failing: BTreeMap<(WayName, Option<Role>), Failing>,
    /// Notices given up by ways other than mail, since the last that each took.
    pub expired: BTreeMap<WayName, u64>,
    /// What was acknowledged.
    pub acknowledged: BTreeMap<Reference, Word>,
    /// What was accepted.
    pub accepted: BTreeMap<Reference, Word>,
    /// The newest week that was told of.
    pub week: Option<Date>,
    /// When it was last asked whether people and numbers are right, and under which reference.
    pub asked: Option<(Timestamp, Reference)>,
    /// When somebody last said so.
    pub confirmed: Option<Timestamp>,
    /// How the newest run ended.
    pub last_exit: Option<u8>,
}

impl VoiceState {
    /// Takes in one of these.
    pub fn take(&mut self, at: Timestamp, voice: &Voice) {
        let word = |by: &String, until: &Timestamp, which| Word { at, by: by.clone(), until: *until, which };
        match voice {
            Voice::Sent { way, told } => {
                self.expired.remove(way);
                self.sent(way, told.as_ref().map(|t| t.to));
            }
            Voice::Failed { way, told, class } => self.failed(at, way, told.as_ref().map(|t| t.to), class),
            Voice::Expired { way, .. } => *self.expired.entry(way.clone()).or_default() += 1,
            Voice::Acknowledged { reference, by, until } => {
                self.acknowledged.insert(reference.clone(), word(by, until, 0));
            }
            Voice::Accepted { reference, by, until, which } => {
                self.accepted.insert(reference.clone(), word(by, until, *which));
            }
            Voice::AcceptanceWithdrawn { reference, .. } => drop(self.accepted.remove(reference)),
            Voice::WeeklyTold { week, .. } => self.week = Some(*week),
            Voice::ContactsAsked { reference } => self.asked = Some((at, reference.clone())),
            Voice::ContactsConfirmed { .. } => {
                self.confirmed = Some(at);
                self.asked = None;
            }
        }
    }

    /// It is over: the words that people gave about it, too.
    pub fn closed(&mut self, reference: &Reference) {
        self.acknowledged.remove(reference);
        self.accepted.remove(reference);
    }

    /// A way took something for this reader.
    pub fn sent(&mut self, way: &WayName, to: Option<Role>) {
        self.failing.remove(&(way.clone(), None));
        self.failing.remove(&(way.clone(), to));
    }

    /// A way took nothing: from nobody, or not for this reader.
    pub fn failed(&mut self, at: Timestamp, way: &WayName, to: Option<Role>, class: &str) {
        let of_reader = matches!(class, "refused" | "temporary" | "recipient-not-allowed");
        let key = (way.clone(), to.filter(|_| of_reader));
        self.failing.entry(key).or_insert(Failing { since: at, last: at }).last = at;
    }

    /// Whether what is for this reader is known not to leave by this way.
    pub fn is_dead(&self, way: &WayName, to: Role) -> bool {
        [None, Some(to)].into_iter().any(|to| {
            let failing = self.failing.get(&(way.clone(), to));
            // The absolute difference, so that a clock set back hides nothing.
            failing.is_some_and(|f| f.last.duration_since(f.since).abs() >= DEAD_AFTER)
        })
    }

    /// Whether nobody takes the ping. Each run pings: what was not tried for so long is no longer configured.
    pub fn is_ping_dead(&self, now: Timestamp) -> bool {
        let failing = self.failing.get(&(WayName::ping(), None));
        let tried = failing.is_some_and(|f| now.duration_since(f.last).abs() <= PING_TRIED);
        tried && self.is_dead(&WayName::ping(), Role::Provider)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::journal::{Event, JournalEntry};
    use crate::service::words::NoticeKind;

    fn hour(n: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(n)
    }

    #[test]
    fn every_event_is_read_back_as_it_was_written() {
        let way = WayName::new("desk").unwrap();
        let reference = Reference::try_from(String::from("SR-1")).unwrap();
        let told = Told { reference: Some(reference.clone()), to: Role::Provider, notice: NoticeKind::Failure };
        let (by, until, week) = (String::from("The \"Clerk\""), hour(9), "2026-11-23".parse().unwrap());
        let class = String::from("refused");
        for voice in [
            Voice::Sent { way: way.clone(), told: None },
            Voice::Failed { way: way.clone(), told: Some(told.clone()), class },
            Voice::Expired { way, told },
            Voice::Acknowledged { reference: reference.clone(), by: by.clone(), until },
            Voice::Accepted { reference: reference.clone(), by: by.clone(), until, which: u64::MAX },
            Voice::AcceptanceWithdrawn { reference: reference.clone(), by: by.clone() },
            Voice::WeeklyTold { week, reference: reference.clone() },
            Voice::ContactsAsked { reference },
            Voice::ContactsConfirmed { by },
        ] {
            let entry = JournalEntry { at: hour(1), run: String::from("r"), event: Event::Voice(voice) };
            let line = serde_json::to_string(&entry).unwrap();
            assert!(line.contains("\"kind\":\"voice\""), "{line}");
            assert_eq!(serde_json::from_str::<JournalEntry>(&line).unwrap(), entry, "{line}");
        }
    }

    #[test]
    fn a_way_is_dead_when_it_failed_for_a_day_and_alive_when_it_takes_anything() {
        let (mut state, way) = (VoiceState::default(), WayName::mail());
        state.failed(hour(0), &way, Some(Role::Clerk), "timed-out");
        assert!(!state.is_dead(&way, Role::Clerk), "one night is not a day");
        state.failed(hour(23), &way, Some(Role::Provider), "unreachable");
        assert!(state.is_dead(&way, Role::Clerk) && state.is_dead(&way, Role::Provider));
        state.sent(&way, Some(Role::Provider));
        assert!(!state.is_dead(&way, Role::Clerk));
        // A server that refuses one reader's address is no dead server, and its taking another's does not help that one.
        state.failed(hour(24), &way, Some(Role::Clerk), "refused");
        state.failed(hour(48), &way, Some(Role::Clerk), "refused");
        state.sent(&way, Some(Role::Provider));
        assert!(state.is_dead(&way, Role::Clerk) && !state.is_dead(&way, Role::Provider));
        assert!(!state.is_dead(&WayName::new("desk").unwrap(), Role::Clerk));
    }

    #[test]
    fn a_word_ends_by_itself_and_one_from_the_future_counts_for_nothing() {
        let word = Word { at: hour(10), by: String::new(), until: hour(20), which: 0 };
        assert!(word.holds(hour(10)) && word.holds(hour(19)) && !word.holds(hour(20)));
        assert!(!word.holds(hour(-30)));
    }

    #[test]
    fn names_of_ways_cannot_leave_their_folder() {
        for bad in ["", "../x", "a/b", "A", "1a", "-a", "a b", &"a".repeat(21)] {
            assert!(WayName::new(bad).is_err(), "{bad:?}");
            assert!(serde_json::from_value::<WayName>(bad.into()).is_err());
        }
    }
}
