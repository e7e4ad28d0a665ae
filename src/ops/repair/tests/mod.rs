//! Every kind of damage, repaired or named; what a person accepts; and that nothing is ever taken away.

mod copies;
mod crash;
mod damage;
mod losses;

use super::*;
use crate::domain::log::entry::Entry;
use crate::domain::log::state::Slot;
use crate::ops::Silent;
use crate::ops::backup::BackupOptions;
use crate::ops::verify::fixture::Council;
use crate::ops::verify::{self, Budget, TestOptions, VerifyReport};
use crate::repo::machine::DAMAGED_PACKS;

impl Council {
    fn options(&self) -> RepairOptions {
        RepairOptions { all: true, sets: vec![BackupOptions::new(&self.set, vec![self.source()])] }
    }

    fn try_repair(&self) -> Result<RepairReport, OpsError> {
        let repo = Repository::open_fresh(self.store(), self.dir(), self.env.clone());
        repair(&mut repo?, &self.options(), &Silent, &Stop::default())
    }

    /// Repairs, and sees that everything that was in the store is there still.
    fn repair(&self) -> RepairReport {
        let before = self.objects();
        let report = self.try_repair().unwrap();
        let after = self.objects();
        assert!(before.iter().all(|o| after.contains(o)), "something is gone");
        report
    }

    /// The entries of the log, but for those that only say what was examined.
    fn said(&self) -> usize {
        let told =
            |s: &&Slot| !matches!(s.body.as_ref().map(|b| &b.entry), Some(Entry::Checked(_) | Entry::Scrubbed(_)));
        self.open().slots().iter().filter(told).count()
    }

    fn preview(&self) -> RepairReport {
        let (before, entries) = (self.objects(), self.said());
        let report = preview(&mut self.open(), &self.options(), &Silent, &Stop::default()).unwrap();
        assert_eq!((self.objects(), self.said()), (before, entries), "a look stores nothing");
        report
    }

    fn accept(&self, packs: &[&str]) -> Result<AcceptedLoss, OpsError> {
        let packs = packs.iter().map(|p| (*p).to_owned()).collect();
        let wanted = Acceptance { packs, by: "Town Clerk".into(), note: "The paper copy is in the safe".into() };
        accept(&mut self.open(), &wanted, &Silent, &Stop::default())
    }

    fn restore_all(&self) -> VerifyReport {
        let options = TestOptions { all: true, ..TestOptions::default() };
        verify::restore(&mut self.open(), &options, &Silent, &Stop::default()).unwrap()
    }

    fn scrub_all(&self) -> VerifyReport {
        let budget = Budget { all: true, ..Budget::default() };
        verify::scrub(&mut self.open(), &budget, &Silent, &Stop::default()).unwrap()
    }

    /// Everything comes back, and every stored byte that is needed is right; nothing is damaged and all entries count.
    fn is_clean(&self) {
        let (restored, scrubbed) = (self.restore_all(), self.scrub_all());
        assert!(restored.failed.is_empty(), "{:?}", restored.failed);
        assert!(scrubbed.failed.is_empty(), "{:?}", scrubbed.failed);
        assert!(self.open().state().voids.is_empty(), "{:?}", self.open().state().voids);
    }

    fn forget_everything(&self) {
        let _ = std::fs::remove_dir_all(self.dir().file("cache"));
        let _ = std::fs::remove_dir_all(self.dir().file("sets"));
        let _ = std::fs::remove_file(self.dir().file(DAMAGED_PACKS));
    }
}

#[allow(clippy::ptr_arg, reason = "handed on as it is")]
fn flip(bytes: &mut Vec<u8>) {
    let at = bytes.len() / 2;
    bytes[at] ^= 0x10;
}

fn named(losses: &[Loss]) -> Vec<String> {
    losses.iter().map(|l| l.path.as_ref().map(ToString::to_string).unwrap_or_default()).collect()
}

/// Two nights; in the second one document is changed and one is deleted. All of it lies in packs of their own night.
fn council() -> Council {
    let c = Council::new();
    c.write("kept.bin", Council::noise(1, 60_000));
    c.write("changing.bin", Council::noise(2, 60_000));
    c.write("deleted.bin", Council::noise(3, 60_000));
    c.backup();
    c.write("changing.bin", Council::noise(4, 60_000));
    std::fs::remove_file(c.docs().join("deleted.bin")).unwrap();
    c.backup();
    c.is_clean();
    c
}
