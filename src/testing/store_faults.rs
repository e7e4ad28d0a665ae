//! An object store that does what a [`Plan`] says goes wrong, over any real one; it also writes down every
//! call, so that a test can say how many requests a job may make. Calls are numbered in the order they start.
//! Multipart uploads can fail only when they are opened.

use super::fault_plan::{Fault, Plan, Verb};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a stalled call gives no answer: longer than any patience a caller should have.
pub const STALL: Duration = Duration::from_secs(3600);

/// The adversarial store. Clones share their count, their record and their fate.
#[derive(Clone)]
pub struct FaultStore {
    inner: Arc<dyn ObjectStore>,
    run: Arc<Mutex<Run>>,
}

#[derive(Default)]
struct Run {
    plan: Plan,
    record: Vec<String>,
    verbs: Vec<Verb>,
    injected: Vec<(usize, Fault)>,
    stopped: bool,
    late: Vec<(usize, Late)>,
    pause: Option<(usize, Pausing)>,
}

/// The caller's end of a pause.
type Pausing = (std::sync::mpsc::Sender<()>, tokio::sync::oneshot::Receiver<()>);

/// A call that waits until a test lets it go on.
pub struct Pause {
    reached: std::sync::mpsc::Receiver<()>,
    go: tokio::sync::oneshot::Sender<()>,
}

impl Pause {
    /// Waits until the call is reached; `false` when it never will be, because [`FaultStore::no_pause`] took it back.
    pub fn reached(&self) -> bool {
        self.reached.recv().is_ok()
    }

    /// Lets the call go on.
    pub fn go(self) {
        let _gone = self.go.send(());
    }
}

/// A request that was answered with an error and is still on its way.
enum Late {
    Put(Path, PutPayload, PutOptions),
    Delete(Path),
}

impl FaultStore {
    /// Wraps `inner`; call number 0 is the next one.
    pub fn new(inner: Arc<dyn ObjectStore>, plan: Plan) -> Self {
        FaultStore { inner, run: Arc::new(Mutex::new(Run { plan, ..Run::default() })) }
    }

    /// Starts again as a new process would, with a new plan: counts from 0, remembers nothing, is not stopped.
    /// Requests still under way stay so, and land at the first call if they were not yet due.
    pub fn restart(&self, plan: Plan) {
        let mut run = self.run();
        let late = std::mem::take(&mut run.late).into_iter().map(|(_, late)| (0, late)).collect();
        *run = Run { plan, late, ..Run::default() };
    }

    /// The call with this number waits, before anything else happens to it, until the test lets it go.
    pub fn pause_at(&self, call: usize) -> Pause {
        let (tell, reached) = std::sync::mpsc::channel();
        let (go, wait) = tokio::sync::oneshot::channel();
        self.run().pause = Some((call, (tell, wait)));
        Pause { reached, go }
    }

    /// No call waits any more.
    pub fn no_pause(&self) {
        self.run().pause = None;
    }

    /// How many calls were made, refused ones included.
    pub fn calls(&self) -> usize {
        self.run().record.len()
    }

    /// Every call in order, such as `create log/0000000003.age 512`, `get a bytes=0-9`, `list log`.
    pub fn record(&self) -> Vec<String> {
        self.run().record.clone()
    }

    /// The kinds of all calls in order.
    pub fn verbs(&self) -> Vec<Verb> {
        self.run().verbs.clone()
    }

    /// The recorded calls that begin with `beginning`.
    pub fn count(&self, beginning: &str) -> usize {
        self.run().record.iter().filter(|call| call.starts_with(beginning)).count()
    }

    /// The faults that took effect, by number of call.
    pub fn injected(&self) -> Vec<(usize, Fault)> {
        self.run().injected.clone()
    }

    /// The process "dies" between two calls: every later call fails.
    pub fn stop(&self) {
        self.run().stopped = true;
    }

    /// Whether the process "died".
    pub fn stopped(&self) -> bool {
        self.run().stopped
    }

    fn run(&self) -> MutexGuard<'_, Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers and records a call, lets late requests land, and does what must happen before the effect.
    async fn begin(&self, verb: Verb, location: &Path, words: String) -> Result<(usize, Option<Fault>)> {
        self.wait_if_paused().await;
        let (call, fault, due) = {
            let mut run = self.run();
            let call = run.record.len();
            run.record.push(words);
            run.verbs.push(verb);
            if run.stopped {
                return Err(failure("the process has stopped"));
            }
            let fault = run.plan.fault_of(call, verb, location.as_ref());
            run.injected.extend(fault.map(|fault| (call, fault)));
            run.stopped = fault == Some(Fault::StopBefore);
            let (due, late) = std::mem::take(&mut run.late).into_iter().partition(|(when, _)| *when <= call);
            run.late = late;
            (call, fault, due)
        };
        self.land(due).await;
        match fault {
            Some(Fault::StopBefore) => Err(failure("the process stops before the call")),
            Some(Fault::FailBefore) => Err(failure("the call failed, without effect")),
            Some(Fault::Conflict) => Err(already_exists(location)),
            Some(Fault::NotFound) => Err(not_found(location)),
            Some(Fault::RefuseHead) => Err(denied(location)),
            Some(Fault::StallBefore) => {
                tokio::time::sleep(STALL).await;
                Ok((call, fault))
            }
            _ => Ok((call, fault)),
        }
    }

    /// The next call is the one that a test wants to hold.
    async fn wait_if_paused(&self) {
        let pause = {
            let mut run = self.run();
            let now = run.record.len();
            run.pause.take_if(|(call, _)| *call <= now)
        };
        if let Some((_, (reached, go))) = pause {
            let _nobody = reached.send(());
            let _gone = go.await;
        }
    }

    /// What the caller hears after the effect.
    async fn end<T>(&self, fault: Option<Fault>, location: &Path, result: Result<T>) -> Result<T> {
        match fault {
            Some(Fault::StopAfter) => self.run().stopped = true,
            Some(Fault::FailAfter) => return Err(failure("the call failed, though it had its effect")),
            Some(Fault::AlreadyExists) => return Err(already_exists(location)),
            Some(Fault::StallAfter) => tokio::time::sleep(STALL).await,
            _ => {}
        }
        if self.stopped() { Err(failure("the process stopped during the call")) } else { result }
    }

    /// Late requests take effect; nobody hears their answers.
    async fn land(&self, due: Vec<(usize, Late)>) {
        for (_, late) in due {
            let _unheard = match late {
                Late::Put(location, payload, options) => {
                    self.inner.put_opts(&location, payload, options).await.map(|_| ())
                }
                Late::Delete(location) => self.inner.delete(&location).await,
            };
        }
    }

    /// Keeps a request for later if the fault says so; the caller hears of an error.
    fn hold_back(&self, call: usize, fault: Option<Fault>, late: impl FnOnce() -> Late) -> Result<()> {
        if let Some(Fault::LandLate(calls)) = fault {
            self.run().late.push((call + calls, late()));
            return Err(failure("no answer came in time"));
        }
        Ok(())
    }

    async fn delete_one(self, location: Path) -> Result<Path> {
        let (call, fault) = self.begin(Verb::Delete, &location, format!("delete {location}")).await?;
        self.hold_back(call, fault, || Late::Delete(location.clone()))?;
        match fault {
            Some(Fault::RefuseDelete) => return Err(denied(&location)),
            Some(Fault::DeleteInVain) => return Ok(location),
            _ => {}
        }
        let result = self.inner.delete(&location).await.map(|()| location.clone());
        self.end(fault, &location, result).await
    }

    /// All names of a listing with what goes wrong in it: an error may stand after some of them.
    async fn listed(self, prefix: Option<Path>, offset: Option<Path>) -> Result<Vec<Result<ObjectMeta>>> {
        let words = match &prefix {
            Some(prefix) => format!("list {prefix}"),
            None => "list".into(),
        };
        let nowhere = Path::default();
        let (_, fault) = self.begin(Verb::List, &nowhere, words).await?;
        let names = match &offset {
            Some(offset) => self.inner.list_with_offset(prefix.as_ref(), offset),
            None => self.inner.list(prefix.as_ref()),
        };
        let mut names: Vec<Result<ObjectMeta>> = names.collect().await;
        match fault {
            Some(Fault::FailAfter) => {
                names.truncate(names.len() / 2);
                names.push(Err(failure("the listing failed half-way")));
                return Ok(names);
            }
            Some(Fault::EmptyList) => names.clear(),
            Some(Fault::DropFromList(every)) => {
                let mut place = 0;
                names.retain(|_| {
                    place += 1;
                    (place - 1) % every.max(1) != 0
                });
            }
            _ => {}
        }
        self.end(fault, &nowhere, Ok(names)).await
    }

    fn list_stream(&self, prefix: Option<&Path>, offset: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let listed = self.clone().listed(prefix.cloned(), offset.cloned());
        stream::once(listed).map_ok(stream::iter).try_flatten().boxed()
    }
}

fn failure(words: &'static str) -> Error {
    Error::Generic { store: "fault store", source: words.into() }
}

fn already_exists(location: &Path) -> Error {
    Error::AlreadyExists { path: location.to_string(), source: "said by the fault store".into() }
}

fn denied(location: &Path) -> Error {
    Error::PermissionDenied { path: location.to_string(), source: "refused by the fault store".into() }
}

fn not_found(location: &Path) -> Error {
    Error::NotFound { path: location.to_string(), source: "said by the fault store".into() }
}

/// The same answer with its body altered, and its lengths with it.
async fn damaged(answer: GetResult, fault: Fault) -> Result<GetResult> {
    let (meta, range, attributes, extensions) =
        (answer.meta.clone(), answer.range.clone(), answer.attributes.clone(), answer.extensions.clone());
    let mut body = answer.bytes().await?.to_vec();
    let whole = body.len() as u64;
    match fault {
        Fault::FlipBit(bit) if whole > 0 => body[(bit / 8 % whole) as usize] ^= 1 << (bit % 8),
        Fault::Truncate(keep) => body.truncate(keep.min(whole.saturating_sub(1)) as usize),
        _ => {}
    }
    let lost = whole - body.len() as u64;
    Ok(GetResult {
        payload: GetResultPayload::Stream(stream::iter([Ok(Bytes::from(body))]).boxed()),
        meta: ObjectMeta { size: meta.size - lost, ..meta },
        range: range.start..range.end - lost,
        attributes,
        extensions,
    })
}

#[async_trait]
impl ObjectStore for FaultStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        let verb = if options.mode == PutMode::Create { Verb::Create } else { Verb::Put };
        let name = if verb == Verb::Create { "create" } else { "put" };
        let words = format!("{name} {location} {}", payload.content_length());
        let (call, fault) = self.begin(verb, location, words).await?;
        if fault == Some(Fault::IgnorePrecondition) {
            options.mode = PutMode::Overwrite;
        }
        self.hold_back(call, fault, || Late::Put(location.clone(), payload.clone(), options.clone()))?;
        let result = self.inner.put_opts(location, payload, options).await;
        self.end(fault, location, result).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let (_, fault) = self.begin(Verb::Copy, location, format!("multipart {location}")).await?;
        let result = self.inner.put_multipart_opts(location, options).await;
        self.end(fault, location, result).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let (verb, words) = match &options.range {
            _ if options.head => (Verb::Head, format!("head {location}")),
            Some(range) => (Verb::Get, format!("get {location} {range}")),
            None => (Verb::Get, format!("get {location}")),
        };
        let (_, fault) = self.begin(verb, location, words).await?;
        let result = match (self.inner.get_opts(location, options).await, fault) {
            (Ok(answer), Some(fault @ (Fault::FlipBit(_) | Fault::Truncate(_)))) => damaged(answer, fault).await,
            (result, _) => result,
        };
        self.end(fault, location, result).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        locations.and_then(move |location| store.clone().delete_one(location)).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.list_stream(prefix, None)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.list_stream(prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let nowhere = Path::default();
        let words = format!("list-folder {}", prefix.unwrap_or(&nowhere));
        let (_, fault) = self.begin(Verb::List, &nowhere, words).await?;
        let mut result = self.inner.list_with_delimiter(prefix).await;
        if let (Ok(listed), Some(Fault::EmptyList)) = (&mut result, fault) {
            listed.objects.clear();
            listed.common_prefixes.clear();
        }
        self.end(fault, &nowhere, result).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let (_, fault) = self.begin(Verb::Copy, to, format!("copy {from} {to}")).await?;
        let result = self.inner.copy_opts(from, to, options).await;
        self.end(fault, to, result).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let (_, fault) = self.begin(Verb::Copy, to, format!("rename {from} {to}")).await?;
        let result = self.inner.rename_opts(from, to, options).await;
        self.end(fault, to, result).await
    }
}

impl fmt::Debug for FaultStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "FaultStore({})", self.inner)
    }
}

impl fmt::Display for FaultStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} with faults", self.inner)
    }
}

#[cfg(test)]
#[path = "store_faults_tests.rs"]
mod tests;
