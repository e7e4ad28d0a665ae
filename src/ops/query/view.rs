//! Some snapshots, open for questions.
//!
//! A folder is live in one set only: where several of them hold it (a set was given another name), the newest
//! snapshot says what is there now, and what the others call live counts as gone.

use std::rc::Rc;

use jiff::Timestamp;

use super::choose::{Which, choose, held_back};
use super::hit::Hit;
use super::instead::{instead, unopened_in_words};
use super::stream::{Hidden, Merged, Superseded, layers};
use crate::domain::id::SnapshotId;
use crate::domain::listing::{Entry, Gone, Root};
use crate::domain::path::RecordPath;
use crate::domain::pattern::Pattern;
use crate::domain::problem::{Problem, ProblemKind};
use crate::ops::OpsError;
use crate::ops::retention::register::Register;
use crate::repo::error::RepoError;
use crate::repo::layout::Key;
use crate::repo::listing::find_entry;
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;

/// One snapshot that was chosen, with its root.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// Its number.
    pub id: SnapshotId,
    /// Its protected set.
    pub set: String,
    /// The data's point in time.
    pub began: Timestamp,
    /// Its root.
    pub root: Root,
    /// A newer one was passed over, since a mass change waits for a person to say go on.
    pub held_back: bool,
    /// Its folders that another chosen snapshot holds since: their records count as gone here.
    pub superseded: Vec<Superseded>,
}

/// Snapshots open for questions.
pub struct View<'r> {
    /// Reads whatever they need.
    pub chunks: ChunkReader<'r>,
    /// The snapshots, sorted by set.
    pub chosen: Vec<Chosen>,
    /// Snapshots that could not be opened although others could.
    pub problems: Vec<Problem>,
    register: Rc<Register>,
}

impl<'r> View<'r> {
    /// Opens the snapshots that are meant.
    ///
    /// # Errors
    /// [`OpsError::NotFound`] when there is none; [`RepoError::CannotRead`]; [`OpsError::Unreadable`] when no root can be
    /// read.
    pub fn open(repo: &'r mut Repository, which: &Which) -> Result<Self, OpsError> {
        Self::open_so(repo, which, false)
    }

    /// As [`View::open`], but in place of a snapshot that cannot be opened comes the newest older one of its set that can.
    ///
    /// # Errors
    /// As [`View::open`].
    pub fn open_or_older(repo: &'r mut Repository, which: &Which) -> Result<Self, OpsError> {
        Self::open_so(repo, which, true)
    }

    fn open_so(repo: &'r mut Repository, which: &Which, or_older: bool) -> Result<Self, OpsError> {
        // Asked first: without a key the index need not be fetched.
        if !repo.can_read() {
            return Err(RepoError::CannotRead.into());
        }
        let by_default = which.at.is_none() && which.snapshot.is_none();
        let meant: Vec<_> = choose(repo.state(), which)?
            .into_iter()
            .map(|s| {
                let held_back = by_default && held_back(repo.state(), s);
                (s.id, s.snapshot.set.clone(), s.snapshot.began, s.snapshot.root, held_back)
            })
            .collect();
        let register = Rc::new(Register::load(repo)?);
        let mut view = Self { chunks: repo.chunks()?, chosen: vec![], problems: vec![], register };
        for approval in &view.register.unreadable {
            let detail = format!("the register of disposal {approval} cannot be read: its records may be shown");
            view.problems.push(Problem { path: None, kind: ProblemKind::Damaged, detail });
        }
        for name in view.chunks.repository().lost_indexes() {
            let place = Key::Index(*name);
            let detail = format!("{place} is damaged or missing: what it said was read from the packs themselves");
            view.problems.push(Problem { path: None, kind: ProblemKind::Damaged, detail });
        }
        let mut unopened = vec![];
        for (id, set, began, root, held_back) in meant {
            match crate::repo::listing::read_root(&mut view.chunks, &root) {
                Ok(root) => {
                    view.chosen.push(Chosen { id, set, began, root, held_back, superseded: vec![] });
                }
                Err(e) if e.is_damage() => {
                    let older = instead(&mut view.chunks, &set, id)?;
                    let detail = unopened_in_words((id, &set, began), &e, older.as_ref(), or_older);
                    if let Some((id, began, root)) = older.filter(|_| or_older) {
                        view.chosen.push(Chosen { id, set, began, root, held_back: false, superseded: vec![] });
                    }
                    unopened.push(detail.clone());
                    view.problems.push(Problem { path: None, kind: ProblemKind::Damaged, detail });
                }
                Err(e) => return Err(e.into()),
            }
        }
        if view.chosen.is_empty() && !unopened.is_empty() {
            return Err(OpsError::Unreadable(unopened.join("\n")));
        }
        view.supersede();
        Ok(view)
    }

    /// Finds the folders that several of the chosen snapshots hold.
    fn supersede(&mut self) {
        let order = self.newest_first();
        for (place, &at) in order.iter().enumerate() {
            let mut found = vec![];
            for folder in &self.chosen[at].root.folders {
                let newer = order[..place].iter().map(|n| &self.chosen[*n]);
                let by = newer.into_iter().find(|c| c.root.folders.iter().any(|f| f.name == folder.name));
                let Some(by) = by else { continue };
                let (last_seen, seen) = (self.chosen[at].id, self.chosen[at].began.as_second());
                let gone = Gone {
                    last_seen,
                    last_seen_s: seen,
                    missed_s: by.began.as_second(),
                    unreadable: false,
                    left_out: None,
                };
                found.push(Superseded { folder: folder.name.clone(), by: by.set.clone(), gone });
            }
            self.chosen[at].superseded = found;
        }
    }

    /// The places of the chosen snapshots, the newest first.
    pub fn newest_first(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.chosen.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse((self.chosen[*at].began, self.chosen[*at].id)));
        order
    }

    /// What is passed over since another set holds its folder now, a sentence each.
    pub fn passed_over(&self) -> Vec<String> {
        let sentence = |c: &Chosen, s: &Superseded| {
            format!(
                "the folder {} is in the sets '{}' and '{}': what is newer, '{}', counts. For the other: --set '{}'",
                s.folder, c.set, s.by, s.by, c.set
            )
        };
        self.chosen.iter().flat_map(|c| c.superseded.iter().map(move |s| sentence(c, s))).collect()
    }

    /// Hands every record at or below `within` (all, without it) to `each`, in order of paths, set by set.
    /// Says how many there were.
    ///
    /// # Errors
    /// Damage and faults of the store; whatever `each` returns.
    pub fn ls(
        &mut self,
        within: Option<&RecordPath>,
        gone_too: bool,
        each: &mut dyn FnMut(Hit) -> Result<(), OpsError>,
    ) -> Result<u64, OpsError> {
        let mut count = 0;
        for at in 0..self.chosen.len() {
            let mut stream = self.stream(at, within, gone_too)?;
            while let Some((entry, live)) = stream.next(&mut self.chunks)? {
                if let Some(folder) = within {
                    if is_past(&entry.path, folder) {
                        break;
                    }
                    if !entry.path.is_within(folder.as_bytes()) {
                        continue;
                    }
                }
                count += 1;
                each(self.hit(at, entry, live))?;
            }
        }
        Ok(count)
    }

    /// Hands every record whose name fits to `each`, live or gone. Says how many there were.
    ///
    /// # Errors
    /// As [`View::ls`].
    pub fn find(
        &mut self,
        pattern: &Pattern,
        each: &mut dyn FnMut(Hit) -> Result<(), OpsError>,
    ) -> Result<u64, OpsError> {
        let mut count = 0;
        self.ls(None, true, &mut |hit| {
            if pattern.matches(&hit.path) {
                count += 1;
                return each(hit);
            }
            Ok(())
        })?;
        Ok(count)
    }

    /// The record at a path, live before gone.
    ///
    /// # Errors
    /// Damage and faults of the store.
    pub fn lookup(&mut self, path: &RecordPath) -> Result<Option<Hit>, OpsError> {
        let order = self.newest_first();
        for &at in &order {
            let chosen = &self.chosen[at];
            if chosen.superseded.iter().any(|s| path.is_within(s.folder.as_bytes())) {
                continue;
            }
            let (live, hidden) = (chosen.root.live.clone(), self.hidden(at));
            let found = find_entry(&mut self.chunks, &live, path)?;
            if let Some(entry) = found.filter(|e| !hidden.is_disposed(e, true)) {
                return Ok(Some(self.hit(at, entry, true)));
            }
        }
        let mut gone: Option<Hit> = None;
        for at in order {
            let mut stream = self.stream(at, Some(path), true)?;
            let next = stream.next(&mut self.chunks)?.filter(|(e, _)| e.path == *path);
            if let Some(hit) = next.map(|(entry, live)| self.hit(at, entry, live))
                && gone.as_ref().is_none_or(|g| hit.last_seen > g.last_seen)
            {
                gone = Some(hit);
            }
        }
        Ok(gone)
    }

    /// The records of one chosen snapshot from a path on.
    ///
    /// # Errors
    /// Whatever reading an inherited root can meet.
    pub fn stream(&mut self, at: usize, from: Option<&RecordPath>, gone_too: bool) -> Result<Merged, RepoError> {
        let root = &self.chosen[at].root;
        let live_only = Root { live: root.live.clone(), ..Root::default() };
        let all = layers(&mut self.chunks, if gone_too { root } else { &live_only })?;
        let merged = Merged::new(all, from).without(self.chosen[at].superseded.clone(), gone_too);
        Ok(merged.hiding(self.hidden(at)))
    }

    /// What a chosen snapshot must not show.
    fn hidden(&self, at: usize) -> Hidden {
        let (register, chosen) = (Rc::clone(&self.register), &self.chosen[at]);
        Hidden { register, set: chosen.set.clone(), snapshot: chosen.id }
    }

    /// An entry of a chosen snapshot as a hit.
    pub fn hit(&self, at: usize, entry: Entry, live: bool) -> Hit {
        let chosen = &self.chosen[at];
        Hit::new(entry, live, chosen.began, chosen.id, &chosen.set)
    }
}

/// Whether a path comes after everything below `folder`.
pub fn is_past(path: &RecordPath, folder: &RecordPath) -> bool {
    let shared = folder.as_bytes().len().min(path.as_bytes().len());
    match path.as_bytes()[..shared].cmp(&folder.as_bytes()[..shared]) {
        std::cmp::Ordering::Equal => path.as_bytes().get(folder.as_bytes().len()).is_some_and(|b| *b > b'/'),
        order => order.is_gt(),
    }
}
