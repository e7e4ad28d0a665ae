//! Where the documents of a test restore go: to the scratch folder, where they are examined, or to nowhere.

use super::Run;
use crate::domain::listing::Entry as Record;
use crate::domain::problem::ProblemKind;
use crate::ops::error::OpsError;
use crate::ops::restore::{CheckReport, Lost, Whole, check_stream};
use crate::ops::verify::opening::{Document, fits};
use crate::repo::repository::Repository;

impl Run<'_> {
    /// Brings documents back. With `whole`, every pack that is fetched for them is tested from end to end.
    ///
    /// # Errors
    /// Faults of the store; `Interrupted`. What is lost is in the report.
    pub(super) fn come_back(
        &mut self,
        repo: &mut Repository,
        documents: &[Document<'_>],
        whole: Option<&Whole>,
    ) -> Result<CheckReport, OpsError> {
        let (monitor, stop) = (self.monitor, self.stop);
        let nowhere = |repo: &mut Repository, some: &[&Document<'_>]| {
            let mut entries = some.iter().map(|d| d.entry.clone());
            check_stream(repo, &mut |_| Ok(entries.next()), whole, monitor, stop)
        };
        let (small, mut rest): (Vec<&Document<'_>>, Vec<_>) = documents.iter().partition(|d| fits(d.entry));
        let Some(opener) = &mut self.opener else { return nowhere(repo, &documents.iter().collect::<Vec<_>>()) };
        let entries: Vec<&Record> = small.iter().map(|d| d.entry).collect();
        let landed = opener.scratch().map(|scratch| scratch.bring(repo, &entries, whole, monitor, stop));
        let mut landed = match landed {
            Some(Err(OpsError::Target(why) | OpsError::NotOnDisk(why))) => {
                opener.skip(why);
                return nowhere(repo, &documents.iter().collect::<Vec<_>>());
            }
            None => return nowhere(repo, &documents.iter().collect::<Vec<_>>()),
            Some(landed) => landed?,
        };
        opener.too_large(rest.len() as u64);
        let (mut files, mut bytes, mut lost) = (0, 0, vec![]);
        for (at, problem) in std::mem::take(&mut landed.lost) {
            match problem.kind {
                ProblemKind::Damaged => {
                    let size = small[at].entry.size();
                    lost.push(Lost { problem, packs: vec![], nth: at as u64, size });
                }
                // The disk did not take it, which says nothing about the backup.
                _ => rest.push(small[at]),
            }
        }
        for (document, _) in small.iter().zip(&landed.files).filter(|(_, file)| file.is_some()) {
            files += 1;
            bytes += document.entry.size();
        }
        self.report.problems.append(&mut landed.problems);
        opener.look(repo, &small, &landed, monitor, stop)?;
        drop(landed);
        let mut report = nowhere(repo, &rest)?;
        (report.files, report.bytes) = (report.files + files, report.bytes + bytes);
        report.failed.append(&mut lost);
        Ok(report)
    }
}
