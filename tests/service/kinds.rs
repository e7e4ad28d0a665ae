//! All that a notice can be about, and one of each for the tests of its words.

use strongroom::service::causes::Notice;
use strongroom::service::words::{Cause, Counts, JobKind, NoticeKind, Opened, Reference, Role, SetName, Trouble, Why};

use crate::support::at;

const WHYS: [Why; 15] = [
    Why::StoreUnreachable,
    Why::StoreRefused,
    Why::StoreFull,
    Why::NoRepository,
    Why::WrongKey,
    Why::LocalDiskFull,
    Why::SourceMissing,
    Why::SourceEmpty,
    Why::SourceNotMounted,
    Why::Interrupted,
    Why::SourceUnreadable,
    Why::NotOpened,
    Why::NotStarted,
    Why::NoRecord,
    Why::Other,
];

pub const JOBS: [JobKind; 11] = [
    JobKind::Configuration,
    JobKind::Backup,
    JobKind::Verify,
    JobKind::Thin,
    JobKind::Prune,
    JobKind::Notices,
    JobKind::Retention,
    JobKind::Coverage,
    JobKind::Drills,
    JobKind::Store,
    JobKind::Watch,
];

pub const KINDS: [NoticeKind; 5] = [
    NoticeKind::Failure,
    NoticeKind::Reminder,
    NoticeKind::WorkingAgain,
    NoticeKind::Resolved,
    NoticeKind::NotConfigured,
];

pub fn troubles() -> Vec<Trouble> {
    let mut all: Vec<Trouble> = WHYS.into_iter().map(Trouble::Failed).collect();
    all.extend([
        Trouble::HistoryChanged,
        Trouble::MassChange,
        Trouble::ManyNotItsName,
        Trouble::NotItsName,
        Trouble::Spoiled,
        Trouble::LiveDiffers,
        Trouble::PutRight,
        Trouble::Damage,
        Trouble::ExaminedNothing,
        Trouble::Unprotected,
        Trouble::Refused,
        Trouble::Incomplete,
        Trouble::Unheard,
        Trouble::Missed,
        Trouble::WrongClock,
        Trouble::Undelivered,
        Trouble::Overdue,
        Trouble::LimitsTooLow,
        Trouble::FallingBehind,
        Trouble::WholeOverdue,
        Trouble::SampleOverdue,
        Trouble::KeysOverdue,
        Trouble::Quiet,
        Trouble::Untested,
        Trouble::ClocksDiffer,
    ]);
    all
}

pub fn notice(trouble: Trouble, job: JobKind, kind: NoticeKind, to: Role) -> Notice {
    let sets = match job {
        JobKind::Watch if trouble == Trouble::Overdue => vec![SetName::new("documents").unwrap()],
        JobKind::Backup => vec![SetName::new("documents").unwrap(), SetName::new("email").unwrap()],
        _ => Vec::new(),
    };
    let cause = |set: Option<SetName>| Cause { trouble, job, set };
    let causes: Vec<Cause> =
        if sets.is_empty() { vec![cause(None)] } else { sets.iter().cloned().map(|s| cause(Some(s))).collect() };
    Notice {
        id: String::from("x"),
        reference: Reference::try_from(String::from("SR-2026-1122-K7Q")).unwrap(),
        kind,
        to,
        lead: causes[0].clone(),
        causes,
        sets,
        since: at("2026-11-20T02:30:00Z"),
        at: at("2026-11-22T02:30:00Z"),
        found: at("2026-11-22T02:30:00Z"),
        counts: Counts {
            files: 12_345,
            bytes: 5_600_000_000,
            problems: 3,
            changed: 2_468,
            opening: Some(Opened { damaged: 3, not_its_name: 14, ..Opened::default() }),
            differing: 2,
            silent_since: Some(at("2026-11-15T02:30:00Z")),
            ..Counts::default()
        },
        exit: 1,
        last_good: Some(at("2026-11-15T02:30:00Z")),
    }
}
