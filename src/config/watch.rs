//! `watch.toml`: the councils that are watched from another computer. Each has its people, its store (`[repository]`, as in
//! council.toml), its repository's id, and either a key or the public keys of the computers that leave heartbeats.
//!
//! Nothing is trusted because it was there first: who may speak for a council stands in this file.

use std::path::PathBuf;

use jiff::SignedDuration;
use serde::Deserialize;
use toml::Spanned;

use super::check::{absolute, required};
use super::council::council;
use super::error::{ConfigError, Show, Text};
use super::model::{Config, DEFAULT_WATCH_STATE_DIR, Limits, Repository, Retention, Verify};
use super::policy::mail;
use super::raw::{Opt, RawCouncil, RawNotify, RawPerson, RawProvider, RawRepository, RawState, Words};
use super::repository::repository;
use super::schedule::span;
use super::secret::{SecretSource, places};
use super::sets::set_name;
use super::typed::read_as;
use crate::domain::heartbeat::SetLabel;
use crate::domain::id::{ActorId, RepositoryId};
use crate::service::policy::Policies;
use crate::service::schedule::Schedule;
use crate::service::watch::{Expected, ExpectedSet, MAX_AGE, MAX_SILENCE, MAX_TEST_AGE};
use crate::service::words::SetName;

/// More councils than one file should name.
const MOST: usize = 500;
const AN_HOUR: SignedDuration = SignedDuration::from_hours(1);
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 400);
const ACTORS: &str = "`strongroom actor list` on the office server prints the lines for this file.";

/// The whole of it.
#[derive(Debug, Clone)]
pub struct WatchConfig {
    /// The watcher's memory.
    pub state_dir: PathBuf,
    /// The councils, in the order of the file; never empty.
    pub councils: Vec<Watched>,
}

/// `[[council]]`
#[derive(Debug, Clone)]
pub struct Watched {
    /// People, store, mail and a state folder of its own; of no set, since nothing is backed up here.
    pub config: Config,
    /// The repository that it must be.
    pub id: RepositoryId,
    /// Who may speak for it.
    pub eyes: Eyes,
    /// What is expected of it.
    pub expected: Expected,
}

/// With what the watcher sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Eyes {
    /// A keyholder's identity: the log itself.
    Key(SecretSource),
    /// Public keys: the heartbeats that they signed, and nothing else.
    Actors(Vec<ActorId>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
struct RawWatch {
    state: RawState,
    provider: Opt<RawProvider>,
    notify: RawNotify,
    council: Vec<Spanned<RawWatched>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct RawWatched {
    name: Opt<String>,
    domains: Opt<Words>,
    clerk: Opt<RawPerson>,
    deputy: Opt<RawPerson>,
    provider: Opt<RawProvider>,
    timezone: Opt<String>,
    repository: Opt<RawRepository>,
    id: Opt<String>,
    key_file: Opt<String>,
    key_env: Opt<String>,
    key_credential: Opt<String>,
    key_command: Opt<Vec<String>>,
    actors: Opt<Words>,
    #[serde(default)]
    sets: Vec<Spanned<RawWatchedSet>>,
    max_age: Opt<String>,
    max_silence: Opt<String>,
    max_test_age: Opt<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table { name, label }")]
struct RawWatchedSet {
    name: Opt<String>,
    label: Opt<String>,
    max_age: Opt<String>,
}

pub(super) fn watch(text: &str, file: &str, state_default: Option<PathBuf>) -> Result<WatchConfig, ConfigError> {
    let t = Text { file, text };
    let raw: RawWatch = read_as(t)?;
    let state_dir = match &raw.state.dir {
        Some(dir) => absolute(t, dir, "the state folder")?,
        None => state_default.unwrap_or_else(|| PathBuf::from(DEFAULT_WATCH_STATE_DIR)),
    };
    let mut councils: Vec<(Watched, usize)> = vec![];
    for typed in raw.council {
        let (span, line) = (typed.span(), t.line(typed.span().start));
        let one = watched(t, typed, &raw.provider, &raw.notify, &state_dir)?;
        if let Some((_, line)) = councils.iter().find(|(other, _)| other.id == one.id) {
            let message = format!("the [[council]] on line {line} has the same id");
            return Err(t.fault(span, message, "One repository is watched once."));
        }
        if councils.len() == MOST {
            return Err(t.fault(span, format!("there are more than {MOST} councils"), "Use several files."));
        }
        councils.push((one, line));
    }
    if councils.is_empty() {
        let help = "Add a [[council]]. `strongroom watch --example` shows one.";
        return Err(t.absent("there is no [[council]], so nothing would be watched", help));
    }
    Ok(WatchConfig { state_dir, councils: councils.into_iter().map(|(one, _)| one).collect() })
}

fn watched(
    t: Text<'_>,
    typed: Spanned<RawWatched>,
    provider: &Opt<RawProvider>,
    notify: &RawNotify,
    state_dir: &std::path::Path,
) -> Result<Watched, ConfigError> {
    if let Some(hook) = notify.webhook.first() {
        return Err(t.fault(hook.span(), "a watcher tells people by mail only", "Take this [[notify.webhook]] out."));
    }
    if let Some(ping) = &notify.ping {
        return Err(t.fault(ping.span(), "a watcher tells people by mail only", "Take this [notify.ping] out."));
    }
    let span = typed.span();
    let here = || (span.clone(), "this [[council]]");
    let raw = typed.into_inner();
    let (id, eyes) = (id(t, required(t, &raw.id, here(), "id = \"64 digits\"")?)?, eyes(t, &raw, here().0)?);
    let expected = expected(t, &raw)?;
    if let (Eyes::Actors(_), Some(at)) = (&eyes, expected.sets.iter().position(|s| s.label.is_none())) {
        return Err(t.fault(raw.sets[at].span(), "without a key a set is known by its `label` alone", ACTORS));
    }
    let provider = raw.provider.or_else(|| provider.clone());
    let RawWatched { name, domains, clerk, deputy, timezone, .. } = raw;
    let escalate = notify.escalate_after_days.as_ref().filter(|_| deputy.is_some()).cloned();
    let people = RawCouncil { name, domains, clerk, deputy, provider, timezone };
    let council = council(t, &Some(Spanned::new(span.clone(), people)), &escalate)?;
    let config = Config {
        mail: mail(t, &notify.mail, &council)?,
        webhooks: vec![],
        ping: None,
        council,
        repository: repository_of(t, &raw.repository, &span)?,
        state_dir: state_dir.join(id.to_hex()),
        sets: vec![],
        left_out: Vec::new(),
        elsewhere: Default::default(),
        retention: Retention::default(),
        scheme: None,
        verify: Verify::default(),
        limits: Limits::default(),
        schedule: Schedule::nightly().map_err(|e| t.absent(&e.message, e.help))?,
        metrics_file: None,
        policy: Policies::default(),
        trial: false,
        source_text: None,
    };
    Ok(Watched { config, id, eyes, expected })
}

fn repository_of(
    t: Text<'_>,
    raw: &Opt<RawRepository>,
    council: &std::ops::Range<usize>,
) -> Result<Repository, ConfigError> {
    if raw.is_none() {
        let help = "Add below it:\n[council.repository]\nurl = \"s3://bucket/prefix\"";
        return Err(t.fault(council.clone(), "this [[council]] has no [council.repository]", help));
    }
    repository(t, raw)
}

fn id(t: Text<'_>, typed: &Spanned<String>) -> Result<RepositoryId, ConfigError> {
    let help = "It is the 64 digits that the recovery sheet and `strongroom actor list` print.";
    typed.get_ref().parse().map_err(|_| t.fault(typed.span(), "this is no repository's id", help))
}

fn eyes(t: Text<'_>, raw: &RawWatched, council: std::ops::Range<usize>) -> Result<Eyes, ConfigError> {
    let typed = places!(raw, "key", key_file, key_env, key_credential, key_command);
    match (typed.check(t)?, &raw.actors) {
        (Some(key), None) => Ok(Eyes::Key(key)),
        (Some(_), Some(actors)) => {
            let help = "With a key, the log says who may speak for the council. Remove this line, or the key.";
            Err(t.fault(actors.span(), "there is a key, and `actors` too", help))
        }
        (None, Some(actors)) if !actors.get_ref().is_empty() => {
            let one = |typed: &Spanned<String>| {
                let wrong = || t.fault_showing(Show::Lead, typed.span(), "this is no public key of an actor", ACTORS);
                typed.get_ref().parse().map_err(|_| wrong())
            };
            actors.get_ref().iter().map(one).collect::<Result<_, _>>().map(Eyes::Actors)
        }
        (None, _) => {
            let help = format!("Add key_file = \"/path\", or actors = [\"…\"]. {ACTORS}");
            Err(t.fault(council, "this [[council]] has neither a key nor `actors`", help))
        }
    }
}

fn expected(t: Text<'_>, raw: &RawWatched) -> Result<Expected, ConfigError> {
    let within = |typed: &Opt<String>, default| span(t, typed, default, (AN_HOUR, LONGEST));
    let max_age = within(&raw.max_age, MAX_AGE)?;
    let mut sets: Vec<ExpectedSet> = vec![];
    for typed in &raw.sets {
        let set = typed.get_ref();
        let named = required(t, &set.name, (typed.span(), "this set"), "name = \"documents\"")?;
        let wrong = || t.fault(named.span(), "this cannot be the name of a set", "");
        let name = SetName::new(set_name(t, named)?).map_err(|_| wrong())?;
        if sets.iter().any(|s| s.name == name) {
            return Err(t.fault(named.span(), format!("the set `{}` is named twice", name.as_str()), "Remove one."));
        }
        let label = |typed: &Spanned<String>| {
            typed.get_ref().parse::<SetLabel>().map_err(|_| t.fault(typed.span(), "this is no label of a set", ACTORS))
        };
        let label = set.label.as_ref().map(label).transpose()?;
        sets.push(ExpectedSet { name, label, max_age: within(&set.max_age, max_age)? });
    }
    Ok(Expected {
        sets,
        max_age,
        max_silence: within(&raw.max_silence, MAX_SILENCE)?,
        max_test_age: within(&raw.max_test_age, MAX_TEST_AGE)?,
    })
}
