//! Floor 4: from one TOML file to its meaning.
//!
//! What was typed (`raw`) is checked once and becomes [`Config`]; nothing above sees the raw form. Errors name
//! line and place and what to do, and never show a secret. Nothing here asks the system: [`Environment`] is
//! handed in.

mod check;
mod council;
mod error;
mod model;
mod notify;
mod policy;
mod raw;
mod repository;
mod schedule;
pub mod schema;
pub mod scheme;
mod secret;
mod sets;
mod typed;
mod watch;

use std::io;
use std::path::{Path, PathBuf};

pub use error::{ConfigError, Fault};
pub use model::*;
pub use notify::Webhook;
pub use secret::{SecretPlace, SecretSource};
pub use watch::{Eyes, WatchConfig, Watched};

use error::Text;

/// A file with every key, its default and what it means; printed by `config example`.
pub const EXAMPLE: &str = include_str!("../../config/council.example.toml");
/// The variable that names the file.
pub const VARIABLE: &str = "STRONGROOM_CONFIG";
/// Where the file is looked for when nobody names it.
pub const PLACES: [&str; 2] = ["./council.toml", "/etc/strongroom/council.toml"];
/// A file for `watch`, with every key; printed by `watch --example`.
pub const WATCH_EXAMPLE: &str = include_str!("../../config/watch.example.toml");
/// The variable that names it.
pub const WATCH_VARIABLE: &str = "STRONGROOM_WATCH_CONFIG";
/// Where it is looked for when nobody names it.
pub const WATCH_PLACES: [&str; 2] = ["./watch.toml", "/etc/strongroom/watch.toml"];
/// A longer file was not written by a person.
const LONGEST: usize = 1 << 20;

/// The system, as far as the configuration needs it.
pub trait Environment {
    /// An environment variable, if it is set and text.
    fn var(&self, name: &str) -> Option<String>;
    /// A whole file.
    ///
    /// # Errors
    /// What the system says.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// The permission bits of a file, links followed.
    ///
    /// # Errors
    /// What the system says.
    fn mode(&self, path: &Path) -> io::Result<u32>;
    /// What a program (the first word) prints; an error when it cannot be started or fails.
    ///
    /// # Errors
    /// What the system says, or how the program ended.
    fn command(&self, words: &[String]) -> io::Result<Vec<u8>>;
    /// Whether there is something at that path.
    fn exists(&self, path: &Path) -> bool;
}

/// The file to use: the one named on the command line, the one named by [`VARIABLE`], or the first of [`PLACES`].
///
/// # Errors
/// Nobody named one and none is there. Whether a named one can be read, [`load`] says.
pub fn find(cli: Option<&Path>, env: &dyn Environment) -> Result<PathBuf, ConfigError> {
    first_of(cli, env, VARIABLE, PLACES, "strongroom config example > council.toml")
}

/// The same of a file for `watch`: [`WATCH_VARIABLE`], [`WATCH_PLACES`].
///
/// # Errors
/// As [`find`].
pub fn find_watch(cli: Option<&Path>, env: &dyn Environment) -> Result<PathBuf, ConfigError> {
    first_of(cli, env, WATCH_VARIABLE, WATCH_PLACES, "strongroom watch --example > watch.toml")
}

fn first_of(
    cli: Option<&Path>,
    env: &dyn Environment,
    variable: &str,
    usual: [&str; 2],
    write: &'static str,
) -> Result<PathBuf, ConfigError> {
    if let Some(path) = cli {
        return Ok(path.to_owned());
    }
    if let Some(path) = env.var(variable).filter(|v| !v.is_empty()) {
        return Ok(PathBuf::from(path));
    }
    usual.iter().map(PathBuf::from).find(|p| env.exists(p)).ok_or_else(|| {
        let named = ["--config FILE (not given)".to_owned(), format!("{variable} (not set)")];
        ConfigError::NotFound { places: named.into_iter().chain(usual.map(str::to_owned)).collect(), write }
    })
}

/// Reads and checks a file. Where it states no `[state] dir`, systemd's `$STATE_DIRECTORY` counts before the default.
///
/// # Errors
/// It cannot be read, or something in it is wrong.
pub fn load(path: &Path, env: &dyn Environment) -> Result<Config, ConfigError> {
    let (file, text) = (path.display().to_string(), text_of("the configuration", path, env)?);
    meaning(&text, &file, given_state(env))
}

/// The same of a file for `watch`.
///
/// # Errors
/// As [`load`].
pub fn load_watch(path: &Path, env: &dyn Environment) -> Result<WatchConfig, ConfigError> {
    let (file, text) = (path.display().to_string(), text_of("the configuration", path, env)?);
    watch::watch(&text, &file, given_state(env))
}

/// Checks the text of a file for `watch`; `file_name` stands in the errors.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse_watch(text: &str, file_name: &str) -> Result<WatchConfig, ConfigError> {
    watch::watch(text, file_name, None)
}

/// Systemd may list several, separated by colons; the first is ours.
fn given_state(env: &dyn Environment) -> Option<PathBuf> {
    let given = env.var("STATE_DIRECTORY").and_then(|dirs| dirs.split(':').next().map(PathBuf::from));
    given.filter(|d| d.is_absolute())
}

fn text_of(what: &'static str, path: &Path, env: &dyn Environment) -> Result<String, ConfigError> {
    let unreadable = |why: String| ConfigError::Unreadable { what, file: path.display().to_string(), why };
    let bytes = env.read(path).map_err(|e| unreadable(e.to_string()))?;
    if bytes.len() > LONGEST {
        return Err(unreadable(format!("it is longer than {LONGEST} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| unreadable("it is not text in UTF-8".to_owned()))
}

/// Checks a text; `file_name` stands in the errors.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse(text: &str, file_name: &str) -> Result<Config, ConfigError> {
    meaning(text, file_name, None)
}

/// Checks a text that this program kept itself, perhaps before some keys were retired: those say nothing.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse_kept(text: &str, file_name: &str) -> Result<Config, ConfigError> {
    parse(text, file_name).or_else(|error| {
        let key = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
        let lines: Vec<&str> = text.lines().filter(|l| !typed::RETIRED.contains(&key(l).as_str())).collect();
        parse(&lines.join("\n"), file_name).map_err(|_| error)
    })
}

fn meaning(text: &str, file: &str, state_default: Option<PathBuf>) -> Result<Config, ConfigError> {
    let t = Text { file, text };
    let raw = typed::read(t)?;
    let council = council::council(t, &raw.council, &raw.notify.escalate_after_days)?;
    let repository = repository::repository(t, &raw.repository)?;
    let sets = sets::sets(t, &raw.set)?;
    let schedule = schedule::schedule(t, &raw.schedule, &raw.set, &sets, &council.timezone)?;
    let state_dir = match &raw.state.dir {
        Some(dir) => check::absolute(t, dir, "the state folder")?,
        None => state_default.unwrap_or_else(|| PathBuf::from(DEFAULT_STATE_DIR)),
    };
    Ok(Config {
        repository,
        state_dir,
        elsewhere: council::elsewhere(t, &raw.elsewhere, &sets)?,
        left_out: sets::left_out(t, &raw.left_out.folders, &sets)?,
        sets,
        retention: policy::retention(t, &raw.retention)?,
        scheme: raw.retention.scheme.as_ref().map(|p| check::absolute(t, p, "the scheme's path")).transpose()?,
        verify: policy::verify(t, &raw.verify)?,
        mail: policy::mail(t, &raw.notify.mail, &council)?,
        webhooks: notify::webhooks(t, &raw.notify.webhook, &council)?,
        ping: notify::ping(t, &raw.notify.ping)?,
        limits: policy::limits(t, &raw.limits)?,
        schedule,
        metrics_file: raw.status.metrics.as_ref().map(|p| check::absolute(t, p, "the file's path")).transpose()?,
        policy: schedule::policies(t, &raw.policy)?,
        council,
        trial: false,
        source_text: Some(text.to_owned()),
    })
}
