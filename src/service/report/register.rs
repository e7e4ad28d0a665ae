//! Who knew, and who could: failures and when people were told, keyholders and machines by their dates.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::count::valid;
use crate::domain::id::{ActorId, KeyholderId};
use crate::domain::log::entry::{Actor, Entry, Keyholder, Role as MayAppend};
use crate::domain::path::printable;
use crate::service::journal::Event;
use crate::service::report::Facts;
use crate::service::voice::Voice;
use crate::service::words::{Cause, NoticeKind, Reference, Role, word};

/// Each machine's failures that are open, and what of each is.
type Open<'a> = BTreeMap<(Option<KeyholderId>, &'a Reference), (Failure, BTreeSet<&'a Cause>)>;

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What people quote.
    pub reference: Reference,
    /// The heaviest cause.
    #[serde(serialize_with = "as_text")]
    pub cause: Cause,
    /// When it was found.
    pub found: Timestamp,
    /// When the clerk's first message about it was taken, by mail or another way.
    pub clerk: Option<Timestamp>,
    /// When the provider's was.
    pub provider: Option<Timestamp>,
    /// Whole minutes until the first of them.
    pub minutes: Option<i64>,
    /// When all of it was right again, or dealt with.
    pub over: Option<Timestamp>,
}

fn as_text<S: serde::Serializer>(cause: &Cause, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&cause.to_string())
}

/// Somebody who held a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// Its name in the roster: a function, not a person.
    pub name: String,
    /// It could read documents, not only see what is stored.
    pub reads: bool,
    /// From when.
    pub from: Timestamp,
    /// Until when new backups were sealed to it; nothing while they still are.
    pub until: Option<Timestamp>,
    /// The last set of sealing keys that it had, counted from 1; it had those before, too.
    pub epoch: u32,
}

/// A machine's key that could add to the backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Writer {
    /// Its name in the roster.
    pub name: String,
    /// The key.
    pub key: ActorId,
    /// For what.
    pub roles: Vec<String>,
    /// From when.
    pub from: Timestamp,
    /// When it was cut off.
    pub until: Option<Timestamp>,
}

/// What was found in the span, or was not over when it began.
pub(super) fn failures(facts: &Facts<'_>) -> Vec<Failure> {
    // What a machine says of a reference is of its own failure alone.
    let mut all: Open<'_> = BTreeMap::new();
    for entry in &facts.kept.entries {
        match &entry.event {
            Event::CauseOpened { reference, cause } => {
                let (failure, open) = all.entry((entry.machine, reference)).or_insert_with(|| {
                    let (reference, cause, found) = (reference.clone(), cause.clone(), entry.at);
                    let told = (None, None, None);
                    let (clerk, provider, minutes) = told;
                    (Failure { reference, cause, found, clerk, provider, minutes, over: None }, BTreeSet::new())
                });
                open.insert(cause);
                failure.over = None;
                if cause.weight() < failure.cause.weight() {
                    failure.cause = cause.clone();
                }
            }
            Event::CauseClosed { reference, cause, .. } => {
                if let Some((failure, open)) = all.get_mut(&(entry.machine, reference)) {
                    open.remove(cause);
                    failure.over = open.is_empty().then_some(entry.at);
                }
            }
            Event::NoticeSent(told) | Event::Voice(Voice::Sent { told: Some(told), .. })
                if told.notice == NoticeKind::Failure =>
            {
                let mine = told.reference.as_ref().and_then(|r| all.get_mut(&(entry.machine, r)));
                let Some((failure, _)) = mine else { continue };
                match told.to {
                    Role::Clerk => failure.clerk.get_or_insert(entry.at),
                    Role::Provider => failure.provider.get_or_insert(entry.at),
                    _ => continue,
                };
            }
            _ => {}
        }
    }
    let zone = &facts.people.zone;
    let end = super::span::end_of(facts.span.to, zone);
    let mut all: Vec<Failure> = all.into_values().map(|(failure, _)| failure).collect();
    all.retain(|f| f.found <= end && f.over.is_none_or(|at| super::span::day_of(at, zone) >= facts.span.from));
    for failure in &mut all {
        let first = [failure.clerk, failure.provider].into_iter().flatten().min();
        failure.minutes = first.map(|at| at.duration_since(failure.found).as_secs().max(0) / 60);
    }
    all.sort_by(|a, b| (a.found, &a.reference).cmp(&(b.found, &b.reference)));
    all
}

fn shown(name: &str) -> String {
    printable(name.as_bytes()).chars().take(60).collect()
}

/// Whether a stretch reaches into the span.
fn reaches(facts: &Facts<'_>, from: Timestamp, until: Option<Timestamp>) -> bool {
    let zone = &facts.people.zone;
    super::span::day_of(from, zone) <= facts.span.to
        && until.is_none_or(|at| super::span::day_of(at, zone) >= facts.span.from)
}

/// Who held keys on some day of the span, in order of their coming.
pub(super) fn holders(facts: &Facts<'_>) -> Vec<Holder> {
    let mut all: Vec<(KeyholderId, Holder)> = vec![];
    let mut epoch = 1;
    let come = |all: &mut Vec<(KeyholderId, Holder)>, k: &Keyholder, from, epoch| {
        all.push((k.id, Holder { name: shown(&k.name), reads: k.reads, from, until: None, epoch }));
    };
    for body in valid(facts) {
        match &body.entry {
            Entry::Created(created) => {
                epoch = created.epoch.number;
                created.keyholders.iter().for_each(|k| come(&mut all, k, body.time, epoch));
            }
            Entry::KeyholderAdded(added) => come(&mut all, &added.holder, body.time, epoch),
            Entry::KeyholderRemoved { keyholder } => {
                for (_, holder) in all.iter_mut().filter(|(id, h)| id == keyholder && h.until.is_none()) {
                    holder.until = Some(body.time);
                }
            }
            Entry::Epoch(next) => {
                epoch = next.number;
                all.iter_mut().filter(|(_, h)| h.until.is_none()).for_each(|(_, h)| h.epoch = epoch);
            }
            _ => {}
        }
    }
    all.into_iter().map(|(_, h)| h).filter(|h| reaches(facts, h.from, h.until)).collect()
}

/// Whose keys could add to the backups on some day of the span.
pub(super) fn writers(facts: &Facts<'_>) -> Vec<Writer> {
    let mut all: Vec<Writer> = vec![];
    let come = |all: &mut Vec<Writer>, a: &Actor, from| {
        let roles = a.roles.iter().filter(|r| **r != MayAppend::Root).map(word).collect();
        all.push(Writer { name: shown(&a.name), key: a.key, roles, from, until: None });
    };
    for body in valid(facts) {
        match &body.entry {
            Entry::Created(created) => created.actors.iter().for_each(|a| come(&mut all, a, body.time)),
            Entry::ActorAdded(actor) => come(&mut all, actor, body.time),
            Entry::ActorRevoked { actor, .. } => {
                let cut = all.iter_mut().filter(|w| w.key == *actor && w.until.is_none());
                cut.for_each(|w| w.until = Some(body.time));
            }
            _ => {}
        }
    }
    all.retain(|w| reaches(facts, w.from, w.until));
    all
}
