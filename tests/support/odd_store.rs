//! Stores with the ways of real ones: a folder on a disk without hard links, and a store at the end of a slow line.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What is odd about it.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    /// As FAT: a file is put in its place by renaming it, which overwrites; linking it there is refused by the kernel.
    NoLinks,
    /// A content goes over the line in so many pieces, each of which takes so long.
    Line { pieces: usize, each: Duration },
}

/// Any store, with such a way.
#[derive(Debug)]
pub struct Odd(pub Arc<dyn ObjectStore>, pub Way);

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("odd")
    }
}

#[async_trait]
impl ObjectStore for Odd {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        match self.1 {
            // The kernel's own word for it is EPERM.
            Way::NoLinks if options.mode == PutMode::Create => {
                let source = std::io::Error::from_raw_os_error(1).into();
                return Err(Error::Generic { store: "LocalFileSystem", source });
            }
            Way::NoLinks => {}
            Way::Line { pieces, each } => tokio::time::sleep(each * pieces as u32).await,
        }
        self.0.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(&self, to: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(to, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let answer = self.0.get_opts(location, options).await?;
        let Way::Line { pieces, each } = self.1 else { return Ok(answer) };
        let (meta, range) = (answer.meta.clone(), answer.range.clone());
        let (attributes, extensions) = (answer.attributes.clone(), answer.extensions.clone());
        let bytes = answer.bytes().await?;
        let size = bytes.len().div_ceil(pieces).max(1);
        let parts: Vec<Bytes> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
        let slowly = stream::iter(parts).then(move |part| async move {
            tokio::time::sleep(each).await;
            Ok(part)
        });
        Ok(GetResult { payload: GetResultPayload::Stream(slowly.boxed()), meta, range, attributes, extensions })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}
