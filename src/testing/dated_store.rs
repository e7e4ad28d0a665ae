//! An object store whose own clock is in the hands of a test: what it holds is dated by that clock, as it reads when
//! the object lands. Years can pass for it, and for the machines that ask it what time it is.

use super::clock::FakeClock;
use crate::domain::clock::Clock;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Any store, dated by a clock of one's own. Clones share the dates.
#[derive(Clone)]
pub struct DatedStore {
    inner: Arc<dyn ObjectStore>,
    clock: FakeClock,
    dates: Arc<Mutex<HashMap<Path, DateTime<Utc>>>>,
}

impl DatedStore {
    /// What `inner` holds already keeps its own dates.
    pub fn new(inner: Arc<dyn ObjectStore>, clock: FakeClock) -> Self {
        DatedStore { inner, clock, dates: Arc::default() }
    }

    fn dates(&self) -> MutexGuard<'_, HashMap<Path, DateTime<Utc>>> {
        self.dates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn landed(&self, location: &Path) {
        let now = self.clock.now();
        let now = DateTime::from_timestamp(now.as_second(), 0).unwrap_or_default();
        self.dates().insert(location.clone(), now);
    }

    fn dated(&self, mut meta: ObjectMeta) -> ObjectMeta {
        meta.last_modified = self.dates().get(&meta.location).copied().unwrap_or(meta.last_modified);
        meta
    }
}

#[async_trait]
impl ObjectStore for DatedStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let put = self.inner.put_opts(location, payload, options).await?;
        self.landed(location);
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let mut answer = self.inner.get_opts(location, options).await?;
        answer.meta = self.dated(answer.meta);
        Ok(answer)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let inner = Arc::clone(&self.inner);
        let one = move |location: Result<Path>| {
            let inner = Arc::clone(&inner);
            async move {
                let location = location?;
                inner.delete(&location).await.map(|()| location)
            }
        };
        locations.then(one).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let this = self.clone();
        self.inner.list(prefix).map(move |meta| meta.map(|meta| this.dated(meta))).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut all = self.inner.list_with_delimiter(prefix).await?;
        all.objects = all.objects.into_iter().map(|meta| self.dated(meta)).collect();
        Ok(all)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await?;
        self.landed(to);
        Ok(())
    }
}

impl fmt::Debug for DatedStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "DatedStore({})", self.inner)
    }
}

impl fmt::Display for DatedStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}, dated", self.inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    #[tokio::test]
    async fn objects_are_dated_by_the_clock_in_hand_when_they_land() {
        let clock = FakeClock::reading("2031-03-01T00:00:00Z");
        let store = DatedStore::new(Arc::new(InMemory::new()), clock.clone());
        let (one, two) = (Path::from("a/one"), Path::from("a/two"));
        store.put(&one, "1".into()).await.unwrap();
        clock.advance_days(400);
        store.put(&two, "2".into()).await.unwrap();
        let date = |meta: ObjectMeta| meta.last_modified.to_rfc3339();
        assert_eq!(date(store.head(&one).await.unwrap()), "2031-03-01T00:00:00+00:00");
        let listed: Vec<_> = store.list(None).map(|meta| date(meta.unwrap())).collect().await;
        assert_eq!(listed, ["2031-03-01T00:00:00+00:00", "2032-04-04T00:00:00+00:00"]);
        store.delete(&one).await.unwrap();
        store.put(&one, "3".into()).await.unwrap();
        assert_eq!(date(store.get(&one).await.unwrap().meta), "2032-04-04T00:00:00+00:00");
    }
}
