//! The ways beside mail, as configured: webhooks, and the address that each run pings.

use std::sync::Arc;

use jiff::Timestamp;

use super::hints::advice;
use super::shell::Shell;
use crate::config::{Config, SecretSource};
use crate::domain::problem::Exit;
use crate::service::causes::is_all_accepted;
use crate::service::history::{JournalState, fold};
use crate::service::journal::Event;
use crate::service::mail::{Accepted, Mailer, SendError, Unusable};
use crate::service::outbox::{FlushReport, Outbox};
use crate::service::plain::Plain;
use crate::service::post::Channel;
use crate::service::status::Reached;
use crate::service::voice::{Voice, WayName};
use crate::service::web::{Ping, Signal, Waits, WebError, Webhook};
use crate::service::words::{self, Role};

/// The webhooks. One whose address cannot be fetched keeps its messages waiting and says so.
pub fn webhooks(shell: &Shell, config: &Config) -> Vec<Channel> {
    let one = |hook: &crate::config::Webhook| {
        let made = fetch(shell, &hook.url).and_then(|url| {
            let council = Plain::new(&config.council.name);
            Webhook::new(&url, council, Arc::clone(&shell.env.clock), shell.handle.clone(), Waits::default())
        });
        let mailer: Box<dyn Mailer> = match made {
            Ok(webhook) => Box::new(webhook),
            Err(error) => Box::new(Unusable::from(error)),
        };
        Channel { role: hook.role, outbox: Outbox::of(&config.state_dir, &hook.name), mailer }
    };
    config.webhooks.iter().map(one).collect()
}

fn fetch(shell: &Shell, source: &SecretSource) -> Result<secrecy::SecretString, SendError> {
    let unusable = |e: crate::config::ConfigError| WebError::Settings { reason: advice(&e.into()).message };
    Ok(source.fetch(&shell.system).map_err(unusable)?)
}

/// Whether messages reach this role: every way that leads there has accepted a test message.
pub fn reached(config: &Config, journal: &JournalState, role: Role) -> Reached {
    let ways = config.ways_to(role);
    match ways.iter().all(|way| journal.tests.contains_key(&(way.clone(), role))) {
        _ if ways.is_empty() => Reached::NoWay,
        true => Reached::Tried,
        false => Reached::Untried,
    }
}

/// Since when no message leaves: by mail, which reaches everybody, or by all the webhooks where there is no mail.
pub fn silent_since(config: &Config, journal: &JournalState) -> Option<Timestamp> {
    if config.mail.is_some() {
        return journal.silent_since();
    }
    let dead = |hook: &crate::config::Webhook| {
        let of_way = |(way, _): &&(WayName, Option<Role>)| *way == hook.name;
        let failing = &journal.voices.failing;
        failing.keys().filter(of_way).filter_map(|key| Some(failing.get(key)?.since)).min()
    };
    config.webhooks.iter().map(dead).collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// Whether a message waits that may be tried again now.
pub fn is_due(shell: &Shell, config: &Config) -> bool {
    let now = shell.env.clock.now();
    let others = config.webhooks.iter().map(|hook| Outbox::of(&config.state_dir, &hook.name));
    let mail = config.mail.as_ref().map(|_| shell.outbox(config));
    mail.into_iter().chain(others).any(|outbox| outbox.is_due(now))
}

/// What became of the messages, by mail and by the other ways.
pub fn report(shell: &Shell, mail: &FlushReport, others: &[(WayName, FlushReport)]) {
    report_one(shell, None, mail);
    for (way, flush) in others {
        report_one(shell, Some(way), flush);
    }
}

/// By one way: by mail, where no webhook is named.
fn report_one(shell: &Shell, webhook: Option<&WayName>, flush: &FlushReport) {
    let by = webhook.map(|way| format!(" by the webhook \"{way}\""));
    for (told, error) in &flush.failed {
        let (to, by) = (words::word(&told.to), by.as_deref().unwrap_or_default());
        shell.out.warn(format!("The message for the {to} did not leave{by} yet: {error}"));
    }
    for told in &flush.expired {
        let (to, how) = (words::word(&told.to), by.as_deref().unwrap_or(": nobody read it"));
        shell.out.warn(format!("A message for the {to} was given up{how}."));
    }
    for told in &flush.sent {
        let (to, by) = (words::word(&told.to), by.as_deref().unwrap_or(" by e-mail"));
        shell.out.note(format!("The {to} was told{by}."));
    }
}

/// Pings, where that is configured, and journals what became of it. What was not taken is said, and fails nothing: the
/// service itself raises the alarm when it hears nothing.
pub fn ping(shell: &Shell, config: &Config, signal: Signal) -> Option<Result<Accepted, SendError>> {
    let source = config.ping.as_ref()?;
    let made = fetch(shell, source).and_then(|url| Ping::new(&url, shell.handle.clone(), Waits::default()));
    let sent = made.and_then(|ping| ping.send(signal));
    let way = WayName::ping();
    let event = match &sent {
        // The end of the run says it again.
        Ok(_) if signal == Signal::Start => return Some(sent),
        Ok(_) => Voice::Sent { way, told: None },
        Err(error) => Voice::Failed { way, told: None, class: error.class().to_owned() },
    };
    if let Err(failure) = shell.note(config, Event::Voice(event)) {
        shell.out.warn(advice(&failure).message);
    }
    Some(sent)
}

/// The same, where nobody asked for the answer.
pub fn ping_quietly(shell: &Shell, config: &Config, signal: Signal) {
    if let Some(Err(error)) = ping(shell, config, signal) {
        shell.out.warn(format!("The service that is pinged did not take \"{}\": {error}", word(signal)));
    }
}

/// For people.
pub fn word(signal: Signal) -> &'static str {
    match signal {
        Signal::Start => "start",
        Signal::Success => "success",
        Signal::Fail => "fail",
    }
}

/// What a run that ended so has to say. Records that a person lives with for a time are no failure.
pub fn signal_of(shell: &Shell, config: &Config, exit: u8) -> Signal {
    let accepted = || {
        let journal = shell.journal(config).read();
        journal.is_ok_and(|all| is_all_accepted(&fold(&all.entries), shell.env.clock.now()))
    };
    match exit {
        code if code == Exit::Done as u8 => Signal::Success,
        code if code == Exit::Incomplete as u8 && accepted() => Signal::Success,
        _ => Signal::Fail,
    }
}
