//! Whatever ends a command, from whichever floor.

use crate::config::ConfigError;
use crate::domain::problem::Exit;
use crate::ops::OpsError;
use crate::repo::error::RepoError;
use crate::repo::keys::BundleError;
use crate::repo::local::LocalError;
use crate::repo::seal::SealError;
use crate::repo::store::StoreError;
use crate::service::journal::JournalError;
use crate::service::mail::SendError;
use crate::service::outbox::OutboxError;
use crate::service::pages::PagesError;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An operation.
    #[error(transparent)]
    Ops(#[from] OpsError),
    /// This computer's journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The messages waiting on this computer.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The mail server.
    #[error(transparent)]
    Mail(#[from] SendError),
    /// A guard or a check of the command line's own; the hint belongs to it.
    #[error("{message}")]
    Said {
        /// What is the matter.
        message: String,
        /// What to do.
        hint: Option<String>,
        /// The exit code.
        exit: Exit,
    },
}

impl Failure {
    /// A usage error.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::said(Exit::Usage, message, hint)
    }
    /// A guard's refusal.
    pub fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::said(Exit::Refused, message, hint)
    }
    /// Anything else the command line itself has to say. An empty hint is none.
    pub fn said(exit: Exit, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let hint = Some(hint.into()).filter(|h| !h.is_empty());
        Self::Said { message: message.into(), hint, exit }
    }
}

macro_rules! through_ops {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(e: $error) -> Self { Self::Ops(OpsError::Repo(RepoError::from(e))) }
        }
    )*};
}
through_ops!(StoreError, LocalError, SealError, BundleError);

impl From<PagesError> for Failure {
    fn from(e: PagesError) -> Self {
        match e {
            PagesError::Journal(e) => Self::Journal(e),
            PagesError::Repository(e) => Self::Ops(e),
        }
    }
}

impl From<RepoError> for Failure {
    fn from(e: RepoError) -> Self {
        Self::Ops(OpsError::Repo(e))
    }
}
