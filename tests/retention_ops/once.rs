//! What it costs to gather facts, by counts: every pack once, every page once, however many snapshots share them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use strongroom::domain::listing::Root;
use strongroom::domain::problem::Problem;
use strongroom::ops::retention::facts::gather;
use strongroom::ops::retention::law::load;
use strongroom::ops::{Monitor, Stop};
use strongroom::repo::listing::read_root;

use crate::council::{Council, class, scheme, usual, zone};

/// Counts the pages that were taken in.
#[derive(Default)]
struct Taken(AtomicU64);

impl Monitor for Taken {
    fn stage(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }
    fn problem(&self, _: &Problem) {}
}

/// Distinct pages, packs that hold them, and packs that hold a root, from the roots themselves.
fn listed(c: &Council) -> (usize, BTreeSet<u32>, BTreeSet<u32>) {
    let mut repo = c.open();
    let ids: Vec<_> = repo.state().live_snapshots().map(|s| s.snapshot.root).collect();
    let mut chunks = repo.chunks().unwrap();
    let roots: Vec<Root> = ids.iter().map(|id| read_root(&mut chunks, id).unwrap()).collect();
    let pages: BTreeSet<_> = roots.iter().flat_map(|r| r.live.iter().chain(&r.gone)).map(|p| p.id).collect();
    let packs = |ids: &mut dyn Iterator<Item = _>| ids.map(|id| chunks.pack_of(id).unwrap()).collect();
    (pages.len(), packs(&mut pages.iter()), packs(&mut ids.iter()))
}

#[test]
fn a_page_is_read_once_however_many_snapshots_have_it() {
    let c = Council::new("2020-01-10");
    for n in 0..1_500 {
        c.world.write(&format!("Letters/{n:04}.txt"), n.to_string());
    }
    c.backup("2020-01-11");
    let first = c.facts();
    assert!(first.pages > 1, "{} pages", first.pages);
    for n in 1..=20_u64 {
        // One page changes with every backup, and each makes a new one of what is gone.
        c.world.write("Letters/0700.txt", format!("changed {n}"));
        c.remove(&format!("Letters/{:04}.txt", n + 800));
        c.backup(&format!("2020-02-{n:02}"));
    }
    let (pages, page_packs, root_packs) = listed(&c);
    let shared = 21 * first.pages as usize;
    assert!(pages < shared / 2, "{pages} pages, not shared {shared}");

    let (taken, before) = (Taken::default(), c.world.faults.count("get packs/"));
    let mut repo = c.open();
    let facts = gather(&mut repo, &taken, &Stop::default()).unwrap();
    let fetched = c.world.faults.count("get packs/") - before;
    assert_eq!((facts.records.len(), facts.snapshots), (1_500, 21));
    assert_eq!((facts.pages, taken.0.into_inner()), (pages as u64, pages as u64));
    let most = page_packs.len() + root_packs.len();
    assert!(fetched <= most, "for its roots and for its pages each pack once: {fetched}, not {most}");
}

#[test]
fn the_note_of_a_scheme_that_waits_is_read_once() {
    let c = Council::new("2020-01-10");
    c.adopt(&usual());
    c.write("Letters/a.txt", "a letter", "2018-05-01");
    c.backup("2020-01-11");
    c.adopt(&scheme(&[class("letters", "Documents/Letters", "1 month", "modified", "destroy", "none")]));
    let (repo, before) = (c.open(), c.world.faults.count("get notes/"));
    let law = load(&repo, &zone(), c.today()).unwrap();
    assert!(law.in_force.is_some() && law.next.is_some() && law.waiting.len() == 1);
    assert_eq!(c.world.faults.count("get notes/") - before, 2, "the one in force, and the one that waits");
}
