//! What a store does for what lies in it, tried out on one small object of its own, a canary, and looked up where the
//! store can be asked.
//!
//! Only what was seen is called protected. No object but the canary is written or deleted; others are asked for their
//! lock. A lock is never asked to give way. What the store says counts less than what can be read afterwards.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use object_store::GetOptions;

use super::protection_canary::{Object, other_bytes, write};
use super::protection_s3::Lock;
use super::protection_xml::{keeps_versions, undercuts};
use super::{Store, StoreError, StoreFault};
use crate::domain::clock::Entropy;
use crate::domain::id::PackName;
use crate::domain::log::guards::{Canary, Ground, Guard, GuardSeen, Shown, StoreTested};
use crate::repo::layout::Key;

/// A store dates a lock by its own clock, perhaps by the day.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

/// What is claimed, and what is known from before.
#[derive(Debug, Clone, Default)]
pub struct Protection {
    /// Every object is locked for so many days from its writing.
    pub lock_days: Option<u32>,
    /// What is deleted can be read for so many days.
    pub version_days: Option<u32>,
    /// One computer alone writes: the store need not keep conditions.
    pub single_machine: bool,
    /// The canary that the last test left.
    pub canary: Option<Canary>,
    /// Packs to be asked for their lock.
    pub sample: Vec<PackName>,
    /// This computer's time.
    pub now: Timestamp,
}

/// Tries it all out.
///
/// # Errors
/// [`StoreError`] when not even the canary can be written and read, or the store cannot be reached.
pub fn protection(store: &Store, asked: &Protection, entropy: &dyn Entropy) -> Result<StoreTested, StoreError> {
    let mut test = Test { store, asked, tested: StoreTested::default() };
    test.tested.lock_days = asked.lock_days;
    test.tested.version_days = asked.version_days;
    let (object, kept) = write(store, asked, entropy)?;
    test.put_if_absent(kept);
    let lock = test.lock_of(&object)?;
    let mut fate = test.delete(&object)?;
    let lies = test.overwrite(&object, &mut fate, entropy)?;
    test.versioning(&object, &fate)?;
    test.deletion(&fate);
    test.object_lock(&object, &lock, &fate);
    test.lock_dates(&lock, &fate)?;
    test.lifecycle()?;
    if store.get(&object.key).is_ok_and(|there| there == lies) {
        let name = object.name.clone();
        let until = lock.seen().map(|l| l.until);
        test.tested.canary = Some(Canary { name, version: object.version.clone(), until });
    }
    Ok(test.tested)
}

struct Test<'a> {
    store: &'a Store,
    asked: &'a Protection,
    tested: StoreTested,
}

/// What a HEAD of the canary said of its lock.
enum LockAnswer {
    /// The store is of a kind that cannot be asked.
    NoCall,
    /// It may not be asked, or did not answer.
    Refused,
    /// It answered.
    Said(Option<Lock>),
}

impl LockAnswer {
    fn seen(&self) -> Option<Lock> {
        if let Self::Said(lock) = self { *lock } else { None }
    }
}

/// What became of the canary when it was deleted.
struct Fate {
    /// A plain deletion took it out of view.
    hidden: bool,
    /// And out of the list.
    unlisted: bool,
    /// Its version could be read afterwards; `None`: that may not be asked.
    readable: Option<bool>,
    /// Nothing is left of it; `None`: its version cannot be deleted from here.
    destroyed: Option<bool>,
    /// It was not deleted, but written over.
    overwritten: bool,
}

impl Test<'_> {
    fn say(&mut self, guard: Guard, shown: Shown, ground: Option<Ground>, claimed: bool) {
        self.tested.seen.push(GuardSeen { guard, shown, ground, claimed });
    }

    fn put_if_absent(&mut self, kept: bool) {
        let shown = if kept { Shown::Protected } else { Shown::NotProtected };
        let ground = (!kept).then_some(Ground::SeveralWon);
        self.say(Guard::PutIfAbsent, shown, ground, !self.asked.single_machine);
    }

    fn lock_of(&self, object: &Object) -> Result<LockAnswer, StoreError> {
        let by_version: Vec<(&str, &str)> = object.version.iter().map(|v| ("versionId", v.as_str())).collect();
        Ok(match self.store.ask("HEAD", &self.store.path(&object.key), &by_version)? {
            None => LockAnswer::NoCall,
            Some(answer) if answer.status == 200 => LockAnswer::Said(answer.lock),
            Some(_) => LockAnswer::Refused,
        })
    }

    /// Deletes the canary: plainly, then its version. What was seen of listing is said on the way.
    fn delete(&mut self, object: &Object) -> Result<Fate, StoreError> {
        let (store, path) = (self.store, self.store.path(&object.key));
        let listed = self.is_listed(&object.key)?;
        let marker = match store.ask("DELETE", &path, &[])? {
            Some(answer) => answer.version,
            None => {
                reached(store.delete(&object.key))?;
                None
            }
        };
        let hidden = self.read(object, None)? == Some(false);
        let unlisted = hidden && !self.is_listed(&object.key)?;
        let mut fate = Fate { hidden, unlisted, readable: None, destroyed: hidden.then_some(true), overwritten: false };
        if let Some(version) = &object.version {
            fate.readable = self.read(object, Some(version))?;
            fate.destroyed = if store.raw.is_some() {
                store.ask("DELETE", &path, &[("versionId", version)])?;
                self.read(object, Some(version))?.map(|there| !there)
            } else if fate.readable == Some(false) {
                Some(true)
            } else {
                // Where nothing may be deleted, a version may not either.
                (!hidden).then_some(false)
            };
            if let Some(marker) = marker.filter(|m| hidden && m != version && m != "null") {
                store.ask("DELETE", &path, &[("versionId", &marker)])?;
            }
        } else if !hidden {
            fate.destroyed = Some(false);
        }
        let ground = match (listed, fate.hidden && !fate.unlisted) {
            (false, _) => Some(Ground::NotListed),
            (true, true) => Some(Ground::StillListed),
            (true, false) => None,
        };
        let shown = if ground.is_some() { Shown::NotProtected } else { Shown::Protected };
        self.say(Guard::Listing, shown, ground, true);
        Ok(fate)
    }

    /// Writes over a canary that could not be deleted, without any condition: to lose it so is as bad. What lies there
    /// then. A version that was seen to outlive its deletion outlives this, too.
    fn overwrite(&self, object: &Object, fate: &mut Fate, entropy: &dyn Entropy) -> Result<Bytes, StoreError> {
        if fate.hidden || fate.destroyed == Some(true) {
            return Ok(object.bytes.clone());
        }
        let other = other_bytes(&object.name, entropy);
        reached(self.store.put(&object.key, &other))?;
        // Whatever the store answered: what can be read counts.
        let there = match self.read(object, None)? {
            Some(true) => return Ok(object.bytes.clone()),
            Some(false) => other,
            None => object.bytes.clone(),
        };
        let kept = match &object.version {
            Some(version) => self.read(object, Some(version))?,
            None => self.read(object, None)?,
        };
        fate.destroyed = match kept {
            Some(true) => fate.destroyed,
            Some(false) => Some(true),
            None => None,
        };
        fate.overwritten = kept == Some(false);
        Ok(there)
    }

    fn is_listed(&self, key: &Key) -> Result<bool, StoreError> {
        Ok(self.store.list("probe")?.0.iter().any(|l| l.key == *key))
    }

    /// Whether the canary, or a version of it, can be read; `None` where that may not be asked.
    fn read(&self, object: &Object, version: Option<&str>) -> Result<Option<bool>, StoreError> {
        let options = GetOptions { version: version.map(str::to_owned), ..GetOptions::default() };
        let path = self.store.path(&object.key);
        let read = self.store.wait("read", 0, async { self.store.inner.get_opts(&path, options).await?.bytes().await });
        match read {
            Ok(bytes) => Ok(Some(bytes == object.bytes)),
            Err(e) if e.fault() == StoreFault::Missing => Ok(Some(false)),
            Err(e) if e.fault() == StoreFault::Unreachable => Err(e),
            Err(_) => Ok(None),
        }
    }

    fn versioning(&mut self, object: &Object, fate: &Fate) -> Result<(), StoreError> {
        let claimed = self.asked.version_days.is_some();
        let (shown, ground) = match (&object.version, fate.hidden, fate.readable) {
            (None, ..) | (Some(_), true, Some(false)) => (Shown::NotProtected, Some(Ground::NoVersions)),
            (Some(_), true, Some(true)) => (Shown::Protected, None),
            (Some(_), hidden, _) => {
                let may_not = if hidden { Ground::NoPermission } else { Ground::DeleteRefused };
                match self.store.ask_bucket("versioning")?.filter(|a| a.status == 200) {
                    Some(answer) => match keeps_versions(&answer.body) {
                        Some(true) => (Shown::Protected, None),
                        Some(false) => (Shown::NotProtected, Some(Ground::NoVersions)),
                        None => (Shown::Inconclusive, Some(Ground::Unclear)),
                    },
                    None => (Shown::Inconclusive, Some(may_not)),
                }
            }
        };
        self.say(Guard::Versioning, shown, ground, claimed);
        Ok(())
    }

    fn deletion(&mut self, fate: &Fate) {
        let claimed = self.asked.lock_days.is_some();
        let (shown, ground) = match fate.destroyed {
            Some(false) => (Shown::Protected, None),
            Some(true) if fate.overwritten => (Shown::NotProtected, Some(Ground::Overwritten)),
            Some(true) if fate.readable == Some(true) => (Shown::NotProtected, Some(Ground::VersionDeleted)),
            Some(true) => (Shown::NotProtected, Some(Ground::Deleted)),
            None if self.store.raw.is_some() => (Shown::Inconclusive, Some(Ground::NoPermission)),
            None => (Shown::Inconclusive, Some(Ground::NoCall)),
        };
        self.say(Guard::Deletion, shown, ground, claimed);
    }

    fn object_lock(&mut self, object: &Object, lock: &LockAnswer, fate: &Fate) {
        let destroyed = fate.destroyed == Some(true);
        let days = self.asked.lock_days;
        let (shown, ground) = match lock {
            _ if self.store.is_folder() => (Shown::Inconclusive, Some(Ground::Folder)),
            _ if destroyed => (Shown::NotProtected, Some(Ground::NoLock)),
            LockAnswer::Said(Some(lock)) if lock.until <= self.asked.now => (Shown::NotProtected, Some(Ground::NoLock)),
            LockAnswer::Said(Some(lock)) if !lasts(lock, object.written, days) => {
                (Shown::NotProtected, Some(Ground::LockTooShort))
            }
            LockAnswer::Said(Some(lock)) => (Shown::Protected, lock.governance.then_some(Ground::Governance)),
            LockAnswer::Said(None) => (Shown::Inconclusive, Some(Ground::LockUnseen)),
            LockAnswer::Refused => (Shown::Inconclusive, Some(Ground::NoPermission)),
            LockAnswer::NoCall => (Shown::Inconclusive, Some(Ground::NoCall)),
        };
        self.say(Guard::ObjectLock, shown, ground, days.is_some());
    }

    /// Asks a sample of the backups for their locks. That none is shown means something only where locks can be seen.
    fn lock_dates(&mut self, canary: &LockAnswer, fate: &Fate) -> Result<(), StoreError> {
        let days = self.asked.lock_days;
        let claimed = days.is_some();
        let inconclusive = |ground| (Shown::Inconclusive, Some(ground), claimed);
        let (shown, ground, claimed) = if self.store.raw.is_none() {
            inconclusive(if self.store.is_folder() { Ground::Folder } else { Ground::NoCall })
        } else {
            let (refused, young) = self.sample()?;
            let (sampled, locked) = (self.tested.sampled, self.tested.locked);
            let can_be_seen = locked > 0 || canary.seen().is_some() || fate.destroyed == Some(true);
            match days {
                _ if self.asked.sample.is_empty() => inconclusive(Ground::NothingStored),
                _ if refused > 0 || sampled == 0 => inconclusive(Ground::NoPermission),
                _ if !can_be_seen => inconclusive(Ground::LockUnseen),
                // Their claimed lock is over by now, whether it was ever there or not.
                Some(_) if young == 0 => (Shown::Inconclusive, Some(Ground::NothingYoung), false),
                Some(_) if self.tested.short == 0 => (Shown::Protected, None, true),
                None if locked == sampled => (Shown::Protected, None, false),
                None if locked == 0 => (Shown::NotProtected, Some(Ground::NoLock), false),
                _ => (Shown::NotProtected, Some(Ground::SomeUnlocked), claimed),
            }
        };
        self.say(Guard::LockDates, shown, ground, claimed);
        Ok(())
    }

    /// How many may not be asked, and how many are younger than the claimed lock.
    fn sample(&mut self) -> Result<(u64, u64), StoreError> {
        let (mut refused, mut young) = (0, 0);
        for name in &self.asked.sample {
            let path = self.store.path(&Key::Pack(*name));
            let Some(answer) = self.store.ask("HEAD", &path, &[])? else { break };
            match answer.status {
                200 => {}
                // Not there: `verify check` says so.
                404 => continue,
                _ => {
                    refused += 1;
                    continue;
                }
            }
            let now = self.asked.now;
            self.tested.sampled += 1;
            if let Some(lock) = answer.lock.filter(|l| l.until > now) {
                self.tested.locked += 1;
                let first = self.tested.locked_until.map_or(lock.until, |u| u.min(lock.until));
                self.tested.locked_until = Some(first);
            }
            let Some(written) = answer.modified else { continue };
            if written.saturating_add(span(self.asked.lock_days)).is_ok_and(|end| end > now) {
                young += 1;
                self.tested.short += u64::from(!answer.lock.is_some_and(|l| lasts(&l, written, self.asked.lock_days)));
            }
        }
        Ok((refused, young))
    }

    fn lifecycle(&mut self) -> Result<(), StoreError> {
        let asked = self.asked.lock_days.or(self.asked.version_days).is_some();
        let ours = match self.store.prefix.as_ref() {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let answer = self.store.ask_bucket("lifecycle")?;
        let text = answer.as_ref().map(|a| String::from_utf8_lossy(&a.body).into_owned()).unwrap_or_default();
        let (shown, ground) = match answer.map(|a| a.status) {
            None if self.store.is_folder() => (Shown::Inconclusive, Some(Ground::Folder)),
            None => (Shown::Inconclusive, Some(Ground::NoCall)),
            Some(200) => match undercuts(text.as_bytes(), &ours, self.asked.version_days) {
                None => (Shown::Inconclusive, Some(Ground::Unclear)),
                Some(None) => (Shown::Protected, None),
                Some(worst) => (Shown::NotProtected, worst),
            },
            Some(404) if text.contains("NoSuchLifecycleConfiguration") => (Shown::Protected, None),
            Some(401 | 403) => (Shown::Inconclusive, Some(Ground::NoPermission)),
            Some(_) => (Shown::Inconclusive, Some(Ground::NotOffered)),
        };
        // That backups are deleted behind our back is wrong whatever is claimed.
        self.say(Guard::Lifecycle, shown, ground, asked || shown == Shown::NotProtected);
        Ok(())
    }
}

fn span(days: Option<u32>) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(days.unwrap_or(0)))
}

/// Whether the lock lasts as long as claimed.
fn lasts(lock: &Lock, written: Timestamp, days: Option<u32>) -> bool {
    let claimed = written.saturating_add(span(days)).and_then(|end| end.saturating_sub(SLACK));
    days.is_none() || claimed.is_ok_and(|end| lock.until >= end)
}

/// A refusal is looked for afterwards; a store that does not answer ends the test.
fn reached(done: Result<(), StoreError>) -> Result<(), StoreError> {
    match done {
        Err(e) if e.fault() == StoreFault::Unreachable => Err(e),
        _ => Ok(()),
    }
}
