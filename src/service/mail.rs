//! The one door to lettre: hands one notice to the council's mail server and says what became of it.
//!
//! Never in clear off this computer, never to an address that is not the provider's listed one or in the council's
//! own domains, never longer than the whole time-out, and never with this machine's name in it.

use std::net::IpAddr;
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use lettre::message::header::ContentType;
use lettre::message::{Body, Mailbox, MultiPart, SinglePart, header::ContentTransferEncoding};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;

use crate::domain::path::printable;
use crate::service::html;
use crate::service::outbox::Outgoing;
use crate::service::plain::Plain;
use crate::service::web::WebError;
use crate::service::words::Role;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// STARTTLS, and nothing is said before it has succeeded (port 587).
    StartTls,
    /// TLS from the first byte (port 465).
    Implicit,
    /// In clear, on this very computer only (port 25).
    NoneOnLoopback,
}

/// Where mail is handed in, and the only addresses it may go to.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// The mail server.
    pub host: String,
    /// Its port, where it is not the usual one.
    pub port: Option<u16>,
    /// How the connection is protected.
    pub tls: TlsMode,
    /// Extra certificates to trust, as PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// User and password, where the server wants them.
    pub login: Option<(String, SecretString)>,
    /// The sender's address.
    pub from: String,
    /// The council's own domains.
    pub domains: Vec<String>,
    /// The clerk's address.
    pub clerk: String,
    /// The deputy's address.
    pub deputy: Option<String>,
    /// The provider's listed address.
    pub provider: Option<String>,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for all of one message.
    pub send_timeout: Duration,
}

impl MailSettings {
    /// Longest wait for a connection, unless told otherwise.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
    /// Longest wait for all of one message, unless told otherwise.
    pub const SEND_TIMEOUT: Duration = Duration::from_secs(60);
}

/// Why a message was not accepted, in a technician's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// A definite no.
    #[error(
        "the mail server refused the message for good ({code} {reply}); check the sender, the recipient and the server's rules"
    )]
    Refused {
        /// The reply code.
        code: u16,
        /// The server's words.
        reply: String,
    },
    /// Not now.
    #[error("the mail server cannot take the message now ({reply}); it will be tried again")]
    Temporary {
        /// The server's words.
        reply: String,
    },
    /// No connection.
    #[error("the mail server cannot be reached ({reason}); check host, port, network and firewall")]
    Unreachable {
        /// In the system's words.
        reason: String,
    },
    /// Silence.
    #[error("the mail server did not answer within {seconds} seconds; check host, port and firewall")]
    TimedOut {
        /// How long we waited.
        seconds: u64,
    },
    /// The protection of the connection failed; nothing was sent.
    #[error(
        "no protected connection to the mail server ({reason}); check the tls setting, the server's certificate and the extra CA file"
    )]
    Tls {
        /// In the library's words.
        reason: String,
    },
    /// The server does not accept our user and password.
    #[error(
        "the mail server did not accept the user and password ({reply}); check both, and whether the server allows AUTH PLAIN or LOGIN"
    )]
    Auth {
        /// The server's words.
        reply: String,
    },
    /// Not an address this program may write to.
    #[error(
        "the address of the {role:?} is missing, or is neither in the council's domains nor the provider's listed address; correct the configuration"
    )]
    RecipientNotAllowed {
        /// Whose address.
        role: Role,
    },
    /// Another way than mail.
    #[error(transparent)]
    Web(#[from] WebError),
    /// The settings themselves cannot be used.
    #[error("the mail settings cannot be used: {reason}")]
    Settings {
        /// What is wrong.
        reason: String,
    },
}

impl SendError {
    /// One word for the journal, without the server's words.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Temporary { .. } => "temporary",
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "timed-out",
            Self::Tls { .. } => "tls",
            Self::Auth { .. } => "auth",
            Self::RecipientNotAllowed { .. } => "recipient-not-allowed",
            Self::Web(error) => error.class(),
            Self::Settings { .. } => "settings",
        }
    }

    /// Whether the next message would meet the same fate, so that trying it now is a waste of time.
    pub fn is_about_the_server(&self) -> bool {
        match self {
            Self::Web(error) => error.is_about_the_server(),
            other => !matches!(other, Self::Refused { .. } | Self::Temporary { .. } | Self::RecipientNotAllowed { .. }),
        }
    }
}

/// The server took the message and answers for it from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What it said.
    pub reply: String,
}

/// Something that can hand in a message.
pub trait Mailer: Send + Sync {
    /// Hands in one message.
    ///
    /// # Errors
    /// [`SendError`] when the server has not accepted it, as far as we know.
    fn send(&self, message: &Outgoing) -> Result<Accepted, SendError>;

    /// Why it can hand in nothing at all, where that is known beforehand.
    fn unusable(&self) -> Option<SendError> {
        None
    }
}

/// Stands for a mail server whose password, certificate or settings cannot be used: messages wait for a better
/// day, and every run says that they do not leave.
pub struct Unusable(SendError);

impl Unusable {
    /// With the reason, for the technician.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(SendError::Settings { reason: reason.into() })
    }
}

impl From<SendError> for Unusable {
    fn from(error: SendError) -> Self {
        Self(error)
    }
}

impl Mailer for Unusable {
    fn send(&self, _: &Outgoing) -> Result<Accepted, SendError> {
        Err(self.0.clone())
    }
    fn unusable(&self) -> Option<SendError> {
        Some(self.0.clone())
    }
}

/// Hands messages to a mail server.
pub struct SmtpMailer {
    settings: MailSettings,
    from: Mailbox,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    handle: Handle,
}

impl SmtpMailer {
    /// Checks the settings; connects to nothing. The runtime must be driven by other threads than the one that sends.
    ///
    /// # Errors
    /// [`SendError::Settings`] or [`SendError::Tls`] say what cannot be used.
    pub fn new(settings: MailSettings, handle: Handle) -> Result<Self, SendError> {
        let from: Address = address(&settings.from)?;
        let (tls, host, usual) = protection(&settings)?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(settings.port.unwrap_or(usual))
            .tls(tls)
            .timeout(Some(settings.connect_timeout))
            .hello_name(ClientId::Domain(from.domain().to_owned()));
        if let Some((user, password)) = &settings.login {
            builder = builder
                .credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()))
                .authentication(vec![Mechanism::Plain, Mechanism::Login]);
        }
        let from = Mailbox::new(Some(String::from("Strongroom")), from);
        Ok(Self { settings, from, transport: builder.build(), handle })
    }

    /// Connects, protects the connection and logs in, as for a message, and sends none.
    ///
    /// # Errors
    /// As [`Mailer::send`].
    pub fn try_out(&self) -> Result<(), SendError> {
        let transport = self.transport.clone();
        let refuses = || SendError::Temporary { reply: String::from("it hangs up") };
        self.within(async move { transport.test_connection().await })
            .and_then(|well| if well { Ok(()) } else { Err(refuses()) })
    }

    /// What a talk with the server comes to, within the whole time-out: lettre's own ends with the connect.
    fn within<T: Send + 'static>(
        &self,
        talk: impl Future<Output = Result<T, lettre::transport::smtp::Error>> + Send + 'static,
    ) -> Result<T, SendError> {
        let whole = self.settings.send_timeout;
        let (done, wait) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            let _ = done.send(tokio::time::timeout(whole, talk).await);
        });
        match wait.recv_timeout(whole + GRACE) {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(error))) => Err(classify(&error, self.settings.connect_timeout)),
            Ok(Err(_)) | Err(_) => Err(SendError::TimedOut { seconds: whole.as_secs() }),
        }
    }

    /// The address for a role, if it is one we may write to.
    fn recipient(&self, role: Role) -> Result<Address, SendError> {
        let refused = SendError::RecipientNotAllowed { role };
        let listed = match role {
            Role::Clerk => Some(&self.settings.clerk),
            Role::Deputy => self.settings.deputy.as_ref(),
            Role::Provider => self.settings.provider.as_ref(),
        };
        let address: Address = listed.and_then(|a| a.parse().ok()).ok_or(refused.clone())?;
        let ours = self.settings.domains.iter().any(|d| d.eq_ignore_ascii_case(address.domain()));
        if ours || role == Role::Provider { Ok(address) } else { Err(refused) }
    }

    fn message(&self, out: &Outgoing) -> Result<Message, SendError> {
        let unusable = |e: &dyn std::fmt::Display| SendError::Settings { reason: e.to_string() };
        let subject: String = out.subject.chars().filter(|c| !c.is_control()).take(MAX_SUBJECT).collect();
        let part = |kind, text: String| {
            let encoded = Body::new_with_encoding(text, ContentTransferEncoding::QuotedPrintable);
            let encoded = encoded.map_err(|_| unusable(&"the text cannot be encoded"))?;
            Ok::<_, SendError>(SinglePart::builder().header(kind).body(encoded))
        };
        let plain = part(ContentType::TEXT_PLAIN, out.body.clone())?;
        let html = part(ContentType::TEXT_HTML, html::page(&subject, &out.body))?;
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, self.recipient(out.to)?))
            .subject(subject)
            .date(SystemTime::from(out.created))
            .message_id(Some(format!("<{}@{}>", out.id, self.from.email.domain())))
            .multipart(MultiPart::alternative().singlepart(plain).singlepart(html))
            .map_err(|e| unusable(&e))
    }
}

const MAX_SUBJECT: usize = 300;

impl Mailer for SmtpMailer {
    fn send(&self, out: &Outgoing) -> Result<Accepted, SendError> {
        let message = self.message(out)?;
        let transport = self.transport.clone();
        let response = self.within(async move { transport.send(message).await })?;
        Ok(Accepted { reply: said(&response.message().collect::<Vec<_>>().join(" ")) })
    }
}

/// In case the runtime itself is stuck.
const GRACE: Duration = Duration::from_secs(5);

fn address(text: &str) -> Result<Address, SendError> {
    text.parse().map_err(|_| SendError::Settings { reason: format!("{} is not an address", Plain::new(text)) })
}

/// The protection, the host to connect to, and the usual port.
fn protection(settings: &MailSettings) -> Result<(Tls, String, u16), SendError> {
    let host = settings.host.clone();
    match settings.tls {
        TlsMode::StartTls => Ok((Tls::Required(parameters(settings)?), host, 587)),
        TlsMode::Implicit => Ok((Tls::Wrapper(parameters(settings)?), host, 465)),
        TlsMode::NoneOnLoopback => {
            // `localhost` is not looked up: a name can lead anywhere.
            let plain = if host.eq_ignore_ascii_case("localhost") { String::from("127.0.0.1") } else { host };
            match plain.parse::<IpAddr>() {
                Ok(ip) if ip.is_loopback() => Ok((Tls::None, plain, 25)),
                _ => Err(SendError::Settings {
                    reason: String::from(
                        "mail in clear is allowed to localhost, 127.0.0.1 or ::1 only; set tls to required or implicit",
                    ),
                }),
            }
        }
    }
}

fn parameters(settings: &MailSettings) -> Result<TlsParameters, SendError> {
    let broken = |e: lettre::transport::smtp::Error| SendError::Tls { reason: said(&e.to_string()) };
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.ca_pem {
        builder = builder.add_root_certificate(Certificate::from_pem(pem).map_err(broken)?);
    }
    builder.build_rustls().map_err(broken)
}

fn classify(error: &lettre::transport::smtp::Error, connect: Duration) -> SendError {
    let words = said(&error.to_string());
    let code = error
        .status()
        .map(|c| u16::from(c.severity as u8) * 100 + u16::from(c.category as u8) * 10 + u16::from(c.detail as u8));
    match code {
        Some(530 | 534 | 535 | 538) => SendError::Auth { reply: words },
        Some(code) if error.is_permanent() => SendError::Refused { code, reply: words },
        Some(_) => SendError::Temporary { reply: words },
        None if error.is_tls() || is_handshake(error) || words.contains("STARTTLS") => SendError::Tls { reason: words },
        None if words.contains("authentication mechanism") => SendError::Auth { reply: words },
        None if error.is_timeout() => SendError::TimedOut { seconds: connect.as_secs() },
        None => SendError::Unreachable { reason: words },
    }
}

/// A failed TLS handshake reaches us as an input error with invalid data.
fn is_handshake(error: &lettre::transport::smtp::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if inner.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::InvalidData) {
            return true;
        }
        source = inner.source();
    }
    false
}

/// The server's words, made safe for a terminal and short.
pub(super) fn said(words: &str) -> String {
    printable(words.trim().as_bytes()).chars().take(200).collect()
}
