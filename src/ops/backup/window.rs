//! What is decided about each path, and stored in the order of paths.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::ahead::Window;
use super::content::{Large, Small, source_problem, store_large, store_small};
use super::depot::Depot;
use super::merge::Item;
use super::unusual::Change;
use crate::domain::clock::Clock;
use crate::domain::listing::{Content, Entry, Kind, Pieces};
use crate::domain::problem::Problem;
use crate::ops::fs::names::Names;
use crate::ops::fs::open::Opener;
use crate::ops::fs::stat::{FoundKind, Stat};
use crate::ops::fs::walk::Found;
use crate::ops::sound::is_nameless_noise;
use crate::repo::cut::{CutBuffer, Gear};
use crate::repo::error::RepoError;
use crate::repo::last_listing::{Fingerprint, Known};

/// What is decided about every path.
pub struct Reading<'a> {
    /// The sources, held open.
    pub openers: &'a [Opener],
    /// Whether inode numbers on this source mean anything.
    pub stable_inodes: &'a [bool],
    /// Users and groups.
    pub names: &'a Names,
    /// The chunker's table.
    pub gear: &'a Gear,
    /// Distrust sizes and times.
    pub reread: bool,
    /// The time: what changed just before it was read cannot be told from what changes just after.
    pub clock: &'a dyn Clock,
    /// When this backup began, and the earliest at which anything was looked at.
    pub began: Timestamp,
}

/// Of a small file that changed so much is looked at for noise.
const NOISE_LEN: usize = 4096;

/// The outcome of one path.
pub enum Outcome {
    /// In the live listing; `read` when its content was read.
    Live { known: Known, read: bool, change: Change },
    /// In the gone listing; `new` when it was live last time.
    Gone(Known),
    /// Nothing of it could be kept; its last version, if any, goes to the gone listing.
    Failed(Problem, Option<Known>),
    /// Kept, but not completely.
    Flawed(Problem),
}

/// Hard links met so far: the first name of an inode, and its content.
#[derive(Default)]
pub struct Links(HashMap<(u64, u64), (u64, Known, Stat)>);

impl Reading<'_> {
    /// Whether the file is as it was, as far as the kernel can tell.
    fn unchanged(&self, found: &Found, last: &Known, source: usize) -> bool {
        let (Some(print), false) = (last.fingerprint, self.reread) else { return false };
        let s = &found.stat;
        let same_inode = !self.stable_inodes[source] || print.ino == s.ino;
        let m = &last.entry.meta;
        same_inode
            && (print.ctime_s, print.ctime_ns) == (s.ctime_s, s.ctime_ns)
            && (m.mtime_s, m.mtime_ns) == (s.mtime_s, s.mtime_ns)
            && (m.mode, m.uid, m.gid) == (s.permissions(), s.uid, s.gid)
            && kind_matches(&last.entry, found)
    }

    /// The first name of the same file, if inode numbers of this source say so.
    fn linked<'l>(&self, links: &'l Links, found: &Found, source: usize) -> Option<(u64, &'l Known)> {
        links.find(found).filter(|_| self.stable_inodes[source])
    }

    /// None when a later change might leave the same time behind: a local file system stamps to some milliseconds, what
    /// counts whole seconds or lives on another computer to two seconds.
    fn fingerprint(&self, stat: &Stat, source: usize, read_at: Timestamp) -> Option<Fingerprint> {
        let coarse = stat.ctime_ns == 0 || !self.stable_inodes[source];
        let grain = SignedDuration::from_millis(if coarse { 2000 } else { 50 });
        let changed = Timestamp::new(stat.ctime_s, stat.ctime_ns as i32).ok()?;
        let settled = read_at.duration_since(changed) > grain;
        settled.then_some(Fingerprint { ctime_s: stat.ctime_s, ctime_ns: stat.ctime_ns, ino: stat.ino })
    }

    /// The file and its source, if its content must be read, as far as can be said before the depot is asked.
    pub fn to_read<'i>(&self, item: &'i Item) -> Option<(&'i Found, usize)> {
        let Item::There { found, last, source } = item else { return None };
        let unchanged = last.as_ref().is_some_and(|l| self.unchanged(found, l, *source));
        (found.kind == FoundKind::File && !unchanged).then_some((found, *source))
    }

    /// Settles a window; `each` gets the outcomes in the order of paths.
    pub fn settle(
        &self,
        window: &mut Window,
        depot: &mut Depot,
        links: &mut Links,
        buffer: &mut CutBuffer,
        each: &mut dyn FnMut(&mut Depot, Outcome) -> Result<(), RepoError>,
    ) -> Result<(), RepoError> {
        let ahead_at = window.at;
        for (i, item) in std::mem::take(&mut window.items).into_iter().enumerate() {
            match item {
                Item::Problem(problem) => each(depot, Outcome::Failed(problem, None))?,
                Item::Gone(known) => each(depot, Outcome::Gone(known))?,
                Item::There { found, last, source } => {
                    let small = window.take(i);
                    let read_at = if small.is_some() { ahead_at } else { self.clock.now() };
                    self.there(found, last, (source, read_at), small, depot, links, buffer, each)?;
                }
            }
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "one path and the four things every path is settled with")]
    fn there(
        &self,
        found: Found,
        last: Option<Known>,
        (source, read_at): (usize, Timestamp),
        small: Option<Result<Small<'_>, Problem>>,
        depot: &mut Depot,
        links: &mut Links,
        buffer: &mut CutBuffer,
        each: &mut dyn FnMut(&mut Depot, Outcome) -> Result<(), RepoError>,
    ) -> Result<(), RepoError> {
        let last = match last {
            Some(known) if self.unchanged(&found, &known, source) && depot.keep(&known) => {
                links.note(&found, &known);
                return each(depot, Outcome::Live { known, read: false, change: Change::Same });
            }
            last => last,
        };
        if found.kind != FoundKind::File {
            let (entry, problem) = self.special(&found, source);
            return self.emit_special((entry, problem), &found, source, last, depot, each);
        }
        if let Some((group, first)) = self.linked(links, &found, source) {
            let mut known = first.clone();
            (known.entry.path, known.place) = (found.path.clone(), None);
            set_group(&mut known.entry, group);
            known.entry.follow(last.as_ref().map(|l| &l.entry), read_at.as_second());
            return each(depot, Outcome::Live { known, read: false, change: Change::Same });
        }
        let head = if let Some(Ok(small)) = &small { &small.bytes[..small.bytes.len().min(NOISE_LEN)] } else { &[] };
        let read = match small {
            Some(Ok(small)) => {
                let stored = store_small(&small, self.gear, buffer, depot)?;
                Large::Stored(Box::new((stored, small.meta, small.problem, small.stat)))
            }
            Some(Err(problem)) => Large::Failed(problem),
            None => store_large(&self.openers[source], &found, self.names, self.gear, buffer, depot)?,
        };
        match read {
            Large::Failed(problem) => each(depot, Outcome::Failed(problem, last)),
            Large::Stored(stored) => {
                let (stored, meta, problem, stat) = *stored;
                let noise = stored.noise;
                let entry =
                    Entry { path: found.path.clone(), kind: Kind::File(stored.content), meta, gone: None, first: None };
                let fingerprint = problem.is_none().then(|| self.fingerprint(&stat, source, read_at)).flatten();
                let mut known = Known::new(entry, fingerprint, stored.pieces);
                if found.stat.nlink > 1 {
                    set_group(&mut known.entry, group_of(&found));
                }
                known.entry.follow(last.as_ref().map(|l| &l.entry), read_at.as_second());
                links.note(&found, &known);
                let before = last.filter(|l| l.entry.gone.is_none());
                let change = match before.map(|l| l.entry.kind != known.entry.kind) {
                    None => Change::New,
                    Some(false) => Change::Same,
                    Some(true) if noise || is_nameless_noise(head) => Change::Noise,
                    Some(true) => Change::Changed,
                };
                if let Some(problem) = problem {
                    each(depot, Outcome::Flawed(problem))?;
                }
                each(depot, Outcome::Live { known, read: true, change })
            }
        }
    }

    fn special(&self, found: &Found, source: usize) -> (Result<Entry, Problem>, Option<Problem>) {
        let opener = &self.openers[source];
        let (major, minor) = found.stat.device();
        let kind = match found.kind {
            FoundKind::Dir | FoundKind::File => Kind::Dir,
            FoundKind::Symlink => match opener.read_link(&found.path) {
                Ok(to) => Kind::Symlink(to),
                Err(e) => return (Err(source_problem(found, &e)), None),
            },
            FoundKind::Fifo => Kind::Fifo,
            FoundKind::Socket => Kind::Socket,
            FoundKind::CharDevice => Kind::CharDevice(major, minor),
            FoundKind::BlockDevice => Kind::BlockDevice(major, minor),
        };
        let (meta, problem) = opener.capture(found, self.names);
        (Ok(Entry { path: found.path.clone(), kind, meta, gone: None, first: None }), problem)
    }

    fn emit_special(
        &self,
        (entry, problem): (Result<Entry, Problem>, Option<Problem>),
        found: &Found,
        source: usize,
        last: Option<Known>,
        depot: &mut Depot,
        each: &mut dyn FnMut(&mut Depot, Outcome) -> Result<(), RepoError>,
    ) -> Result<(), RepoError> {
        let fingerprint = problem.is_none().then(|| self.fingerprint(&found.stat, source, self.began)).flatten();
        if let Some(problem) = problem {
            each(depot, Outcome::Flawed(problem))?;
        }
        match entry {
            Err(problem) => each(depot, Outcome::Failed(problem, last)),
            Ok(entry) => {
                let known = Known::new(entry, fingerprint, None);
                each(depot, Outcome::Live { known, read: false, change: Change::Same })
            }
        }
    }
}

impl Links {
    fn note(&mut self, found: &Found, known: &Known) {
        if found.kind == FoundKind::File && found.stat.nlink > 1 {
            let group = match &known.entry.kind {
                Kind::File(Content { link_group: Some(group), .. }) => *group,
                _ => group_of(found),
            };
            self.0.insert(found.stat.inode(), (group, known.clone(), found.stat));
        }
    }

    fn find(&self, found: &Found) -> Option<(u64, &Known)> {
        if found.stat.nlink < 2 {
            return None;
        }
        // The inode may have been given to another file since: then its times differ.
        let (group, known, stat) = self.0.get(&found.stat.inode())?;
        unmoved(stat, &found.stat).then_some((*group, known))
    }
}

fn unmoved(a: &Stat, b: &Stat) -> bool {
    (a.size, a.mtime_s, a.mtime_ns, a.ctime_s, a.ctime_ns) == (b.size, b.mtime_s, b.mtime_ns, b.ctime_s, b.ctime_ns)
}

/// Named after the first path, so that other groups coming and going do not change it.
fn group_of(found: &Found) -> u64 {
    let digest = blake3::hash(found.path.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_bytes()[..8]);
    u64::from_le_bytes(first)
}

fn set_group(entry: &mut Entry, group: u64) {
    if let Kind::File(content) = &mut entry.kind {
        content.link_group = Some(group);
    }
}

fn kind_matches(entry: &Entry, found: &Found) -> bool {
    match (&entry.kind, found.kind) {
        (
            Kind::File(Content { size, pieces: Pieces::Inline(_) | Pieces::Listed(_), link_group, .. }),
            FoundKind::File,
        ) => *size == found.stat.size && (link_group.is_some() == (found.stat.nlink > 1)),
        (Kind::Dir, FoundKind::Dir) | (Kind::Fifo, FoundKind::Fifo) | (Kind::Socket, FoundKind::Socket) => true,
        (Kind::Symlink(to), FoundKind::Symlink) => to.len() as u64 == found.stat.size,
        (Kind::CharDevice(a, b), FoundKind::CharDevice) => (*a, *b) == found.stat.device(),
        (Kind::BlockDevice(a, b), FoundKind::BlockDevice) => (*a, *b) == found.stat.device(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
