//! Limits that a process sets itself before it touches what somebody else wrote.

use std::io;
use std::path::PathBuf;

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
    Ok(())
}

/// This very program, also when its file was replaced since it was started.
pub fn itself() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}
