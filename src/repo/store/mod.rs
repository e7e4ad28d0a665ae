//! The bucket, as the rest of the house sees it: seven verbs, no waiting visible, errors in a person's words.
//!
//! Nothing here is believed: every object read is checked against its digest or signature by the caller.
//! `create` never overwrites. An unknown outcome is resolved by reading back, never by guessing.

mod direct;
mod error;
mod leftovers;
mod look;
mod open;
mod pace;
mod probe;
mod protection;
mod protection_canary;
mod protection_s3;
pub(crate) mod protection_xml;
mod read;
mod read_buffers;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{GetResultPayload, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use tokio::runtime::Handle;

pub use error::{StoreError, StoreFault};
pub use look::{Listed, Mark};
pub use open::{StoreCredentials, StoreOptions, open};
pub use pace::Rates;
pub use probe::{Finding, ProbeReport, probe};
pub use protection::{Protection, protection};

use super::layout::Key;

/// Time allowed for any one request, besides what its bytes need.
const REQUEST_PATIENCE: Duration = Duration::from_secs(60);
/// The slowest link that is still waited for, in bytes a second (100 kbit/s).
const SLOWEST_LINK: u64 = 12_500;
/// Transfers that may share a limit.
const MOST_AT_ONCE: u64 = 64;
/// Transfers that share a line.
const USUALLY: u64 = 8;
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
    /// Of what a folder is given; other stores have it in their clients.
    up: Option<pace::Pace>,
    down: Option<pace::Pace>,
    slowest: u64,
    buffers: Arc<read_buffers::ReadBuffers>,
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
            up: None,
            down: None,
            slowest: SLOWEST_LINK,
            buffers: Arc::default(),
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

    /// The same store, no faster than this.
    #[must_use]
    fn with_rates(mut self, rates: Rates) -> Self {
        (self.up, self.down) = (pace::pace(rates.up.filter(|_| self.is_folder())), pace::pace(rates.down));
        // All transfers share a limit, and a line: one of many is so much slower. That nothing moves shows sooner.
        let limits = [rates.up, rates.down].into_iter().flatten().map(|l| (l.get() / MOST_AT_ONCE).max(1));
        self.slowest = limits.fold(if self.is_folder() { SLOWEST_LINK } else { SLOWEST_LINK / USUALLY }, u64::min);
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
        let limit = self.patience + Duration::from_secs(bytes / self.slowest);
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
            if size <= most
                && let GetResultPayload::File(file, _) = got.payload
            {
                self.pass(&self.down, size).await;
                return Ok((Fetched::Whole(self.read_file(file, size).await?), modified));
            }
            Ok((self.take(got.into_stream(), size, most, to_the_end).await?, modified))
        })
    }

    /// Creates the object if no object has the name. A lost answer is resolved by reading back.
    ///
    /// # Errors
    /// A fault of the store; then the object may exist or not, now or later.
    pub fn create(&self, key: &Key, bytes: &Bytes) -> Result<Created, StoreError> {
        Ok(self.create_marked(key, bytes)?.0)
    }

    /// As [`Store::create`]; also how a listing will show what was created, where the store said so.
    ///
    /// # Errors
    /// As [`Store::create`].
    pub fn create_marked(&self, key: &Key, bytes: &Bytes) -> Result<(Created, Option<Mark>), StoreError> {
        let (path, size) = (self.path(key), bytes.len() as u64);
        let mut last = None;
        for _ in 0..LOOKS {
            let put = self.wait("write", size, async {
                self.pass(&self.up, size).await;
                if let Some(put) = self.put_directly(key, bytes).await {
                    return put;
                }
                self.writer.put_opts(&path, PutPayload::from(bytes.clone()), PutMode::Create.into()).await
            });
            let error = match put {
                Ok(put) => return Ok((Created::Ours, put.e_tag.map(|tag| Mark { size, tag }))),
                Err(e) if e.fault() == StoreFault::Exists || e.may_have_happened() => e,
                Err(e) => return Err(e),
            };
            // Our own earlier try may have landed, and "exists" may mean "somebody is writing": look.
            match self.get(key) {
                Ok(there) if there == *bytes => return self.settle(key).map(|()| (Created::Ours, None)),
                Ok(_) => return Ok((Created::Taken, None)),
                Err(e) if e.is_too_large() => return Ok((Created::Taken, None)),
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
