//! What `status` says of testing: when, whether documents still open, and whether everything is tested in time.

use super::{CLOCK_SLACK, CoverageInput, Light, Line, MAX_TEST_AGE, StatusInput};
use crate::service::plain::{counted, size};

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
        let text = format!("Whether documents still open was not looked at, or not for all: {when}.");
        return lines.push(Line { light: Light::Amber, text });
    }
    let text = match examined {
        0 => format!("No document of a kind that can be checked was in the last sample: {when}."),
        _ => format!(
            "Of {} opened, {} structurally sound, {bad} not any more, {} never: {when}.",
            counted(examined, "document", "documents"),
            counted(o.sound, "is", "are"),
            o.never_sound,
        ),
    };
    let light = if bad > 0 { Light::Red } else { Light::Green };
    lines.push(Line { light, text });
}

/// Whether something was not tested in time.
pub(super) fn covered(input: &StatusInput<'_>, coverage: &CoverageInput, lines: &mut Vec<Line>) -> bool {
    let (weeks, oldest) = (counted(u64::from(coverage.weeks), "week", "weeks"), input.people.day(coverage.oldest));
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
