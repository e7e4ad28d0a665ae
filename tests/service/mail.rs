//! The mailer over real sockets.

use std::time::{Duration, Instant};

use secrecy::SecretString;
use strongroom::service::mail::{MailSettings, Mailer, SendError, SmtpMailer, TlsMode};
use strongroom::service::plain::Plain;
use strongroom::service::texts::test_message;
use strongroom::service::words::Role;
use tokio::runtime::{Builder, Runtime};

use crate::smtp::{Manner, Server};
use crate::support::{at, outgoing, people};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

pub fn settings(port: u16) -> MailSettings {
    MailSettings {
        host: String::from("127.0.0.1"),
        port: Some(port),
        tls: TlsMode::NoneOnLoopback,
        ca_pem: None,
        login: None,
        from: String::from("backup@anytown-tc.gov.uk"),
        domains: vec![String::from("anytown-tc.gov.uk")],
        clerk: String::from("clerk@Anytown-TC.gov.uk"),
        deputy: None,
        provider: Some(String::from("support@example-it.co.uk")),
        connect_timeout: Duration::from_millis(500),
        send_timeout: Duration::from_millis(900),
    }
}

fn send(settings: MailSettings, to: Role) -> Result<String, SendError> {
    let runtime = runtime();
    let mailer = SmtpMailer::new(settings, runtime.handle().clone())?;
    let sent = mailer.send(&outgoing("SR-2026-1122-K7Q-failure-clerk", to, at("2026-11-22T02:31:00Z")));
    runtime.shutdown_background();
    sent.map(|accepted| accepted.reply)
}

#[test]
fn what_is_accepted_arrives_whole_and_names_no_machine() {
    let server = Server::start(Manner::Polite);
    assert_eq!(send(settings(server.port), Role::Clerk).unwrap(), "taken as 42");
    let taken = server.taken.lock().unwrap();
    let mail = &taken[0];
    for expected in [
        "EHLO anytown-tc.gov.uk\n",
        "RCPT TO:<clerk@Anytown-TC.gov.uk>\n",
        "Message-ID: <SR-2026-1122-K7Q-failure-clerk@anytown-tc.gov.uk>\n",
        "Date: Sun, 22 Nov 2026 02:31:00 +0000\n",
        "Content-Type: text/plain; charset=utf-8\n",
        "Content-Type: multipart/alternative;\n",
        "Content-Type: text/html; charset=utf-8\n",
        "<html lang=3D\"en-GB\">\n",
        "<li>What happened: =3D a long line",
        "Content-Transfer-Encoding: quoted-printable\n",
        "What happened: =3D a long line that must survive. M=C3=B4n =E2=80=93 =E2=80=\n=9Cquoted=E2=80=9D.\n..\nEnd\n",
    ] {
        assert!(mail.contains(expected), "{expected:?} is not in\n{mail}");
    }
}

#[test]
fn refusals_are_told_apart() {
    let server = Server::start(Manner::Polite);
    let with = |clerk: &str| MailSettings { clerk: clerk.to_owned(), ..settings(server.port) };
    let refused = send(with("nobody@anytown-tc.gov.uk"), Role::Clerk).unwrap_err();
    assert!(matches!(refused, SendError::Refused { code: 550, .. }), "{refused:?}");
    let temporary = send(with("later@anytown-tc.gov.uk"), Role::Clerk).unwrap_err();
    assert!(matches!(temporary, SendError::Temporary { .. }), "{temporary:?}");
    assert!(server.taken.lock().unwrap().is_empty());
}

#[test]
fn silence_ends_with_the_time_out() {
    for manner in [Manner::Silent, Manner::Stalls] {
        let server = Server::start(manner);
        let began = Instant::now();
        let error = send(settings(server.port), Role::Clerk).unwrap_err();
        assert!(matches!(error, SendError::TimedOut { .. }), "{manner:?}: {error:?}");
        assert!(began.elapsed() < Duration::from_secs(4));
    }
}

#[test]
fn nobody_listening_is_unreachable() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = send(settings(port), Role::Clerk).unwrap_err();
    assert!(matches!(error, SendError::Unreachable { .. }), "{error:?}");
}

#[test]
fn a_login_is_used_and_a_wrong_one_is_said_to_be() {
    let login = |password: &str| Some((String::from("clerk"), SecretString::from(password.to_owned())));
    let server = Server::start(Manner::Login);
    send(MailSettings { login: login("right"), ..settings(server.port) }, Role::Clerk).unwrap();
    let wrong = send(MailSettings { login: login("wrong"), ..settings(server.port) }, Role::Clerk).unwrap_err();
    assert!(matches!(wrong, SendError::Auth { .. }), "{wrong:?}");
    let locked = Server::start(Manner::Locked);
    let error = send(MailSettings { login: login("right"), ..settings(locked.port) }, Role::Clerk).unwrap_err();
    assert!(matches!(error, SendError::Auth { .. }), "{error:?}");
    // A server that offers no AUTH at all never sees the password.
    let polite = Server::start(Manner::Polite);
    let none = send(MailSettings { login: login("right"), ..settings(polite.port) }, Role::Clerk).unwrap_err();
    assert!(matches!(none, SendError::Auth { .. }), "{none:?}");
}

#[test]
fn without_protection_nothing_is_sent() {
    let server = Server::start(Manner::Polite);
    let start = MailSettings { tls: TlsMode::StartTls, ..settings(server.port) };
    let error = send(start, Role::Clerk).unwrap_err();
    assert!(matches!(error, SendError::Tls { .. }), "a server without STARTTLS: {error:?}");
    let implicit = MailSettings { tls: TlsMode::Implicit, ..settings(server.port) };
    let error = send(implicit, Role::Clerk).unwrap_err();
    assert!(matches!(error, SendError::Tls { .. } | SendError::Unreachable { .. }), "{error:?}");
    assert!(server.taken.lock().unwrap().is_empty());
    for host in ["mail.example.org", "192.0.2.1", "127.0.0.1.example.org", "0.0.0.0"] {
        let clear = MailSettings { host: host.to_owned(), ..settings(25) };
        assert!(matches!(send(clear, Role::Clerk), Err(SendError::Settings { .. })), "{host}");
    }
    let broken = MailSettings { ca_pem: Some(b"nonsense".to_vec()), tls: TlsMode::StartTls, ..settings(server.port) };
    assert!(send(broken, Role::Clerk).is_err());
}

#[test]
fn only_the_councils_domains_and_the_listed_provider_are_written_to() {
    let server = Server::start(Manner::Polite);
    for bad in [
        "clerk@gmail.com",
        "clerk@anytown-tc.gov.uk.evil.example",
        "clerk@evilanytown-tc.gov.uk",
        "clerk@anytown-tc.gov.uk, x@evil.example",
        "clerk@anytown-tc.gov.uk\r\nRCPT TO:<x@evil.example>",
        "",
    ] {
        let settings = MailSettings { clerk: bad.to_owned(), ..settings(server.port) };
        let error = send(settings, Role::Clerk).unwrap_err();
        assert_eq!(error, SendError::RecipientNotAllowed { role: Role::Clerk }, "{bad:?}");
    }
    let deputy = MailSettings { deputy: Some(String::from("chair@example.com")), ..settings(server.port) };
    assert_eq!(send(deputy, Role::Deputy), Err(SendError::RecipientNotAllowed { role: Role::Deputy }));
    assert_eq!(send(settings(server.port), Role::Deputy), Err(SendError::RecipientNotAllowed { role: Role::Deputy }));
    assert!(server.taken.lock().unwrap().is_empty());
    send(settings(server.port), Role::Provider).unwrap();
}

#[test]
fn hostile_names_add_no_header_and_no_recipient() {
    let server = Server::start(Manner::Polite);
    let mut people = people();
    people.council = Plain::new(&format!("X\r\nBcc: all@evil.example\r\n\r\nbody {}", "y".repeat(10_000)));
    let letter = test_message(&people, at("2026-11-22T02:31:00Z"));
    for subject in [letter.subject, String::from("X\r\nBcc: all@evil.example\r\n\r\nbody")] {
        let mut message = outgoing("a", Role::Clerk, at("2026-11-22T02:31:00Z"));
        message.subject = subject;
        let runtime = runtime();
        let mailer = SmtpMailer::new(settings(server.port), runtime.handle().clone()).unwrap();
        mailer.send(&message).unwrap();
    }
    for mail in server.taken.lock().unwrap().iter() {
        assert_eq!(mail.matches("RCPT").count(), 1);
        assert!(!mail.lines().any(|l| l.starts_with("Bcc")), "{mail}");
        let head = mail.split("DATA\n").nth(1).unwrap().split("\n\n").next().unwrap();
        assert!(head.lines().all(|l| l.len() < 200), "{head}");
    }
}
