//! Limits that a process sets itself before it touches what somebody else wrote.

use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};

/// Address space.
const MEMORY: u64 = 512 << 20;
/// Seconds of computing, for all documents of one process together.
const SECONDS: u64 = 600;
/// Files open at a time, the three streams included.
const FILES: u64 = 16;

/// Little memory, no file written, no core, some computing; and the end when the parent ends.
///
/// # Errors
/// The system refuses a limit.
pub fn confine() -> io::Result<()> {
    let limits = [
        (Resource::As, MEMORY),
        (Resource::Cpu, SECONDS),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
        (Resource::Nofile, FILES),
    ];
    for (resource, most) in limits {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Best effort: `doctor` says what this system can do.
    wall_in(Path::new("."));
    Ok(())
}

/// From here on this thread, and all that it starts, reads files below one folder and reaches no other, no network, and
/// no other process: as far as the system can forbid it. Whether it forbids all of that.
pub fn wall_in(folder: &Path) -> bool {
    let wall = || -> Result<RulesetStatus, RulesetError> {
        let newest = ABI::V6;
        let rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(newest))?
            .handle_access(AccessNet::from_all(newest))?
            .scope(Scope::from_all(newest))?
            .create()?;
        let rules = match PathFd::new(folder) {
            Ok(folder) => rules.add_rule(PathBeneath::new(folder, AccessFs::ReadFile))?,
            Err(_) => rules,
        };
        Ok(rules.restrict_self()?.ruleset)
    };
    matches!(wall(), Ok(RulesetStatus::FullyEnforced))
}

/// Whether this system can wall a process in: tried on a thread of its own.
pub fn can_wall_in() -> bool {
    std::thread::spawn(|| wall_in(Path::new("/"))).join().unwrap_or(false)
}

/// This very program, also when its file was replaced since it was started.
pub fn itself() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}
