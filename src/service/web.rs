//! The one door to reqwest: messages to a webhook, and pings to a service that expects one.
//!
//! Addresses are secrets and stand in no error. Never in clear off this computer, never to where an answer points, never
//! longer than the whole time-out, and never more read than a line's worth. What is sent has fixed fields only.

use std::net::IpAddr;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, USER_AGENT};
use reqwest::{Client, Method, Response, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::runtime::Handle;
use url::{Host, Url};

use crate::domain::clock::Clock;
use crate::service::mail::{Accepted, Mailer, SendError, said};
use crate::service::outbox::Outgoing;
use crate::service::plain::Plain;
use crate::service::words::{NoticeKind, Reference, Role};

/// So much of an answer is read, to be shown.
const MOST_READ: usize = 2048;
/// And for no longer than this: the first line has said what became of the message.
const LONGEST_READ: Duration = Duration::from_secs(2);
/// Shorter parts of an address are no secrets.
const SECRET: usize = 6;
/// In case the runtime itself is stuck.
const GRACE: Duration = Duration::from_secs(5);

/// Why it was not taken, in a technician's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// A definite no.
    #[error("the server refused it ({status}{words}); check the address and what that service expects")]
    Refused {
        /// The status code.
        status: u16,
        /// `: ` and the server's words, or nothing.
        words: String,
    },
    /// Not now.
    #[error("the server cannot take it now ({status}{words})")]
    Temporary {
        /// The status code.
        status: u16,
        /// `: ` and the server's words, or nothing.
        words: String,
    },
    /// It points elsewhere, where a message must not go unseen.
    #[error("the server points to another address ({status}), which is never followed; give the final address")]
    Elsewhere {
        /// The status code.
        status: u16,
    },
    /// No connection, or none that is protected.
    #[error("the server cannot be reached ({reason}); check the address, network, proxy and certificate")]
    Unreachable {
        /// In the library's words.
        reason: String,
    },
    /// Silence.
    #[error("the server did not answer within {seconds} seconds; check the address and firewall")]
    TimedOut {
        /// How long we waited.
        seconds: u64,
    },
    /// The settings themselves cannot be used.
    #[error("its settings cannot be used: {reason}")]
    Settings {
        /// What is wrong.
        reason: String,
    },
}

impl WebError {
    /// One word for the journal.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Temporary { .. } => "temporary",
            Self::Elsewhere { .. } => "elsewhere",
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "timed-out",
            Self::Settings { .. } => "settings",
        }
    }

    /// Whether the next message would meet the same fate.
    pub fn is_about_the_server(&self) -> bool {
        !matches!(self, Self::Refused { .. } | Self::Temporary { .. })
    }
}

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// For a connection.
    pub connect: Duration,
    /// For all of it.
    pub whole: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), whole: Duration::from_secs(30) }
    }
}

/// One address, and the way there.
struct Door {
    client: Client,
    url: Url,
    handle: Handle,
    waits: Waits,
}

impl Door {
    fn new(url: &SecretString, handle: Handle, waits: Waits) -> Result<Self, SendError> {
        let (url, here) = checked(url.expose_secret())?;
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(waits.connect)
            .timeout(waits.whole)
            .https_only(!here);
        // What goes to this computer must not go to a proxy first, in clear.
        if here {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|e| unusable(&words_of(e)))?;
        Ok(Self { client, url, handle, waits })
    }

    fn ask(&self, method: Method, url: Url, body: Option<String>) -> Result<Accepted, SendError> {
        let secrets = secrets_of(&url);
        let mut request = self.client.request(method, url).header(USER_AGENT, "strongroom");
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let (done, wait) = mpsc::sync_channel(1);
        let whole = self.waits.whole;
        self.handle.spawn(async move {
            let _ = done.send(tokio::time::timeout(whole, answer(request)).await);
        });
        let late = WebError::TimedOut { seconds: whole.as_secs() };
        match wait.recv_timeout(whole + GRACE) {
            Ok(Ok(Ok((status, read)))) => judged(status, &harmless(&read, &secrets)),
            Ok(Ok(Err(error))) if error.is_timeout() => Err(late.into()),
            Ok(Ok(Err(error))) => Err(WebError::Unreachable { reason: words_of(error) }.into()),
            Ok(Err(_)) | Err(_) => Err(late.into()),
        }
    }
}

/// Status and first words. What comes after the head says nothing any more of what became of the message.
async fn answer(request: reqwest::RequestBuilder) -> Result<(u16, String), reqwest::Error> {
    let mut response = request.send().await?;
    let status = response.status().as_u16();
    let mut read = Vec::new();
    let _ = tokio::time::timeout(LONGEST_READ, fill(&mut response, &mut read)).await;
    Ok((status, String::from_utf8_lossy(&read).into_owned()))
}

async fn fill(response: &mut Response, read: &mut Vec<u8>) {
    while let Ok(Some(bytes)) = response.chunk().await {
        let room = MOST_READ.saturating_sub(read.len());
        read.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if read.len() >= MOST_READ {
            return;
        }
    }
}

/// What of an address may be a password: parts of its path, names and values of its query, and what is logged in with;
/// as they stand there and as they are meant.
fn secrets_of(url: &Url) -> Vec<String> {
    let parts = url.path().split('/').chain(url.query().unwrap_or_default().split(['&', '=']));
    let parts = parts.chain([url.username(), url.password().unwrap_or_default()]).flat_map(|part| {
        let spaced = part.replace('+', "%2B");
        let meant: String = url::form_urlencoded::parse(spaced.as_bytes()).map(|(a, b)| format!("{a}{b}")).collect();
        [part.to_lowercase(), part.replace('+', " ").to_lowercase(), meant.to_lowercase()]
    });
    parts.filter(|part| part.chars().count() >= SECRET).collect()
}

/// The server's first words, or none if it repeats what may be a secret.
fn harmless(read: &str, secrets: &[String]) -> String {
    let words = said(read);
    let shows = |text: &str| {
        let text = text.to_lowercase();
        secrets.iter().any(|s| text.contains(s))
    };
    if shows(read) || shows(&words) { String::new() } else { words }
}

fn judged(status: u16, words: &str) -> Result<Accepted, SendError> {
    let after = if words.is_empty() { String::new() } else { format!(": {words}") };
    match status {
        200..=299 => Ok(Accepted { reply: format!("{status}{after}") }),
        300..=399 => Err(WebError::Elsewhere { status }.into()),
        408 | 425 | 429 | 500..=599 => Err(WebError::Temporary { status, words: after }.into()),
        _ => Err(WebError::Refused { status, words: after }.into()),
    }
}

/// The address, and whether it is on this very computer.
fn checked(text: &str) -> Result<(Url, bool), SendError> {
    let mut url = Url::parse(text.trim()).map_err(|_| unusable("what is there is no address"))?;
    let here = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        // `localhost` is not looked up: a name can lead anywhere.
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => return Err(unusable("what is there is no address")),
    };
    match url.scheme() {
        "https" => Ok((url, false)),
        "http" if here => {
            if matches!(url.host(), Some(Host::Domain(_))) {
                let plain = url.set_ip_host(IpAddr::from([127, 0, 0, 1]));
                plain.map_err(|()| unusable("what is there is no address"))?;
            }
            Ok((url, true))
        }
        _ => Err(unusable("the address must begin with https:// (http:// to this computer itself only)")),
    }
}

fn unusable(reason: &str) -> SendError {
    WebError::Settings { reason: reason.to_owned() }.into()
}

/// What the library says, down to the cause, and never the address.
fn words_of(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        words = inner.to_string();
        source = inner.source();
    }
    said(&words)
}

/// Hands messages to a service as JSON.
pub struct Webhook {
    door: Door,
    council: Plain,
    clock: Arc<dyn Clock>,
}

/// All that ever leaves by a webhook.
#[derive(Serialize)]
struct Fields<'a> {
    version: u8,
    /// The same message sent again after a crash has the same.
    id: &'a str,
    council: &'a str,
    reference: Option<&'a Reference>,
    kind: NoticeKind,
    severity: &'static str,
    role: Role,
    subject: &'a str,
    text: &'a str,
    decided_at: Timestamp,
    sent_at: Timestamp,
}

impl Webhook {
    /// Checks the address; connects to nothing. The runtime must be driven by other threads than the one that sends.
    ///
    /// # Errors
    /// [`WebError::Settings`] says what cannot be used.
    pub fn new(
        url: &SecretString,
        council: Plain,
        clock: Arc<dyn Clock>,
        handle: Handle,
        waits: Waits,
    ) -> Result<Self, SendError> {
        Ok(Self { door: Door::new(url, handle, waits)?, council, clock })
    }

    /// What leaves for a message.
    ///
    /// # Errors
    /// None that is known.
    pub fn body(council: &Plain, out: &Outgoing, sent_at: Timestamp) -> Result<String, SendError> {
        let fields = Fields {
            version: 1,
            id: &out.id,
            council: council.as_str(),
            reference: out.reference.as_ref(),
            kind: out.notice,
            severity: severity(out.notice),
            role: out.to,
            subject: &out.subject,
            text: &out.body,
            decided_at: out.created,
            sent_at,
        };
        serde_json::to_string(&fields).map_err(|e| unusable(&e.to_string()))
    }
}

impl Mailer for Webhook {
    fn send(&self, out: &Outgoing) -> Result<Accepted, SendError> {
        let body = Self::body(&self.council, out, self.clock.now())?;
        self.door.ask(Method::POST, self.door.url.clone(), Some(body))
    }
}

fn severity(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Failure | NoticeKind::Reminder => "problem",
        NoticeKind::WorkingAgain | NoticeKind::Resolved | NoticeKind::NotConfigured => "over",
        NoticeKind::Test | NoticeKind::Retention | NoticeKind::Weekly | NoticeKind::Contacts => "information",
    }
}

/// What a ping says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// The whole job begins.
    Start,
    /// It ended well.
    Success,
    /// It did not.
    Fail,
}

/// Pings a service that raises the alarm when it hears nothing.
pub struct Ping {
    door: Door,
}

impl Ping {
    /// Checks the address; connects to nothing.
    ///
    /// # Errors
    /// [`WebError::Settings`] says what cannot be used.
    pub fn new(url: &SecretString, handle: Handle, waits: Waits) -> Result<Self, SendError> {
        Ok(Self { door: Door::new(url, handle, waits)? })
    }

    /// Says it once. Nothing of it is kept or tried again: a ping that is late says that a run of yesterday has just
    /// ended, and its absence is what the service is there to notice.
    ///
    /// # Errors
    /// The service has not taken it, as far as we know.
    pub fn send(&self, signal: Signal) -> Result<Accepted, SendError> {
        let mut url = self.door.url.clone();
        let tail = match signal {
            Signal::Success => "",
            Signal::Start => "/start",
            Signal::Fail => "/fail",
        };
        url.set_path(&format!("{}{tail}", self.door.url.path().trim_end_matches('/')));
        self.door.ask(Method::GET, url, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_protected_or_on_this_computer_and_stand_in_no_error() {
        for (good, here) in [
            ("https://hook.example.org/x", false),
            ("https://127.0.0.1/x", false),
            ("http://127.0.0.1:8/x", true),
            ("http://[::1]:8/x", true),
        ] {
            assert_eq!(checked(good).unwrap().1, here, "{good}");
        }
        assert_eq!(checked("http://localhost:8/x").unwrap().0.as_str(), "http://127.0.0.1:8/x");
        for bad in [
            "http://hook.example.org/hunter2",
            "http://127.0.0.1.example.org/hunter2",
            "http://10.0.0.1/hunter2",
            "ftp://127.0.0.1/hunter2",
            "file:///hunter2",
            "hunter2",
            "https:///",
        ] {
            let error = checked(bad).unwrap_err().to_string();
            assert!(error.starts_with("its settings cannot be used") && !error.contains("hunter2"), "{error}");
        }
    }
}
