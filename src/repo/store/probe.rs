//! What a store really does, tried out: create-if-absent (alone and in a race), listing after writing, and
//! whether this credential could destroy the backups.

use bytes::Bytes;

use super::{Created, Store, StoreError, StoreFault};
use crate::domain::clock::Entropy;
use crate::domain::problem::Verdict;
use crate::repo::layout::Key;

/// How many race for one name.
const RACERS: usize = 16;

/// One thing tried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was tried, in words.
    pub what: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// What to do where that is a problem.
    pub todo: &'static str,
}

/// Everything tried out.
#[derive(Debug, Clone)]
pub struct ProbeReport {
    /// Create-if-absent holds, also in a race: several machines may share the store.
    pub conditional: bool,
    /// This credential can overwrite or delete: it could destroy the backups.
    pub can_destroy: bool,
    /// All findings, for people.
    pub findings: Vec<Finding>,
}

/// Tries the store out with small objects under `probe/`, and removes them where it may.
///
/// # Errors
/// [`StoreError`] when not even writing and reading back works.
pub fn probe(store: &Store, entropy: &dyn Entropy) -> Result<ProbeReport, StoreError> {
    let tag = hex::encode(&entropy.bytes32()[..8]);
    let key = Key::Probe(format!("{tag}-a"));
    let first = Bytes::from(format!("{tag} first"));
    let second = Bytes::from(format!("{tag} second"));
    let mut findings = vec![];
    let alone = create_twice(store, &key, &first, &second)?;
    let mut found = |what, ok, why, todo| findings.push(Finding { what, verdict: verdict(ok, why), todo });
    found("a second object of the same name is refused", alone, "the store overwrites without a word", SINGLE);
    let race = alone && race(store, &tag)?;
    found("of sixteen at once exactly one wins", race, "several writers won the same name", SINGLE);
    let listed = store.list("probe")?.0.iter().any(|l| l.key == key);
    found("what was written is listed", listed, "it is not in the list", LISTED);
    let overwrites = store.put(&key, &second).is_ok() && store.get(&key).is_ok_and(|b| b == second);
    let deletes = store.delete(&key).is_ok() && store.get(&key).is_err_and(|e| e.fault() == StoreFault::Missing);
    let harmless = !overwrites && !deletes;
    let why = "this key could destroy your backups";
    found("this credential cannot overwrite or delete", harmless, why, PROTECT);
    if deletes {
        let _ = store.delete(&Key::Probe(format!("{tag}-race")));
    }
    Ok(ProbeReport { conditional: alone && race, can_destroy: overwrites || deletes, findings })
}

const SINGLE: &str = "Use another store. Or let one computer alone write (single_machine = true in [repository]); where that \
                      is set, nothing is to be done.";
const LISTED: &str = "Try again later. If it stays so, use another store.";
const PROTECT: &str = "In a cloud store switch on versioning or object lock, say so under claims in [repository], and run: \
                       strongroom verify store. This line goes only with a key that may add and not delete. A folder \
                       cannot be protected: keep a second copy elsewhere.";

fn verdict(ok: bool, otherwise: &str) -> Verdict {
    if ok { Verdict::Passed } else { Verdict::Failed(otherwise.into()) }
}

fn create_twice(store: &Store, key: &Key, first: &Bytes, second: &Bytes) -> Result<bool, StoreError> {
    match store.create(key, first) {
        Ok(_) => {}
        Err(e) if e.fault() == StoreFault::Unsupported => {
            store.put(key, first)?;
            return Ok(false);
        }
        // A file can be put there but not created: the kernel refuses the hard link that creating takes.
        Err(_) if store.address().starts_with("file:") && store.put(key, first).is_ok() => {
            let _ = store.delete(key);
            return Err(StoreError::no_links(store.address()));
        }
        Err(e) => return Err(e),
    }
    let again = store.create(key, second)?;
    Ok(again == Created::Taken && store.get(key)? == *first)
}

fn race(store: &Store, tag: &str) -> Result<bool, StoreError> {
    let key = Key::Probe(format!("{tag}-race"));
    let outcomes: Vec<Result<Created, StoreError>> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..RACERS)
            .map(|i| {
                let (store, key) = (store.clone(), key.clone());
                scope.spawn(move || store.create(&key, &Bytes::from(format!("{tag} racer {i}"))))
            })
            .collect();
        racers.into_iter().filter_map(|r| r.join().ok()).collect()
    });
    let mut winners = 0;
    for outcome in outcomes {
        winners += usize::from(outcome? == Created::Ours);
    }
    Ok(winners == 1)
}
