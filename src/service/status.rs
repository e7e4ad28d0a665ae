//! Are we safe? In a clerk's words, and as data. Pure.
//!
//! A trial never says OK. Nothing is green that was not shown: a real set-up stays amber until the recovery sheet
//! was proved, a test message was accepted and the store is elsewhere; a set past its greatest age is red.

mod input;
mod tested;
mod voices;

use jiff::SignedDuration;
use serde::Serialize;

pub use input::{
    CheckNumber, CoverageInput, DrillInput, DrillsInput, Good, OpenInput, Reached, SetInput, StatusInput, VoicesInput,
    WordInput,
};
pub use tested::{LostInput, StoreInput};
use tested::{covered, drilled, drills, guarded, lost, opening, tested};

use crate::domain::drills::Due;
use crate::domain::log::entry::IncidentKind;
use crate::domain::problem::Exit;
use crate::service::plain::{counted, size};
use crate::service::retention_status::{self, RetentionInput};
use crate::service::words::Trouble;

/// A set must have a good backup at least this recent, unless told otherwise.
pub const MAX_AGE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The backups must have been tested at least this recently.
pub const MAX_TEST_AGE: SignedDuration = SignedDuration::from_hours(31 * 24);
/// Records dated later than this from now were made under a wrong clock, then or now.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_hours(24);
/// Sets and problems shown one by one.
const SHOWN: usize = 5;

const TRIAL: &str = "TRIAL: the key and the backup are both on this computer, and nobody will be told if it fails.";

/// The answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Light {
    /// All is well, and shown to be.
    Green,
    /// Something should be done.
    Amber,
    /// A trial on one computer.
    Trial,
    /// Something is wrong.
    Red,
}

/// One line and how bad it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// How bad.
    pub light: Light,
    /// In words.
    pub text: String,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// In one word.
    pub light: Light,
    /// Whether a set, or the test of what is stored, is past its greatest age.
    pub stale: bool,
    /// The exit code.
    pub exit: u8,
    /// For whom, and of when.
    pub title: String,
    /// Why, line by line.
    pub lines: Vec<Line>,
    /// How long ago everything stored was tested.
    pub coverage: Option<CoverageInput>,
    /// When drills are due.
    pub drills: Vec<Due>,
    /// The council's scheme and records, in numbers.
    pub retention: Option<RetentionInput>,
}

impl Status {
    /// For a person.
    pub fn text(&self) -> String {
        let verdict = match self.light {
            Light::Green => "OK: backups are made, tested and kept off-site.",
            Light::Amber => "NOT YET RIGHT: see what to do below.",
            Light::Trial => TRIAL,
            Light::Red => "PROBLEM: somebody must act. See below.",
        };
        let lines = self.lines.iter().map(|line| {
            let mark = match line.light {
                Light::Green => "  ",
                Light::Amber | Light::Trial => "* ",
                Light::Red => "! ",
            };
            format!("{mark}{}\n", line.text)
        });
        format!("{}\n{verdict}\n{}", self.title, lines.collect::<String>())
    }

    /// The exit code as a word.
    pub fn exit(&self) -> Exit {
        if self.stale {
            Exit::Stale
        } else if self.light == Light::Red {
            Exit::Failed
        } else {
            Exit::Done
        }
    }
}

/// Works the status out.
pub fn status(input: &StatusInput<'_>) -> Status {
    let mut lines = Vec::new();
    let mut stale = sets(input, &mut lines);
    tested(input, &mut lines);
    opening(input, &mut lines);
    drilled(input, &mut lines);
    drills(input, &mut lines);
    lost(input, &mut lines);
    stale |= input.coverage.is_some_and(|c| covered(input, &c, &mut lines));
    guarded(input, &mut lines);
    open(input, &mut lines);
    messages(input, &mut lines);
    if !input.trial {
        set_up(input, &mut lines);
        voices::contacts(input, &mut lines);
        let retention = input.retention.iter().flat_map(|r| retention_status::lines(r, input.people, input.now));
        lines.extend(retention);
        lines.extend(input.access.iter().cloned());
        lines.extend(input.policies.lines(input.now.to_zoned(input.people.zone.clone()).date()));
    }
    lines.extend(input.people.coverage().map(|text| Line { light: Light::Green, text }));
    let red = lines.iter().any(|l| l.light == Light::Red);
    if red && !input.trial && !input.people.phone.as_str().is_empty() {
        let text = format!("Ring {}, telephone {}.", input.people.provider, input.people.phone);
        lines.push(Line { light: Light::Green, text });
    }
    if input.trial && red {
        lines.insert(0, Line { light: Light::Trial, text: TRIAL.to_owned() });
    }
    let worst = lines.iter().map(|l| l.light).max().unwrap_or(Light::Red);
    let light = if input.trial { worst.max(Light::Trial) } else { worst };
    let title = format!("Strongroom for {}, {}", input.people.council, input.people.moment(input.now));
    let (coverage, retention) = (input.coverage, input.retention.clone());
    let drills = input.drills.as_ref().map(|d| d.due.clone()).unwrap_or_default();
    let mut status = Status { light, stale, exit: 0, title, lines, coverage, drills, retention };
    status.exit = status.exit() as u8;
    status
}

fn sets(input: &StatusInput<'_>, lines: &mut Vec<Line>) -> bool {
    let mut each: Vec<(Line, bool)> = input.sets.iter().map(|set| one_set(input, set)).collect();
    let stale = each.iter().any(|(_, stale)| *stale);
    if each.is_empty() {
        lines.push(Line { light: Light::Red, text: String::from("Nothing is backed up: no set is configured.") });
    }
    each.sort_by_key(|(line, _)| std::cmp::Reverse(line.light));
    let hidden = each.len().saturating_sub(SHOWN);
    let hidden_light = each.iter().skip(SHOWN).map(|(l, _)| l.light).max().unwrap_or(Light::Green);
    lines.extend(each.into_iter().take(SHOWN).map(|(line, _)| line));
    if hidden > 0 {
        let state = if hidden_light == Light::Green { "backed up in time" } else { "in need of attention" };
        let text = format!("And {}, {state}.", counted(hidden as u64, "other set", "other sets"));
        lines.push(Line { light: hidden_light, text });
    }
    stale
}

fn one_set(input: &StatusInput<'_>, set: &SetInput) -> (Line, bool) {
    let name = set.name.spoken();
    let Some(last) = set.last else {
        return (Line { light: Light::Red, text: format!("Set \"{name}\": never backed up.") }, true);
    };
    let age = input.now.duration_since(last.at);
    let when = input.people.moment(last.at);
    let holds = format!("{}, {}", counted(last.files, "file", "files"), size(last.bytes));
    let (light, text, stale) = if age < -CLOCK_SLACK {
        let text = format!("Set \"{name}\": the last backup is dated {when}, in the future. A clock is or was wrong.");
        (Light::Red, text, true)
    } else if age > set.max_age {
        let days = counted(age.as_hours().unsigned_abs() / 24, "day", "days");
        (Light::Red, format!("Set \"{name}\": last good backup {days} ago, {when} ({holds})."), true)
    } else if last.problems > 0 {
        let problems = counted(last.problems, "file", "files");
        (Light::Amber, format!("Set \"{name}\": backed up {when} ({holds}); {problems} could not be read."), false)
    } else {
        (Light::Green, format!("Set \"{name}\": backed up {when} ({holds})."), false)
    };
    (Line { light, text }, stale)
}

/// How bad a trouble is, and what it is in a clerk's words. `covered`: what the log says now stands in a line of its own.
pub fn seen(trouble: Trouble, covered: bool) -> (Light, &'static str) {
    match trouble {
        Trouble::HistoryChanged => (Light::Red, "the backups may have been tampered with"),
        Trouble::MassChange => (Light::Red, "an unusual number of records changed"),
        Trouble::ManyNotItsName => (Light::Red, "several documents have turned into something else"),
        Trouble::NotItsName => (Light::Red, "documents have turned into something else"),
        Trouble::Damage => (Light::Red, "damage was found"),
        Trouble::Spoiled => (Light::Red, "documents that could be opened cannot be opened now"),
        Trouble::LiveDiffers => (Light::Red, "documents on this computer differ from their good backups"),
        Trouble::Failed(_) => (Light::Red, "something failed"),
        Trouble::ExaminedNothing => (Light::Red, "a test or backup examined nothing"),
        Trouble::Unprotected => (Light::Red, "the store does not protect the backups as claimed"),
        Trouble::Refused => (Light::Amber, "a safety check stopped something"),
        Trouble::WrongClock => (Light::Red, "the clock of this computer is or was wrong"),
        Trouble::Undelivered => (Light::Red, "messages were given up"),
        Trouble::Missed => (Light::Amber, "backups were missed; they are made again"),
        Trouble::Incomplete => (Light::Amber, "something was left incomplete"),
        Trouble::Unheard => (Light::Amber, "some messages do not get through"),
        Trouble::PutRight => (Light::Amber, "damage was put right from a copy; the next run looks at it again"),
        // What the log says now stands in a line of its own.
        Trouble::Overdue if covered => (Light::Amber, "a part was not tested in time"),
        Trouble::Overdue => (Light::Red, "a part was not tested in time"),
        Trouble::LimitsTooLow => (Light::Amber, "the limits on testing are too low"),
        Trouble::FallingBehind => (Light::Amber, "a part will not be tested in time"),
        Trouble::Quiet => (Light::Red, "the office server is silent"),
        Trouble::Untested => (Light::Amber, "the backups were not tested for too long"),
        Trouble::ClocksDiffer => (Light::Amber, "clocks do not agree"),
        Trouble::WholeOverdue => (Light::Amber, "a drill of everything is overdue"),
        Trouble::SampleOverdue => (Light::Amber, "a drill is overdue"),
        Trouble::KeysOverdue => (Light::Amber, "a key was not tried for too long"),
    }
}

fn open(input: &StatusInput<'_>, lines: &mut Vec<Line>) {
    if let Some(why) = &input.unopened {
        lines.push(Line { light: Light::Red, text: format!("The backups cannot be opened: {why}") });
    }
    for open in input.open.iter().take(SHOWN) {
        let (light, what) = seen(open.trouble, input.coverage.is_some());
        let (since, words) = (input.people.day(open.since), voices::words(input, &open.reference));
        let resolved = open.resolved.as_ref().map(|r| format!(" ({r})")).unwrap_or_default();
        let light = if open.resolved.is_some() { light.min(Light::Amber) } else { light };
        let text = format!("Since {since}: {what}{resolved}. Reference {}. {}{words}", open.reference, open.cause);
        lines.push(Line { light, text });
    }
    for (number, since, what) in input.incidents.iter().take(SHOWN) {
        let what = match what {
            IncidentKind::NotItsName => "several documents turned into something else",
            _ => "very many records changed at once",
        };
        let text = format!(
            "Since {}: {what} (incident {number}). Look, then: strongroom incident resolve {number} --by NAME --note TEXT",
            input.people.day(*since)
        );
        lines.push(Line { light: Light::Red, text });
    }
    for number in input.voids.iter().take(SHOWN) {
        let text = format!(
            "Entry {number} of the log is void: somebody wrote what they may not. See: strongroom log --verify"
        );
        lines.push(Line { light: Light::Red, text });
    }
    let hidden = input.open.len().saturating_sub(SHOWN);
    if hidden > 0 {
        let text = format!("And {}.", counted(hidden as u64, "other open problem", "other open problems"));
        lines.push(Line { light: Light::Red, text });
    }
}

fn messages(input: &StatusInput<'_>, lines: &mut Vec<Line>) {
    if let Some(since) = input.mail_failing_since {
        let text = format!(
            "Messages have not got through since {}: they do not leave this computer. Try: strongroom notify test",
            input.people.day(since)
        );
        lines.push(Line { light: Light::Red, text });
    }
    if input.messages_lost > 0 {
        let text = format!("{} never arrived.", counted(input.messages_lost, "message", "messages"));
        lines.push(Line { light: Light::Red, text });
    }
    voices::ways(input, lines);
    if input.journal_damaged > 0 {
        let lost = counted(input.journal_damaged, "line", "lines");
        let text = format!("{lost} of this computer's own record cannot be read; dates above may be too old.");
        lines.push(Line { light: Light::Amber, text });
    }
}

fn set_up(input: &StatusInput<'_>, lines: &mut Vec<Line>) {
    let steps = [
        (
            input.store_offsite,
            "To do: the backup is in this building. Keep it elsewhere: set [repository] url to a cloud store.",
        ),
        (
            input.sheet_proved,
            "To do: print the recovery sheet and prove it by typing its key: strongroom key sheet --check",
        ),
        (
            input.unchecked_key_files == 0,
            "To do: key files in the store are not checked, as nobody has proved what they should be. With each holder: \
             strongroom key drill NAME; with the recovery sheet: strongroom key sheet --check",
        ),
        (
            input.clerk != Reached::NoWay,
            "To do: no message reaches the clerk: your provider adds [notify.mail], or a [[notify.webhook]] with role = \"clerk\"",
        ),
        (input.clerk != Reached::Untried, "To do: send a test message to the clerk: strongroom notify test"),
        (
            input.reading_proved,
            if input.reads {
                "To do: nobody has yet proved they can open this. Run: strongroom verify restore"
            } else {
                "To do: nobody has yet proved they can open this. Run: strongroom key sheet --check"
            },
        ),
    ];
    let missing = steps.into_iter().filter(|(done, _)| !done);
    lines.extend(missing.map(|(_, text)| Line { light: Light::Amber, text: text.to_owned() }));
}
