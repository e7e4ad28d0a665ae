//! What people said, as it stands in sealed notes: one JSON object each, with its kind.
//!
//! A note is put first and named by an entry afterwards; one that no entry names means nothing.

use jiff::civil::Date;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::id::NoteName;
use crate::domain::path::printable;
use crate::domain::retention::plan::Plan;
use crate::domain::retention::trigger::Trigger;
use crate::ops::OpsError;
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;

/// No line that a person types into a note is longer.
pub const MAX_LINE: usize = 500;

/// The kind of a retention scheme's note; its fields are the scheme's.
pub const SCHEME: &str = "scheme";
/// The kind of a recorded date's note.
pub const DATE: &str = "date";
/// The kind of a hold's note; its fields are those of [`crate::domain::retention::rulings::HoldText`].
pub const HOLD: &str = "hold";
/// The kind of the note that ends a hold.
pub const RELEASE: &str = "release";
/// The kind of an approval's note.
pub const APPROVAL: &str = "approval";
/// The kind of the note that cancels a disposal.
pub const CANCEL: &str = "cancel";

/// A date for records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateNote {
    /// Which records.
    pub pattern: String,
    /// For which trigger.
    pub trigger: Trigger,
    /// The date.
    pub on: Date,
    /// Who said so.
    pub by: String,
}

/// Who ended something, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyNote {
    /// Who said so.
    pub by: String,
    /// Why.
    pub note: String,
}

impl WhyNote {
    /// `NAME: WHY`, fit for a line.
    pub fn in_words(&self) -> String {
        format!("{}: {}", printable(self.by.as_bytes()), printable(self.note.as_bytes()))
    }
}

/// Who called a disposal off and why; and who had approved it, since the note that says so names its records, and goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelNote {
    /// Who called it off.
    pub by: String,
    /// Why.
    pub note: String,
    /// Who had approved it; nothing where that could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// By which minute.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub minute: String,
}

/// Who approved a plan, and the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalNote {
    /// Always `approval`.
    pub kind: String,
    /// Who said so.
    pub by: String,
    /// The minute; empty where none is needed.
    pub minute: String,
    /// A person has looked at the number of records: it is a large share.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub large: bool,
    /// The records by name.
    pub plan: Plan,
}

#[derive(Serialize)]
struct Written<'a, T> {
    kind: &'a str,
    #[serde(flatten)]
    body: &'a T,
}

#[derive(Deserialize)]
struct Read<T> {
    kind: String,
    #[serde(flatten)]
    body: T,
}

/// Stores a note of this kind.
///
/// # Errors
/// As [`Repository::put_note`].
pub fn put<T: Serialize>(repo: &Repository, kind: &str, body: &T) -> Result<NoteName, RepoError> {
    repo.put_note(&Written { kind, body })
}

/// Reads a note of this kind; what is missing, damaged, of another kind or for other eyes comes out as its error.
///
/// # Errors
/// Faults of the store; [`RepoError::CannotRead`] without the reading identity.
pub fn read<T: DeserializeOwned>(
    repo: &Repository,
    kind: &str,
    name: &NoteName,
) -> Result<Result<T, String>, RepoError> {
    let read: Result<Read<T>, String> = kept(repo.read_note(name))?;
    Ok(read.and_then(|r| if r.kind == kind { Ok(r.body) } else { Err(other(&r.kind, kind)) }))
}

/// Reads a note whole, its kind among its fields, unless its text is longer than `most` bytes.
///
/// # Errors
/// As [`read`].
pub fn read_within<T: DeserializeOwned>(
    repo: &Repository,
    name: &NoteName,
    most: u64,
) -> Result<Result<T, String>, RepoError> {
    kept(repo.read_note_within(name, most))
}

/// Reads an approval.
///
/// # Errors
/// As [`read`].
pub fn read_approval(repo: &Repository, name: &NoteName) -> Result<Result<ApprovalNote, String>, RepoError> {
    let read: Result<ApprovalNote, String> = kept(repo.read_note(name))?;
    Ok(read.and_then(|r| if r.kind == APPROVAL { Ok(r) } else { Err(other(&r.kind, APPROVAL)) }))
}

fn other(found: &str, wanted: &str) -> String {
    format!("the note is one of kind '{}', not '{wanted}'", printable(found.as_bytes()))
}

/// Tells what is wrong with one note from what is wrong with the store.
fn kept<T>(read: Result<T, RepoError>) -> Result<Result<T, String>, RepoError> {
    match read {
        Ok(value) => Ok(Ok(value)),
        Err(e @ (RepoError::NoteMissing(_) | RepoError::Note { .. })) => Ok(Err(e.to_string())),
        Err(e) => Err(e),
    }
}

/// A line that a person typed: something to see, on one line, not too long.
///
/// # Errors
/// [`OpsError::Usage`].
pub fn line(what: &str, text: &str) -> Result<String, OpsError> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_LINE || printable(text.as_bytes()) != text {
        return Err(OpsError::Usage(format!("{what} must be one line of 1 to {MAX_LINE} visible letters")));
    }
    Ok(text.to_owned())
}
