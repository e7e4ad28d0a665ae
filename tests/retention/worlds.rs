//! Generated worlds in the plainest terms, and how the law sees them. Small on purpose: few names, few contents, few
//! nights, so that moves, copies, ties and overlapping rulings are common.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use strongroom::domain::path::RecordPath;
use strongroom::domain::retention::period::Period;
use strongroom::domain::retention::record::{ContentId, RecordFacts};
use strongroom::domain::retention::rulings::{EventDate, Hold, HoldText, Law};
use strongroom::domain::retention::scheme::{Action, Approver, Class, Scheme, SchemeHead};

pub const FOLDERS: [&str; 2] = ["Finance", "Staff"];
pub const SUBS: [&str; 5] = ["Alpha", "2019-20", "2019", "2015-17", "CAFÉ"];
pub const FILES: [&str; 4] = ["letter.txt", "note 12 May 2020.txt", "2018-01-31 2019-02-28.txt", "Minutes.PDF"];
pub const TRIGGERS: [&str; 8] = [
    "created",
    "modified",
    "last-seen",
    "financial-year-end",
    "calendar-year-end",
    "date-in-path",
    "superseded",
    "employment-end",
];
/// What people type for holds and dates.
pub const TYPED: [&str; 7] = ["", "finance", "Staff/", "alpha", "2019", "letter", "café"];
/// Moments where days, months and years are easily got wrong.
const EDGES: [i64; 9] = [
    0,
    315_532_800,
    315_619_200,
    1_585_697_400,
    1_582_977_600,
    1_580_472_000,
    1_609_457_400,
    1_616_893_200,
    1_635_636_600,
];

#[derive(Debug, Clone)]
pub struct RawClass {
    /// Folder, and how deep its pattern goes: 0 the folder, 1 the folder in it, 2 the file.
    pub at: (usize, usize, usize),
    pub depth: usize,
    pub minimum: Option<(u16, u16, u32)>,
    pub trigger: usize,
    pub action: Action,
    pub approver: Approver,
}

#[derive(Debug, Clone)]
pub struct RawRecord {
    pub at: (usize, usize, usize),
    pub modified: i64,
    pub created: Option<i64>,
    pub observed: i64,
    pub first_seen: i64,
    pub last_seen: Option<i64>,
    pub live: bool,
    pub unreadable: bool,
    pub content: u8,
}

#[derive(Debug, Clone)]
pub struct RawDate {
    pub typed: usize,
    pub trigger: usize,
    pub on: (i16, i8, i8),
}

#[derive(Debug, Clone)]
pub struct RawHold {
    pub readable: bool,
    pub typed: Vec<usize>,
    pub from: Option<(i16, i8, i8)>,
    pub to: Option<(i16, i8, i8)>,
}

#[derive(Debug, Clone)]
pub struct World {
    pub classes: Vec<RawClass>,
    pub records: Vec<RawRecord>,
    pub dates: Vec<RawDate>,
    pub holds: Vec<RawHold>,
    pub today: (i16, i8, i8),
}

fn place() -> impl Strategy<Value = (usize, usize, usize)> {
    (0..FOLDERS.len(), 0..SUBS.len(), 0..FILES.len())
}

fn moment() -> impl Strategy<Value = i64> {
    prop_oneof![3 => 883_612_800..1_767_225_600_i64, 1 => (0..EDGES.len()).prop_map(|i| EDGES[i])]
}

fn night() -> impl Strategy<Value = i64> {
    (0..50_i64).prop_map(|n| 978_391_800 + n * 17_280_000)
}

pub fn day(years: std::ops::Range<i16>) -> impl Strategy<Value = (i16, i8, i8)> {
    let edge = prop_oneof![Just((3, 31)), Just((4, 1)), Just((2, 28)), Just((1, 31)), Just((12, 31))];
    (years, prop_oneof![3 => (1..=12_i8, 1..=28_i8), 1 => edge]).prop_map(|(y, (m, d))| (y, m, d))
}

pub fn minimum() -> impl Strategy<Value = Option<(u16, u16, u32)>> {
    prop_oneof![
        1 => Just(None),
        2 => Just(Some((0, 0, 0))),
        8 => (0..8_u16, 0..14_u16, prop_oneof![Just(0), 0..40_u32]).prop_map(Some),
    ]
}

fn class() -> impl Strategy<Value = RawClass> {
    let action = prop_oneof![5 => Just(Action::Destroy), 1 => Just(Action::Review), 1 => Just(Action::Transfer), 1 => Just(Action::Keep)];
    let approver = prop_oneof![Just(Approver::None), Just(Approver::Clerk), Just(Approver::Council)];
    (place(), 0..3_usize, minimum(), prop_oneof![2 => 1..2_usize, 3 => 0..TRIGGERS.len()], action, approver).prop_map(
        |(at, depth, minimum, trigger, action, approver)| RawClass { at, depth, minimum, trigger, action, approver },
    )
}

fn record() -> impl Strategy<Value = RawRecord> {
    let seen = (night(), night(), option::weighted(0.9, night()), option::weighted(0.9, moment()));
    (place(), moment(), seen, prop::bool::weighted(0.2), prop::bool::weighted(0.05), 0..4_u8).prop_map(
        |(at, modified, (observed, first_seen, last_seen, created), live, unreadable, content)| RawRecord {
            at,
            modified,
            created,
            observed,
            first_seen,
            last_seen: last_seen.filter(|_| !live),
            live,
            unreadable,
            content,
        },
    )
}

pub fn hold() -> impl Strategy<Value = RawHold> {
    let range = || option::weighted(0.3, day(1998..2027));
    (prop::bool::weighted(0.8), vec(0..TYPED.len(), 0..3), range(), range())
        .prop_map(|(readable, typed, from, to)| RawHold { readable, typed, from, to })
}

pub fn world() -> impl Strategy<Value = World> {
    let dated = (0..TYPED.len(), 0..TRIGGERS.len(), day(1999..2027)).prop_map(|(typed, trigger, on)| RawDate {
        typed,
        trigger,
        on,
    });
    let holds = prop_oneof![3 => Just(vec![]), 1 => vec(hold(), 1..3)];
    (vec(class(), 0..6), vec(record(), 1..8), vec(dated, 0..5), holds, day(1999..2041))
        .prop_map(|(classes, records, dates, holds, today)| World { classes, records, dates, holds, today })
}

pub fn path(at: (usize, usize, usize)) -> String {
    format!("{}/{}/{}", FOLDERS[at.0], SUBS[at.1], FILES[at.2])
}

pub fn civil((y, m, d): (i16, i8, i8)) -> jiff::civil::Date {
    date(y, m, d)
}

impl RawHold {
    pub fn hold(&self, at: u64) -> Hold {
        let text = HoldText {
            patterns: self.typed.iter().map(|t| TYPED[*t].to_owned()).collect(),
            reason: format!("reason {at}"),
            by: "Clerk".into(),
            from: self.from.map(civil),
            to: self.to.map(civil),
        };
        let review = date(2030, 1, 1);
        Hold { at, readable: self.readable.then_some(text), sets: vec![], review, placed: Timestamp::UNIX_EPOCH }
    }
}

impl World {
    pub fn facts(&self) -> Vec<RecordFacts> {
        let time = |seconds| Timestamp::from_second(seconds).unwrap();
        let one = |r: &RawRecord| RecordFacts {
            set: Arc::from("office"),
            path: RecordPath::new(path(r.at)).unwrap(),
            live: r.live,
            unreadable: r.unreadable,
            created: r.created.map(time),
            modified: time(r.modified),
            observed: time(r.observed),
            first_seen: time(r.first_seen),
            last_seen: r.last_seen.map(time),
            content: ContentId::new([r.content; 32]),
            size: 1,
            snapshots: Arc::from([]),
        };
        self.records.iter().map(one).collect()
    }

    pub fn law(&self) -> Law {
        let class = |(n, c): (usize, &RawClass)| Class {
            id: format!("c{n}"),
            title: String::new(),
            patterns: vec![match c.depth {
                0 => format!("{}/**", FOLDERS[c.at.0].to_uppercase()),
                1 => format!("{}/{}/**", FOLDERS[c.at.0], SUBS[c.at.1].to_lowercase()),
                _ => path(c.at),
            }],
            minimum: c.minimum.map_or(Period::Indefinite, |(years, months, days)| Period::Span { years, months, days }),
            trigger: TRIGGERS[c.trigger].parse().unwrap(),
            ceiling: None,
            authority: String::new(),
            strength: None,
            action: c.action,
            approver: c.approver,
            notes: String::new(),
        };
        let classes = self.classes.iter().enumerate().map(class).collect();
        let dated = |(n, d): (usize, &RawDate)| EventDate {
            at: n as u64,
            pattern: TYPED[d.typed].into(),
            trigger: TRIGGERS[d.trigger].parse().unwrap(),
            on: civil(d.on),
            by: "Clerk".into(),
        };
        Law {
            scheme: Some(Scheme { scheme: SchemeHead { title: "World".into() }, classes }),
            scheme_at: Some(1),
            dates: self.dates.iter().enumerate().map(dated).collect(),
            holds: self.holds.iter().enumerate().map(|(n, h)| h.hold(n as u64)).collect(),
            zone: TimeZone::get("Europe/London").unwrap(),
        }
    }
}
