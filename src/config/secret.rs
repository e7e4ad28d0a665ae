//! Where a secret lies, and fetching it: a file, the environment, a systemd credential or a command.
//!
//! The configuration holds the place only. A fetched secret lives in a `SecretString`, and no error shows one.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::Environment;
use super::error::{ConfigError, Show, Text};
use super::raw::Opt;

/// A longer secret means that the wrong file was named.
const LONGEST: usize = 64 * 1024;
/// Where systemd itself looks for credentials; so that a root shell finds what the service is given.
const CREDENTIAL_STORES: [&str; 2] = ["/etc/credstore", "/run/credstore"];

/// The place of one secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSource {
    /// The key in the file, for messages: `password_file`.
    pub key: String,
    /// The kind of place.
    pub place: SecretPlace,
    file: String,
    line: usize,
}

/// The kinds of place a secret can lie in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// A file that others may not read.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// A name in systemd's `$CREDENTIALS_DIRECTORY`, or in its credential stores.
    Credential(String),
    /// A program and its arguments; what it prints is the secret.
    Command(Vec<String>),
}

impl SecretSource {
    /// Gets the secret. Line ends after it do not count.
    ///
    /// # Errors
    /// It is not there, others may read it, or it is no text. The message names the place only.
    pub fn fetch(&self, env: &dyn Environment) -> Result<SecretString, ConfigError> {
        let bytes = match &self.place {
            SecretPlace::File(path) => self.read_file(env, path)?,
            SecretPlace::Variable(name) => self.read_variable(env, name)?,
            SecretPlace::Credential(name) => self.read_credential(env, name)?,
            SecretPlace::Command(words) => {
                let program = words.first().map_or("", String::as_str);
                let failed = |e| self.error(format!("the command {program} failed: {e}"), "Run it by hand to see why.");
                Zeroizing::new(env.command(words).map_err(failed)?)
            }
        };
        if bytes.len() > LONGEST {
            return Err(self.error("what is there is far too long for a secret", "Check that it is the right place."));
        }
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| self.error("what is there is not text", "Check that it is the right place."))?;
        match text.trim_end_matches(['\n', '\r']) {
            "" => Err(self.error("the secret is empty", "Put the secret there.")),
            secret => Ok(SecretString::from(secret.to_owned())),
        }
    }

    /// The key and the place, for messages: `password_file (/etc/strongroom/smtp-password)`.
    pub fn whence(&self) -> String {
        match &self.place {
            SecretPlace::File(path) => format!("{} ({})", self.key, path.display()),
            SecretPlace::Variable(name) | SecretPlace::Credential(name) => format!("{} ({name})", self.key),
            SecretPlace::Command(words) => format!("{} ({})", self.key, words.first().map_or("", String::as_str)),
        }
    }

    fn read_file(&self, env: &dyn Environment, path: &Path) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        let shown = path.display();
        let failed = |e: io::Error| {
            self.error(
                format!("{shown} cannot be read: {e}"),
                "Check the path, and that Strongroom's user may read it.",
            )
        };
        if env.mode(path).map_err(failed)? & 0o007 != 0 {
            return Err(self.error(
                format!("others on this computer can read or change {shown}"),
                format!("Run: chmod o= {shown}"),
            ));
        }
        env.read(path).map(Zeroizing::new).map_err(failed)
    }

    fn read_variable(&self, env: &dyn Environment, name: &str) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        let set = env.var(name).map(|v| Zeroizing::new(v.into_bytes()));
        set.ok_or_else(|| {
            self.error(
                format!("the environment variable {name} is not set"),
                "Set it for the service and in the shell, or use a file.",
            )
        })
    }

    fn read_credential(&self, env: &dyn Environment, name: &str) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
        let given = env.var("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let stores = given.into_iter().chain(CREDENTIAL_STORES.iter().map(PathBuf::from));
        match stores.map(|dir| dir.join(name)).find(|path| env.exists(path)) {
            Some(path) => self.read_file(env, &path),
            None => Err(self.error(
                format!("there is no credential {name}"),
                format!("Put it into /etc/credstore/{name} (mode 600) and LoadCredential={name} into the service."),
            )),
        }
    }

    fn error(&self, message: impl Into<String>, help: impl Into<String>) -> ConfigError {
        let at = format!("{}, line {}, {}", self.file, self.line, self.key);
        Text { file: &at, text: "" }.absent(message, help)
    }
}

/// The four keys that may name the place of the secret `base`, as typed.
pub(super) struct Typed<'a> {
    pub base: &'static str,
    pub file: &'a Opt<String>,
    pub env: &'a Opt<String>,
    pub credential: &'a Opt<String>,
    pub command: &'a Opt<Vec<String>>,
}

/// The four keys of a raw table under which one secret may be given.
macro_rules! places {
    ($raw:expr, $base:literal, $file:ident, $env:ident, $credential:ident, $command:ident) => {
        $crate::config::secret::Typed {
            base: $base,
            file: &$raw.$file,
            env: &$raw.$env,
            credential: &$raw.$credential,
            command: &$raw.$command,
        }
    };
}
pub(super) use places;

impl Typed<'_> {
    /// Where the first of them stands.
    pub fn span(&self) -> Range<usize> {
        let text = [self.file, self.env, self.credential].into_iter().flatten().map(toml::Spanned::span).next();
        text.or_else(|| self.command.as_ref().map(toml::Spanned::span)).unwrap_or_default()
    }

    /// At most one of them, checked. What is no place is not shown: it may be the secret itself.
    pub fn check(&self, t: Text<'_>) -> Result<Option<SecretSource>, ConfigError> {
        let text = |key: &'static str, v: &Opt<String>, place: fn(String) -> Option<SecretPlace>| {
            v.as_ref().map(|v| (key, v.span(), place(v.get_ref().clone())))
        };
        let command = self.command.as_ref().map(|v| ("_command", v.span(), command(v.get_ref())));
        let mut found = text("_file", self.file, file)
            .into_iter()
            .chain(text("_env", self.env, variable))
            .chain(text("_credential", self.credential, credential))
            .chain(command);
        let Some((suffix, span, place)) = found.next() else { return Ok(None) };
        let key = format!("{}{suffix}", self.base);
        if let Some((other, at, _)) = found.next() {
            let message =
                format!("`{}{other}` and `{key}` (line {}) both give this secret", self.base, t.line(span.start));
            return Err(t.fault_showing(Show::Lead, at, message, "Keep one of them."));
        }
        let line = t.line(span.start);
        match place {
            Some(place) => Ok(Some(SecretSource { key, place, file: t.file.to_owned(), line })),
            None => {
                let wanted = match suffix {
                    "_file" => "the full path of a file, beginning with /",
                    "_env" => "the name of an environment variable (letters, digits, _)",
                    "_credential" => "the name of a systemd credential (letters, digits, - . _)",
                    _ => "a program and its arguments: [\"program\", \"argument\"]",
                };
                Err(t.fault_showing(Show::Lead, span, format!("`{key}` must be {wanted}"), ""))
            }
        }
    }
}

fn file(path: String) -> Option<SecretPlace> {
    let path = PathBuf::from(path);
    path.is_absolute().then_some(SecretPlace::File(path))
}

fn variable(name: String) -> Option<SecretPlace> {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (starts && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')).then_some(SecretPlace::Variable(name))
}

fn credential(name: String) -> Option<SecretPlace> {
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let clean = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    (starts && clean).then_some(SecretPlace::Credential(name))
}

fn command(words: &[String]) -> Option<SecretPlace> {
    let named = words.first().is_some_and(|program| !program.is_empty());
    (named && words.iter().all(|w| !w.contains('\0'))).then(|| SecretPlace::Command(words.to_vec()))
}
