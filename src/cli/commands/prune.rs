//! `prune`: drops old snapshots by the rule, then reclaims what no snapshot needs; and the steps of `run`.

use jiff::SignedDuration;
use serde_json::json;

use super::key::shown;
use crate::cli::args::PruneArgs;
use crate::cli::failure::Failure;
use crate::cli::hints::{Advice, advice};
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::when;
use crate::config::Config;
use crate::domain::log::entry::Role;
use crate::domain::problem::Exit;
use crate::domain::retention::gate::Refusal;
use crate::domain::retention::thinning::{Fate, KeepRule};
use crate::ops::OpsError;
use crate::ops::prune::{Amount, PruneOptions, PruneReport, ThinReport, circumstances, prune, thin};
use crate::ops::verify::any_spoiled;
use crate::repo::repository::Repository;
use crate::service::history::fold;
use crate::service::plain::{counted, size};
use crate::service::runner::JobOutcome;
use crate::service::words::{Counts, Outcome, Trouble};

const HOURS_A_DAY: i64 = 24;

pub fn run(shell: &Shell, args: &PruneArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let _lock = shell.lock(&config)?;
    let mut repo = shell.open_fresh(&config)?;
    let rule = rule(&config, args);
    let days = args.grace.unwrap_or(config.retention.prune_grace_days);
    let options = PruneOptions { person: args.yes, dry_run: args.dry_run, ..options(days) };
    let now = circumstances(&repo, options.grace, args.yes);
    let thinned = thin(&mut repo, &rule, &config.council.timezone, &now, args.dry_run)?;
    say_thinned(shell, &config, &thinned, &rule, args.dry_run);
    let progress = shell.progress();
    let report = prune(&mut repo, &options, &progress, &shell.stop)?;
    progress.finish();
    say_pruned(shell, &config, &report, args.dry_run);
    let held = !args.dry_run && only_held(&thinned, &report);
    let exit = if held { report.exit().worse(Exit::Refused) } else { report.exit() };
    Ok(Done::with_exit(exit)
        .with("snapshots", thinned.snapshots.len())
        .with("thinned", thinned.thinned().count())
        .with("held", thinned.held().count())
        .with("condemned", report.condemned.packs)
        .with("swept", report.swept.packs)
        .with("bytes", report.swept.bytes)
        .with("deleted", report.deleted)
        .with("bytes_deleted", report.deleted_bytes)
        .with("refused", report.refused)
        .with("waiting", report.waiting.packs)
        .with("bytes_stored", repo.state().stored_bytes())
        .with("dry_run", args.dry_run))
}

fn options(days: u32) -> PruneOptions {
    PruneOptions { grace: SignedDuration::from_hours(i64::from(days) * HOURS_A_DAY), ..PruneOptions::default() }
}

/// The configured rule, unless any part of another was typed.
fn rule(config: &Config, args: &PruneArgs) -> KeepRule {
    let typed = [args.keep_last, args.keep_daily, args.keep_weekly, args.keep_monthly, args.keep_yearly];
    if typed.iter().any(Option::is_some) {
        let [last, daily, weekly, monthly, yearly] = typed.map(Option::unwrap_or_default);
        return KeepRule { last, daily, weekly, monthly, yearly };
    }
    configured(config)
}

fn configured(config: &Config) -> KeepRule {
    let r = config.retention;
    KeepRule {
        last: r.keep_last,
        daily: r.keep_daily,
        weekly: r.keep_weekly,
        monthly: r.keep_monthly,
        yearly: r.keep_yearly,
    }
}

fn say_thinned(shell: &Shell, config: &Config, report: &ThinReport, rule: &KeepRule, dry: bool) {
    for s in report.snapshots.iter().filter(|_| dry || shell.out.is_json()) {
        let (word, why) = (if s.fate == Fate::Thin { "thin" } else { "keep" }, s.fate.why());
        let holds: &[u64] = if let Fate::Held(holds) = &s.fate { holds } else { &[] };
        let line = || {
            let taken = when::shown(s.time, &config.council.timezone);
            format!("{word:<6}{:>8}  {:<16}{taken}  {why}", s.id.0, shown(&s.set))
        };
        let object = || json!({"message_type": "fate", "snapshot": s.id, "set": s.set, "time": s.time, "fate": word, "why": why, "holds": holds});
        shell.out.row(line, object);
    }
    let kept = report.snapshots.len() - report.thinned().count();
    let verb = if dry { "Would thin" } else { "Thinned" };
    shell.out.say(format!(
        "{verb} {}, kept {kept} (rule: {}). The last version of every deleted record stays.",
        counted(report.thinned().count() as u64, "snapshot", "snapshots"),
        rule.describe()
    ));
    let held = report.held().count() as u64;
    if held > 0 {
        let stay = if held == 1 { "stays" } else { "stay" };
        shell.out.note(format!(
            "{} that the rule would let go {stay}: a hold touches records in {}. See: strongroom hold list",
            counted(held, "snapshot", "snapshots"),
            if held == 1 { "its set" } else { "their sets" },
        ));
    }
}

/// A hold stood in the way of all there was to do.
fn only_held(thinned: &ThinReport, pruned: &PruneReport) -> bool {
    let amounts = [&pruned.condemned, &pruned.swept];
    let reclaimed = pruned.deleted + amounts.iter().map(|a| a.packs + a.indexes).sum::<u64>() > 0;
    thinned.held().next().is_some() && thinned.thinned().next().is_none() && !reclaimed
}

fn say_pruned(shell: &Shell, config: &Config, report: &PruneReport, dry: bool) {
    let out = &shell.out;
    let packs = |a: &Amount| format!("{} ({})", counted(a.packs, "pack", "packs"), size(a.bytes));
    let quiet = report.condemned.packs + report.swept.packs + report.deleted + report.refused == 0;
    if quiet {
        out.say("Nothing to reclaim now.");
    } else if dry {
        out.say(format!("Would condemn {} and sweep {}.", packs(&report.condemned), packs(&report.swept)));
    } else {
        out.say(format!("Condemned {}, swept {}.", packs(&report.condemned), packs(&report.swept)));
        out.say(format!(
            "Deleted {} from the store, {}.",
            counted(report.deleted, "object", "objects"),
            size(report.deleted_bytes)
        ));
    }
    if report.waiting.packs > 0 {
        let next = report.next_sweep.map(|t| format!(", the first until {}", when::shown(t, &config.council.timezone)));
        out.say(format!("{} wait{}.", packs(&report.waiting), next.unwrap_or_default()));
    }
    if report.refused > 0 {
        let why = report.refused_why.as_deref().unwrap_or("no reason given");
        let refused = counted(report.refused, "deletion was", "deletions were");
        out.note(format!("{refused} refused by the store (object lock, or a key that may not delete): {why}"));
    }
    if let Some(refusal) = &report.held_back {
        out.error(&refused(refusal));
    }
}

fn refused(refusal: &Refusal) -> Advice {
    advice(&OpsError::from(refusal.clone()).into())
}

/// Whether this computer may thin and prune; a write-only one leaves it to others.
fn may_prune(shell: &Shell, repo: &Repository) -> bool {
    let may = is_pruner(repo);
    if !may {
        shell.out.say("This computer may not thin or prune: that is done elsewhere.");
    }
    may
}

fn is_pruner(repo: &Repository) -> bool {
    repo.machine.as_ref().is_some_and(|m| m.seed_for(&[Role::Pruner]).is_some())
}

/// Whether people were told of documents that do not open any more, and it was not put right.
fn told_of_spoiled(shell: &Shell, config: &Config) -> Result<bool, Failure> {
    let journal = fold(&shell.journal(config).read()?.entries);
    let mut open = journal.open.values().filter(|o| o.resolved.is_none()).flat_map(|o| &o.causes);
    Ok(open.any(|c| matches!(c.trouble, Trouble::Spoiled | Trouble::NotItsName | Trouble::ManyNotItsName)))
}

/// The thinning of a `run`.
///
/// # Errors
/// Whatever ends it.
pub fn thin_of_run(shell: &Shell, config: &Config, repo: &mut Repository) -> Result<JobOutcome, Failure> {
    if !may_prune(shell, repo) {
        return Ok(JobOutcome::done(Counts::default()));
    }
    // Noted here, or told and not put right yet: the one may be lost without the other.
    if any_spoiled(&shell.state(config)) || told_of_spoiled(shell, config)? {
        shell.out.note("Nothing is thinned: documents do not open any more, and their last sound versions must stay.");
        return Ok(waits_for_a_person());
    }
    // No local file decides what is given up.
    *repo = shell.open_fresh(config)?;
    let rule = configured(config);
    let now = circumstances(repo, options(config.retention.prune_grace_days).grace, false);
    let report = match thin(repo, &rule, &config.council.timezone, &now, false) {
        Err(OpsError::Refused(refusal @ Refusal::Incident(_))) => {
            shell.out.error(&refused(&refusal));
            return Ok(waits_for_a_person());
        }
        other => other?,
    };
    say_thinned(shell, config, &report, &rule, false);
    Ok(JobOutcome::done(Counts { files: report.thinned().count() as u64, ..Counts::default() }))
}

/// The incident is what people are told of; that it holds this back is no second cause.
fn waits_for_a_person() -> JobOutcome {
    JobOutcome { exit: Exit::Refused, ..JobOutcome::done(Counts::default()) }
}

/// The pruning of a `run`.
///
/// # Errors
/// Whatever ends it.
pub fn prune_of_run(shell: &Shell, config: &Config, repo: &mut Repository) -> Result<JobOutcome, Failure> {
    if !is_pruner(repo) {
        return Ok(JobOutcome::done(Counts::default()));
    }
    let progress = shell.progress();
    let report = prune(repo, &options(config.retention.prune_grace_days), &progress, &shell.stop)?;
    progress.finish();
    say_pruned(shell, config, &report, false);
    let counts =
        Counts { files: report.deleted, bytes: report.deleted_bytes, problems: report.refused, ..Counts::default() };
    if let Some(Refusal::Incident(_)) = report.held_back {
        return Ok(waits_for_a_person());
    }
    let (outcome, troubles) = match report.exit() {
        // The incident itself was told of by whoever met it.
        Exit::Refused if matches!(report.held_back, Some(Refusal::Incident(_))) => (Outcome::Refused, vec![]),
        Exit::Refused if matches!(report.held_back, Some(Refusal::Clock(_))) => {
            (Outcome::Refused, vec![Trouble::WrongClock])
        }
        Exit::Refused => (Outcome::Refused, vec![Trouble::Refused]),
        Exit::Incomplete => (Outcome::Incomplete, vec![Trouble::Incomplete]),
        _ => (Outcome::Done, vec![]),
    };
    let waits = outcome == Outcome::Refused && troubles.is_empty();
    Ok(JobOutcome { waits, ..JobOutcome::new(outcome, troubles, counts, report.exit()) })
}
