//! SQLite: the file is as long as it says, and every tree, every chain of overflow pages and the list of free pages
//! hang together; the records in the leaves are as long as they say.
//!
//! No page is looked at twice, so a ring ends the walk. Indexes are not compared with tables.

use super::Verdict;

const HEADER: usize = 100;

struct Database<'b> {
    bytes: &'b [u8],
    page: usize,
    usable: usize,
    pages: usize,
    seen: Vec<bool>,
}

fn broken(why: &str) -> Verdict {
    Verdict::damaged(format!("the database is broken: {why}"))
}

fn be(bytes: &[u8], at: usize, len: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(len)?)?;
    Some(field.iter().fold(0, |n, b| n << 8 | usize::from(*b)))
}

/// A number of variable length, and where it ends.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for n in 0..9 {
        let byte = *bytes.get(at + n)?;
        if n == 8 {
            return Some((value << 8 | u64::from(byte), at + 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at + n + 1));
        }
    }
    None
}

pub(super) fn check(bytes: &[u8]) -> Result<(), Verdict> {
    // A write-ahead log beside it may hold what mends it.
    let logged = bytes.get(18..20) == Some(&[2, 2]);
    walk(bytes).map_err(|verdict| match verdict {
        Verdict::Damaged(_) if logged => {
            Verdict::not_checkable("the newest part of the database lies in a second file")
        }
        other => other,
    })
}

fn walk(bytes: &[u8]) -> Result<(), Verdict> {
    let mut all = Database::open(bytes)?;
    let mut roots = vec![];
    all.tree(1, &mut |record| roots.extend(root_page(record)))?;
    for root in roots {
        all.tree(root, &mut |_| {})?;
    }
    all.free_pages()
}

impl<'b> Database<'b> {
    fn open(bytes: &'b [u8]) -> Result<Self, Verdict> {
        let field = |at, len| be(bytes, at, len).filter(|_| bytes.len() >= HEADER).ok_or_else(|| broken("its header"));
        let page = match field(16, 2)? {
            1 => 65536,
            size => size,
        };
        let reserved = field(20, 1)?;
        if !page.is_power_of_two() || page < 512 || reserved > page - 480 {
            return Err(broken("the size of its pages"));
        }
        if !bytes.len().is_multiple_of(page) {
            return Err(broken("it ends in the middle of a page"));
        }
        let pages = bytes.len() / page;
        let said = field(28, 4)?;
        if said != 0 && field(24, 4)? == field(92, 4)? && said != pages {
            return Err(broken("it is not as long as it says"));
        }
        Ok(Self { bytes, page, usable: page - reserved, pages, seen: vec![false; pages + 1] })
    }

    /// A page that was not looked at before.
    fn visit(&mut self, number: usize) -> Result<&'b [u8], Verdict> {
        if number == 0 || number > self.pages {
            return Err(broken("a page is missing"));
        }
        if std::mem::replace(&mut self.seen[number], true) {
            return Err(broken("a page stands in two places"));
        }
        Ok(&self.bytes[(number - 1) * self.page..][..self.page])
    }

    fn tree(&mut self, root: usize, each: &mut dyn FnMut(&[u8])) -> Result<(), Verdict> {
        let mut todo = vec![root];
        while let Some(number) = todo.pop() {
            let page = self.visit(number)?;
            let start = if number == 1 { HEADER } else { 0 };
            let get = |at, len| be(page, start + at, len).ok_or_else(|| broken("a page"));
            let (kind, cells) = (get(0, 1)?, get(3, 2)?);
            let inner = matches!(kind, 2 | 5);
            if !inner && !matches!(kind, 10 | 13) {
                return Err(broken("a page is none of its kinds"));
            }
            let list = if inner { 12 } else { 8 };
            if start + list + 2 * cells > self.usable {
                return Err(broken("a page"));
            }
            if inner {
                todo.push(get(8, 4)?);
            }
            for n in 0..cells {
                let at = get(list + 2 * n, 2)?;
                if at < start + list + 2 * cells || at + 4 > self.usable {
                    return Err(broken("an entry lies outside its page"));
                }
                self.cell(page, kind, at, &mut todo, each)?;
            }
        }
        Ok(())
    }

    fn cell(
        &mut self,
        page: &[u8],
        kind: usize,
        at: usize,
        todo: &mut Vec<usize>,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Verdict> {
        let bad = || broken("an entry");
        let mut at = at;
        if matches!(kind, 2 | 5) {
            todo.push(be(page, at, 4).ok_or_else(bad)?);
            at += 4;
        }
        if kind == 5 {
            return varint(page, at).map(drop).ok_or_else(bad);
        }
        let (length, mut at) = varint(page, at).ok_or_else(bad)?;
        if kind == 13 {
            (_, at) = varint(page, at).ok_or_else(bad)?;
        }
        let length = usize::try_from(length).map_err(|_| bad())?;
        let here = self.local(length, kind == 13);
        let payload = page.get(at..at + here).filter(|_| at + here <= self.usable).ok_or_else(bad)?;
        if here < length {
            let first = be(page, at + here, 4).ok_or_else(bad)?;
            self.overflow(first, length - here)?;
        }
        if !is_record(payload, length) {
            return Err(broken("a record is not as long as it says"));
        }
        each(payload);
        Ok(())
    }

    /// How much of an entry lies in its page (the file format's own rule).
    fn local(&self, length: usize, table: bool) -> usize {
        let least = (self.usable - 12) * 32 / 255 - 23;
        let most = if table { self.usable - 35 } else { (self.usable - 12) * 64 / 255 - 23 };
        if length <= most {
            return length;
        }
        let wanted = least + (length - least) % (self.usable - 4);
        if wanted <= most { wanted } else { least }
    }

    fn overflow(&mut self, first: usize, length: usize) -> Result<(), Verdict> {
        let (mut next, mut left) = (first, length);
        while left > 0 {
            let page = self.visit(next)?;
            next = be(page, 0, 4).ok_or_else(|| broken("a page"))?;
            left = left.saturating_sub(self.usable - 4);
        }
        if next == 0 { Ok(()) } else { Err(broken("a long entry does not end")) }
    }

    fn free_pages(&mut self) -> Result<(), Verdict> {
        let (mut trunk, said) = (be(self.bytes, 32, 4).unwrap_or(0), be(self.bytes, 36, 4).unwrap_or(0));
        let mut found = 0;
        while trunk != 0 {
            let page = self.visit(trunk)?;
            let leaves = be(page, 4, 4).filter(|n| 8 + 4 * n <= self.usable).ok_or_else(|| broken("its free pages"))?;
            for n in 0..leaves {
                self.visit(be(page, 8 + 4 * n, 4).unwrap_or(0))?;
            }
            found += 1 + leaves;
            trunk = be(page, 0, 4).unwrap_or(0);
        }
        if found == said { Ok(()) } else { Err(broken("its free pages")) }
    }
}

/// How long a value of this type is.
fn value_len(serial: u64) -> Option<usize> {
    Some(match serial {
        0 | 8 | 9 => 0,
        1..=4 => serial as usize,
        5 => 6,
        6 | 7 => 8,
        10 | 11 => return None,
        n => usize::try_from((n - 12) / 2).ok()?,
    })
}

/// The types of a record's values and where the values begin; `None` where the header goes beyond what is here.
fn header(payload: &[u8]) -> Option<(Vec<u64>, usize)> {
    let (end, mut at) = varint(payload, 0)?;
    let end = usize::try_from(end).ok().filter(|end| *end >= at && *end <= payload.len())?;
    let mut serials = vec![];
    while at < end {
        let (serial, next) = varint(payload, at)?;
        (at, _) = (next, serials.push(serial));
    }
    (at == end).then_some((serials, end))
}

fn is_record(payload: &[u8], length: usize) -> bool {
    let Some((serials, start)) = header(payload) else {
        // The header of a very wide record may go on in the overflow.
        return payload.len() < length && varint(payload, 0).is_some_and(|(n, _)| n as usize > payload.len());
    };
    let values = serials.iter().try_fold(start, |sum, serial| sum.checked_add(value_len(*serial)?));
    values == Some(length)
}

/// The fourth value of a row of the schema.
fn root_page(record: &[u8]) -> Option<usize> {
    let (serials, start) = header(record)?;
    let before: usize = serials.iter().take(3).map(|s| value_len(*s)).sum::<Option<usize>>()?;
    let serial = *serials.get(3)?;
    match serial {
        9 => Some(1),
        1..=4 => be(record, start + before, value_len(serial)?).filter(|root| *root > 0),
        _ => None,
    }
}
