//! The same conformance tests over every kind of store that runs here: memory, a folder, S3 with conditions
//! (moto), S3 with signatures (in this process), Azure (Azurite), Google Cloud Storage (a server of our own), and a server
//! that ignores conditions and must be refused.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used)]

#[path = "stores/clouds.rs"]
mod clouds;
#[path = "stores/guards.rs"]
mod guards;
#[path = "support/odd_store.rs"]
mod odd_store;
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use object_store::memory::InMemory;
use object_store::path::Path;
use odd_store::{Odd, Way};
use secrecy::SecretString;
use strongroom::domain::id::PackName;
use strongroom::domain::problem::Verdict;
use strongroom::repo::layout::{Key, LOG};
use strongroom::repo::store::{
    Created, ProbeReport, Rates, Store, StoreCredentials, StoreFault, StoreOptions, open, probe,
};
use strongroom::testing::{Fault, FaultStore, Plan, SeededEntropy};
use support::s3::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY};
use support::services;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn unique(name: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    format!("{name}-{}-{}", std::process::id(), dir.path().file_name().unwrap().to_string_lossy().replace('.', ""))
}

fn s3_options(endpoint: &str, bucket: &str, key: &str, secret: &str) -> StoreOptions {
    StoreOptions {
        url: format!("s3://{bucket}/{}", unique("conformance")),
        endpoint: Some(endpoint.into()),
        region: Some("us-east-1".into()),
        allow_http: true,
        credentials: StoreCredentials {
            access_key_id: Some(SecretString::from(key)),
            secret_access_key: Some(SecretString::from(secret)),
            ..StoreCredentials::default()
        },
        ..StoreOptions::default()
    }
}

/// What the engine leans on.
fn conforms(store: &Store) {
    let (one, two) = (Bytes::from_static(b"one"), Bytes::from_static(b"two"));
    assert_eq!(store.list(LOG).unwrap().0, vec![]);
    assert_eq!(store.get(&Key::Log(0)).unwrap_err().fault(), StoreFault::Missing);
    assert_eq!(store.create(&Key::Log(0), &one).unwrap(), Created::Ours);
    assert_eq!(store.create(&Key::Log(0), &one).unwrap(), Created::Ours, "our own bytes are ours");
    assert_eq!(store.create(&Key::Log(0), &two).unwrap(), Created::Taken);
    assert_eq!(store.get(&Key::Log(0)).unwrap(), one);
    for n in 1..=20 {
        store.create(&Key::Log(n), &two).unwrap();
    }
    let (listed, foreign) = store.list(LOG).unwrap();
    assert_eq!((listed.len(), foreign), (21, 0));
    assert!(listed.iter().any(|l| l.key == Key::Log(20) && l.size == 3));
    store.delete(&Key::Log(3)).unwrap();
    store.delete(&Key::Log(3)).unwrap();
    assert_eq!(store.get(&Key::Log(3)).unwrap_err().fault(), StoreFault::Missing);
    let large = Bytes::from(vec![7; 17 << 20]);
    let pack = Key::Pack(PackName::of(&large));
    store.create(&pack, &large).unwrap();
    assert_eq!(store.get(&pack).unwrap(), large);
    store.create(&Key::Probe("large".into()), &large).unwrap();
    assert!(store.get(&Key::Probe("large".into())).is_err(), "what is far too large for its place is not read");
}

fn tried(store: &Store) -> ProbeReport {
    probe(store, &SeededEntropy::new(std::process::id().into())).unwrap()
}

#[test]
fn memory_and_folder_conform() {
    let rt = runtime();
    let memory = Store::new(Arc::new(InMemory::new()), Path::default(), rt.handle().clone(), "memory".into(), false);
    conforms(&memory);
    let tmp = tempfile::tempdir().unwrap();
    let url = format!("file://{}/new/repository", tmp.path().display());
    let missing = open(&StoreOptions { url: url.clone(), ..StoreOptions::default() }, rt.handle()).err().unwrap();
    assert_eq!(missing.fault(), StoreFault::Missing);
    let options = StoreOptions { url, create_folder: true, ..StoreOptions::default() };
    let folder = open(&options, rt.handle()).unwrap();
    conforms(&folder);
    let report = tried(&folder);
    assert!(report.conditional && report.can_destroy, "{report:?}");
}

#[test]
fn s3_with_conditions_conforms_and_is_fit_for_several_machines() {
    let rt = runtime();
    let store = open(&s3_options(&services::s3(), "one", "any", "any"), rt.handle()).unwrap();
    conforms(&store);
    assert!(tried(&store).conditional);
    clouds::is_gone(&open(&s3_options(&services::s3(), "no-such-bucket", "any", "any"), rt.handle()).unwrap());
}

#[test]
fn s3_with_signatures_conforms_and_a_wrong_secret_is_told_as_denied() {
    let rt = runtime();
    let server = S3Server::start();
    let store = open(&s3_options(&server.url(), BUCKET, ACCESS_KEY, SECRET_KEY), rt.handle()).unwrap();
    conforms(&store);
    let rate = std::num::NonZeroU64::new(256 << 20);
    let rates = Rates { up: rate, down: rate };
    let limited = StoreOptions { rates, ..s3_options(&server.url(), BUCKET, ACCESS_KEY, SECRET_KEY) };
    conforms(&open(&limited, rt.handle()).unwrap());
    let forger = open(&s3_options(&server.url(), BUCKET, ACCESS_KEY, "wrong"), rt.handle()).unwrap();
    assert_eq!(forger.list(LOG).unwrap_err().fault(), StoreFault::Denied);
}

#[test]
fn a_server_that_ignores_conditions_is_found_out() {
    let rt = runtime();
    let store = open(&s3_options(&services::s3_bad(), "one", "S3RVER", "S3RVER"), rt.handle()).unwrap();
    let report = tried(&store);
    assert!(!report.conditional, "{report:?}");
    let failed: Vec<_> = report.findings.iter().filter(|f| matches!(f.verdict, Verdict::Failed(_))).collect();
    assert!(failed[0].todo.contains("single_machine = true"), "{failed:?}");
}

#[test]
fn a_store_that_cannot_be_reached_is_told_as_unreachable() {
    let rt = runtime();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut options = s3_options(&format!("http://{nobody}"), "one", "any", "any");
    options.region = Some("us-east-1".into());
    let store = open(&options, rt.handle()).unwrap().with_patience(Duration::from_secs(2));
    let began = Instant::now();
    assert_eq!(store.get(&Key::Log(0)).unwrap_err().fault(), StoreFault::Unreachable);
    assert!(began.elapsed() < Duration::from_secs(30));
}

fn faulty(rt: &tokio::runtime::Runtime, plan: Plan) -> (Arc<FaultStore>, Store) {
    let faults = Arc::new(FaultStore::new(Arc::new(InMemory::new()), plan));
    let store = Store::new(faults.clone(), Path::default(), rt.handle().clone(), "memory".into(), false);
    (faults, store)
}

#[test]
fn a_create_whose_answer_was_lost_or_lied_is_resolved_by_looking() {
    let rt = runtime();
    let (one, key) = (Bytes::from_static(b"one"), Key::Log(0));
    // It landed and the answer was lost; it landed and came back as "already exists"; neither landed nor true.
    for fault in [Fault::FailAfter, Fault::AlreadyExists, Fault::Conflict] {
        let (faults, store) = faulty(&rt, Plan::at(0, fault));
        assert_eq!(store.create(&key, &one).unwrap(), Created::Ours, "{fault:?}");
        assert_eq!(store.get(&key).unwrap(), one, "{fault:?}");
        assert_eq!(faults.injected().len(), 1);
    }
    // Each try conflicts and nothing lands: no endless loop, and never a success.
    let (faults, store) = faulty(&rt, Plan::always(Fault::Conflict));
    assert!(store.create(&key, &one).is_err());
    assert!(faults.calls() <= 10, "{} calls", faults.calls());
}

#[test]
fn a_store_that_overwrites_on_create_is_found_out_before_it_is_used() {
    let rt = runtime();
    let (_, store) = faulty(&rt, Plan::always(Fault::IgnorePrecondition));
    let report = tried(&store);
    assert!(!report.conditional && report.can_destroy, "{report:?}");
    let said: Vec<bool> = report.findings.iter().map(|f| f.verdict == Verdict::Passed).collect();
    assert_eq!(said, [false, false, true, false], "{report:?}");
}

#[test]
fn a_listing_that_breaks_off_is_an_error_and_never_a_short_list() {
    let rt = runtime();
    let (faults, store) = faulty(&rt, Plan::none());
    for n in 0..10 {
        store.create(&Key::Log(n), &Bytes::from_static(b"x")).unwrap();
    }
    faults.restart(Plan::at(0, Fault::FailAfter));
    assert!(store.list(LOG).is_err());
}

#[test]
fn a_store_that_never_answers_does_not_hang_us() {
    let rt = runtime();
    let (_, store) = faulty(&rt, Plan::always(Fault::StallBefore));
    let store = store.with_patience(Duration::from_millis(50));
    assert_eq!(store.list(LOG).unwrap_err().fault(), StoreFault::Unreachable);
}

#[test]
fn a_slow_line_is_waited_for_by_the_bytes_and_one_that_is_too_slow_is_cut() {
    let rt = runtime();
    // Two seconds for 25,000 bytes at the slowest speed that is waited for, and a patience far shorter.
    let (bytes, patience) = (Bytes::from(vec![7; 25_000]), Duration::from_millis(300));
    let key = Key::Probe("slow".into());
    let over = |memory: &Arc<InMemory>, each: Duration| {
        let odd = Arc::new(Odd(memory.clone(), Way::Line { pieces: 5, each }));
        Store::new(odd, Path::default(), rt.handle().clone(), "memory".into(), false).with_patience(patience)
    };
    let memory = Arc::new(InMemory::new());
    let slow = over(&memory, Duration::from_millis(200));
    let began = Instant::now();
    assert_eq!(slow.create(&key, &bytes).unwrap(), Created::Ours);
    assert_eq!(slow.get(&key).unwrap(), bytes);
    let parts = slow.get_ranges(&key, &[0..9_000, 9_000..20_000]).unwrap();
    assert_eq!(parts.concat(), bytes.slice(..20_000));
    assert!(began.elapsed() > 8 * patience, "each of them took longer than the patience");
    let dead = over(&memory, Duration::from_secs(3));
    for cut in
        [dead.get(&key).map(|_| ()), dead.create(&Key::Probe("dead".into()), &Bytes::from_static(b"x")).map(|_| ())]
    {
        let cut = cut.unwrap_err();
        assert_eq!(cut.fault(), StoreFault::Unreachable, "{cut}");
        assert!(cut.to_string().ends_with("at memory: no answer in time"), "{cut}");
    }
}

#[test]
fn a_folder_on_a_disk_without_hard_links_is_refused_in_words_that_help() {
    let (rt, tmp) = (runtime(), tempfile::tempdir().unwrap());
    let folder = object_store::local::LocalFileSystem::new_with_prefix(tmp.path()).unwrap();
    let odd = Arc::new(Odd(Arc::new(folder), Way::NoLinks));
    let store = Store::new(odd, Path::default(), rt.handle().clone(), "file:///mnt/stick".into(), false);
    let refused = probe(&store, &SeededEntropy::new(1)).unwrap_err();
    assert_eq!(refused.fault(), StoreFault::Unsupported);
    assert_eq!(
        refused.to_string(),
        "could not try out the store at file:///mnt/stick: it overwrites, but cannot create a file only where none is: \
         disks and sticks formatted as FAT or exFAT and some network shares have no hard links; format it as ext4, XFS \
         or NTFS, or use another store"
    );
    // It leaves nothing behind.
    assert_eq!(store.list("probe").unwrap().0, vec![]);
    // A disk that takes nothing at all is another matter: that is said as it is.
    let nobody = Arc::new(FaultStore::new(Arc::new(InMemory::new()), Plan::always(Fault::FailBefore)));
    let store = Store::new(nobody, Path::default(), rt.handle().clone(), "memory".into(), false);
    assert_eq!(probe(&store, &SeededEntropy::new(1)).unwrap_err().fault(), StoreFault::Other);
}
