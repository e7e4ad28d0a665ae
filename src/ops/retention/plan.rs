//! Plans: what becomes of every record on a day, and the list of those that would go.
//!
//! A plan is for all records of the repository, and never names one that an approval names already. A day to come
//! is a simulation: it can be looked at and not approved.

use jiff::civil::Date;
use serde::Serialize;

use super::facts::Facts;
use super::in_order::in_order;
use super::law::LoadedLaw;
use crate::domain::id::{Digest, RepositoryId};
use crate::domain::retention::decide::{Decider, Decision, Disposition};
use crate::domain::retention::plan::{Plan, PlanId, PlannedRecord};
use crate::domain::retention::reason::Reason;
use crate::domain::retention::record::RecordFacts;
use crate::domain::retention::scheme::Approver;
use crate::ops::OpsError;

/// One record and what becomes of it.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// The record's number in the facts.
    pub number: usize,
    /// The record.
    pub record: &'a RecordFacts,
    /// What becomes of it.
    pub decision: Decision,
    /// The approval by which it is on its way out already.
    pub under_way: Option<u64>,
}

impl Row<'_> {
    /// Whether a plan names it.
    pub fn is_offered(&self) -> bool {
        self.decision.disposition == Disposition::Dispose && self.under_way.is_none()
    }

    fn planned(&self) -> Option<PlannedRecord> {
        Some(PlannedRecord {
            set: self.record.set.to_string(),
            path: self.record.path.clone(),
            content: self.record.content,
            class: self.decision.class.clone()?,
            size: self.record.size,
            due: self.decision.due?,
            // The facts have them, shared; with two hundred for each record a plan would be too long for its note.
            snapshots: vec![],
        })
    }
}

/// How many records there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counts {
    /// All.
    pub records: u64,
    /// Kept.
    pub retain: u64,
    /// Kept by a hold.
    pub held: u64,
    /// Due on the live side.
    pub live: u64,
    /// Due, and a person decides.
    pub review: u64,
    /// Due to be destroyed and in no approval yet: the plan.
    pub dispose: u64,
    /// Approved, and on their way out.
    pub under_way: u64,
    /// Past their ceiling.
    pub overdue: u64,
    /// With a class.
    pub classed: u64,
    /// With a class and a date to count from.
    pub datable: u64,
}

impl Counts {
    fn add(&mut self, row: &Row<'_>) {
        let decision = &row.decision;
        self.records += 1;
        let slot = match decision.disposition {
            _ if row.under_way.is_some() => &mut self.under_way,
            Disposition::Retain => &mut self.retain,
            Disposition::Held => &mut self.held,
            Disposition::Live => &mut self.live,
            Disposition::Review => &mut self.review,
            Disposition::Dispose => &mut self.dispose,
        };
        *slot += 1;
        self.overdue += u64::from(decision.overdue_since.is_some());
        self.classed += u64::from(decision.class.is_some());
        self.datable += u64::from(decision.dated.is_some());
    }
}

/// A plan with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanReport {
    /// The records that would go, without the snapshots that hold them. May be empty: then there is nothing to approve.
    pub plan: Plan,
    /// Its name.
    pub id: PlanId,
    /// Its whole digest.
    pub digest: Digest,
    /// Those of them that their scheme lets go without a person, as a plan of their own.
    pub without_person: Plan,
    /// Its name.
    pub without_person_id: PlanId,
    /// Whether some of the plan's records may go only by a minute of the council.
    pub needs_council: bool,
    /// All records, counted.
    pub counts: Counts,
    /// A mass change that waits for a person: nothing is approved until then.
    pub incident: Option<u64>,
    /// Notes that could not be read; they keep.
    pub unreadable_notes: u64,
}

/// Decides for all records on a day.
pub struct Planner<'a> {
    facts: &'a Facts,
    law: &'a LoadedLaw,
    decider: Decider<'a>,
    /// By the schemes that wait, with the days on which they come into force.
    waiting: Vec<(Date, Decider<'a>)>,
    on: Date,
}

impl<'a> Planner<'a> {
    /// Gets ready. `law` is the one loaded for `on`.
    pub fn new(facts: &'a Facts, law: &'a LoadedLaw, on: Date) -> Self {
        let decider = |compiled| Decider::new(compiled, &facts.records, on);
        let waiting = law.waiting.iter().map(|(from, compiled)| (*from, decider(compiled))).collect();
        Self { facts, law, decider: decider(&law.compiled), waiting, on }
    }

    /// The day.
    pub fn on(&self) -> Date {
        self.on
    }

    /// The facts it decides on.
    pub fn facts(&self) -> &'a Facts {
        self.facts
    }

    /// The law it decides by.
    pub fn law(&self) -> &'a LoadedLaw {
        self.law
    }

    /// What becomes of one record, by its number in the facts.
    pub fn row(&self, number: usize) -> Row<'a> {
        let record = &self.facts.records[number];
        Row { number, record, decision: self.decision(number), under_way: self.law.under_way(record) }
    }

    /// By the scheme in force; but what a scheme that was adopted and still waits would keep does not go before it comes.
    fn decision(&self, number: usize) -> Decision {
        let mut decision = self.decider.decide(number);
        for (from, later) in &self.waiting {
            if matches!(decision.disposition, Disposition::Retain | Disposition::Held) {
                break;
            }
            let then = later.decide(number);
            match then.disposition {
                Disposition::Retain => {
                    (decision.disposition, decision.due, decision.overdue_since) =
                        (Disposition::Retain, then.due, None);
                    decision.reasons.push(Reason::WaitingKeeps { from: *from });
                }
                Disposition::Review if decision.disposition == Disposition::Dispose => {
                    decision.disposition = Disposition::Review;
                    decision.reasons.push(Reason::WaitingReviews { from: *from });
                }
                _ => {}
            }
            decision.approver = decision.approver.max(then.approver);
        }
        decision
    }

    /// What becomes of every record, by set and path.
    pub fn rows(&self) -> impl Iterator<Item = Row<'a>> + '_ {
        (0..self.facts.records.len()).map(|number| self.row(number))
    }

    /// Who became whom.
    pub fn decider(&self) -> &Decider<'a> {
        &self.decider
    }

    /// The plan; every row is shown to `each` on the way.
    ///
    /// # Errors
    /// Whatever `each` returns.
    pub fn plan(
        &self,
        repository: &RepositoryId,
        each: &mut dyn FnMut(&Row<'a>) -> Result<(), OpsError>,
    ) -> Result<PlanReport, OpsError> {
        let (on, scheme_at, after) = (self.on, self.law.law().scheme_at.unwrap_or(0), 0);
        let empty = || Plan { on, scheme_at, after, records: vec![] };
        let (mut plan, mut without_person) = (empty(), empty());
        let (mut counts, mut needs_council) = (Counts::default(), false);
        in_order(self.facts.records.len(), &|number| self.row(number), &mut |row: Row<'a>| -> Result<(), OpsError> {
            each(&row)?;
            counts.add(&row);
            let Some(planned) = row.is_offered().then(|| row.planned()).flatten() else { return Ok(()) };
            match row.decision.approver {
                Some(Approver::None) => without_person.records.push(planned.clone()),
                Some(Approver::Council) => needs_council = true,
                _ => {}
            }
            plan.records.push(planned);
            Ok(())
        })?;
        let taken = |id: &PlanId| self.law.approved_as(id);
        plan.rename_after(repository, &taken);
        without_person.rename_after(repository, &taken);
        let digest = plan.digest(repository);
        Ok(PlanReport {
            id: plan.id_by(&digest),
            digest,
            without_person_id: without_person.id(repository),
            plan,
            without_person,
            needs_council,
            counts,
            incident: self.facts.incident,
            unreadable_notes: self.law.unreadable_notes(),
        })
    }
}

/// The plan for a day; every row is shown to `each` on the way.
///
/// # Errors
/// Whatever `each` returns.
pub fn plan(
    facts: &Facts,
    law: &LoadedLaw,
    on: Date,
    repository: &RepositoryId,
    each: &mut dyn FnMut(&Row<'_>) -> Result<(), OpsError>,
) -> Result<PlanReport, OpsError> {
    Planner::new(facts, law, on).plan(repository, &mut |row| each(row))
}
