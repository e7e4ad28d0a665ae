//! `verify drill`: how long would it take to have everything back?

use crate::cli::args::DrillArgs;
use crate::cli::commands::verify::{as_object, in_words};
use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::telling;
use crate::config::Config;
use crate::domain::problem::Exit;
use crate::ops::verify::{DrillOptions, DrillReport, drill};
use crate::repo::repository::Repository;
use crate::service::journal::Event;
use crate::service::plain::{counted, size};
use crate::service::runner::{Job, JobOutcome};
use crate::service::words::{Counts, JobKind, Outcome, Trouble};

pub fn run(shell: &Shell, config: &Config, repo: &mut Repository, args: &DrillArgs) -> Result<Done, Failure> {
    let to = args.to.clone().unwrap_or_else(|| config.state_dir.join("drill"));
    let progress = shell.progress();
    let options = DrillOptions { set: args.set.clone(), to: to.clone(), keep: args.keep };
    let report = drill(repo, &options, &progress, &shell.stop)?;
    progress.finish();
    for damage in &report.failed {
        shell.out.row(|| in_words(damage), || as_object(damage));
    }
    for problem in &report.problems {
        shell.out.problem(problem);
    }
    say(shell, &report);
    if args.keep {
        shell.out.say(format!("What came back lies in {}; remove it when you have looked at it.", to.display()));
    } else {
        shell.out.say("What came back was removed again.");
    }
    if report.drilled.failed == 0 {
        shell.note(config, Event::ReadingProved)?;
    }
    let told = tell(shell, config, &report)?;
    let d = &report.drilled;
    let done = Done::with_exit(report.exit().worse(told))
        .with("files", d.files)
        .with("bytes", d.bytes)
        .with("stored_bytes", d.stored)
        .with("seconds", d.seconds)
        .with("whole", d.whole)
        .with("failed", d.failed)
        .with("seconds_for_everything", report.seconds_for_everything());
    Ok(done)
}

fn say(shell: &Shell, report: &DrillReport) {
    let d = &report.drilled;
    let all = if d.whole { "Everything" } else { "This set" };
    let wrong = match d.failed {
        0 => ", every one as it was".to_string(),
        n => format!("; {} did NOT come back", counted(n, "document", "documents")),
    };
    shell.out.say(format!(
        "{all} came back in {}: {} ({}), from {} in the store{wrong}.",
        span(d.seconds),
        counted(d.files, "document", "documents"),
        size(d.bytes),
        size(d.stored)
    ));
    if let (false, Some(seconds)) = (d.whole, report.seconds_for_everything()) {
        shell.out.say(format!(
            "At this speed all sets together ({}) would take about {}.",
            size(report.everything),
            span(seconds)
        ));
    }
}

/// A length of time as a person says it.
fn span(seconds: u64) -> String {
    match seconds {
        0..=1 => "a second".into(),
        2..=119 => format!("{seconds} seconds"),
        120..=7199 => counted((seconds + 30) / 60, "minute", "minutes"),
        _ => counted((seconds + 1800) / 3600, "hour", "hours"),
    }
}

/// Journalled and told like any examination: damage at once, and that all came back.
fn tell(shell: &Shell, config: &Config, report: &DrillReport) -> Result<Exit, Failure> {
    let d = &report.drilled;
    let (outcome, troubles) = match (report.damaged, d.failed) {
        (true, _) => (Outcome::Damage, vec![Trouble::Damage]),
        (false, 0) => (Outcome::Done, vec![]),
        (false, _) => (Outcome::Incomplete, vec![Trouble::Incomplete]),
    };
    let counts = Counts { files: d.files, bytes: d.bytes, problems: d.failed, changed: 0 };
    // It reads the newest state only, so it cannot show that older versions are sound.
    let found = JobOutcome { examined_all: false, ..JobOutcome::new(outcome, troubles, counts, report.exit()) };
    let job = Job { kind: JobKind::Verify, set: None, run: Box::new(move || found.clone()) };
    let _lock = shell.lock(config).ok();
    let summary = telling::run_jobs(shell, config, vec![job])?;
    telling::report(shell, &summary);
    Ok(summary.exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_a_person_says_them() {
        let said: Vec<String> = [0, 45, 119, 120, 3600, 7199, 7200, 90_000].map(span).to_vec();
        let meant =
            ["a second", "45 seconds", "119 seconds", "2 minutes", "60 minutes", "120 minutes", "2 hours", "25 hours"];
        assert_eq!(said, meant);
    }
}
