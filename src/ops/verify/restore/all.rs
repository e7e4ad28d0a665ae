//! Everything is tested: every document of every snapshot, each content once, and what is opened of them.

use std::collections::HashSet;

use super::{BATCH, Run};
use crate::domain::id::{ChunkId, SnapshotId};
use crate::domain::listing::{Entry as Record, Root};
use crate::domain::path::RecordPath;
use crate::ops::error::OpsError;
use crate::ops::restore::{Lost, Whole, check_stream};
use crate::ops::verify::Damage;
use crate::ops::verify::affected::with_inherited;
use crate::ops::verify::everything::{Sample, Walk};
use crate::ops::verify::opening::{Document, Room};
use crate::repo::reader::ChunkReader;
use crate::repo::repository::Repository;

/// Documents opened for the first time when everything is tested.
const MOST_DUE: usize = 20_000;

impl Run<'_> {
    /// Every document of every snapshot, each content once; every pack met on the way is opened from end to end.
    pub(super) fn documents_of_all(&mut self, repo: &mut Repository) -> Result<(), OpsError> {
        let state = repo.state();
        let of = |s: &crate::domain::log::state::SnapshotState| {
            let newest = state.newest(&s.snapshot.set).map_or(s.id, |n| n.id);
            (newest, s.id == newest, s.snapshot.root)
        };
        let snapshots: Vec<(SnapshotId, bool, ChunkId)> = state.live_snapshots().rev().map(of).collect();
        let sample = Sample::new(repo.env.entropy.bytes32(), self.options.documents_per_run);
        let mut walk = Walk::new(sample, self.accepted.clone());
        let whole = Whole::stated(repo, &repo.state().needed())?;
        let (mut lost, mut due) = (vec![], vec![]);
        let mut rest = snapshots.into_iter();
        let walked = rest.try_for_each(|s| self.one_snapshot(repo, s, (&mut walk, &whole), &mut lost, &mut due));
        // What was found before a fault was found.
        for (name, result) in whole.into_results() {
            self.note_pack(repo.state(), name, result);
        }
        self.report.failed.sort_by_key(|d| d.object);
        self.report.lost += walk.lost;
        for (first, what, packs) in walk.unread {
            self.note_lost(repo.state(), first, what, &packs);
        }
        for Lost { problem, packs } in lost {
            if let Some(path) = problem.path {
                self.note_lost(repo.state(), path, problem.detail, &packs);
            }
        }
        walked?;
        self.look_at(repo, &due)?;
        let paths: HashSet<&RecordPath> = due.iter().map(|e: &Record| &e.path).collect();
        let sample: Vec<Record> = walk.live.entries().filter(|e| !paths.contains(&e.path)).cloned().collect();
        self.look_at(repo, &sample)
    }

    fn one_snapshot(
        &mut self,
        repo: &mut Repository,
        (snapshot, is_newest, root): (SnapshotId, bool, ChunkId),
        (walk, whole): (&mut Walk, &Whole),
        lost: &mut Vec<Lost>,
        due: &mut Vec<Record>,
    ) -> Result<(), OpsError> {
        let (roots, known) = {
            let mut chunks = repo.chunks()?;
            (with_inherited(&mut chunks, root)?, self.accepted.covers(&root, &chunks))
        };
        self.report.lost += u64::from(known);
        if roots.is_empty() && !known {
            let what = format!("the listing of snapshot {snapshot} cannot be read");
            self.report.failed.push(Damage::of(what, vec![snapshot], vec![]));
        }
        let pages = |r: &Root| r.live.iter().map(|p| (p.clone(), is_newest)).collect::<Vec<_>>();
        let gone = |r: &Root| r.gone.iter().map(|p| (p.clone(), false)).collect::<Vec<_>>();
        walk.pages = roots.iter().flat_map(|r| pages(r).into_iter().chain(gone(r))).collect();
        let opener = self.opener.as_ref().filter(|o| o.is_able());
        let (rotation, waiting) = (&mut self.rotation, &mut self.due.waiting);
        let mut each = |entry: &Record| {
            rotation.iter_mut().for_each(|r| r.offer(entry));
            match opener.is_some_and(|o| o.wants(entry)) {
                true if due.len() < MOST_DUE => due.push(entry.clone()),
                true => *waiting += 1,
                false => {}
            }
        };
        let mut next = |chunks: &mut ChunkReader<'_>| walk.next(chunks, &mut each);
        let report = check_stream(repo, &mut next, Some(whole), self.monitor, self.stop)?;
        let (done, failed) = self.documents.entry(snapshot).or_default();
        done.documents += report.files;
        done.bytes += report.bytes;
        *failed += report.failed.len() as u64;
        lost.extend(report.failed);
        Ok(())
    }

    /// Documents that came back to nowhere already and were found right come back once more, to be opened.
    pub(super) fn look_at(&mut self, repo: &mut Repository, sample: &[Record]) -> Result<(), OpsError> {
        let mut rest = sample;
        while self.opener.is_some() && !rest.is_empty() {
            let mut room = Room::new();
            let batch = rest.iter().take(BATCH).take_while(|e| room.takes(e)).count();
            let all: Vec<Document<'_>> = rest[..batch].iter().map(|entry| Document { entry, live: true }).collect();
            self.come_back(repo, &all, None)?;
            rest = &rest[batch..];
        }
        Ok(())
    }
}
