//! What stores are seen to do for what lies in them: on buckets that are set up one way and another.

use bytes::Bytes;
use jiff::Timestamp;
use secrecy::SecretString;
use strongroom::domain::clock::Clock;
use strongroom::domain::id::PackName;
use strongroom::domain::log::guards::{Ground, Guard, Shown, StoreTested};
use strongroom::repo::layout::Key;
use strongroom::repo::store::{Protection, Store, StoreOptions, open, protection};
use strongroom::testing::{FakeClock, SeededEntropy};

use super::support::moto::{self, Gate};
use super::support::s3::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY};
use super::support::services;
use super::{runtime, s3_options, unique};

struct Bucket {
    rt: tokio::runtime::Runtime,
    name: String,
}

impl Bucket {
    fn new(set_up: impl Fn(&str)) -> Self {
        let name = unique("guards").to_lowercase();
        set_up(&name);
        Self { rt: runtime(), name }
    }

    fn locked_store(&self) -> Store {
        let url = format!("s3://{}/office", self.name);
        let options = StoreOptions { url, locked: true, ..s3_options(&services::s3(), "", "any", "any") };
        open(&options, self.rt.handle()).unwrap()
    }

    fn store(&self) -> Store {
        self.store_at(&services::s3())
    }

    fn store_at(&self, endpoint: &str) -> Store {
        let options =
            StoreOptions { url: format!("s3://{}/office", self.name), ..s3_options(endpoint, "", "any", "any") };
        open(&options, self.rt.handle()).unwrap()
    }
}

fn now() -> Timestamp {
    // moto dates by the machine's clock; so does a file that was written just now.
    let file = tempfile::NamedTempFile::new().unwrap();
    FakeClock::at(Timestamp::try_from(file.as_file().metadata().unwrap().modified().unwrap()).unwrap()).now()
}

fn claiming(lock: Option<u32>, versions: Option<u32>) -> Protection {
    Protection { lock_days: lock, version_days: versions, now: now(), ..Protection::default() }
}

fn tested(store: &Store, asked: &Protection) -> StoreTested {
    let seed = now().as_nanosecond() as u64;
    protection(store, asked, &SeededEntropy::new(seed)).unwrap()
}

type Seen = (Guard, Shown, Option<Ground>);

fn seen(tested: &StoreTested) -> Vec<Seen> {
    tested.seen.iter().map(|s| (s.guard, s.shown, s.ground)).collect()
}

fn of(tested: &StoreTested, guard: Guard) -> (Shown, Option<Ground>) {
    let s = tested.seen.iter().find(|s| s.guard == guard).unwrap();
    (s.shown, s.ground)
}

fn broken(tested: &StoreTested) -> Vec<Guard> {
    tested.broken().map(|s| s.guard).collect()
}

const YES: Shown = Shown::Protected;
const NO: Shown = Shown::NotProtected;
const UNSEEN: Shown = Shown::Inconclusive;

#[test]
fn a_plain_bucket_keeps_its_word_and_protects_nothing() {
    let bucket = Bucket::new(moto::plain);
    let plain = tested(&bucket.store(), &claiming(None, None));
    let expected = [
        (Guard::PutIfAbsent, YES, None),
        (Guard::Listing, YES, None),
        (Guard::Versioning, NO, Some(Ground::NoVersions)),
        (Guard::Deletion, NO, Some(Ground::Deleted)),
        (Guard::ObjectLock, NO, Some(Ground::NoLock)),
        (Guard::LockDates, UNSEEN, Some(Ground::NothingStored)),
        (Guard::Lifecycle, YES, None),
    ];
    assert_eq!(seen(&plain), expected);
    assert!(plain.holds() && plain.canary.is_none());
    assert!(bucket.store().list("probe").unwrap().0.is_empty());
    // The same, claimed to do more: a failure.
    let claimed = tested(&bucket.store(), &claiming(Some(30), Some(30)));
    assert_eq!(broken(&claimed), [Guard::Versioning, Guard::Deletion, Guard::ObjectLock]);
}

#[test]
fn a_bucket_with_versions_keeps_what_is_deleted_and_nothing_is_left_of_the_test() {
    let bucket = Bucket::new(|name| {
        moto::plain(name);
        moto::keep_versions(name);
    });
    let result = tested(&bucket.store(), &claiming(None, Some(30)));
    assert_eq!(of(&result, Guard::Versioning), (YES, None));
    assert_eq!(of(&result, Guard::Deletion), (NO, Some(Ground::VersionDeleted)), "this key deletes versions too");
    assert!(result.holds(), "{result:?}");
    assert_eq!(moto::versions(&bucket.name), (0, 0));
    let locked = tested(&bucket.store(), &claiming(Some(30), Some(30)));
    assert_eq!(broken(&locked), [Guard::Deletion, Guard::ObjectLock]);
}

#[test]
fn a_bucket_with_a_lock_shows_its_dates_and_its_canary_is_used_again() {
    let bucket = Bucket::new(|name| moto::locked(name, "COMPLIANCE", 30));
    let (store, bytes) = (bucket.locked_store(), Bytes::from_static(b"a pack"));
    let pack = PackName::of(&bytes);
    store.create(&Key::Pack(pack), &bytes).unwrap();
    let asked = Protection { sample: vec![pack], ..claiming(Some(30), Some(30)) };
    let first = tested(&store, &asked);
    assert!(first.seen.iter().all(|s| s.shown == YES && s.ground.is_none()), "{first:?}");
    assert_eq!((first.sampled, first.locked, first.short), (1, 1, 0));
    let until = first.locked_until.unwrap();
    assert!((29..=31).contains(&(until.duration_since(asked.now).as_hours() / 24)), "{until}");
    assert_eq!(store.locked_until(&Key::Pack(pack)).unwrap(), Some(until));
    let left = first.canary.clone().unwrap();
    assert!(left.name.starts_with("canary-") && left.version.is_some() && left.until > Some(asked.now), "{left:?}");
    assert_eq!(moto::versions(&bucket.name), (2, 0), "the pack and the canary, without delete markers");

    let again = tested(&store, &Protection { canary: first.canary.clone(), ..asked.clone() });
    assert_eq!((seen(&again), &again.canary), (seen(&first), &first.canary));
    assert_eq!(moto::versions(&bucket.name), (2, 0), "no second canary while the first is locked");
    assert_eq!(store.get(&Key::Pack(pack)).unwrap(), bytes);

    let longer = tested(&store, &Protection { lock_days: Some(90), canary: first.canary.clone(), ..asked });
    assert_eq!(broken(&longer), [Guard::ObjectLock, Guard::LockDates]);
    assert_eq!(of(&longer, Guard::ObjectLock).1, Some(Ground::LockTooShort));
    assert_eq!((of(&longer, Guard::LockDates).1, longer.short), (Some(Ground::SomeUnlocked), 1));
}

#[test]
fn a_lock_that_a_right_lifts_is_called_so_and_what_was_stored_before_it_is_found() {
    let bucket = Bucket::new(|name| moto::locked(name, "GOVERNANCE", 30));
    let (store, bytes) = (bucket.locked_store(), Bytes::from_static(b"a pack"));
    let pack = PackName::of(&bytes);
    // Its own lock is short: as if the bucket had been set up later.
    let header = "x-amz-object-lock-mode: GOVERNANCE\r\nx-amz-sdk-checksum-algorithm: SHA256\r\n\
                  x-amz-object-lock-retain-until-date: 2026-01-01T00:00:00Z\r\n";
    let path = format!("/{}/office/{}", bucket.name, Key::Pack(pack));
    assert!(moto::ask("PUT", &path, header, "a pack").starts_with("HTTP/1.1 200"));
    let result = tested(&store, &Protection { sample: vec![pack], ..claiming(Some(30), None) });
    assert_eq!(of(&result, Guard::ObjectLock), (YES, Some(Ground::Governance)));
    assert_eq!(of(&result, Guard::LockDates), (NO, Some(Ground::SomeUnlocked)));
    assert_eq!((result.sampled, result.locked, result.short), (1, 0, 1));
    assert_eq!(broken(&result), [Guard::LockDates]);
    // Long after, its claimed lock would be over, and so would the canary's, which is removed then.
    let later = now().saturating_add(jiff::SignedDuration::from_hours(24 * 400)).unwrap();
    let asked = Protection { sample: vec![pack], canary: result.canary, now: later, ..claiming(Some(30), None) };
    assert_eq!(of(&tested(&store, &asked), Guard::LockDates), (UNSEEN, Some(Ground::NothingYoung)));
}

#[test]
fn rules_that_delete_backups_are_a_failure_whatever_is_claimed() {
    let bucket = Bucket::new(moto::plain);
    let found = |prefix: &str, effect: &str, asked: &Protection| {
        moto::rule(&bucket.name, prefix, effect);
        let result = tested(&bucket.store(), asked);
        (of(&result, Guard::Lifecycle), result.holds())
    };
    let (none, gone) = (claiming(None, None), "<Expiration><Days>365</Days></Expiration>");
    assert_eq!(found("", gone, &none), ((NO, Some(Ground::Expires)), false));
    assert_eq!(found("office/packs/", gone, &none), ((NO, Some(Ground::Expires)), false));
    assert_eq!(found("elsewhere/", gone, &none), ((YES, None), true));
    assert_eq!(found("office/probe/", gone, &none), ((YES, None), true));
    let away = "<Transition><Days>1</Days><StorageClass>DEEP_ARCHIVE</StorageClass></Transition>";
    assert_eq!(found("office/", away, &none), ((NO, Some(Ground::Archives)), false));
    let old = "<NoncurrentVersionExpiration><NoncurrentDays>7</NoncurrentDays></NoncurrentVersionExpiration>";
    assert_eq!(found("office/", old, &none), ((YES, None), true));
    assert_eq!(found("office/", old, &claiming(None, Some(30))).0, (NO, Some(Ground::VersionsExpire)));
}

#[test]
fn what_may_not_be_asked_or_done_is_inconclusive_and_never_protected_by_that() {
    let bucket = Bucket::new(|name| {
        moto::plain(name);
        moto::keep_versions(name);
    });
    let through = |refuses: fn(&str) -> bool, asked: &Protection| {
        let gate = Gate::new(refuses);
        tested(&bucket.store_at(&gate.url()), asked)
    };
    // No right to read the bucket's settings, nor to delete a version.
    let narrow = through(
        |line| line.contains("?lifecycle") || (line.starts_with("DELETE") && line.contains("versionId=")),
        &claiming(Some(30), Some(30)),
    );
    assert_eq!(of(&narrow, Guard::Lifecycle), (UNSEEN, Some(Ground::NoPermission)));
    assert_eq!(of(&narrow, Guard::Versioning), (YES, None));
    assert_eq!(of(&narrow, Guard::Deletion), (YES, None));
    assert_eq!(of(&narrow, Guard::ObjectLock), (UNSEEN, Some(Ground::LockUnseen)));
    assert!(broken(&narrow).is_empty() && !narrow.holds());
    // Nothing may be deleted at all; versions are known from the bucket's settings only. The canary stays, and is known.
    let add_only: fn(&str) -> bool = |line| line.starts_with("DELETE") || line.contains("?delete");
    let kept = through(add_only, &claiming(None, Some(30)));
    assert_eq!(of(&kept, Guard::Deletion), (YES, None));
    assert_eq!(of(&kept, Guard::Versioning), (YES, None));
    let canary = kept.canary.clone().unwrap();
    let again = through(add_only, &Protection { canary: Some(canary.clone()), ..claiming(None, Some(30)) });
    assert_eq!(again.canary.as_ref().map(|c| &c.name), Some(&canary.name));
    assert_eq!(of(&again, Guard::Deletion), (YES, None), "written over too, and its older version is there");
    // The same without those settings.
    let blind = through(|line| line.starts_with("DELETE") || line.contains("?versioning"), &claiming(None, Some(30)));
    assert_eq!(of(&blind, Guard::Versioning), (UNSEEN, Some(Ground::DeleteRefused)));
    assert_eq!(blind.unproved().count(), 1);
}

/// As a credential that may write and not delete, on a bucket without versions: overwriting destroys as well.
#[test]
fn what_cannot_be_deleted_but_can_be_written_over_is_not_protected() {
    let bucket = Bucket::new(moto::plain);
    let add_only: fn(&str) -> bool = |line| line.starts_with("DELETE") || line.contains("?delete");
    let gate = Gate::new(add_only);
    let found = tested(&bucket.store_at(&gate.url()), &claiming(Some(30), None));
    assert_eq!(of(&found, Guard::Deletion), (NO, Some(Ground::Overwritten)));
    assert_eq!(of(&found, Guard::ObjectLock), (NO, Some(Ground::NoLock)));
    assert!(broken(&found).contains(&Guard::Deletion));
    // The canary that stays is known, and is written over again the next time.
    let canary = found.canary.clone().unwrap();
    let asked = Protection { canary: Some(canary.clone()), ..claiming(Some(30), None) };
    let again = tested(&bucket.store_at(&gate.url()), &asked);
    assert_eq!(of(&again, Guard::Deletion), of(&found, Guard::Deletion));
    assert_eq!(again.canary, Some(canary));
    assert_eq!(of(&again, Guard::PutIfAbsent), (YES, None));
}

#[test]
fn a_server_that_ignores_conditions_is_found_out_here_too() {
    let rt = runtime();
    let store = open(&s3_options(&services::s3_bad(), "one", "S3RVER", "S3RVER"), rt.handle()).unwrap();
    let result = tested(&store, &claiming(None, None));
    assert_eq!(of(&result, Guard::PutIfAbsent), (NO, Some(Ground::SeveralWon)));
    assert!(broken(&result).contains(&Guard::PutIfAbsent));
    let single = tested(&store, &Protection { single_machine: true, ..claiming(None, None) });
    assert!(!broken(&single).contains(&Guard::PutIfAbsent));
}

#[test]
fn a_server_that_checks_signatures_takes_ours_and_says_what_it_cannot_do() {
    let (rt, server) = (runtime(), S3Server::start());
    let store = open(&s3_options(&server.url(), BUCKET, ACCESS_KEY, SECRET_KEY), rt.handle()).unwrap();
    let result = tested(&store, &claiming(None, None));
    // With a wrong signature these would be 403: no permission.
    assert_eq!(of(&result, Guard::Lifecycle), (UNSEEN, Some(Ground::NotOffered)));
    assert_eq!(of(&result, Guard::Deletion), (NO, Some(Ground::Deleted)));
    let mut forged = s3_options(&server.url(), BUCKET, ACCESS_KEY, SECRET_KEY);
    forged.credentials.secret_access_key = Some(SecretString::from("wrong"));
    let forger = open(&forged, rt.handle()).unwrap();
    assert!(protection(&forger, &claiming(None, None), &SeededEntropy::new(3)).is_err());
}

#[test]
fn a_folder_protects_nothing_and_does_not_show_what_else_it_has() {
    let (rt, tmp) = (runtime(), tempfile::tempdir().unwrap());
    let options = StoreOptions { url: format!("file://{}", tmp.path().display()), ..StoreOptions::default() };
    let folder = open(&options, rt.handle()).unwrap();
    let result = tested(&folder, &claiming(None, None));
    let expected = [
        (Guard::PutIfAbsent, YES, None),
        (Guard::Listing, YES, None),
        (Guard::Versioning, NO, Some(Ground::NoVersions)),
        (Guard::Deletion, NO, Some(Ground::Deleted)),
        (Guard::ObjectLock, UNSEEN, Some(Ground::Folder)),
        (Guard::LockDates, UNSEEN, Some(Ground::Folder)),
        (Guard::Lifecycle, UNSEEN, Some(Ground::Folder)),
    ];
    assert_eq!(seen(&result), expected);
}
