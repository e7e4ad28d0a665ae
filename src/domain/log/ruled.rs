//! What the rulings add up to, and the law of adding them.
//!
//! A disposal goes one way: approved, withdrawn, relisted, done; it can be cancelled until it is relisted. The
//! fold checks that order and never a date: an entry's time is its author's word. Nor can it read notes, and
//! needs not: every entry carries the link of all before it, so its author had read every hold placed so far,
//! and an author that loses its slot to a new hold decides again.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;

use super::entry::{Body, Entry, Role};
use super::lives::doubt;
use super::rulings::{DisposalApproved, DisposalWithdrawn, Relisting, SchemeAdopted};
use super::state::{Life, State, VoidWhy};
use crate::domain::id::{ActorId, Digest, NoteName, SnapshotId};

/// An adopted scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemeState {
    /// The entry.
    pub at: u64,
    /// When it was entered (the author's clock).
    pub time: Timestamp,
    /// The scheme itself.
    pub note: NoteName,
    /// The digest of the scheme's file.
    pub digest: Digest,
    /// The minute that says so.
    pub minute: String,
    /// The day of the decision.
    pub on: Date,
    /// The first day on which it counts.
    pub in_force: Date,
}

/// A date that a person recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateState {
    /// The entry.
    pub at: u64,
    /// When it was entered.
    pub time: Timestamp,
    /// For which records, for what, and which day.
    pub note: NoteName,
}

/// A hold. It never lapses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldState {
    /// The entry that placed it.
    pub at: u64,
    /// When it was placed.
    pub time: Timestamp,
    /// What it touches and why.
    pub note: NoteName,
    /// The day on which somebody should look at it again.
    pub review: Date,
    /// The entry that released it.
    pub released: Option<u64>,
    /// Why it was released.
    pub release_note: Option<NoteName>,
}

/// When the records of a disposal were withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawn {
    /// The entry.
    pub at: u64,
    /// When (the author's clock).
    pub time: Timestamp,
    /// There is no time to change one's mind: an approver said so.
    pub urgent: bool,
    /// The register's note.
    pub register: NoteName,
    /// Why it is urgent.
    pub note: Option<NoteName>,
    /// Who said so.
    pub actor: ActorId,
}

/// An approved disposal and how far it has gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisposalState {
    /// The entry that approved it, which names it.
    pub at: u64,
    /// When it was approved (the author's clock).
    pub time: Timestamp,
    /// Who entered the approval.
    pub actor: ActorId,
    /// The plan's id.
    pub plan: String,
    /// Who, by which minute, and the records by name; not needed any more once it is done or cancelled.
    pub note: NoteName,
    /// How many records.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Its records are not listed or restored.
    pub withdrawn: Option<Withdrawn>,
    /// The entry that cancelled it.
    pub cancelled: Option<u64>,
    /// Why it was cancelled.
    pub cancel_note: Option<NoteName>,
    /// Snapshots whose listings were written without it, in order of number.
    pub relisted: Vec<SnapshotId>,
    /// The newest entry that said so.
    pub relisted_at: Option<u64>,
    /// The entry that ended it, and the certificate.
    pub done: Option<(u64, NoteName)>,
}

impl DisposalState {
    /// Neither cancelled nor done.
    pub fn is_open(&self) -> bool {
        self.cancelled.is_none() && self.done.is_none()
    }

    /// Its records are not shown or restored: withdrawn and not cancelled, done or not.
    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn.is_some() && self.cancelled.is_none()
    }

    fn notes(&self) -> impl Iterator<Item = (NoteName, &'static str, u64)> + '_ {
        let withdrawn = self.withdrawn.iter().flat_map(|w| {
            [
                Some((w.register, "by which digests disposed records are known", w.at)),
                w.note.map(|n| (n, "why a disposal is urgent", w.at)),
            ]
        });
        let cancelled = self.cancel_note.zip(self.cancelled).map(|(n, at)| (n, "why a disposal was cancelled", at));
        let done = self.done.map(|(at, certificate)| (certificate, "what was disposed of", at));
        withdrawn.chain([cancelled, done]).flatten()
    }
}

impl State {
    /// The scheme that counts on `today`: the newest adopted of those whose first day has come.
    pub fn in_force(&self, today: Date) -> Option<&SchemeState> {
        self.schemes.iter().rev().find(|s| s.in_force <= today)
    }

    /// Holds that nobody released, oldest first.
    pub fn open_holds(&self) -> impl Iterator<Item = &HoldState> {
        self.holds.iter().filter(|h| h.released.is_none())
    }

    /// The disposal that entry `approval` approved.
    pub fn disposal(&self, approval: u64) -> Option<&DisposalState> {
        self.disposals.iter().find(|d| d.at == approval)
    }

    /// Every note that must be in the store, what it is, and the entry that names it. The names of a disposal that
    /// is done or cancelled are not among them.
    pub fn notes(&self) -> Vec<(NoteName, &'static str, u64)> {
        let schemes = self.schemes.iter().map(|s| (s.note, "which retention scheme was adopted", s.at));
        let dates = self.dates.iter().map(|d| (d.note, "which date was recorded for which records", d.at));
        let holds = self.holds.iter().map(|h| (h.note, "what a hold touches", h.at));
        let ended = self.holds.iter().filter_map(|h| Some((h.release_note?, "why a hold was released", h.released?)));
        let disposals = || self.disposals.iter().chain(&self.undone);
        let over: BTreeSet<u64> = disposals().filter(|d| !d.is_open()).map(|d| d.at).collect();
        let waiting = disposals().filter(|d| !over.contains(&d.at));
        let approvals = waiting.map(|d| (d.note, "which records an approved disposal is about", d.at));
        let losses = self.losses.iter().map(|l| (l.note, "which records are lost", l.at));
        let accepted =
            self.documents_accepted.iter().map(|(at, note)| (*note, "which documents are as they should be", *at));
        let all = schemes.chain(losses).chain(accepted).chain(dates).chain(holds).chain(ended).chain(approvals);
        all.chain(disposals().flat_map(DisposalState::notes)).chain(self.evidence_notes()).collect()
    }

    /// Every note that must be in the store.
    pub fn needed_notes(&self) -> BTreeSet<NoteName> {
        self.notes().into_iter().map(|(name, ..)| name).collect()
    }

    /// Notes with the names of disposals that are done or cancelled, which no entry needs for anything else: to be deleted.
    pub fn spent_notes(&self) -> BTreeSet<NoteName> {
        let needed = self.needed_notes();
        let all = self.disposals.iter().chain(&self.undone);
        all.filter(|d| !d.is_open()).map(|d| d.note).filter(|note| !needed.contains(note)).collect()
    }
}

/// Whether an entry stands although its author was cut off since: a hold and a cancelled disposal only ever keep.
/// What a cut-off author says after that is void like all else it says.
pub(super) fn outlives_its_author(state: &State, body: &Body) -> bool {
    matches!(body.entry, Entry::HoldPlaced { .. } | Entry::DisposalCancelled { .. })
        && state.actor_at(&body.actor, body.n).is_some()
}

/// Keeps the approval, withdrawal or sweep of an author who was cut off since. It counts for nothing that is still to come;
/// but listings that were rewritten in good faith, before the cut was known, stay: the old ones may be deleted.
pub(super) fn remember_undone(state: &mut State, body: &Body) {
    if state.actor_at(&body.actor, body.n).is_none() {
        return; // the cut was known: nobody could act on it in good faith
    }
    let urgent = may_hurry(state, body);
    match &body.entry {
        Entry::DisposalApproved(approved) => state.undone.push(disposal(body, approved)),
        Entry::DisposalWithdrawn(withdrawn) => {
            let counting = state.disposal(withdrawn.approval).filter(|d| d.is_open() && d.withdrawn.is_none()).cloned();
            state.undone.extend(counting);
            // It goes to the copy, or to an approval that is undone itself; else there was nothing to withdraw.
            let undone = state.undone.iter_mut().filter(|d| d.at == withdrawn.approval);
            let _ = withdraw(undone, body, withdrawn, urgent);
        }
        Entry::Swept { packs, indexes } => doubt(state, packs, indexes),
        Entry::DisposalDone { approval, certificate } => {
            // Its names may be deleted already; the disposal itself is not over by the word of one cut off.
            let over = |d: &&DisposalState| d.at == *approval && d.is_open() && d.relisted_at.is_some();
            if !state.undone.iter().any(|d| over(&d)) {
                let counting = state.disposals.iter().find(over).cloned();
                state.undone.extend(counting);
            }
            for d in state.undone.iter_mut().filter(|d| over(&&**d)) {
                d.done = Some((body.n, *certificate));
            }
        }
        _ => {}
    }
}

/// Adds one ruling.
pub(super) fn rule(state: &mut State, body: &Body) -> Result<(), VoidWhy> {
    match &body.entry {
        Entry::SchemeAdopted(adopted) => adopt(state, body, adopted),
        Entry::TriggerDated { note } => {
            state.dates.push(DateState { at: body.n, time: body.time, note: *note });
            Ok(())
        }
        Entry::HoldPlaced { note, review } => {
            let (at, time, note, review) = (body.n, body.time, *note, *review);
            state.holds.push(HoldState { at, time, note, review, released: None, release_note: None });
            Ok(())
        }
        Entry::HoldReleased { hold, note } => {
            let open = |h: &&mut HoldState| h.at == *hold && h.released.is_none();
            let hold = state.holds.iter_mut().find(open).ok_or(VoidWhy::Impossible)?;
            (hold.released, hold.release_note) = (Some(body.n), Some(*note));
            Ok(())
        }
        Entry::DisposalApproved(approved) => {
            state.disposals.push(disposal(body, approved));
            Ok(())
        }
        Entry::DisposalCancelled { approval, note } => {
            let mut found = false;
            let stoppable = |d: &&mut DisposalState| d.is_open() && d.relisted_at.is_none();
            for d in living(state, *approval).filter(stoppable) {
                (d.cancelled, d.cancel_note) = (Some(body.n), Some(*note));
                found = true;
            }
            found.then_some(()).ok_or(VoidWhy::Impossible)
        }
        Entry::DisposalWithdrawn(withdrawn) => {
            let urgent = may_hurry(state, body);
            withdraw(living(state, withdrawn.approval), body, withdrawn, urgent)
        }
        Entry::Relisted { approval, roots } => relist(state, body, *approval, roots),
        Entry::DisposalDone { approval, certificate } => {
            let found = going(state, *approval)?;
            if found.relisted_at.is_none() {
                return Err(VoidWhy::Impossible);
            }
            found.done = Some((body.n, *certificate));
            Ok(())
        }
        _ => Err(VoidWhy::Impossible),
    }
}

fn adopt(state: &mut State, body: &Body, adopted: &SchemeAdopted) -> Result<(), VoidWhy> {
    let SchemeAdopted { note, digest, minute, on, in_force } = adopted.clone();
    if in_force < on {
        return Err(VoidWhy::Impossible);
    }
    state.schemes.push(SchemeState { at: body.n, time: body.time, note, digest, minute, on, in_force });
    Ok(())
}

fn disposal(body: &Body, approved: &DisposalApproved) -> DisposalState {
    let DisposalApproved { plan, note, records, bytes } = approved.clone();
    DisposalState {
        at: body.n,
        time: body.time,
        actor: body.actor,
        plan,
        note,
        records,
        bytes,
        withdrawn: None,
        cancelled: None,
        cancel_note: None,
        relisted: vec![],
        relisted_at: None,
        done: None,
    }
}

/// The disposal as it counts, then as it counted before it was known that an approver was cut off.
fn living(state: &mut State, approval: u64) -> impl Iterator<Item = &mut DisposalState> {
    let actors = &state.actors;
    let uncut = |actor: &ActorId, n: u64| actors.get(actor).is_some_and(|(_, _, until)| until.is_none_or(|u| n < u));
    let unknown_yet =
        move |d: &&mut DisposalState| uncut(&d.actor, d.at) && d.withdrawn.iter().all(|w| uncut(&w.actor, w.at));
    let undone = state.undone.iter_mut().filter(unknown_yet);
    state.disposals.iter_mut().chain(undone).filter(move |d| d.at == approval)
}

/// Only one who approves can take away the time to change one's mind; a machine's key alone cannot.
fn may_hurry(state: &State, body: &Body) -> bool {
    state.actors.get(&body.actor).is_some_and(|(a, ..)| a.roles.contains(&Role::Approver))
}

fn withdraw<'a>(
    mut disposals: impl Iterator<Item = &'a mut DisposalState>,
    body: &Body,
    said: &DisposalWithdrawn,
    may_hurry: bool,
) -> Result<(), VoidWhy> {
    let waiting = |d: &&mut DisposalState| d.is_open() && d.withdrawn.is_none();
    let found = disposals.find(waiting).ok_or(VoidWhy::Impossible)?;
    let DisposalWithdrawn { register, note, .. } = *said;
    let urgent = said.urgent && may_hurry;
    found.withdrawn = Some(Withdrawn { at: body.n, time: body.time, urgent, register, note, actor: body.actor });
    Ok(())
}

/// The disposal, if it is withdrawn and not over.
fn going(state: &mut State, approval: u64) -> Result<&mut DisposalState, VoidWhy> {
    living(state, approval).find(|d| d.is_open() && d.withdrawn.is_some()).ok_or(VoidWhy::Impossible)
}

fn relist(state: &mut State, body: &Body, approval: u64, roots: &[Relisting]) -> Result<(), VoidWhy> {
    going(state, approval)?;
    let mut known: Vec<&Relisting> = roots.iter().filter(|r| state.snapshot(r.snapshot).is_some()).collect();
    known.sort_by_key(|r| r.snapshot);
    let described = state.described();
    let there = |number: u32| {
        let live = matches!(state.packs.get(number as usize).map(|p| p.life), Some(Life::Live));
        live && described.contains(number)
    };
    if known.iter().any(|r| !r.needs.iter().all(there)) || known.windows(2).any(|w| w[0].snapshot == w[1].snapshot) {
        return Err(VoidWhy::Impossible);
    }
    for new in &known {
        for s in state.snapshots.iter_mut().filter(|s| s.id == new.snapshot) {
            s.snapshot.root = new.root;
            s.snapshot.needs = new.needs.clone();
        }
    }
    let found = going(state, approval)?;
    found.relisted.extend(known.iter().map(|r| r.snapshot));
    found.relisted.sort();
    found.relisted.dedup();
    found.relisted_at = Some(body.n);
    Ok(())
}
