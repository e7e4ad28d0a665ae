//! Webhooks and pings over real sockets: what leaves, what is made of each answer, and what is never done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use serde_json::{Value, json};
use strongroom::service::mail::{Mailer, SendError};
use strongroom::service::plain::Plain;
use strongroom::service::web::{Ping, Signal, Waits, WebError, Webhook};
use strongroom::service::words::Role;
use strongroom::testing::FakeClock;
use tokio::runtime::{Builder, Runtime};

use crate::http::{Answer, Web};
use crate::support::{at, outgoing};

const WAITS: Waits = Waits { connect: Duration::from_millis(500), whole: Duration::from_secs(3) };

pub fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

pub fn webhook(url: &str, runtime: &Runtime) -> Result<Webhook, SendError> {
    let clock = Arc::new(FakeClock::reading("2026-11-22T02:35:00Z"));
    let council = Plain::new("Anytown Town Council");
    Webhook::new(&SecretString::from(url.to_owned()), council, clock, runtime.handle().clone(), WAITS)
}

fn send(url: &str) -> Result<String, SendError> {
    let runtime = runtime();
    let message = outgoing("SR-2026-1122-K7Q-failure-provider", Role::Provider, at("2026-11-22T02:31:00Z"));
    let sent = webhook(url, &runtime)?.send(&message);
    runtime.shutdown_background();
    sent.map(|accepted| accepted.reply)
}

fn refused(url: &str) -> WebError {
    match send(url) {
        Err(SendError::Web(error)) => {
            assert!(!error.to_string().contains("hunter2"), "{error}");
            error
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_that_leaves_by_a_webhook_are_these_fields() {
    let web = Web::start(Answer::Plain(202, "queued\r\nas 7\u{1b}[31m"));
    assert_eq!(send(&web.url()).unwrap(), "202: queued\\u{d}\\u{a}as 7\\u{1b}[31m");
    let [request] = &web.take()[..] else { panic!() };
    assert_eq!(request.line, "POST /hunter2 HTTP/1.1");
    assert!(request.head.to_lowercase().contains("content-type: application/json\r\n"), "{}", request.head);
    assert!(request.head.to_lowercase().contains("user-agent: strongroom\r\n"), "{}", request.head);
    let message = outgoing("x", Role::Provider, at("2026-11-22T02:31:00Z"));
    let expected = json!({
        "version": 1, "id": "SR-2026-1122-K7Q-failure-provider", "council": "Anytown Town Council",
        "reference": "SR-2026-1122-K7Q", "kind": "failure", "severity": "problem", "role": "provider",
        "subject": message.subject, "text": message.body,
        "decided_at": "2026-11-22T02:31:00Z", "sent_at": "2026-11-22T02:35:00Z",
    });
    assert_eq!(serde_json::from_str::<Value>(&request.body).unwrap(), expected);
}

#[test]
fn answers_are_told_apart() {
    for (status, class) in [
        (301, "elsewhere"),
        (400, "refused"),
        (404, "refused"),
        (429, "temporary"),
        (500, "temporary"),
        (503, "temporary"),
    ] {
        let web = Web::start(Answer::Plain(status, ""));
        assert_eq!(refused(&web.url()).class(), class, "{status}");
    }
    let web = Web::start(Answer::Plain(404, "no such hook"));
    let error = refused(&web.url());
    let said = "the server refused it (404: no such hook); check the address and what that service expects";
    assert_eq!(error.to_string(), said);
    let web = Web::start(Answer::Nonsense);
    assert!(matches!(refused(&web.url()), WebError::Unreachable { .. }));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(refused(&format!("http://127.0.0.1:{free}/hunter2")).class(), "unreachable");
    // TLS is wanted and not spoken there.
    let plain = Web::start(Answer::Plain(200, ""));
    assert_eq!(refused(&plain.url().replace("http:", "https:")).class(), "unreachable");
    assert!(plain.take().is_empty());
}

#[test]
fn a_server_that_repeats_the_address_is_not_quoted() {
    for echo in ["no route POST /hunter2", "HUNTER2?", "key s3cr3t key of hunter3", "s3cr3t%20key"] {
        let web = Web::start(Answer::Plain(404, echo));
        let url = format!("{}?short=a&k=s3cr3t%20key", web.url());
        let error = refused(&url).to_string();
        assert!(error.contains("(404)"), "{echo}: {error}");
    }
    let web = Web::start(Answer::Plain(200, "hunter2 done"));
    assert_eq!(send(&web.url()).unwrap(), "200");
}

/// Not on this host and not on another: a message goes where the council said, or nowhere.
#[test]
fn where_an_answer_points_nothing_is_sent() {
    let trap = Web::start(Answer::Plain(200, "thanks"));
    for host in ["127.0.0.1", "localhost", "127.0.0.2"] {
        let web = Web::start(Answer::Elsewhere(format!("http://{host}:{}/other", trap.port)));
        assert_eq!(refused(&web.url()), WebError::Elsewhere { status: 307 });
        assert_eq!(web.take().len(), 1);
    }
    assert!(trap.take().is_empty());
}

#[test]
fn neither_silence_nor_a_body_without_end_holds_anybody_up() {
    let began = Instant::now();
    let silent = Web::start(Answer::Silent);
    assert_eq!(refused(&silent.url()), WebError::TimedOut { seconds: 3 });
    // The first line has said that it was taken; the rest is read as far as a line's worth.
    let endless = Web::start(Answer::Endless);
    assert!(send(&endless.url()).unwrap().len() < 300);
    let stalls = Web::start(Answer::Stalls);
    assert_eq!(send(&stalls.url()).unwrap(), "200: some");
    assert!(began.elapsed() < Duration::from_secs(25));
}

#[test]
fn addresses_off_this_computer_are_https_or_nothing() {
    let runtime = runtime();
    for bad in ["http://hook.example.org/hunter2", "http://192.0.2.1/hunter2", "gopher://127.0.0.1/hunter2", "hunter2"]
    {
        let Err(error) = webhook(bad, &runtime) else { panic!("{bad}") };
        assert!(error.class() == "settings" && !error.to_string().contains("hunter2"), "{error}");
    }
    assert!(webhook("https://hook.example.org/hunter2", &runtime).is_ok());
}

#[test]
fn a_ping_says_start_success_or_fail_and_nothing_else() {
    let (web, runtime) = (Web::start(Answer::Plain(200, "OK")), runtime());
    for (base, query) in [("/hunter2", ""), ("/hunter2/", ""), ("/hunter2", "?rid=7")] {
        let url = SecretString::from(format!("http://127.0.0.1:{}{base}{query}", web.port));
        let ping = Ping::new(&url, runtime.handle().clone(), WAITS).unwrap();
        for signal in [Signal::Start, Signal::Success, Signal::Fail] {
            assert_eq!(ping.send(signal).unwrap().reply, "200: OK");
        }
        let taken = web.take();
        let lines: Vec<&str> = taken.iter().map(|r| r.line.as_str()).collect();
        let line = |tail: &str| format!("GET /hunter2{tail}{query} HTTP/1.1");
        assert_eq!(lines, [line("/start"), line(""), line("/fail")]);
        assert!(taken.iter().all(|r| r.body.is_empty()));
    }
}
