//! `retention approve`, `cancel`, `apply`, `certificate` and `disposals`: how records go.

use serde_json::json;

use super::{can_read, open_to_read, today, with_hint};
use crate::cli::args::{ApplyArgs, ApproveArgs, CancelArgs, CertificateArgs};
use crate::cli::commands::key::shown;
use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::when;
use crate::config::Config;
use crate::domain::id::ActorId;
use crate::domain::log::state::State;
use crate::ops::retention::approve::{self, ApproveOptions, Disposal, Stage};
use crate::service::plain::{counted, size};

const LOOK_AGAIN: &str = "Look at the list again: strongroom retention plan";

pub fn approve(shell: &Shell, args: &ApproveArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let mut repo = open_to_read(shell, &config)?;
    let options = ApproveOptions {
        plan: args.plan.clone(),
        by: args.by.clone(),
        minute: args.minute.clone(),
        zone: config.council.timezone.clone(),
        today: today(shell, &config),
    };
    let progress = shell.progress();
    let approved = approve::approve(&mut repo, &options, &progress, &shell.stop);
    progress.finish();
    let report = approved.map_err(|e| with_hint(e, LOOK_AGAIN))?;
    let entered = repo.state().disposal(report.approval).map(|d| actor(repo.state(), &d.actor)).unwrap_or_default();
    let (plan, number) = (&report.plan, report.approval);
    let records = counted(report.records, "record", "records");
    shell.out.say(format!("Approved: {records}, {}. Disposal {number}, entered by {entered} for {}.", size(report.bytes), shown(args.by.trim())));
    shell.out.say("Nothing has gone yet. The next run, or this, takes them out of listing and restore:");
    shell.out.say(format!("    strongroom retention apply {plan}"));
    shell.out.say(format!("They are deleted {} days later. Until then one line brings them back:", approve::WINDOW.as_hours() / 24));
    shell.out.say(format!("    strongroom retention cancel {plan} --by NAME --reason TEXT"));
    Ok(Done::ok()
        .with("approval", number)
        .with("plan", plan.to_string())
        .with("records", report.records)
        .with("bytes", report.bytes)
        .with("entered_by", entered))
}

/// Who appended something, by the name in the roster.
fn actor(state: &State, id: &ActorId) -> String {
    state.actors.get(id).map_or_else(|| id.short(), |(actor, ..)| shown(&actor.name))
}

pub fn cancel(shell: &Shell, args: &CancelArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let mut repo = shell.open(&config)?;
    let hint = "How far each disposal has gone: strongroom retention disposals";
    let cancelled = approve::cancel(&mut repo, &args.plan, &args.by, &args.reason);
    let approval = cancelled.map_err(|e| with_hint(e, hint))?;
    shell.out.say(format!("Disposal {approval} is called off. Its records are listed and restored again, and stay."));
    Ok(Done::ok().with("approval", approval))
}

pub fn disposals(shell: &Shell) -> Result<Done, Failure> {
    let config = shell.config()?;
    let repo = shell.open(&config)?;
    let all = approve::disposals(repo.state());
    for one in &all {
        shell.out.row(|| line(&config, repo.state(), one), || object(one));
    }
    if all.is_empty() {
        shell.out.say("Nothing was ever approved to go.");
    }
    Ok(Done::ok().with("disposals", all.len()).with("open", all.iter().filter(|d| d.state.is_open()).count()))
}

fn line(config: &Config, state: &State, one: &Disposal) -> String {
    let (d, zone) = (&one.state, &config.council.timezone);
    let entered = when::shown(d.time, zone);
    let records = counted(d.records, "record", "records");
    let head = format!("{:>6}  {}  {records}, {}", d.at, shown(&d.plan), size(d.bytes));
    format!("{head}\n        entered {entered} by {}; {}", actor(state, &d.actor), stage(config, &one.stage))
}

/// How far it has gone, in words.
fn stage(config: &Config, stage: &Stage) -> String {
    let zone = &config.council.timezone;
    match stage {
        Stage::Approved => "approved; nothing has happened yet".into(),
        Stage::Withdrawn { since, deleted_from } => format!(
            "not listed or restored since {}; deleted from {} on, and can be called off until then",
            when::shown(*since, zone),
            when::shown(*deleted_from, zone)
        ),
        Stage::Relisted => "being deleted; cannot be called off any more".into(),
        Stage::Done => "done; strongroom retention certificate writes down what went".into(),
        Stage::Cancelled(entry) => format!("called off in entry {entry}"),
    }
}

fn object(one: &Disposal) -> serde_json::Value {
    let d = &one.state;
    let (word, since, from) = match &one.stage {
        Stage::Approved => ("approved", None, None),
        Stage::Withdrawn { since, deleted_from } => ("withdrawn", Some(since), Some(deleted_from)),
        Stage::Relisted => ("relisted", None, None),
        Stage::Done => ("done", None, None),
        Stage::Cancelled(_) => ("cancelled", None, None),
    };
    json!({
        "message_type": "disposal", "approval": d.at, "plan": d.plan, "stage": word, "records": d.records,
        "bytes": d.bytes, "time": d.time, "withdrawn": since, "deleted_from": from,
        "urgent": d.withdrawn.as_ref().map(|w| w.urgent), "cancelled": d.cancelled, "done": d.done.map(|(at, _)| at),
    })
}
