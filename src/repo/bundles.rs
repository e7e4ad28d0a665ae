//! Which keys this machine has, and getting newer ones: an epoch begun elsewhere brings a new bundle.
//!
//! A bundle read from the store is a candidate, good enough to try opening the log; only when the log opened
//! and its root key vouches for the bundle are its keys used for anything else.

use bytes::Bytes;

use super::compress::unframe_up_to;
use super::error::RepoError;
use super::keys::{Bundle, BundleError, KeyRing};
use super::layout::{KEYS, Key};
use super::log::{parse, read_on};
use super::machine::Machine;
use super::repository::Repository;
use super::seal::{Identity, SealError, open};
use super::store::{Store, StoreFault};
use crate::domain::id::{KeyholderId, RepositoryId};
use crate::domain::log::entry::Entry;
use crate::domain::log::state::Slot;

/// A bundle is small.
const MAX_BUNDLE: usize = 1 << 20;

/// A bundle's keys before anybody vouched for them.
pub(super) fn candidate(stored: &Bytes, identity: &Identity) -> Result<Bundle, RepoError> {
    let wrong = |_| RepoError::WrongKey;
    let framed = open(stored.clone(), std::slice::from_ref(identity)).map_err(wrong)?.all()?;
    let text = unframe_up_to(&framed, MAX_BUNDLE).map_err(|_| RepoError::WrongKey)?;
    let (body, _) = super::envelope::split(&text).ok_or(RepoError::WrongKey)?;
    serde_json::from_slice(body).map_err(|_| RepoError::WrongKey)
}

pub(super) fn bundle_key(key: &Key) -> Option<(KeyholderId, u32)> {
    if let Key::Bundle(holder, epoch) = key { Some((*holder, *epoch)) } else { None }
}

/// A bundle's keys, if it is one of `epoch` that the root key made for this keyholder of this repository: the id
/// vouches for `zero`, entry 0 for the root key. Anything else under its name is nothing to us.
pub(super) fn vouched(
    zero: &Bytes,
    repository: RepositoryId,
    stored: &Bytes,
    identity: &Identity,
    (holder, epoch): (KeyholderId, u32),
) -> Option<KeyRing> {
    let ring = candidate(stored, identity).ok()?.ring().ok()?;
    let body = parse(zero, &ring.writing).filter(|_| RepositoryId::of_entry_zero(zero) == repository)?;
    let Entry::Created(created) = &body.entry else { return None };
    if body.actor != created.root {
        return None;
    }
    let bundle = Bundle::open(stored.clone(), identity, &created.root, repository, holder).ok()?;
    (bundle.epoch == epoch).then_some(ring)
}

/// Keys that a bundle gave.
pub(super) struct Newest {
    pub ring: KeyRing,
    pub stored: Bytes,
    pub epoch: u32,
    /// A newer bundle that is damaged, and may be the same keyholder's.
    pub newer: Option<String>,
}

/// Whether what lies there is damaged and may be a bundle for this identity: it is no age file, or the identity fits and
/// what is inside cannot be read. Where the very part that is sealed to it is damaged, nobody can tell it from another's.
fn is_damaged(stored: &Bytes, identity: &Identity) -> bool {
    match open(stored.clone(), std::slice::from_ref(identity)) {
        Ok(opened) => opened.all().is_err(),
        Err(SealError::WrongKey) => false,
        Err(_) => true,
    }
}

/// The newest vouched bundle among those `mine` says yes to, from the newest epoch down.
pub(super) fn newest_of(
    store: &Store,
    zero: &Bytes,
    repository: RepositoryId,
    identity: &Identity,
    mine: impl Fn(&KeyholderId) -> bool,
) -> Result<Newest, RepoError> {
    let (listed, _) = store.list(KEYS)?;
    let mut all: Vec<_> = listed.iter().filter_map(|l| bundle_key(&l.key)).filter(|(h, _)| mine(h)).collect();
    all.sort_by_key(|(_, epoch)| std::cmp::Reverse(*epoch));
    let (mut failed, mut newer) = (None, None);
    for (holder, epoch) in all {
        match store.get(&Key::Bundle(holder, epoch)) {
            Ok(stored) => {
                if let Some(ring) = vouched(zero, repository, &stored, identity, (holder, epoch)) {
                    return Ok(Newest { ring, stored, epoch, newer });
                }
                if is_damaged(&stored, identity) {
                    newer.get_or_insert(Key::Bundle(holder, epoch).to_string());
                }
            }
            Err(e) if e.fault() == StoreFault::Missing || e.is_too_large() => {}
            Err(e) => failed = Some(e),
        }
    }
    Err(match (failed, newer) {
        (Some(e), _) => RepoError::Store(e),
        (None, Some(damaged)) => RepoError::BundleDamaged(damaged),
        (None, None) => RepoError::WrongKey,
    })
}

/// The newest bundle for this machine.
pub(super) fn newest(
    store: &Store,
    machine: &Machine,
    repository: RepositoryId,
) -> Result<(KeyRing, Bytes), RepoError> {
    let zero = entry_zero(store, repository)?;
    let Newest { ring, stored, .. } = newest_of(store, &zero, repository, &machine.identity, |h| *h == machine.id)?;
    Ok((ring, stored))
}

/// Entry 0, if it is this repository's.
pub(super) fn entry_zero(store: &Store, repository: RepositoryId) -> Result<Bytes, RepoError> {
    let zero = store.get(&Key::Log(0)).map_err(|e| match e.fault() {
        StoreFault::Missing => RepoError::NoRepository(store.address().into()),
        _ => RepoError::Store(e),
    })?;
    let found = RepositoryId::of_entry_zero(&zero);
    if found == repository { Ok(zero) } else { Err(RepoError::AnotherRepository { expected: repository, found }) }
}

/// Reads the log with the keys at hand; what they do not open may be sealed to a newer epoch's keys.
pub(super) fn read_log(
    store: &Store,
    machine: &Machine,
    keys: &mut (KeyRing, Bytes),
    repository: RepositoryId,
    known: Vec<Slot>,
) -> Result<Vec<Slot>, RepoError> {
    let damage = match read_on(store, &keys.0.writing, repository, known.clone()) {
        Err(damage @ RepoError::LogDamaged { .. }) => damage,
        other => return other,
    };
    let Ok(newer) = newest(store, machine, repository) else { return Err(damage) };
    if newer.1 == keys.1 {
        return Err(if left_behind(store, machine, &keys.1) { RepoError::WrongKey } else { damage });
    }
    let slots = read_on(store, &newer.0.writing, repository, known).map_err(|_| damage)?;
    *keys = newer;
    Ok(slots)
}

/// Whether others have keys of an epoch for which this machine was given none: it was removed.
fn left_behind(store: &Store, machine: &Machine, own: &Bytes) -> bool {
    let Ok(own) = candidate(own, &machine.identity) else { return false };
    let Ok((listed, _)) = store.list(KEYS) else { return false };
    listed.iter().filter_map(|l| bundle_key(&l.key)).any(|(_, epoch)| epoch > own.epoch)
}

impl Repository {
    /// The log vouches for the root key, the root key for the bundle; a newer epoch brings a newer bundle.
    pub(super) fn trust_bundle(&mut self, mut stored: Bytes) -> Result<(), RepoError> {
        let (Some(machine), Some(dir)) = (&self.machine, &self.dir) else { return Ok(()) };
        let (root, id) = (self.state.created.root, self.state.repository);
        let epoch = self.state.epoch().number;
        // The copy at hand is a cache: if it is no good, the store's is asked for.
        let known = Bundle::open(stored.clone(), &machine.identity, &root, id, machine.id).ok();
        let bundle = match known.filter(|b| b.epoch >= epoch) {
            Some(bundle) => bundle,
            None => match self.store.get(&Key::Bundle(machine.id, epoch)) {
                Ok(newer) => {
                    stored = newer;
                    let bundle = Bundle::open(stored.clone(), &machine.identity, &root, id, machine.id)?;
                    Some(bundle).filter(|b| b.epoch >= epoch).ok_or(BundleError::Forged)?
                }
                Err(e) if e.fault() == StoreFault::Missing => return Err(RepoError::WrongKey),
                Err(e) => return Err(e.into()),
            },
        };
        self.ring = bundle.ring()?;
        let path = dir.file("bundle.age");
        if super::local::read(&path)?.as_deref() != Some(&stored[..]) {
            super::local::replace(&path, &stored)?;
        }
        Ok(())
    }

    /// The slots known and what follows them, and a newer bundle if only that opened them.
    pub(super) fn read_further(&self) -> Result<(Vec<Slot>, Option<Bytes>), RepoError> {
        let (id, known) = (self.state.repository, self.slots.clone());
        let (Some(machine), Some(dir)) = (&self.machine, &self.dir) else {
            return Ok((read_on(&self.store, &self.ring.writing, id, known)?, None));
        };
        let stored = super::local::read(&dir.file("bundle.age"))?.map(Bytes::from).unwrap_or_default();
        let mut keys = (self.ring.clone(), stored.clone());
        let slots = read_log(&self.store, machine, &mut keys, id, known)?;
        Ok((slots, Some(keys.1).filter(|newer| *newer != stored)))
    }

    /// After more of the log was read: the keys of a newer epoch, if they are not at hand.
    pub(super) fn follow_epoch(&mut self, newer: Option<Bytes>) -> Result<(), RepoError> {
        if let Some(newer) = newer {
            return self.trust_bundle(newer);
        }
        let wanted = &self.state.epoch().writing;
        let at_hand = self.ring.writing.iter().any(|i| i.recipient().to_string() == *wanted);
        let Some(dir) = self.dir.as_ref().filter(|_| !at_hand) else { return Ok(()) };
        let stored = super::local::read(&dir.file("bundle.age"))?;
        self.trust_bundle(stored.ok_or(RepoError::WrongKey)?.into())
    }
}
