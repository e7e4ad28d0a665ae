//! The index, made again: from this computer's copy, from other index objects, from the packs' own directories.
//!
//! What was there is left where it is. A missing object is put back only with the very bytes that its name says.

use std::collections::BTreeSet;

use super::look::{BadIndex, Found};
use super::salvage::own_directory;
use crate::domain::id::{IndexName, PackName, SessionId};
use crate::domain::log::Role;
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::{Entry, Stored, StoredPack};
use crate::domain::log::fold::index_is_superfluous;
use crate::domain::log::state::{IndexState, Life};
use crate::ops::backup::put_index;
use crate::ops::error::OpsError;
use crate::ops::monitor::Stop;
use crate::repo::chunk::{IndexObject, IndexedPack};
use crate::repo::error::RepoError;
use crate::repo::layout::Key;
use crate::repo::repository::Repository;

/// Makes every bad index object superfluous. Says how many are now, and which could not be.
pub(super) fn indexes(repo: &mut Repository, found: &Found, stop: &Stop) -> Result<(u64, Vec<IndexName>), OpsError> {
    let (mut done, mut left) = (0, vec![]);
    for bad in &found.indexes {
        stop.check()?;
        if put_back(repo, bad)? || index_is_superfluous(repo.state(), &bad.index.name) || again(repo, bad)? {
            done += 1;
        } else {
            left.push(bad.index.name);
        }
    }
    Ok((done, left))
}

/// The very bytes, under the very name: nobody could tell that it was gone.
fn put_back(repo: &Repository, bad: &BadIndex) -> Result<bool, RepoError> {
    let Some(copy) = bad.copy.as_ref().filter(|_| bad.missing) else { return Ok(false) };
    repo.store.create(&Key::Index(bad.index.name), copy)?;
    let now = repo.store.get(&Key::Index(bad.index.name))?;
    Ok(IndexName::of(&now) == bad.index.name)
}

/// A new object that describes its packs. A pack of which nothing can be read is left out, so that the old object is still
/// missed: the pack may come back. Says whether all are described.
fn again(repo: &mut Repository, bad: &BadIndex) -> Result<bool, OpsError> {
    let mut covered = Bits::default();
    let same = repo.state().indexes.iter().filter(|i| i.index.name == bad.index.name);
    same.for_each(|i| covered.union(&i.covers));
    let dead = |n: u32| matches!(repo.state().packs.get(n as usize).map(|p| p.life), Some(Life::Swept { .. }));
    let covered: Bits = covered.iter().filter(|n| !dead(*n)).collect();
    let said = said_by_pruners(repo, bad);
    let known = repo.descriptions(&covered)?;
    let mut all = true;
    let (mut packs, mut object): (Vec<StoredPack>, _) = (vec![], IndexObject::default());
    for number in covered.iter() {
        let pack = repo.state().packs[number as usize].pack;
        let described = match known.get(&number).and_then(|all| all.last()) {
            Some(known) => Some(known.clone()),
            None if !repo.can_read() => None,
            None => own_directory(repo, number)?.map(|segments| IndexedPack { name: pack.name, segments, head: None }),
        };
        let Some(described) = described else {
            all = false;
            continue;
        };
        packs.push(pack);
        object.packs.push(described);
    }
    if packs.is_empty() || (!all && packs.iter().all(|p| said.contains(&p.name))) {
        return Ok(false);
    }
    let index = put_index(repo, &object)?;
    let (session, began) = (SessionId::new(repo.env.entropy.bytes32()), repo.env.clock.now());
    let stored = Entry::Stored(Stored { session, began, packs, index });
    repo.append_as(Some(Role::Pruner), |_| Ok(Some(stored.clone())))?;
    Ok(all)
}

/// The packs that other objects of pruners describe, which could take this one's place for them.
fn said_by_pruners(repo: &Repository, bad: &BadIndex) -> BTreeSet<PackName> {
    let state = repo.state();
    let theirs = |i: &&IndexState| {
        let lives = matches!(i.life, Life::Live) && !i.void && !i.quarantined;
        lives && state.is_pruner(&i.actor) && i.index.name != bad.index.name
    };
    let numbers = state.indexes.iter().filter(theirs).flat_map(|i| i.covers.iter());
    numbers.filter_map(|n| repo.pack_name(n).ok()).collect()
}
