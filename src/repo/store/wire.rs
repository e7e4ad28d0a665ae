//! How requests go over the line: bodies in small pieces, at their pace, and given up when nothing moves any more.
//!
//! How long a transfer takes in all says nothing: a line may be slow, and a limit makes it so. What counts is that
//! something moved lately.

use std::error::Error;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use http_body_util::BodyExt;
use object_store::client::{
    ClientConfigKey, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};
use object_store::{ClientOptions, HeaderMap};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::pace::Pace;
use super::{REQUEST_PATIENCE, SLOWEST_LINK};

/// A body's bytes are handed on in pieces of this size where nothing limits them.
const PIECE: usize = 256 << 10;
/// What this computer may hold back of what was handed on: it moves on without our seeing it.
const SENDING: u64 = 4 << 20;
/// Time for a server to be there at all.
const CONNECT: Duration = Duration::from_secs(10);

/// Makes the clients of one store; all share its pace.
#[derive(Debug, Clone, Default)]
pub(super) struct Wire {
    /// Of what is sent.
    pub up: Option<Pace>,
    /// Said with every request.
    pub headers: HeaderMap,
}

impl HttpConnector for Wire {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let plain = options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|v| v == "true");
        let built = reqwest::Client::builder()
            .user_agent(concat!("strongroom/", env!("CARGO_PKG_VERSION")))
            .default_headers(self.headers.clone())
            .connect_timeout(CONNECT)
            .http1_only()
            .https_only(!plain)
            .build();
        let client = built.map_err(|e| object_store::Error::Generic { store: "HTTP client", source: Box::new(e) })?;
        Ok(HttpClient::new(Line { client, up: self.up.clone() }))
    }
}

#[derive(Debug)]
struct Line {
    client: reqwest::Client,
    up: Option<Pace>,
}

/// When something moved last, and how much in all.
#[derive(Clone)]
struct Moved(Arc<Mutex<(Instant, u64)>>);

impl Moved {
    fn now() -> Self {
        Self(Arc::new(Mutex::new((Instant::now(), 0))))
    }

    /// So many bytes move after so long.
    fn after(&self, span: Duration, bytes: usize) {
        let mut moved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *moved = (Instant::now() + span, moved.1 + bytes as u64);
    }

    /// When it is too long ago.
    fn due(&self) -> Instant {
        let (last, bytes) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last + REQUEST_PATIENCE + Duration::from_secs(bytes.min(SENDING) / SLOWEST_LINK)
    }
}

/// Nothing moved for too long.
#[derive(Debug, thiserror::Error)]
#[error("timed out: the store does not answer any more")]
struct Silent;

impl HttpService for Line {
    // What the trait's own macro makes of `async fn call`.
    fn call<'a, 'f>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'f>>
    where
        'a: 'f,
        Self: 'f,
    {
        Box::pin(self.send(request))
    }
}

impl Line {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).map_err(|e| HttpError::new(HttpErrorKind::Request, e))?;
        let mut out = reqwest::Request::new(parts.method, url);
        *out.headers_mut() = parts.headers;
        let moved = Moved::now();
        // Only objects come in parts; what is asked of a bucket is small and in one.
        *out.body_mut() = Some(match body.as_bytes() {
            Some(bytes) => bytes.clone().into(),
            None => reqwest::Body::wrap_stream(pieces(body, self.up.clone(), moved.clone())),
        });
        let mut answer = pin!(self.client.execute(out));
        loop {
            let due = moved.due();
            match timeout_at(due, answer.as_mut()).await {
                Ok(answer) => return answer.map(into_response).map_err(in_kind),
                Err(_) if moved.due() > due => {}
                Err(_) => return Err(HttpError::new(HttpErrorKind::Timeout, Silent)),
            }
        }
    }
}

fn into_response(answer: reqwest::Response) -> HttpResponse {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = reqwest::Body::from(answer).map_err(in_kind);
    let mut response = HttpResponse::new(HttpResponseBody::new(body));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    response
}

/// A body in pieces, each at its time.
fn pieces(body: HttpRequestBody, up: Option<Pace>, moved: Moved) -> impl Stream<Item = Result<Bytes, HttpError>> {
    let most = up.as_ref().map_or(PIECE, Pace::piece);
    let cut = body.into_data_stream().flat_map(move |part| stream::iter(cut(part, most)));
    cut.then(move |piece| {
        let (up, moved) = (up.clone(), moved.clone());
        async move {
            let bytes = piece.as_ref().map_or(0, Bytes::len);
            let span = up.as_ref().map_or(Duration::ZERO, |up| up.turn(bytes));
            moved.after(span, bytes);
            if let Some(up) = up {
                up.wait(span).await;
            }
            piece
        }
    })
}

fn cut(part: Result<Bytes, HttpError>, most: usize) -> Vec<Result<Bytes, HttpError>> {
    match part {
        Ok(bytes) => (0..bytes.len()).step_by(most).map(|at| Ok(bytes.slice(at..bytes.len().min(at + most)))).collect(),
        Err(e) => vec![Err(e)],
    }
}

/// What kind of failure it is decides whether the same request is sent once more.
fn in_kind(error: reqwest::Error) -> HttpError {
    let kind = if error.is_timeout() {
        HttpErrorKind::Timeout
    } else if error.is_connect() {
        HttpErrorKind::Connect
    } else if error.is_decode() {
        HttpErrorKind::Decode
    } else {
        by_cause(&error)
    };
    // The address may hold a signature.
    HttpError::new(kind, error.without_url())
}

fn by_cause(error: &reqwest::Error) -> HttpErrorKind {
    use std::io::ErrorKind as K;
    let mut cause = error.source();
    while let Some(e) = cause {
        match e.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
            Some(K::TimedOut) => return HttpErrorKind::Timeout,
            Some(K::ConnectionAborted | K::ConnectionReset | K::BrokenPipe | K::UnexpectedEof) => {
                return HttpErrorKind::Interrupted;
            }
            _ => cause = e.source(),
        }
    }
    match error.is_request() {
        true => HttpErrorKind::Request,
        false if error.is_body() => HttpErrorKind::Interrupted,
        false => HttpErrorKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::super::pace::tests::told;
    use super::*;

    /// What a body gives, and when, by a clock that moves only by waiting.
    #[test]
    fn a_body_goes_in_pieces_each_at_its_time_and_comes_whole() {
        let bytes = Bytes::from((0..1_000_000u32).flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (pace, time) = told(1 << 20);
            let body = HttpRequestBody::from(object_store::PutPayload::from(bytes.clone()));
            let mut out = pin!(pieces(body, Some(pace.clone()), Moved::now()));
            let mut came = vec![];
            while let Some(piece) = out.next().await {
                let piece = piece.unwrap();
                assert!(piece.len() <= 64 << 10);
                came.extend_from_slice(&piece);
                let allowed = (1 << 20) as f64 * (super::super::pace::Ticks::now(&*time).as_secs_f64() + 0.3);
                assert!(came.len() as f64 <= allowed, "{} too early", came.len());
            }
            assert!(came == bytes);
            // Without a limit at once, and no less whole.
            let body = HttpRequestBody::from(object_store::PutPayload::from(bytes.clone()));
            let all: Vec<Bytes> = pieces(body, None, Moved::now()).map(Result::unwrap).collect().await;
            assert_eq!(all.concat(), bytes);
            assert_eq!(all.len(), bytes.len().div_ceil(PIECE));
        });
    }

    /// However slow a limit makes it: while a piece waits for its turn nothing counts as silent.
    #[test]
    fn what_waits_for_its_turn_is_not_silent() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let moved = Moved::now();
            let before = moved.due();
            moved.after(Duration::from_secs(3600), 256);
            assert!(moved.due() >= before + Duration::from_secs(3599));
        });
    }
}
