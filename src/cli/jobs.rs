//! From an operation's end to what the runner journals and tells: outcome, trouble, counts, exit code.

use crate::domain::problem::Exit;
use crate::domain::retention::gate::Refusal;
use crate::ops::OpsError;
use crate::ops::error::SourceFault;
use crate::repo::error::RepoError;
use crate::repo::store::StoreFault;
use crate::service::runner::JobOutcome;
use crate::service::words::{Counts, Outcome, Trouble, Why};

use super::failure::Failure;
use super::hints::advice;

/// The most that the journal keeps of what a failure says.
const LONGEST_SENTENCE: usize = 1000;

/// The end of a job that failed as a whole.
pub fn failed(failure: &Failure) -> JobOutcome {
    let advice = advice(failure);
    let exit = advice.exit;
    let outcome = match failure {
        Failure::Ops(e) => of_operation(e, exit),
        Failure::Journal(e) if e.is_full() => JobOutcome::failed(Why::LocalDiskFull, exit),
        Failure::Journal(_) => JobOutcome::failed(Why::NoRecord, exit),
        Failure::Config(_) => JobOutcome::failed(Why::StoreRefused, exit),
        _ => JobOutcome::failed(Why::Other, exit),
    };
    JobOutcome { said: Some(one_line(&advice.message)), ..outcome }
}

/// The end of an examination that found damage before an error ended it: the damage is the outcome, and both are told.
pub fn ended_by(found: JobOutcome, error: &OpsError) -> JobOutcome {
    let mut troubles = found.troubles;
    for trouble in of_operation(error, error.exit()).troubles {
        if !troubles.contains(&trouble) {
            troubles.push(trouble);
        }
    }
    let said = Some(one_line(&error.to_string()));
    JobOutcome { troubles, said, examined_all: false, waits: false, ..found }
}

/// It is shown in a list.
pub fn one_line(message: &str) -> String {
    let said = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    said.chars().take(LONGEST_SENTENCE).collect()
}

/// The end of reading a configuration that cannot be used, in a run that goes on with the last good one.
pub fn configuration(failure: &Failure) -> JobOutcome {
    let said = advice(failure).message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let said = Some(said.chars().take(LONGEST_SENTENCE).collect());
    let counts = Counts { last_settings: true, ..Counts::default() };
    JobOutcome { said, counts, ..JobOutcome::failed(Why::Other, Exit::Failed) }
}

/// The end of every job of a run whose repository could not be opened: one cause for all of them.
pub fn not_opened(failure: &Failure) -> JobOutcome {
    let outcome = failed(failure);
    let shared = |t: &Trouble| match t {
        Trouble::Failed(why) => why.is_shared(),
        Trouble::Damage | Trouble::HistoryChanged => true,
        _ => false,
    };
    if outcome.troubles.iter().all(shared) {
        return outcome;
    }
    JobOutcome { said: outcome.said, ..JobOutcome::failed(Why::NotOpened, outcome.exit) }
}

fn of_operation(error: &OpsError, exit: Exit) -> JobOutcome {
    let ended = |outcome, trouble| JobOutcome::new(outcome, vec![trouble], Counts::default(), exit);
    match error {
        OpsError::Repo(RepoError::RolledBack { .. } | RepoError::AnotherRepository { .. }) => {
            ended(Outcome::Damage, Trouble::HistoryChanged)
        }
        OpsError::Unreadable(_) => ended(Outcome::Damage, Trouble::Damage),
        OpsError::Repo(e) if e.is_damage() => ended(Outcome::Damage, Trouble::Damage),
        OpsError::Repo(RepoError::NoRole(_) | RepoError::AlreadyThere(_)) => ended(Outcome::Refused, Trouble::Refused),
        // The incident itself was told of by whoever met it; what waits for it is no news.
        OpsError::Refused(Refusal::Incident(_)) => JobOutcome::waiting(exit),
        OpsError::Refused(Refusal::Clock(_)) => ended(Outcome::Refused, Trouble::WrongClock),
        OpsError::Refused(_) | OpsError::InTheWay(_) => ended(Outcome::Refused, Trouble::Refused),
        OpsError::Nothing(_) => ended(Outcome::Failed, Trouble::ExaminedNothing),
        other => JobOutcome::failed(why(other), exit),
    }
}

fn why(error: &OpsError) -> Why {
    match error {
        OpsError::Source { kind: SourceFault::Missing, .. } => Why::SourceMissing,
        OpsError::Source { kind: SourceFault::Unreadable, .. } => Why::SourceUnreadable,
        OpsError::Source { kind: SourceFault::Empty, .. } => Why::SourceEmpty,
        OpsError::Source { kind: SourceFault::Unmounted, .. } => Why::SourceNotMounted,
        OpsError::Repo(e) => repository(e),
        _ => Why::Other,
    }
}

fn repository(error: &RepoError) -> Why {
    match error {
        RepoError::Interrupted => Why::Interrupted,
        RepoError::WrongKey | RepoError::NoKeys(_) | RepoError::Bundle(_) => Why::WrongKey,
        RepoError::NoRepository(_) => Why::NoRepository,
        RepoError::Local(e) if e.full => Why::LocalDiskFull,
        RepoError::Store(e) => match e.fault() {
            StoreFault::Unreachable => Why::StoreUnreachable,
            StoreFault::Denied | StoreFault::ReadOnly => Why::StoreRefused,
            StoreFault::Full => Why::StoreFull,
            StoreFault::Missing | StoreFault::Gone => Why::NoRepository,
            StoreFault::Exists | StoreFault::Unsupported | StoreFault::Other => Why::Other,
        },
        _ => Why::Other,
    }
}
