//! What the stages of a writer share: buffers, the first failure, and how much is under way.
//!
//! Whoever waits is woken by a failure, too: of a stage that died nothing more comes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;

use super::WrittenPack;
use crate::repo::error::RepoError;
use crate::repo::pack::ProofRoom;

/// Buffers that wait to be used again. Without this the allocator of a process with many threads keeps several
/// times as much as is in use.
#[derive(Default)]
pub(super) struct Pool<T>(pub(super) Mutex<Vec<T>>);

impl<T: Default> Pool<T> {
    pub(super) fn take(&self) -> T {
        locked(&self.0).pop().unwrap_or_default()
    }
    pub(super) fn give(&self, buffer: T) {
        locked(&self.0).push(buffer);
    }
}

/// What the stages share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) raw: Pool<Vec<u8>>,
    pub(super) sealed: Pool<BytesMut>,
    pub(super) frames: Pool<Vec<u8>>,
    /// One pack is proved at a time.
    pub(super) proving: Mutex<ProofRoom>,
    pub(super) failed: AtomicBool,
    pub(super) error: Mutex<Option<RepoError>>,
    /// Packs that have their names, and whether they are in the store: in the order in which they were proved.
    pub(super) named: Mutex<Vec<(WrittenPack, bool)>>,
    /// Pieces of work that have no pack with a name yet, and packs that have one and are on their way.
    pub(super) under_way: Mutex<(u64, u64)>,
    pub(super) settled: Condvar,
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn fail(&self, error: RepoError) {
        locked(&self.error).get_or_insert(error);
        self.failed.store(true, Ordering::SeqCst);
        let _awake = locked(&self.under_way);
        self.settled.notify_all();
    }

    pub(super) fn count(&self, nameless: i64, on_their_way: i64) {
        let mut n = locked(&self.under_way);
        *n = (n.0.saturating_add_signed(nameless), n.1.saturating_add_signed(on_their_way));
        self.settled.notify_all();
    }

    /// Waits until so much is settled, or something failed.
    pub(super) fn wait_until(&self, settled: impl Fn(&(u64, u64)) -> bool) {
        let n = locked(&self.under_way);
        let waits = |n: &mut (u64, u64)| !settled(n) && !self.failed.load(Ordering::SeqCst);
        drop(self.settled.wait_while(n, waits).unwrap_or_else(PoisonError::into_inner));
    }
}

/// A stage at work. If it dies, everything ends: what it held is settled by nobody.
pub(super) struct Stage<'a>(pub(super) &'a Shared);

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let words =
                "a part of this program stopped by a fault of its own; nothing that was stored is lost: run it again";
            self.0.fail(RepoError::Machine(words.into()));
        }
    }
}
