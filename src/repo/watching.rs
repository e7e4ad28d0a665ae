//! The log as somebody reads it who only watches: with one keyholder's identity, and never a write to the store.
//!
//! What was read before is remembered in a folder of the watcher's own: the past may grow, never change.

use super::bundles::{Newest, bundle_key, entry_zero, newest_of};
use super::error::RepoError;
use super::heartbeat::label;
use super::layout::KEYS;
use super::log::read_on;
use super::log_copy::Kept;
use super::machine::StateDir;
use super::seal::Identity;
use super::store::Store;
use crate::domain::heartbeat::SetLabel;
use crate::domain::id::RepositoryId;
use crate::domain::log::fold::fold;
use crate::domain::log::state::{Slot, State};

/// A log that was read and fits what is remembered.
pub struct Watched {
    /// What it adds up to.
    pub state: State,
    slots: Vec<Slot>,
    kept: Kept,
    chunk_secret: [u8; 32],
}

/// Reads the log of the repository `id`, as far as it is not remembered.
///
/// # Errors
/// Faults of the store; [`RepoError::NoRepository`], [`RepoError::AnotherRepository`], [`RepoError::WrongKey`],
/// [`RepoError::LogDamaged`], [`RepoError::RolledBack`].
pub fn read(store: &Store, identity: &Identity, id: RepositoryId, dir: &StateDir) -> Result<Watched, RepoError> {
    let zero = entry_zero(store, id)?;
    let Newest { ring, epoch, .. } = newest_of(store, &zero, id, identity, |_| true)?;
    let (known, kept) = dir.load_slots(id)?;
    let slots = read_on(store, &ring.writing, id, known).map_err(|error| {
        let later = |(_, of): (_, u32)| of > epoch;
        let left_behind =
            || store.list(KEYS).is_ok_and(|(l, _)| l.iter().filter_map(|l| bundle_key(&l.key)).any(later));
        // Others have keys of an epoch for which this one was given none: it was removed.
        if matches!(error, RepoError::LogDamaged { .. }) && left_behind() { RepoError::WrongKey } else { error }
    })?;
    dir.check_memory(id, &slots)?;
    Ok(Watched { state: fold(id, &slots)?, slots, kept, chunk_secret: ring.chunk_secret })
}

/// That the store is this repository at all: its first entry needs no key.
///
/// # Errors
/// Faults of the store; [`RepoError::NoRepository`], [`RepoError::AnotherRepository`].
pub fn is_there(store: &Store, id: RepositoryId) -> Result<(), RepoError> {
    entry_zero(store, id).map(drop)
}

impl Watched {
    /// Remembers what was read.
    ///
    /// # Errors
    /// [`RepoError::Local`].
    pub fn remember(&self, dir: &StateDir) -> Result<(), RepoError> {
        dir.save_slots(self.state.repository, &self.slots, &mut self.kept.clone())
    }

    /// The slots read.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// What a set is called in public.
    pub fn label(&self, set: &str) -> SetLabel {
        label(&self.chunk_secret, set)
    }
}
