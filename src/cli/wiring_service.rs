//! What a service asks of this computer: systemd's notices, signals of its own, and children that are this program.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use rustix::fs::fstat;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};

use super::levels::{Journalled, Level, with_level};

/// The signals of a service: a hang-up asks it to read its configuration again.
pub struct Signals {
    terminate: Listener,
    interrupt: Listener,
    hangup: Listener,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A clean end.
    Stop,
    /// To read the configuration again.
    Reload,
}

impl Signals {
    /// Listens.
    ///
    /// # Errors
    /// The system gives no signals.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next signal.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}

/// What waits to be told to systemd at most: more than this is dropped.
const UNTOLD: usize = 16;
/// How long the last word may take.
const LAST_WORD: Duration = Duration::from_secs(1);

type Word = Box<dyn FnOnce() + Send>;

/// Speaks to systemd from a thread of its own: a send blocks while nobody reads, and the service must not.
fn say(word: impl FnOnce() + Send + 'static) {
    static SPEAKER: OnceLock<SyncSender<Word>> = OnceLock::new();
    let speaker = SPEAKER.get_or_init(|| {
        let (speaker, words) = sync_channel::<Word>(UNTOLD);
        std::thread::spawn(move || words.into_iter().for_each(|word| word()));
        speaker
    });
    // Nobody listening is no failure.
    let _ = speaker.try_send(Box::new(word));
}

fn notify(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}

/// Tells systemd, if it listens, that it is at work.
pub fn tell_ready(status: &str) {
    let status = status.to_owned();
    say(move || notify(&[NotifyState::Ready, NotifyState::Status(&status)]));
}

/// What it waits for, without a word of being alive: of one that can do nothing more by itself.
pub fn tell_stuck(status: &str) {
    let status = status.to_owned();
    say(move || notify(&[NotifyState::Status(&status)]));
}

/// That it is alive, and what it waits for.
pub fn tell_alive(status: &str) {
    let status = status.to_owned();
    say(move || notify(&[NotifyState::Watchdog, NotifyState::Status(&status)]));
}

/// That it reads its configuration; to be followed by [`tell_ready`].
pub fn tell_reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        say(move || notify(&[NotifyState::Reloading, now]));
    }
}

/// That it ends: the last word, which is waited for a moment.
pub fn tell_stopping() {
    let (said, heard) = sync_channel(1);
    say(move || {
        notify(&[NotifyState::Stopping]);
        let _ = said.send(());
    });
    let _ = heard.recv_timeout(LAST_WORD);
}

/// How often systemd wants to hear that it is alive.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// Where this program lies. Asked once at the start: after an upgrade the new one is there.
///
/// # Errors
/// The system does not say.
pub fn executable() -> io::Result<PathBuf> {
    std::env::current_exe()
}

/// Starts this program with other words on the service's own state folder, in a group of its own: signals reach it through its parent only.
///
/// # Errors
/// It cannot be started.
pub fn start(program: &PathBuf, words: &[OsString], state_dir: &Path) -> io::Result<tokio::process::Child> {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).process_group(0);
    // What is kept there must be found when the configuration can no longer say where. Colons would part it.
    if state_dir.to_str().is_some_and(|dir| !dir.contains(':')) {
        command.env("STATE_DIRECTORY", state_dir);
    }
    // Only the service itself speaks to systemd.
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
        command.env_remove(name);
    }
    tokio::process::Command::from(command).spawn()
}

/// Asks a child to end cleanly.
pub fn terminate(child: &tokio::process::Child) {
    if let Some(pid) = pid(child) {
        // It may have ended meanwhile.
        let _ = kill_process(pid, Signal::TERM);
    }
}

/// Ends a child, and what it started.
pub fn kill(child: &tokio::process::Child) {
    if let Some(pid) = pid(child) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// None once it has ended and its number may be somebody else's.
fn pid(child: &tokio::process::Child) -> Option<Pid> {
    child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
}

/// Which streams lead into systemd's journal: `$JOURNAL_STREAM` names its device and inode, and a stream may have been
/// led elsewhere since.
pub fn journalled() -> Journalled {
    let named = std::env::var("JOURNAL_STREAM").unwrap_or_default();
    let leads = |stat: rustix::io::Result<rustix::fs::Stat>| {
        stat.is_ok_and(|s| !named.is_empty() && format!("{}:{}", s.st_dev, s.st_ino) == named)
    };
    Journalled { out: leads(fstat(io::stdout())), err: leads(fstat(io::stderr())) }
}

/// A fault of the program itself, for the journal: where it is, and only for debugging with which words, for they may hold
/// anything.
pub fn journal_faults() {
    std::panic::set_hook(Box::new(|fault| {
        let place = fault.location().map(ToString::to_string).unwrap_or_default();
        let words = fault.payload_as_str().unwrap_or_default();
        let text = with_level(Level::Fault, &format!("strongroom: a fault in the program itself at {place}"));
        let _ = io::Write::write_all(&mut io::stderr(), (text + &with_level(Level::Debug, words)).as_bytes());
    }));
}
