//! Log entries, and their fold into what a reader at a given position knows.

use super::state::MAX_SLOTS;
use std::fmt;

/// A set of packs, one bit each.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Packs(pub u8);

impl Packs {
    pub fn one(pack: u8) -> Self {
        Packs(1 << pack)
    }

    pub fn has(self, pack: u8) -> bool {
        self.0 >> pack & 1 == 1
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn with(self, other: Packs) -> Self {
        Packs(self.0 | other.0)
    }

    pub fn without(self, other: Packs) -> Self {
        Packs(self.0 & !other.0)
    }

    /// The lowest pack of a set that is not empty.
    pub fn first(self) -> u8 {
        self.0.trailing_zeros() as u8
    }
}

impl fmt::Display for Packs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = (0..8).filter(|pack| self.has(*pack)).map(|pack| format!("p{pack}")).collect();
        out.write_str(&names.join("+"))
    }
}

/// What one slot of the log holds.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub enum Entry {
    #[default]
    Empty,
    Snapshot {
        writer: u8,
        pack: u8,
    },
    Condemned(Packs),
    Swept(Packs),
    Abandoned {
        writer: u8,
    },
}

pub type Log = [Entry; MAX_SLOTS];

/// What the first entries of the log add up to.
#[derive(Clone, Copy, Default, Debug)]
pub struct Fold {
    pub condemned: Packs,
    pub swept: Packs,
    pub referenced: Packs,
    pub abandoned_writers: u8,
}

impl Fold {
    /// Folds the entries below `head`. Without `rescue`, a later snapshot does not lift a condemnation.
    pub fn of(log: &Log, head: u8, rescue: bool) -> Self {
        let mut fold = Fold::default();
        for entry in &log[..usize::from(head)] {
            match *entry {
                Entry::Empty => {}
                Entry::Snapshot { pack, .. } => {
                    fold.referenced = fold.referenced.with(Packs::one(pack));
                    if rescue {
                        fold.condemned = fold.condemned.without(Packs::one(pack));
                    }
                }
                Entry::Condemned(packs) => fold.condemned = fold.condemned.with(packs),
                Entry::Swept(packs) => {
                    fold.swept = fold.swept.with(packs);
                    fold.condemned = fold.condemned.without(packs);
                }
                Entry::Abandoned { writer } => fold.abandoned_writers |= 1 << writer,
            }
        }
        fold
    }

    pub fn is_abandoned(&self, writer: usize) -> bool {
        self.abandoned_writers >> writer & 1 == 1
    }
}
