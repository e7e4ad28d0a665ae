//! What people read, word for word.

use std::path::{Path, PathBuf};

use super::*;
use crate::domain::id::RepositoryId;
use crate::domain::retention::gate::Refusal;
use crate::repo::local::LocalError;
use crate::repo::store::{StoreOptions, open};

fn said(error: impl Into<Failure>) -> (String, String, u8) {
    let advice = advice(&error.into());
    (advice.message, advice.hint.unwrap_or_default(), advice.exit as u8)
}

fn source(kind: SourceFault, what: &str) -> OpsError {
    OpsError::Source { folder: PathBuf::from("/srv/council"), kind, what: what.into() }
}

/// A fault of the store, as the S3 client words it.
fn of_store(detail: &str) -> RepoError {
    RepoError::Store(StoreError::in_words("write", "s3://bucket/prefix", detail))
}

#[test]
fn no_repository() {
    let (message, hint, exit) = said(RepoError::NoRepository("s3://bucket/prefix".into()));
    assert_eq!(message, "there is no repository at s3://bucket/prefix");
    assert_eq!(
        hint,
        "For a new one run: strongroom init\nIf there was one here, do not: check the address in council.toml, or on a \
         new computer run: strongroom recover"
    );
    assert_eq!(exit, 10);
}

#[test]
fn wrong_key() {
    let (message, hint, exit) = said(RepoError::WrongKey);
    assert_eq!(message, "the key does not open this repository");
    assert_eq!(
        hint,
        "Check that the key belongs to this repository: the recovery sheet prints the repository's id and address. A key \
         that was removed opens nothing stored since. If it is the right key, its key file in the store may be damaged: on \
         a computer that still works run: strongroom verify check"
    );
    assert_eq!(exit, 12);
}

#[test]
fn another_repository() {
    let (expected, found) = (RepositoryId::new([1; 32]), RepositoryId::new([2; 32]));
    let (message, hint, exit) = said(RepoError::AnotherRepository { expected, found });
    assert_eq!(message, format!("this is not the repository it should be: expected {expected}, found {found}"));
    assert_eq!(
        hint,
        "Do not go on. Compare the address and the id with the recovery sheet; somebody may have put another repository \
         in its place."
    );
    assert_eq!(exit, 4);
}

#[test]
fn the_past_has_changed() {
    let hint = "Nothing was written and nothing will be deleted. Do not run init. If the store keeps old versions, bring \
                them back; then run: strongroom log --verify";
    let back = said(RepoError::RolledBack { remembered: 12, shown: "only 9 entries".into() });
    let words = "the store has gone back in time: this computer remembers entry 12, the store shows only 9 entries";
    assert_eq!(back, (words.into(), hint.into(), 4));
    let damaged = said(RepoError::LogDamaged { n: 7, detail: "the entry after it disagrees with its bytes" });
    let words = "entry 7 of the log is damaged: the entry after it disagrees with its bytes";
    let hint = "Nothing will be deleted until that entry is back. Do not run init. If the store keeps old versions, \
                bring it back; then run: strongroom log --verify";
    assert_eq!(damaged, (words.into(), hint.into(), 4));
}

#[test]
fn the_store() {
    for (detail, hint) in [
        (
            "Generic S3 error: error sending request: connection refused",
            "Check the network and the address in council.toml. Nothing is lost: run again and it goes on from there.",
        ),
        (
            "Server returned non-2xx status code: 403 Forbidden: <Code>AccessDenied</Code>",
            "Check the credentials that council.toml names, and that they may list, read and write there.",
        ),
        (
            "<Code>ExpiredToken</Code> the token has expired",
            "The credentials have expired. Put new ones where council.toml says they are; nothing is lost.",
        ),
        (
            "403 Forbidden: <Code>RequestTimeTooSkewed</Code>",
            "This computer's clock is wrong: set it (timedatectl set-ntp true), then run again.",
        ),
        (
            "error sending request: invalid peer certificate: certificate expired: verification time 1795000000 (UNIX)",
            "Is this computer's clock right (timedatectl)? If it is, the store's certificate is out of date: tell your \
             provider.",
        ),
        (
            "507 Insufficient Storage",
            "The store is full. Make it larger or free some of it; nothing stored is lost. Then run again.",
        ),
    ] {
        let words = format!("could not write at s3://bucket/prefix: {detail}");
        assert_eq!(said(of_store(detail)), (words, hint.into(), 1), "{detail}");
    }
    let (_, hint, exit) = said(of_store("<Code>NoSuchBucket</Code>"));
    assert_eq!(hint, "The bucket or container is not there. Check [repository] url in council.toml, or make it first.");
    assert_eq!(exit, 10);
}

#[test]
fn a_store_on_a_disk() {
    let read_only = StoreError::of_io("write", "file:///srv/backup", std::io::ErrorKind::ReadOnlyFilesystem);
    let (_, hint, exit) = said(read_only);
    assert_eq!(hint, "The store may only be read. Mount it for writing, or correct its permissions; then run again.");
    assert_eq!(exit, 1);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options = StoreOptions { url: "file:///nowhere/at/all".into(), ..StoreOptions::default() };
    let missing = open(&options, runtime.handle()).err().unwrap();
    let words = "could not open the store at file:///nowhere/at/all: the folder is not there; if it is a disk or share, \
                 is it connected?";
    let hint = "Connect the disk or share and run again. If it never held a repository, run: strongroom init";
    assert_eq!(said(missing), (words.into(), hint.into(), 10));
}

#[test]
fn this_computers_disk_is_full() {
    let full = LocalError::new(Path::new("/var/lib/strongroom/memory.json"), &std::io::ErrorKind::StorageFull.into());
    let words = "/var/lib/strongroom/memory.json: the disk of this computer is full; free some space and run again";
    let hint = "Nothing stored is lost. Free some space on this computer's disk and run again; it goes on from there.";
    assert_eq!(said(full), (words.into(), hint.into(), 1));
}

#[test]
fn refused_by_the_gate_or_by_another_job() {
    let (message, hint, exit) = said(OpsError::from(Refusal::Incident(31)));
    assert_eq!(
        message,
        "incident 31 is open: very many records changed at once, or documents turned into something else. Look at it, then \
         run: strongroom incident resolve 31 --by NAME --note TEXT"
    );
    assert_eq!((hint.as_str(), exit), ("", 6));
    let (message, hint, exit) = said(OpsError::from(Refusal::Clock("it is behind the newest entry of the log".into())));
    assert_eq!(
        message,
        "the clock of this computer is in doubt (it is behind the newest entry of the log). Nothing is deleted until it is \
         put right"
    );
    let todo = "Set this computer's clock (timedatectl), then run again. If it is right now and was wrong before: \
                strongroom prune --yes";
    assert_eq!((hint.as_str(), exit), (todo, 6));
    let (message, hint, exit) = said(another_job());
    assert_eq!(message, "Another Strongroom job is running on this computer; nothing to do.");
    assert_eq!((hint.as_str(), exit), ("", 6));
}

#[test]
fn sources_that_must_not_be_backed_up() {
    for (kind, what, hint) in [
        (
            SourceFault::Missing,
            "it is not there",
            "Is the disk or share connected, and is the path in council.toml right? Nothing was recorded as deleted.",
        ),
        (
            SourceFault::Empty,
            "it is empty",
            "If it is empty on purpose, write allow_empty = true into its [[set]]. Else find out who emptied it: what was \
             backed up before is safe.",
        ),
        (
            SourceFault::Unmounted,
            "it is not mounted",
            "Connect the disk or share again and run again; nothing was recorded as deleted. If it moved for good: \
             strongroom backup --accept-mounts",
        ),
        (
            SourceFault::Unreadable,
            "permission denied",
            "Run as a user that may read it (the systemd service may read everything), or change its permissions.",
        ),
    ] {
        assert_eq!(said(source(kind, what)), (format!("/srv/council: {what}"), hint.into(), 1));
    }
}

#[test]
fn a_disk_that_fails_at_the_end_and_keys_that_were_changed_meanwhile() {
    let (message, hint, exit) = said(OpsError::NotOnDisk("/srv/back: it is not all on the disk".into()));
    let todo = "Do not rely on these files. Have the disk looked at, then restore again with --to to a folder on another disk.";
    assert_eq!((message.as_str(), hint.as_str(), exit), ("/srv/back: it is not all on the disk", todo, 1));
    let (message, hint, exit) = said(RepoError::KeysChanged);
    assert_eq!(message, "the keys of the repository were changed meanwhile; nothing was lost, run again");
    let todo = "Run it again. If nobody meant to change the keys: strongroom key list";
    assert_eq!((hint.as_str(), exit), (todo, 1));
}
