//! The work of a set's listings, shared out among threads: each takes the records of one stretch of paths.
//!
//! Every page is fetched and checked once, in the order in which pages are stored. One that lies in two stretches
//! goes to both; each takes its own part of it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{ScopedJoinHandle, available_parallelism, scope};

use jiff::Timestamp;

use super::gathered::Gathered;
use super::pages::{Kept, PageUse};
use crate::domain::id::SnapshotId;
use crate::domain::path::RecordPath;
use crate::domain::retention::record::RecordFacts;
use crate::ops::{Monitor, OpsError, Stop};
use crate::repo::error::RepoError;
use crate::repo::reader::ChunkReader;
use crate::repo::view::view_page_of;

/// Pages fetched before they are asked for, by each thread.
const PAGES_AHEAD: usize = 16;
/// No more threads than this.
const MOST: usize = 4;
/// For fewer entries one thread is enough.
const ENTRIES: u64 = 50_000;

/// A page and its bytes.
type Fetched<'p> = (&'p PageUse, Arc<Vec<u8>>);

/// A set whose listings are read.
#[derive(Clone, Copy)]
pub struct Of<'k> {
    /// Its name.
    pub set: &'k Arc<str>,
    /// Its snapshots.
    pub kept: &'k [Kept],
    /// When each snapshot began, given up ones too.
    pub began: &'k HashMap<SnapshotId, Timestamp>,
}

/// All records of a set, by path; `pages` are in the order in which they are stored.
///
/// # Errors
/// Damage and faults of the store; interrupted.
pub fn read(
    chunks: &mut ChunkReader<'_>,
    of: Of<'_>,
    pages: &[PageUse],
    (monitor, stop): (&dyn Monitor, &Stop),
) -> Result<Vec<RecordFacts>, OpsError> {
    let entries: u64 = pages.iter().map(|p| u64::from(p.page.count)).sum();
    let most = available_parallelism().map_or(1, usize::from).min(MOST);
    let bounds = bounds(pages, if entries < ENTRIES { 1 } else { most });
    scope(|scope| {
        let start = |from: Option<&'_ RecordPath>, to: Option<&'_ RecordPath>| {
            let (out, fetched) = sync_channel(PAGES_AHEAD);
            let stretch = (from.cloned(), to.cloned());
            (out, scope.spawn(move || take_in(Gathered::of_stretch(of.kept, of.began, stretch), of.set, &fetched)))
        };
        let edges: Vec<Option<&RecordPath>> = [None].into_iter().chain(bounds.iter().map(Some)).chain([None]).collect();
        let (out, threads): (Vec<_>, Vec<_>) = edges.windows(2).map(|edge| start(edge[0], edge[1])).unzip();
        let mut fetch = || -> Result<(), OpsError> {
            for page in pages {
                stop.check()?;
                let bytes = Arc::new(chunks.read(&page.page.id)?);
                for share in touched(&bounds, page) {
                    // Whoever takes no more has met a fault, and says which in the end.
                    if out[share].send((page, Arc::clone(&bytes))).is_err() {
                        return Ok(());
                    }
                }
                monitor.advance(1);
            }
            Ok(())
        };
        let fetched = fetch();
        drop(out);
        let mut records = vec![];
        for thread in threads {
            records.append(&mut ended(thread)?);
        }
        fetched.map(|()| records)
    })
}

fn take_in(
    mut gathered: Gathered<'_>,
    set: &Arc<str>,
    fetched: &Receiver<Fetched<'_>>,
) -> Result<Vec<RecordFacts>, RepoError> {
    for (page, bytes) in fetched {
        gathered.add(page, &view_page_of(&page.page, &bytes)?)?;
    }
    Ok(gathered.facts(set))
}

fn ended<T>(thread: ScopedJoinHandle<'_, Result<T, RepoError>>) -> Result<T, RepoError> {
    thread.join().unwrap_or_else(|_| Err(RepoError::Listing("a reader of listings died".into())))
}

/// Where stretches after the first begin, so that each has about as many entries to read.
fn bounds(pages: &[PageUse], stretches: usize) -> Vec<RecordPath> {
    let mut by_path: Vec<&PageUse> = pages.iter().collect();
    by_path.sort_unstable_by(|a, b| a.page.first.cmp(&b.page.first));
    let count = |page: &PageUse| u64::from(page.page.count);
    let all: u64 = by_path.iter().map(|p| count(p)).sum();
    let (mut bounds, mut before): (Vec<RecordPath>, u64) = (vec![], 0);
    let mut last = by_path.first().map(|p| &p.page.first);
    for page in by_path {
        let enough = before >= (bounds.len() as u64 + 1) * all / stretches as u64;
        if bounds.len() + 1 < stretches && enough && last != Some(&page.page.first) {
            last = Some(&page.page.first);
            bounds.push(page.page.first.clone());
        }
        before += count(page);
    }
    bounds
}

/// The stretches in which a page can have entries.
fn touched(bounds: &[RecordPath], page: &PageUse) -> Range<usize> {
    let first = bounds.partition_point(|bound| *bound <= page.page.first);
    let last = match &page.until {
        Some(until) => bounds.partition_point(|bound| bound < until),
        None => bounds.len(),
    };
    first..last.max(first) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ChunkId;
    use crate::domain::listing::PageRef;

    fn path(text: &str) -> RecordPath {
        RecordPath::new(text).unwrap()
    }

    fn page(first: &str, until: Option<&str>, count: u32) -> PageUse {
        let page = PageRef { id: ChunkId::new([0; 32]), first: path(first), count };
        PageUse { page, until: until.map(path), uses: vec![] }
    }

    #[test]
    fn stretches_have_about_as_much_to_read() {
        let pages: Vec<PageUse> = "edcbaaaa".chars().map(|c| page(&c.to_string(), None, 10)).collect();
        assert_eq!(bounds(&pages, 1), []);
        assert_eq!(bounds(&pages, 2), [path("b")]);
        assert_eq!(bounds(&pages, 4), [path("b"), path("c"), path("d")]);
        assert_eq!(bounds(&[], 4), []);
        assert_eq!(bounds(&pages[4..], 4), [], "one path cannot be shared");
    }

    #[test]
    fn a_page_goes_wherever_it_can_have_entries() {
        let bounds = ["d", "h"].map(path);
        let of = |first: &str, until: Option<&str>| touched(&bounds, &page(first, until, 1));
        assert_eq!(of("a", Some("d")), 0..1, "it ends before the next one begins");
        assert_eq!(of("a", Some("e")), 0..2);
        assert_eq!(of("a", None), 0..3);
        assert_eq!(of("d", Some("f")), 1..2);
        assert_eq!(of("e", Some("x")), 1..3);
        assert_eq!(of("h", None), 2..3);
        assert_eq!(of("x", Some("b")), 2..3, "nonsense is refused by whoever takes it");
    }
}
