//! A store at the end of a line: every call is counted and takes a round trip, all bodies share the line.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

/// Names in one answer to a listing, as S3 gives them.
const NAMES: usize = 1000;

/// The line.
#[derive(Debug)]
pub struct Link {
    pub inner: Arc<dyn ObjectStore>,
    /// For each answer to begin.
    pub delay: Duration,
    /// Bytes a second, each way; 0: as fast as it goes.
    pub rate: u64,
    pub requests: AtomicU64,
    pub up: AtomicU64,
    pub down: AtomicU64,
    /// When what is under way has come over.
    pub free: [Mutex<Option<Instant>>; 2],
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line")
    }
}

impl Link {
    async fn round_trip(&self) {
        self.requests.fetch_add(1, Relaxed);
        if !self.delay.is_zero() {
            sleep(self.delay).await;
        }
    }

    /// So many bytes go over, behind those that are under way.
    async fn carry(&self, bytes: u64, way: usize) {
        [&self.up, &self.down][way].fetch_add(bytes, Relaxed);
        if self.rate == 0 {
            return;
        }
        let until = {
            let mut free = self.free[way].lock().await;
            let from = free.unwrap_or_else(Instant::now).max(Instant::now());
            *free.insert(from + Duration::from_secs_f64(bytes as f64 / self.rate as f64))
        };
        sleep_until(until).await;
    }

    async fn listed(self: Arc<Self>, prefix: Option<Path>, offset: Option<Path>) -> Vec<Result<ObjectMeta>> {
        let names = match &offset {
            Some(offset) => self.inner.list_with_offset(prefix.as_ref(), offset),
            None => self.inner.list(prefix.as_ref()),
        };
        let names: Vec<Result<ObjectMeta>> = names.collect().await;
        for _ in 0..names.len().div_ceil(NAMES).max(1) {
            self.round_trip().await;
        }
        names
    }
}

/// The same, shared: listings outlive the call.
#[derive(Debug, Clone)]
pub struct Line(pub Arc<Link>);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line")
    }
}

#[async_trait]
impl ObjectStore for Line {
    async fn put_opts(&self, to: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.0.carry(payload.content_length() as u64, 0).await;
        self.0.round_trip().await;
        self.0.inner.put_opts(to, payload, options).await
    }
    async fn put_multipart_opts(&self, to: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.0.inner.put_multipart_opts(to, options).await
    }
    async fn get_opts(&self, from: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.round_trip().await;
        let got = self.0.inner.get_opts(from, options).await?;
        self.0.carry(got.range.end - got.range.start, 1).await;
        Ok(got)
    }
    fn delete_stream(&self, all: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.0.inner.delete_stream(all)
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::once(Arc::clone(&self.0).listed(prefix.cloned(), None)).flat_map(stream::iter).boxed()
    }
    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let listed = Arc::clone(&self.0).listed(prefix.cloned(), Some(offset.clone()));
        stream::once(listed).flat_map(stream::iter).boxed()
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.inner.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.inner.copy_opts(from, to, options).await
    }
}
