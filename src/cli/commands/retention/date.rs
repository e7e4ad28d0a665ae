//! `retention date`: the day from which records count, where only a person knows it.

use serde_json::json;

use super::adopt::agreed;
use super::{Ground, examples, ground, open_to_read, pattern, today, with_hint};
use crate::cli::args::DateArgs;
use crate::cli::commands::key::shown;
use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::domain::path::printable;
use crate::domain::retention::words::Said;
use crate::ops::OpsError;
use crate::ops::retention::date::{DateReport, RecordDate, list, record};
use crate::service::plain::{counted, number};

pub fn run(shell: &Shell, args: &DateArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let mut repo = open_to_read(shell, &config)?;
    let ground = ground(shell, &config, &mut repo, today(shell, &config))?;
    let (Some(what), Some(trigger), Some(on), Some(by)) = (&args.what, &args.trigger, &args.on, &args.by) else {
        return Ok(recorded(shell, &ground));
    };
    if *on > today(shell, &config) && !args.anyway {
        let why = format!("{} lies ahead, and a day is never taken back. Say --anyway if it is meant", Said(*on));
        return Err(with_hint(OpsError::InTheWay(why), "Give the day on which it happened: --on YYYY-MM-DD"));
    }
    // Nobody can believe a file's own day before then either; a person's birth may lie there.
    if *on < jiff::civil::date(1980, 1, 2) && trigger.to_string() != "date-of-birth" && !args.anyway {
        let why = format!("{} is very long ago, and a day is never taken back. Say --anyway if it is meant", Said(*on));
        return Err(with_hint(OpsError::InTheWay(why), "Give the day on which it happened: --on YYYY-MM-DD"));
    }
    let options = RecordDate {
        pattern: pattern(&config, what)?,
        trigger: trigger.clone(),
        on: *on,
        by: by.clone(),
        anyway: args.anyway,
        dry_run: true,
    };
    let hint = "See how records are called: strongroom find NAME";
    let mut report = record(&mut repo, &options, &ground.facts, &ground.law).map_err(|e| with_hint(e, hint))?;
    if report.is_broad() {
        say_classes(shell, &report);
    }
    if !args.dry_run {
        let hint = "Read what it fits, above; see all of it with --dry-run. Then say so: add --yes";
        if report.is_broad()
            && !args.yes
            && !agreed(shell, "Record this day for all of them? Type yes: ", ("nothing was recorded", hint))?
        {
            return Err(Failure::refused("nothing was recorded", ""));
        }
        let options = RecordDate { dry_run: false, ..options.clone() };
        report = record(&mut repo, &options, &ground.facts, &ground.law).map_err(|e| with_hint(e, hint))?;
    }
    say(shell, &options, &report);
    Ok(Done::ok()
        .with("entry", report.entry)
        .with("records", report.records)
        .with("counting", report.counting)
        .with("dry_run", args.dry_run))
}

fn say(shell: &Shell, options: &RecordDate, report: &DateReport) {
    let out = &shell.out;
    let done = if report.entry.is_some() { "Recorded" } else { "Would be recorded" };
    let fits = match report.records {
        0 => "It fits no record yet".to_owned(),
        n if n > report.examples.len() as u64 => {
            format!("It fits {}, such as {}", counted(n, "record", "records"), examples(&report.examples))
        }
        n => format!("It fits {}: {}", counted(n, "record", "records"), examples(&report.examples)),
    };
    let (trigger, pattern) = (&options.trigger, printable(options.pattern.as_bytes()));
    out.say(format!("{done}: {trigger} of {pattern} was on {}. {fits}.", Said(options.on)));
    match report.counting {
        n if n == report.records => {}
        0 => out.note(format!("None of them is of a class that counts from {trigger}, so this changes nothing yet.")),
        n => out
            .note(format!("{n} of them are of a class that counts from {trigger}; for the others it changes nothing.")),
    }
    if report.newly_due > 0 {
        let how = if report.entry.is_some() { "became" } else { "would become" };
        out.say(format!("{} {how} due by it.", counted(report.newly_due, "record", "records")));
    }
    if report.entry.is_some() {
        out.say("A day is never taken back: of several for one record, the latest counts.");
    }
}

/// How many of each class, before a person agrees.
fn say_classes(shell: &Shell, report: &DateReport) {
    shell.out.say(format!("This fits {}:", counted(report.records, "record", "records")));
    for (class, records) in &report.classes {
        let name = class.as_deref().unwrap_or("no class");
        let line = || format!("{:>12}  {name}", number(*records));
        let object = || json!({"message_type": "class_fitted", "class": class, "records": records});
        shell.out.row(line, object);
    }
}

/// All that was recorded so far.
fn recorded(shell: &Shell, ground: &Ground) -> Done {
    let all = list(&ground.law, Some(&ground.facts));
    for one in &all {
        let d = &one.date;
        let line = || {
            let records = counted(one.records.unwrap_or_default(), "record", "records");
            let (trigger, pattern, by) = (&d.trigger, printable(d.pattern.as_bytes()), shown(&d.by));
            format!("{:>6}  {trigger} {}  {pattern}  ({records}; by {by})", d.at, Said(d.on))
        };
        let object = || {
            json!({"message_type": "date", "entry": d.at, "pattern": d.pattern, "trigger": d.trigger, "on": d.on,
                "by": d.by, "records": one.records})
        };
        shell.out.row(line, object);
    }
    if all.is_empty() {
        shell.out.say("No day was recorded yet.");
    }
    Done::ok().with("dates", all.len())
}
