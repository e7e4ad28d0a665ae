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
