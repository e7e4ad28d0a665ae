//! The S3 servers of the tests are what the other tests take them for: this one checks signatures and
//! conditions and makes trouble where it is told to, `moto` keeps conditional creates under a race, and the bad one
//! ignores them. And the long run over it: real programs, killed and stopped (`soak`).
#![cfg(feature = "testing")]
// The lint's leave for tests does not reach helpers.
#![allow(clippy::unwrap_used)]

#[path = "s3_server/computer.rs"]
mod computer;
#[path = "s3_server/soak.rs"]
mod soak;
mod support;
#[path = "s3_server/writer.rs"]
mod writer;

use futures::future::join_all;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig};
use support::s3::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY};
use support::services;

fn builder(url: &str, bucket: &str, key: &str, secret: &str) -> AmazonS3Builder {
    AmazonS3Builder::new()
        .with_endpoint(url)
        .with_allow_http(true)
        .with_bucket_name(bucket)
        .with_region("us-east-1")
        .with_access_key_id(key)
        .with_secret_access_key(secret)
}

fn client(url: &str, bucket: &str, key: &str, secret: &str) -> AmazonS3 {
    builder(url, bucket, key, secret).build().unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
}

async fn create(store: &AmazonS3, name: &str, body: &'static str) -> Result<(), Error> {
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    store.put_opts(&Path::from(name), body.into(), options).await.map(|_| ())
}

#[test]
fn the_server_in_process_checks_signatures_and_conditions() {
    let server = S3Server::start();
    runtime().block_on(async {
        let store = client(&server.url(), BUCKET, ACCESS_KEY, SECRET_KEY);
        create(&store, "log/0", "first").await.unwrap();
        assert!(matches!(create(&store, "log/0", "second").await, Err(Error::AlreadyExists { .. })));
        assert_eq!(store.get(&Path::from("log/0")).await.unwrap().bytes().await.unwrap(), "first");
        let forger = client(&server.url(), BUCKET, ACCESS_KEY, "not the secret");
        let refused = create(&forger, "log/1", "forged").await.unwrap_err();
        assert!(
            matches!(refused, Error::PermissionDenied { .. } | Error::Unauthenticated { .. }),
            "a wrong signature was answered with {refused}"
        );
        assert!(matches!(store.get(&Path::from("log/1")).await, Err(Error::NotFound { .. })));
    });
}

/// Which of forty creates failed, and which of the objects are there.
fn forty_creates(rate: u32, seed: u64) -> (Vec<bool>, Vec<bool>) {
    let server = S3Server::start();
    server.trouble.make(rate, seed);
    let (mut failed, mut there) = (vec![], vec![]);
    runtime().block_on(async {
        let at_once = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        let store = builder(&server.url(), BUCKET, ACCESS_KEY, SECRET_KEY).with_retry(at_once).build().unwrap();
        for n in 0..40 {
            failed.push(create(&store, &format!("log/{n}"), "entry").await.is_err());
        }
        server.trouble.make(0, seed);
        for n in 0..40 {
            there.push(store.head(&Path::from(format!("log/{n}"))).await.is_ok());
        }
    });
    let (before, after) = server.trouble.made();
    assert_eq!(before + after, failed.iter().filter(|failed| **failed).count() as u64);
    assert_eq!(before, there.iter().filter(|there| !**there).count() as u64);
    (failed, there)
}

#[test]
fn the_server_in_process_fails_as_often_as_it_is_told_before_and_after_the_effect() {
    assert_eq!(forty_creates(0, 7), (vec![false; 40], vec![true; 40]));
    let (failed, there) = forty_creates(1000, 7);
    assert!(failed.iter().all(|failed| *failed) && there.contains(&true) && there.contains(&false));
    let some = forty_creates(300, 7);
    assert!(some.0.contains(&true) && some.0.contains(&false));
    assert_eq!(some, forty_creates(300, 7), "one seed, one trouble");
    assert_ne!(some, forty_creates(300, 8));
}

#[test]
fn one_of_sixteen_creates_wins_on_the_good_service() {
    runtime().block_on(async {
        let store = client(&services::s3(), "two", "any", "any");
        let name = format!("race/{}", std::process::id());
        let tries = join_all((0..16).map(|_| create(&store, &name, "mine"))).await;
        assert_eq!(tries.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{tries:?}");
    });
}

#[test]
fn the_bad_service_lets_a_create_overwrite() {
    runtime().block_on(async {
        let store = client(&services::s3_bad(), "one", "S3RVER", "S3RVER");
        let name = format!("race/{}", std::process::id());
        create(&store, &name, "first").await.unwrap();
        create(&store, &name, "second").await.unwrap();
        assert_eq!(store.get(&Path::from(name)).await.unwrap().bytes().await.unwrap(), "second");
    });
}
