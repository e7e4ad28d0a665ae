//! Azure and Google Cloud Storage: the same tests as over S3, and in what words a wrong key, one that is over and a wrong
//! place are told.

use bytes::Bytes;
use secrecy::SecretString;
use strongroom::domain::id::PackName;
use strongroom::repo::layout::{Key, LOG};
use strongroom::repo::store::{Created, Store, StoreCredentials, StoreFault, StoreOptions, open};

use super::support::services;
use super::{conforms, runtime, tried, unique};

const AZURE: &str = "devstoreaccount1";

fn azure(container: &str, credentials: StoreCredentials) -> StoreOptions {
    StoreOptions {
        url: format!("az://{container}/{}", unique("conformance")),
        endpoint: Some(services::azure()),
        allow_http: true,
        credentials: StoreCredentials { account: Some(AZURE.into()), ..credentials },
        ..StoreOptions::default()
    }
}

fn secret(name: &str) -> Option<SecretString> {
    Some(SecretString::from(std::fs::read_to_string(services::azure_key(name)).unwrap()))
}

fn google(bucket: &str, id: &str) -> StoreOptions {
    let service_account = Some(SecretString::from(services::google_key(&services::gcs(), id)));
    StoreOptions {
        url: format!("gs://{bucket}/{}", unique("conformance")),
        allow_http: true,
        credentials: StoreCredentials {
            service_account,
            found_in: Some("a file".into()),
            ..StoreCredentials::default()
        },
        ..StoreOptions::default()
    }
}

fn key() -> StoreCredentials {
    StoreCredentials { access_key: secret("key"), ..StoreCredentials::default() }
}

/// Nothing about the store can be known: no object is missing.
pub fn is_gone(store: &Store) {
    assert_eq!(store.get(&Key::Log(0)).unwrap_err().fault(), StoreFault::Gone);
    assert_eq!(store.list(LOG).unwrap_err().fault(), StoreFault::Gone);
    assert_eq!(store.create(&Key::Log(0), &Bytes::from_static(b"x")).unwrap_err().fault(), StoreFault::Gone);
}

/// Reading, listing and writing are refused (Azurite looks at no key for a bulk deletion of nothing), and the message says whose credentials those are.
#[track_caller]
fn is_denied(store: &Store, words: &[&str]) {
    for error in [
        store.get(&Key::Log(0)).unwrap_err(),
        store.list(LOG).unwrap_err(),
        store.create(&Key::Log(0), &Bytes::from_static(b"x")).unwrap_err(),
    ] {
        assert_eq!(error.fault(), StoreFault::Denied, "{error}");
        assert!(words.iter().all(|w| error.to_string().contains(w)), "{error}");
    }
}

/// Stretches of one object come back as they lie there, also the last; one beyond its end is an error.
fn ranges(store: &Store) {
    let bytes = Bytes::from((0..=255u8).cycle().take(100_000).collect::<Vec<u8>>());
    let pack = Key::Pack(PackName::of(&bytes));
    assert_eq!(store.create(&pack, &bytes).unwrap(), Created::Ours);
    let wanted = [0..10, 5_000..5_001, 99_990..100_000];
    let found = store.get_ranges(&pack, &wanted).unwrap();
    for (range, found) in wanted.iter().zip(found) {
        assert_eq!(found, bytes[range.start as usize..range.end as usize]);
    }
    assert!(store.get_ranges(&pack, std::slice::from_ref(&(200_000..200_010))).is_err());
}

#[test]
fn azure_conforms_by_key_and_by_token_and_says_what_is_wrong() {
    let rt = runtime();
    let at = |options: StoreOptions| open(&options, rt.handle()).unwrap();
    let store = at(azure("one", key()));
    conforms(&store);
    ranges(&store);
    let report = tried(&store);
    assert!(report.conditional && report.can_destroy, "{report:?}");
    let token = |name: &str| StoreCredentials {
        sas_token: secret(name),
        found_in: Some("sas_token_file".into()),
        ..StoreCredentials::default()
    };
    // No deletion by token here: Azurite answers the bulk deletion that is asked for with a fault of its own.
    ranges(&at(azure("one", token("sas"))));
    is_denied(
        &at(azure("one", token("sas-over"))),
        &["403 Forbidden", "(the credentials are those of sas_token_file)"],
    );
    let wrong = StoreCredentials { access_key: Some(SecretString::from("d3Jvbmc=")), ..StoreCredentials::default() };
    is_denied(&at(azure("one", wrong)), &["403 Forbidden"]);
    is_gone(&at(azure("nowhere", key())));
}

#[test]
fn google_conforms_and_says_what_is_wrong() {
    let rt = runtime();
    let at = |options: StoreOptions| open(&options, rt.handle()).unwrap();
    let store = at(google("one", "current"));
    conforms(&store);
    ranges(&store);
    let report = tried(&store);
    assert!(report.conditional && report.can_destroy, "{report:?}");
    let refused = at(google("one", "gone"));
    is_denied(&refused, &["401 Unauthorized", "(the credentials are those of a file)"]);
    assert_eq!(refused.delete(&Key::Log(0)).unwrap_err().fault(), StoreFault::Denied);
    is_gone(&at(google("nowhere", "current")));
    let mut nonsense = google("one", "current");
    nonsense.credentials.service_account = Some(SecretString::from("{\"hunter2\": 1}"));
    let error = open(&nonsense, rt.handle()).err().unwrap().to_string();
    assert!(error.contains("service account") && !error.contains("hunter2"), "{error}");
}
