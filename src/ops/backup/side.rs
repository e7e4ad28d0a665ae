//! One of both listings as it grows, for the store and for this machine.
//!
//! As long as every entry is what the last listing had in the same place, nothing is written: at the end the same pages
//! and the same file serve again. The first entry that differs has what came before it copied, and the rest written.

use super::depot::Depot;
use crate::domain::listing::PageRef;
use crate::repo::error::RepoError;
use crate::repo::last_listing::{Kept, Known, LastListing, ListingFile, Reader, Writer};
use crate::repo::listing::{PageWriter, encode_into};
use crate::repo::writer::Stream;

/// What the listing was last time.
struct Before {
    file: ListingFile,
    pages: Vec<PageRef>,
    /// So many entries were met again, one after the other from the first on.
    same: u64,
    /// In tests: what should have been met.
    shadow: Option<Reader>,
}

/// A listing that grows.
pub struct Side {
    last: LastListing,
    what: &'static str,
    before: Option<Before>,
    writer: Option<Writer>,
    pages: PageWriter,
    encoded: Vec<u8>,
}

impl Side {
    /// Starts. `before`: the file and the pages of last time; worth nothing unless all pages can be relied on.
    pub fn start(
        last: &LastListing,
        what: &'static str,
        before: Option<(ListingFile, Vec<PageRef>)>,
        depot: &Depot,
    ) -> Result<Self, RepoError> {
        let before = before.filter(|(_, pages)| pages.iter().all(|page| depot.holds(&page.id)));
        let begin = |(file, pages): (ListingFile, Vec<PageRef>)| {
            let shadow = if cfg!(debug_assertions) { Some(Reader::open(&file.0)?) } else { None };
            Ok::<_, RepoError>(Before { file, pages, same: 0, shadow })
        };
        let before = before.map(begin).transpose()?;
        Ok(Self { last: last.clone(), what, before, writer: None, pages: PageWriter::default(), encoded: vec![] })
    }

    /// Adds the next entry.
    pub fn add(&mut self, depot: &mut Depot, known: &Known) -> Result<(), RepoError> {
        if let Some(before) = &mut self.before {
            if known.place == Some(before.same) {
                debug_assert!(
                    before.shadow.as_mut().and_then(|s| s.next()).is_some_and(|k| k.is_ok_and(|k| k == *known))
                );
                before.same += 1;
                return Ok(());
            }
            self.write_anew(depot)?;
        }
        self.encoded.clear();
        encode_into(&known.entry, &mut self.encoded)?;
        writer(&mut self.writer, &self.last, self.what)?.add_encoded(&self.encoded, known)?;
        self.pages.add_encoded(&known.entry.path, &self.encoded, &mut |page| depot.put(Stream::Listing, &page))
    }

    /// From here on it is another listing: what is the same so far is copied.
    fn write_anew(&mut self, depot: &mut Depot) -> Result<(), RepoError> {
        let Some(Before { file, mut pages, same, .. }) = self.before.take() else { return Ok(()) };
        let (mut whole, mut covered) = (0, 0);
        for page in &pages {
            if covered + u64::from(page.count) > same {
                break;
            }
            covered += u64::from(page.count);
            whole += 1;
        }
        if whole == pages.len() && whole > 0 {
            // Only the end of the listing closed the last page: where pages end depends on the paths alone.
            whole -= 1;
            covered -= u64::from(pages[whole].count);
        }
        pages.truncate(whole);
        pages.iter().for_each(|page| depot.keep_page(&page.id));
        let out = writer(&mut self.writer, &self.last, self.what)?;
        let mut reader = Reader::proving(&file.0)?;
        reader.copy_to(out, covered)?;
        self.pages = PageWriter::after(pages);
        for known in reader.by_ref().take((same - covered) as usize) {
            let known = known?;
            out.add(&known)?;
            self.pages.add(&known.entry, &mut |page| depot.put(Stream::Listing, &page))?;
        }
        // What was copied is what was walked, or this run ends: a disk may answer otherwise the second time.
        reader.is_whole(&file.1)
    }

    /// Ends it: its pages, and the file that this machine keeps.
    pub fn finish(mut self, depot: &mut Depot) -> Result<(Vec<PageRef>, Kept), RepoError> {
        let all = |before: &Before| before.pages.iter().map(|p| u64::from(p.count)).sum::<u64>() == before.same;
        if let Some(before) = self.before.take_if(|b| all(b)) {
            for page in &before.pages {
                depot.keep_page(&page.id);
            }
            return Ok((before.pages, Kept::Same(before.file.1)));
        }
        self.write_anew(depot)?;
        writer(&mut self.writer, &self.last, self.what)?;
        let pages = self.pages.finish(&mut |page| depot.put(Stream::Listing, &page))?;
        let writer = self.writer.ok_or_else(|| RepoError::Listing("nothing was written".into()))?;
        Ok((pages, Kept::New(Box::new(writer))))
    }
}

/// The file, made when it is first needed.
fn writer<'w>(slot: &'w mut Option<Writer>, last: &LastListing, what: &str) -> Result<&'w mut Writer, RepoError> {
    match slot {
        Some(writer) => Ok(writer),
        none => Ok(none.insert(last.writer(what)?)),
    }
}
