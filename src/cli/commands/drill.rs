//! `verify drill`: how long would it take to have everything back?

use std::path::PathBuf;

use super::drills;
use crate::cli::args::DrillArgs;
use crate::cli::commands::verify::{as_object, in_words};
use crate::cli::failure::Failure;
use crate::cli::hints;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::telling;
use crate::config::Config;
use crate::domain::problem::Exit;
use crate::ops::verify::drill::{Projection, projection};
use crate::ops::verify::{DrillOptions, DrillReport, clear_scratch, drill};
use crate::repo::local::try_lock;
use crate::repo::repository::Repository;
use crate::service::journal::Event;
use crate::service::plain::{counted, size, span};
use crate::service::runner::JobOutcome;
use crate::service::words::{Counts, JobKind, Outcome, Trouble};

/// Where drills land unless somebody says where.
pub fn place(config: &Config) -> PathBuf {
    config.state_dir.join("drill")
}

pub fn run(shell: &Shell, config: &Config, repo: &mut Repository, args: &DrillArgs) -> Result<Done, Failure> {
    let to = args.to.clone().unwrap_or_else(|| place(config));
    // In our own place lies what a drill that was killed left behind, if anything.
    let _lock = match &args.to {
        Some(_) => None,
        None => {
            clear_scratch(&to);
            Some(try_lock(&to.with_extension("lock"))?.ok_or_else(hints::another_job)?)
        }
    };
    let progress = shell.progress();
    let sample = args.sample.map(|s| s.0);
    let options = DrillOptions { set: args.set.clone(), sample, to: to.clone(), keep: args.keep };
    let report = drill(repo, &options, &progress, &shell.stop)?;
    progress.finish();
    for damage in &report.failed {
        shell.out.row(|| in_words(damage), || as_object(damage));
    }
    for problem in &report.problems {
        shell.out.problem(problem);
    }
    let projected = projection(repo.state(), &report.drilled, args.link_mbit);
    say(shell, &report, projected, args.link_mbit);
    match &report.left_behind {
        Some(why) => shell.out.warn(format!("What came back is still there, unlocked: {why}. Remove it yourself.")),
        None if args.keep => {
            shell
                .out
                .say(format!("What came back lies in {}; remove it when you have looked at it.", report.dir.display()));
        }
        None => shell.out.say("What came back was removed again."),
    }
    if report.drilled.failed == 0 {
        shell.note(config, Event::ReadingProved)?;
    }
    let told = tell(shell, config, &report)?.worse(drills::tell(shell, config, repo)?);
    let d = &report.drilled;
    let left = if report.left_behind.is_some() { Exit::Incomplete } else { Exit::Done };
    let done = Done::with_exit(report.exit().worse(told).worse(left))
        .with("files", d.files)
        .with("bytes", d.bytes)
        .with("stored_bytes", d.stored)
        .with("seconds", d.seconds)
        .with("whole", d.whole)
        .with("failed", d.failed)
        .with("sampled", d.sampled)
        .with("entry", report.entry)
        .with("bytes_per_second", rate(d.bytes, d.seconds))
        .with("stored_bytes_per_second", rate(d.stored, d.seconds))
        .with("bytes_of_everything", projected.map(|p| p.bytes))
        .with("stored_bytes_of_everything", projected.map(|p| p.stored))
        .with("seconds_for_everything", projected.map(|p| p.seconds));
    Ok(done)
}

/// Bytes in a second; one that took less counts as one.
fn rate(bytes: u64, seconds: u64) -> u64 {
    bytes / seconds.max(1)
}

fn say(shell: &Shell, report: &DrillReport, projected: Option<Projection>, link: Option<u32>) {
    let d = &report.drilled;
    if d.failed > 0 {
        let (all, came) = (d.files + d.failed, size(d.bytes));
        let of = counted(all, "document", "documents");
        shell.out.warn(format!("{} of {of} did NOT come back. {} did ({came}).", d.failed, d.files));
        return;
    }
    let all = match (d.whole, d.sampled) {
        (true, _) => "Everything",
        (_, true) => "A sample",
        _ => "This set",
    };
    shell.out.say(format!(
        "{all} came back in {}: {} ({}), every one as it was, from {} in the store.",
        span(d.seconds),
        counted(d.files, "document", "documents"),
        size(d.bytes),
        size(d.stored)
    ));
    shell.out.say(format!(
        "Measured: {} a second from the store, {} a second to the disk.",
        size(rate(d.stored, d.seconds)),
        size(rate(d.bytes, d.seconds))
    ));
    let Some(p) = projected else { return };
    let over = link.map(|mbit| format!(", over a link of {mbit} Mbit/s,")).unwrap_or_default();
    if !d.whole || link.is_some() {
        shell.out.say(format!(
            "At this speed{over} everything ({}, {} in the store) would take about {}.",
            size(p.bytes),
            size(p.stored),
            span(p.seconds)
        ));
    }
}

/// What did not come back is told like the findings of any examination. That all came back stands in the log: it says
/// nothing about older versions, or whether documents open, so it closes nothing.
fn tell(shell: &Shell, config: &Config, report: &DrillReport) -> Result<Exit, Failure> {
    let d = &report.drilled;
    if d.failed == 0 {
        return Ok(Exit::Done);
    }
    let (outcome, troubles) = if report.damaged {
        (Outcome::Damage, vec![Trouble::Damage])
    } else {
        (Outcome::Incomplete, vec![Trouble::Incomplete])
    };
    let counts = Counts { files: d.files, bytes: d.bytes, problems: d.failed, ..Counts::default() };
    let found = JobOutcome { examined_all: false, ..JobOutcome::new(outcome, troubles, counts, report.exit()) };
    telling::one_job(shell, config, JobKind::Verify, &found)
}
