//! The one place that asks this computer for anything: time, chance, environment, programs, signals, terminals.

use std::io::{self, IsTerminal};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use tokio::runtime::{Handle, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use super::wiring_terminal;
use crate::config::Environment;
use crate::domain::clock::{Clock, Entropy};
use crate::ops::Stop;
use crate::repo::repository::Env;

/// Threads that wait for the store and the mail server; the work itself has its own.
const WAITING_THREADS: usize = 2;

/// This computer. `state_dir` stands in for systemd's where `--home` says so.
#[derive(Debug, Clone, Default)]
pub struct System {
    /// What `$STATE_DIRECTORY` is taken to be.
    pub state_dir: Option<PathBuf>,
}

impl Environment for System {
    fn var(&self, name: &str) -> Option<String> {
        if name == "STATE_DIRECTORY"
            && let Some(dir) = &self.state_dir
        {
            return dir.to_str().map(str::to_owned);
        }
        std::env::var(name).ok()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn mode(&self, path: &Path) -> io::Result<u32> {
        Ok(std::fs::metadata(path)?.permissions().mode() & 0o7777)
    }

    fn command(&self, words: &[String]) -> io::Result<Vec<u8>> {
        let [program, arguments @ ..] = words else { return Err(io::Error::other("no program is named")) };
        let run = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        if run.status.success() { Ok(run.stdout) } else { Err(io::Error::other(run.status.to_string())) }
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
}

struct MachineClock {
    later: SignedDuration,
}

impl Clock for MachineClock {
    #[allow(clippy::disallowed_methods, reason = "the one place where time is made")]
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        now.saturating_add(self.later).unwrap_or(now)
    }
}

/// In a build for tests so many seconds later than it is, if they ask for it; in the program that people have, never.
fn later() -> SignedDuration {
    let asked = if cfg!(feature = "testing") { std::env::var("STRONGROOM_TESTING_LATER").ok() } else { None };
    asked.and_then(|seconds| seconds.parse().ok()).map_or(SignedDuration::ZERO, SignedDuration::from_secs)
}

struct MachineEntropy;

impl Entropy for MachineEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // Keys must never be made of anything else: without the system's generator there is no going on.
        assert!(getrandom::fill(bytes).is_ok(), "the system gives no random bytes");
    }
}

/// The real clock and the real generator.
pub fn env() -> Env {
    Env { clock: Arc::new(MachineClock { later: later() }), entropy: Arc::new(MachineEntropy) }
}

/// The runtime that talks to stores and mail servers.
///
/// # Errors
/// The system gives no threads.
pub fn runtime() -> io::Result<Runtime> {
    // An error means that another part of the process was first; then there is one, which is what counts.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread().worker_threads(WAITING_THREADS).enable_all().build()
}

/// The first SIGTERM, SIGINT or SIGHUP asks for a clean end, the second ends the process at once. While a person is being
/// asked there is nothing to end cleanly: then the first does.
///
/// # Errors
/// The system gives no signals.
pub fn listen(handle: &Handle, stop: &Stop, stopped: &Arc<AtomicBool>, asking: &Arc<AtomicBool>) -> io::Result<()> {
    let _inside = handle.enter();
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // A connection that drops.
    let mut hangup = signal(SignalKind::hangup())?;
    let (stop, stopped, asking) = (stop.clone(), Arc::clone(stopped), Arc::clone(asking));
    handle.spawn(async move {
        loop {
            tokio::select! { _ = term.recv() => {}, _ = int.recv() => {}, _ = hangup.recv() => {} }
            stop.set();
            if stopped.swap(true, Ordering::SeqCst) || asking.load(Ordering::SeqCst) {
                wiring_terminal::loud();
                std::process::exit(crate::domain::problem::Exit::Interrupted as i32);
            }
        }
    });
    Ok(())
}

/// Where a trial keeps everything: `$XDG_DATA_HOME/strongroom`, else `~/.local/share/strongroom`.
pub fn data_home() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let base = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")));
    base.map(|b| b.join("strongroom"))
}

/// A path as it is from the root.
///
/// # Errors
/// The working folder is gone.
pub fn absolute(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(path)
}

/// The program as it was started, for lines to be pasted.
pub fn program() -> PathBuf {
    let started = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    if started.components().count() == 1 && !started.as_os_str().is_empty() {
        return started;
    }
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("strongroom"))
}

/// Whether the words typed ask for JSON, for errors in the words themselves.
pub fn asks_for_json() -> bool {
    std::env::args_os().skip(1).take_while(|a| a != "--").any(|a| a == "--json")
}

/// What was typed behind the program's name.
pub fn words() -> Vec<std::ffi::OsString> {
    std::env::args_os().skip(1).collect()
}

/// Whether a person can type.
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}
/// Whether a person sees the standard output.
pub fn is_seen() -> bool {
    io::stdout().is_terminal()
}
/// Whether a person sees the error stream.
pub fn errors_are_seen() -> bool {
    io::stderr().is_terminal()
}

/// Free bytes for this user where `path` lies, or will lie.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|p| p.exists())?;
    let stat = rustix::fs::statvfs(there).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}
