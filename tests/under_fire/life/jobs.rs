//! The jobs that the machines of a life do, with the program's own code.

use jiff::SignedDuration;
use jiff::civil::date;
use jiff::tz::TimeZone;
use strongroom::domain::log::Entry;
use strongroom::domain::log::rulings::DisposalApproved;
use strongroom::domain::path::RecordPath;
use strongroom::domain::problem::ProblemKind;
use strongroom::domain::retention::plan::{Plan as DisposalPlan, PlannedRecord};
use strongroom::domain::retention::thinning::KeepRule;
use strongroom::ops::backup::backup;
use strongroom::ops::prune::{PruneOptions, circumstances, prune, thin};
use strongroom::ops::retention::apply::{ApplyOptions, apply};
use strongroom::ops::retention::facts::gather;
use strongroom::ops::retention::hold::{PlaceHold, Which, place, release};
use strongroom::ops::retention::note::{APPROVAL, ApprovalNote};
use strongroom::ops::verify::{TestOptions, restore};
use strongroom::ops::{OpsError, Silent, Stop};
use strongroom::repo::repository::Repository;
use strongroom::testing::Fault;

use super::ground::Ground;
use super::model::GRACE;

/// One job of one machine.
#[derive(Debug, Clone)]
pub enum Job {
    Backup,
    /// Thins and prunes; with a person: without any wait.
    Clean {
        person: bool,
    },
    Test,
    /// Approves that this record goes.
    Approve {
        set: String,
        path: Vec<u8>,
    },
    Apply {
        approval: u64,
    },
    Hold {
        name: String,
    },
    Release {
        at: u64,
    },
}

/// What came of it: the entry of an approval or a hold, and the next entry when it ended.
pub type Outcome = Result<(Option<u64>, u64), OpsError>;

impl Ground {
    /// Does a job on a machine.
    pub fn job(&self, node: usize, job: &Job) -> Outcome {
        let (stop, newest) = (Stop::default(), KeepRule { last: 2, daily: 0, weekly: 2, monthly: 0, yearly: 0 });
        let fresh =
            || Repository::open_fresh(self.store(node), self.nodes[node].dir.clone(), self.nodes[node].env.clone());
        let mut made = None;
        let mut repo = match job {
            Job::Clean { .. } | Job::Apply { .. } => fresh()?,
            _ => self.open(node)?,
        };
        match job {
            Job::Backup => {
                let doubted = |repo: &Repository| repo.state().packs.iter().any(|p| p.quarantined.is_some());
                let before = doubted(&repo);
                let report = backup(&mut repo, &self.nodes[node].options(), &Silent, &stop)?;
                // A pack that was found damaged once is so to everybody, until a test finds it sound.
                // What the store leaves out of its list and, asked by name, denies too, is not there as far as can be known.
                let (met, calls) = (self.nodes[node].faults.injected(), self.nodes[node].faults.record());
                let left_out = |f: &Fault| matches!(f, Fault::EmptyList | Fault::DropFromList(_));
                let left_out = met.iter().any(|(n, f)| left_out(f) && calls[*n].starts_with("list packs"));
                let denied = met.iter().any(|(n, f)| *f == Fault::NotFound && calls[*n].starts_with("head packs/"));
                let known = before || doubted(&repo) || (left_out && denied);
                let honest = report.problems.iter().all(|p| known && p.kind == ProblemKind::Damaged);
                assert!(honest && report.incident.is_none(), "{report:?}");
            }
            Job::Clean { person } => {
                let grace = if *person { SignedDuration::ZERO } else { GRACE };
                let asked = circumstances(&repo, grace, *person);
                match thin(&mut repo, &newest, &TimeZone::UTC, &asked, false) {
                    Ok(_) | Err(OpsError::Refused(_)) => {}
                    Err(e) => return Err(e),
                }
                let options = PruneOptions { grace, person: *person, ..PruneOptions::default() };
                prune(&mut repo, &options, &Silent, &stop)?;
            }
            Job::Test => {
                restore(&mut repo, &TestOptions::default(), &Silent, &stop)?;
            }
            Job::Approve { set, path } => made = approve(&mut repo, set, path)?,
            Job::Apply { approval } => self.apply(&mut repo, *approval)?,
            Job::Hold { name } => {
                let (review, today) = (date(2099, 1, 1), date(2026, 1, 1));
                let (patterns, reason, by) = (vec![name.clone()], "asked for".into(), "the clerk".into());
                let hold = PlaceHold { patterns, reason, by, review, from: None, to: None, today };
                made = Some(place(&mut repo, &hold)?);
            }
            Job::Release { at } => {
                release(&mut repo, &Which::one(at.to_string(), &TimeZone::UTC), "the clerk", "over")?;
            }
        }
        Ok((made, repo.state().next))
    }

    fn apply(&self, repo: &mut Repository, approval: u64) -> Result<(), OpsError> {
        let doomed = self.model.doomed.iter().find(|d| d.approval == approval).unwrap();
        let recheck = |repo: &mut Repository| {
            let facts = gather(repo, &Silent, &Stop::default())?;
            let found = facts.find(&doomed.set, &RecordPath::new(&doomed.path[..]).unwrap());
            if found.is_some_and(|r| facts.records[r].may_be_live()) {
                return Err(OpsError::InTheWay("it is live again".into()));
            }
            Ok(())
        };
        let (urgent, person, large, zone) = (None, self.person, true, TimeZone::UTC);
        let options = ApplyOptions { approval, urgent, person, large, zone, window: GRACE, recheck: &recheck };
        apply(repo, &options, &Silent, &Stop::default()).map(|_| ())
    }
}

/// Approves that one record goes, without asking the law.
fn approve(repo: &mut Repository, set: &str, path: &[u8]) -> Result<Option<u64>, OpsError> {
    let facts = gather(repo, &Silent, &Stop::default())?;
    let path = RecordPath::new(path).unwrap();
    let found = facts.find(set, &path).ok_or_else(|| OpsError::NotFound("it is not listed".into()))?;
    let record = &facts.records[found];
    let (class, due) = ("staff-files".into(), date(2020, 4, 1));
    let (content, size) = (record.content, record.size);
    let planned = PlannedRecord { set: set.into(), path, content, class, size, due, snapshots: vec![] };
    let plan = DisposalPlan { on: date(2026, 11, 22), scheme_at: 0, after: 0, records: vec![planned] };
    let (by, minute) = ("the clerk".to_owned(), "7c".to_owned());
    let written = ApprovalNote { kind: APPROVAL.into(), by, minute, large: true, plan: plan.clone() };
    let note = repo.put_note(&written)?;
    let (records, bytes) = (1, plan.bytes());
    let plan = plan.id(&repo.state().repository).to_string();
    let entry = Entry::DisposalApproved(DisposalApproved { plan, note, records, bytes });
    Ok(repo.append(|_| Ok(Some(entry.clone())))?)
}
