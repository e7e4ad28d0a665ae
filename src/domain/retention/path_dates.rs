//! The years and dates that councils write into names of folders and files, read the British way.
//!
//! Where a name can be read in several ways, or tells several dates, the latest counts.

use jiff::civil::{Date, date};

use super::trigger::{DateSource, Dated};
use crate::domain::path::{RecordPath, printable};

/// The years a name may tell.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2199;

/// A run of digits or of letters in a name.
#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    number: bool,
    /// What stands between it and the token before.
    gap: &'a str,
}

fn tokens(name: &str) -> Vec<Token<'_>> {
    let class = |c: char| {
        if c.is_ascii_digit() {
            1
        } else if c.is_alphanumeric() {
            2
        } else {
            0
        }
    };
    let mut found = vec![];
    let (mut gap_from, mut at) = (0, 0);
    while at < name.len() {
        let kind = name[at..].chars().next().map_or(0, class);
        let len = name[at..].find(|c| class(c) != kind).unwrap_or(name.len() - at);
        if kind > 0 {
            found.push(Token { text: &name[at..at + len], number: kind == 1, gap: &name[gap_from..at] });
            gap_from = at + len;
        }
        at += len;
    }
    found
}

fn text(name: &[u8]) -> &str {
    std::str::from_utf8(name).unwrap_or_default()
}

/// A whole number of four digits that can be a year.
fn year(text: &str) -> Option<i16> {
    let year = text.parse().ok().filter(|_| text.len() == 4)?;
    YEARS.contains(&year).then_some(year)
}

/// What a name says of financial years.
enum Pair {
    /// The second year follows the first: 31 March of the second.
    Right(Date),
    /// It looks like a span of years but is not one financial year.
    Wrong,
}

/// The second part of a pair behind the year `first`.
fn pair(first: i16, second: &str) -> Option<Pair> {
    let next = first.checked_add(1)?;
    let whole = match second.len() {
        2 => second.parse::<i16>().ok()? == next % 100,
        4 => year(second)? == next,
        _ => return None,
    };
    let month = second.len() == 2 && (1..=12).contains(&second.parse::<i16>().ok()?);
    match (whole, month) {
        (true, _) => Date::new(next, 3, 31).ok().map(Pair::Right),
        (false, true) => None,
        (false, false) => Some(Pair::Wrong),
    }
}

/// `2019-20`, `2019-2020`, `FY2019_20`, `Accounts 2019 – 20`; not `2019-20-05` nor `12-2019-20`, which say something else.
fn pairs_in(name: &str) -> Option<Pair> {
    let tokens = tokens(name);
    let joins = |gap: &str| matches!(gap.trim(), "-" | "_" | "–" | "—") && gap.len() < 6;
    let (mut right, mut wrong) = (None, false);
    for at in 1..tokens.len() {
        let (a, b) = (tokens[at - 1], tokens[at]);
        let before = !joins(a.gap) || at < 2 || !tokens[at - 2].number;
        let after = tokens.get(at + 1).is_none_or(|c| !c.number || !joins(c.gap));
        if !(joins(b.gap) && before && after) {
            continue;
        }
        match year(a.text).and_then(|first| pair(first, b.text)) {
            Some(Pair::Right(end)) => right = right.max(Some(end)),
            Some(Pair::Wrong) => wrong = true,
            None => {}
        }
    }
    right.map(Pair::Right).or(wrong.then_some(Pair::Wrong))
}

/// The end of the financial year that the nearest folder names, else the file's own name. A nearer folder that names
/// several years at once hides those above it.
pub(super) fn financial_year(path: &RecordPath) -> Option<Dated> {
    let names: Vec<&str> = path.components().map(text).collect();
    let (file, folders) = names.split_last()?;
    for at in (0..folders.len()).rev() {
        let said = match pairs_in(folders[at]) {
            Some(pair) => Some((pair, folders[at].to_owned())),
            None => at.checked_sub(1).and_then(|above| {
                let first = year(folders[above])?;
                (folders[at].len() == 2)
                    .then(|| pair(first, folders[at]))?
                    .map(|pair| (pair, format!("{}/{}", folders[above], folders[at])))
            }),
        };
        match said {
            Some((Pair::Right(date), name)) => return Some(Dated { date, source: DateSource::FolderName(name) }),
            Some((Pair::Wrong, _)) => return None,
            None => {}
        }
    }
    let Some(Pair::Right(date)) = pairs_in(file) else { return None };
    Some(Dated { date, source: DateSource::FileName((*file).to_owned()) })
}

/// The end of the year that the nearest folder is named by.
pub(super) fn calendar_year(path: &RecordPath) -> Option<Dated> {
    let names: Vec<&str> = path.components().map(text).collect();
    let (_, folders) = names.split_last()?;
    folders.iter().rev().find_map(|name| {
        let date = date(year(name.trim())?, 12, 31);
        Some(Dated { date, source: DateSource::FolderName((*name).to_owned()) })
    })
}

/// The full date in the file's name, else in the nearest folder's name or the nearest `2026/05/12`.
pub(super) fn full_date(path: &RecordPath) -> Option<Dated> {
    let names: Vec<&str> = path.components().map(text).collect();
    let file = names.len().checked_sub(1)?;
    (0..names.len()).rev().find_map(|at| {
        if let Some(date) = latest_date(names[at]) {
            return Some(Dated { date, source: DateSource::DateInName(printable(names[at].as_bytes())) });
        }
        let spread = at.checked_sub(2).filter(|_| at < file).map(|from| &names[from..=at])?;
        let clean = |t: &&str| t.len() <= 9 && t.chars().all(char::is_alphanumeric);
        let date = spread.iter().all(clean).then(|| by_parts(spread[0], spread[1], spread[2]))??;
        Some(Dated { date, source: DateSource::DateInName(spread.join("/")) })
    })
}

/// The latest full date in one name.
fn latest_date(name: &str) -> Option<Date> {
    let all = tokens(name);
    let mut latest = all.iter().filter(|t| t.number).filter_map(|t| compact(t.text)).max();
    let plain: Vec<Token<'_>> =
        all.iter().enumerate().filter(|(at, t)| !is_ending(&all, *at, t)).map(|(_, t)| *t).collect();
    for three in plain.windows(3) {
        let [a, b, c] = three else { continue };
        let numbers = a.number && b.number && c.number;
        let same = b.gap == c.gap && matches!(b.gap, "-" | "." | "_");
        let loose = |gap: &str| gap.chars().count() <= 3 && gap.chars().all(|c| " -_.,'–".contains(c));
        if if numbers { same } else { loose(b.gap) && loose(c.gap) } {
            latest = latest.max(by_parts(a.text, b.text, c.text));
        }
    }
    latest
}

/// The `th` of `12th`, and the `of` behind it.
fn is_ending(all: &[Token<'_>], at: usize, token: &Token<'_>) -> bool {
    let word = token.text.to_ascii_lowercase();
    let after_number = at.checked_sub(1).and_then(|i| all.get(i)).is_some_and(|t| t.number);
    word == "of" || (after_number && token.gap.is_empty() && ["st", "nd", "rd", "th"].contains(&word.as_str()))
}

/// `20260512`, alone or with a time of day behind it.
fn compact(digits: &str) -> Option<Date> {
    if ![8, 12, 14].contains(&digits.len()) {
        return None;
    }
    let time = |from: usize, below: u8| {
        digits.get(from..from + 2).filter(|d| !d.is_empty()).is_none_or(|d| d.parse::<u8>().is_ok_and(|n| n < below))
    };
    if !(time(8, 24) && time(10, 60) && time(12, 60)) {
        return None;
    }
    made(digits.get(..4)?, digits.get(4..6)?, digits.get(6..8)?)
}

/// Year, month, day; day, month, year; or month, day, year where the month is a word.
fn by_parts(a: &str, b: &str, c: &str) -> Option<Date> {
    if year(a).is_some() {
        made(a, b, c)
    } else if month_word(a).is_some() {
        made(c, a, b)
    } else {
        made(c, b, a)
    }
}

fn made(y: &str, m: &str, d: &str) -> Option<Date> {
    let small = |t: &str| t.parse::<i8>().ok().filter(|_| t.len() <= 2);
    Date::new(year(y)?, month_word(m).or_else(|| small(m))?, small(d)?).ok()
}

fn month_word(word: &str) -> Option<i8> {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.to_lowercase();
    let fits =
        |name: &&str| **name == word || name.get(..3) == Some(&word) || (word == "sept" && name.starts_with("sept"));
    NAMES.iter().position(fits).and_then(|at| i8::try_from(at + 1).ok())
}

#[cfg(test)]
#[path = "path_dates_tests.rs"]
mod tests;
