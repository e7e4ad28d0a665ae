//! What comes of an object: all of it in pieces, stretches, or only its length.

use std::fs::File;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::{GetOptions, OBJECT_STORE_COALESCE_DEFAULT, ObjectStore, ObjectStoreExt, coalesce_ranges};

use super::pace::Pace;
use super::read_buffers::ReadBuffer;
use super::{Fetched, SLOWEST_LINK, Store, StoreError, StoreFault, USUALLY};
use crate::repo::layout::Key;

/// What comes at once is seldom more; the slowest line is waited for.
const PIECE: u64 = 64 << 10;

impl Store {
    /// All of a file that was opened and has that length.
    pub(super) async fn read_file(&self, file: File, size: u64) -> object_store::Result<Bytes> {
        let mut buffer = self.buffers.buffer(usize::try_from(size).unwrap_or(usize::MAX));
        let reading = self.handle.spawn_blocking(move || {
            buffer.fill(&file, usize::try_from(size).unwrap_or(usize::MAX))?;
            Ok::<_, std::io::Error>(buffer)
        });
        let failed = |source| object_store::Error::Generic { store: "LocalFileSystem", source };
        let read = reading.await.map_err(|e| failed(Box::new(e)))?;
        read.map(ReadBuffer::into_bytes).map_err(|e| failed(Box::new(e)))
    }

    /// What a stream brings, about `size` bytes, as far as `most` allows; beyond it only the digest, or at once an end.
    pub(super) async fn take(
        &self,
        mut stream: BoxStream<'static, object_store::Result<Bytes>>,
        size: u64,
        most: u64,
        to_the_end: bool,
    ) -> object_store::Result<Fetched> {
        let mut kept = self.buffers.buffer(usize::try_from(size.min(most)).unwrap_or(0));
        let mut digest: Option<Box<blake3::Hasher>> = None;
        let silent = |_| object_store::Error::Generic { store: "store", source: "timed out: nothing more came".into() };
        let patience = self.patience + Duration::from_secs(PIECE / (SLOWEST_LINK / USUALLY));
        while let Some(piece) = tokio::time::timeout(patience, stream.next()).await.map_err(silent)? {
            let piece = piece?;
            self.pass(&self.down, piece.len() as u64).await;
            if digest.is_none() && (kept.as_ref().len() + piece.len()) as u64 > most {
                if !to_the_end {
                    return Ok(Fetched::TooLarge([0; 32]));
                }
                let mut begun = Box::new(blake3::Hasher::new());
                begun.update(kept.as_ref());
                kept = self.buffers.buffer(0);
                digest = Some(begun);
            }
            match &mut digest {
                Some(digest) => {
                    digest.update(&piece);
                }
                None => kept.extend(&piece),
            }
        }
        Ok(digest.map_or_else(|| Fetched::Whole(kept.into_bytes()), |d| Fetched::TooLarge(*d.finalize().as_bytes())))
    }

    /// How long the object is, without its bytes; `None` when it is not there.
    ///
    /// # Errors
    /// Any other fault of the store.
    pub fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        let path = self.path(key);
        match self.wait("read", 0, self.inner.head(&path)) {
            Ok(meta) => Ok(Some(meta.size)),
            Err(e) if e.fault() == StoreFault::Missing => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Stretches of an object, at the same time.
    ///
    /// # Errors
    /// As [`Store::get`]; also when it ends before one of them.
    pub fn get_ranges(&self, key: &Key, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StoreError> {
        let (path, bytes) = (self.path(key), ranges.iter().map(|r| r.end - r.start).sum());
        self.wait("read", bytes, async {
            if self.down.is_none() && self.is_folder() {
                return self.inner.get_ranges(&path, ranges).await;
            }
            // Neighbours in one request, as the client itself does it; each answer piece by piece.
            let fetch = async |range: Range<u64>| {
                let want = range.end - range.start;
                let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
                let stream = self.inner.get_opts(&path, options).await?.into_stream();
                match self.take(stream, want, want, false).await? {
                    Fetched::Whole(bytes) if bytes.len() as u64 == want => Ok(bytes),
                    _ => Err(object_store::Error::Generic { store: "store", source: "it sent another length".into() }),
                }
            };
            coalesce_ranges(ranges, fetch, OBJECT_STORE_COALESCE_DEFAULT).await
        })
    }

    pub(super) async fn pass(&self, pace: &Option<Pace>, bytes: u64) {
        if let Some(pace) = pace {
            pace.pass(bytes as usize).await;
        }
    }
}
