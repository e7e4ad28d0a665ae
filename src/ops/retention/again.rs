//! A disposal that was done, and whose end counts no longer because its author was cut off later.
//!
//! Its names are deleted by then, its register is not: what is left to do needs no name. Nothing more may go by it.

use super::approve::approval_note;
use super::certificate::{CERTIFICATE, Facts};
use super::note::{self, ApprovalNote};
use crate::domain::id::NoteName;
use crate::domain::log::ruled::DisposalState;
use crate::ops::OpsError;
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;

/// Whether it is known by name which records a disposal is about.
pub(super) enum Names {
    /// The approval's note.
    Known(Box<ApprovalNote>),
    /// They were deleted when it was done for the first time.
    Deleted(Box<Before>),
}

/// The first end of a disposal, which counts no longer.
pub(super) struct Before {
    /// The certificate of that time.
    pub certificate: NoteName,
    /// What it says, if it can be read.
    pub facts: Option<Facts>,
}

/// The names of an open disposal, or how it ended before.
///
/// # Errors
/// As [`approval_note`], unless the note was deleted rightly.
pub(super) fn names(repo: &Repository, disposal: &DisposalState) -> Result<Names, OpsError> {
    let error = match approval_note(repo, disposal.at) {
        Ok(note) => return Ok(Names::Known(Box::new(note))),
        Err(error) => error,
    };
    let missing = matches!(repo.read_note::<serde_json::Value>(&disposal.note), Err(RepoError::NoteMissing(_)));
    let ended = repo.state().undone.iter().filter(|d| d.at == disposal.at).find_map(|d| d.done);
    let Some((_, certificate)) = ended.filter(|_| missing) else { return Err(error) };
    if disposal.relisted_at.is_none() {
        return Err(OpsError::InTheWay(format!(
            "disposal {0} was carried out by a key that was cut off later, and the names of its records are deleted. \
             Call it off: strongroom retention cancel {0} --by NAME --reason TEXT; what of it is still due is in the next plan",
            disposal.at
        )));
    }
    let found = note::read::<super::certificate::Certificate>(repo, CERTIFICATE, &certificate)?;
    Ok(Names::Deleted(Box::new(Before { certificate, facts: found.ok().and_then(|c| c.facts().ok()) })))
}

/// What nobody can decide any more.
pub(super) fn listed_again(approval: u64) -> OpsError {
    OpsError::InTheWay(format!(
        "listings name records of disposal {approval} again, and the names by which they were approved are deleted. \
         Nothing is destroyed; find out who wrote to the log (strongroom log --verify)"
    ))
}
