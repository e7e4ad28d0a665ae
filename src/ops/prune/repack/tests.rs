//! What is found needed, what is worth rewriting, and where it goes.

use std::os::unix::fs::FileExt;

use super::*;
use crate::domain::id::PackName;
use crate::domain::log::entry::Reason;
use crate::ops::Silent;
use crate::ops::backup::{BackupOptions, backup};
use crate::ops::verify::Object;
use crate::ops::verify::fixture::{Council, Heard};
use crate::repo::chunk::IndexedPack;
use crate::repo::store::StoreFault;
use crate::testing::{Fault, Plan};

/// Whoever names packs that may go must have seen every listing that needs them, and the new ones must be there.
#[test]
fn packs_are_exchanged_only_where_all_who_need_them_were_read_and_the_new_ones_live() {
    let c = Council::new();
    c.write("a.bin", Council::noise(1, 100_000));
    let first = c.backup();
    c.write("a.bin", Council::noise(2, 100_000));
    let second = c.backup();
    let mut repo = c.open();
    let needed = walk(&mut repo, &Stop::default()).unwrap();
    let state = repo.state();
    let needs = |id| state.snapshot(id).unwrap().snapshot.needs.clone();
    let old = needs(first).iter().find(|n| !needs(second).contains(*n)).unwrap();
    let from: Bits = [old].into_iter().collect();
    let new = needs(second).iter().next().unwrap();
    let to = [state.packs[new as usize].pack];
    let said = |state: &State, needed: &Needed, names: &[StoredPack]| exchange(state, needed, &from, names).is_some();
    assert!(said(state, &needed, &to));
    let rewritten = Entry::Rewritten { from: from.clone(), to: [new].into_iter().collect() };
    assert_eq!(exchange(state, &needed, &from, &to), Some(rewritten), "each new pack is named");
    assert!(!said(state, &needed, &[]), "for nothing");
    let unknown = StoredPack { name: PackName::of(b"unknown"), size: 1 };
    assert!(!said(state, &needed, &[unknown]) && !said(state, &needed, &[to[0], unknown]));
    let read =
        |snapshots: &[SnapshotId]| Needed { snapshots: snapshots.iter().copied().collect(), ..Needed::default() };
    assert!(said(state, &read(&[first]), &to), "who was not read does not need it");
    assert!(!said(state, &read(&[second]), &to), "who was not read needs it");
    let mut void = state.clone();
    void.packs[new as usize].void = true;
    assert!(!said(&void, &needed, &to));
    let mut condemned = state.clone();
    condemned.packs[new as usize].life =
        Life::Condemned { at: 1, time: c.env.clock.now(), reason: Reason::Unreferenced };
    assert!(!said(&condemned, &needed, &to));
}

/// What the index says of each pack.
fn indexed(repo: &Repository) -> Vec<IndexedPack> {
    let (every, mut packs) = ((0..repo.state().packs.len() as u32).collect(), vec![]);
    repo.for_each_pack(&every, |_, pack| {
        packs.push(pack.clone());
        Ok::<_, RepoError>(())
    })
    .unwrap();
    packs
}

fn ids_of(pack: &IndexedPack) -> impl Iterator<Item = [u8; 32]> {
    pack.segments.iter().flat_map(|s| &s.chunks).map(|c| *c.id.as_bytes())
}

fn thin_by_hand(c: &Council, snapshots: &[SnapshotId]) {
    let thinned = Entry::Thinned { snapshots: snapshots.to_vec(), rule: "by hand".into() };
    c.open().append(|_| Ok(Some(thinned.clone()))).unwrap();
}

fn root_of(c: &Council, id: SnapshotId) -> ChunkId {
    c.open().state().snapshot(id).unwrap().snapshot.root
}

fn pack_with(c: &Council, chunk: &ChunkId) -> Object {
    let mut repo = c.open();
    let number = repo.chunks().unwrap().pack_of(chunk).unwrap();
    Object::Pack(repo.pack_name(number).unwrap())
}

/// Of so many pieces that its entry does not hold them itself.
fn write_large(c: &Council) {
    let (noise, file) = (Council::noise(2, 1100 * 4096), std::fs::File::create(c.docs().join("large.bin")).unwrap());
    noise.chunks(4096).zip(0..).for_each(|(part, n)| file.write_all_at(part, n * 16_384).unwrap());
}

/// A listing that cannot be had for the time of one backup: the next root inherits it.
fn backup_that_inherits(c: &Council, root: &ChunkId) -> SnapshotId {
    let pack = pack_with(c, root);
    let bytes = c.store().get(&pack.key()).unwrap().to_vec();
    c.damage(pack, |bytes| bytes.fill(7));
    std::fs::remove_dir_all(c.dir().file("sets")).unwrap();
    let id = c.backup();
    c.damage(pack, |damaged| *damaged = bytes);
    id
}

/// Whatever is not found needed is not copied when its pack is rewritten: it would be lost.
#[test]
fn what_live_snapshots_need_is_every_root_page_list_and_piece_and_nothing_else() {
    let c = Council::new();
    c.write("minutes.txt", "resolved");
    write_large(&c);
    let first = c.backup();
    std::fs::remove_file(c.docs().join("large.bin")).unwrap();
    let second = c.backup();
    let third = backup_that_inherits(&c, &root_of(&c, second));
    let fourth = c.backup();
    assert_eq!(root_of(&c, third), root_of(&c, fourth), "nothing changed");
    let gone = root_of(&c, first);
    thin_by_hand(&c, &[second]);
    let mut repo = c.open();
    let needed = walk(&mut repo, &Stop::default()).unwrap();
    assert_eq!(needed.snapshots, HashSet::from([first, third, fourth]));
    let packs = indexed(&repo);
    let stored: Ids = packs.iter().flat_map(ids_of).collect();
    assert!(needed.all == stored, "{} found, {} stored", needed.all.len(), stored.len());
    let (listings, content): (Vec<_>, Vec<_>) =
        packs.iter().partition(|pack| ids_of(pack).all(|id| needed.listings.contains(&id)));
    assert!(content.iter().flat_map(|p| ids_of(p)).all(|id| !needed.listings.contains(&id)), "they lie apart");
    assert_eq!(listings.iter().flat_map(|p| ids_of(p)).collect::<Ids>(), needed.listings);
    assert!(content.iter().flat_map(|p| ids_of(p)).count() >= 1100);
    // Nothing else: what only a thinned snapshot had is needed no more.
    thin_by_hand(&c, &[first]);
    let later = walk(&mut c.open(), &Stop::default()).unwrap();
    assert_eq!(later.snapshots, HashSet::from([third, fourth]));
    assert!(later.all.is_subset(&stored) && !later.all.contains(gone.as_bytes()));
}

#[test]
fn who_is_stopped_or_gets_no_answer_has_found_nothing_needed() {
    let c = Council::new();
    c.write("minutes.txt", "resolved");
    c.backup();
    let stop = Stop::default();
    stop.set();
    assert!(matches!(walk(&mut c.open(), &stop), Err(RepoError::Interrupted)));
    let mut repo = c.open();
    repo.chunks().unwrap();
    c.faults.restart(Plan::within("packs/", Fault::FailBefore));
    let failed = walk_readable(&mut repo, &Stop::default()).err().unwrap();
    assert!(failed.store_fault().is_some_and(|f| f != StoreFault::Missing), "that is no damage: {failed}");
}

#[test]
fn whoever_leads_to_what_cannot_be_read_was_not_read() {
    let c = Council::new();
    c.write("minutes.txt", "resolved");
    let first = c.backup();
    // The same pages, and another root, twice.
    let mut again = BackupOptions::new(&c.set, vec![c.source()]);
    again.config_text = Some("another".into());
    let run = || backup(&mut c.open(), &again, &Silent, &Stop::default()).unwrap().snapshot.unwrap();
    let (second, third) = (run(), run());
    assert_eq!(root_of(&c, second), root_of(&c, third));
    let (pages, root) = (pack_with(&c, &root_of(&c, first)), pack_with(&c, &root_of(&c, second)));
    assert_ne!(pages, root);
    // And one that inherits them.
    let fourth = backup_that_inherits(&c, &root_of(&c, third));
    let mut other = BackupOptions::new("other", vec![c.source()]);
    other.config_text = Some("of another set".into());
    let sound = {
        c.write("minutes.txt", "resolved otherwise");
        backup(&mut c.open(), &other, &Silent, &Stop::default()).unwrap().snapshot.unwrap()
    };
    let all = HashSet::from([first, second, third, fourth, sound]);
    for (damaged, read) in
        [(None, all), (Some(pages), HashSet::from([sound])), (Some(root), HashSet::from([first, sound]))]
    {
        let c = c.fork();
        damaged.into_iter().for_each(|pack| c.damage(pack, |bytes| bytes.fill(7)));
        let (needed, damage) = walk_readable(&mut c.open(), &Stop::default()).unwrap();
        assert_eq!(needed.snapshots, read, "{damaged:?}");
        assert_eq!(damage.is_some_and(|e| e.is_damage()), damaged.is_some());
        let whole = walk(&mut c.open(), &Stop::default());
        assert_eq!(whole.err().is_some_and(|e| e.is_damage()), damaged.is_some(), "whoever needs all of it is told");
    }
}

#[test]
fn a_pack_is_worth_it_below_the_half_and_while_a_run_has_room() {
    let mut chosen = Chosen::default();
    assert!(!chosen.take(1, 2, 10) && !chosen.take(2, 2, 10), "half of it is needed");
    assert!(chosen.take(1, 3, RUN_BYTES - 10));
    assert!(!chosen.take(1, 3, 11), "more than there is room for");
    assert!(!chosen.take(2, 4, 10), "what is not worth it takes no room");
    assert!(chosen.take(0, 1, 10));
    assert!(!chosen.take(1, 3, 1), "it is full");
}

/// Each set has content of its own, three live snapshots, and a pack that is needed for less than half.
fn two_sets() -> Council {
    let mut c = Council::new();
    let mut thinned = vec![];
    for (set, seed) in [("documents", 10), ("other", 20)] {
        c.set = set.into();
        c.write("a.bin", Council::noise(seed, 30_000));
        c.write("minutes.txt", format!("the {set} were resolved. ").repeat(1000));
        c.backup();
        c.write("kept.bin", Council::noise(seed + 1, 30_000));
        c.write("a.bin", Council::noise(seed + 2, 100_000));
        thinned.push(c.backup());
        c.write("a.bin", Council::noise(seed + 3, 30_000));
        c.backup();
        c.backup();
    }
    thin_by_hand(&c, &thinned);
    c
}

#[test]
fn what_is_chosen_says_how_much_of_it_is_needed_and_which_sets_need_it() {
    let c = two_sets();
    let mut repo = c.open();
    let needed = walk(&mut repo, &Stop::default()).unwrap();
    let mut asked = vec![];
    let every = choose(&repo, &needed, |used, all, size| {
        asked.push((used, all, size));
        true
    })
    .unwrap();
    let numbers: Vec<u32> = every.iter().map(|o| o.number).collect();
    assert_eq!(numbers.iter().copied().collect::<Bits>(), repo.state().needed(), "all that anybody needs");
    let sizes = numbers.iter().map(|n| repo.state().packs[*n as usize].pack.size);
    assert!(sizes.eq(asked.iter().map(|(_, _, size)| *size)));
    assert_eq!(asked.iter().filter(|(used, all, _)| (*used, *all) == (30_000, 130_000)).count(), 2, "{asked:?}");
    assert!(asked.iter().all(|(used, all, _)| used <= all && *used > 0));
    for old in &every {
        let needs = |s: &&SnapshotState| s.snapshot.needs.contains(old.number);
        let sets: BTreeSet<String> =
            repo.state().live_snapshots().filter(needs).map(|s| s.snapshot.set.clone()).collect();
        assert_eq!(old.sets, sets);
    }
    assert_eq!(worth_it(&repo, &needed).unwrap().len(), 2);
    assert!(choose(&repo, &needed, |_, _, _| false).unwrap().is_empty());
}

fn rewrite(c: &Council, monitor: &dyn Monitor, stop: &Stop) -> Result<u64, OpsError> {
    repack(&mut c.open(), monitor, stop)
}

fn packs_of(c: &Council) -> Vec<StoredPack> {
    c.open().state().packs.iter().map(|p| p.pack).collect()
}

#[test]
fn what_is_rewritten_is_told_and_lies_apart_by_set_and_by_kind() {
    let c = two_sets();
    let (before, old) = (c.everything(), packs_of(&c).len());
    let heard = Heard::and(|_| ());
    assert_eq!(rewrite(&c, &heard, &Stop::default()).unwrap(), 2);
    let stages = [("looking for packs to rewrite".into(), None, 0), ("rewriting packs".into(), Some(2), 2)];
    assert_eq!(heard.all(), stages);
    assert_eq!(c.everything(), before);
    let repo = c.open();
    assert!(repo.state().open_sessions.is_empty(), "nobody goes on with it");
    let new: Vec<u32> = indexed(&repo)[old..].iter().map(len_of).collect();
    assert_eq!(new, [30_000, 30_000], "what is needed, and no other set's beside it");
    assert_eq!(rewrite(&c, &Silent, &Stop::default()).unwrap(), 0, "once is enough");
}

fn len_of(pack: &IndexedPack) -> u32 {
    pack.segments.iter().flat_map(|s| &s.chunks).map(|c| c.len).sum()
}

/// Listings and content are chosen together and must not be mixed: finding one file is to read little.
#[test]
fn listings_that_are_rewritten_lie_apart_from_content() {
    let c = two_sets();
    let mut repo = c.open();
    let needed = walk(&mut repo, &Stop::default()).unwrap();
    let old = choose(&repo, &needed, |_, _, _| true).unwrap();
    let heard = Heard::and(|_| ());
    heard.stage("copying", None);
    let copied = copy(&mut repo, &needed, &old, &heard, &Stop::default()).unwrap();
    assert_eq!(heard.of("copying"), Some((None, old.len() as u64)));
    let from: Vec<u32> = copied.iter().flat_map(|(from, _)| from.iter()).collect();
    assert_eq!(from.iter().collect::<HashSet<_>>(), old.iter().map(|o| &o.number).collect(), "each has its place");
    let new: Vec<&WrittenPack> = copied.iter().flat_map(|(_, new)| new).collect();
    let is_listing = |id: &[u8; 32]| needed.listings.contains(id);
    for pack in &new {
        let ids: Vec<[u8; 32]> = ids_of(&pack.indexed).collect();
        assert!(ids.iter().all(is_listing) || !ids.iter().any(is_listing));
        assert!(ids.len() == ids.iter().collect::<HashSet<_>>().len(), "each once");
    }
    assert_eq!(new.iter().flat_map(|p| ids_of(&p.indexed)).collect::<Ids>(), needed.all, "all that is needed, no more");
    let content = new.iter().filter(|p| !ids_of(&p.indexed).any(|id| is_listing(&id)));
    let both = content.filter(|p| p.indexed.segments.len() == 2).count();
    assert_eq!(both, 2, "of each set's content what compresses is kept apart from what does not");
}

#[test]
fn where_nothing_was_thinned_nothing_is_looked_for() {
    let c = Council::new();
    c.write("a.bin", Council::noise(1, 30_000));
    c.backup();
    c.faults.restart(Plan::none());
    let heard = Heard::and(|_| ());
    assert_eq!(rewrite(&c, &heard, &Stop::default()).unwrap(), 0);
    assert_eq!((heard.all(), c.faults.count("get packs")), (vec![], 0));
}

#[test]
fn who_is_stopped_while_rewriting_says_nothing() {
    let c = two_sets();
    let (stop, next) = (Stop::default(), c.open().state().next);
    let heard = Heard::and(|what: &str| {
        if what == "rewriting packs" {
            stop.set();
        }
    });
    let stopped = rewrite(&c, &heard, &stop);
    assert!(matches!(stopped, Err(OpsError::Repo(RepoError::Interrupted))), "{stopped:?}");
    assert_eq!(heard.of("rewriting packs"), Some((Some(2), 0)));
    assert_eq!(c.open().state().next, next);
}

/// A damaged pack is left as it is, for a repair; a store that gives nothing is a fault.
#[test]
fn damage_ends_a_rewriting_without_a_word_and_no_answer_is_a_fault() {
    let c = two_sets();
    let next = c.open().state().next;
    let old = worth_it(&c.open(), &walk(&mut c.open(), &Stop::default()).unwrap()).unwrap();
    let number = old[0].number;
    let pack = Object::Pack(c.open().pack_name(number).unwrap());
    let silent = c.fork();
    let heard = Heard::and(|what: &str| {
        if what == "rewriting packs" {
            silent.faults.restart(Plan::within("packs/", Fault::FailBefore));
        }
    });
    let failed = rewrite(&silent, &heard, &Stop::default());
    assert!(matches!(&failed, Err(OpsError::Repo(e)) if e.store_fault().is_some()), "{failed:?}");
    c.damage(pack, |bytes| bytes.fill(7));
    assert_eq!(rewrite(&c, &Silent, &Stop::default()).unwrap(), 0);
    assert_eq!(c.open().state().next, next, "nothing was said");
    // Once it is known, it keeps no other from being rewritten.
    let known = Entry::Quarantined { packs: [number].into_iter().collect(), indexes: vec![] };
    c.open().append(|_| Ok(Some(known.clone()))).unwrap();
    assert_eq!(rewrite(&c, &Silent, &Stop::default()).unwrap(), 1);
    let repo = c.open();
    assert!(repo.state().needed().contains(number), "what is left of it is a repair's business");
    assert!(!repo.state().needed().contains(old[1].number));
}
