//! Giving a restored file its owner, attributes, mode and time, in the one order in which they last.
//!
//! Owner first, since a change of owner drops set-uid bits and file capabilities; ACLs before the mode,
//! since each writes the other; the time last. A set-uid bit is never given to another owner's file.

use std::collections::BTreeSet;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid};
use rustix::io::Errno;

use super::meta::At;
use super::nameless::in_list;
use super::names::Names;
use super::place::Owner;
use super::stat::{FoundKind, Stat};
use super::xattrs;
use crate::domain::listing::Meta;

/// How owners are chosen in one restore.
#[derive(Debug)]
pub struct Policy {
    /// Whose the files are to be.
    pub owner: Owner,
    /// Owner and group of the target folder.
    pub folder: (u32, u32),
    /// Names on this machine.
    pub names: Names,
    /// Our own number.
    pub me: u32,
    /// What met names that this machine does not know.
    pub strangers: Mutex<Strangers>,
}

/// Recorded owners that this machine does not know.
#[derive(Debug, Default)]
pub struct Strangers {
    names: BTreeSet<String>,
    items: u64,
}

/// More names are not listed.
const MAX_NAMES: usize = 20;

/// Owner, group and permission bits of a file that was made just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present {
    uid: u32,
    gid: u32,
    mode: u32,
}

impl From<&Stat> for Present {
    fn from(stat: &Stat) -> Self {
        Self { uid: stat.uid, gid: stat.gid, mode: stat.permissions() }
    }
}

/// Whether owner and group are now those of the record.
struct Owned {
    user: bool,
    group: bool,
}

impl Policy {
    /// For an open file or folder; with what it has already, if that is known.
    pub fn apply_open(&self, fd: BorrowedFd<'_>, kind: FoundKind, meta: &Meta, now: Option<Present>) -> Vec<String> {
        let mut warnings = Vec::new();
        let owned = self.own(meta, &mut warnings, |u, g| match now {
            Some(now) if u.is_none_or(|u| u.as_raw() == now.uid) && g.is_none_or(|g| g.as_raw() == now.gid) => Ok(()),
            _ => rustix::fs::fchown(fd, u, g),
        });
        warnings.extend(xattrs::write(At::Open(fd), &meta.xattrs));
        let mode = mode_for(meta, kind, &owned, &mut warnings);
        // An ACL changes the mode.
        if now.is_none_or(|now| now.mode != mode.as_raw_mode()) || !meta.xattrs.is_empty() {
            note(&mut warnings, "mode", rustix::fs::fchmod(fd, mode));
        }
        let times = times(meta, &mut warnings);
        note(&mut warnings, "modification time", rustix::fs::futimens(fd, &times));
        warnings
    }

    /// For what cannot be opened: links, pipes and devices, under a name of our own.
    pub fn apply_named(&self, dir: BorrowedFd<'_>, name: &[u8], kind: FoundKind, meta: &Meta) -> Vec<String> {
        let mut warnings = Vec::new();
        let still = AtFlags::SYMLINK_NOFOLLOW;
        let owned = self.own(meta, &mut warnings, |u, g| rustix::fs::chownat(dir, name, u, g, still));
        warnings.extend(xattrs::write(At::Named(dir, name), &meta.xattrs));
        if kind != FoundKind::Symlink {
            let mode = mode_for(meta, kind, &owned, &mut warnings);
            note(&mut warnings, "mode", chmod_named(dir, name, kind, mode));
        }
        let times = times(meta, &mut warnings);
        note(&mut warnings, "modification time", rustix::fs::utimensat(dir, name, &times, still));
        warnings
    }

    fn own(
        &self,
        meta: &Meta,
        warnings: &mut Vec<String>,
        chown: impl Fn(Option<Uid>, Option<Gid>) -> Result<(), Errno>,
    ) -> Owned {
        // Somebody else may have the number here: root gives nothing to a name that this machine does not know.
        let number = |n: u32| (self.me != 0).then_some(n);
        let known = (
            meta.user.as_deref().map_or(Some(meta.uid), |n| self.names.uid(n).or(number(meta.uid))),
            meta.group.as_deref().map_or(Some(meta.gid), |n| self.names.gid(n).or(number(meta.gid))),
        );
        let (uid, gid) = if self.owner == Owner::Recorded {
            self.remember(meta, known.0.is_none(), known.1.is_none());
            (known.0.unwrap_or(self.folder.0), known.1.unwrap_or(self.folder.1))
        } else {
            self.folder
        };
        let same = |user: bool, group: bool| Owned {
            user: user && known.0 == Some(uid),
            group: group && known.1 == Some(gid),
        };
        // The kernel takes the largest number for "leave it".
        let user = (uid != u32::MAX).then(|| Uid::from_raw(uid));
        let group = (gid != u32::MAX).then(|| Gid::from_raw(gid));
        match chown(user, group) {
            Ok(()) => same(user.is_some(), group.is_some()),
            Err(e) if self.me == 0 => {
                warnings.push(format!("owner {uid}:{gid} could not be set: {}", std::io::Error::from(e)));
                same(false, false)
            }
            Err(_) => same(self.me == uid, chown(None, group).is_ok() && group.is_some()),
        }
    }

    fn remember(&self, meta: &Meta, user: bool, group: bool) {
        if !user && !group {
            return;
        }
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        strangers.items += 1;
        for name in [meta.user.as_ref().filter(|_| user), meta.group.as_ref().filter(|_| group)].into_iter().flatten() {
            if strangers.names.len() < MAX_NAMES && !strangers.names.contains(name) {
                strangers.names.insert(name.clone());
            }
        }
    }

    /// One sentence about all whose recorded owner or group this machine does not know.
    pub fn strangers(&self) -> Option<String> {
        let strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let names: Vec<&str> = strangers.names.iter().map(String::as_str).collect();
        (strangers.items > 0).then(|| {
            format!(
                "files and folders whose recorded owner or group this computer does not know ({}): {}. They have the \
                 target folder's owner or group instead",
                names.join(", "),
                strangers.items
            )
        })
    }
}

fn mode_for(meta: &Meta, kind: FoundKind, owned: &Owned, warnings: &mut Vec<String>) -> Mode {
    let mut bits = meta.mode & 0o7777;
    let foreign = if owned.user { 0 } else { 0o4000 } | if owned.group { 0 } else { 0o2000 };
    if kind != FoundKind::Dir && bits & foreign != 0 {
        bits &= !foreign;
        warnings.push("its set-uid or set-gid bit was left off, since it has another owner now".to_owned());
    }
    Mode::from_raw_mode(bits)
}

/// There is no call that changes a mode by name without following a link: go by the thing itself.
fn chmod_named(dir: BorrowedFd<'_>, name: &[u8], kind: FoundKind, mode: Mode) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(dir, name, flags, Mode::empty())?;
    if Stat::from(rustix::fs::fstat(&fd)?).kind() != kind {
        return Err(Errno::STALE);
    }
    rustix::fs::chmodat(CWD, in_list(&fd), mode, AtFlags::empty())
}

fn times(meta: &Meta, warnings: &mut Vec<String>) -> Timestamps {
    // Numbers beyond a second have other meanings to the kernel.
    let ns = meta.mtime_ns.min(999_999_999);
    if ns != meta.mtime_ns {
        warnings.push("the recorded time has more than a second's nanoseconds".to_owned());
    }
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: meta.mtime_s, tv_nsec: ns.into() },
    }
}

fn note(warnings: &mut Vec<String>, what: &str, done: Result<(), Errno>) {
    if let Err(e) = done {
        warnings.push(format!("its {what} could not be set: {}", std::io::Error::from(e)));
    }
}
