//! Marks where the data of members begins and ends in a zip, so that an unchanged picture in an edited document
//! keeps its chunks although the headers around it, which hold times, have changed.
//!
//! Members whose header gives their length are skipped over; the end of the others is found by the next header's
//! signature. A member whose data is smaller than [`MIN_REGION`] stays with its neighbours. Any input is safe: what
//! makes no sense is searched for the next header that does.

use memchr::memmem::Finder;

use super::MIN_REGION;
use super::engine::{Marks, Place};

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL_LEN: usize = 30;
/// Bit 3 of the flags: lengths follow the data.
const LENGTHS_FOLLOW: u16 = 1 << 3;
/// The length is in a zip64 field; such members are searched, not skipped.
const LENGTH_ELSEWHERE: u32 = u32::MAX;
/// The highest "version needed" ever assigned is 6.3; a greater one is not a header.
const MAX_VERSION: u16 = 63;
/// Longer names than this are not believed to be names.
const MAX_NAME: u16 = 4096;

#[derive(Debug, Clone, Copy)]
enum State {
    /// Where a header should be.
    Entry,
    /// Looking for the next header, in no member.
    Search,
    /// Looking for the next header, in a member of unknown length whose data began at `since`.
    Member { since: u64, marked: bool },
}

/// A scanner over one zip.
#[derive(Debug)]
pub(super) struct ZipScanner {
    at: u64,
    state: State,
    signature: Finder<'static>,
}

/// What a local header says.
struct Local {
    data_after: u64,
    len: Option<u64>,
}

impl ZipScanner {
    pub(super) fn new() -> Self {
        Self { at: 0, state: State::Entry, signature: Finder::new(b"PK") }
    }

    /// Looks at `data`, which begins at `base` and reaches further than last time, or to the end.
    pub(super) fn scan(&mut self, data: &[u8], base: u64, eof: bool, marks: &mut Marks) {
        loop {
            let from = usize::try_from(self.at.saturating_sub(base)).unwrap_or(usize::MAX);
            let Some(rest) = data.get(from..).filter(|rest| !rest.is_empty()) else { return };
            let found = match self.state {
                State::Entry => Some(0),
                _ => self.signature.find(rest),
            };
            let Some(found) = found else {
                // The last byte may be the first of a signature.
                let hold = usize::from(!eof && rest.last() == Some(&b'P'));
                self.at += (rest.len() - hold) as u64;
                self.settle(marks);
                return;
            };
            self.at += found as u64;
            self.settle(marks);
            let rest = &rest[found..];
            if rest.len() < LOCAL_LEN && !eof {
                return;
            }
            self.header(rest, marks);
        }
    }

    /// `rest` is at what may be a header and holds all of it, or ends with the content. Always moves on.
    fn header(&mut self, rest: &[u8], marks: &mut Marks) {
        if let Some(local) = parse(rest) {
            self.close(marks);
            let data_at = self.at + local.data_after;
            self.at = data_at + local.len.unwrap_or(0);
            self.state = match local.len {
                None => State::Member { since: data_at, marked: false },
                Some(_) => State::Entry,
            };
            if local.len.is_some_and(|len| len >= MIN_REGION) {
                marks.hard(data_at, Place::Plain);
                marks.hard(self.at, Place::Plain);
            }
        } else if rest.starts_with(CENTRAL) {
            self.close(marks);
            self.state = State::Search;
            self.at += CENTRAL.len() as u64;
        } else {
            if matches!(self.state, State::Entry) {
                self.state = State::Search;
            }
            self.at += 1;
        }
    }

    /// A member that has become long enough is a region.
    fn settle(&mut self, marks: &mut Marks) {
        if let State::Member { since, marked } = &mut self.state
            && !*marked
            && self.at - *since >= MIN_REGION
        {
            *marked = true;
            marks.hard(*since, Place::Plain);
        }
    }

    /// Ends a member of unknown length, if there is one, here.
    fn close(&mut self, marks: &mut Marks) {
        if let State::Member { marked: true, .. } = self.state {
            marks.hard(self.at, Place::Plain);
        }
    }
}

/// A local header that makes sense, or nothing.
fn parse(rest: &[u8]) -> Option<Local> {
    let header = rest.get(..LOCAL_LEN)?;
    let short = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let name = short(26);
    if !header.starts_with(LOCAL) || (short(4) & 0xff) > MAX_VERSION || name == 0 || name > MAX_NAME {
        return None;
    }
    let packed = u32::from_le_bytes([header[18], header[19], header[20], header[21]]);
    let unknown = packed == LENGTH_ELSEWHERE || (packed == 0 && short(6) & LENGTHS_FOLLOW != 0);
    let data_after = LOCAL_LEN as u64 + u64::from(name) + u64::from(short(28));
    Some(Local { data_after, len: (!unknown).then_some(u64::from(packed)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::cut::tests::{Member, noise, zip};

    fn marks(data: &[u8]) -> Vec<u64> {
        let mut marks = Marks::default();
        ZipScanner::new().scan(data, 0, true, &mut marks);
        marks.listed().0.into_iter().map(|(at, _)| at).collect()
    }

    #[test]
    fn members_of_known_and_of_unknown_length_are_found() {
        let members = [("a.xml", 500), ("b.png", 9000), ("c.xml", 700), ("d.png", 4096), ("e.png", 20000)];
        for follow in [false, true] {
            let list: Vec<Member> =
                members.iter().map(|(name, len)| Member { name, data: noise(*len as u64, *len), time: 1 }).collect();
            let whole = zip(&list, follow);
            let after = if follow { 16 } else { 0 };
            let mut expected = Vec::new();
            let mut at = 0;
            for member in &list {
                at += 30 + member.name.len() as u64;
                let end = at + member.data.len() as u64 + after;
                if end - at >= MIN_REGION {
                    expected.extend([at, end]);
                }
                at = end;
            }
            assert_eq!(marks(&whole), expected, "lengths follow: {follow}");
        }
    }

    #[test]
    fn a_length_that_lies_only_moves_the_search_on() {
        let member = |len| Member { name: "p.png", data: noise(3, len), time: 1 };
        let mut whole = zip(&[member(9000), member(9000)], false);
        whole[18..22].copy_from_slice(&5000u32.to_le_bytes());
        let second = 35 + 9000 + 35;
        assert_eq!(marks(&whole), vec![35, 35 + 5000, second, second + 9000]);
        whole[18..22].copy_from_slice(&0xffff_fffeu32.to_le_bytes());
        assert_eq!(marks(&whole), vec![35, 35 + 0xffff_fffe]);
    }

    #[test]
    fn signatures_that_begin_no_header_are_not_believed() {
        let mut data = b"PK\x03\x04".repeat(5000);
        assert_eq!(marks(&data), Vec::<u64>::new());
        data.extend(b"PK");
        assert_eq!(marks(&data), Vec::<u64>::new());
    }

    #[test]
    fn wherever_reading_halts_the_marks_are_the_same() {
        let member = |name, len| Member { name, data: noise(len as u64, len), time: 1 };
        for (follow, before) in [(false, 0), (true, 0), (false, 100)] {
            let mut data = vec![0; before]; // as in a program that unpacks itself
            data.extend(zip(&[member("b.png", 5000), member("a.xml", 100), member("c.png", 4200)], follow));
            let whole = marks(&data);
            assert_eq!(whole.len(), 4);
            for halt in 0..data.len() {
                let (mut marks, mut scanner) = (Marks::default(), ZipScanner::new());
                scanner.scan(&data[..halt], 0, false, &mut marks);
                scanner.scan(&data, 0, true, &mut marks);
                let listed: Vec<u64> = marks.listed().0.into_iter().map(|(at, _)| at).collect();
                assert_eq!(listed, whole, "halted at {halt}");
            }
        }
    }
}
