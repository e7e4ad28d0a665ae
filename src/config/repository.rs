//! `[repository]`: which store, and how this machine proves who it is.
//!
//! A key that means nothing for the kind of store is an error, so that nobody believes it works. Plain HTTP
//! reaches this computer only.

use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use url::Url;

use super::check::{days, is_loopback, required};
use super::error::{ConfigError, Show, Text};
use super::model::{Azure, AzureCredential, Claims, Google, Repository, S3, Store};
use super::raw::{Opt, RawRepository};
use super::secret::{SecretSource, places};

const EXAMPLE: &str = "url = \"s3://bucket/prefix\"";

pub(super) fn repository(t: Text<'_>, raw: &Opt<RawRepository>) -> Result<Repository, ConfigError> {
    let Some(table) = raw else {
        let help = format!("Add:\n[repository]\n{EXAMPLE}");
        return Err(t.absent("there is no [repository] table", help));
    };
    let raw = table.get_ref();
    let url = required(t, &raw.url, (table.span(), "[repository]"), EXAMPLE)?;
    no_secret(t, url)?;
    let secrets = Secrets::check(t, raw)?;
    let typed = url.get_ref().as_str();
    let store = match typed.split_once("://") {
        Some(("file", _)) => {
            misplaced(t, raw, &secrets, "file://", &[])?;
            Store::Folder(folder(t, url)?)
        }
        Some(("s3", rest)) => {
            misplaced(t, raw, &secrets, "s3://", &S3_KEYS)?;
            Store::S3(Box::new(s3(t, raw, secrets, bucket(t, url, rest)?)?))
        }
        Some(("az", rest)) => {
            misplaced(t, raw, &secrets, "az://", &AZURE_KEYS)?;
            Store::Azure(Box::new(azure(t, raw, secrets, bucket(t, url, rest)?)?))
        }
        Some(("gs", rest)) => {
            misplaced(t, raw, &secrets, "gs://", &["claims", "service_account"])?;
            let (bucket, prefix) = bucket(t, url, rest)?;
            Store::Google(Google { bucket, prefix, service_account: secrets.service_account.map(|(s, _)| s) })
        }
        _ => {
            let help = "Write s3://bucket/prefix, az://container/prefix, gs://bucket/prefix or file:///path.";
            return Err(t.fault(url.span(), "this is no address of a store", help));
        }
    };
    Ok(Repository {
        url: typed.to_owned(),
        store,
        single_machine: raw.single_machine.unwrap_or(false),
        claims: claims(t, raw)?,
    })
}

const S3_KEYS: [&str; 8] =
    ["claims", "endpoint", "region", "allow_http", "path_style", "access_key_id", "secret_access_key", "session_token"];
const AZURE_KEYS: [&str; 6] = ["claims", "endpoint", "allow_http", "account", "access_key", "sas_token"];

/// An address with a user, password or signature in it is not shown.
fn no_secret(t: Text<'_>, url: &Spanned<String>) -> Result<(), ConfigError> {
    if url.get_ref().contains(['@', '?', '#']) {
        let message = "the address holds '@', '?' or '#', as if a password or signature were in it";
        let help = "Give the address alone, and the secret by a key such as secret_access_key_file.";
        return Err(t.fault_showing(Show::Lead, url.span(), message, help));
    }
    Ok(())
}

type Found = Option<(SecretSource, Range<usize>)>;

struct Secrets {
    access_key_id: Found,
    secret_access_key: Found,
    session_token: Found,
    access_key: Found,
    sas_token: Found,
    service_account: Found,
}

macro_rules! typed {
    ($t:ident, $raw:ident, $base:literal, $file:ident, $env:ident, $credential:ident, $command:ident) => {{
        let typed = places!($raw, $base, $file, $env, $credential, $command);
        typed.check($t)?.map(|source| (source, typed.span()))
    }};
}

impl Secrets {
    #[rustfmt::skip]
    fn check(t: Text<'_>, raw: &RawRepository) -> Result<Self, ConfigError> {
        Ok(Self {
            access_key_id: typed!(t, raw, "access_key_id",
                access_key_id_file, access_key_id_env, access_key_id_credential, access_key_id_command),
            secret_access_key: typed!(t, raw, "secret_access_key",
                secret_access_key_file, secret_access_key_env, secret_access_key_credential, secret_access_key_command),
            session_token: typed!(t, raw, "session_token",
                session_token_file, session_token_env, session_token_credential, session_token_command),
            access_key: typed!(t, raw, "access_key",
                access_key_file, access_key_env, access_key_credential, access_key_command),
            sas_token: typed!(t, raw, "sas_token",
                sas_token_file, sas_token_env, sas_token_credential, sas_token_command),
            service_account: typed!(t, raw, "service_account",
                service_account_file, service_account_env, service_account_credential, service_account_command),
        })
    }
}

/// Refuses what is typed but means nothing for this kind of store.
fn misplaced(t: Text<'_>, raw: &RawRepository, s: &Secrets, scheme: &str, allowed: &[&str]) -> Result<(), ConfigError> {
    fn place<T>(key: &'static str, value: &Opt<T>) -> Option<(&'static str, Range<usize>)> {
        value.as_ref().map(|v| (key, v.span()))
    }
    let secret = |key: &'static str, found: &Found| found.as_ref().map(|(_, span)| (key, span.clone()));
    let typed = [
        place("claims", &raw.claims),
        place("endpoint", &raw.endpoint),
        place("region", &raw.region),
        place("allow_http", &raw.allow_http),
        place("path_style", &raw.path_style),
        place("account", &raw.account),
        secret("access_key_id", &s.access_key_id),
        secret("secret_access_key", &s.secret_access_key),
        secret("session_token", &s.session_token),
        secret("access_key", &s.access_key),
        secret("sas_token", &s.sas_token),
        secret("service_account", &s.service_account),
    ];
    match typed.into_iter().flatten().find(|(key, _)| !allowed.contains(key)) {
        None => Ok(()),
        Some((key, span)) => {
            let show = if key == "endpoint" { Show::Lead } else { Show::Line };
            Err(t.fault_showing(show, span, format!("`{key}` means nothing for {scheme}"), "Remove this line."))
        }
    }
}

/// More days than anything is kept.
const MOST_DAYS: u32 = 36_500;

fn claims(t: Text<'_>, raw: &RawRepository) -> Result<Claims, ConfigError> {
    let Some(table) = &raw.claims else { return Ok(Claims::default()) };
    let raw = table.get_ref();
    let claims = Claims {
        object_lock_days: days(t, &raw.object_lock, MOST_DAYS)?,
        versioning_days: days(t, &raw.versioning, MOST_DAYS)?,
    };
    if claims == Claims::default() {
        let help = "Write claims = { object_lock = \"30 days\" } or { versioning = \"30 days\" }, or remove this line.";
        return Err(t.fault(table.span(), "nothing is claimed here", help));
    }
    Ok(claims)
}

fn folder(t: Text<'_>, url: &Spanned<String>) -> Result<PathBuf, ConfigError> {
    let path = Url::parse(url.get_ref())
        .ok()
        .filter(|_| url.get_ref().starts_with("file:///"))
        .and_then(|u| u.to_file_path().ok());
    let help = "Write file:// and the full path, with three slashes: file:///srv/backup";
    path.filter(|p| p.parent().is_some()).ok_or_else(|| t.fault(url.span(), "this is no address of a folder", help))
}

/// Bucket and prefix, without slashes at the ends of the prefix.
fn bucket(t: Text<'_>, url: &Spanned<String>, rest: &str) -> Result<(String, String), ConfigError> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let edge = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let inner = |b: u8| edge(b) || b"-._".contains(&b);
    let ends = bucket.bytes().next().is_some_and(edge) && bucket.bytes().next_back().is_some_and(edge);
    if !ends || !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(inner) {
        let help = "It is 3 to 63 small letters, digits, '-' and '.', as the store shows it.";
        return Err(t.fault(url.span(), "this is no name of a bucket or container", help));
    }
    let prefix = prefix.trim_matches('/');
    let clean = |b: u8| b.is_ascii_alphanumeric() || b"-._=+".contains(&b);
    let part = |p: &str| !p.is_empty() && p != "." && p != ".." && p.bytes().all(clean);
    if !prefix.is_empty() && !prefix.split('/').all(part) {
        let help = "Between slashes, use letters, digits, '-', '_' and '.'.";
        return Err(t.fault(url.span(), "the prefix after the bucket cannot be used", help));
    }
    Ok((bucket.to_owned(), prefix.to_owned()))
}

/// The endpoint, and whether plain HTTP is allowed to it.
fn endpoint(t: Text<'_>, raw: &RawRepository) -> Result<(Option<Url>, bool), ConfigError> {
    let allow_http = raw.allow_http.as_ref().is_some_and(|a| *a.get_ref());
    let Some(typed) = &raw.endpoint else {
        return match &raw.allow_http {
            Some(a) if allow_http => Err(t.fault(a.span(), "`allow_http` needs an `endpoint`", "Remove this line.")),
            _ => Ok((None, false)),
        };
    };
    no_secret(t, typed)?;
    let url = Url::parse(typed.get_ref()).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
    let Some(url) = url else {
        return Err(t.fault(typed.span(), "this is no address of a server", "Write it as \"https://s3.example.com\"."));
    };
    let loopback = url.host_str().is_some_and(is_loopback);
    match &raw.allow_http {
        Some(a) if allow_http && !loopback => {
            let help = "Plain HTTP is for this computer itself (127.0.0.1). Use https:// and remove this line.";
            Err(t.fault(a.span(), "`allow_http` would send the backup's credentials in the clear", help))
        }
        _ if url.scheme() == "http" && !allow_http => {
            let help = if loopback { "Use https://, or add: allow_http = true" } else { "Use https://." };
            Err(t.fault(typed.span(), "this endpoint is plain HTTP", help))
        }
        _ => Ok((Some(url), allow_http)),
    }
}

fn s3(t: Text<'_>, raw: &RawRepository, s: Secrets, at: (String, String)) -> Result<S3, ConfigError> {
    let (endpoint, allow_http) = endpoint(t, raw)?;
    let keys = match (s.access_key_id, s.secret_access_key) {
        (Some((id, _)), Some((secret, _))) => Some((id, secret)),
        (None, None) => None,
        (Some((_, span)), None) => {
            return Err(t.fault(span, "the key id has no secret", "Add: secret_access_key_file = \"/path\""));
        }
        (None, Some((_, span))) => {
            return Err(t.fault(span, "the secret has no key id", "Add: access_key_id_file = \"/path\""));
        }
    };
    if let (None, Some((_, span))) = (&keys, &s.session_token) {
        let help = "Add: access_key_id_file and secret_access_key_file";
        return Err(t.fault(span.clone(), "the session token has no key", help));
    }
    let region = raw.region.as_ref().map(|r| word(t, r, "region", "eu-west-2", 1..64)).transpose()?;
    let path_style = raw.path_style.as_ref().map_or(endpoint.is_some(), |p| *p.get_ref());
    let session_token = s.session_token.map(|(token, _)| token);
    Ok(S3 { bucket: at.0, prefix: at.1, endpoint, region, allow_http, path_style, keys, session_token })
}

fn azure(t: Text<'_>, raw: &RawRepository, s: Secrets, at: (String, String)) -> Result<Azure, ConfigError> {
    let (endpoint, allow_http) = endpoint(t, raw)?;
    let credential = match (s.access_key, s.sas_token) {
        (Some(_), Some((_, span))) => {
            return Err(t.fault(span, "there is an access key and a SAS token", "Keep one of them."));
        }
        (Some((key, _)), None) => Some(AzureCredential::AccessKey(key)),
        (None, Some((token, _))) => Some(AzureCredential::SasToken(token)),
        (None, None) => None,
    };
    let account = raw.account.as_ref().map(|a| word(t, a, "account", "anytownbackup", 3..25)).transpose()?;
    Ok(Azure { container: at.0, prefix: at.1, account, endpoint, allow_http, credential })
}

fn word(
    t: Text<'_>,
    typed: &Spanned<String>,
    key: &str,
    example: &str,
    long: Range<usize>,
) -> Result<String, ConfigError> {
    let clean = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if long.contains(&typed.get_ref().len()) && typed.get_ref().bytes().all(clean) {
        return Ok(typed.get_ref().clone());
    }
    let help = format!("Write small letters, digits and '-', as in {key} = \"{example}\".");
    Err(t.fault(typed.span(), format!("this cannot be the {key}"), help))
}
