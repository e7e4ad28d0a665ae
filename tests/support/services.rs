//! Where the services of `tests/all.sh` listen. It sets the variables; without them a test fails and says so.

/// The value of a variable that `tests/all.sh` sets.
pub fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: this test needs services, run tests/all.sh"))
}

/// An S3 server with conditional creates. Buckets `one` and `two`, any credentials.
pub fn s3() -> String {
    setting("STRONGROOM_TEST_S3")
}

/// An S3 server that ignores conditions. Bucket `one`; key `S3RVER`, secret `S3RVER`.
pub fn s3_bad() -> String {
    setting("STRONGROOM_TEST_S3_BAD")
}

/// A server of Azure's blobs, with its account in the address. Container `one`.
pub fn azure() -> String {
    setting("STRONGROOM_TEST_AZURE")
}

/// A file that opens the Azure account: `key`, `sas`, or `sas-over`, which is a token that did once.
pub fn azure_key(name: &str) -> std::path::PathBuf {
    std::path::Path::new(&setting("STRONGROOM_TEST_AZURE_KEYS")).join(name)
}

/// A server that speaks as Google Cloud Storage does. Buckets `one` and `two`.
pub fn gcs() -> String {
    setting("STRONGROOM_TEST_GCS")
}

/// The same with TLS, by a certificate of [`smtp_authority`]; another server with buckets of its own.
pub fn gcs_tls() -> String {
    setting("STRONGROOM_TEST_GCS_TLS")
}

/// A service account's key as Google gives it, for the server at `endpoint`. The id `gone`: it was taken away.
pub fn google_key(endpoint: &str, id: &str) -> String {
    let pem = std::fs::read_to_string(setting("STRONGROOM_TEST_GCS_KEY")).unwrap();
    serde_json::json!({
        "type": "service_account", "private_key": pem, "private_key_id": id, "gcs_base_url": endpoint,
        "client_email": "strongroom@anytown.iam.gserviceaccount.com",
    })
    .to_string()
}

/// A mail server `host:port` that offers STARTTLS and then AUTH (`anna`, `secret`).
pub fn smtp() -> String {
    setting("STRONGROOM_TEST_SMTP")
}

/// The certificate authority, in PEM, that the mail server's certificate comes from.
pub fn smtp_authority() -> String {
    setting("STRONGROOM_TEST_SMTP_CA")
}

/// The Maildir into which the mail server puts what it accepts.
pub fn maildir() -> String {
    setting("STRONGROOM_TEST_MAILDIR")
}

/// A Python with the packages of `tests/services/requirements.txt`.
pub fn python() -> String {
    setting("STRONGROOM_TEST_PYTHON")
}
