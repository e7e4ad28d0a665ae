//! Everything is tested: every document of every snapshot, each content once, and what is opened of them.

use std::collections::HashSet;

use super::{LARGE_BATCH, Run};
use crate::domain::id::{ChunkId, SnapshotId};
use crate::domain::listing::Entry as Record;
use crate::domain::path::RecordPath;
use crate::ops::error::OpsError;
use crate::ops::restore::{CheckReport, Lost, Whole, check_into};
use crate::ops::verify::affected::with_inherited;
use crate::ops::verify::everything::{Sample, Walk};
use crate::ops::verify::opening::{Document, Room};
use crate::ops::verify::{Damage, Examined};
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
        let walked = self.every_snapshot(repo, snapshots, (&mut walk, &whole), &mut lost, &mut due);
        // What was found before a fault was found.
        for (name, result) in whole.into_results() {
            self.note_pack(repo.state(), name, result);
        }
        self.report.failed.sort_by_key(|d| d.object);
        self.report.lost += walk.lost;
        for (first, what, packs) in walk.unread {
            self.note_lost(repo.state(), first, what, &packs);
        }
        for Lost { problem, packs, .. } in lost {
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

    /// One snapshot after the other, as one stream: a pack that several of them need is fetched once.
    fn every_snapshot(
        &mut self,
        repo: &mut Repository,
        snapshots: Vec<(SnapshotId, bool, ChunkId)>,
        (walk, whole): (&mut Walk, &Whole),
        lost: &mut Vec<Lost>,
        due: &mut Vec<Record>,
    ) -> Result<(), OpsError> {
        let (report, rotation, waiting) = (&mut self.report, &mut self.rotation, &mut self.due.waiting);
        let opener = self.opener.as_ref().filter(|o| o.is_able());
        let mut each = |entry: &Record| {
            rotation.iter_mut().for_each(|r| r.offer(entry));
            match opener.is_some_and(|o| o.wants(entry)) {
                true if due.len() < MOST_DUE => due.push(entry.clone()),
                true => *waiting += 1,
                false => {}
            }
        };
        let mut handed: Vec<(SnapshotId, Examined)> = vec![];
        let (mut rest, accepted) = (snapshots.into_iter(), &self.accepted);
        let mut next = |chunks: &mut ChunkReader<'_>| loop {
            if let Some(entry) = walk.next(chunks, &mut each)? {
                if let Some((_, now)) = handed.last_mut() {
                    now.documents += 1;
                    now.bytes += entry.size();
                }
                return Ok(Some(entry));
            }
            let Some((snapshot, is_newest, root)) = rest.next() else { return Ok(None) };
            handed.push((snapshot, Examined::default()));
            let (roots, known) = (with_inherited(chunks, root)?, accepted.covers(&root, chunks));
            report.lost += u64::from(known);
            if roots.is_empty() && !known {
                let what = format!("the listing of snapshot {snapshot} cannot be read");
                report.failed.push(Damage::of(what, vec![snapshot], vec![]));
            }
            walk.open(&roots, is_newest);
        };
        let mut found = CheckReport::default();
        let checked = check_into(repo, &mut next, Some(whole), &mut found, self.monitor, self.stop);
        let mut before = 0;
        for (snapshot, all) in handed {
            let (from, to) = (before, before + all.documents);
            before = to;
            let failed = found.failed.iter().filter(|l| (from..to).contains(&l.nth));
            let (count, bytes) = failed.fold((0, 0), |(n, bytes), l| (n + 1, bytes + l.size));
            let (done, lost) = self.documents.entry(snapshot).or_default();
            done.documents += all.documents - count;
            done.bytes += all.bytes - bytes;
            *lost += count;
        }
        lost.append(&mut found.failed);
        checked
    }

    /// Documents that came back to nowhere already and were found right come back once more, to be opened: as many at a time
    /// as have room, since each time fetches their packs.
    pub(super) fn look_at(&mut self, repo: &mut Repository, sample: &[Record]) -> Result<(), OpsError> {
        let mut rest = sample;
        while self.opener.is_some() && !rest.is_empty() {
            let mut room = Room::new();
            let batch = rest.iter().take(LARGE_BATCH).take_while(|e| room.takes(e)).count();
            let all: Vec<Document<'_>> = rest[..batch].iter().map(|entry| Document { entry, live: true }).collect();
            self.come_back(repo, &all, None)?;
            rest = &rest[batch..];
        }
        Ok(())
    }
}
