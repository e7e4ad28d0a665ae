//! From an operation's end to what the runner journals and tells: outcome, trouble, counts, exit code.

use crate::domain::problem::Exit;
use crate::ops::OpsError;
use crate::ops::error::SourceFault;
use crate::repo::error::RepoError;
use crate::repo::store::StoreFault;
use crate::service::runner::JobOutcome;
use crate::service::words::{Counts, Outcome, Trouble, Why};

use super::failure::Failure;
use super::hints::advice;

/// The end of a job that failed as a whole.
pub fn failed(failure: &Failure) -> JobOutcome {
    let exit = advice(failure).exit;
    match failure {
        Failure::Ops(e) => of_operation(e, exit),
        _ => JobOutcome::failed(Why::Other, exit),
    }
}

fn of_operation(error: &OpsError, exit: Exit) -> JobOutcome {
    let ended = |outcome, trouble| JobOutcome::new(outcome, vec![trouble], Counts::default(), exit);
    match error {
        OpsError::Repo(RepoError::RolledBack { .. } | RepoError::AnotherRepository { .. }) => {
            ended(Outcome::Damage, Trouble::HistoryChanged)
        }
        OpsError::Repo(e) if e.is_damage() => ended(Outcome::Damage, Trouble::Damage),
        OpsError::Repo(RepoError::NoRole(_) | RepoError::AlreadyThere(_)) => ended(Outcome::Refused, Trouble::Refused),
        OpsError::Refused(_) | OpsError::InTheWay(_) => ended(Outcome::Refused, Trouble::Refused),
        OpsError::Nothing(_) => ended(Outcome::Failed, Trouble::ExaminedNothing),
        other => JobOutcome::failed(why(other), exit),
    }
}

fn why(error: &OpsError) -> Why {
    match error {
        OpsError::Source { kind: SourceFault::Missing | SourceFault::Unreadable, .. } => Why::SourceMissing,
        OpsError::Source { kind: SourceFault::Empty, .. } => Why::SourceEmpty,
        OpsError::Source { kind: SourceFault::Unmounted, .. } => Why::SourceNotMounted,
        OpsError::Repo(e) => repository(e),
        _ => Why::Other,
    }
}

fn repository(error: &RepoError) -> Why {
    match error {
        RepoError::Interrupted => Why::Interrupted,
        RepoError::WrongKey | RepoError::Bundle(_) => Why::WrongKey,
        RepoError::NoRepository(_) => Why::NoRepository,
        RepoError::Local(e) if e.full => Why::LocalDiskFull,
        RepoError::Store(e) => match e.fault() {
            StoreFault::Unreachable => Why::StoreUnreachable,
            StoreFault::Denied | StoreFault::ReadOnly => Why::StoreRefused,
            StoreFault::Full => Why::StoreFull,
            StoreFault::Missing => Why::NoRepository,
            StoreFault::Exists | StoreFault::Unsupported | StoreFault::Other => Why::Other,
        },
        _ => Why::Other,
    }
}
