//! Which notes go, and when; and the whole way of a disposal as far as log and packs go.

use jiff::civil::date;

use super::*;
use crate::domain::id::{NoteName, SnapshotId};
use crate::domain::log::entry::JournalPage;
use crate::domain::log::evidence::EVIDENCE_KEPT;
use crate::domain::log::rulings::{DisposalApproved, DisposalWithdrawn, Relisting};
use crate::ops::prune::delete::unneeded_notes;
use crate::repo::store::Listed;

fn say(c: &Council, entry: Entry) -> u64 {
    c.open().append(|_| Ok(Some(entry.clone()))).unwrap().unwrap()
}

fn note(c: &Council, words: &str) -> NoteName {
    c.open().put_note(&words).unwrap()
}

fn there(c: &Council, name: NoteName) -> bool {
    c.store().list("notes").unwrap().0.iter().any(|l| l.key == Key::Note(name))
}

#[test]
fn only_an_unnamed_note_that_waited_goes_whatever_this_clock_says() {
    let c = council();
    let (named, orphan) = (note(&c, "a hold"), note(&c, "nobody told the log"));
    say(&c, Entry::HoldPlaced { note: named, review: date(2027, 1, 1) });
    c.clock.advance_days(400);
    c.prune();
    assert!(there(&c, named) && there(&c, orphan), "by the store's own dates it is young");
    assert!(c.prune_now().refused == 0 && there(&c, orphan), "the wait is for authors, nobody can cut it short");
    let repo = c.open();
    let listed = |age: SignedDuration| -> Vec<Listed> {
        let mut all = repo.store.list("notes").unwrap().0;
        let now = repo.store.get_dated(&Key::Log(repo.state().next - 1)).unwrap().1;
        all.iter_mut().for_each(|l| l.modified = now - age);
        all
    };
    let young = listed(GRACE - SignedDuration::from_secs(1));
    assert!(unneeded_notes(&repo, young.iter(), GRACE).unwrap().is_empty());
    let old = listed(GRACE);
    let found = unneeded_notes(&repo, old.iter(), GRACE).unwrap();
    assert_eq!(found.iter().map(|l| &l.key).collect::<Vec<_>>(), [&Key::Note(orphan)]);
}

/// A clock that runs decades ahead ends no years of evidence: the store's own dates must say so, too.
#[test]
fn a_page_of_a_journal_goes_after_seven_years_by_two_clocks() {
    let c = council();
    let page = note(&c, "a page");
    let at = c.open().env.clock.now();
    say(&c, Entry::Journal(JournalPage { note: page, from: at, to: at, lines: 1 }));
    let repo = c.open();
    let listed = |age: SignedDuration| -> Vec<Listed> {
        let repo = c.open();
        let mut all = repo.store.list("notes").unwrap().0;
        let now = repo.store.get_dated(&Key::Log(repo.state().next - 1)).unwrap().1;
        all.iter_mut().for_each(|l| l.modified = now - age);
        all
    };
    let old = listed(EVIDENCE_KEPT * 2);
    assert!(unneeded_notes(&repo, old.iter(), GRACE).unwrap().is_empty(), "the log is young");
    c.clock.advance_days(366 * 40);
    say(&c, Entry::Restored { snapshot: None, files: 0, bytes: 0 });
    let repo = c.open();
    let found = |age| unneeded_notes(&repo, listed(age).iter(), GRACE).unwrap().len();
    assert_eq!((found(GRACE * 3), found(EVIDENCE_KEPT)), (0, 1));
}

/// `secret.bin` is gone from the folder and stands in two snapshots; another set's listing never had it.
fn with_secret() -> (Council, [SnapshotId; 2], SnapshotId) {
    let mut c = Council::new();
    c.write("kept.bin", Council::noise(1, 60_000));
    c.backup();
    c.write("secret.bin", Council::noise(2, 90_000));
    let first = c.backup();
    std::fs::remove_file(c.docs().join("secret.bin")).unwrap();
    let second = c.backup();
    c.set = "other".into();
    let clean = c.backup();
    c.set = "documents".into();
    (c, [first, second], clean)
}

fn approve(c: &Council) -> (u64, NoteName) {
    let names = note(c, "Documents/secret.bin");
    let plan = "2026-11-22-3f9a2c41".into();
    (say(c, Entry::DisposalApproved(DisposalApproved { plan, note: names, records: 1, bytes: 90_000 })), names)
}

fn withdraw(c: &Council, approval: u64) -> u64 {
    let register = note(c, "digests");
    say(c, Entry::DisposalWithdrawn(DisposalWithdrawn { approval, urgent: true, register, note: None }))
}

fn relist(c: &Council, approval: u64, snapshots: &[SnapshotId], like: SnapshotId) -> u64 {
    let repo = c.open();
    let like = repo.state().snapshot(like).unwrap().snapshot.clone();
    let new = |id: &SnapshotId| Relisting { snapshot: *id, root: like.root, needs: like.needs.clone() };
    say(c, Entry::Relisted { approval, roots: snapshots.iter().map(new).collect() })
}

fn names_of(c: &Council) -> String {
    format!("{:?}", c.everything())
}

#[test]
fn a_disposal_takes_the_packs_and_then_the_names() {
    let (c, both, clean) = with_secret();
    assert!(names_of(&c).contains("secret.bin"));
    let (_, secret) = c.pack_of("Documents/secret.bin");
    let (approval, names) = approve(&c);
    withdraw(&c, approval);
    c.prune_now();
    assert!(there(&c, names) && c.objects().contains(&secret.key().to_string()));
    relist(&c, approval, &both, clean);
    assert!(!names_of(&c).contains("secret.bin"), "no snapshot shows it");
    assert!(c.prune_now().deleted > 0);
    assert!(!c.objects().contains(&secret.key().to_string()), "nothing needs its pack");
    assert!(there(&c, names), "not done yet");
    let certificate = note(&c, "certificate");
    say(&c, Entry::DisposalDone { approval, certificate });
    c.prune();
    assert!(!there(&c, names) && there(&c, certificate));
    assert!(c.open().state().voids.is_empty());
    let checked = crate::ops::verify::check(&mut c.open(), false, &Silent, &Stop::default()).unwrap();
    assert_eq!(checked.exit(), Exit::Done, "{checked:?}");
    c.backup();
    assert!(!names_of(&c).contains("secret.bin"), "the next backup goes on from the new listing");
}

/// Writes the listings anew while a backup is at work.
struct Meddler<'a>(&'a Council, [SnapshotId; 2], SnapshotId, std::sync::atomic::AtomicU32);

impl Monitor for Meddler<'_> {
    fn stage(&self, what: &str, _: Option<u64>) {
        if what == "storing" && self.3.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
            let (approval, _) = approve(self.0);
            withdraw(self.0, approval);
            relist(self.0, approval, &self.1, self.2);
        }
    }
    fn advance(&self, _: u64) {}
    fn problem(&self, _: &crate::domain::problem::Problem) {}
}

#[test]
fn a_backup_at_work_does_not_bring_back_what_is_disposed_of_meanwhile() {
    let (c, both, clean) = with_secret();
    let meddler = Meddler(&c, both, clean, Default::default());
    let options = crate::ops::backup::BackupOptions::new("documents", vec![c.source()]);
    let report = crate::ops::backup::backup(&mut c.open(), &options, &meddler, &Stop::default()).unwrap();
    assert!(report.snapshot.is_some());
    assert_eq!(meddler.3.load(std::sync::atomic::Ordering::SeqCst), 2, "it started over");
    assert!(!names_of(&c).contains("secret.bin"));
}
