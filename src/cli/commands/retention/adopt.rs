//! `retention adopt`: shows what the scheme would change, and puts it in force once a person has read that.

use jiff::civil::Date;
use serde_json::json;

use super::scheme::{file_of, in_words, on_disk, say};
use super::{can_read, today, with_hint};
use crate::cli::args::AdoptArgs;
use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::telling::tell_of_retention;
use crate::cli::wiring;
use crate::domain::log::ruled::SchemeState;
use crate::domain::path::printable;
use crate::domain::retention::adoption::{Adoption, ClassChange, Moved, Shift};
use crate::domain::retention::lint::Severity;
use crate::domain::retention::words::Said;
use crate::ops::retention::adopt::{AdoptOptions, AdoptReport, COOLING_OFF, adopt};
use crate::ops::retention::note::line;
use crate::service::plain::counted;
use crate::service::retention::News;

pub fn run(shell: &Shell, args: &AdoptArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    line("--minute", &args.minute)?;
    let read = on_disk(shell, &file_of(&config)?)?;
    let mut repo = shell.open(&config)?;
    can_read(&repo)?;
    let mut options = AdoptOptions {
        scheme: read.scheme,
        digest: read.digest,
        minute: args.minute.clone(),
        on: args.on,
        zone: config.council.timezone.clone(),
        today: today(shell, &config),
        again: args.again,
        dry_run: true,
    };
    let shown = go(shell, &mut repo, &options)?;
    if let Some(state) = &shown.already {
        return Ok(already(shell, state, options.today));
    }
    show(shell, &shown, &options);
    if shown.errors().next().is_some() {
        let hint = "Put it right in the file, then: strongroom retention lint";
        return Err(Failure::refused("the scheme cannot be adopted as it is; the errors are named above", hint));
    }
    let hint = "Read what would change, above. Then say so: add --yes";
    if !args.yes && !agreed(shell, "Adopt it like this? Type yes: ", ("nothing was adopted", hint))? {
        return Err(Failure::refused("nothing was adopted", ""));
    }
    options.dry_run = false;
    let done = go(shell, &mut repo, &options)?;
    if let Some(state) = &done.already {
        return Ok(already(shell, state, options.today));
    }
    if (&done.changes, done.in_force) != (&shown.changes, shown.in_force) {
        shell.out.warn("Since you were shown what changes, other things have changed too: strongroom retention plan");
    }
    shell.out.say(format!("Adopted. It is in force from {}.", Said(done.in_force)));
    if let (true, Some(entry)) = (done.cooling_off, done.entry) {
        let records = Some(done.changes.earlier());
        let news = News::AdoptedShortening { entry, in_force: done.in_force, records };
        tell_of_retention(shell, &config, &[news]);
    }
    Ok(Done::ok()
        .with("entry", done.entry)
        .with("in_force", done.in_force.to_string())
        .with("cooling_off", done.cooling_off)
        .with("due_earlier", done.changes.earlier())
        .with("newly_due", done.changes.newly_due_on_adoption)
        .with("newly_classed", done.changes.newly_classed)
        .with("no_longer_classed", done.changes.no_longer_classed))
}

/// This very text was adopted last: nothing is to be done.
fn already(shell: &Shell, state: &SchemeState, today: Date) -> Done {
    let since = if state.in_force > today { "adopted already, and counts from" } else { "in force already, since" };
    shell.out.say(format!("This scheme is {since} {}. Nothing was changed.", Said(state.in_force)));
    shell.out.say(in_words(state));
    if state.in_force <= today {
        shell.out.say("Where the council has confirmed it: strongroom retention adopt --again --minute REF --on DATE");
    }
    Done::ok()
        .with("entry", None::<u64>)
        .with("in_force", state.in_force.to_string())
        .with("already", true)
        .with("newly_due", 0)
}

fn go(
    shell: &Shell,
    repo: &mut crate::repo::repository::Repository,
    options: &AdoptOptions,
) -> Result<AdoptReport, Failure> {
    let progress = shell.progress();
    let report = adopt(repo, options, &progress, &shell.stop);
    progress.finish();
    report.map_err(|e| with_hint(e, "strongroom retention lint"))
}

/// Whether a person at the terminal says yes.
pub(super) fn agreed(shell: &Shell, question: &str, (without, hint): (&str, &str)) -> Result<bool, Failure> {
    if !wiring::can_ask() {
        return Err(Failure::refused(format!("{without}: there is no terminal to ask at"), hint));
    }
    eprint_question(question);
    let mut line = String::new();
    shell.typed(&mut std::io::stdin().lock(), &mut line)?;
    Ok(line.trim().eq_ignore_ascii_case("yes"))
}

fn eprint_question(question: &str) {
    use std::io::Write;
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{question}").and_then(|()| stderr.flush());
}

fn show(shell: &Shell, report: &AdoptReport, options: &AdoptOptions) {
    let out = &shell.out;
    for finding in report.findings.iter().filter(|f| f.severity != Severity::Info || out.is_json()) {
        say(shell, finding);
    }
    if let Some(state) = &report.waiting {
        let (minute, day) = (printable(state.minute.as_bytes()), Said(state.in_force));
        if report.cooling_off {
            out.warn(format!(
                "The scheme of minute {minute} still counts from {day}, until this one does. To call it off, first \
                 adopt the one in force again"
            ));
        } else {
            out.say(format!("This calls off the scheme of minute {minute}, which would count from {day}."));
        }
    }
    match &report.before {
        Some(state) => out.say(format!("In force until then: {}", in_words(state))),
        None => out.say("No scheme was adopted before: so far everything is kept."),
    }
    let changes = &report.changes;
    for (class, change) in changes.classes.iter().filter(|(_, c)| !matches!(c, ClassChange::Added)) {
        let object = || json!({"message_type": "class_change", "class": class, "change": change.to_string()});
        out.row(|| format!("Class {class} {change}."), object);
    }
    let added = changes.classes.iter().filter(|(_, c)| matches!(c, ClassChange::Added)).count() as u64;
    if added > 0 {
        out.say(format!("{} new.", counted(added, "class is", "classes are")));
    }
    for (moved, word) in changes.now_due_earlier.iter().map(|m| (m, "earlier")).chain(later(changes)) {
        moves(shell, moved, word);
    }
    for (records, sentence) in [
        (changes.newly_classed, "would have a class and had none"),
        (changes.no_longer_classed, "would have no class any more, and be kept"),
    ] {
        if records > 0 {
            out.say(format!("{} {sentence}.", counted(records, "record", "records")));
        }
    }
    if changes.newly_due_on_adoption > 0 {
        let records = counted(changes.newly_due_on_adoption, "record", "records");
        out.say(format!("{records} would become due by {}; without it they would be kept.", Said(report.in_force)));
    }
    if report.cooling_off {
        out.say(format!(
            "It lets something go sooner, or go at all, so it waits {COOLING_OFF} days: in force from {}. Until then \
             people can object.",
            Said(report.in_force)
        ));
        if report.before.is_some() && changes.lengthens() {
            out.say("What it would keep longer is kept from now on all the same.");
        }
    } else {
        out.say(format!("By minute {} it would be in force from {}.", options.minute.trim(), Said(report.in_force)));
    }
}

fn later(changes: &Adoption) -> impl Iterator<Item = (&Moved, &'static str)> {
    changes.later.iter().map(|m| (m, "later"))
}

fn moves(shell: &Shell, moved: &Moved, word: &str) {
    let class = moved.class.as_deref().unwrap_or("no class");
    let line = || {
        let records = counted(moved.records, "record", "records");
        match (moved.by, word) {
            (Shift::Never, "later") => format!("{records} ({class}) would not become due any more."),
            (Shift::Never, _) => format!("{records} ({class}) would become due; so far nothing lets them go."),
            (by, word) => format!("{records} ({class}) would become due {by} {word}."),
        }
    };
    let object = || {
        json!({"message_type": "moved", "class": moved.class, "records": moved.records, "direction": word,
            "by": moved.by.to_string()})
    };
    shell.out.row(line, object);
}
