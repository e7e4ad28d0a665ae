//! The bucket, as the rest of the house sees it: seven verbs, no waiting visible, errors in a person's words.
//!
//! Nothing here is believed: every object read is checked against its digest or signature by the caller.
//! `create` never overwrites. An unknown outcome is resolved by reading back, never by guessing.

mod error;
mod leftovers;
mod open;
mod probe;
mod protection;
mod protection_canary;
mod protection_s3;
pub(crate) mod protection_xml;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{GetResultPayload, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use tokio::runtime::Handle;

pub use error::{StoreError, StoreFault};
pub use open::{StoreCredentials, StoreOptions, open};
pub use probe::{Finding, ProbeReport, probe};
pub use protection::{Protection, protection};

use super::layout::Key;

/// Time allowed for any one request, besides what its bytes need.
const REQUEST_PATIENCE: Duration = Duration::from_secs(60);
/// The slowest link that is still waited for, in bytes a second (100 kbit/s).
const SLOWEST_LINK: u64 = 12_500;
/// So many objects that a listing leaves out are asked for by name; when more are left out, it is believed where all of
/// those are missing.
pub const ASKED_BY_NAME: usize = 64;
/// How often an unknown outcome is looked at before giving up.
const LOOKS: u32 = 4;

/// What became of a `create`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The object is there with our bytes.
    Ours,
    /// Another object has the name.
    Taken,
}

/// What was read of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// All of it.
    Whole(Bytes),
    /// It is larger than anything of ours: the BLAKE3 digest of its bytes.
    TooLarge([u8; 32]),
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its place.
    pub key: Key,
    /// Its stored length.
    pub size: u64,
    /// When the store says it was written.
    pub modified: Timestamp,
}

/// An open store. Cheap to clone; usable from several threads, none of them an async one.
#[derive(Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    /// The same, for writing objects: some stores want more said with those.
    writer: Arc<dyn ObjectStore>,
    prefix: Path,
    handle: Handle,
    address: String,
    own_clock: bool,
    /// Where it is a folder of this computer: which.
    folder: Option<std::path::PathBuf>,
    patience: Duration,
    credentials_from: Option<String>,
    raw: Option<Arc<protection_s3::RawS3>>,
}

impl Store {
    /// Wraps any object store. `own_clock`: its times come from another machine's clock than ours.
    pub fn new(inner: Arc<dyn ObjectStore>, prefix: Path, handle: Handle, address: String, own_clock: bool) -> Self {
        Self {
            writer: Arc::clone(&inner),
            inner,
            prefix,
            handle,
            address,
            own_clock,
            folder: None,
            patience: REQUEST_PATIENCE,
            credentials_from: None,
            raw: None,
        }
    }

    /// The same store with another patience: where many stores are asked in turn, and for tests of stalls.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The same store, which is this folder.
    #[must_use]
    fn in_folder(mut self, folder: std::path::PathBuf) -> Self {
        self.folder = Some(folder);
        self
    }

    /// The same store, that says where its credentials are when they are refused.
    #[must_use]
    pub fn with_credentials_from(mut self, place: Option<String>) -> Self {
        self.credentials_from = place;
        self
    }

    /// The same store, that writes through another client.
    #[must_use]
    fn with_writer(mut self, writer: Arc<dyn ObjectStore>) -> Self {
        self.writer = writer;
        self
    }

    /// The same store, that can be asked what only S3 can be.
    #[must_use]
    fn with_raw(mut self, raw: protection_s3::RawS3) -> Self {
        self.raw = Some(Arc::new(raw));
        self
    }

    /// Whether it is a folder on a disk.
    pub fn is_folder(&self) -> bool {
        self.address.starts_with("file:")
    }

    /// The address, without any credential.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether the store's times come from another clock than this machine's.
    pub fn has_own_clock(&self) -> bool {
        self.own_clock
    }

    fn path(&self, key: &Key) -> Path {
        let mut path = self.prefix.clone();
        for part in key.to_string().split('/') {
            path = path.join(part);
        }
        path
    }

    fn fault(&self, what: &str, error: &object_store::Error) -> StoreError {
        StoreError::from_object_store(what, &self.address, error).with_credentials(self.credentials_from.as_deref())
    }

    fn wait<T>(
        &self,
        what: &str,
        bytes: u64,
        work: impl Future<Output = Result<T, object_store::Error>>,
    ) -> Result<T, StoreError> {
        let limit = self.patience + Duration::from_secs(bytes / SLOWEST_LINK);
        self.handle.block_on(async {
            match tokio::time::timeout(limit, work).await {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(e)) => Err(self.fault(what, &e)),
                Err(_) => Err(StoreError::timed_out(what, &self.address)),
            }
        })
    }

    /// The whole object.
    ///
    /// # Errors
    /// [`StoreFault::Missing`] when it is not there; any other fault of the store.
    pub fn get(&self, key: &Key) -> Result<Bytes, StoreError> {
        self.get_dated(key).map(|(bytes, _)| bytes)
    }

    /// The whole object, and when the store says it was written.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn get_dated(&self, key: &Key) -> Result<(Bytes, Timestamp), StoreError> {
        match self.fetch(key, false)? {
            (Fetched::Whole(bytes), modified) => Ok((bytes, modified)),
            (Fetched::TooLarge(_), _) => Err(StoreError::too_large("read", &self.address)),
        }
    }

    /// The whole object, or the digest of one that is too large to be kept in memory.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn get_or_digest(&self, key: &Key) -> Result<Fetched, StoreError> {
        Ok(self.fetch(key, true)?.0)
    }

    fn fetch(&self, key: &Key, to_the_end: bool) -> Result<(Fetched, Timestamp), StoreError> {
        let (path, most) = (self.path(key), most(key));
        // The answer within patience, then its bytes as slowly as the slowest link brings them.
        let got = self.wait("read", 0, self.inner.get(&path))?;
        let (size, modified) = (got.meta.size, to_timestamp(got.meta.last_modified));
        if size > most && !to_the_end {
            return Ok((Fetched::TooLarge([0; 32]), modified));
        }
        self.wait("read", size, async {
            // A file has the size it has; a server may say one thing and send another.
            if size <= most && matches!(got.payload, GetResultPayload::File(..)) {
                return Ok((Fetched::Whole(got.bytes().await?), modified));
            }
            Ok((take(got.into_stream(), most, to_the_end).await?, modified))
        })
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
        self.wait("read", bytes, self.inner.get_ranges(&path, ranges))
    }

    /// Creates the object if no object has the name. A lost answer is resolved by reading back.
    ///
    /// # Errors
    /// A fault of the store; then the object may exist or not, now or later.
    pub fn create(&self, key: &Key, bytes: &Bytes) -> Result<Created, StoreError> {
        let path = self.path(key);
        let mut last = None;
        for _ in 0..LOOKS {
            let put = self.wait("write", bytes.len() as u64, async {
                self.writer.put_opts(&path, PutPayload::from(bytes.clone()), PutMode::Create.into()).await
            });
            let error = match put {
                Ok(_) => return Ok(Created::Ours),
                Err(e) if e.fault() == StoreFault::Exists || e.may_have_happened() => e,
                Err(e) => return Err(e),
            };
            // Our own earlier try may have landed, and "exists" may mean "somebody is writing": look.
            match self.get(key) {
                Ok(there) if there == *bytes => return Ok(Created::Ours),
                Ok(_) => return Ok(Created::Taken),
                Err(e) if e.is_too_large() => return Ok(Created::Taken),
                Err(e) if e.fault() == StoreFault::Missing => last = Some(error),
                Err(e) => return Err(e),
            }
        }
        Err(last.unwrap_or_else(|| StoreError::timed_out("write", &self.address)))
    }

    /// Overwrites whatever has the name.
    fn put(&self, key: &Key, bytes: &Bytes) -> Result<(), StoreError> {
        let path = self.path(key);
        self.wait("write", bytes.len() as u64, async {
            self.writer.put(&path, PutPayload::from(bytes.clone())).await.map(|_| ())
        })
    }

    /// Writes an object's very own bytes over what is left of it, and looks whether they are there then.
    ///
    /// # Errors
    /// A fault of the store; nothing is lost by it.
    pub fn put_back(&self, key: &Key, bytes: &Bytes) -> Result<(), StoreError> {
        self.put(key, bytes)?;
        match self.get(key)? {
            there if there == *bytes => Ok(()),
            _ => Err(StoreError::not_taken(&self.address)),
        }
    }

    /// Everything in a folder. Foreign names are left out and counted.
    ///
    /// # Errors
    /// A fault of the store on any page: never a part of the list as if it were the whole.
    pub fn list(&self, folder: &str) -> Result<(Vec<Listed>, usize), StoreError> {
        let base = self.prefix.clone().join(folder);
        let skip = self.prefix.parts().count();
        let mut stream = self.inner.list(Some(&base));
        let mut metas = vec![];
        while let Some(meta) = self.wait("list", 0, async { stream.next().await.transpose() })? {
            metas.push(meta);
        }
        let mut foreign = 0;
        let mut listed = vec![];
        for meta in metas {
            let name: Vec<String> = meta.location.parts().skip(skip).map(|p| p.as_ref().to_string()).collect();
            match Key::parse(&name.join("/")) {
                Some(key) => listed.push(Listed { key, size: meta.size, modified: to_timestamp(meta.last_modified) }),
                None => foreign += 1,
            }
        }
        Ok((listed, foreign))
    }

    /// Deletes an object; one that is not there is deleted already.
    ///
    /// # Errors
    /// A fault of the store; then it may be gone or not, now or later.
    pub fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let path = self.path(key);
        match self.wait("delete", 0, async { self.inner.delete(&path).await }) {
            Err(e) if e.fault() == StoreFault::Missing => Ok(()),
            other => other,
        }
    }
}

/// What a stream brings, as far as `most` allows; beyond it only the digest, or at once an end.
async fn take(
    mut stream: BoxStream<'static, object_store::Result<Bytes>>,
    most: u64,
    to_the_end: bool,
) -> object_store::Result<Fetched> {
    let mut kept = Vec::new();
    let mut digest: Option<Box<blake3::Hasher>> = None;
    while let Some(piece) = stream.next().await {
        let piece = piece?;
        if digest.is_none() && (kept.len() + piece.len()) as u64 > most {
            if !to_the_end {
                return Ok(Fetched::TooLarge([0; 32]));
            }
            let mut begun = Box::new(blake3::Hasher::new());
            begun.update(&std::mem::take(&mut kept));
            digest = Some(begun);
        }
        match &mut digest {
            Some(digest) => {
                digest.update(&piece);
            }
            None => kept.extend_from_slice(&piece),
        }
    }
    Ok(digest.map_or_else(|| Fetched::Whole(kept.into()), |d| Fetched::TooLarge(*d.finalize().as_bytes())))
}

/// Nothing of ours is larger than this: who may write to the store cannot fill this machine's memory.
fn most(key: &Key) -> u64 {
    match key {
        Key::Pack(_) => crate::repo::pack::PACK_MAX as u64,
        Key::Index(_) => 64 << 20,
        Key::Note(_) => crate::repo::notes::NOTE_MAX as u64,
        Key::Log(_) => 32 << 20,
        Key::Bundle(..) | Key::Hint | Key::Probe(_) => 1 << 20,
        Key::Heartbeat(..) => 64 << 10,
    }
}

fn to_timestamp<T: Into<std::time::SystemTime>>(time: T) -> Timestamp {
    Timestamp::try_from(time.into()).unwrap_or(Timestamp::UNIX_EPOCH)
}
