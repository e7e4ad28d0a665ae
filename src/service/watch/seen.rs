//! What one look at a council's store showed.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Pins;
use crate::domain::heartbeat::{Heartbeat, LogEnd, SetLabel};
use crate::domain::id::{ActorId, Link};
use crate::service::words::SetName;

/// A heartbeat whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// What it says.
    pub heartbeat: Heartbeat,
    /// When it was written, by the store's own clock if it has one.
    pub stored: Option<Timestamp>,
}

impl Beat {
    /// From when it is a sign of life: the earlier of its own time and the store's. A machine whose clock runs ahead is
    /// not alive in the future, and an old heartbeat that is put there again is no new one.
    pub fn effective(&self) -> Timestamp {
        self.stored.map_or(self.heartbeat.time, |stored| stored.min(self.heartbeat.time))
    }
}

/// What the log showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogSeen {
    /// Each set's newest backup.
    pub sets: Vec<(String, Option<Timestamp>)>,
    /// What each set is called in public.
    pub labels: Vec<(String, SetLabel)>,
    /// The newest test that passed.
    pub tested: Option<Timestamp>,
    /// The newest entry's time, and when it was stored by the store's own clock.
    pub newest: Option<(Timestamp, Option<Timestamp>)>,
    /// The links of all entries, by number.
    pub links: Vec<Link>,
}

impl LogSeen {
    /// A set's newest backup.
    pub fn last(&self, set: &str) -> Option<Timestamp> {
        self.sets.iter().find(|(name, _)| name == set).and_then(|(_, at)| *at)
    }
    /// A set's label.
    pub fn label(&self, set: &str) -> Option<SetLabel> {
        self.labels.iter().find(|(name, _)| name == set).map(|(_, label)| *label)
    }
    /// The set of a label; none that messages cannot name.
    pub fn named(&self, label: SetLabel) -> Option<SetName> {
        let found = self.labels.iter().find(|(_, l)| *l == label)?;
        SetName::new(found.0.clone()).ok()
    }
}

/// One look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Who is expected to be heard, and when the log says that they last backed up something.
    pub speakers: Vec<(ActorId, Option<Timestamp>)>,
    /// The newest heartbeat of each actor that left one.
    pub beats: Vec<Beat>,
    /// Objects in their place that they did not sign.
    pub junk: usize,
    /// Heartbeats of others.
    pub strange: usize,
    /// An entry of the log that a heartbeat names and that is not in the store, where the log itself was not read.
    pub missing: Option<u64>,
    /// What the log showed, to those who can read it.
    pub log: Option<LogSeen>,
}

impl Seen {
    /// Why this is not the past that is remembered, or contradicts itself.
    pub fn changed(&self, pins: &Pins) -> Option<String> {
        let found: BTreeMap<_, _> = self.beats.iter().map(|b| (b.heartbeat.actor, &b.heartbeat)).collect();
        for (actor, pinned) in &pins.beats {
            let shown = match found.get(actor) {
                Some(h) if h.sequence < pinned.sequence => format!("only number {}", h.sequence),
                None => String::from("none"),
                Some(h) => match log_went_back(h.log, pinned.log) {
                    true => format!("a log that ends at entry {}", h.log.n),
                    false => continue,
                },
            };
            return Some(format!(
                "the store has gone back in time: this computer remembers heartbeat {} of {} and a log that ends at entry \
                 {}, the store shows {shown}",
                pinned.sequence,
                actor.short(),
                pinned.log.n
            ));
        }
        if let Some(n) = self.missing {
            return Some(format!(
                "the store has gone back in time: entry {n} of the log, which a heartbeat names, is missing"
            ));
        }
        let log = self.log.as_ref()?;
        let bad =
            self.beats.iter().find(|b| log.links.get(b.heartbeat.log.n as usize) != Some(&b.heartbeat.log.link))?;
        Some(format!(
            "the store has gone back in time: a heartbeat names entry {} of the log, the store shows {}",
            bad.heartbeat.log.n,
            match log.links.len() as u64 {
                shown if shown > bad.heartbeat.log.n => String::from("another entry of that number"),
                shown => format!("only {shown} entries"),
            }
        ))
    }
}

/// A log only grows.
fn log_went_back(now: LogEnd, pinned: LogEnd) -> bool {
    now.n < pinned.n || (now.n == pinned.n && now.link != pinned.link)
}
