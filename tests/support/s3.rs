//! An S3 server inside the test process that checks every signature, on a port of its own.
//! One folder is one bucket. It has its own thread and runtime, and ends with the value.

use futures::future::{Either, select};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::dto::*;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use trouble::{Moment, Trouble};

#[path = "trouble.rs"]
mod trouble;

pub const ACCESS_KEY: &str = "test-access";
pub const SECRET_KEY: &str = "test-secret-key";
/// The key id of one who may list and read; the secret is the same.
pub const READER: &str = "test-reader";
pub const BUCKET: &str = "bucket";

/// Every request as it came: its method, and path and query as sent.
pub type Asked = Arc<Mutex<Vec<String>>>;

/// Nobody without a key does anything, and the reader only reads.
struct Rights(Asked);

#[async_trait::async_trait]
impl S3Access for Rights {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        self.0.lock().unwrap().push(format!("{} {}", cx.method(), cx.uri()));
        let reads = ["GET", "HEAD"].contains(&cx.method().as_str());
        match cx.credentials() {
            Some(who) if who.access_key != READER || reads => Ok(()),
            _ => Err(s3_error!(AccessDenied, "no right to do this")),
        }
    }
}

/// The files of the server, with what theirs lacks: a create is tried by one at a time, and a listing shows the tags that
/// puts were answered with.
struct Fair {
    files: s3s_fs::FileSystem,
    turn: tokio::sync::Mutex<()>,
    tags: Mutex<HashMap<String, ETag>>,
    hidden: Asked,
    careless: Arc<AtomicBool>,
    trouble: Arc<Trouble>,
}

type Answer<T> = S3Result<S3Response<T>>;

impl Fair {
    /// Does what was asked, unless that is to fail before; and what fails after it was done was done.
    async fn troubled<T>(&self, work: impl Future<Output = Answer<T>> + Send) -> Answer<T> {
        let failing = || s3_error!(InternalError, "trouble of the server's own");
        match self.trouble.next() {
            None => work.await,
            Some(Moment::Before) => Err(failing()),
            Some(Moment::After) => work.await.and_then(|_| Err(failing())),
        }
    }

    async fn put(&self, mut req: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        if self.careless.load(Ordering::SeqCst) {
            req.input.if_none_match = None;
        }
        let (_one, key) = (self.turn.lock().await, req.input.key.clone());
        let put = self.files.put_object(req).await?;
        if let Some(tag) = &put.output.e_tag {
            self.tags.lock().unwrap().insert(key, tag.clone());
        }
        Ok(put)
    }

    async fn list(&self, req: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
        let mut listed = self.files.list_objects_v2(req).await?;
        let hidden = self.hidden.lock().unwrap();
        for objects in listed.output.contents.iter_mut() {
            objects.retain(|o| !o.key.as_ref().is_some_and(|key| hidden.iter().any(|end| key.ends_with(end))));
        }
        let tags = self.tags.lock().unwrap();
        for object in listed.output.contents.iter_mut().flatten() {
            object.e_tag = object.key.as_ref().and_then(|key| tags.get(key).cloned());
        }
        Ok(listed)
    }
}

#[async_trait::async_trait]
impl S3 for Fair {
    async fn put_object(&self, req: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        self.troubled(self.put(req)).await
    }
    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
        self.troubled(self.list(req)).await
    }
    async fn get_object(&self, req: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        self.troubled(self.files.get_object(req)).await
    }
    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        self.troubled(self.files.head_object(req)).await
    }
    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        self.troubled(self.files.delete_object(req)).await
    }
    async fn delete_objects(&self, req: S3Request<DeleteObjectsInput>) -> Answer<DeleteObjectsOutput> {
        self.troubled(self.files.delete_objects(req)).await
    }
}

/// A running server with one empty bucket.
pub struct S3Server {
    pub folder: PathBuf,
    /// What was asked of it.
    pub asked: Asked,
    /// Listings leave out what ends so, as those of a store do that is slow to list what is there.
    pub hidden: Asked,
    /// It overwrites whatever a client says.
    pub careless: Arc<AtomicBool>,
    /// It fails now and then, if it is told to.
    pub trouble: Arc<Trouble>,
    _own: Option<TempDir>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl S3Server {
    pub fn start() -> Self {
        let own = TempDir::new().unwrap();
        Self::at(own.path().to_owned(), Some(own))
    }

    /// As [`S3Server::start`], over a folder that stays.
    pub fn on(folder: PathBuf) -> Self {
        Self::at(folder, None)
    }

    fn at(folder: PathBuf, own: Option<TempDir>) -> Self {
        std::fs::create_dir_all(folder.join(BUCKET)).unwrap();
        let (asked, hidden, careless) = (Asked::default(), Asked::default(), Arc::default());
        let trouble = Arc::<Trouble>::default();
        let mut builder = S3ServiceBuilder::new(Fair {
            files: s3s_fs::FileSystem::new(&folder).unwrap(),
            turn: tokio::sync::Mutex::default(),
            tags: Mutex::default(),
            hidden: Arc::clone(&hidden),
            careless: Arc::clone(&careless),
            trouble: Arc::clone(&trouble),
        });
        let mut keys = SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY);
        keys.register(READER.into(), SECRET_KEY.into());
        builder.set_auth(keys);
        builder.set_access(Rights(Arc::clone(&asked)));
        let service = builder.build();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(serve(listener, service, stopped));
            runtime.shutdown_background();
        });
        S3Server {
            folder,
            asked,
            hidden,
            careless,
            trouble,
            _own: own,
            address,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the S3 server panicked");
        }
    }
}

async fn serve(listener: std::net::TcpListener, service: S3Service, mut stopped: oneshot::Receiver<()>) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let Either::Left((accepted, _)) = select(pin!(listener.accept()), &mut stopped).await else { return };
        let (stream, _) = accepted.unwrap();
        let service = service.clone();
        tokio::spawn(async move {
            // A client that goes away in the middle is no matter of the server's.
            let _gone = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
