//! `[[notify.webhook]]` and `[notify.ping]`: other ways than mail. Their addresses are secrets, and stand elsewhere.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;

use super::check::required;
use super::error::{ConfigError, Text};
use super::model::{Config, Council};
use super::raw::{Opt, RawPing, RawWebhook};
use super::secret::{SecretSource, Typed, places};
use crate::service::voice::WayName;
use crate::service::words::Role;

impl Config {
    /// Whether there is any way by which people are told.
    pub fn tells_anyone(&self) -> bool {
        self.mail.is_some() || !self.webhooks.is_empty()
    }

    /// The ways that lead to this role: mail reaches every one, a webhook one.
    pub fn ways_to(&self, role: Role) -> Vec<WayName> {
        let mail = self.mail.as_ref().map(|_| WayName::mail());
        let others = self.webhooks.iter().filter(|w| w.role == role).map(|w| w.name.clone());
        mail.into_iter().chain(others).collect()
    }
}

/// `[[notify.webhook]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// What it is called, here and in the journal.
    pub name: WayName,
    /// Whose messages it carries.
    pub role: Role,
    /// Where its address lies.
    pub url: SecretSource,
}

macro_rules! url_of {
    ($raw:expr) => {
        places!($raw, "url", url_file, url_env, url_credential, url_command)
    };
}

pub(super) fn webhooks(
    t: Text<'_>,
    raw: &[Spanned<RawWebhook>],
    council: &Council,
) -> Result<Vec<Webhook>, ConfigError> {
    let mut taken = BTreeSet::from([WayName::mail(), WayName::ping()]);
    raw.iter().map(|one| webhook(t, one, council, &mut taken)).collect()
}

fn webhook(
    t: Text<'_>,
    raw: &Spanned<RawWebhook>,
    council: &Council,
    taken: &mut BTreeSet<WayName>,
) -> Result<Webhook, ConfigError> {
    let (span, raw) = (raw.span(), raw.get_ref());
    let typed = required(t, &raw.name, (span.clone(), "[[notify.webhook]]"), "name = \"desk\"")?;
    let help = "Write 1 to 20 small letters, digits and hyphens, a letter first, as in \"desk\".";
    let name = WayName::new(typed.get_ref().clone())
        .map_err(|_| t.fault(typed.span(), "this is no name of a webhook", help))?;
    if !taken.insert(name.clone()) {
        let message = format!("another way is called `{name}` already");
        return Err(t.fault(typed.span(), message, "Give each webhook a name of its own; mail and ping are taken."));
    }
    Ok(Webhook { name, role: role(t, &raw.role, council)?, url: url(t, &url_of!(raw), span, "[[notify.webhook]]")? })
}

fn role(t: Text<'_>, raw: &Opt<String>, council: &Council) -> Result<Role, ConfigError> {
    let Some(typed) = raw else { return Ok(Role::Provider) };
    match typed.get_ref().as_str() {
        "provider" => Ok(Role::Provider),
        "clerk" => Ok(Role::Clerk),
        "deputy" if council.deputy.is_some() => Ok(Role::Deputy),
        "deputy" => {
            Err(t.fault(typed.span(), "there is no deputy to tell", "Add one to [council], or write \"clerk\"."))
        }
        _ => {
            let help = "Write \"provider\", \"clerk\" or \"deputy\".";
            Err(t.fault(typed.span(), "this is nobody whose messages it could carry", help))
        }
    }
}

pub(super) fn ping(t: Text<'_>, raw: &Opt<RawPing>) -> Result<Option<SecretSource>, ConfigError> {
    let Some(table) = raw else { return Ok(None) };
    url(t, &url_of!(table.get_ref()), table.span(), "[notify.ping]").map(Some)
}

fn url(t: Text<'_>, places: &Typed<'_>, span: Range<usize>, table: &str) -> Result<SecretSource, ConfigError> {
    places.check(t)?.ok_or_else(|| {
        let help = "Its address is a secret. Add: url_file = \"/path\"";
        t.fault(span, format!("{table} has no `url_file`"), help)
    })
}
