//! One look at one council's store: nothing is written there, and nothing here decides what it means.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use tokio::runtime::Handle;

use crate::cli::commands::heartbeat::actors;
use crate::cli::failure::Failure;
use crate::cli::stores::open_store;
use crate::cli::wiring::System;
use crate::config::{Eyes, Watched as Council};
use crate::domain::id::ActorId;
use crate::domain::log::entry::Role;
use crate::domain::problem::Exit;
use crate::repo::error::RepoError;
use crate::repo::heartbeat::{Found, newest};
use crate::repo::layout::Key;
use crate::repo::machine::StateDir;
use crate::repo::seal::Identity;
use crate::repo::store::{Rates, Store, StoreFault};
use crate::repo::watching::{self, Watched};
use crate::service::watch::{Beat, LogSeen, Seen};

/// One request's patience: a store that needs longer is asked again at the next look.
const PATIENCE: Duration = Duration::from_secs(30);

/// What looking needs.
#[derive(Clone)]
pub struct Looker {
    /// For credentials and keys.
    pub system: System,
    /// Of the runtime that talks to stores.
    pub handle: Handle,
    /// How fast it may go.
    pub rates: Rates,
}

/// What was seen.
pub struct Look {
    /// To be judged.
    pub seen: Seen,
    /// Who may speak for this council.
    pub actors: Vec<ActorId>,
    /// The log, to be remembered.
    pub log: Option<Watched>,
}

impl Looker {
    /// Looks once.
    ///
    /// # Errors
    /// The store, the key or the log.
    pub fn look(&self, council: &Council) -> Result<Look, Failure> {
        let store =
            open_store(&council.config, &self.system, &self.handle, self.rates, false).map_err(not_connected)?;
        let store = store.with_patience(PATIENCE);
        match &council.eyes {
            Eyes::Actors(actors) => from_outside(&store, council, actors),
            Eyes::Key(source) => {
                let secret = source.fetch(&self.system)?;
                let wrong =
                    |_| Failure::said(Exit::WrongKey, format!("{}: there is no key in it", source.whence()), "");
                let identity = Identity::from_file_text(secret.expose_secret()).map_err(wrong)?;
                with_key(&store, council, &identity)
            }
        }
    }
}

/// A folder that is not there is one that is not connected: a store that was emptied still has its folder.
fn not_connected(failure: Failure) -> Failure {
    match failure {
        Failure::Ops(error) => Failure::said(Exit::Failed, error.to_string(), ""),
        other => other,
    }
}

fn from_outside(store: &Store, council: &Council, actors: &[ActorId]) -> Result<Look, Failure> {
    watching::is_there(store, council.id)?;
    let found = newest(store, council.id, actors)?;
    let ends = found.beats.iter().map(|b| b.heartbeat.log.n);
    let missing = match ends.max() {
        Some(n) => match store.get_or_digest(&Key::Log(n)) {
            Err(e) if e.fault() == StoreFault::Missing => Some(n),
            other => other.map(|_| None)?,
        },
        None => None,
    };
    let speakers = actors.iter().map(|actor| (*actor, None)).collect();
    let seen = Seen { missing, speakers, ..seen(store, found, None) };
    Ok(Look { seen, actors: actors.to_vec(), log: None })
}

fn with_key(store: &Store, council: &Council, identity: &Identity) -> Result<Look, Failure> {
    let dir = StateDir::new(&council.config.state_dir);
    let mut log = watching::read(store, identity, council.id, &dir)?;
    let actors = actors(&log.state);
    let found = newest(store, council.id, &actors)?;
    if found.beats.iter().any(|b| b.heartbeat.log.n >= log.state.next) {
        // The office went on meanwhile. If it did not, the second reading shows that.
        log = watching::read(store, identity, council.id, &dir)?;
    }
    let shown = log_seen(store, council, &log)?;
    let seen = Seen { speakers: speakers(council, &log), ..seen(store, found, Some(shown)) };
    Ok(Look { seen, actors, log: Some(log) })
}

/// Who made the newest backup of a set that is watched, and when.
fn speakers(council: &Council, log: &Watched) -> Vec<(ActorId, Option<Timestamp>)> {
    let listed = &council.expected.sets;
    let mut speakers: BTreeMap<ActorId, Timestamp> = BTreeMap::new();
    for set in log.state.sets() {
        let Some(newest) = log.state.newest(&set) else { continue };
        // A revoked one is awaited no more: its set becomes overdue.
        let may_speak = log.state.may(&newest.actor, &[Role::Writer]);
        if may_speak && (listed.is_empty() || listed.iter().any(|s| s.name.as_str() == set)) {
            let last = speakers.entry(newest.actor).or_insert(newest.time);
            *last = newest.time.max(*last);
        }
    }
    speakers.into_iter().map(|(actor, at)| (actor, Some(at))).collect()
}

fn seen(store: &Store, found: Found, log: Option<LogSeen>) -> Seen {
    let own = store.has_own_clock();
    let beat = |b: crate::repo::heartbeat::Beat| Beat { heartbeat: b.heartbeat, stored: own.then_some(b.stored) };
    let Found { beats, junk, strange, .. } = found;
    Seen { beats: beats.into_iter().map(beat).collect(), junk, strange, log, ..Seen::default() }
}

fn log_seen(store: &Store, council: &Council, log: &Watched) -> Result<LogSeen, RepoError> {
    let state = &log.state;
    let sets = state.sets();
    let listed = council.expected.sets.iter().map(|s| s.name.as_str().to_owned());
    let mut named: Vec<String> = sets.iter().cloned().chain(listed).collect();
    named.sort();
    named.dedup();
    let last = log.slots().last();
    let newest = match last.and_then(|slot| Some((slot.n, slot.body.as_ref()?.time))) {
        Some((n, time)) if store.has_own_clock() => Some((time, Some(store.get_dated(&Key::Log(n))?.1))),
        Some((_, time)) => Some((time, None)),
        None => None,
    };
    Ok(LogSeen {
        sets: sets.iter().map(|s| (s.clone(), state.newest(s).map(|n| n.time))).collect(),
        labels: named.into_iter().map(|n| (log.label(&n), n)).map(|(label, n)| (n, label)).collect(),
        tested: state.last_passed.map(|t| t.at),
        newest,
        links: log.slots().iter().map(|s| s.link).collect(),
    })
}
