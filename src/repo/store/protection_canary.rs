//! The canary: a small object of our own in `probe/`, on which a store's protection is tried out.
//!
//! Its name and how it begins are known, so that nothing else is ever taken for it.

use bytes::Bytes;
use jiff::Timestamp;
use object_store::GetOptions;

use super::protection::Protection;
use super::{Created, Store, StoreError, StoreFault, to_timestamp};
use crate::domain::clock::Entropy;
use crate::domain::log::guards::Canary;
use crate::repo::layout::Key;

/// What the names of canaries begin with.
const CANARY: &str = "canary-";
/// How many write the canary's name at once.
const WRITERS: usize = 2;

/// The canary as it lies there.
pub(super) struct Object {
    pub key: Key,
    pub name: String,
    pub bytes: Bytes,
    pub version: Option<String>,
    pub written: Timestamp,
}

/// Writes the canary, two at once; whether one alone won, and is what lies there. A canary that could not be removed last
/// time is used again: then both must be refused.
pub(super) fn write(store: &Store, asked: &Protection, entropy: &dyn Entropy) -> Result<(Object, bool), StoreError> {
    let old = match &asked.canary {
        Some(canary) => left(store, canary, asked.now)?,
        None => None,
    };
    let name = old.clone().unwrap_or_else(|| format!("{CANARY}{}", hex::encode(&entropy.bytes32()[..8])));
    let key = Key::Probe(name.clone());
    let before = old.map(|_| store.get(&key)).transpose()?;
    // Those who come later write something else: nobody may take the old one for their own.
    let first = if before.is_some() { WRITERS + 1 } else { 1 };
    let won = race(store, &key, &name, first)?;
    let bytes = store.get(&key)?;
    let kept = match (&before, won.as_slice()) {
        (Some(before), []) => *before == bytes,
        (None, [one]) => *one == bytes,
        _ => false,
    };
    let head = GetOptions { head: true, ..GetOptions::default() };
    let meta = store.wait("read", 0, store.inner.get_opts(&store.path(&key), head))?.meta;
    let version = meta.version.filter(|v| v != "null");
    Ok((Object { key, name, bytes, version, written: to_timestamp(meta.last_modified) }, kept))
}

/// The name of the canary of last time, if it lies there. One whose lock is over is removed, if it can be.
fn left(store: &Store, left: &Canary, now: Timestamp) -> Result<Option<String>, StoreError> {
    let key = Key::Probe(left.name.clone());
    // The log is signed, and no reason to delete anything else.
    if !left.name.starts_with(CANARY) || Key::parse(&key.to_string()).as_ref() != Some(&key) {
        return Ok(None);
    }
    match store.get(&key) {
        Ok(there) if there.starts_with(beginning(&left.name).as_bytes()) => {}
        Err(e) if e.fault() == StoreFault::Unreachable => return Err(e),
        _ => return Ok(None),
    }
    if left.until.is_none_or(|until| until > now) {
        return Ok(Some(left.name.clone()));
    }
    match &left.version {
        Some(version) if store.raw.is_some() => {
            store.ask("DELETE", &store.path(&key), &[("versionId", version)])?;
        }
        _ => drop(store.delete(&key)),
    }
    Ok(None)
}

/// What a canary never held before.
pub(super) fn other_bytes(name: &str, entropy: &dyn Entropy) -> Bytes {
    Bytes::from(format!("{}{}\n", beginning(name), hex::encode(&entropy.bytes32()[..8])))
}

/// How a canary's content begins.
fn beginning(name: &str) -> String {
    format!("strongroom canary {name} ")
}

/// What was written by those that the store told so.
fn race(store: &Store, key: &Key, name: &str, first: usize) -> Result<Vec<Bytes>, StoreError> {
    let bytes: Vec<Bytes> =
        (first..first + WRITERS).map(|n| Bytes::from(format!("{}{n}\n", beginning(name)))).collect();
    let outcomes: Vec<Result<Created, StoreError>> = std::thread::scope(|scope| {
        let writers: Vec<_> = bytes.iter().map(|b| scope.spawn(move || store.create(key, b))).collect();
        writers.into_iter().filter_map(|w| w.join().ok()).collect()
    });
    let mut won = vec![];
    for (bytes, outcome) in bytes.into_iter().zip(outcomes) {
        match outcome {
            Ok(Created::Ours) => won.push(bytes),
            Ok(Created::Taken) => {}
            // It keeps no conditions at all.
            Err(e) if e.fault() == StoreFault::Unsupported => {
                store.put(key, &bytes)?;
                return Ok(vec![bytes.clone(), bytes]);
            }
            Err(e) => return Err(e),
        }
    }
    Ok(won)
}
