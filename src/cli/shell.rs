//! What every command is handed: what was typed, where to print, this computer, and the way to an open repository.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;

use super::args::Globals;
use super::failure::Failure;
use super::hints;
use super::output::Out;
use super::progress::Progress;
use super::wiring::{self, System};
use super::{stores, telling, trial};
use crate::config::{self, Config};
use crate::ops::Stop;
use crate::repo::local::{FileLock, try_lock};
use crate::repo::machine::StateDir;
use crate::repo::repository::{Env, Repository};
use crate::repo::store::Store;
use crate::service::journal::{Event, Journal, JournalEntry};
use crate::service::mail::SmtpMailer;
use crate::service::outbox::Outbox;

/// The surroundings of a command.
pub struct Shell {
    /// What holds for every command.
    pub globals: Globals,
    /// Where to print.
    pub out: Arc<Out>,
    /// This computer.
    pub system: System,
    /// Time and chance.
    pub env: Env,
    /// Of the runtime that talks to stores and mail servers.
    pub handle: Handle,
    /// Set by a signal.
    pub stop: Stop,
    /// The same, for the runner.
    pub stopped: Arc<AtomicBool>,
    /// A person is being asked: a signal ends the program at once.
    pub asking: Arc<AtomicBool>,
}

impl Shell {
    /// The folder that stands for configuration, state and repository, if one was named.
    ///
    /// # Errors
    /// The working folder is gone.
    pub fn home(&self) -> Result<Option<PathBuf>, Failure> {
        let Some(home) = &self.globals.home else { return Ok(None) };
        let failed = |e| Failure::usage(format!("{}: {e}", home.display()), "Write the full path, beginning with /.");
        wiring::absolute(home).map(Some).map_err(failed)
    }

    /// The configuration that holds: a file, or a trial that was begun.
    ///
    /// # Errors
    /// There is none, or something in it is wrong.
    pub fn config(&self) -> Result<Config, Failure> {
        match self.home()? {
            Some(home) => self.home_config(&home)?.ok_or_else(|| {
                if let Some(file) = trial::damaged(&home) {
                    let message = format!("{} is damaged: it names the folders of the trial", file.display());
                    let hint = "Nothing stored is lost. Name them again: strongroom --home DIR run --folder FOLDER";
                    return Failure::usage(message, hint);
                }
                let message = format!("there is neither a council.toml nor a trial in {}", home.display());
                let hint = "Begin a trial: strongroom --home DIR run --folder FOLDER\nOr write the file: strongroom \
                            config example > DIR/council.toml";
                Failure::usage(message, hint)
            }),
            None => match config::find(self.globals.config.as_deref(), &self.system) {
                Ok(path) => Ok(config::load(&path, &self.system)?),
                Err(not_found) => match wiring::data_home().and_then(|home| trial::load(&home)) {
                    Some(config) => Ok(config),
                    None => Err(not_found.into()),
                },
            },
        }
    }

    /// The full path of the configuration file that counts, whatever is in it; of those that would, where none is there.
    pub fn config_files(&self) -> Vec<PathBuf> {
        let files = match self.home() {
            Ok(Some(home)) => vec![home.join("council.toml")],
            Ok(None) => match config::find(self.globals.config.as_deref(), &self.system) {
                Ok(file) => vec![file],
                Err(_) => config::PLACES.iter().map(PathBuf::from).collect(),
            },
            Err(_) => vec![],
        };
        files.iter().filter_map(|file| wiring::absolute(file).ok()).collect()
    }

    /// The configuration below `--home`: its file, else its trial.
    ///
    /// # Errors
    /// Something in the file is wrong.
    pub fn home_config(&self, home: &Path) -> Result<Option<Config>, Failure> {
        let file = home.join("council.toml");
        if file.exists() {
            let system = System { state_dir: Some(home.join("state")) };
            return Ok(Some(config::load(&file, &system)?));
        }
        let trial = trial::load(home);
        if trial.is_some() {
            self.out.in_trial(home);
        }
        Ok(trial)
    }

    /// This computer's own folder.
    pub fn state(&self, config: &Config) -> StateDir {
        StateDir::new(&config.state_dir)
    }

    /// The configured store; nothing is asked of it yet.
    ///
    /// # Errors
    /// Credentials, address, or a folder that is not there.
    pub fn store(&self, config: &Config) -> Result<Store, Failure> {
        stores::open_store(config, &self.system, &self.handle, self.globals.rates(), false)
    }

    /// The repository, as this computer.
    ///
    /// # Errors
    /// Whatever store, keys and log can meet.
    pub fn open(&self, config: &Config) -> Result<Repository, Failure> {
        Ok(Repository::open(self.store(config)?, self.state(config), self.env.clone())?)
    }

    /// As [`Shell::open`], for a command that backs up first.
    ///
    /// # Errors
    /// As [`Shell::open`].
    pub fn open_to_add(&self, config: &Config) -> Result<Repository, Failure> {
        Ok(Repository::open_to_add(self.store(config)?, self.state(config), self.env.clone())?)
    }

    /// As [`Shell::open`], with the whole log read from the store.
    ///
    /// # Errors
    /// As [`Shell::open`].
    pub fn open_fresh(&self, config: &Config) -> Result<Repository, Failure> {
        Ok(Repository::open_fresh(self.store(config)?, self.state(config), self.env.clone())?)
    }

    /// A line that a person types; 0 at the end of the input. Meanwhile a signal ends the program: nothing is under way.
    ///
    /// # Errors
    /// There was a signal before.
    pub fn typed(&self, input: &mut impl BufRead, line: &mut String) -> Result<usize, Failure> {
        // In this order: a signal is seen either here or by the one who waits for signals.
        self.asking.store(true, Ordering::SeqCst);
        self.stop.check()?;
        let read = input.read_line(line).unwrap_or(0);
        self.asking.store(false, Ordering::SeqCst);
        Ok(read)
    }

    /// Shows progress on the error stream.
    pub fn progress(&self) -> Progress {
        Progress::new(Arc::clone(&self.out), wiring::errors_are_seen())
    }

    /// The lock that jobs take.
    ///
    /// # Errors
    /// Another job has it.
    pub fn lock(&self, config: &Config) -> Result<FileLock, Failure> {
        try_lock(&config.state_dir.join("run.lock"))?.ok_or_else(hints::another_job)
    }

    /// The mail server, if one is configured.
    ///
    /// # Errors
    /// Password, certificate or settings cannot be used.
    pub fn mailer(&self, config: &Config) -> Result<Option<SmtpMailer>, Failure> {
        telling::mailer(config, &self.system, &self.handle)
    }

    /// This computer's journal.
    pub fn journal(&self, config: &Config) -> Journal {
        Journal::new(&config.state_dir)
    }
    /// The messages that wait.
    pub fn outbox(&self, config: &Config) -> Outbox {
        Outbox::new(&config.state_dir)
    }

    /// Writes one event into the journal, outside of any run.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn note(&self, config: &Config, event: Event) -> Result<(), Failure> {
        let run = hex::encode(&self.env.entropy.bytes32()[..8]);
        Ok(self.journal(config).append(&JournalEntry { at: self.env.clock.now(), run, event })?)
    }
}
