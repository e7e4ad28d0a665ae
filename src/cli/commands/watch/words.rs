//! One line for each council, or one object. Whatever comes from a store is made visible, short and one line.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Found;
use crate::cli::shell::Shell;
use crate::cli::when::shown;
use crate::config::{Eyes, Watched};
use crate::domain::heartbeat::Health;
use crate::domain::path::printable;
use crate::domain::problem::Exit;
use crate::service::plain::{counted, span};
use crate::service::watch::{Judged, SetJudged};
use crate::service::words::word;

/// What is shown of what a store says: what it is about stands first, whose credentials were refused last.
const FIRST: usize = 200;
const LAST: usize = 300;

/// Shows what one look came to.
pub fn show(shell: &Shell, council: &Watched, found: &Found, exit: Exit) {
    let name = &council.config.council.name;
    let zone = &council.config.council.timezone;
    let (state, said) = match found {
        Found::Judged(judged, strange) => (state_of(judged), judged_in_words(judged, *strange, zone)),
        Found::Blind(advice) => (blind(advice.exit), one_line(&advice.message)),
    };
    let line = || format!("{:<11} {name}: {said}", state.to_uppercase());
    let object = || {
        let mut object = json!({
            "message_type": "council", "name": name, "id": council.id, "state": state, "exit": exit as u8,
            "sees": if matches!(council.eyes, Eyes::Key(_)) { "log" } else { "heartbeat" }, "said": said,
        });
        if let Found::Judged(judged, strange) = found {
            add(&mut object, judged, *strange);
        }
        object
    };
    shell.out.row(line, object);
}

/// The state in a word: the gravest thing there is.
fn state_of(judged: &Judged) -> &'static str {
    match judged {
        j if j.changed.is_some() => "changed",
        j if j.junk > 0 => "forged",
        j if j.health == Some(Health::Red) && !j.quiet => "problem",
        j if j.quiet => "silent",
        j if j.exit() == Exit::Stale && !j.untested && j.sets.iter().all(|s| !s.overdue) => "clock",
        j if j.exit() == Exit::Stale => "overdue",
        _ => "ok",
    }
}

fn blind(exit: Exit) -> &'static str {
    match exit {
        Exit::Damage => "changed",
        Exit::NoRepository => "gone",
        Exit::WrongKey => "wrong key",
        _ => "no answer",
    }
}

fn judged_in_words(judged: &Judged, strange: usize, zone: &TimeZone) -> String {
    let mut parts = vec![];
    parts.extend(judged.changed.as_deref().map(one_line));
    let health = judged.health.map(|h| format!(" ({})", word(&h))).unwrap_or_default();
    parts.push(match judged.alive {
        Some(at) if judged.quiet => format!("silent since {}{health}", shown(at, zone)),
        Some(at) => format!("heard {}{health}", shown(at, zone)),
        None => String::from("never heard"),
    });
    parts.extend(judged.sets.iter().map(|set| set_in_words(set, zone)));
    let tested = judged.tested.map(|at| format!("tested {}", shown(at, zone)));
    parts.extend(match judged.untested {
        true => Some(tested.map_or_else(|| String::from("never tested"), |t| format!("{t} (too long ago)"))),
        false => tested,
    });
    let clock = |by: SignedDuration, whose: &str, than: &str| {
        let way = if by.is_negative() { "behind" } else { "ahead of" };
        format!("the {whose} clock is {} {way} {than}", span(by.unsigned_abs().as_secs()))
    };
    parts.extend(judged.office_clock.map(|by| clock(by, "office's", "the store's")));
    parts.extend(judged.store_clock.map(|by| clock(by, "store's", "this computer's")));
    if judged.from_future && judged.office_clock.is_none() && judged.store_clock.is_none() {
        parts.push(String::from("something is dated in the future: a clock is or was wrong"));
    }
    if judged.junk > 0 {
        let objects = counted(judged.junk as u64, "heartbeat is", "heartbeats are");
        parts.push(format!("{objects} not signed by this council: somebody wrote into the store"));
    }
    if strange > 0 {
        let objects = counted(strange as u64, "object", "objects");
        parts.push(format!("{objects} beside the heartbeats, by nobody known: a new computer?"));
    }
    parts.join("; ")
}

fn set_in_words(set: &SetJudged, zone: &TimeZone) -> String {
    let name = match (&set.name, &set.label) {
        (Some(name), _) => name.as_str().to_owned(),
        (None, Some(label)) => format!("set {label}"),
        (None, None) => String::from("a set"),
    };
    let last = set.last.map_or_else(|| String::from("never"), |at: Timestamp| shown(at, zone));
    format!("{name} {last}{}", if set.overdue { " (overdue)" } else { "" })
}

fn add(object: &mut Value, judged: &Judged, strange: usize) {
    object["heard"] = json!(judged.alive);
    object["silent"] = json!(judged.quiet);
    object["light"] = json!(judged.health);
    object["sets"] = json!(judged.sets);
    object["tested"] = json!(judged.tested);
    object["untested"] = json!(judged.untested);
    object["changed"] = json!(judged.changed.is_some());
    object["office_clock_seconds"] = json!(judged.office_clock.map(|by| by.as_secs()));
    object["store_clock_seconds"] = json!(judged.store_clock.map(|by| by.as_secs()));
    object["from_future"] = json!(judged.from_future);
    object["not_signed"] = json!(judged.junk);
    object["by_others"] = json!(strange);
}

/// Of what a failure says: the words may be a server's own. They are those of a council.toml, which here has another name.
fn one_line(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    let letters: Vec<char> = printable(words.join(" ").as_bytes()).chars().collect();
    let text: String = match letters.len().checked_sub(FIRST + LAST) {
        Some(left) if left > 0 => {
            letters[..FIRST].iter().chain(&['…']).chain(&letters[letters.len() - LAST..]).collect()
        }
        _ => letters.into_iter().collect(),
    };
    text.replace("council.toml", "watch.toml")
}
