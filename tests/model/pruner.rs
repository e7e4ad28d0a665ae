//! A pruner: condemn what nothing references, sweep what is still condemned and unreferenced, then delete.

use super::log::{Entry, Fold, Packs};
use super::state::{LateCreate, MAX_WRITERS, Next, State, Step, Who};
use super::{Mistake, Rules};

/// What a pruner does next.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    #[default]
    Look,
    Condemn,
    ChooseSwept,
    Sweep,
    Delete,
    Ended,
}

/// Where a pruner stands.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Pruner {
    pub phase: Phase,
    /// How much of the log it has read.
    pub head: u8,
    /// The packs it is about to name or delete.
    pub set: Packs,
    /// What it condemned; used only by the mistake of sweeping from memory.
    pub remembered: Packs,
}

/// Adds every step pruner `number` can take.
pub fn steps(state: &State, number: usize, rules: &Rules, next: &mut Next) {
    let turn = Turn { state, number, rules, me: state.pruners[number] };
    if turn.me.phase == Phase::Ended {
        return;
    }
    if turn.me.phase != Phase::Look {
        next.push(turn.step("crashes", None, Packs::default(), |me, _| me.phase = Phase::Ended));
    }
    match turn.me.phase {
        Phase::Look => turn.look(next),
        Phase::Condemn => turn.condemn(next),
        Phase::ChooseSwept => turn.choose_swept(next),
        Phase::Sweep => turn.sweep(next),
        Phase::Delete => turn.delete(next),
        Phase::Ended => {}
    }
}

struct Turn<'a> {
    state: &'a State,
    number: usize,
    rules: &'a Rules,
    me: Pruner,
}

impl Turn<'_> {
    /// One successor: a copy of the state, changed by `change`, under the words `did`.
    fn step(
        &self,
        did: &'static str,
        slot: Option<u8>,
        packs: Packs,
        change: impl FnOnce(&mut Pruner, &mut State),
    ) -> (Step, State) {
        let mut then = *self.state;
        let mut me = self.me;
        change(&mut me, &mut then);
        then.pruners[self.number] = me;
        (Step { who: Who::Pruner(self.number), did, slot, packs }, then)
    }

    fn look(&self, next: &mut Next) {
        for head in 0..=self.state.head() {
            self.look_for_garbage(head, next);
        }
        let head = self.state.head();
        let known = Fold::of(&self.state.log, head, true);
        if !known.condemned.is_empty() {
            next.push(self.step("takes up an earlier condemnation", None, known.condemned, |me, _| {
                me.phase = Phase::ChooseSwept;
            }));
        }
        let undone = Packs(known.swept.0 & self.state.present().0);
        if !undone.is_empty() {
            next.push(self.step("resumes deletions", None, undone, |me, _| {
                *me = Pruner { phase: Phase::Delete, head, set: undone, remembered: Packs::default() };
            }));
        }
        if self.number == 0 {
            self.abandon_sessions(head, &known, next);
        }
    }

    fn look_for_garbage(&self, head: u8, next: &mut Next) {
        let known = Fold::of(&self.state.log, head, true);
        let garbage = self.state.present().without(known.referenced.with(known.swept).with(known.condemned));
        if garbage.is_empty() {
            return;
        }
        let orphans = garbage.without(Packs::one(0));
        if self.rules.broken(Mistake::OrphansDeletedDirectly) && !orphans.is_empty() {
            next.push(self.step("deletes objects it does not know", Some(head), orphans, |me, _| {
                *me = Pruner { phase: Phase::Delete, head, set: orphans, remembered: Packs::default() };
            }));
        }
        next.push(self.step("means to condemn", Some(head), garbage, |me, _| {
            *me = Pruner { phase: Phase::Condemn, head, set: garbage, remembered: garbage };
        }));
    }

    fn abandon_sessions(&self, head: u8, known: &Fold, next: &mut Next) {
        for writer in (0..self.rules.bounds.writers.min(MAX_WRITERS)).filter(|writer| !known.is_abandoned(*writer)) {
            let mut created = false;
            let then = self.step("abandons a session", Some(head), Packs::default(), |_, then| {
                created = then.create(head, Entry::Abandoned { writer: writer as u8 }, self.rules);
            });
            if created {
                next.push(then);
            }
        }
    }

    /// Tries to create `entry` in its slot; also the case where no answer comes.
    fn append(&self, entry: Entry, did: &'static str, won: Phase, lost: impl Fn(&mut Pruner), next: &mut Next) {
        let slot = self.me.head;
        let mut created = false;
        let success = self.step(did, Some(slot), self.me.set, |me, then| {
            created = then.create(slot, entry, self.rules);
            me.phase = won;
        });
        let within = usize::from(slot) < self.rules.bounds.slots;
        if created {
            next.push(success);
        } else {
            next.push(self.step("loses its slot", Some(slot), Packs::default(), |me, _| lost(me)));
        }
        if within {
            next.push(self.step("gets no answer to its entry", Some(slot), self.me.set, |me, then| {
                then.late_creates[MAX_WRITERS + self.number] = Some(LateCreate { slot, entry });
                me.phase = Phase::Ended;
            }));
        }
    }

    fn condemn(&self, next: &mut Next) {
        let won = if self.rules.broken(Mistake::DeleteOnCondemn) { Phase::Delete } else { Phase::ChooseSwept };
        self.append(Entry::Condemned(self.me.set), "condemns", won, |me| me.phase = Phase::Look, next);
    }

    fn choose_swept(&self, next: &mut Next) {
        let rescue = !self.rules.broken(Mistake::RescueIgnored);
        for head in 0..=self.state.head() {
            let known = Fold::of(&self.state.log, head, rescue);
            let set = if self.rules.broken(Mistake::SweepFromMemory) {
                self.me.remembered
            } else if rescue {
                known.condemned.without(known.referenced)
            } else {
                known.condemned
            };
            if set.is_empty() {
                continue;
            }
            let early = self.rules.broken(Mistake::DeleteBeforeSwept);
            next.push(self.step("means to sweep", Some(head), set, |me, _| {
                me.head = head;
                me.set = set;
                me.phase = if early { Phase::Delete } else { Phase::Sweep };
            }));
        }
    }

    fn sweep(&self, next: &mut Next) {
        let bumps = self.rules.broken(Mistake::SweeperTakesNextSlot);
        let within = usize::from(self.me.head) < self.rules.bounds.slots;
        let lost = |me: &mut Pruner| match bumps {
            true if within => me.head += 1,
            _ => me.phase = Phase::ChooseSwept,
        };
        self.append(Entry::Swept(self.me.set), "sweeps", Phase::Delete, lost, next);
    }

    fn delete(&self, next: &mut Next) {
        if self.me.set.is_empty() {
            next.push(self.step("ends", None, Packs::default(), |me, _| me.phase = Phase::Ended));
            return;
        }
        let pack = self.me.set.first();
        next.push(self.step("deletes", None, Packs::one(pack), |me, then| {
            me.set = me.set.without(Packs::one(pack));
            then.delete(pack);
        }));
        next.push(self.step("gets no answer to its delete", None, Packs::one(pack), |me, then| {
            me.set = me.set.without(Packs::one(pack));
            then.late_deletes = then.late_deletes.with(Packs::one(pack));
        }));
    }
}
