//! What a store was seen to do for what lies in it, as it stands in the log: closed words, numbers and dates.
//!
//! Each guard is protected, not protected, or inconclusive, and then says why. What could not be observed is never
//! called protected.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing that a store can do to protect what lies in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// Of two that write one name at once, one wins; a taken name is refused.
    PutIfAbsent,
    /// What was written is listed at once, and what was deleted is not.
    Listing,
    /// What is deleted can still be read, as an older version.
    Versioning,
    /// What is written cannot be destroyed with this computer's credentials.
    Deletion,
    /// What is written is locked by the store.
    ObjectLock,
    /// The backups that lie there are locked.
    LockDates,
    /// No rule of the store deletes backups or puts them away.
    Lifecycle,
    /// One that a later version of this program knows.
    #[serde(other)]
    Other,
}

/// What was seen of a guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// It holds.
    Protected,
    /// It does not.
    NotProtected,
    /// It could not be seen whether it does.
    Inconclusive,
}

/// Why, or what else is to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ground {
    /// The lock is of the kind that a special right lifts.
    Governance,
    /// Several writers won the same name, or a taken one was written over.
    SeveralWon,
    /// What was written is not in the list.
    NotListed,
    /// What was deleted is still in the list.
    StillListed,
    /// The store keeps no older versions.
    NoVersions,
    /// It was deleted, and is gone.
    Deleted,
    /// Its only version was deleted, and is gone.
    VersionDeleted,
    /// It could not be deleted, but was written over, and what it was is gone.
    Overwritten,
    /// There is no lock.
    NoLock,
    /// The lock is shorter than claimed.
    LockTooShort,
    /// Some of the backups have no lock, or one that is too short.
    SomeUnlocked,
    /// A rule of the store deletes what lies there.
    Expires,
    /// A rule of the store moves what lies there to where it cannot be read at once.
    Archives,
    /// A rule of the store deletes older versions sooner than claimed.
    VersionsExpire,
    /// This computer's credentials may not look.
    NoPermission,
    /// The store does not answer this question.
    NotOffered,
    /// This program cannot ask stores of this kind.
    NoCall,
    /// A folder does not show it.
    Folder,
    /// It could not be destroyed, but the store shows no lock.
    LockUnseen,
    /// Nothing could be deleted, so nothing could be looked for afterwards.
    DeleteRefused,
    /// Nothing is stored yet.
    NothingStored,
    /// Everything stored is older than the claimed lock.
    NothingYoung,
    /// The store's answer makes no sense.
    Unclear,
    /// One that a later version of this program knows.
    #[serde(other)]
    Other,
}

/// One guard, and what was seen of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardSeen {
    /// Which.
    pub guard: Guard,
    /// What was seen.
    pub shown: Shown,
    /// Why; of a protected one mostly nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ground: Option<Ground>,
    /// The settings claim it, or the repository cannot do without it.
    pub claimed: bool,
}

/// A small object of ours that could not be removed after a test, and is used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// Its name in `probe/`.
    pub name: String,
    /// The store's name for its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Until when it is locked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A test of the store itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreTested {
    /// Every guard, and what was seen of it.
    pub seen: Vec<GuardSeen>,
    /// Stored objects that were asked for their lock.
    pub sampled: u64,
    /// Of these, how many are locked now.
    pub locked: u64,
    /// Of these, how many are younger than the claimed lock and not locked for so long.
    pub short: u64,
    /// When the first of those locks ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<Timestamp>,
    /// The days for which every object is claimed to be locked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_days: Option<u32>,
    /// The days for which what is deleted is claimed to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_days: Option<u32>,
    /// What was left in the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
}

impl StoreTested {
    /// What is claimed, or needed, and does not hold.
    pub fn broken(&self) -> impl Iterator<Item = &GuardSeen> {
        self.seen.iter().filter(|s| s.claimed && s.shown == Shown::NotProtected)
    }

    /// What is claimed, or needed, and could not be seen.
    pub fn unproved(&self) -> impl Iterator<Item = &GuardSeen> {
        self.seen.iter().filter(|s| s.claimed && s.shown == Shown::Inconclusive)
    }

    /// Of these, what another test could see: with other rights, or at another time. What this program cannot ask
    /// stores of this kind stays unseen for ever.
    pub fn unshown(&self) -> impl Iterator<Item = &GuardSeen> {
        self.unproved().filter(|s| s.ground != Some(Ground::NoCall))
    }

    /// Whether something was looked at, and nothing is left that a new test, or anybody, could mend.
    pub fn is_settled(&self) -> bool {
        !self.seen.is_empty() && self.broken().chain(self.unshown()).next().is_none()
    }

    /// Whether something was looked at, and all that is claimed holds.
    pub fn holds(&self) -> bool {
        !self.seen.is_empty() && self.broken().chain(self.unproved()).next().is_none()
    }

    /// Whether the settings claimed this when it was tested.
    pub fn claimed(&self, lock_days: Option<u32>, version_days: Option<u32>) -> bool {
        (self.lock_days, self.version_days) == (lock_days, version_days)
    }
}

impl Guard {
    /// What it means that it holds, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::PutIfAbsent => "of two that write one name at once, one wins",
            Self::Listing => "what was written is listed at once, what was deleted is not",
            Self::Versioning => "what is deleted can still be read, as an older version",
            Self::Deletion => "what is written cannot be destroyed with this computer's credentials",
            Self::ObjectLock => "what is written is locked by the store",
            Self::LockDates => "the backups that lie there are locked",
            Self::Lifecycle => "no rule of the store deletes backups or puts them away",
            Self::Other => "something that a newer version of this program looked at",
        }
    }

    /// In two words or three, for lists.
    pub fn short(self) -> &'static str {
        match self {
            Self::PutIfAbsent => "put-if-absent",
            Self::Listing => "listing",
            Self::Versioning => "versioning",
            Self::Deletion => "deletion",
            Self::ObjectLock => "object lock",
            Self::LockDates => "lock dates",
            Self::Lifecycle => "lifecycle rules",
            Self::Other => "another",
        }
    }
}

impl Ground {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Governance => "in governance mode: who has the right to bypass it can destroy all the same",
            Self::SeveralWon => "the store overwrites without a word",
            Self::NotListed => "what was written is not listed",
            Self::StillListed => "what was deleted is still listed",
            Self::NoVersions => "the store keeps no older versions",
            Self::Deleted => "it was deleted, and is gone",
            Self::VersionDeleted => "its version was deleted, and is gone",
            Self::Overwritten => "it cannot be deleted, but it was written over, and what it was is gone",
            Self::NoLock => "there is no lock",
            Self::LockTooShort => "the lock is shorter than claimed",
            Self::SomeUnlocked => "some have no lock, or one that ends too early",
            Self::Expires => "a lifecycle rule of the bucket deletes them",
            Self::Archives => "a lifecycle rule of the bucket moves them to where they cannot be read at once",
            Self::VersionsExpire => "a lifecycle rule of the bucket deletes older versions sooner than claimed",
            Self::NoPermission => "these credentials may not look",
            Self::NotOffered => "the store does not answer this question",
            Self::NoCall => "this program cannot ask this kind of store",
            Self::Folder => "a folder does not show it",
            Self::LockUnseen => "it could not be destroyed, but no lock is shown (is s3:GetObjectRetention allowed?)",
            Self::DeleteRefused => "nothing may be deleted, so nothing could be looked for afterwards",
            Self::NothingStored => "nothing is stored yet",
            Self::NothingYoung => "everything looked at is older than the claimed lock",
            Self::Unclear => "the store's answer makes no sense",
            Self::Other => "for a reason that a newer version of this program knows",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(guard: Guard, shown: Shown, claimed: bool) -> GuardSeen {
        GuardSeen { guard, shown, ground: None, claimed }
    }

    #[test]
    fn only_what_is_claimed_counts_and_nothing_at_all_is_no_success() {
        let mut tested = StoreTested::default();
        assert!(!tested.holds());
        tested.seen.push(seen(Guard::Deletion, Shown::NotProtected, false));
        tested.seen.push(seen(Guard::Lifecycle, Shown::Inconclusive, false));
        assert!(tested.holds());
        tested.seen.push(seen(Guard::ObjectLock, Shown::Inconclusive, true));
        assert!(!tested.holds() && tested.broken().count() == 0);
        tested.seen.push(seen(Guard::Versioning, Shown::NotProtected, true));
        assert_eq!(tested.broken().map(|s| s.guard).collect::<Vec<_>>(), [Guard::Versioning]);
        assert_eq!(tested.unproved().map(|s| s.guard).collect::<Vec<_>>(), [Guard::ObjectLock]);
    }

    #[test]
    fn what_can_never_be_asked_is_settled_and_what_another_test_could_see_is_not() {
        let mut tested = StoreTested::default();
        assert!(!tested.is_settled());
        let never = GuardSeen { ground: Some(Ground::NoCall), ..seen(Guard::Lifecycle, Shown::Inconclusive, true) };
        tested.seen.push(never);
        assert!(tested.is_settled() && !tested.holds() && tested.unproved().count() == 1);
        tested.seen.push(GuardSeen { ground: Some(Ground::NoPermission), ..never });
        assert!(!tested.is_settled() && tested.unshown().count() == 1);
        tested.seen[1] = seen(Guard::Deletion, Shown::NotProtected, true);
        assert!(!tested.is_settled());
    }

    #[test]
    fn another_claim_asks_for_another_test() {
        let tested = StoreTested { lock_days: Some(30), version_days: None, ..StoreTested::default() };
        assert!(tested.claimed(Some(30), None));
        assert!(!tested.claimed(Some(31), None) && !tested.claimed(Some(30), Some(1)) && !tested.claimed(None, None));
    }

    #[test]
    fn words_of_a_later_version_make_no_entry_void() {
        let later = r#"{"guard":"quota","shown":"not-protected","ground":"full-moon","claimed":false}"#;
        let read: GuardSeen = serde_json::from_str(later).unwrap();
        assert_eq!((read.guard, read.ground), (Guard::Other, Some(Ground::Other)));
    }
}
