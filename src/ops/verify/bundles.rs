//! The key files: every keyholder's bundle must be there with the bytes that were stored, or a key on paper opens nothing.
//!
//! They are few and small, so all of them are read each time. What they should be says the root key in the log, or this
//! machine's own copy, or its own key, or another in the log. Of one of which nobody says it no more is known than that it
//! looks like one: it is *not checked*, however often it was read, and what was read never becomes what it should be.

use bytes::Bytes;

use super::{Object, VerifyReport, damage};
use crate::domain::log::bundles::StoredBundle;
use crate::domain::log::entry::Keyholder;
use crate::domain::path::printable;
use crate::ops::error::OpsError;
use crate::ops::monitor::Stop;
use crate::repo::error::RepoError;
use crate::repo::keys::Bundle;
use crate::repo::repository::Repository;
use crate::repo::seal::is_sealed;
use crate::repo::store::StoreFault;

/// Reads all bundles of the epoch of now again. Those that are proved are kept as copies.
pub(super) fn check(repo: &Repository, report: &mut VerifyReport, stop: &Stop) -> Result<(), OpsError> {
    for holder in &repo.state().keyholders {
        stop.check()?;
        report.examined.objects += 1;
        let epoch = repo.state().epoch().number;
        if let Some(wrong) = read(repo, holder, epoch, report)? {
            let name = printable(holder.name.as_bytes());
            let what = format!("the key file of '{name}' in the store {wrong}: that key may open nothing any more");
            report.failed.push(damage(repo.state(), Object::Bundle(holder.id, epoch), what));
        }
    }
    Ok(())
}

/// What is wrong with a bundle, if anything.
fn read(
    repo: &Repository,
    holder: &Keyholder,
    epoch: u32,
    report: &mut VerifyReport,
) -> Result<Option<&'static str>, OpsError> {
    let stored = match repo.store.get(&Object::Bundle(holder.id, epoch).key()) {
        Ok(stored) => stored,
        Err(e) if e.fault() == StoreFault::Missing => return Ok(Some("is missing")),
        Err(e) if e.is_too_large() => return Ok(Some("is damaged")),
        Err(e) => return Err(RepoError::from(e).into()),
    };
    report.examined.bytes += stored.len() as u64;
    let proved = repo.bundle_proved(&holder.id).map(|b| b.is(&stored)).or_else(|| opens(repo, holder, epoch, &stored));
    if let (Some(true), Some(dir)) = (proved, repo.dir()) {
        dir.save_bundle(&holder.id, epoch, &stored);
    }
    let right = proved.or_else(|| repo.bundle_expected(&holder.id).map(|b| b.is(&stored))).unwrap_or_else(|| {
        report.untold += 1;
        is_sealed(&stored)
    });
    Ok((!right).then_some("is damaged"))
}

/// Whether this machine's key opens its own bundle, signed by the root key. `None` for another's.
fn opens(repo: &Repository, holder: &Keyholder, epoch: u32, stored: &Bytes) -> Option<bool> {
    let own = repo.machine.as_ref().filter(|m| m.id == holder.id)?;
    let (root, id) = (repo.state().created.root, repo.state().repository);
    let bundle = Bundle::open(stored.clone(), &own.identity, &root, id, own.id);
    Some(bundle.is_ok_and(|b| b.epoch == epoch))
}

/// What this machine has proved and the log does not say yet.
pub(super) fn proved(repo: &Repository) -> Vec<StoredBundle> {
    repo.state().bundles_untold().filter_map(|id| repo.bundle_proved(&id)).collect()
}
