//! Which call to the store goes wrong, and how: by exact number, always, or by seeded chance.
//! The same plan over the same calls gives the same faults.

use std::collections::BTreeMap;

/// What a call asks of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Put an object that must not exist.
    Create,
    /// Put an object over whatever is there.
    Put,
    /// Read an object or a range of it.
    Get,
    /// Ask for an object's size.
    Head,
    /// List names.
    List,
    /// Delete an object.
    Delete,
    /// Copy or rename an object.
    Copy,
}

/// One way in which a store, or the line to it, lets its caller down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before the call; every later call fails too.
    StopBefore,
    /// The call has its effect, then the process dies.
    StopAfter,
    /// An error, and no effect.
    FailBefore,
    /// An error, though the effect is there. A listing gives half its names, then the error.
    FailAfter,
    /// The put lands and is answered with "already exists": one's own write, sent twice underneath.
    AlreadyExists,
    /// The put does not land and is answered with "already exists": a conflict.
    Conflict,
    /// The object is there but is said not to be.
    NotFound,
    /// One bit of the body read is wrong; the number is taken modulo the body's bits.
    FlipBit(u64),
    /// The body read ends after this many bytes (at least one byte early), its stated length adjusted.
    Truncate(u64),
    /// The listing is empty, without any error.
    EmptyList,
    /// Each name whose place in the listing is a multiple of this number is left out.
    DropFromList(usize),
    /// A create overwrites what is there.
    IgnorePrecondition,
    /// No answer for [`STALL`](super::store_faults::STALL), and no effect until then.
    StallBefore,
    /// The effect at once, but no answer for [`STALL`](super::store_faults::STALL).
    StallAfter,
    /// The size is not told: a key that may not read.
    RefuseHead,
    /// The delete is refused: a key that may not, or an object lock.
    RefuseDelete,
    /// The delete is answered with "deleted", and the object stays.
    DeleteInVain,
    /// An error now; the put or delete lands just before the call that comes so many calls later.
    LandLate(usize),
}

impl Fault {
    /// Whether the fault makes sense for a call of this kind; otherwise it is passed over.
    pub fn fits(self, verb: Verb) -> bool {
        match self {
            Fault::StopBefore | Fault::StopAfter | Fault::FailBefore | Fault::FailAfter => true,
            Fault::StallBefore | Fault::StallAfter => true,
            Fault::AlreadyExists | Fault::Conflict | Fault::IgnorePrecondition => verb == Verb::Create,
            Fault::NotFound => matches!(verb, Verb::Get | Verb::Head),
            Fault::FlipBit(_) | Fault::Truncate(_) => verb == Verb::Get,
            Fault::RefuseHead => verb == Verb::Head,
            Fault::EmptyList | Fault::DropFromList(_) => verb == Verb::List,
            Fault::RefuseDelete | Fault::DeleteInVain => verb == Verb::Delete,
            Fault::LandLate(_) => matches!(verb, Verb::Create | Verb::Put | Verb::Delete),
        }
    }
}

/// The faults of one run.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    exact: BTreeMap<usize, Fault>,
    always: Vec<Fault>,
    within: Option<(String, Fault)>,
    chance: Option<Chance>,
}

#[derive(Clone, Debug)]
struct Chance {
    seed: u64,
    per_mille: u64,
    faults: Vec<Fault>,
}

impl Plan {
    /// Nothing goes wrong.
    pub fn none() -> Self {
        Plan::default()
    }

    /// The call with this number, counted from 0, meets `fault`.
    pub fn at(call: usize, fault: Fault) -> Self {
        Plan::none().and(call, fault)
    }

    /// Another exact call.
    #[must_use]
    pub fn and(mut self, call: usize, fault: Fault) -> Self {
        self.exact.insert(call, fault);
        self
    }

    /// Every call the fault fits meets it: a store that is just like that.
    pub fn always(fault: Fault) -> Self {
        Plan { always: vec![fault], ..Plan::default() }
    }

    /// Every call that the fault fits and that is about something in this folder (`packs/`) meets it.
    pub fn within(folder: &str, fault: Fault) -> Self {
        Plan { within: Some((folder.into(), fault)), ..Plan::default() }
    }

    /// Of a thousand calls, `per_mille` meet one of those `faults` that fit them, drawn from `seed`.
    pub fn random(seed: u64, per_mille: u64, faults: &[Fault]) -> Self {
        Plan { chance: Some(Chance { seed, per_mille, faults: faults.to_vec() }), ..Plan::default() }
    }

    /// What the call with this number and kind, about an object of this name, meets.
    pub fn fault_of(&self, call: usize, verb: Verb, name: &str) -> Option<Fault> {
        let within = self.within.as_ref().filter(|(folder, fault)| name.starts_with(folder) && fault.fits(verb));
        within.map(|(_, fault)| *fault).or_else(|| self.fault(call, verb))
    }

    /// What the call with this number and kind meets.
    pub fn fault(&self, call: usize, verb: Verb) -> Option<Fault> {
        let exact = self.exact.get(&call).copied().filter(|fault| fault.fits(verb));
        let always = || self.always.iter().copied().find(|fault| fault.fits(verb));
        exact.or_else(always).or_else(|| self.chance.as_ref().and_then(|chance| chance.draw(call, verb)))
    }
}

impl Chance {
    fn draw(&self, call: usize, verb: Verb) -> Option<Fault> {
        let fitting: Vec<Fault> = self.faults.iter().copied().filter(|fault| fault.fits(verb)).collect();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes()).update(&(call as u64).to_le_bytes());
        let mut words = [0; 16];
        hasher.finalize_xof().fill(&mut words);
        let (roll, pick) = words.split_at(8);
        let number = |bytes: &[u8]| bytes.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        let hit = !fitting.is_empty() && number(roll) % 1000 < self.per_mille;
        hit.then(|| fitting[(number(pick) % fitting.len() as u64) as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_faults_meet_their_call_if_they_fit_it() {
        let plan = Plan::at(2, Fault::FlipBit(9)).and(3, Fault::StopBefore);
        assert_eq!(plan.fault(2, Verb::Get), Some(Fault::FlipBit(9)));
        assert_eq!(plan.fault(2, Verb::Create), None);
        assert_eq!(plan.fault(3, Verb::Create), Some(Fault::StopBefore));
        assert_eq!(plan.fault(4, Verb::Get), None);
        let bad = Plan::always(Fault::IgnorePrecondition);
        assert_eq!(bad.fault(77, Verb::Create), Some(Fault::IgnorePrecondition));
        assert_eq!(bad.fault(77, Verb::Put), None);
        let folder = Plan::within("packs/", Fault::Conflict);
        assert_eq!(folder.fault_of(5, Verb::Create, "packs/00/x.age"), Some(Fault::Conflict));
        assert_eq!(folder.fault_of(5, Verb::Get, "packs/00/x.age"), None);
        assert_eq!(folder.fault_of(5, Verb::Create, "index/x.age"), None);
    }

    #[test]
    fn chance_is_repeatable_and_about_as_frequent_as_said() {
        let faults = [Fault::FailBefore, Fault::NotFound];
        let plan = Plan::random(3, 100, &faults);
        let hits: Vec<_> = (0..10_000).map(|call| plan.fault(call, Verb::Get)).collect();
        assert_eq!(hits, (0..10_000).map(|call| plan.fault(call, Verb::Get)).collect::<Vec<_>>());
        for fault in faults {
            let count = hits.iter().filter(|hit| **hit == Some(fault)).count();
            assert!((350..650).contains(&count), "{fault:?}: {count} of 10,000");
        }
        assert!((0..10_000).all(|call| plan.fault(call, Verb::Create) != Some(Fault::NotFound)));
        assert_ne!(hits, (0..10_000).map(|c| Plan::random(4, 100, &faults).fault(c, Verb::Get)).collect::<Vec<_>>());
    }
}
