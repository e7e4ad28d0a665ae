//! The key files: every keyholder's bundle must be there with the bytes that were stored, or a key on paper opens nothing.
//!
//! They are few and small, so all of them are read each time. What they should be says the log; where it is silent, this
//! machine's own copy; and of one that nobody has seen before no more is said than that it looks like one.

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

/// Reads all bundles of the epoch of now again. Those that are right are kept as copies.
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
    let right = match repo.bundle_expected(&holder.id) {
        Some(expected) => expected.is(&stored),
        None => {
            let own = repo.machine.as_ref().filter(|m| m.id == holder.id);
            report.untold += u64::from(own.is_none());
            let (root, id) = (repo.state().created.root, repo.state().repository);
            own.map_or_else(
                || is_sealed(&stored),
                |m| Bundle::open(stored.clone(), &m.identity, &root, id, m.id).is_ok(),
            )
        }
    };
    if let (true, Some(dir)) = (right, repo.dir()) {
        dir.save_bundle(&holder.id, epoch, &stored);
    }
    Ok((!right).then_some("is damaged"))
}

/// What this machine knows and the log does not say yet.
pub(super) fn seen(repo: &Repository) -> Vec<StoredBundle> {
    repo.state().bundles_untold().filter_map(|id| repo.bundle_expected(&id)).collect()
}
