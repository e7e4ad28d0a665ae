//! A scrub by somebody who has no key at all: read access to the store is enough.
//!
//! Packs, index and notes are named by the digest of their bytes, so each proves itself. What should be there and is not,
//! the log and the key files prove nothing to somebody without a key: of them nothing is said.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::scrub::{Round, digested, is_named_so, oldest};
use super::{Budget, Damage, Object, VerifyReport, Wanted};
use crate::domain::clock::Clock;
use crate::ops::error::OpsError;
use crate::ops::monitor::{Monitor, Stop};
use crate::repo::layout::{INDEX, Key, NOTES, PACKS};
use crate::repo::machine::StateDir;
use crate::repo::store::{Listed, Store};

const KEPT: &str = "scrub-keyless.json";

/// When each object of one store was last found as its name says: decides the order only.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    store: String,
    scrubbed: BTreeMap<String, Timestamp>,
}

/// Reads every object again that is named by its digest, those longest ago first, and compares.
///
/// # Errors
/// [`OpsError::Nothing`] when the store lists none; faults of the store; `Interrupted`. What was done until then is noted.
pub fn scrub_keyless(
    store: &Store,
    dir: &StateDir,
    clock: &dyn Clock,
    budget: &Budget,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<VerifyReport, OpsError> {
    let (mut queue, mut foreign) = (vec![], 0);
    for folder in [PACKS, INDEX, NOTES] {
        let (listed, others) = store.list(folder)?;
        queue.extend(listed.iter().filter_map(named_by_digest));
        foreign += others as u64;
    }
    if queue.is_empty() {
        return Err(OpsError::Nothing(format!("There is no backup at {}; nothing was examined.", store.address())));
    }
    let kept: Option<Kept> = dir.load_json(KEPT);
    let mut kept = kept.filter(|k| k.store == store.address()).unwrap_or_default();
    // A prune may have removed it since it was listed.
    let read = |w: &Wanted| digested(store, w.object, None, |bytes| is_named_so(w.object, bytes));
    let damage =
        |object, what| Damage { object: Some(object), what, snapshots: vec![], records: vec![], put_back: false };
    let round = Round { clock, budget, read: &read, damage: &damage, monitor, stop };
    let (mut report, error) = round.go(&mut queue, &mut kept.scrubbed);
    let there: std::collections::HashSet<String> = queue.iter().map(|w| w.object.to_string()).collect();
    kept.scrubbed.retain(|name, _| there.contains(name));
    kept.store = store.address().to_owned();
    report.foreign = foreign;
    if let Some(e) = dir.save_json(KEPT, &kept).err().or(error) {
        return report.ended_by(e);
    }
    report.oldest = oldest(&queue, &kept.scrubbed);
    Ok(report)
}

fn named_by_digest(listed: &Listed) -> Option<Wanted> {
    let object = match listed.key {
        Key::Pack(name) => Object::Pack(name),
        Key::Index(name) => Object::Index(name),
        Key::Note(name) => Object::Note(name),
        _ => return None,
    };
    Some(Wanted { object, size: Some(listed.size) })
}
