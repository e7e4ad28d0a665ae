//! The S3 servers of the tests are what the other tests take them for: this one checks signatures and
//! conditions, `moto` keeps conditional creates under a race, and the bad one ignores them.

// The lint's leave for tests does not reach helpers.
#![allow(clippy::unwrap_used)]

mod support;

use futures::future::join_all;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use support::s3::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY};
use support::services;

fn client(url: &str, bucket: &str, key: &str, secret: &str) -> AmazonS3 {
    AmazonS3Builder::new()
        .with_endpoint(url)
        .with_allow_http(true)
        .with_bucket_name(bucket)
        .with_region("us-east-1")
        .with_access_key_id(key)
        .with_secret_access_key(secret)
        .build()
        .unwrap()
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
