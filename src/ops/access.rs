//! Access of people outside the council: who may use which key or credential, from when until when, and why.
//!
//! The days stand in the log, so that a machine that may only write can remind people; the words stand in a note that
//! readers alone can open. An approver says it, as with holds: it is an everyday act of the office, and the recovery
//! sheet stays in the safe. Nothing here opens or closes a door: it is the register of who has been let in.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::domain::log::entry::{AccessEnded, AccessGiven, Entry};
use crate::ops::OpsError;
use crate::ops::retention::note::{self, WhyNote, line};
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;

/// The kind of the note that gives access.
pub const ACCESS: &str = "access";
/// The kind of the note that ends it.
pub const ENDED: &str = "access-ended";

/// What is said of an access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessText {
    /// The firm or person.
    pub who: String,
    /// Which key or credential, such as `storage console, second key`. Never the secret itself.
    pub key: String,
    /// Why.
    pub why: String,
    /// Who allowed it.
    pub by: String,
}

/// An access of the register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The entry that gave it.
    pub at: u64,
    /// When it was entered.
    pub entered: Timestamp,
    /// What was said; none where it cannot be read here.
    pub text: Option<AccessText>,
    /// The first day.
    pub from: Date,
    /// The last day that was agreed.
    pub until: Date,
    /// The day on which it ended, as somebody said.
    pub ended: Option<Date>,
    /// Who said so, and how; none where it cannot be read here.
    pub end: Option<WhyNote>,
    /// Its last day has passed, and nobody has said that it ended.
    pub overdue: bool,
}

/// Enters an access; its number.
///
/// # Errors
/// [`OpsError::Usage`] when it makes no sense; `NoRole` without the approver's seed; faults of the store.
pub fn give(repo: &mut Repository, text: &AccessText, from: Date, until: Date) -> Result<u64, OpsError> {
    if until < from {
        return Err(OpsError::Usage(format!("--until {until} is before --from {from}")));
    }
    let text = AccessText {
        who: line("--who", &text.who)?,
        key: line("--key", &text.key)?,
        why: line("--why", &text.why)?,
        by: line("--by", &text.by)?,
    };
    let note = note::put(repo, ACCESS, &text)?;
    let entry = Entry::AccessGiven(AccessGiven { note, from, until });
    let given = repo.append(|_| Ok(Some(entry.clone())))?;
    given.ok_or_else(|| OpsError::Nothing("nothing was entered".into()))
}

/// Enters that an access ended on a day.
///
/// # Errors
/// [`OpsError::NotFound`] when no open access has the number; `NoRole` without the approver's seed; faults of the store.
pub fn end(repo: &mut Repository, access: u64, on: Date, by: &str, why: &str) -> Result<(), OpsError> {
    let words = WhyNote { by: line("--by", by)?, note: line("--note", why)? };
    repo.refresh()?;
    let unknown = || {
        let see = "'strongroom provider access list' shows them";
        OpsError::NotFound(format!("no access of number {access} is open; {see}"))
    };
    let open = repo.state().open_accesses().find(|a| a.at == access).ok_or_else(unknown)?;
    if on < open.given.from {
        return Err(OpsError::Usage(format!("--on {on} is before it began ({})", open.given.from)));
    }
    let note = note::put(repo, ENDED, &words)?;
    let entry = Entry::AccessEnded(AccessEnded { access, on, note });
    let ended = repo.append(|state| Ok(state.open_accesses().any(|a| a.at == access).then(|| entry.clone())))?;
    ended.map(|_| ()).ok_or_else(unknown)
}

/// The register, oldest first.
///
/// # Errors
/// Faults of the store. Words that cannot be read here are left out.
pub fn list(repo: &Repository, today: Date) -> Result<Vec<Listed>, OpsError> {
    let mut all = vec![];
    for access in &repo.state().accesses {
        let ended = access.ended.as_ref().map(|(_, _, e)| e);
        all.push(Listed {
            at: access.at,
            entered: access.time,
            text: words(note::read(repo, ACCESS, &access.given.note))?,
            from: access.given.from,
            until: access.given.until,
            ended: ended.map(|e| e.on),
            end: ended.map(|e| words(note::read(repo, ENDED, &e.note))).transpose()?.flatten(),
            overdue: access.is_overdue(today),
        });
    }
    Ok(all)
}

fn words<T>(read: Result<Result<T, String>, RepoError>) -> Result<Option<T>, OpsError> {
    match read {
        Ok(found) => Ok(found.ok()),
        Err(RepoError::CannotRead) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
