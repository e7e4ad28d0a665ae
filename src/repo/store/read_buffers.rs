//! Memory into which objects are read: of large ones it is used again.
//!
//! What must hold: while no more than `MOST_IDLE` are in use at one time, and none is huge, no more are made than that,
//! however many objects are read one after the other. Without this the allocator of a process with many threads keeps
//! much that nobody uses (`docs/performance.md` has the figures).

use std::fs::File;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::repo::local::direct::{ALIGNED, LARGE, read_aligned};
use crate::repo::pack::PACK_TARGET;

/// A buffer takes any pack but one of a single huge segment: its target, its last segment, directory and padding.
const USUAL: usize = PACK_TARGET + (4 << 20);
/// So many are kept for later: more are in use at one time only where a link is fast and memory plenty.
const MOST_IDLE: usize = 4;

/// Buffers that nobody uses now.
#[derive(Default)]
pub(super) struct ReadBuffers {
    idle: Mutex<Vec<Vec<u8>>>,
    #[cfg(test)]
    made: std::sync::atomic::AtomicUsize,
}

impl ReadBuffers {
    /// An empty buffer for about so many bytes.
    pub fn buffer(self: &Arc<Self>, bytes: usize) -> ReadBuffer {
        // Smaller objects get memory of their own.
        if bytes < LARGE {
            return ReadBuffer { room: Vec::with_capacity(bytes), object: 0..0, home: None };
        }
        let known = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut room = known.unwrap_or_else(|| {
            #[cfg(test)]
            self.made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Vec::with_capacity(USUAL)
        });
        room.reserve_exact((bytes + 2 * ALIGNED).saturating_sub(room.len()));
        ReadBuffer { room, object: 0..0, home: Some(Arc::clone(self)) }
    }
}

/// Memory that an object is read into. It comes back to be used again when the last who reads it lets go.
pub(super) struct ReadBuffer {
    /// What was in it before is not cleared.
    room: Vec<u8>,
    object: Range<usize>,
    home: Option<Arc<ReadBuffers>>,
}

impl ReadBuffer {
    /// What was read, to be shared.
    pub fn into_bytes(mut self) -> Bytes {
        if self.home.is_some() {
            return Bytes::from_owner(self);
        }
        Bytes::from(std::mem::take(&mut self.room)).slice(self.object.clone())
    }

    /// Adds what came.
    pub fn extend(&mut self, bytes: &[u8]) {
        let end = self.object.end;
        let (over, more) = bytes.split_at(bytes.len().min(self.room.len() - end));
        self.room[end..end + over.len()].copy_from_slice(over);
        self.room.extend_from_slice(more);
        self.object.end += bytes.len();
    }

    /// Reads exactly so many bytes, straight from the disk where that can be.
    ///
    /// # Errors
    /// The kernel's, and `UnexpectedEof`.
    pub fn fill(&mut self, file: &File, size: usize) -> std::io::Result<()> {
        let room = if size < LARGE { size } else { size + 2 * ALIGNED };
        if self.room.len() < room {
            self.room.resize(room, 0);
        }
        self.object = read_aligned(file, size, &mut self.room)?;
        Ok(())
    }
}

impl AsRef<[u8]> for ReadBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.room[self.object.clone()]
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        let Some(home) = self.home.take() else { return };
        let mut idle = home.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // One that grew for a huge object goes.
        if idle.len() < MOST_IDLE && self.room.capacity() <= 2 * USUAL {
            idle.push(std::mem::take(&mut self.room));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use object_store::ObjectStore;
    use object_store::local::LocalFileSystem;
    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::*;
    use crate::domain::id::PackName;
    use crate::repo::layout::Key;
    use crate::repo::store::Store;

    /// A folder gives files, a server gives streams: the one reads at once, the other piece by piece.
    #[test]
    fn however_many_packs_are_read_one_after_the_other_they_lie_in_the_same_memory() {
        let (tmp, runtime) = (tempfile::tempdir().unwrap(), tokio::runtime::Runtime::new().unwrap());
        let folder = LocalFileSystem::new_with_prefix(tmp.path()).unwrap();
        let stores: [Arc<dyn ObjectStore>; 2] = [Arc::new(folder), Arc::new(InMemory::new())];
        for inner in stores {
            let store = Store::new(inner, Path::default(), runtime.handle().clone(), "memory".into(), false);
            let body = |n: u8| Bytes::from(vec![n; LARGE + 1000 * n as usize]);
            let key = |n: u8| Key::Pack(PackName::of(&body(n)));
            for n in 0..8 {
                store.create(&key(n), &body(n)).unwrap();
            }
            for n in (0..8).rev() {
                assert!(store.get(&key(n)).unwrap() == body(n), "{n}");
            }
            assert_eq!(store.buffers.made.load(Ordering::SeqCst), 1);
            // What is still being read stays as it is.
            let (first, second) = (store.get(&key(1)).unwrap(), store.clone().get(&key(2)).unwrap());
            let part = first.slice(..10);
            drop(first);
            assert_eq!(store.buffers.made.load(Ordering::SeqCst), 2);
            assert!(store.get(&key(3)).unwrap() == body(3) && part == [1; 10][..] && second == body(2));
            assert_eq!(store.buffers.made.load(Ordering::SeqCst), 3);
            drop((part, second));
            assert_eq!(store.buffers.idle.lock().unwrap().len(), 3);
        }
    }

    #[test]
    fn no_more_is_kept_for_later_than_a_few_buffers_and_no_huge_one() {
        let buffers = Arc::new(ReadBuffers::default());
        drop((0..10).map(|_| buffers.buffer(LARGE)).collect::<Vec<_>>());
        assert_eq!(buffers.idle.lock().unwrap().len(), MOST_IDLE);
        buffers.idle.lock().unwrap().clear();
        drop(buffers.buffer(3 * USUAL));
        drop(buffers.buffer(LARGE - 1));
        assert!(buffers.idle.lock().unwrap().is_empty());
    }
}
