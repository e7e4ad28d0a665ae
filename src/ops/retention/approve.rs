//! Approving and cancelling disposals, and asking once more before they are carried out.
//!
//! What is approved is the list that was shown: it is made anew from what is there now, and must come out the
//! same. Nothing that the log learnt in between is passed over.

use std::collections::HashSet;

use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::disposals::{Wanted, approved_before, disposal_meant};
use super::facts::{Facts, gather};
use super::law::{LoadedLaw, load};
use super::note::{self, APPROVAL, ApprovalNote, CancelNote, line};
use super::plan::{PlanReport, Planner};
use crate::domain::id::RepositoryId;
use crate::domain::log::entry::Entry;
use crate::domain::log::ruled::DisposalState;
use crate::domain::log::rulings::DisposalApproved;
use crate::domain::log::state::State;
use crate::domain::path::RecordPath;
use crate::domain::retention::decide::Disposition;
use crate::domain::retention::gate::{Refusal, Weight, leap, permit_weight, said};
use crate::domain::retention::plan::{Plan, PlanId};
use crate::domain::retention::scheme::Approver;
use crate::ops::{Monitor, OpsError, Stop};
use crate::repo::repository::Repository;

/// For so long a withdrawn disposal can be cancelled, unless it is urgent.
pub const WINDOW: SignedDuration = SignedDuration::from_hours(14 * 24);
/// So many changed records are named; more are counted.
const MOST_NAMED: usize = 20;
/// Who approves what the scheme lets go without a person.
const BY_SCHEME: &str = "the scheme";

/// Who approves what.
#[derive(Debug, Clone)]
pub struct ApproveOptions {
    /// The plan that was shown.
    pub plan: PlanId,
    /// Who approves.
    pub by: String,
    /// The minute; may be left empty where no class needs the council.
    pub minute: String,
    /// A person has looked at the number of records.
    pub large: bool,
    /// A person has looked at the calendar: the date is right.
    pub dated: bool,
    /// The council's own time.
    pub zone: TimeZone,
    /// The day there.
    pub today: Date,
}

/// What was approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApproveReport {
    /// The entry: the disposal's number.
    pub approval: u64,
    /// The plan's name.
    pub plan: PlanId,
    /// How many records.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Approves a plan.
///
/// # Errors
/// [`OpsError::InTheWay`] when what would go is not what was shown, or the plan is of a day to come or was approved
/// before; [`OpsError::Usage`] when it names no plan; [`OpsError::Refused`] during an incident, or when it is a large share and nobody looked; whatever gathering facts and appending can meet.
pub fn approve(
    repo: &mut Repository,
    options: &ApproveOptions,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<ApproveReport, OpsError> {
    let by = line("--by", &options.by)?;
    if by == BY_SCHEME {
        return Err(OpsError::Usage(format!("--by names a person, not '{BY_SCHEME}'")));
    }
    let on = options.plan.on().ok_or_else(|| OpsError::Usage(format!("'{}' names no plan", options.plan)))?;
    if on > options.today {
        let why =
            format!("plan {} is for a day to come: it shows what would be due then. Approve today's", options.plan);
        return Err(OpsError::InTheWay(why));
    }
    repo.refresh()?;
    let facts = gather(repo, monitor, stop)?;
    let law = load(repo, &options.zone, on)?;
    let report = Planner::new(&facts, &law, on).plan(&repo.state().repository, &mut |_| Ok(()))?;
    let plan = match () {
        () if report.id == options.plan => report.plan.clone(),
        () if report.without_person_id == options.plan => report.without_person.clone(),
        () => {
            let before = approved_before(repo, &options.plan, &options.zone)?;
            if before.is_none() {
                guards(&facts, &report)?;
            }
            return Err(before.unwrap_or_else(|| unknown(&options.plan)));
        }
    };
    sensible(&facts, &report, &plan)?;
    let minute = match (report.needs_council, options.minute.trim()) {
        (true, "") => {
            let why = "some of these records may go only by a decision of the council: name its minute, --minute REF";
            return Err(OpsError::InTheWay(why.into()));
        }
        (false, "") => String::new(),
        (_, minute) => line("--minute", minute)?,
    };
    // Today the law may say more than on the day of the plan.
    let law = if on == options.today { law } else { load(repo, &options.zone, options.today)? };
    let note = ApprovalNote { kind: APPROVAL.into(), by, minute, large: options.large, plan };
    recheck_with(&facts, &law, &note, options.today).permit(&options.plan)?;
    permit_weight(repo.state(), &Weight::of(&note.plan, options.large))?;
    if !options.dated {
        calendar_is_right(repo)?;
    }
    say(repo, &facts, &note, options.plan.clone())
}

/// Approves what the scheme lets go without a person, in the scheme's own name; nothing when there is nothing.
///
/// # Errors
/// As [`approve`].
pub fn approve_by_scheme(
    repo: &mut Repository,
    zone: &TimeZone,
    today: Date,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<Option<ApproveReport>, OpsError> {
    repo.refresh()?;
    let law = load(repo, zone, today)?;
    let Some(adopted) = law.in_force.clone().filter(|a| a.scheme.is_some()) else { return Ok(None) };
    let facts = gather(repo, monitor, stop)?;
    let report = Planner::new(&facts, &law, today).plan(&repo.state().repository, &mut |_| Ok(()))?;
    if report.without_person.records.is_empty() {
        return Ok(None);
    }
    calendar_is_right(repo)?;
    sensible(&facts, &report, &report.without_person)?;
    let (plan, id) = (report.without_person, report.without_person_id);
    let (by, minute) = (BY_SCHEME.to_owned(), adopted.state.minute);
    say(repo, &facts, &ApprovalNote { kind: APPROVAL.into(), by, minute, large: false, plan }, id).map(Some)
}

/// A guard's word, not a mistake in typing: a plan is called by what would go, and that is not what was shown.
fn unknown(plan: &PlanId) -> OpsError {
    OpsError::InTheWay(format!(
        "there is no plan {plan} now: the list of records has changed since it was shown (by a hold, a date, the scheme, \
         another approval or a backup), or it is a plan of another repository. Nothing was approved. Look again: \
         strongroom retention plan"
    ))
}

/// Where the store has no clock of its own, the log must not contradict this machine's.
///
/// # Errors
/// [`Refusal::Leapt`].
pub fn calendar_is_right(repo: &Repository) -> Result<(), Refusal> {
    if repo.store.has_own_clock() {
        return Ok(());
    }
    let void: HashSet<u64> = repo.state().voids.iter().map(|(n, _)| *n).collect();
    let leapt = leap(said(repo.slots(), |n| void.contains(&n)), repo.env.clock.now());
    leapt.map_or(Ok(()), |leap| Err(Refusal::Leapt(leap)))
}

fn sensible(facts: &Facts, report: &PlanReport, plan: &Plan) -> Result<(), OpsError> {
    guards(facts, report)?;
    if plan.records.is_empty() {
        return Err(OpsError::Nothing("the plan names no record: there is nothing to approve".into()));
    }
    Ok(())
}

fn guards(facts: &Facts, report: &PlanReport) -> Result<(), OpsError> {
    if let Some(incident) = facts.incident {
        return Err(Refusal::Incident(incident).into());
    }
    if report.unreadable_notes > 0 {
        let why = "notes of the log cannot be read, so what people ruled is not fully known; 'strongroom verify check' \
                   names them. Nothing is approved until then";
        return Err(OpsError::InTheWay(why.into()));
    }
    Ok(())
}

/// Writes the approval down, unless the log has learnt something since the facts were gathered.
fn say(repo: &mut Repository, facts: &Facts, said: &ApprovalNote, id: PlanId) -> Result<ApproveReport, OpsError> {
    let (records, bytes) = (said.plan.records.len() as u64, said.plan.bytes());
    let note = repo.put_note(said)?;
    let entry = Entry::DisposalApproved(DisposalApproved { plan: id.to_string(), note, records, bytes });
    let said = repo.append(|state| Ok((state.next == facts.upto).then(|| entry.clone())))?;
    let approval = said.ok_or_else(|| {
        let why = "somebody else wrote to the log just now, perhaps a hold; nothing was approved. Run this again";
        OpsError::InTheWay(why.into())
    })?;
    Ok(ApproveReport { approval, plan: id, records, bytes })
}

/// A record that was approved to go and would not go now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its set.
    pub set: String,
    /// Its path.
    pub path: RecordPath,
    /// Why it stays.
    pub why: String,
}

/// What asking again came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recheck {
    /// Records asked about.
    pub records: u64,
    /// Those that no listing names any more: thinned away, or written out of the listings already.
    pub missing: u64,
    /// Those that must stay.
    pub changed: Vec<Changed>,
}

impl Recheck {
    /// An error when a record must stay.
    ///
    /// # Errors
    /// [`OpsError::InTheWay`] naming the first of them.
    pub fn permit(&self, plan: &PlanId) -> Result<(), OpsError> {
        if self.changed.is_empty() {
            return Ok(());
        }
        let named = self.changed.iter().take(MOST_NAMED).map(|c| format!("\n  {}: {}", c.path, c.why));
        let (some, all) = (self.changed.len(), self.records);
        Err(OpsError::InTheWay(format!(
            "{some} of the {all} records of plan {plan} must stay now. Call it off (strongroom retention cancel {plan} --by \
             NAME --reason TEXT), then look again (strongroom retention plan){}",
            named.collect::<String>()
        )))
    }
}

/// Decides anew, today, for every record of an approval.
///
/// # Errors
/// [`OpsError::NotFound`] when there is no such approval; [`OpsError::InTheWay`] when its note cannot be read;
/// whatever gathering facts can meet.
pub fn recheck(
    repo: &mut Repository,
    approval: u64,
    zone: &TimeZone,
    today: Date,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<Recheck, OpsError> {
    let note = approval_note(repo, approval)?;
    let facts = gather(repo, monitor, stop)?;
    let law = load(repo, zone, today)?;
    let mut done = recheck_with(&facts, &law, &note, today);
    done.changed.extend(super::hold::held_since(repo, approval, &facts, &note.plan, zone)?);
    Ok(done)
}

/// The note of an approval.
///
/// # Errors
/// [`OpsError::NotFound`]; [`OpsError::InTheWay`] when it cannot be read or is not what the entry names; faults of
/// the store.
pub fn approval_note(repo: &Repository, approval: u64) -> Result<ApprovalNote, OpsError> {
    let disposal = repo.state().disposal(approval);
    let disposal = disposal.ok_or_else(|| OpsError::NotFound(format!("there is no disposal {approval}")))?;
    let unreadable = |why: String| OpsError::InTheWay(format!("the list of disposal {approval} cannot be read: {why}"));
    let note = note::read_approval(repo, &disposal.note)?.map_err(unreadable)?;
    as_entered(&repo.state().repository, disposal, &note.plan)?;
    Ok(note)
}

/// The list is the one that the entry names: a note that says more, or anything twice, was approved by nobody.
fn as_entered(repository: &RepositoryId, entered: &DisposalState, plan: &Plan) -> Result<(), OpsError> {
    let sorted = plan.records.windows(2).all(|w| (&w[0].set, &w[0].path) < (&w[1].set, &w[1].path));
    let counts = (plan.records.len() as u64, plan.bytes()) == (entered.records, entered.bytes);
    if sorted && counts && plan.id(repository).to_string() == entered.plan {
        return Ok(());
    }
    Err(OpsError::InTheWay(format!(
        "the list of disposal {0} is not the one that its entry names, {1}: find out who entered it. Nothing of it is \
         carried out; call it off: strongroom retention cancel {0} --by NAME --reason TEXT",
        entered.at, entered.plan
    )))
}

/// As [`recheck`], with facts and law at hand.
pub fn recheck_with(facts: &Facts, law: &LoadedLaw, approved: &ApprovalNote, today: Date) -> Recheck {
    let (planner, plan) = (Planner::new(facts, law, today), &approved.plan);
    let mut done = Recheck { records: plan.records.len() as u64, ..Recheck::default() };
    for planned in &plan.records {
        let Some(number) = facts.find(&planned.set, &planned.path) else {
            done.missing += 1;
            continue;
        };
        let row = planner.row(number);
        let why = if row.record.content != planned.content {
            "it has another last version now".to_owned()
        } else if row.decision.disposition != Disposition::Dispose {
            let all: Vec<String> = row.decision.reasons.iter().map(ToString::to_string).collect();
            all.join("; ")
        } else if row.decision.class.as_ref() != Some(&planned.class) {
            "it has another class now".to_owned()
        } else if let Some(why) = uncovered(row.decision.approver, approved) {
            why.to_owned()
        } else {
            continue;
        };
        done.changed.push(Changed { set: planned.set.clone(), path: planned.path.clone(), why });
    }
    done
}

/// Why this approval does not do for a record that, as the law is now, this approver must let go.
fn uncovered(needed: Option<Approver>, approved: &ApprovalNote) -> Option<&'static str> {
    let by_scheme = approved.by == BY_SCHEME;
    match needed {
        Some(Approver::Council) if by_scheme || approved.minute.trim().is_empty() => {
            Some("it may go only by a decision of the council now: approve it with its minute, --minute REF")
        }
        Some(Approver::Clerk) if by_scheme => Some("a person must approve it now"),
        _ => None,
    }
}

/// Calls an approved disposal off, as long as its listings were not written anew.
///
/// # Errors
/// [`OpsError::Usage`] when none or several are called that; [`OpsError::InTheWay`] when it is too late; `NoRole`
/// without the approver's seed.
pub fn cancel(repo: &mut Repository, which: &str, by: &str, why: &str) -> Result<u64, OpsError> {
    let (by, why) = (line("--by", by)?, line("--reason", why)?);
    repo.refresh()?;
    let approval = disposal_meant(repo.state(), which, Wanted::Open, &TimeZone::UTC)?;
    let stoppable = |state: &State| state.disposal(approval).is_some_and(|d| d.is_open() && d.relisted_at.is_none());
    let too_late = || OpsError::InTheWay(format!("disposal {approval} is cancelled already, or too far gone to be"));
    if !stoppable(repo.state()) {
        return Err(too_late());
    }
    // The note of the approval is deleted with the names in it; what `disposals` shows of it stays.
    let approved = match repo.state().disposal(approval).filter(|_| repo.can_read()) {
        Some(disposal) => note::read_approval(repo, &disposal.note)?.ok(),
        None => None,
    };
    let (approved_by, minute) = approved.map(|a| (Some(a.by), a.minute)).unwrap_or_default();
    let note = note::put(repo, note::CANCEL, &CancelNote { by, note: why, approved_by, minute })?;
    let entry = Entry::DisposalCancelled { approval, note };
    repo.append(|state| Ok(stoppable(state).then(|| entry.clone())))?.ok_or_else(too_late)
}
