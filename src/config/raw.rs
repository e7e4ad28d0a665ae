//! What was typed: the file's tables as serde sees them, every value with its place.
//!
//! Nothing here is checked beyond its type, and nothing here leaves `config`. Required keys are optional
//! here so that the error for a missing one can be ours and name the table.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use toml::Spanned;
use toml::value::Datetime;

/// A value that may be absent, and its place.
pub type Opt<T> = Option<Spanned<T>>;
/// Several words with their places.
pub type Words = Vec<Spanned<String>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub struct RawConfig {
    pub council: Opt<RawCouncil>,
    pub repository: Opt<RawRepository>,
    pub state: RawState,
    pub set: Vec<Spanned<RawSet>>,
    pub elsewhere: BTreeMap<Spanned<String>, Spanned<RawElsewhere>>,
    pub left_out: RawLeftOut,
    pub retention: RawRetention,
    pub verify: RawVerify,
    pub notify: RawNotify,
    pub limits: RawLimits,
    pub schedule: RawSchedule,
    pub status: RawStatus,
    pub policy: RawPolicy,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawCouncil {
    pub name: Opt<String>,
    pub domains: Opt<Words>,
    pub clerk: Opt<RawPerson>,
    pub deputy: Opt<RawPerson>,
    pub provider: Opt<RawProvider>,
    pub timezone: Opt<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table { name, email }")]
pub struct RawPerson {
    pub name: Opt<String>,
    pub email: Opt<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table { name, phone, email }")]
pub struct RawProvider {
    pub name: Opt<String>,
    pub phone: Opt<String>,
    pub email: Opt<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawRepository {
    pub url: Opt<String>,
    pub single_machine: Option<bool>,
    pub claims: Opt<RawClaims>,
    pub endpoint: Opt<String>,
    pub region: Opt<String>,
    pub allow_http: Opt<bool>,
    pub path_style: Opt<bool>,
    pub account: Opt<String>,
    pub access_key_id_file: Opt<String>,
    pub access_key_id_env: Opt<String>,
    pub access_key_id_credential: Opt<String>,
    pub access_key_id_command: Opt<Vec<String>>,
    pub secret_access_key_file: Opt<String>,
    pub secret_access_key_env: Opt<String>,
    pub secret_access_key_credential: Opt<String>,
    pub secret_access_key_command: Opt<Vec<String>>,
    pub session_token_file: Opt<String>,
    pub session_token_env: Opt<String>,
    pub session_token_credential: Opt<String>,
    pub session_token_command: Opt<Vec<String>>,
    pub access_key_file: Opt<String>,
    pub access_key_env: Opt<String>,
    pub access_key_credential: Opt<String>,
    pub access_key_command: Opt<Vec<String>>,
    pub sas_token_file: Opt<String>,
    pub sas_token_env: Opt<String>,
    pub sas_token_credential: Opt<String>,
    pub sas_token_command: Opt<Vec<String>>,
    pub service_account_file: Opt<String>,
    pub service_account_env: Opt<String>,
    pub service_account_credential: Opt<String>,
    pub service_account_command: Opt<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table { object_lock, versioning }")]
pub struct RawClaims {
    pub object_lock: Opt<String>,
    pub versioning: Opt<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawState {
    pub dir: Opt<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawSet {
    pub name: Opt<String>,
    pub kind: Opt<String>,
    pub folders: Opt<Vec<Spanned<RawFolder>>>,
    #[serde(default)]
    pub exclude: Words,
    #[serde(default)]
    pub allow_empty: bool,
    pub max_age: Opt<String>,
}

/// `"/srv/x"` or `{ path = "/srv/x", as = "X" }`.
#[derive(Debug)]
pub enum RawFolder {
    Path(String),
    Table(RawFolderTable),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawFolderTable {
    pub path: Opt<String>,
    pub r#as: Opt<String>,
}

impl<'de> Deserialize<'de> for RawFolder {
    fn deserialize<D: de::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = RawFolder;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"/folder\" or { path = \"/folder\", as = \"Name\" }")
            }
            fn visit_str<E: de::Error>(self, path: &str) -> Result<RawFolder, E> {
                Ok(RawFolder::Path(path.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawFolder, A::Error> {
                RawFolderTable::deserialize(MapAccessDeserializer::new(map)).map(RawFolder::Table)
            }
        }
        d.deserialize_any(Either)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table { by, checked }")]
pub struct RawElsewhere {
    pub by: Opt<String>,
    pub checked: Opt<Datetime>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table { folders }")]
pub struct RawLeftOut {
    pub folders: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawRetention {
    pub scheme: Opt<String>,
    pub keep_last: Opt<i64>,
    pub keep_daily: Opt<i64>,
    pub keep_weekly: Opt<i64>,
    pub keep_monthly: Opt<i64>,
    pub keep_yearly: Opt<i64>,
    pub prune_grace_days: Opt<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawVerify {
    pub every_byte_within: Opt<String>,
    pub bytes_per_run: Opt<String>,
    pub bytes_per_month: Opt<String>,
    pub documents_per_run: Opt<i64>,
    pub sample_drill_every: Opt<String>,
    pub drill_every: Opt<String>,
    pub key_drill_every: Opt<String>,
    pub store_every: Opt<String>,
    pub live_bytes_per_run: Opt<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawNotify {
    pub escalate_after_days: Opt<i64>,
    pub mail: Opt<RawMail>,
    #[serde(default)]
    pub webhook: Vec<Spanned<RawWebhook>>,
    pub ping: Opt<RawPing>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawWebhook {
    pub name: Opt<String>,
    pub role: Opt<String>,
    pub url_file: Opt<String>,
    pub url_env: Opt<String>,
    pub url_credential: Opt<String>,
    pub url_command: Opt<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawPing {
    pub url_file: Opt<String>,
    pub url_env: Opt<String>,
    pub url_credential: Opt<String>,
    pub url_command: Opt<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawMail {
    pub host: Opt<String>,
    pub port: Opt<i64>,
    pub tls: Opt<String>,
    pub user: Opt<String>,
    pub password_file: Opt<String>,
    pub password_env: Opt<String>,
    pub password_credential: Opt<String>,
    pub password_command: Opt<Vec<String>>,
    pub from: Opt<String>,
    pub ca_file: Opt<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawLimits {
    pub upload_connections: Opt<i64>,
    pub upload_per_second: Opt<String>,
    pub download_per_second: Opt<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawSchedule {
    pub run: Opt<String>,
    pub backup: Opt<String>,
    pub jitter: Opt<String>,
    pub run_limit: Opt<String>,
    pub grace: Opt<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawStatus {
    pub metrics: Opt<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawPolicy {
    pub it: Opt<RawAdopted>,
    pub retention: Opt<RawAdopted>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table { adopted, minute }")]
pub struct RawAdopted {
    pub adopted: Opt<Datetime>,
    pub minute: Opt<String>,
}
