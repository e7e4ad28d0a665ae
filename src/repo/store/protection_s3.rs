//! What S3 can be asked beyond the seven verbs: about the bucket, about an object's lock, and to delete one version.
//!
//! Each request is signed by the client's own credentials, by address (its signature never reaches a message). Nothing
//! here asks to bypass a lock. Versions are deleted of canaries only.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use object_store::aws::AmazonS3;
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};

use super::{Store, StoreError};
use crate::repo::layout::Key;

/// How long a signed address is good for.
const GOOD_FOR: Duration = Duration::from_secs(300);
/// How often a server's own fault is asked again.
const TRIES: u32 = 3;
/// No answer about a bucket is longer.
const LONGEST: usize = 1 << 20;

/// The client of an S3 store once more, for requests of our own.
pub(super) struct RawS3 {
    /// For its credentials and addresses.
    pub s3: AmazonS3,
    /// For sending.
    pub http: HttpClient,
}

/// What the server said.
#[derive(Debug)]
pub(super) struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `x-amz-version-id`.
    pub version: Option<String>,
    /// What the headers say of a lock.
    pub lock: Option<Lock>,
    /// When the object was written.
    pub modified: Option<Timestamp>,
    /// The body.
    pub body: Bytes,
}

/// The lock of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lock {
    /// Until when.
    pub until: Timestamp,
    /// A special right lifts it.
    pub governance: bool,
}

impl RawS3 {
    async fn ask(&self, verb: &str, path: &Path, query: &[(&str, &str)]) -> object_store::Result<Answer> {
        let failed = |what: String| object_store::Error::Generic { store: "S3", source: what.into() };
        let options = SignedUrlOptions::default().with_query(query.iter().copied());
        let method = || verb.parse().map_err(|_| failed("no such verb".into()));
        let url = self.s3.signed_url_opts(method()?, path, GOOD_FOR, &options).await?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = url.as_str().parse().map_err(|_| failed("the address cannot be used".into()))?;
        *request.method_mut() = method()?;
        // An error of the client would show the signed address.
        let unsent = |e: object_store::client::HttpError| failed(format!("error sending request: {:?}", e.kind()));
        let (parts, body) = self.http.execute(request).await.map_err(unsent)?.into_parts();
        let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok());
        let lock = lock(header("x-amz-object-lock-mode"), header("x-amz-object-lock-retain-until-date"));
        let version = header("x-amz-version-id").map(str::to_owned);
        let modified = header("last-modified").and_then(|d| jiff::fmt::rfc2822::parse(d).ok()).map(|z| z.timestamp());
        let mut stream = body.bytes_stream();
        let mut kept = Vec::new();
        while let Some(piece) = stream.next().await {
            kept.extend_from_slice(&piece.map_err(unsent)?);
            if kept.len() > LONGEST {
                return Err(failed("the answer is far too long".into()));
            }
        }
        Ok(Answer { status: parts.status.as_u16(), version, lock, modified, body: kept.into() })
    }
}

fn lock(mode: Option<&str>, until: Option<&str>) -> Option<Lock> {
    Some(Lock { governance: mode? != "COMPLIANCE", until: until?.parse().ok()? })
}

impl Store {
    /// Asks the server behind an S3 store; of another kind of store nothing can be asked.
    pub(super) fn ask(&self, verb: &str, path: &Path, query: &[(&str, &str)]) -> Result<Option<Answer>, StoreError> {
        let Some(raw) = &self.raw else { return Ok(None) };
        for last in (0..TRIES).rev() {
            match self.wait("ask", 0, raw.ask(verb, path, query)) {
                Ok(answer) if answer.status >= 500 && answer.status != 501 && last > 0 => {}
                Err(e) if e.may_have_happened() && last > 0 => {}
                other => return other.map(Some),
            }
        }
        Err(StoreError::timed_out("ask", &self.address))
    }

    /// Asks about the bucket itself.
    pub(super) fn ask_bucket(&self, what: &str) -> Result<Option<Answer>, StoreError> {
        self.ask("GET", &Path::default(), &[(what, "")])
    }

    /// Until when the store shows an object as locked. `None`: it shows no lock, or cannot be asked.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub fn locked_until(&self, key: &Key) -> Result<Option<Timestamp>, StoreError> {
        let answer = self.ask("HEAD", &self.path(key), &[])?;
        Ok(answer.filter(|a| a.status == 200).and_then(|a| a.lock).map(|l| l.until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_read_whole_or_not_at_all() {
        let until: Timestamp = "2027-12-31T00:00:00Z".parse().unwrap();
        let both = |mode| lock(Some(mode), Some("2027-12-31T00:00:00.000Z"));
        assert_eq!(both("COMPLIANCE"), Some(Lock { until, governance: false }));
        assert_eq!(both("GOVERNANCE"), Some(Lock { until, governance: true }));
        // A mode that is not known may be the weaker one.
        assert_eq!(both("NEW"), Some(Lock { until, governance: true }));
        assert_eq!(lock(Some("COMPLIANCE"), None), None);
        assert_eq!(lock(Some("COMPLIANCE"), Some("soon")), None);
        assert_eq!(lock(None, Some("2027-12-31T00:00:00Z")), None);
    }
}
