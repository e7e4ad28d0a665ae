//! Who holds keys and who may append: everything that only the root key may say.
//!
//! A bundle is in the store before the entry that makes it needed. An epoch that was begun and not finished is
//! finished first, with the same keys: two root keys at work at once end with one epoch, not two.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::domain::id::{ActorId, KeyholderId};
use crate::domain::log::bundles::StoredBundle;
use crate::domain::log::entry::{Actor, Entry, Epoch, Keyholder, KeyholderAdded, Role};
use crate::domain::log::state::{Slot, State};
use crate::ops::OpsError;
use crate::ops::recover::enrol;
use crate::repo::error::RepoError;
use crate::repo::keys::{Bundle, KeyRing};
use crate::repo::layout::Key;
use crate::repo::machine::Machine;
use crate::repo::repository::Repository;
use crate::repo::seal::{Identity, Recipient, is_sealed};
use crate::repo::sign::Seed;
use crate::repo::store::StoreFault;

/// The longest name of a keyholder or machine.
const MAX_NAME: usize = 60;
/// A longer request was not made by this program.
const MAX_REQUEST: usize = 16 * 1024;

/// What a computer that wants to join prints: public keys only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// Itself as a keyholder.
    pub keyholder: Keyholder,
    /// Itself as actors.
    pub actors: Vec<Actor>,
}

impl JoinRequest {
    /// The request of this machine.
    pub fn of(machine: &Machine) -> Self {
        Self { keyholder: machine.keyholder(), actors: machine.actors() }
    }

    /// One word, to be copied.
    pub fn to_line(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads what was copied.
    ///
    /// # Errors
    /// [`OpsError::Usage`] when it is no request, or asks for what nobody may have.
    pub fn parse(line: &str) -> Result<Self, OpsError> {
        let wrong = |why: &str| OpsError::Usage(format!("this is no request to join: {why}"));
        let tidy: String = line.chars().filter(|c| !c.is_whitespace()).take(MAX_REQUEST).collect();
        let bytes = URL_SAFE_NO_PAD.decode(tidy).map_err(|_| wrong("a part of it is missing"))?;
        let request: Self = serde_json::from_slice(&bytes).map_err(|_| wrong("a part of it is missing"))?;
        let id = request.keyholder.id;
        check_name(&request.keyholder.name)?;
        request.keyholder.recipient.parse::<Recipient>().map_err(|_| wrong("its key is of an unknown kind"))?;
        if request.actors.iter().any(|a| a.machine != id || a.name != request.keyholder.name) {
            return Err(wrong("it contradicts itself"));
        }
        Ok(request)
    }
}

fn check_name(name: &str) -> Result<(), OpsError> {
    let clean = crate::domain::path::printable(name.as_bytes()) == *name && name.trim() == name;
    if clean && !name.is_empty() && name.len() <= MAX_NAME {
        return Ok(());
    }
    Err(OpsError::Usage(format!("a name is one line of 1 to {MAX_NAME} visible letters")))
}

fn root_of(repo: &Repository) -> Result<Seed, OpsError> {
    repo.ring.root.clone().ok_or_else(|| RepoError::NoRole(Role::Root).into())
}

/// Puts a bundle of the keys at hand for `holder` into the store, and says what lies there then: this one, or one of the
/// same keys that was put there before. The root key stays with whoever has it.
///
/// # Errors
/// [`RepoError::BundlePlanted`] when something else lies there; [`RepoError::NoRole`]; faults of the store.
pub(super) fn put_bundle(
    repo: &Repository,
    ring: &KeyRing,
    epoch: u32,
    holder: &Keyholder,
) -> Result<StoredBundle, OpsError> {
    let root = root_of(repo)?;
    let own = holder.id == ring.keyholder;
    let given = KeyRing {
        reading: if holder.reads { ring.reading.clone() } else { vec![] },
        writing: ring.writing.clone(),
        chunk_secret: ring.chunk_secret,
        root: own.then(|| root.clone()),
        keyholder: holder.id,
    };
    let recipient: Recipient = holder.recipient.parse().map_err(RepoError::Seal)?;
    let (state, newest) = (repo.state(), ring.reading.first());
    let bundle = Bundle::new(state.repository, epoch, &given, holder.id);
    let stored = bundle.seal(&root, &recipient, newest).map_err(RepoError::Bundle)?;
    // A member's bundle of now is named by the log, or by entry 0; our own we open before we believe it.
    let is_known = own || (epoch == state.epoch().number && state.keyholders.contains(holder));
    let is_the_same = |there: &Bytes| {
        let opened = |key| Bundle::open(there.clone(), key, &root.actor(), state.repository, holder.id);
        newest.is_some_and(|key| opened(key).is_ok_and(|there| there == bundle))
    };
    Ok(repo.put_bundle(holder.id, epoch, stored, |there| (is_known && is_sealed(there)) || is_the_same(there))?)
}

/// Gives somebody else a key of their own.
///
/// # Errors
/// [`OpsError::Usage`] for a name or recipient that cannot be; [`RepoError::NoRole`] without the root key.
pub fn add_keyholder(
    repo: &mut Repository,
    identity: &Identity,
    name: &str,
    recipient: &str,
    reads: bool,
) -> Result<Keyholder, OpsError> {
    check_name(name)?;
    let recipient = recipient.trim();
    recipient.parse::<Recipient>().map_err(|e| OpsError::Usage(e.to_string()))?;
    if let Some(k) = repo.state().keyholders.iter().find(|k| k.name == name || k.recipient == recipient) {
        return Err(OpsError::InTheWay(format!("'{}' holds a key already", k.name)));
    }
    let id = KeyholderId::new(repo.env.entropy.bytes32());
    let holder = Keyholder { id, name: name.into(), recipient: recipient.into(), reads };
    give(repo, identity, &holder)?;
    Ok(holder)
}

/// Bundle first, entry second; once more if an epoch began in between.
fn give(repo: &mut Repository, identity: &Identity, holder: &Keyholder) -> Result<(), OpsError> {
    loop {
        let ring = repo.ring.clone();
        let epoch = repo.state().epoch().number;
        let bundle = Some(put_bundle(repo, &ring, epoch, holder)?);
        let mut stale = false;
        repo.append(|state| {
            stale = state.epoch().number != epoch;
            let known = state.keyholders.iter().any(|k| k.id == holder.id);
            Ok((!known && !stale).then(|| Entry::KeyholderAdded(KeyholderAdded { holder: holder.clone(), bundle })))
        })?;
        if !stale {
            return Ok(());
        }
        load_epoch(repo, identity)?;
    }
}

/// Accepts a computer that asked to join: a bundle, a keyholder, and its actors.
///
/// # Errors
/// As [`enrol`]; [`OpsError::InTheWay`] when another keyholder has its name, or the repository is for one machine.
pub fn admit(repo: &mut Repository, request: &JoinRequest) -> Result<(), OpsError> {
    if repo.state().created.single_machine {
        let message = "this store keeps no conditions, so the repository was made for one machine alone: a second one \
                       could overwrite entries of the log";
        return Err(OpsError::InTheWay(message.into()));
    }
    let holder = &request.keyholder;
    let taken = |k: &&Keyholder| k.name == holder.name && k.id != holder.id;
    if let Some(k) = repo.state().keyholders.iter().find(taken) {
        let name = &k.name;
        let message = format!("a keyholder is called '{name}' already; let it ask by another: init --join --name NAME");
        return Err(OpsError::InTheWay(message));
    }
    enrol(repo, holder, &request.actors)
}

/// Cuts actors off: what they appended from entry `from` on does not count. Says how many were.
///
/// # Errors
/// [`OpsError::Usage`] for an entry that is not there; [`RepoError::NoRole`] without the root key.
pub fn revoke(repo: &mut Repository, actors: &[ActorId], from: Option<u64>) -> Result<u64, OpsError> {
    root_of(repo)?;
    let next = repo.state().next;
    let from = from.unwrap_or(next);
    if from == 0 || from > next {
        return Err(OpsError::Usage(format!(
            "the log has the entries 1 to {}; name one of them, or leave --from out",
            next - 1
        )));
    }
    let mut revoked = 0;
    for actor in actors {
        let appended = repo.append(|state| {
            let until = state.actors.get(actor).and_then(|(_, _, until)| *until);
            Ok(until.is_none_or(|u| from < u).then_some(Entry::ActorRevoked { actor: *actor, from }))
        })?;
        revoked += u64::from(appended.is_some());
    }
    Ok(revoked)
}

/// Takes a key away and begins an epoch whose keys its holder does not get.
///
/// # Errors
/// [`OpsError::InTheWay`] for the key in use; [`RepoError::NoRole`] without the root key.
pub fn remove_keyholder(repo: &mut Repository, identity: &Identity, holder: KeyholderId) -> Result<u32, OpsError> {
    root_of(repo)?;
    if holder == repo.ring.keyholder {
        let message = "this is the very key that you are using: nobody could change the roster any more";
        return Err(OpsError::InTheWay(message.into()));
    }
    if was_removed(repo, holder) {
        return Ok(repo.state().epoch().number);
    }
    repo.append(|state| {
        let known = state.keyholders.iter().any(|k| k.id == holder);
        Ok(known.then_some(Entry::KeyholderRemoved { keyholder: holder }))
    })?;
    // An epoch that was begun before may have a bundle for whoever is removed now: finish it and begin another.
    let number = repo.state().epoch().number + 1;
    let begun = match repo.store.get(&Key::Bundle(holder, number)) {
        Ok(_) => true,
        Err(e) if e.fault() == StoreFault::Missing => false,
        Err(e) => return Err(e.into()),
    };
    if begun {
        rotate(repo, identity)?;
    }
    rotate(repo, identity)
}

/// Whether an epoch began after the holder was removed: then there is nothing left to do.
fn was_removed(repo: &Repository, holder: KeyholderId) -> bool {
    let is_it = |s: &&Slot| matches!(s.body.as_ref().map(|b| &b.entry), Some(Entry::KeyholderRemoved { keyholder }) if *keyholder == holder);
    let known = repo.state().keyholders.iter().any(|k| k.id == holder);
    let removed = repo.slots().iter().rev().find(is_it).map(|s| s.n);
    !known && removed.is_some_and(|n| super::proof::epoch_entry(repo.slots(), repo.state().epoch().number) > n)
}

/// Begins an epoch: new sealing keys for everything from here on, for all who hold keys now. Finishes one that
/// was begun. Returns its number.
///
/// # Errors
/// [`RepoError::NoRole`] without the root key; [`RepoError::Contention`].
pub fn rotate(repo: &mut Repository, identity: &Identity) -> Result<u32, OpsError> {
    root_of(repo)?;
    let number = repo.state().epoch().number + 1;
    let ring = next_ring(repo, identity, number)?;
    let mut bundles = vec![];
    for holder in repo.state().keyholders.clone() {
        bundles.push(put_bundle(repo, &ring, number, &holder)?);
    }
    let line = |keys: &[Identity]| keys.first().map(|k| k.recipient().to_string()).unwrap_or_default();
    let epoch = Epoch { number, reading: line(&ring.reading), writing: line(&ring.writing), bundles };
    let holders = repo.state().keyholders.clone();
    let mut others = false;
    repo.append(|state| {
        others = state.keyholders != holders;
        Ok((state.epoch().number < number && !others).then(|| Entry::Epoch(epoch.clone())))
    })?;
    if others {
        return Err(OpsError::InTheWay("somebody else changed the keyholders at the same moment; run it again".into()));
    }
    repo.ring = ring;
    Ok(number)
}

/// The keys of the epoch `number`: those of an earlier try, if there was one. Our own bundle goes first.
fn next_ring(repo: &Repository, identity: &Identity, number: u32) -> Result<KeyRing, OpsError> {
    let own = holder_of(repo.state(), repo.ring.keyholder)?.clone();
    let mut ring = repo.ring.clone();
    ring.reading.insert(0, Identity::generate());
    ring.writing.insert(0, Identity::generate());
    put_bundle(repo, &ring, number, &own)?;
    read_own(repo, identity, number)
}

fn holder_of(state: &State, id: KeyholderId) -> Result<&Keyholder, OpsError> {
    state.keyholders.iter().find(|k| k.id == id).ok_or_else(|| RepoError::WrongKey.into())
}

/// The bundle of the identity at hand, which the root key's holder can always open again.
fn read_own(repo: &Repository, identity: &Identity, number: u32) -> Result<KeyRing, OpsError> {
    let id = repo.ring.keyholder;
    let stored = repo.store.get(&Key::Bundle(id, number))?;
    let (root, repository) = (repo.state().created.root, repo.state().repository);
    let bundle = Bundle::open(stored, identity, &root, repository, id).ok().filter(|b| b.epoch == number);
    // The root key signed the bundles of earlier epochs, too: under a new name they would bring the old keys back.
    let bundle = bundle.ok_or_else(|| RepoError::BundlePlanted(Key::Bundle(id, number).to_string()))?;
    Ok(bundle.ring().map_err(RepoError::Bundle)?)
}

fn load_epoch(repo: &mut Repository, identity: &Identity) -> Result<(), OpsError> {
    let number = repo.state().epoch().number;
    repo.ring = read_own(repo, identity, number)?;
    Ok(())
}

#[cfg(test)]
mod tests;
