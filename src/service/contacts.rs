//! Are the people and numbers in the settings still right? Asked four times a year. Pure.
//!
//! A warning that goes to somebody who left tells nobody. Asked again monthly until somebody has said so, and amber
//! in the status meanwhile.

use jiff::{SignedDuration, Timestamp};

use crate::service::outbox::Outgoing;
use crate::service::plain::{People, Plain};
use crate::service::policy::MONTHLY;
use crate::service::texts::{Letter, paragraphs};
use crate::service::voice::VoiceState;
use crate::service::words::{NoticeKind, Reference, Role, word};

/// A quarter of a year.
pub const EVERY: SignedDuration = SignedDuration::from_hours(92 * 24);

/// Who is told, beside the provider.
#[derive(Debug, Clone)]
pub struct Told {
    /// The clerk's name.
    pub clerk: Plain,
    /// The deputy's.
    pub deputy: Option<Plain>,
}

/// Since when it should have been confirmed; from the beginning of the journal, where nobody ever did.
pub fn due_since(state: &VoiceState, now: Timestamp) -> Option<Timestamp> {
    let last = state.confirmed.or(state.began)?;
    // The absolute difference, so that a clock set back silences nobody.
    (now.duration_since(last).abs() >= EVERY).then(|| last.saturating_add(EVERY).unwrap_or(now))
}

/// The messages that are due now, and the reference they share.
pub fn messages(
    state: &VoiceState,
    taken: &std::collections::BTreeSet<Reference>,
    people: &People,
    told: &Told,
    now: Timestamp,
) -> Option<(Reference, Vec<Outgoing>)> {
    due_since(state, now)?;
    let recently = |at: &Timestamp| now.duration_since(*at).abs() < MONTHLY;
    if state.asked.as_ref().is_some_and(|(at, _)| recently(at)) {
        return None;
    }
    let reference = match &state.asked {
        Some((_, reference)) => reference.clone(),
        None => Reference::of("contacts", now, &people.zone, taken),
    };
    let message = |to: Role| {
        let letter = if to == Role::Clerk {
            for_clerk(&reference, people, told, now)
        } else {
            for_provider(&reference, people, told, now)
        };
        let day = now.to_zoned(people.zone.clone()).strftime("%Y%m%d").to_string();
        Outgoing {
            id: format!("{reference}-contacts-{day}-{}", word(&to)),
            reference: Some(reference.clone()),
            to,
            notice: NoticeKind::Contacts,
            subject: letter.subject,
            body: letter.body,
            created: now,
        }
    };
    Some((reference.clone(), [Role::Clerk, Role::Provider].map(message).into()))
}

/// What the clerk reads.
pub fn for_clerk(reference: &Reference, people: &People, told: &Told, now: Timestamp) -> Letter {
    let deputy = told.deputy.as_ref().map_or_else(|| String::from("nobody"), ToString::to_string);
    let mut lines = vec![
        format!("Reference: {reference}"),
        String::from(
            "What happened: nothing is wrong. Four times a year this is asked, so that warnings find somebody.",
        ),
        format!(
            "Who is told: {} first, at this address. When something stays wrong: {deputy}. Who is rung: {}, telephone {}.",
            told.clerk, people.provider, people.phone
        ),
        String::from(
            "Who acts: you. Is all this still right? Tell your provider, who notes your answer or corrects the settings.",
        ),
    ];
    lines.extend(people.coverage());
    lines.push(String::from("You will be asked monthly until it is noted. There is nothing to click in this message."));
    Letter { subject: subject(reference, people, now), body: paragraphs(&lines) }
}

/// What the provider's technician reads.
pub fn for_provider(reference: &Reference, people: &People, told: &Told, now: Timestamp) -> Letter {
    let deputy = told.deputy.as_ref().map_or_else(|| String::from("none"), ToString::to_string);
    let mut lines = vec![
        format!("Strongroom technical notice {reference}"),
        String::new(),
        format!("Council: {}", people.council),
        format!("Notice: {}", word(&NoticeKind::Contacts)),
        format!("Clerk: {}", told.clerk),
        format!("Deputy: {deputy}"),
        format!("Provider: {}, telephone {}", people.provider, people.phone),
        String::new(),
        String::from(
            "What to do: ask the clerk whether names, addresses and telephone number are still right. Correct",
        ),
        String::from("[council] in council.toml where they are not. Then, on the office computer:"),
        String::from("strongroom notify confirm --by NAME"),
        people.and_the_clerk("asked"),
    ];
    lines.extend(people.coverage());
    Letter { subject: subject(reference, people, now), body: lines.join("\n") + "\n" }
}

fn subject(reference: &Reference, people: &People, now: Timestamp) -> String {
    let (council, day) = (&people.council, people.day(now));
    format!("{council}: are people and numbers still right? Asked on {day} – reference {reference}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_a_quarter_after_the_last_word_or_the_beginning() {
        let day = |n: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * n);
        let mut state = VoiceState::default();
        assert_eq!(due_since(&state, day(500)), None, "no journal yet");
        state.began = Some(day(0));
        assert_eq!(due_since(&state, day(91)), None);
        assert_eq!(due_since(&state, day(92)), Some(day(92)));
        state.confirmed = Some(day(100));
        assert_eq!(due_since(&state, day(191)), None);
        assert_eq!(due_since(&state, day(200)), Some(day(192)));
        state.confirmed = Some(day(1000));
        assert!(due_since(&state, day(200)).is_some(), "a word from the future is that of a wrong clock");
    }
}
