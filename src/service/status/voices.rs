//! What `status` says of telling people: ways that fail, what was acknowledged or accepted, and who is to be asked.

use super::{Light, Line, StatusInput};
use crate::domain::path::printable;
use crate::service::plain::counted;
use crate::service::words::Reference;

/// What a person said about something open.
pub(super) fn words(input: &StatusInput<'_>, reference: &Reference) -> String {
    let said = |words: &[super::WordInput], what: &str| {
        let word = words.iter().find(|w| w.reference == *reference)?;
        let (by, until) = (printable(word.by.as_bytes()), input.people.day(word.until));
        Some(format!(" {what} by {by} until {until}."))
    };
    let voices = &input.voices;
    let both = [said(&voices.acknowledged, "Acknowledged"), said(&voices.accepted, "Accepted for a time")];
    both.into_iter().flatten().collect()
}

/// What does not get through beside all mail.
pub(super) fn ways(input: &StatusInput<'_>, lines: &mut Vec<Line>) {
    for (way, since) in &input.voices.failing {
        let text = format!(
            "Messages by {way} have not got through since {}. Try: strongroom notify test",
            input.people.day(*since)
        );
        lines.push(Line { light: Light::Amber, text });
    }
    if input.voices.lost > 0 {
        let lost = counted(input.voices.lost, "message", "messages");
        lines.push(Line { light: Light::Amber, text: format!("{lost} never arrived by a webhook.") });
    }
}

/// Whether people and numbers are still right.
pub(super) fn contacts(input: &StatusInput<'_>, lines: &mut Vec<Line>) {
    if input.voices.contacts_due.is_some() {
        let text = "To do: ask the clerk whether the people and telephone numbers in [council] are still right, then: \
                    strongroom notify confirm --by NAME";
        lines.push(Line { light: Light::Amber, text: text.into() });
    }
}
