//! Which drills are overdue: what `run`, `status`, `verify drill` and `key drill` need of it.

use crate::cli::failure::Failure;
use crate::cli::shell::Shell;
use crate::cli::telling;
use crate::config::Config;
use crate::domain::coverage::WEEKLY;
use crate::domain::drills::{Drill, Due, Every, due, to_ask_for};
use crate::domain::problem::Exit;
use crate::domain::retention::gate::CLOCK_DOUBT;
use crate::repo::repository::Repository;
use crate::service::runner::JobOutcome;
use crate::service::status::DrillsInput;
use crate::service::words::{Counts, JobKind, Outcome, Trouble};

/// What the configuration wants.
pub fn every(config: &Config) -> Every {
    let weeks = |n: Option<u32>| n.and_then(|n| Some(WEEKLY * i32::try_from(n).ok()?));
    let verify = &config.verify;
    Every {
        sample: weeks(verify.sample_drill_every_weeks),
        whole: weeks(verify.drill_every_weeks),
        key: weeks(verify.key_drill_every_weeks),
    }
}

fn look(shell: &Shell, config: &Config, repo: &Repository) -> Vec<Due> {
    due(repo.state(), &every(config), shell.env.clock.now())
}

/// For the status.
pub fn for_status(shell: &Shell, config: &Config, repo: &Repository) -> DrillsInput {
    DrillsInput { every: every(config), due: look(shell, config, repo) }
}

/// The look of a `run`. That a drill is overdue is told, and is no failure of the run.
///
/// # Errors
/// The log cannot be read.
pub fn of_run(shell: &Shell, config: &Config, repo: &mut Repository) -> Result<JobOutcome, Failure> {
    repo.refresh()?;
    // Under a clock that lies behind the log nothing is late. The clean-up says that it is wrong.
    if repo.state().newest_time.duration_since(shell.env.clock.now()) > CLOCK_DOUBT {
        return Ok(JobOutcome::waiting(Exit::Refused));
    }
    Ok(outcome(&look(shell, config, repo)))
}

/// Journals and tells what is overdue now, after somebody made a drill.
///
/// # Errors
/// The journal cannot be read.
pub fn tell(shell: &Shell, config: &Config, repo: &Repository) -> Result<Exit, Failure> {
    if config.trial {
        return Ok(Exit::Done);
    }
    telling::one_job(shell, config, JobKind::Drills, &outcome(&look(shell, config, repo)))
}

fn outcome(all: &[Due]) -> JobOutcome {
    let overdue = to_ask_for(all);
    let mut troubles: Vec<Trouble> = overdue
        .iter()
        .map(|d| match d.drill {
            Drill::Sample => Trouble::SampleOverdue,
            Drill::Whole => Trouble::WholeOverdue,
            Drill::Key(_) => Trouble::KeysOverdue,
        })
        .collect();
    troubles.sort_unstable();
    troubles.dedup();
    let counts = Counts { files: all.len() as u64, problems: overdue.len() as u64, ..Counts::default() };
    JobOutcome::new(Outcome::Done, troubles, counts, Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{SignedDuration, Timestamp};

    #[test]
    fn a_drill_of_everything_that_is_overdue_asks_for_one_of_a_part_too() {
        let due = |drill| Due {
            drill,
            every: SignedDuration::from_hours(1),
            last: None,
            until: Timestamp::UNIX_EPOCH,
            overdue: true,
        };
        let found = outcome(&[due(Drill::Sample), due(Drill::Whole), due(Drill::Key("clerk".into()))]);
        assert_eq!(found.troubles, [Trouble::WholeOverdue, Trouble::KeysOverdue]);
        assert_eq!(outcome(&[due(Drill::Sample)]).troubles, [Trouble::SampleOverdue]);
    }
}
