//! From the configuration to an open store: credentials are fetched here, and go nowhere else.

use std::path::Path;

use secrecy::SecretString;
use tokio::runtime::Handle;

use super::failure::Failure;
use crate::config::{AzureCredential, Config, ConfigError, Environment, SecretSource, Store as Kind};
use crate::repo::store::{Rates, Store, StoreOptions, open};
use crate::service::plain::list;

/// Opens the configured store. `create_folder`: a folder that is not there is made; `typed`: the limits of this command,
/// which come before those of the configuration.
///
/// # Errors
/// A credential cannot be fetched, or the store makes no sense. No request is made.
pub fn open_store(
    config: &Config,
    system: &dyn Environment,
    handle: &Handle,
    typed: Rates,
    create_folder: bool,
) -> Result<Store, Failure> {
    let stated = config.limits.rates;
    let rates = Rates { up: typed.up.or(stated.up), down: typed.down.or(stated.down) };
    let options = StoreOptions { create_folder, rates, ..options(config, system)? };
    Ok(open(&options, handle)?)
}

fn fetch(source: Option<&SecretSource>, system: &dyn Environment) -> Result<Option<SecretString>, ConfigError> {
    source.map(|s| s.fetch(system)).transpose()
}

/// The keys that name them and their places.
fn found_in(sources: &[Option<&SecretSource>]) -> Option<String> {
    let places: Vec<String> = sources.iter().flatten().map(|s| s.whence()).collect();
    (!places.is_empty()).then(|| format!("{} in council.toml", list(&places)))
}

fn options(config: &Config, system: &dyn Environment) -> Result<StoreOptions, ConfigError> {
    let mut options = StoreOptions { url: config.repository.url.clone(), ..StoreOptions::default() };
    let credentials = &mut options.credentials;
    match &config.repository.store {
        Kind::Folder(_) => {}
        Kind::S3(s3) => {
            credentials.access_key_id = fetch(s3.keys.as_ref().map(|(id, _)| id), system)?;
            credentials.secret_access_key = fetch(s3.keys.as_ref().map(|(_, secret)| secret), system)?;
            credentials.session_token = fetch(s3.session_token.as_ref(), system)?;
            let (id, secret) = s3.keys.as_ref().map(|(id, secret)| (id, secret)).unzip();
            credentials.found_in = found_in(&[id, secret, s3.session_token.as_ref()]);
            options.endpoint = s3.endpoint.as_ref().map(ToString::to_string);
            options.region.clone_from(&s3.region);
            options.allow_http = s3.allow_http;
            options.virtual_hosted = !s3.path_style;
            options.locked = config.repository.claims.object_lock_days.is_some();
        }
        Kind::Azure(azure) => {
            let source = azure.credential.as_ref().map(|c| match c {
                AzureCredential::AccessKey(source) | AzureCredential::SasToken(source) => source,
            });
            credentials.found_in = found_in(&[source]);
            match &azure.credential {
                Some(AzureCredential::AccessKey(key)) => credentials.access_key = fetch(Some(key), system)?,
                Some(AzureCredential::SasToken(token)) => credentials.sas_token = fetch(Some(token), system)?,
                None => {}
            }
            credentials.account.clone_from(&azure.account);
            options.endpoint = azure.endpoint.as_ref().map(ToString::to_string);
            options.allow_http = azure.allow_http;
        }
        Kind::Google(google) => {
            credentials.service_account = fetch(google.service_account.as_ref(), system)?;
            credentials.found_in = found_in(&[google.service_account.as_ref()]);
        }
    }
    Ok(options)
}

/// Whether the backup lies elsewhere than this computer, as far as its address tells.
pub fn is_offsite(config: &Config) -> bool {
    let endpoint = match &config.repository.store {
        Kind::Folder(_) => return false,
        Kind::S3(s3) => s3.endpoint.as_ref(),
        Kind::Azure(azure) => azure.endpoint.as_ref(),
        Kind::Google(_) => None,
    };
    let host = endpoint.and_then(|e| e.host_str()).unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    !(host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()))
}

/// The folder of a `file:///` store.
pub fn folder(config: &Config) -> Option<&Path> {
    match &config.repository.store {
        Kind::Folder(path) => Some(path),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsite(repository: &str) -> bool {
        let text = format!(
            "[council]\nname = \"A\"\ndomains = [\"a.gov.uk\"]\nclerk = {{ name = \"C\", email = \"c@a.gov.uk\" }}\n\
             provider = {{ name = \"P\", phone = \"1\", email = \"p@p.uk\" }}\n[repository]\n{repository}\n[[set]]\n\
             name = \"documents\"\nfolders = [\"/srv/d\"]\n"
        );
        is_offsite(&crate::config::parse(&text, "t").unwrap())
    }

    #[test]
    fn only_another_place_is_off_site() {
        assert!(offsite("url = \"s3://bucket/p\""));
        assert!(offsite("url = \"s3://bucket/p\"\nendpoint = \"https://s3.example.com\""));
        assert!(!offsite("url = \"s3://bucket/p\"\nendpoint = \"http://127.0.0.1:9000\"\nallow_http = true"));
        assert!(!offsite("url = \"file:///srv/backup\""));
    }
}
