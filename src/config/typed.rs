//! From text to what was typed. Secrets written into the file are found first, so that no later error can show one.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, SOURCES, Show, Text, looks_secret, secret_key};
use super::raw::RawConfig;

/// Secrets by the names we use for them, and by names people try. The first ones have sources of their own.
const SECRETS: [&str; 14] = [
    "password",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "access_key",
    "sas_token",
    "service_account",
    "passphrase",
    "passwd",
    "secret",
    "secret_key",
    "account_key",
    "api_key",
    "token",
];
const WITH_SOURCES: usize = 7;
/// Keys that files of earlier days may hold.
pub(super) const RETIRED: [&str; 2] = ["scratch_dir", "memory"];
/// How many keys an unknown one may be away from, in edits, to be taken for a slip.
const SLIP: usize = 2;

/// Reads the file's tables.
pub(super) fn read(t: Text<'_>) -> Result<RawConfig, ConfigError> {
    read_as(t)
}

/// The same for tables of another kind.
pub(super) fn read_as<T: DeserializeOwned>(t: Text<'_>) -> Result<T, ConfigError> {
    let tables = DeTable::parse(t.text).map_err(|e| syntax_error(t, &e))?;
    no_secret_inline(t, tables.get_ref())?;
    toml::from_str(t.text).map_err(|e| type_error(t, &e))
}

fn syntax_error(t: Text<'_>, e: &toml::de::Error) -> ConfigError {
    let span = e.span().unwrap_or(0..0);
    let (_, line_start) = t.line_text(span.start);
    // An unclosed string may begin on an earlier line, so all lines up to this one count.
    let secret_above = t.text[..line_start].lines().any(|l| !l.trim_start().starts_with('#') && looks_secret(l));
    let show = if secret_above { Show::Nothing } else { Show::Line };
    t.fault_showing(show, span, e.message().replace('\n', ", "), "")
}

/// Walks every table; a secret's key with a plain value, or a source of the wrong type, ends it.
fn no_secret_inline(t: Text<'_>, table: &DeTable<'_>) -> Result<(), ConfigError> {
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        check_secret(t, name, key.span(), value.get_ref())?;
        walk(t, value.get_ref())?;
    }
    Ok(())
}

fn walk(t: Text<'_>, value: &DeValue<'_>) -> Result<(), ConfigError> {
    match value {
        DeValue::Table(table) => no_secret_inline(t, table),
        DeValue::Array(items) => items.iter().try_for_each(|i| walk(t, i.get_ref())),
        _ => Ok(()),
    }
}

fn check_secret(t: Text<'_>, key: &str, span: Range<usize>, value: &DeValue<'_>) -> Result<(), ConfigError> {
    let plain = key.to_lowercase().replace('-', "_");
    if let Some(at) = SECRETS.iter().position(|s| *s == plain)
        && !value.is_table()
    {
        let message = format!("`{key}` is written here; secrets never stand in this file");
        let help = if at < WITH_SOURCES {
            format!(
                "Put it into a file that only Strongroom's user can read and write `{plain}_file = \"/path\"`, or use \
                 {plain}_env, {plain}_credential or {plain}_command."
            )
        } else {
            "Put it into a file that only Strongroom's user can read, and name that file.".to_owned()
        };
        return Err(t.fault_showing(Show::Key, span, message, help));
    }
    let Some((base, source)) = SOURCES.iter().find_map(|s| plain.strip_suffix(s).map(|b| (b, *s))) else {
        return Ok(());
    };
    let right = match source {
        "_command" => value.as_array().is_some_and(|a| a.iter().all(|i| i.get_ref().is_str())),
        _ => value.is_str(),
    };
    if right || !(secret_key(base) || SECRETS.contains(&base)) {
        return Ok(());
    }
    let wanted = if source == "_command" { "a list: [\"program\", \"argument\"]" } else { "text in quotes" };
    Err(t.fault_showing(Show::Key, span, format!("`{key}` must be {wanted}"), ""))
}

fn type_error(t: Text<'_>, e: &toml::de::Error) -> ConfigError {
    let span = e.span().unwrap_or(0..0);
    if let Some((name, known)) = unknown_key(e.message()) {
        return t.fault_showing(Show::Key, span, format!("unknown key `{name}`"), hint(name, &known));
    }
    let Some((found, wanted)) = e.message().strip_prefix("invalid type: ").and_then(|m| m.split_once(", expected "))
    else {
        return t.fault(span, e.message(), "");
    };
    let header = t.line_text(span.start).0.trim_start().starts_with('[');
    let simple = header || !["string", "sequence", "map"].iter().any(|kind| found.starts_with(kind));
    let message = format!("this is {}; expected {}", plain_found(found), plain_wanted(wanted));
    let help = match t.line_text(span.start).0.trim() {
        "[set]" => "Write it as [[set]]: there may be several.",
        "[notify.webhook]" => "Write it as [[notify.webhook]]: there may be several.",
        "[class]" => "Write it as [[class]]: there may be several.",
        _ => "",
    };
    // Text in the wrong place may be anything, an address with a password in it for one.
    t.fault_showing(if simple { Show::Line } else { Show::Lead }, span, message, help)
}

/// The unknown key and the known ones, out of serde's sentence.
fn unknown_key(message: &str) -> Option<(&str, Vec<&str>)> {
    let mut names = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    Some((names.next()?, names.collect()))
}

fn hint(name: &str, known: &[&str]) -> String {
    if RETIRED.contains(&name) {
        return "It never had an effect and is gone: take the line out.".to_owned();
    }
    let plain = name.to_lowercase().replace('-', "_");
    let away = |known: &str| edits(&plain, known).min(edits(&plain, known.trim_end_matches("_file")));
    if let Some(near) = known.iter().filter(|k| away(k) <= SLIP).min_by_key(|k| away(k)) {
        return format!("Did you mean `{near}`?");
    }
    let twin = |k: &str| SOURCES[1..].iter().any(|s| k.ends_with(s));
    let listed: Vec<&str> = known.iter().copied().filter(|k| !twin(k)).collect();
    let keys = format!("The keys here are: {}.", listed.join(", "));
    if listed.len() == known.len() {
        return keys;
    }
    format!("{keys}\nFor a secret, the key may end in _env, _credential or _command instead of _file.")
}

/// Levenshtein's distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let best = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}

fn plain_found(found: &str) -> &'static str {
    match found.split([' ', '`']).next().unwrap_or_default() {
        "string" => "text",
        "integer" => "a whole number",
        "floating" => "a number with a fraction",
        "boolean" => "true or false",
        "sequence" => "a list",
        _ => "a table or a date",
    }
}

fn plain_wanted(wanted: &str) -> &str {
    match wanted {
        "i64" => "a whole number",
        "a string" => "text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list: [ … ]",
        "a map" => "a table",
        "a TOML datetime" => "a date such as 2026-03-17, without quotes",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised() {
        assert_eq!(edits("name", "nmae"), 2);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(hint("keep-weekly", &["keep_last", "keep_weekly"]), "Did you mean `keep_weekly`?");
        assert_eq!(hint("colour", &["name", "email"]), "The keys here are: name, email.");
    }

    #[test]
    fn an_error_of_syntax_shows_no_secret() {
        for text in [
            "[notify.mail]\npassword = \"hunter2",
            "[notify.mail]\npasswrod = 'hunter2",
            "[notify.mail]\npassword = \"\"\"\nhunter2 \\q\n\"\"\"",
            "mail = { host = \"x\", password = \"hunter2 }",
        ] {
            let error = read(Text { file: "council.toml", text }).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
            assert!(error.starts_with("council.toml, line "), "{error}");
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_shows_no_secret() {
        for text in [
            "[notify]\nmail = \"smtp://user:hunter2@host\"",
            "[notify.mail]\npassword_command = \"hunter2\"",
            "[notify.mail]\npassword_file = [\"hunter2\"]",
            "[notify.mail]\nhost = 5\npasswrod = \"hunter2\"",
            "[notify]\nmail = { host = 5, passwrod = \"hunter2\" }",
            "[repository]\nservice_account = '''{\"private_key\": \"hunter2\"}'''",
            "[repository]\nservice_account_file = { private_key = \"hunter2\" }",
        ] {
            let error = read(Text { file: "council.toml", text }).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
