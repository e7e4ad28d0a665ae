//! The disposals of a repository: how far each has gone, which one is meant by a name, and what people said of it.
//!
//! Nothing is decided here. A name that fits several is never guessed at.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::approve::WINDOW;
use super::certificate;
use super::note::{self, CancelNote, WhyNote};
use super::withdraw::urgent_reason;
use crate::domain::log::ruled::DisposalState;
use crate::domain::log::state::State;
use crate::domain::path::printable;
use crate::domain::retention::gate::later;
use crate::domain::retention::plan::PlanId;
use crate::domain::retention::words::Said;
use crate::ops::OpsError;
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;

/// How far a disposal has gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// A person said so; nothing has happened.
    Approved,
    /// Its records are not listed or restored; they are deleted from `deleted_from` on.
    Withdrawn {
        /// Since when.
        since: Timestamp,
        /// When the time to change one's mind ends.
        deleted_from: Timestamp,
    },
    /// Listings are being written without its records; there is no way back.
    Relisted,
    /// Nothing of it is left.
    Done,
    /// Called off by this entry.
    Cancelled(u64),
}

/// One disposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposal {
    /// What the log says.
    pub state: DisposalState,
    /// How far it has gone.
    pub stage: Stage,
}

fn stage(d: &DisposalState) -> Stage {
    match (d.cancelled, d.done, &d.withdrawn) {
        (Some(entry), ..) => Stage::Cancelled(entry),
        (_, Some(_), _) => Stage::Done,
        _ if d.relisted_at.is_some() => Stage::Relisted,
        (_, _, Some(w)) => {
            let deleted_from = if w.urgent { w.time } else { later(w.time, WINDOW) };
            Stage::Withdrawn { since: w.time, deleted_from }
        }
        _ => Stage::Approved,
    }
}

/// All disposals with their stage, oldest first.
pub fn disposals(state: &State) -> Vec<Disposal> {
    state.disposals.iter().map(|d| Disposal { stage: stage(d), state: d.clone() }).collect()
}

/// What somebody wants of a disposal; where several have one name, those it can be had of are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// To carry it out, or to call it off.
    Open,
    /// Its certificate.
    Done,
}

/// The disposal that is meant: by its number, by its plan's name, or by both with a hyphen between them.
///
/// # Errors
/// [`OpsError::Usage`] when none is called that, or when several are, which it lists.
pub fn disposal_meant(state: &State, which: &str, wanted: Wanted, zone: &TimeZone) -> Result<u64, OpsError> {
    let which = which.trim();
    let number = which.parse::<u64>().ok();
    let meant = |d: &&DisposalState| {
        Some(d.at) == number || d.plan.eq_ignore_ascii_case(which) || longer(d).eq_ignore_ascii_case(which)
    };
    let all: Vec<&DisposalState> = state.disposals.iter().filter(meant).collect();
    let fits = |d: &&&DisposalState| match wanted {
        Wanted::Open => d.is_open(),
        Wanted::Done => d.done.is_some(),
    };
    let fitting: Vec<&DisposalState> = all.iter().filter(fits).copied().collect();
    let shown = printable(which.as_bytes());
    match if fitting.is_empty() { all.as_slice() } else { fitting.as_slice() } {
        [one] => Ok(one.at),
        [] => Err(OpsError::Usage(format!(
            "no approved plan is called '{shown}'; 'strongroom retention disposals' lists them"
        ))),
        several => Err(OpsError::Usage(format!(
            "{} approved plans are called '{shown}'. Type the longer name of the one you mean:{}",
            several.len(),
            several.iter().map(|d| one_of_several(d, zone)).collect::<String>()
        ))),
    }
}

/// The name that no other disposal can have.
fn longer(d: &DisposalState) -> String {
    format!("{}-{}", d.plan, d.at)
}

fn one_of_several(d: &DisposalState, zone: &TimeZone) -> String {
    let state = match stage(d) {
        Stage::Approved => "nothing has happened yet",
        Stage::Withdrawn { .. } => "withdrawn",
        Stage::Relisted => "being destroyed",
        Stage::Done => "done",
        Stage::Cancelled(_) => "called off",
    };
    format!("\n  {}  approved on {}; {state}", longer(d), day(d.time, zone))
}

/// A day as people write it.
pub fn day(at: Timestamp, zone: &TimeZone) -> String {
    Said(at.to_zoned(zone.clone()).date()).to_string()
}

/// What people said of a disposal, as far as it is still written down and can be read here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Who approved it.
    pub by: Option<String>,
    /// By which minute; empty where none was named.
    pub minute: String,
    /// Why there was no time to change one's mind.
    pub urgent: Option<String>,
    /// Who called it off, and why.
    pub cancelled: Option<WhyNote>,
    /// When the entry that ended it was made: called off, or done.
    pub ended: Option<Timestamp>,
}

impl Told {
    /// `by NAME, minute REF`, as far as it is known.
    pub fn by_whom(&self) -> String {
        let by = self.by.as_deref().map(|by| format!(" by {}", printable(by.as_bytes()))).unwrap_or_default();
        match self.minute.as_str() {
            "" => by,
            minute => format!("{by}, minute {}", printable(minute.as_bytes())),
        }
    }
}

/// Reads what people said. What is lost, damaged, deleted at its end or for other eyes is left out.
///
/// # Errors
/// Faults of the store.
pub fn told(repo: &Repository, d: &DisposalState) -> Result<Told, RepoError> {
    let time = |n: u64| repo.slots().get(n as usize).and_then(|s| s.body.as_ref()).map(|b| b.time);
    let mut told = Told { ended: d.cancelled.or(d.done.map(|(at, _)| at)).and_then(time), ..Told::default() };
    if !repo.can_read() {
        return Ok(told);
    }
    if let Some((_, name)) = &d.done {
        // The names are deleted by now; the certificate has what else the approval said.
        let read = note::read::<certificate::Certificate>(repo, certificate::CERTIFICATE, name)?;
        if let Some(facts) = read.ok().and_then(|c| c.facts().ok()) {
            (told.by, told.minute) = (Some(facts.approved_by), facts.minute);
        }
    } else if let Ok(approval) = note::read_approval(repo, &d.note)? {
        (told.by, told.minute) = (Some(approval.by), approval.minute);
    }
    if let Some(withdrawn) = &d.withdrawn {
        told.urgent = urgent_reason(repo, withdrawn)?;
    }
    if let Some(name) = &d.cancel_note
        && let Ok(CancelNote { by, note, approved_by, minute }) = note::read(repo, note::CANCEL, name)?
    {
        if told.by.is_none() {
            (told.by, told.minute) = (approved_by, minute);
        }
        told.cancelled = Some(WhyNote { by, note });
    }
    Ok(told)
}

/// Why a plan that was approved before is not approved again; nothing when it never was.
///
/// # Errors
/// Faults of the store.
pub(super) fn approved_before(
    repo: &Repository,
    plan: &PlanId,
    zone: &TimeZone,
) -> Result<Option<OpsError>, RepoError> {
    let name = plan.to_string();
    let Some(one) = disposals(repo.state()).into_iter().rfind(|d| d.state.plan == name) else { return Ok(None) };
    let told = told(repo, &one.state)?;
    let approved = format!("{} on {}", told.by_whom().trim_start(), day(one.state.time, zone));
    let on = told.ended.map(|at| format!(" on {}", day(at, zone))).unwrap_or_default();
    let cancel = format!("strongroom retention cancel {name} --by NAME --reason TEXT");
    let why = match &one.stage {
        Stage::Approved => format!(
            "plan {name} is approved already, {approved}. Its records are taken out of listing and restore by the next \
             run, or now by: strongroom retention apply {name}"
        ),
        Stage::Withdrawn { deleted_from, .. } => format!(
            "plan {name} is approved already, {approved}. Its records are out of listing and restore, and are destroyed \
             by a run from {} on. To bring them back before: {cancel}",
            day(*deleted_from, zone)
        ),
        Stage::Relisted => format!(
            "plan {name} is approved already, {approved}. Its records are being destroyed, and it cannot be called off \
             any more. The next run goes on, or: strongroom retention apply {name}"
        ),
        Stage::Done => format!(
            "plan {name} is done: approved {approved}, and its records were destroyed{on}. What to keep as evidence: \
             strongroom retention certificate {name} --to DIR"
        ),
        Stage::Cancelled(_) => {
            let why = told.cancelled.map(|c| format!(" by {}", c.in_words())).unwrap_or_default();
            format!(
                "plan {name} was approved {approved}, and called off{on}{why}. A plan that was called off is not \
                 approved again; what is due now has a new name: strongroom retention plan"
            )
        }
    };
    Ok(Some(OpsError::InTheWay(why)))
}
