//! How fast the law decides: half a million records under a scheme of 100 classes with 300 patterns, 20 holds and
//! 50 recorded dates.

use std::hint::black_box;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use strongroom::domain::id::{RepositoryId, SnapshotId};
use strongroom::domain::path::RecordPath;
use strongroom::domain::retention::decide::{Compiled, Decider};
use strongroom::domain::retention::plan::Plan;
use strongroom::domain::retention::record::{ContentId, RecordFacts};
use strongroom::domain::retention::rulings::{EventDate, Hold, HoldText, Law};
use strongroom::domain::retention::scheme::{Action, Approver, Class, Scheme, SchemeHead};

const RECORDS: u32 = 500_000;
const CLASSES: usize = 100;

fn main() {
    divan::main();
}

fn scheme() -> Option<Scheme> {
    let triggers = ["modified", "financial-year-end", "created", "calendar-year-end", "date-in-path", "employment-end"];
    let mut classes = vec![];
    for n in 0..CLASSES {
        classes.push(Class {
            id: format!("class-{n}"),
            title: format!("Class {n}"),
            patterns: vec![
                format!("Documents/Department {}/Series {n}/**", n % 10),
                format!("Documents/Department {}/Series {n}/**/*minutes*.pdf", n % 10),
                format!("**/*series {n} register*.xlsx"),
            ],
            minimum: "6 years".parse().ok()?,
            trigger: triggers[n % triggers.len()].parse().ok()?,
            ceiling: None,
            authority: "bench".into(),
            strength: None,
            action: Action::Destroy,
            approver: Approver::Clerk,
            notes: String::new(),
        });
    }
    Some(Scheme { scheme: SchemeHead { title: "Bench".into() }, classes })
}

fn law() -> Option<Law> {
    let day = date(2019, 3, 31);
    let hold = |n: u64| Hold {
        at: n,
        readable: Some(HoldText {
            patterns: vec![format!("*complaint {n}*")],
            reason: "FOI".into(),
            by: "Clerk".into(),
            from: None,
            to: None,
        }),
        sets: vec![],
        review: day,
        placed: Timestamp::UNIX_EPOCH,
    };
    let dated = |n: u64| {
        let trigger = "employment-end".parse().ok()?;
        Some(EventDate { at: n, pattern: format!("Series {n}"), trigger, on: day, by: "Clerk".into() })
    };
    let dates = (0..50).map(dated).collect::<Option<Vec<_>>>()?;
    let holds = (0..20).map(hold).collect();
    let zone = TimeZone::get("Europe/London").ok()?;
    Some(Law { scheme: scheme(), scheme_at: Some(1), dates, holds, zone })
}

fn records() -> Vec<RecordFacts> {
    let (set, snapshots): (Arc<str>, Arc<[SnapshotId]>) = (Arc::from("office"), (0..200).map(SnapshotId).collect());
    let time = |days: u32| Timestamp::from_second(1_300_000_000 + i64::from(days) * 86_400).unwrap_or(Timestamp::MIN);
    (0..RECORDS)
        .filter_map(|n| {
            let series = n % 120;
            let year = 2008 + n % 16;
            let path = format!(
                "Documents/Department {}/Series {series}/{year}-{:02}/Letter {n} of {year}-05-12.pdf",
                series % 10,
                (year + 1) % 100
            );
            // Every tenth record has the content of nine others: moves and copies.
            let content = if n % 10 == 0 { n / 100 } else { n };
            let live = n % 3 == 0;
            Some(RecordFacts {
                set: set.clone(),
                path: RecordPath::new(path).ok()?,
                live,
                unreadable: false,
                created: Some(time(n % 3000)),
                modified: time(n % 4000),
                observed: time(4400),
                first_seen: time(n % 3000 + 1),
                last_seen: (!live).then(|| time(4400)),
                content: ContentId::new(*blake3::hash(&content.to_le_bytes()).as_bytes()),
                size: 1000,
                snapshots: snapshots.clone(),
            })
        })
        .collect()
}

/// All decisions, without keeping them.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn decide_half_a_million(bencher: Bencher) {
    let (records, Some(law)) = (records(), law()) else { return };
    let Ok(law) = Compiled::new(law) else { return };
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        let decider = Decider::new(&law, black_box(&records), date(2026, 11, 22));
        decider.all().map(|(_, decision)| decision.reasons.len()).sum::<usize>()
    });
}

/// The plan with its id, from facts to name.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn plan_half_a_million(bencher: Bencher) {
    let (records, Some(law)) = (records(), law()) else { return };
    let Ok(law) = Compiled::new(law) else { return };
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        let on = date(2026, 11, 22);
        let plan = Plan::of(&Decider::new(&law, black_box(&records), on), on, 1);
        plan.id(&RepositoryId::new([1; 32]))
    });
}
