//! What `status` says of testing: when, whether documents still open, and whether everything is tested in time.

use jiff::Timestamp;

use super::{CLOCK_SLACK, CoverageInput, Light, Line, MAX_DRILL_AGE, MAX_TEST_AGE, StatusInput};
use crate::service::plain::{counted, size, span};

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
    } else if input.now.duration_since(d.at) > MAX_DRILL_AGE {
        let again = "That is more than a year ago; run: strongroom verify drill";
        (Light::Amber, format!("Drill: {what} came back in {time} ({files}): {when}. {again}"))
    } else {
        (Light::Green, format!("Drill: {what} came back in {time} ({files}): {when}."))
    };
    lines.push(Line { light, text });
}

/// Whether something was not tested in time.
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
    overdue
}
