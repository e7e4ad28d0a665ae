//! From an address to an open store. The only place that knows the builders of S3, Azure, GCS and folders.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::HttpConnector;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ClientOptions, HeaderMap, HeaderValue, ObjectStore, RetryConfig};
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Handle;
use url::Url;

use super::pace::{Rates, pace};
use super::protection_s3::RawS3;
use super::wire::Wire;
use super::{Store, StoreError};

/// Where the store is and how it is spoken to.
#[derive(Clone, Default)]
pub struct StoreOptions {
    /// `s3://bucket/prefix`, `az://container/prefix`, `gs://bucket/prefix` or `file:///folder`.
    pub url: String,
    /// Another server than the platform's own, for S3-compatible stores.
    pub endpoint: Option<String>,
    /// S3 region.
    pub region: Option<String>,
    /// `bucket.endpoint/key` rather than `endpoint/bucket/key`, for S3-compatible stores.
    pub virtual_hosted: bool,
    /// Plain HTTP is allowed (the configuration allows it on loopback only).
    pub allow_http: bool,
    /// Credentials; what is absent is taken from the platform's usual places.
    pub credentials: StoreCredentials,
    /// The bucket locks what is written, and wants check sums with it (S3).
    pub locked: bool,
    /// How fast it may go.
    pub rates: Rates,
    /// Create the folder of a `file:///` store if it is not there (`init` only).
    pub create_folder: bool,
}

/// Credentials by platform.
#[derive(Clone, Default)]
pub struct StoreCredentials {
    /// S3.
    pub access_key_id: Option<SecretString>,
    /// S3.
    pub secret_access_key: Option<SecretString>,
    /// S3, temporary credentials.
    pub session_token: Option<SecretString>,
    /// Azure.
    pub account: Option<String>,
    /// Azure.
    pub access_key: Option<SecretString>,
    /// Azure.
    pub sas_token: Option<SecretString>,
    /// GCS: the service account's key, as JSON.
    pub service_account: Option<SecretString>,
    /// Where they were found, for messages: what a person must change when they are refused.
    pub found_in: Option<String>,
}

/// Opens the store. No request is made yet, but a folder must be there.
///
/// # Errors
/// [`StoreError`] when the address makes no sense or the folder is missing.
pub fn open(options: &StoreOptions, handle: &Handle) -> Result<Store, StoreError> {
    let url = Url::parse(&options.url).map_err(|e| StoreError::opening(&options.url, e.to_string()))?;
    let address = options.url.clone();
    let found_in = options.credentials.found_in.clone();
    let fail = |e: object_store::Error| StoreError::from_object_store("open the store", &options.url, &e);
    let prefix = Path::parse(url.path().trim_matches('/')).map_err(|e| StoreError::opening(&address, e.to_string()))?;
    let wire = Wire { up: pace(options.rates.up), headers: HeaderMap::new() };
    let own = |inner: Arc<dyn ObjectStore>| {
        let store = Store::new(inner, prefix.clone(), handle.clone(), address.clone(), true);
        store.with_credentials_from(found_in.clone()).with_rates(options.rates)
    };
    match url.scheme() {
        "s3" => {
            let s3 = s3(options, &url, &wire).build().map_err(fail)?;
            let http = wire.connect(&client(options)).map_err(fail)?;
            let store = own(Arc::new(s3.clone())).with_raw(RawS3 { s3, http });
            match options.locked {
                true => Ok(store.with_writer(Arc::new(into_locked(options, &url, &wire).build().map_err(fail)?))),
                false => Ok(store),
            }
        }
        "az" | "azure" => Ok(own(Arc::new(azure(options, &url, wire).build().map_err(fail)?))),
        "gs" => Ok(own(Arc::new(gcs(options, &url, wire).build().map_err(fail)?))),
        "file" => folder(options, &url, handle),
        other => Err(StoreError::opening(&address, format!("'{other}' is no kind of store (s3, az, gs or file)"))),
    }
}

fn client(options: &StoreOptions) -> ClientOptions {
    // Limits of time are ours: the client's own would cut off a large pack on a slow link.
    ClientOptions::new().with_timeout_disabled().with_allow_http(options.allow_http)
}

fn retry() -> RetryConfig {
    RetryConfig { max_retries: 5, retry_timeout: Duration::from_secs(90), ..RetryConfig::default() }
}

fn s3(options: &StoreOptions, url: &Url, wire: &Wire) -> AmazonS3Builder {
    let c = &options.credentials;
    let mut b = AmazonS3Builder::from_env()
        .with_bucket_name(url.host_str().unwrap_or_default())
        .with_virtual_hosted_style_request(options.virtual_hosted)
        .with_client_options(client(options))
        .with_http_connector(wire.clone())
        .with_retry(retry());
    // Without one the environment's counts, and without that the builder's own default.
    if let Some(region) = &options.region {
        b = b.with_region(region);
    }
    if let Some(endpoint) = &options.endpoint {
        b = b.with_endpoint(endpoint_of(endpoint, url, options.virtual_hosted));
    }
    if let Some(v) = &c.access_key_id {
        b = b.with_access_key_id(v.expose_secret());
    }
    if let Some(v) = &c.secret_access_key {
        b = b.with_secret_access_key(v.expose_secret());
    }
    if let Some(v) = &c.session_token {
        b = b.with_token(v.expose_secret());
    }
    if is_amazon(&b) { b.with_checksum_algorithm(Checksum::SHA256) } else { b }
}

/// A bucket that locks what is written takes it only with a check sum, and some servers only if it is announced. That is no
/// header for other requests than writing.
fn into_locked(options: &StoreOptions, url: &Url, wire: &Wire) -> AmazonS3Builder {
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-sdk-checksum-algorithm", HeaderValue::from_static("SHA256"));
    s3(options, url, &Wire { headers, ..wire.clone() }).with_checksum_algorithm(Checksum::SHA256)
}

/// Amazon refuses objects without a check sum where a bucket locks what is written. Some other stores refuse those with one.
fn is_amazon(b: &AmazonS3Builder) -> bool {
    let endpoint = b.get_config_value(&AmazonS3ConfigKey::S3Endpoint);
    let endpoint = endpoint.or_else(|| b.get_config_value(&AmazonS3ConfigKey::Endpoint));
    let host = |e: &str| Url::parse(e).ok().and_then(|u| u.host_str().map(str::to_owned)).unwrap_or_default();
    endpoint.is_none_or(|e| {
        let host = host(&e);
        host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
    })
}

/// The builder expects the bucket in a virtual-hosted endpoint of another server than Amazon's.
fn endpoint_of(endpoint: &str, url: &Url, virtual_hosted: bool) -> String {
    let mut parsed = Url::parse(endpoint).ok();
    if virtual_hosted
        && let (Some(parsed), Some(bucket)) = (parsed.as_mut(), url.host_str())
        && let Some(host) = parsed.host_str().map(str::to_owned)
        && parsed.set_host(Some(&format!("{bucket}.{host}"))).is_ok()
    {
        return parsed.as_str().trim_end_matches('/').to_owned();
    }
    endpoint.trim_end_matches('/').to_owned()
}

fn azure(options: &StoreOptions, url: &Url, wire: Wire) -> MicrosoftAzureBuilder {
    let c = &options.credentials;
    let mut b = MicrosoftAzureBuilder::from_env()
        .with_container_name(url.host_str().unwrap_or_default())
        .with_client_options(client(options))
        .with_http_connector(wire)
        .with_retry(retry());
    if let Some(endpoint) = &options.endpoint {
        b = b.with_endpoint(endpoint.clone());
    }
    if let Some(v) = &c.account {
        b = b.with_account(v);
    }
    if let Some(v) = &c.access_key {
        b = b.with_access_key(v.expose_secret());
    }
    if let Some(v) = &c.sas_token {
        b = b.with_config(object_store::azure::AzureConfigKey::SasKey, v.expose_secret());
    }
    b
}

fn gcs(options: &StoreOptions, url: &Url, wire: Wire) -> GoogleCloudStorageBuilder {
    let mut b = GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(url.host_str().unwrap_or_default())
        .with_client_options(client(options))
        .with_http_connector(wire)
        .with_retry(retry());
    if let Some(key) = &options.credentials.service_account {
        b = b.with_service_account_key(key.expose_secret());
    }
    b
}

/// A folder is a store of its own: the prefix is the root of the file system's tree we are given.
fn folder(options: &StoreOptions, url: &Url, handle: &Handle) -> Result<Store, StoreError> {
    let fail = |detail: String| StoreError::opening(&options.url, detail);
    let path = url.to_file_path().map_err(|()| fail("it is no absolute path".into()))?;
    if options.create_folder {
        std::fs::create_dir_all(&path).map_err(|e| fail(e.to_string()))?;
    }
    if !path.is_dir() {
        return Err(StoreError::missing_folder(&options.url));
    }
    // A link on the way there may lead elsewhere later: all of it goes to one folder.
    let path = path.canonicalize().map_err(|e| fail(e.to_string()))?;
    let local = LocalFileSystem::new_with_prefix(&path).map_err(|e| fail(e.to_string()))?.with_fsync(true);
    Ok(Store::new(Arc::new(local), Path::default(), handle.clone(), options.url.clone(), false)
        .in_folder(path)
        .with_rates(options.rates))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_amazon_is_sent_check_sums() {
        let of = |endpoint: Option<&str>| {
            let b = AmazonS3Builder::new();
            is_amazon(&endpoint.map_or(b.clone(), |e| b.with_endpoint(e)))
        };
        assert!(of(None) && of(Some("https://s3.eu-west-2.amazonaws.com")));
        assert!(of(Some("https://bucket.s3.cn-north-1.amazonaws.com.cn")));
        assert!(!of(Some("https://s3.example.com")) && !of(Some("http://127.0.0.1:9000")));
        assert!(!of(Some("https://amazonaws.com.example.com")) && !of(Some("nonsense")));
    }
}
