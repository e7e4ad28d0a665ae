//! What the configuration means: values that were checked once and need no check again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use url::Url;

use super::notify::Webhook;
use super::secret::SecretSource;
use crate::domain::path::RecordPath;
use crate::repo::store::Rates;
use crate::service::policy::Policies;
use crate::service::schedule::Schedule;
use crate::service::status::MAX_AGE;

/// The state folder where none is stated.
pub const DEFAULT_STATE_DIR: &str = "/var/lib/strongroom";
/// The state folder of a watcher where none is stated.
pub const DEFAULT_WATCH_STATE_DIR: &str = "/var/lib/strongroom-watch";
/// The time zone where none is stated.
pub const DEFAULT_TIMEZONE: &str = "Europe/London";

/// The whole of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Who is protected, and who is told.
    pub council: Council,
    /// Where the backup lies.
    pub repository: Repository,
    /// This machine's memory: caches, journal, outbox.
    pub state_dir: PathBuf,
    /// What is backed up; never empty.
    pub sets: Vec<ProtectedSet>,
    /// Sets that somebody else backs up, by name.
    pub elsewhere: BTreeMap<String, Elsewhere>,
    /// Folders that are backed up nowhere, and are meant to be; in none of the sets' folders. Absolute.
    pub left_out: Vec<PathBuf>,
    /// What thinning keeps.
    pub retention: Retention,
    /// `[retention] scheme`: the council's retention scheme, absolute.
    pub scheme: Option<PathBuf>,
    /// How much each run tests.
    pub verify: Verify,
    /// How notices leave; without it nobody is told.
    pub mail: Option<Mail>,
    /// By which other ways they leave; their names differ.
    pub webhooks: Vec<Webhook>,
    /// The address that each run pings.
    pub ping: Option<SecretSource>,
    /// What a run may use.
    pub limits: Limits,
    /// When things run.
    pub schedule: Schedule,
    /// Where `status` leaves its figures for Prometheus.
    pub metrics_file: Option<PathBuf>,
    /// When the council last adopted its policies.
    pub policy: Policies,
    /// A trial with no configuration: key and backup are on this computer, nobody is told.
    pub trial: bool,
    /// The file's text, kept with each snapshot so that a recovery finds it.
    pub source_text: Option<String>,
}

/// `[council]`
#[derive(Debug, Clone, PartialEq)]
pub struct Council {
    /// As it appears in notices.
    pub name: String,
    /// The council's own mail domains, in lower case; never empty.
    pub domains: Vec<String>,
    /// Told of everything; on one of the domains.
    pub clerk: Person,
    /// Told too when something stays wrong; on one of the domains.
    pub deputy: Option<Deputy>,
    /// Who repairs it.
    pub provider: Provider,
    /// For days and weeks.
    pub timezone: TimeZone,
}

/// A name and an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// One line, not empty.
    pub name: String,
    /// `local@domain`, checked.
    pub email: String,
}

/// The clerk's deputy, and when their turn comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deputy {
    /// Who.
    pub person: Person,
    /// Told of what has not been put right for so many days.
    pub after_days: u32,
}

/// The council's IT provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// One line, not empty.
    pub name: String,
    /// One line with digits in it.
    pub phone: String,
    /// `local@domain`, any domain.
    pub email: String,
}

/// `[repository]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// As typed; holds no secret.
    pub url: String,
    /// Which store, and how it is reached.
    pub store: Store,
    /// The owner promises that one machine only, pruner included, ever writes.
    pub single_machine: bool,
    /// What the store is claimed to do for what lies in it; nothing for a folder.
    pub claims: Claims,
}

/// `[repository] claims`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Claims {
    /// Every object is locked for so many days.
    pub object_lock_days: Option<u32>,
    /// What is deleted can be read for so many days.
    pub versioning_days: Option<u32>,
}

/// A kind of store. Absent credentials mean the platform's own: environment or instance metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// `file:///path`
    Folder(PathBuf),
    /// `s3://bucket/prefix`
    S3(Box<S3>),
    /// `az://container/prefix`
    Azure(Box<Azure>),
    /// `gs://bucket/prefix`
    Google(Google),
}

/// Amazon S3, or what speaks its protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3 {
    /// The bucket.
    pub bucket: String,
    /// Without slashes at its ends; may be empty.
    pub prefix: String,
    /// Only for stores other than Amazon's.
    pub endpoint: Option<Url>,
    /// Absent: the environment's.
    pub region: Option<String>,
    /// Plain HTTP; only ever true for a loopback endpoint.
    pub allow_http: bool,
    /// `endpoint/bucket/key` rather than `bucket.endpoint/key`; true by default where there is an endpoint.
    pub path_style: bool,
    /// Key id and secret, both or neither.
    pub keys: Option<(SecretSource, SecretSource)>,
    /// For temporary credentials.
    pub session_token: Option<SecretSource>,
}

/// Azure Blob Storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Azure {
    /// The container.
    pub container: String,
    /// Without slashes at its ends; may be empty.
    pub prefix: String,
    /// The storage account; absent: the environment's.
    pub account: Option<String>,
    /// Only for other addresses than Azure's own.
    pub endpoint: Option<Url>,
    /// Plain HTTP; only ever true for a loopback endpoint.
    pub allow_http: bool,
    /// How this machine proves who it is.
    pub credential: Option<AzureCredential>,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AzureCredential {
    /// The account's key.
    AccessKey(SecretSource),
    /// A shared access signature.
    SasToken(SecretSource),
}

/// Google Cloud Storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Google {
    /// The bucket.
    pub bucket: String,
    /// Without slashes at its ends; may be empty.
    pub prefix: String,
    /// The JSON of a service account's key.
    pub service_account: Option<SecretSource>,
}

/// `[[set]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtectedSet {
    /// Unique.
    pub name: String,
    /// How it is read.
    pub kind: SetKind,
    /// Never empty, and no folder lies in another.
    pub folders: Vec<Folder>,
    /// Patterns that compile.
    pub exclude: Vec<String>,
    /// An empty folder is no alarm.
    pub allow_empty: bool,
    /// How old its last good backup may be.
    pub max_age: SignedDuration,
}

/// How a set is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetKind {
    /// Files below folders; mail as Maildir or .eml files is that too.
    Folders,
}

/// One folder of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Absolute, without `.` and `..`.
    pub path: PathBuf,
    /// The first component of its records' paths; unique across all sets.
    pub name: RecordPath,
}

/// `[elsewhere]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// Who backs it up.
    pub by: String,
    /// When somebody last made sure of that.
    pub checked: Date,
}

/// `[retention]`: 0 means that this rule keeps nothing; at least one rule keeps something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The newest so many.
    pub keep_last: u32,
    /// One for each of so many days.
    pub keep_daily: u32,
    /// One for each of so many weeks.
    pub keep_weekly: u32,
    /// One for each of so many months.
    pub keep_monthly: u32,
    /// One for each of so many years.
    pub keep_yearly: u32,
    /// How long a condemned pack waits.
    pub prune_grace_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { keep_last: 0, keep_daily: 0, keep_weekly: 8, keep_monthly: 12, keep_yearly: 7, prune_grace_days: 14 }
    }
}

/// `[verify]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verify {
    /// Every stored byte is brought back within so many weeks.
    pub every_byte_within_weeks: u32,
    /// What a run brings back from the store at most; absent: what the promise needs.
    pub bytes_per_run: Option<u64>,
    /// What the runs of a month bring back at most.
    pub bytes_per_month: Option<u64>,
    /// How many documents a run restores beside those that it opens for the first time.
    pub documents_per_run: u32,
    /// A part is brought back in a drill every so many weeks; `None` for never.
    pub sample_drill_every_weeks: Option<u32>,
    /// The same of everything.
    pub drill_every_weeks: Option<u32>,
    /// Each holder's key is drilled every so many weeks.
    pub key_drill_every_weeks: Option<u32>,
    /// The store itself is tested again after so many days.
    pub store_every_days: u32,
    /// What a run reads again of the files on this computer at most; absent: what the promise needs.
    pub live_bytes_per_run: Option<u64>,
}

impl Default for Verify {
    fn default() -> Self {
        Self {
            every_byte_within_weeks: 12,
            bytes_per_run: None,
            bytes_per_month: None,
            documents_per_run: 200,
            sample_drill_every_weeks: Some(13),
            drill_every_weeks: Some(52),
            key_drill_every_weeks: Some(52),
            store_every_days: 30,
            live_bytes_per_run: None,
        }
    }
}

/// `[notify.mail]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// A name or an address.
    pub host: String,
    /// Never 0.
    pub port: u16,
    /// How the line is protected.
    pub tls: Tls,
    /// User and password, both or neither.
    pub login: Option<(String, SecretSource)>,
    /// The sender's address.
    pub from: String,
    /// One more root certificate to trust, PEM.
    pub ca_file: Option<PathBuf>,
}

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// STARTTLS, or nothing is sent.
    Required,
    /// TLS from the first byte.
    Implicit,
    /// Plain; only ever to this computer itself.
    NoneOnLoopback,
}

/// `[limits]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Uploads at the same time.
    pub upload_connections: u32,
    /// How fast it may go.
    pub rates: Rates,
}

impl Default for Limits {
    fn default() -> Self {
        Self { upload_connections: 4, rates: Rates::default() }
    }
}

/// What a bare `run --folder DIR` works with: everything below `home`, nobody told. Both paths are absolute.
pub fn trial(home: &Path, folder: &Path) -> Config {
    let repository = home.join("repository");
    let bytes = folder.file_name().map_or(&b"Documents"[..], std::os::unix::ffi::OsStrExt::as_bytes);
    let name = RecordPath::new(bytes).unwrap_or_else(|_| unreachable!("a file name is one clean component"));
    // Addresses under `.invalid` can never be delivered to; without [notify.mail] nothing is sent at all.
    let person = |name: &str, local: &str| Person { name: name.to_owned(), email: format!("{local}@trial.invalid") };
    let provider = person("your IT provider", "provider");
    Config {
        council: Council {
            name: "Trial".to_owned(),
            domains: vec!["trial.invalid".to_owned()],
            clerk: person("The Clerk", "clerk"),
            deputy: None,
            provider: Provider { name: provider.name, phone: "none in a trial".to_owned(), email: provider.email },
            timezone: TimeZone::get(DEFAULT_TIMEZONE).unwrap_or(TimeZone::UTC),
        },
        repository: Repository {
            url: Url::from_file_path(&repository).map_or_else(|()| repository.display().to_string(), String::from),
            store: Store::Folder(repository),
            single_machine: false,
            claims: Claims::default(),
        },
        state_dir: home.join("state"),
        sets: vec![ProtectedSet {
            name: "documents".to_owned(),
            kind: SetKind::Folders,
            folders: vec![Folder { path: folder.to_owned(), name }],
            exclude: Vec::new(),
            allow_empty: false,
            max_age: MAX_AGE,
        }],
        elsewhere: BTreeMap::new(),
        left_out: Vec::new(),
        retention: Retention::default(),
        scheme: None,
        verify: Verify::default(),
        mail: None,
        webhooks: Vec::new(),
        ping: None,
        limits: Limits::default(),
        schedule: Schedule::nightly().unwrap_or_else(|_| unreachable!("the default is a schedule")),
        metrics_file: None,
        policy: Policies::default(),
        trial: true,
        source_text: None,
    }
}
