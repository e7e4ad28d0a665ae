//! The law once more: slow, plain, with its own calendar, its own summer time and its own idea of who moved where.

use strongroom::domain::retention::decide::Disposition;
use strongroom::domain::retention::scheme::{Action, Approver};

use super::worlds::{FILES, FOLDERS, RawHold, RawRecord, SUBS, TRIGGERS, TYPED, World};

/// Year, month, day: ordered as days are.
pub type Day = (i16, i8, i8);

pub struct Answer {
    pub disposition: Disposition,
    pub due: Option<Day>,
    pub approver: Option<Approver>,
}

fn leap(y: i16) -> bool {
    (y % 4 == 0 && y % 100 != 0) || y % 400 == 0
}

fn length(y: i16, m: i8) -> i8 {
    match m {
        2 => 28 + i8::from(leap(y)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

pub fn next_day((y, m, d): Day) -> Day {
    if d < length(y, m) { (y, m, d + 1) } else { next_month(y, m) }
}

/// The first of the month after.
fn next_month(y: i16, m: i8) -> Day {
    if m < 12 { (y, m + 1, 1) } else { (y + 1, 1, 1) }
}

/// The day in London, from seconds since 1970.
fn london(seconds: i64) -> Day {
    let plain = utc_day(seconds);
    let year = plain.0;
    let starts = last_sunday(year, 3) * 86_400 + 3600;
    let ends = last_sunday(year, 10) * 86_400 + 3600;
    let summer = year >= 1998 && (starts..ends).contains(&seconds);
    utc_day(seconds + if summer { 3600 } else { 0 })
}

fn utc_day(seconds: i64) -> Day {
    let mut left = seconds.div_euclid(86_400);
    let mut y = 1970;
    loop {
        let long = 365 + i64::from(leap(y));
        if left < long {
            break;
        }
        (left, y) = (left - long, y + 1);
    }
    let mut day = (y, 1, 1);
    for _ in 0..left {
        day = next_day(day);
    }
    day
}

/// Days since 1970 of the last Sunday of a month of 31 days.
fn last_sunday(year: i16, month: i8) -> i64 {
    let mut days: i64 = (1970..year).map(|y| 365 + i64::from(leap(y))).sum();
    days += (1..month).map(|m| i64::from(length(year, m))).sum::<i64>() + 30;
    // 1 January 1970 was a Thursday.
    while (days + 4) % 7 != 0 {
        days -= 1;
    }
    days
}

/// The last day of a minimum, counted month by month and day by day.
pub fn last_day(from: Day, (years, months, days): (u16, u16, u32)) -> Day {
    let (mut y, mut m) = (from.0, from.1);
    for _ in 0..u32::from(years) * 12 + u32::from(months) {
        (y, m, _) = next_month(y, m);
    }
    let mut day = if from.2 <= length(y, m) { (y, m, from.2) } else { next_month(y, m) };
    for _ in 0..days {
        day = next_day(day);
    }
    day
}

fn believed(r: &RawRecord, seconds: i64) -> Option<Day> {
    let day = london(seconds);
    (day >= (1980, 1, 2) && day <= next_day(london(r.observed))).then_some(day)
}

fn year_end(day: Day) -> Day {
    if day <= (day.0, 3, 31) { (day.0, 3, 31) } else { (day.0 + 1, 3, 31) }
}

fn computed(r: &RawRecord, trigger: &str) -> Option<Day> {
    match trigger {
        "created" => believed(r, r.created?),
        "modified" => believed(r, r.modified),
        "last-seen" if r.live || r.unreadable => None,
        "last-seen" => r.last_seen.map(london),
        "financial-year-end" if SUBS[r.at.1] == "2019-20" => Some((2020, 3, 31)),
        "financial-year-end" => believed(r, r.modified).map(year_end),
        "calendar-year-end" if SUBS[r.at.1] == "2019" => Some((2019, 12, 31)),
        "calendar-year-end" => believed(r, r.modified).map(|d| (d.0, 12, 31)),
        "date-in-path" if FILES[r.at.2].starts_with("note") => Some((2020, 5, 12)),
        "date-in-path" if FILES[r.at.2].starts_with("2018") => Some((2019, 2, 28)),
        _ => None,
    }
}

fn fits(r: &RawRecord, typed: usize) -> bool {
    let wanted = TYPED[typed].trim_end_matches('/').to_lowercase();
    [FOLDERS[r.at.0], SUBS[r.at.1], FILES[r.at.2]].iter().any(|name| name.to_lowercase().contains(&wanted))
}

pub fn touches(hold: &RawHold, r: &RawRecord) -> bool {
    if !hold.readable {
        return true;
    }
    let (from, to) = match (hold.from, hold.to) {
        (Some(a), Some(b)) => (Some(a.min(b)), Some(a.max(b))),
        both => both,
    };
    let named = hold.typed.is_empty() || hold.typed.iter().any(|t| fits(r, *t));
    let when = believed(r, r.modified).is_none_or(|d| from.is_none_or(|f| f <= d) && to.is_none_or(|t| d <= t));
    named && when
}

/// When a record by itself may go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum May {
    From(Day),
    Never,
    Unknown,
}

/// The number of the only narrowest class that fits.
fn class_of(world: &World, r: &RawRecord) -> Option<usize> {
    let fitting = |n: &usize| {
        let c = &world.classes[*n];
        let (a, b) = (c.at, r.at);
        a.0 == b.0 && (c.depth < 1 || a.1 == b.1) && (c.depth < 2 || a.2 == b.2)
    };
    let all: Vec<usize> = (0..world.classes.len()).filter(fitting).collect();
    let deepest = all.iter().map(|n| world.classes[*n].depth).max()?;
    let narrowest: Vec<usize> = all.into_iter().filter(|n| world.classes[*n].depth == deepest).collect();
    (narrowest.len() == 1).then(|| narrowest[0])
}

fn may(world: &World, r: &RawRecord) -> May {
    let Some(class) = class_of(world, r).map(|n| &world.classes[n]) else { return May::Unknown };
    let name = TRIGGERS[class.trigger];
    let recorded = world.dates.iter().filter(|d| d.trigger == class.trigger && fits(r, d.typed)).map(|d| match name {
        "financial-year-end" => year_end(d.on),
        "calendar-year-end" => (d.on.0, 12, 31),
        _ => d.on,
    });
    let mut days: Vec<Day> = recorded.collect();
    // A younger record than the day that people wrote down counts from its own.
    let own_counts = ["superseded", "employment-end", "term-end"].contains(&name) && !days.is_empty();
    days.extend(r.created.filter(|_| own_counts).and_then(|c| believed(r, c)));
    days.extend(computed(r, name));
    let Some(day) = days.into_iter().max() else { return May::Unknown };
    match class.minimum {
        Some(_) if class.action == Action::Keep => May::Never,
        Some(minimum) => May::From(next_day(last_day(day, minimum))),
        None => May::Never,
    }
}

/// The record and everything it became.
fn selves(world: &World, of: usize) -> Vec<usize> {
    let mut all = vec![of];
    let mut grown = true;
    while grown {
        grown = false;
        for n in 0..world.records.len() {
            let s = &world.records[n];
            let from = |m: &usize| {
                let r = &world.records[*m];
                let gone = !r.live && !r.unreadable;
                gone && r.content == s.content && r.content != 0 && r.last_seen.is_none_or(|last| s.first_seen > last)
            };
            if !all.contains(&n) && all.iter().any(from) {
                all.push(n);
                grown = true;
            }
        }
    }
    all
}

pub fn decide(world: &World, of: usize, today: Day) -> Answer {
    let all: Vec<&RawRecord> = selves(world, of).into_iter().map(|n| &world.records[n]).collect();
    let classes: Vec<usize> = all.iter().filter_map(|r| class_of(world, r)).collect();
    let approver = class_of(world, all[0]).and_then(|_| classes.iter().map(|c| world.classes[*c].approver).max());
    let May::From(due) = all.iter().map(|r| may(world, r)).max().unwrap_or(May::Unknown) else {
        let held = all.iter().any(|r| world.holds.iter().any(|h| touches(h, r)));
        let disposition = if held { Disposition::Held } else { Disposition::Retain };
        return Answer { disposition, due: None, approver };
    };
    let says = |action| classes.iter().any(|c| world.classes[*c].action == action);
    let disposition = if all.iter().any(|r| world.holds.iter().any(|h| touches(h, r))) {
        Disposition::Held
    } else if today < due {
        Disposition::Retain
    } else if all.iter().any(|r| r.live || r.unreadable) {
        Disposition::Live
    } else if says(Action::Review) || says(Action::Transfer) {
        Disposition::Review
    } else {
        Disposition::Dispose
    };
    Answer { disposition, due: Some(due), approver }
}
