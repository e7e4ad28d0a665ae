//! What a run tells beside failures: the weekly message, and whether people and numbers are still right. And what the
//! status says of how people are told.

use crate::cli::shell::Shell;
use crate::cli::telling;
use crate::config::Config;
use crate::repo::repository::Repository;
use crate::service::causes::is_accepted;
use crate::service::contacts;
use crate::service::history::{JournalState, fold};
use crate::service::journal::Event;
use crate::service::outbox::Outgoing;
use crate::service::plain::Plain;
use crate::service::post::Posted;
use crate::service::status::{CheckNumber, Status, StatusInput, VoicesInput, WordInput};
use crate::service::voice::{Voice, WayName, Word};
use crate::service::weekly;
use crate::service::words::{Reference, word};

/// For the status.
pub fn for_status(shell: &Shell, config: &Config, journal: &JournalState, repo: Option<&Repository>) -> VoicesInput {
    let (voices, now) = (&journal.voices, shell.env.clock.now());
    let configured = |way: &WayName| {
        config.webhooks.iter().any(|w| w.name == *way) || (*way == WayName::ping() && config.ping.is_some())
    };
    let label = |(way, to): &(WayName, Option<_>)| match to {
        // That no mail leaves at all has a line of its own.
        None if *way == WayName::mail() => None,
        Some(role) if *way == WayName::mail() => Some(format!("mail to the {}", word(role))),
        _ if !configured(way) => None,
        _ if *way == WayName::ping() => Some(way.to_string()),
        _ => Some(format!("the webhook {way}")),
    };
    let word = |(reference, word): (&Reference, &Word)| WordInput {
        reference: reference.clone(),
        by: word.by.clone(),
        until: word.until,
    };
    let causes = |reference: &Reference| journal.open.get(reference).map(|open| &open.causes);
    let accepted = |r: &Reference| causes(r).is_some_and(|causes| is_accepted(journal, r, causes, now));
    VoicesInput {
        failing: voices.failing.iter().filter_map(|(key, f)| Some((label(key)?, f.since))).collect(),
        lost: voices.expired.iter().filter(|(way, _)| configured(way)).map(|(_, n)| n).sum(),
        acknowledged: voices.acknowledged.iter().filter(|(_, w)| w.holds(now)).map(word).collect(),
        accepted: voices.accepted.iter().filter(|(r, _)| accepted(r)).map(word).collect(),
        contacts_due: contacts::due_since(voices, now),
        check: repo
            .map(|repo| CheckNumber { entry: repo.state().next.saturating_sub(1), link: repo.state().link.to_hex() }),
        holders: repo.map(|repo| repo.state().keyholders.iter().filter(|k| k.reads).count() as u64),
    }
}

/// Tells what is due, at the end of a run, however it went.
pub fn tell(shell: &Shell, config: &Config, input: &StatusInput<'_>, status: &Status) {
    if config.trial || !config.tells_anyone() {
        return;
    }
    let Ok(journal) = shell.journal(config).read().map(|all| fold(&all.entries)) else {
        // Without it nobody knows what was told this week; that it cannot be read was said.
        return;
    };
    if let Some(week) = weekly::due(&journal.voices, input.now, &config.council.timezone) {
        let (reference, messages) = weekly::messages(input, status, week, &journal.references);
        say(shell, config, messages, Voice::WeeklyTold { week, reference });
    }
    let told = contacts::Told {
        clerk: Plain::new(&config.council.clerk.name),
        deputy: config.council.deputy.as_ref().map(|d| Plain::new(&d.person.name)),
    };
    let asked = contacts::messages(&journal.voices, &journal.references, input.people, &told, input.now);
    if let Some((reference, messages)) = asked {
        say(shell, config, messages, Voice::ContactsAsked { reference });
    }
}

/// All of them are stored before the journal says that they were: a crash between tells them again, by the same names.
fn say(shell: &Shell, config: &Config, mut messages: Vec<Outgoing>, then: Voice) {
    telling::post(shell, config, |post| -> Posted {
        messages.retain(|m| post.ways.leads_to(m.to));
        let last = messages.len().saturating_sub(1);
        let event = |n: usize| (n == last).then(|| Event::Voice(then.clone()));
        post.say(messages.into_iter().enumerate().map(|(n, message)| (message, event(n))))
    });
}
