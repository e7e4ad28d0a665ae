//! `retention disposals`: which plans were approved, by whom, how far each has gone, and why one stands still.

use jiff::Timestamp;
use serde_json::json;

use crate::cli::commands::key::shown;
use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::when;
use crate::config::Config;
use crate::domain::id::ActorId;
use crate::domain::log::state::State;
use crate::ops::retention::disposals::{self, Disposal, Stage, Told, day, told};
use crate::service::history::fold;
use crate::service::plain::{counted, size};
use crate::service::retention::{DisposalSeen, Stopped};

/// Not carried out by the last run: when that was, which, and why.
struct LastRun(Option<Timestamp>, Vec<(DisposalSeen, Stopped)>);

impl LastRun {
    fn stopped(&self, approval: u64) -> Option<Stopped> {
        self.1.iter().find(|(d, _)| d.approval == approval).map(|(_, why)| *why)
    }
}

pub fn run(shell: &Shell) -> Result<Done, Failure> {
    let config = shell.config()?;
    let repo = shell.open(&config)?;
    let journal = fold(&shell.journal(&config).read()?.entries).retention;
    let last = journal.last.map_or(LastRun(None, vec![]), |(at, look)| LastRun(Some(at), look.stopped));
    let all = disposals::disposals(repo.state());
    for one in &all {
        let told = told(&repo, &one.state)?;
        let stopped = last.stopped(one.state.at).filter(|_| one.state.is_open());
        let lines = || lines(&config, repo.state(), one, &told, stopped.map(|why| (last.0, why)));
        shell.out.row(|| shell.out.as_typed(&lines().join("\n        ")), || object(repo.state(), one, &told, stopped));
    }
    if all.is_empty() {
        shell.out.say("Nothing was ever approved to go.");
    } else if !repo.can_read() {
        shell.out.note("Who approved and why can be read at a computer that reads the backups.");
    }
    Ok(Done::ok().with("disposals", all.len()).with("open", all.iter().filter(|d| d.state.is_open()).count()))
}

/// Who appended something, by the name in the roster.
pub fn actor(state: &State, id: &ActorId) -> String {
    state.actors.get(id).map_or_else(|| id.short(), |(actor, ..)| shown(&actor.name))
}

fn lines(
    config: &Config,
    state: &State,
    one: &Disposal,
    told: &Told,
    stopped: Option<(Option<Timestamp>, Stopped)>,
) -> Vec<String> {
    let (d, zone) = (&one.state, &config.council.timezone);
    let (records, by) = (counted(d.records, "record", "records"), told.by_whom());
    let mut lines = vec![format!("{:>6}  {}  {records}, {}", d.at, shown(&d.plan), size(d.bytes))];
    lines.push(format!("approved {}{by}; entered by {}", when::shown(d.time, zone), actor(state, &d.actor)));
    if let Some(why) = &told.urgent {
        lines.push(format!("urgent: {}", shown(why)));
    }
    lines.push(stage(config, one, told));
    if let Some((at, why)) = stopped {
        let at = at.map(|at| format!(" by the run of {}", when::shown(at, zone))).unwrap_or_default();
        lines.push(format!("stopped{at}: {}", why_stopped(why, &shown(&d.plan))));
    }
    lines
}

/// How far it has gone, in words.
pub fn stage(config: &Config, one: &Disposal, told: &Told) -> String {
    let zone = &config.council.timezone;
    let plan = shown(&one.state.plan);
    let on = told.ended.map(|at| format!(" on {}", day(at, zone))).unwrap_or_default();
    match &one.stage {
        Stage::Approved => "nothing has happened yet; can be called off until deletion begins".into(),
        Stage::Withdrawn { since, deleted_from } => format!(
            "not listed or restored since {}; can be called off until deletion begins (not before {})",
            when::shown(*since, zone),
            when::shown(*deleted_from, zone)
        ),
        Stage::Relisted => "being deleted; cannot be called off any more".into(),
        Stage::Done => format!("done{on}; its certificate: strongroom retention certificate {plan} --to DIR"),
        Stage::Cancelled(entry) => match &told.cancelled {
            Some(why) => format!("called off{on} by {}", why.in_words()),
            None => format!("called off{on} in log entry {entry}"),
        },
    }
}

/// Why a run did not carry it out, and what to do.
fn why_stopped(why: Stopped, plan: &str) -> String {
    match why {
        Stopped::Changed => format!(
            "some of its records must stay now, by a hold or a change since. Which: strongroom retention apply {plan}; \
             to give it up: strongroom retention cancel {plan} --by NAME --reason TEXT"
        ),
        Stopped::TooMany => {
            format!("so many records at once need a person who has looked: strongroom retention apply {plan} --large")
        }
        Stopped::SafetyCheck => "a safety check did not pass. The next run tries again".into(),
    }
}

/// The stage as a program reads it.
pub fn stage_word(stage: &Stage) -> &'static str {
    match stage {
        Stage::Approved => "approved",
        Stage::Withdrawn { .. } => "withdrawn",
        Stage::Relisted => "relisted",
        Stage::Done => "done",
        Stage::Cancelled(_) => "cancelled",
    }
}

fn object(state: &State, one: &Disposal, told: &Told, stopped: Option<Stopped>) -> serde_json::Value {
    let d = &one.state;
    let (since, from) = match &one.stage {
        Stage::Withdrawn { since, deleted_from } => (Some(since), Some(deleted_from)),
        _ => (None, None),
    };
    let can_be_called_off = matches!(one.stage, Stage::Approved | Stage::Withdrawn { .. });
    json!({
        "message_type": "disposal", "approval": d.at, "plan": d.plan, "stage": stage_word(&one.stage),
        "records": d.records, "bytes": d.bytes, "time": d.time, "entered_by": actor(state, &d.actor), "by": told.by,
        "minute": told.by.as_ref().map(|_| &told.minute), "withdrawn": since, "deleted_from": from,
        "can_be_called_off": can_be_called_off, "urgent": d.withdrawn.as_ref().map(|w| w.urgent),
        "urgent_reason": told.urgent, "stopped": stopped, "cancelled": d.cancelled,
        "cancelled_by": told.cancelled.as_ref().map(|c| &c.by), "cancel_reason": told.cancelled.as_ref().map(|c| &c.note),
        "done": d.done.map(|(at, _)| at), "ended": told.ended,
    })
}
