//! What a watcher remembers of one council from look to look.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Seen;
use crate::domain::heartbeat::LogEnd;
use crate::domain::id::ActorId;

/// The newest heartbeat seen of one actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// Its number.
    pub sequence: u64,
    /// The end of the log that it named.
    pub log: LogEnd,
}

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    /// When it was looked for the first time.
    pub first: Timestamp,
    /// When a look last got through.
    pub looked: Option<Timestamp>,
    /// By actor.
    pub beats: BTreeMap<ActorId, Pinned>,
}

impl Pins {
    /// Of a council that was never looked at.
    pub fn new(now: Timestamp) -> Self {
        Self { first: now, looked: None, beats: BTreeMap::new() }
    }

    /// Remembers a look that found nothing wrong with the past. `actors` are those that count now: what is remembered of
    /// others is forgotten.
    pub fn take(&mut self, seen: &Seen, actors: &[ActorId], now: Timestamp) {
        // A clock that ran ahead must not make this look the newest for ever.
        self.looked = Some(now);
        self.first = self.first.min(now);
        self.beats.retain(|actor, _| actors.contains(actor));
        for beat in &seen.beats {
            let heartbeat = &beat.heartbeat;
            self.beats.insert(heartbeat.actor, Pinned { sequence: heartbeat.sequence, log: heartbeat.log });
        }
    }
}
