//! Copies that this machine has of small stored objects, and putting one back where the store's has rotted.
//!
//! Only the very bytes that were stored go back: of an index its name says what they are; of a bundle the root key in the log,
//! or this machine's own copy. A copy of a bundle is kept only of bytes that were proved: made here, opened with the holder's
//! key and signed by the root key, or named by it. What merely lay in the store never becomes one.

use bytes::Bytes;

use super::error::RepoError;
use super::layout::Key;
use super::local;
use super::machine::StateDir;
use super::repository::Repository;
use super::seal::is_sealed;
use super::store::{Created, StoreError};
use crate::domain::id::{Digest, KeyholderId};
use crate::domain::log::bundles::{StoredBundle, Teller};

impl StateDir {
    fn bundle_file(&self, holder: &KeyholderId, epoch: u32) -> std::path::PathBuf {
        self.file(&format!("bundles/{holder}-{epoch}"))
    }

    /// This machine's copy of a bundle that was proved.
    pub fn load_bundle(&self, holder: &KeyholderId, epoch: u32) -> Option<Bytes> {
        let bytes = Bytes::from(local::read(&self.bundle_file(holder, epoch)).ok()??);
        let (digest, stored) = bytes.split_at_checked(32)?;
        (Digest::of(stored).as_bytes() == digest).then(|| bytes.slice(32..))
    }

    /// Keeps a copy of a bundle that is proved: sealed to its keyholder, it tells this machine nothing. One that cannot be written is no
    /// failure.
    pub fn save_bundle(&self, holder: &KeyholderId, epoch: u32, stored: &[u8]) {
        let digest = Digest::of(stored);
        let _ = local::replace_copy(&self.bundle_file(holder, epoch), &[digest.as_bytes(), stored].concat());
    }
}

impl Repository {
    /// Puts a bundle into the store, and says what lies there then: an earlier try, or another at work with the root key,
    /// may have put the same keys there. Whether these are, `is_ours` says.
    ///
    /// # Errors
    /// [`RepoError::BundlePlanted`] for what is neither; faults of the store.
    pub fn put_bundle(
        &self,
        holder: KeyholderId,
        epoch: u32,
        sealed: Bytes,
        is_ours: impl Fn(&Bytes) -> bool,
    ) -> Result<StoredBundle, RepoError> {
        let key = Key::Bundle(holder, epoch);
        let stored = match self.store.create(&key, &sealed)? {
            Created::Ours => sealed,
            // No entry names it yet. What is no age file opens for nobody: this one takes its place.
            Created::Taken => match self.store.get(&key) {
                Ok(there) if is_ours(&there) => there,
                Ok(there) if is_sealed(&there) => return Err(RepoError::BundlePlanted(key.to_string())),
                Err(e) if !e.is_too_large() => return Err(e.into()),
                _ => {
                    self.store.put_back(&key, &sealed)?;
                    sealed
                }
            },
        };
        Ok(StoredBundle::of(holder, &stored))
    }

    /// What the bundle of a keyholder is by proof: as the root key says, or else this machine's copy.
    pub fn bundle_proved(&self, holder: &KeyholderId) -> Option<StoredBundle> {
        let copy = || self.dir.as_ref()?.load_bundle(holder, self.state.epoch().number);
        let by_root = self.state.bundle(holder).filter(|told| told.by == Teller::Root).map(|told| told.bundle);
        by_root.or_else(|| copy().map(|c| StoredBundle::of(*holder, &c)))
    }

    /// What the bundle of a keyholder should be: by proof, or else as another in the log says.
    pub fn bundle_expected(&self, holder: &KeyholderId) -> Option<StoredBundle> {
        self.bundle_proved(holder).or_else(|| self.state.bundle(holder).map(|told| told.bundle))
    }

    /// Keyholders of whose bundle nobody says what it should be. This machine's own it opens itself.
    pub fn bundles_unproved(&self) -> impl Iterator<Item = KeyholderId> + '_ {
        let own = self.machine.as_ref().map(|m| m.id);
        let others = self.state.keyholders.iter().map(|k| k.id).filter(move |id| Some(*id) != own);
        others.filter(|id| self.bundle_expected(id).is_none())
    }

    /// Keeps the bundle that opened `other` with its holder's key as this machine's copy.
    pub fn keep_opened(&self, other: &Self) {
        if let Some(dir) = self.dir.as_ref().filter(|_| other.state.repository == self.state.repository) {
            other.keep_opened_in(dir);
        }
    }

    /// The same in the state folder of a machine that is only just made.
    pub fn keep_opened_in(&self, dir: &StateDir) {
        if let Some((epoch, stored)) = &self.opened_with {
            dir.save_bundle(&self.ring.keyholder, *epoch, stored);
        }
    }

    /// The bundle of now with which the repository was opened, if that was with a holder's key alone.
    pub fn bundle_opened(&self) -> Option<StoredBundle> {
        let (_, stored) = self.opened_with.as_ref().filter(|(epoch, _)| *epoch == self.state.epoch().number)?;
        Some(StoredBundle::of(self.ring.keyholder, stored))
    }

    /// This machine's copy of an object, if it is what was stored.
    pub fn copy_of(&self, key: &Key) -> Option<Bytes> {
        let dir = self.dir.as_ref()?;
        match key {
            Key::Index(name) => dir.load_index(name),
            Key::Bundle(holder, epoch) if *epoch == self.state.epoch().number => {
                let copy = dir.load_bundle(holder, *epoch)?;
                self.bundle_proved(holder).is_some_and(|e| e.is(&copy)).then_some(copy)
            }
            _ => None,
        }
    }

    /// Puts this machine's copy where the store's object is damaged or missing. `None` when there is no copy.
    pub fn put_back(&self, key: &Key) -> Option<Result<(), StoreError>> {
        self.copy_of(key).map(|copy| self.store.put_back(key, &copy))
    }
}
