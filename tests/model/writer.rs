//! A writer: read the log, rely on a pack or upload one, read the log again, look at the pack, commit.

use super::log::{Entry, Fold, Packs};
use super::state::{FRESH_NAMES, LateCreate, Next, Object, State, Step, Who};
use super::{Mistake, Rules};

/// What a writer does next.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    #[default]
    ReadLog,
    ChoosePack,
    ReadLogAgain,
    CheckPack,
    Commit,
    Ended,
}

/// Where a writer stands.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Writer {
    pub phase: Phase,
    /// How much of the log it has read.
    pub head: u8,
    /// The pack its snapshot will reference.
    pub pack: u8,
    /// How many of its own names it has used.
    pub fresh_used: u8,
}

/// Adds every step writer `number` can take.
pub fn steps(state: &State, number: usize, rules: &Rules, next: &mut Next) {
    let turn = Turn { state, number, rules, me: state.writers[number] };
    if turn.me.phase == Phase::Ended {
        return;
    }
    next.push(turn.step("crashes", None, None, |then, _| then.phase = Phase::Ended));
    match turn.me.phase {
        Phase::ReadLog => turn.read_log(0, "reads the log", Phase::ChoosePack, next),
        Phase::ChoosePack => turn.choose_pack(next),
        Phase::ReadLogAgain => turn.read_log(turn.me.head, "reads the log again", Phase::CheckPack, next),
        Phase::CheckPack => turn.check_pack(next),
        Phase::Commit => turn.commit(next),
        Phase::Ended => {}
    }
}

struct Turn<'a> {
    state: &'a State,
    number: usize,
    rules: &'a Rules,
    me: Writer,
}

impl Turn<'_> {
    /// One successor: a copy of the state, changed by `change`, under the words `did`.
    fn step(
        &self,
        did: &'static str,
        slot: Option<u8>,
        pack: Option<u8>,
        change: impl FnOnce(&mut Writer, &mut State),
    ) -> (Step, State) {
        let mut then = *self.state;
        let mut me = self.me;
        change(&mut me, &mut then);
        then.writers[self.number] = me;
        let packs = pack.map(Packs::one).unwrap_or_default();
        (Step { who: Who::Writer(self.number), did, slot, packs }, then)
    }

    /// Any position from `from` to the present one may be what the reader gets to see.
    fn read_log(&self, from: u8, did: &'static str, phase: Phase, next: &mut Next) {
        for head in from..=self.state.head() {
            next.push(self.step(did, Some(head), None, |me, _| {
                me.head = head;
                me.phase = phase;
            }));
        }
    }

    fn own_name(&self) -> Option<u8> {
        let name = 1 + FRESH_NAMES * self.number as u8 + self.me.fresh_used;
        (self.me.fresh_used < FRESH_NAMES).then_some(name)
    }

    /// Uploads `pack` and goes on with `phase`.
    fn upload(&self, did: &'static str, pack: u8, phase: Phase) -> (Step, State) {
        self.step(did, None, Some(pack), |me, then| {
            then.upload(pack);
            me.pack = pack;
            me.fresh_used += 1;
            me.phase = phase;
        })
    }

    fn choose_pack(&self, next: &mut Next) {
        let known = Fold::of(&self.state.log, self.me.head, true);
        for pack in 0..self.rules.bounds.packs() as u8 {
            let stored = self.state.object(pack) != Object::NeverStored;
            if stored && !known.swept.with(known.condemned).has(pack) {
                next.push(self.step("relies on a pack", None, Some(pack), |me, _| {
                    me.pack = pack;
                    me.phase = Phase::ReadLogAgain;
                }));
            }
        }
        if let Some(own) = self.own_name() {
            let name = if self.rules.broken(Mistake::SweptNameReused) { 0 } else { own };
            next.push(self.upload("uploads a pack", name, Phase::ReadLogAgain));
        }
    }

    fn check_pack(&self, next: &mut Next) {
        let known = Fold::of(&self.state.log, self.me.head, true);
        if known.is_abandoned(self.number) && !self.rules.broken(Mistake::WriterIgnoresAbandoned) {
            next.push(self.step("finds itself abandoned", None, None, |me, _| me.phase = Phase::Ended));
            return;
        }
        let swept = known.swept.has(self.me.pack) && !self.rules.broken(Mistake::WriterIgnoresSwept);
        if swept {
            self.store_again(next);
        } else if self.state.object(self.me.pack) == Object::Present {
            next.push(self.step("sees its pack", None, Some(self.me.pack), |me, _| me.phase = Phase::Commit));
        } else if let Some(own) = self.own_name() {
            next.push(self.upload("misses its pack and stores it again", own, Phase::ReadLogAgain));
        }
    }

    fn store_again(&self, next: &mut Next) {
        let Some(own) = self.own_name() else { return };
        next.push(if self.rules.broken(Mistake::SweptNameReused) {
            self.upload("stores the chunks again under the swept name", self.me.pack, Phase::Commit)
        } else {
            self.upload("stores the chunks again", own, Phase::ReadLogAgain)
        });
    }

    fn commit(&self, next: &mut Next) {
        let slot = self.me.head;
        let entry = Entry::Snapshot { writer: self.number as u8, pack: self.me.pack };
        let mut created = false;
        let won = self.step("commits its snapshot", Some(slot), Some(self.me.pack), |me, then| {
            created = then.create(slot, entry, self.rules);
            me.phase = Phase::Ended;
        });
        let within = usize::from(slot) < self.rules.bounds.slots;
        if created {
            next.push(won);
        } else if within {
            next.push(self.step("loses its slot", Some(slot), None, |me, _| {
                if self.rules.broken(Mistake::WriterTakesNextSlot) {
                    me.head += 1;
                } else {
                    me.phase = Phase::ReadLogAgain;
                }
            }));
        }
        if within {
            next.push(self.step("gets no answer to its commit", Some(slot), Some(self.me.pack), |me, then| {
                then.late_creates[self.number] = Some(LateCreate { slot, entry });
                me.phase = Phase::Ended;
            }));
        }
    }
}
