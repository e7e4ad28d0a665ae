//! Is what changed since the last backup unusual: very many records at once, many over a week, or fewer that were given a
//! new ending or turned to noise, as after an attack?
//!
//! What an office does every night is no alarm (`usual`), unless it is half of everything. Renaming and noise are no
//! everyday work, so far fewer of them are enough.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// At least so many records, and this share of all, changed or gone at once, are an incident.
const MASS_RECORDS: u64 = 50;
const MASS_PERCENT: u64 = 20;
/// So much is one however usual it is.
const ALWAYS_PERCENT: u64 = 50;
/// What is more than this many times the usual is not usual.
const USUAL_TIMES: u64 = 2;
/// This share of all, changed or gone over a week, is one. A record that changes daily counts each time: what is usual must
/// be known.
const WEEK_PERCENT: u64 = 30;
/// The same of records with a new ending or turned to noise, at once or over a week.
const TURNED_RECORDS: u64 = 20;
const TURNED_PERCENT: u64 = 2;
/// Names that are remembered while a backup runs; beyond this the share of changed and gone records speaks.
const NAMES: usize = if cfg!(test) { 1 << 10 } else { 1 << 20 };
/// An ending for which there was no room: no record had it before, as far as is known.
const UNSPELLED: u32 = u32::MAX;
/// A longer ending is none.
const ENDING: usize = 32;

/// What changes and goes as a rule, as far as earlier backups have shown it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usual {
    /// The most in one backup.
    pub once: Option<u64>,
    /// Over a week.
    pub week: Option<Week>,
}

/// Records over a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Week {
    /// Those that changed or went.
    pub touched: Sum,
    /// Those with a new ending or turned to noise, where it is known how many are usual.
    pub turned: Option<Sum>,
}

/// How many over a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    /// In the days before this backup that belong to one week with it, since the last incident.
    pub so_far: u64,
    /// The most in a week before these.
    pub usual: u64,
}

/// What this backup's walk met.
#[derive(Debug, Default)]
pub struct Unusual {
    /// Files that were there last time with another content.
    pub changed: u64,
    /// Of these, those whose content is noise now.
    noise: u64,
    /// Each ending, spelled once.
    endings: HashMap<Vec<u8>, u32>,
    /// Those that records had before.
    known: HashSet<u32>,
    gone: HashSet<u64>,
    /// Those of them that had an ending.
    ended: HashSet<u64>,
    fresh: Vec<(u64, u32)>,
}

/// A message in a Maildir that somebody may have read since: its flags are no ending.
fn is_message(name: &[u8]) -> bool {
    let flags = memchr::memrchr(b',', name).filter(|at| name[..*at].ends_with(b":2"));
    flags.is_some_and(|at| name[at + 1..].iter().all(u8::is_ascii_alphabetic))
}

/// The path without its last ending, and that ending.
fn parts(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let name = memchr::memrchr(b'/', path).map_or(0, |at| at + 1);
    if is_message(&path[name..]) {
        return None;
    }
    let dot = name + memchr::memrchr(b'.', &path[name..]).filter(|at| *at > 0)?;
    let ending = &path[dot + 1..];
    (!ending.is_empty() && ending.len() <= ENDING).then_some((&path[..dot], ending))
}

fn key(path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

/// What became of a file since the last backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Same,
    /// It was not there.
    New,
    /// Its content changed.
    Changed,
    /// Its content changed to noise.
    Noise,
}

impl Unusual {
    /// A file that is there.
    pub fn met(&mut self, path: &[u8], change: Change) {
        self.changed += u64::from(matches!(change, Change::Changed | Change::Noise));
        self.noise += u64::from(change == Change::Noise);
        if change == Change::New { self.new_file(path) } else { self.known(path) }
    }

    fn known(&mut self, path: &[u8]) {
        if let Some(number) = parts(path).and_then(|(_, ending)| self.number(ending)) {
            self.known.insert(number);
        }
    }

    /// The number of an ending, while there is room.
    fn number(&mut self, ending: &[u8]) -> Option<u32> {
        let next = self.endings.len();
        if let Some(number) = self.endings.get(ending) {
            return Some(*number);
        }
        (next < NAMES).then(|| *self.endings.entry(ending.to_owned()).or_insert(next as u32))
    }

    /// One that went since.
    pub fn gone(&mut self, path: &[u8]) {
        self.known(path);
        if self.gone.len() < NAMES {
            self.gone.insert(key(path));
            self.ended.extend(parts(path).map(|_| key(path)));
            self.gone.extend(parts(path).map(|(stem, _)| key(stem)));
        }
    }

    fn new_file(&mut self, path: &[u8]) {
        let Some((stem, ending)) = parts(path).filter(|_| self.fresh.len() < NAMES) else { return };
        let number = self.number(ending).unwrap_or(UNSPELLED);
        self.fresh.push((key(stem), number));
    }

    /// Records that went, and stand there with an ending that no record had before: `report.docx.locked`.
    fn renamed(&self) -> u64 {
        let is = |(stem, ending): &&(u64, u32)| self.gone.contains(stem) && !self.known.contains(ending);
        self.fresh.iter().filter(is).count() as u64
    }

    /// For the sum of a week: those, and what has one ending more than before: on the second night, the first night's ending
    /// is not new any more.
    pub fn turned(&self) -> u64 {
        let is = |(stem, ending): &&(u64, u32)| {
            self.ended.contains(stem) || (self.gone.contains(stem) && !self.known.contains(ending))
        };
        self.noise + self.fresh.iter().filter(is).count() as u64
    }

    /// How many changed, went, were there, have a new ending, are noise and, where it shows over a week only, how many it
    /// was in that week: where a person should look.
    pub fn is_incident(&self, gone: u64, records: u64, usual: Usual) -> Option<Vec<u64>> {
        let touched = self.changed.min(records) + gone;
        let share = |n: u64, percent: u64| n * 100 >= records * percent;
        let is_usual = |n: u64, usual: u64| n <= usual.saturating_mul(USUAL_TIMES);
        let known = usual.once.is_some_and(|once| is_usual(touched, once));
        let many = touched >= MASS_RECORDS && share(touched, MASS_PERCENT);
        let turned = self.renamed() + self.noise;
        let at_once = (many && (!known || share(touched, ALWAYS_PERCENT)))
            || (turned >= TURNED_RECORDS && share(turned, TURNED_PERCENT));
        let over = |tonight: u64, week: Sum, least: u64, percent: u64| {
            let all = tonight + week.so_far;
            let is = tonight > 0 && all >= least && share(all, percent) && !is_usual(all, week.usual);
            is.then_some(all)
        };
        let over_a_week = |week: Week| {
            let turned = || over(self.turned(), week.turned?, TURNED_RECORDS, TURNED_PERCENT);
            over(touched, week.touched, MASS_RECORDS, WEEK_PERCENT).or_else(turned)
        };
        let week = usual.week.and_then(over_a_week).filter(|_| !at_once);
        let counts = [self.changed, gone, records, self.renamed(), self.noise].into_iter().chain(week);
        (at_once || week.is_some()).then(|| counts.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Usual = Usual { once: None, week: None };

    fn office(endings: &[&str]) -> Unusual {
        let mut unusual = Unusual::default();
        endings.iter().for_each(|ending| unusual.known(format!("Documents/x.{ending}").as_bytes()));
        unusual
    }

    fn renamed(n: u64, from: &str, to: &str) -> Unusual {
        let mut unusual = office(&["docx", "pdf"]);
        for n in 0..n {
            unusual.gone(format!("Documents/a.b/{n}{from}").as_bytes());
            unusual.new_file(format!("Documents/a.b/{n}{to}").as_bytes());
        }
        unusual
    }

    #[test]
    fn a_new_ending_behind_or_instead_of_the_old_one_is_noticed() {
        for (from, to, is) in [
            (".docx", ".docx.locked", 20),
            (".docx", ".encrypted", 20),
            ("", ".locked", 20),
            (".docx", ".pdf", 0),
            (".docx", "", 0),
            (".docx", "-old.docx", 0),
        ] {
            assert_eq!(renamed(20, from, to).renamed(), is, "{from} to {to}");
        }
        assert!(renamed(20, ".docx", ".docx.locked").is_incident(20, 1000, NOTHING).is_some());
        assert!(renamed(19, ".docx", ".docx.locked").is_incident(19, 500, NOTHING).is_none());
        assert!(renamed(20, ".docx", ".docx.locked").is_incident(20, 1001, NOTHING).is_none());
        assert!(renamed(20, ".docx", ".pdf").is_incident(20, 1000, NOTHING).is_none());
    }

    /// Whoever gives every file an ending of its own is not to hide the rest behind them.
    #[test]
    fn very_many_endings_hide_no_new_one() {
        let mut unusual = Unusual::default();
        (0..2 * NAMES).for_each(|n| unusual.known(format!("Documents/!.{n}").as_bytes()));
        for n in 0..30 {
            unusual.gone(format!("Documents/{n}.docx").as_bytes());
            unusual.new_file(format!("Documents/{n}.docx.locked").as_bytes());
        }
        assert_eq!((unusual.renamed(), unusual.turned()), (30, 30));
        assert!(unusual.is_incident(30, 1_000, NOTHING).is_some());
    }

    #[test]
    fn reading_mail_gives_a_message_no_new_ending_and_holding_it_to_ransom_does() {
        for flags in [":2,S", ":2,FRS", ".mail,S=4523,W=4621:2,S"] {
            assert_eq!((renamed(20, ":2,", flags).renamed(), renamed(20, flags, ":2,ST").turned()), (0, 0), "{flags}");
        }
        let read = |unusual: &mut Unusual, n| {
            unusual.gone(format!("email/cur/17000.M{n}P2.mail,S={n},W=9:2,").as_bytes());
            unusual.new_file(format!("email/cur/17000.M{n}P2.mail,S={n},W=9:2,S").as_bytes());
        };
        let mut unusual = Unusual::default();
        (0..20).for_each(|n| read(&mut unusual, n));
        assert_eq!((unusual.renamed(), unusual.turned()), (0, 0));
        assert_eq!(renamed(20, ":2,S", ":2,S.locked").renamed(), 20);
    }

    #[test]
    fn what_an_office_does_every_night_is_no_alarm_unless_it_is_half_of_everything() {
        let of = |changed, records, once| {
            Unusual { changed, ..Unusual::default() }.is_incident(0, records, Usual { once, week: None }).is_some()
        };
        assert!(of(50, 250, None) && !of(49, 200, None) && !of(50, 251, None));
        assert!(of(300, 1000, Some(100)) && !of(300, 1000, Some(150)));
        assert!(of(500, 1000, Some(500)) && !of(499, 1000, Some(500)));
        let usual = Usual { once: Some(900), week: None };
        let noise = |noise| Unusual { changed: noise, noise, ..Unusual::default() }.is_incident(0, 1000, usual);
        assert_eq!((noise(19), noise(20)), (None, Some(vec![20, 0, 1000, 0, 20])));
    }

    #[test]
    fn what_stays_below_the_line_each_night_shows_over_a_week() {
        let night = |changed, gone, so_far, usual| {
            let week = Week { touched: Sum { so_far, usual }, turned: None };
            let usual = Usual { once: Some(100), week: Some(week) };
            Unusual { changed, ..Unusual::default() }.is_incident(gone, 1000, usual)
        };
        assert_eq!(night(40, 10, 250, 149), Some(vec![40, 10, 1000, 0, 0, 300]));
        assert_eq!(
            (night(40, 9, 250, 149), night(40, 10, 250, 150)),
            (None, None),
            "less than 30 %, or twice the usual"
        );
        assert_eq!(night(0, 0, 900, 0), None, "nothing changed tonight");
        assert_eq!(night(900, 0, 250, 0).map(|c| c.len()), Some(5), "at once");
    }

    #[test]
    fn a_few_that_turn_each_night_show_over_a_week_too() {
        let week = |so_far, usual| {
            let touched = Sum { so_far: 0, usual: 900 };
            Usual { once: Some(900), week: Some(Week { touched, turned: Some(Sum { so_far, usual }) }) }
        };
        let noise = |n, usual| Unusual { changed: n, noise: n, ..Unusual::default() }.is_incident(0, 1000, usual);
        assert_eq!(noise(3, week(17, 9)), Some(vec![3, 0, 1000, 0, 3, 20]));
        assert_eq!((noise(3, week(16, 9)), noise(3, week(17, 10)), noise(0, week(90, 0))), (None, None, None));
        // The ending came on another night, and is known by now.
        let mut later = renamed(3, ".docx", ".docx.locked");
        later.known(b"Documents/before.docx.locked");
        assert_eq!((later.renamed(), later.turned()), (0, 3));
        assert_eq!(later.is_incident(3, 1000, week(17, 9)).map(|c| c[5]), Some(20));
        for (from, to, is) in [(".docx", ".pdf", 0), ("", ".docx", 0), (".docx", "-old.docx", 0), ("", ".new", 3)] {
            assert_eq!(renamed(3, from, to).turned(), is, "{from} to {to}");
        }
    }
}
