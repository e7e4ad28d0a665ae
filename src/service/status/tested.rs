//! What `status` says of testing: when, whether documents still open, and whether everything is tested in time.

use jiff::{SignedDuration, Timestamp};

use super::{CLOCK_SLACK, CoverageInput, Light, Line, MAX_TEST_AGE, SHOWN, StatusInput};
use crate::domain::drills::{Drill, Due, to_ask_for};
use crate::domain::path::printable;
use crate::service::plain::{counted, list, size, span};

/// What the store was found to do for what lies in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreInput {
    /// When; never, where that was under other claims than those of now.
    pub at: Option<Timestamp>,
    /// What is claimed or needed and does not hold, in a word or two.
    pub broken: Vec<&'static str>,
    /// What is claimed and could not be shown.
    pub unproved: Vec<&'static str>,
}

/// What cannot be restored any more, and who accepted that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostInput {
    /// Versions of records; none where nobody knows which.
    pub records: u64,
    /// When a person last accepted a loss.
    pub at: Timestamp,
    /// Who that was, where this computer may read it.
    pub by: Option<String>,
}

/// For so long after its acceptance a loss is no green line.
const LOSS_IS_NEW: SignedDuration = SignedDuration::from_hours(31 * 24);

/// When something was brought back last.
pub(super) fn tested(input: &StatusInput<'_>, lines: &mut Vec<Line>) {
    let Some(last) = input.last_test else {
        let text = String::from("No backup has been tested yet by bringing files back.");
        return lines.push(Line { light: Light::Amber, text });
    };
    let age = input.now.duration_since(last.at);
    let (files, when) = (counted(last.files, "file", "files"), input.people.moment(last.at));
    let text = format!("Tested by bringing back {files} ({}): {when}.", size(last.bytes));
    if age > MAX_TEST_AGE || age < -CLOCK_SLACK {
        lines.push(Line {
            light: Light::Amber,
            text: format!("{text} That is too long ago; run: strongroom verify restore"),
        });
    } else {
        lines.push(Line { light: Light::Green, text });
    }
}

/// Whether documents still open, by numbers. What is wrong stands among the open problems.
pub(super) fn opening(input: &StatusInput<'_>, lines: &mut Vec<Line>) {
    let Some((at, o)) = input.opening else { return };
    let when = input.people.moment(at);
    let bad = o.damaged + o.not_its_name;
    let examined = o.sound + bad + o.never_sound;
    if o.skipped {
        let unended = match o.unended {
            0 => String::new(),
            n => format!(" ({} did not end)", counted(n, "examination", "examinations")),
        };
        let text = format!("Whether documents still open was not looked at, or not for all{unended}: {when}.");
        return lines.push(Line { light: Light::Amber, text });
    }
    let text = match examined {
        0 => format!("No document of a kind that can be checked was in the last sample: {when}."),
        _ => format!(
            "Of {} opened, {} structurally sound, {bad} not any more, {} never{}: {when}.",
            counted(examined, "document", "documents"),
            counted(o.sound, "is", "are"),
            o.never_sound,
            if o.waiting > 0 {
                format!(", {} to be opened", counted(o.waiting, "waits", "wait"))
            } else {
                String::new()
            },
        ),
    };
    // That nothing could be examined is no success.
    let light = match (bad, examined) {
        (0, 0) => Light::Amber,
        (0, _) => Light::Green,
        _ => Light::Red,
    };
    lines.push(Line { light, text });
}

/// The last drill, where there was one.
pub(super) fn drilled(input: &StatusInput<'_>, lines: &mut Vec<Line>) {
    let Some(d) = input.drill else { return };
    let what = if d.whole { "everything" } else { "a part" };
    let (when, time) = (input.people.moment(d.at), span(d.seconds));
    let files = counted(d.files, "file", "files");
    let (light, text) = if d.failed > 0 {
        let lost = counted(d.failed, "file", "files");
        (Light::Red, format!("Drill: {lost} did not come back ({files} did): {when}."))
    } else {
        let all = match d.everything {
            Some((bytes, seconds)) => {
                format!(" At that speed all there is now ({}) takes {}.", size(bytes), span(seconds))
            }
            None => String::new(),
        };
        (Light::Green, format!("Drill: {what} came back in {time} ({files}): {when}.{all}"))
    };
    lines.push(Line { light, text });
}

/// What a person accepted as lost: no alarm any more, and never forgotten. Everybody sees it for a month: who knows
/// nothing of it asks.
pub(super) fn lost(input: &StatusInput<'_>, lines: &mut Vec<Line>) {
    let Some(lost) = &input.lost else { return };
    let what = match lost.records {
        0 => String::from("A part of what is stored"),
        n => counted(n, "version of a document", "versions of documents"),
    };
    let by = lost.by.as_ref().map(|by| format!(" by {}", printable(by.as_bytes()))).unwrap_or_default();
    let text = format!("{what} cannot be restored any more: accepted on {}{by}.", input.people.day(lost.at));
    let age = input.now.duration_since(lost.at);
    lines.push(if age >= LOSS_IS_NEW || age < -CLOCK_SLACK {
        Line { light: Light::Green, text: format!("{text} Named by: strongroom repair") }
    } else {
        let text = format!("{text} If you know nothing of that, ask. Named by: strongroom repair");
        Line { light: Light::Amber, text }
    });
}

/// Drills that are overdue, each with what to type; and those that nobody wants.
pub(super) fn drills(input: &StatusInput<'_>, lines: &mut Vec<Line>) {
    let Some(drills) = input.drills.as_ref().filter(|_| !input.trial) else { return };
    let overdue = to_ask_for(&drills.due);
    for due in overdue.iter().take(SHOWN) {
        lines.push(Line { light: Light::Amber, text: in_words(input, due) });
    }
    if overdue.len() > SHOWN {
        let more = counted((overdue.len() - SHOWN) as u64, "other drill", "other drills");
        lines.push(Line { light: Light::Amber, text: format!("And {more} overdue. See: strongroom status --json") });
    }
    let off = [
        (drills.every.sample, "Drills of a part are switched off: sample_drill_every = \"never\"."),
        (drills.every.whole, "Drills of everything are switched off: drill_every = \"never\"."),
        (drills.every.key, "Key drills are switched off: key_drill_every = \"never\"."),
    ];
    let off = off.into_iter().filter(|(every, _)| every.is_none());
    lines.extend(off.map(|(_, text)| Line { light: Light::Green, text: text.to_owned() }));
}

fn in_words(input: &StatusInput<'_>, due: &Due) -> String {
    let weeks = counted(u64::try_from(due.every.as_hours() / (7 * 24)).unwrap_or(0), "week", "weeks");
    let last = match due.last {
        Some(at) => format!("last on {}", input.people.day(at)),
        None => "never yet".to_owned(),
    };
    let (what, command) = match &due.drill {
        Drill::Sample => ("Drill of a part".to_owned(), "strongroom verify drill --sample 1GiB".to_owned()),
        Drill::Whole => ("Drill of everything".to_owned(), "strongroom verify drill --to DIR".to_owned()),
        Drill::Key(name) => {
            let name = printable(name.as_bytes());
            (format!("Drill of the key of \"{name}\""), format!("strongroom key drill \"{name}\""))
        }
    };
    format!("{what}: {last}, wanted every {weeks}. Run: {command}")
}

/// Whether something was not tested in time, or will not be.
pub(super) fn covered(input: &StatusInput<'_>, coverage: &CoverageInput, lines: &mut Vec<Line>) -> bool {
    let weeks = counted(u64::from(coverage.weeks), "week", "weeks");
    let oldest = match coverage.oldest {
        at if at == Timestamp::UNIX_EPOCH => String::from("a time that is not known"),
        at => input.people.day(at),
    };
    let overdue = coverage.overdue > 0;
    let (light, text) = if overdue {
        let late = format!("{}, the oldest since {oldest}", size(coverage.overdue));
        (Light::Red, format!("Not tested within {weeks} as promised: {late}. Run: strongroom verify restore --all"))
    } else if coverage.limits_too_low {
        let text = format!(
            "The limits on testing are too low to test everything within {weeks}. See: strongroom verify coverage"
        );
        (Light::Amber, text)
    } else if let Some(at) = coverage.breaks {
        let text = format!(
            "As runs are now, a part will not be tested within {weeks}, from {} on. Run: strongroom verify \
             restore --all",
            input.people.day(at)
        );
        (Light::Amber, text)
    } else {
        (Light::Green, format!("Everything was tested or stored within {weeks}, the oldest on {oldest}."))
    };
    lines.push(Line { light, text });
    // What will be late is told before it is.
    overdue || coverage.limits_too_low || coverage.breaks.is_some()
}

/// Whether the store protects the backups as claimed.
pub(super) fn guarded(input: &StatusInput<'_>, lines: &mut Vec<Line>) {
    let Some(store) = &input.store else { return };
    let Some(at) = store.at else {
        let text = "Whether the store protects the backups as claimed was not tested yet. Run: strongroom verify store";
        return lines.push(Line { light: Light::Amber, text: text.into() });
    };
    let when = input.people.moment(at);
    let (light, text) = match (store.broken.as_slice(), store.unproved.as_slice()) {
        ([], []) => (Light::Green, format!("The store protects the backups as claimed: {when}.")),
        ([], unproved) => (
            Light::Amber,
            format!("Not shown that the store protects the backups as claimed ({}): {when}.", list(unproved)),
        ),
        (broken, _) => (
            Light::Red,
            format!(
                "The store does not protect the backups as claimed ({}): {when}. See: strongroom verify store",
                list(broken)
            ),
        ),
    };
    lines.push(Line { light, text });
}
