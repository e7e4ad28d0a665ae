//! Where snapshots find now what they found in damaged packs: said in the log by the entry that repacking uses.
//!
//! A pack that holds nothing any more that somebody needs is let go; one that held what is lost stays needed, so that
//! nobody deletes it. A snapshot that nobody walked stops the exchange, as in repacking.

use super::look::Found;
use super::salvage::Salvage;
use super::walk::Walked;
use crate::domain::id::SnapshotId;
use crate::domain::log::Role;
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::Entry;
use crate::domain::log::state::{Life, State};
use crate::ops::error::OpsError;
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;

/// What takes one pack's place.
struct Wish {
    from: u32,
    to: Bits,
}

/// Exchanges every bad pack, as far as its content lies elsewhere now. Says how many are not needed any more.
pub(super) fn exchange(
    repo: &mut Repository,
    found: &Found,
    salvage: &Salvage,
    walked: &Walked,
) -> Result<u64, OpsError> {
    let mut done = 0;
    let wishes = found.packs.keys().map(|number| wish(repo, found, salvage, walked, *number));
    let wishes: Vec<Wish> = wishes.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    for wish in wishes {
        let said = repo.append_as(Some(Role::Pruner), |state| Ok(entry(state, walked, &wish)))?;
        done += u64::from(said.is_some() && !wish.to.contains(wish.from));
    }
    Ok(done)
}

fn wish(
    repo: &Repository,
    found: &Found,
    salvage: &Salvage,
    walked: &Walked,
    number: u32,
) -> Result<Option<Wish>, RepoError> {
    let index = repo.loaded_index().ok_or(RepoError::ChunkUnknown)?;
    let (mut to, mut all_over, mut lost) = (Bits::default(), true, false);
    for id in salvage.chunks.get(&number).into_iter().flatten() {
        match index.pack_of(id) {
            Some(pack) if found.is_proved(repo, pack)? => to.insert(pack),
            _ => all_over = false,
        }
        lost |= walked.lost.contains(id);
    }
    if salvage.unknown.contains(number) {
        for pack in salvage.perhaps.iter().filter_map(|id| index.pack_of(id)) {
            if found.is_proved(repo, pack)? {
                to.insert(pack);
            }
        }
    }
    let unsure = walked.blind && !all_over;
    if lost || walked.packs.contains(number) || salvage.unknown.contains(number) || unsure {
        to.insert(number);
    }
    if to.is_empty() {
        // Nothing of it is needed, and nothing cannot take its place: a pack that is needed anyway does.
        let state = repo.state();
        let roots = state.sets().into_iter().filter_map(|s| state.newest(&s).map(|n| n.snapshot.root));
        let other = roots.filter_map(|r| index.pack_of(&r)).find(|n| !found.is_bad(repo, *n));
        other.into_iter().for_each(|n| to.insert(n));
    }
    Ok((!to.is_empty()).then_some(Wish { from: number, to }))
}

/// The entry, if it changes anything and every pack in it lives.
fn entry(state: &State, walked: &Walked, wish: &Wish) -> Option<Entry> {
    let needs_it = || state.live_snapshots().filter(|s| s.snapshot.needs.contains(wish.from));
    let walked_as_it_is = |id: &SnapshotId, root| walked.roots.get(id) == Some(root);
    if needs_it().any(|s| !walked_as_it_is(&s.id, &s.snapshot.root)) {
        return None;
    }
    let described = state.described();
    let stays = |n: u32| {
        let lives = state.packs.get(n as usize).is_some_and(|p| matches!(p.life, Life::Live));
        lives && (n == wish.from || described.contains(n))
    };
    let lacks = |needs: &Bits| wish.to.iter().any(|n| !needs.contains(n)) || !wish.to.contains(wish.from);
    let useful = needs_it().any(|s| lacks(&s.snapshot.needs)) && wish.to.iter().all(stays);
    let from = [wish.from].into_iter().collect();
    useful.then(|| Entry::Rewritten { from, to: wish.to.clone() })
}
