//! A disposal that was withdrawn two weeks ago and more: the nightly run carries it out, over the real program.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use strongroom::config::scheme::parse_scheme;
use strongroom::domain::clock::{Clock, Entropy};
use strongroom::domain::id::Digest;
use strongroom::domain::path::RecordPath;
use strongroom::ops::backup::{BackupOptions, backup};
use strongroom::ops::fs::walk::Source;
use strongroom::ops::retention::adopt::{AdoptOptions, adopt};
use strongroom::ops::retention::apply::{ApplyOptions, apply};
use strongroom::ops::retention::approve::{ApproveOptions, WINDOW, approve};
use strongroom::ops::retention::disposals::Stage;
use strongroom::ops::retention::facts::gather;
use strongroom::ops::retention::law::load;
use strongroom::ops::retention::plan::Planner;
use strongroom::ops::verify::{TestOptions, restore};
use strongroom::ops::{Silent, Stop};
use strongroom::repo::create::{CreateOptions, create};
use strongroom::repo::machine::StateDir;
use strongroom::repo::repository::{Env, Repository};
use strongroom::repo::store::{StoreOptions, open};

use crate::retention_run::{Council, SCHEME, about, now};

/// This computer, some days ago.
struct Earlier(Mutex<SignedDuration>);
impl Clock for Earlier {
    fn now(&self) -> Timestamp {
        now() - *self.0.lock().unwrap()
    }
}

struct Chance(Mutex<blake3::OutputReader>);
impl Entropy for Chance {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap().fill(bytes);
    }
}

/// Sets the council up, backs up, adopts, approves and withdraws, all so many days ago; backs up every night since.
fn withdrawn(c: &Council, days_ago: i64) -> u64 {
    withdrawn_until(c, days_ago, 1)
}

/// As [`withdrawn`]; the last night is so many days ago.
fn withdrawn_until(c: &Council, days_ago: i64, last: i64) -> u64 {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options = StoreOptions {
        url: format!("file://{}", c.place.text("repository")),
        create_folder: true,
        ..StoreOptions::default()
    };
    let store = || open(&options, runtime.handle()).unwrap();
    let dir = || StateDir::new(c.place.path("home/state"));
    let clock = Arc::new(Earlier(Mutex::new(SignedDuration::from_hours(24 * days_ago))));
    let chance = blake3::Hasher::new().update(c.place.text("x").as_bytes()).finalize_xof();
    let env = Env { clock: clock.clone(), entropy: Arc::new(Chance(Mutex::new(chance))) };
    let zone = jiff::tz::TimeZone::get("Europe/London").unwrap();
    let today = clock.now().to_zoned(zone.clone()).date();
    let like = CreateOptions { machine_name: "office server".into(), write_only: false, single_machine: false };
    create(&store(), &dir(), &env, &like, |_| Ok(())).unwrap();
    let mut repo = Repository::open_fresh(store(), dir(), env).unwrap();
    let source = Source { name: RecordPath::new("Documents").unwrap(), path: c.place.path("Documents") };
    let (silent, stop) = (Silent, Stop::default());
    let scheme = parse_scheme(SCHEME, "scheme.toml").unwrap();
    let adopting = AdoptOptions {
        scheme,
        digest: Digest::of(SCHEME.as_bytes()),
        minute: "7c".into(),
        on: today,
        zone: zone.clone(),
        today,
        again: false,
        dry_run: false,
    };
    adopt(&mut repo, &adopting, &silent, &stop).unwrap();
    let mut back_up =
        || backup(&mut repo, &BackupOptions::new("documents", vec![source.clone()]), &silent, &stop).unwrap();
    back_up();
    std::fs::remove_file(c.place.path("Documents/Letters/old.txt")).unwrap();
    back_up();
    let all = TestOptions { all: true, ..TestOptions::default() };
    restore(&mut repo, &all, &silent, &stop).unwrap();
    let (facts, law) = (gather(&mut repo, &silent, &stop).unwrap(), load(&repo, &zone, today).unwrap());
    let report = Planner::new(&facts, &law, today).plan(&repo.state().repository, &mut |_| Ok(())).unwrap();
    let approving = ApproveOptions {
        plan: report.id,
        by: "Clerk".into(),
        minute: "8a".into(),
        large: false,
        dated: true,
        zone: zone.clone(),
        today,
    };
    let approval = approve(&mut repo, &approving, &silent, &stop).unwrap().approval;
    let recheck = |_: &mut Repository| Ok(());
    let applying =
        ApplyOptions { approval, urgent: None, person: false, large: false, zone, window: WINDOW, recheck: &recheck };
    let report = apply(&mut repo, &applying, &silent, &stop).unwrap();
    assert!(matches!(report.stage, Stage::Withdrawn { .. }));
    // A folder as a store has no clock of its own: the log must show that the days have passed.
    for day in (last..days_ago).rev() {
        *clock.0.lock().unwrap() = SignedDuration::from_hours(24 * day);
        backup(&mut repo, &BackupOptions::new("documents", vec![source.clone()]), &silent, &stop).unwrap();
    }
    approval
}

#[test]
fn after_two_weeks_the_run_destroys_certifies_and_tells() {
    let c = Council::unmade();
    c.old_file("Documents/Letters/old.txt");
    let approval = withdrawn(&c, 15);
    c.place.run(["run"]).ends(0).says(&format!("Disposal {approval} is done: 1 record destroyed in every backup"));
    let told = c.told();
    assert_eq!((about(&told, "destroyed as approved").len(), told.len()), (1, 1), "{told:?}");
    assert_eq!((&c.status()["disposals"], &c.status()["numbers"]["records"]), (&0.into(), &3.into()));
    c.place.run(["run"]).ends(0);
    assert!(c.told().is_empty());
    // The same bytes come back: kept, and told by number.
    c.old_file("Documents/Letters/old.txt");
    c.place.run(["run"]).ends(0);
    let told = c.told();
    assert_eq!((about(&told, "there again").len(), told.len()), (1, 1), "{told:?}");
    c.place.run(["find", "old.txt"]).ends(0).says("old.txt");
}

#[test]
fn within_two_weeks_it_waits_and_a_hold_then_stops_it() {
    let c = Council::unmade();
    c.old_file("Documents/Letters/old.txt");
    let approval = withdrawn(&c, 13);
    c.place.run(["run"]).ends(0).says(&format!("Disposal {approval}: 1 record withdrawn; destroyed from"));
    assert!(c.told().is_empty());
    let c = Council::unmade();
    c.old_file("Documents/Letters/old.txt");
    let approval = withdrawn(&c, 15);
    c.hold("old.txt");
    c.told();
    c.place.run(["run"]).ends(6).never_says("is done");
    assert_eq!(about(&c.told(), "destruction was stopped").len(), 1);
    c.place.run(["retention", "cancel", &approval.to_string(), "--by", "Clerk", "--reason", "held"]).ends(0);
    c.place.run(["restore", "Documents/Letters/old.txt", "--to", &c.place.text("back")]).ends(0);
}

#[test]
fn after_a_long_silence_nothing_is_approved_by_itself_until_a_person_has_looked_at_the_date() {
    let c = Council::unmade();
    c.old_file("Documents/Letters/old.txt");
    c.old_file("Documents/Drafts/draft.txt");
    let approval = withdrawn_until(&c, 60, 58);
    std::fs::remove_file(c.place.path("Documents/Drafts/draft.txt")).unwrap();
    let said = c.place.run(["run"]).ends(0).says("Nothing was approved by the scheme itself: is it really ");
    said.says("and the store has no clock to compare").says("1 record is due and waiting for a decision");
    let told = c.told();
    assert_eq!((about(&told, "waiting for your decision").len(), told.len()), (1, 1), "{told:?}");
    let plan = c.place.run(["retention", "plan", "--json"]).ends(0).summary()["plan"].as_str().unwrap().to_owned();
    let approve = ["retention", "approve", &plan, "--by", "The Clerk"];
    let said = c.place.run(approve).ends(6).says("strongroom: is it really ");
    said.says("approve PLAN --by NAME --yes").says("Right: a person says so once");
    c.place.run([&approve[..], &["--yes"]].concat()).ends(0).says("Approved: 1 record");
    // From here on it goes by itself again; the first one still waits until the log shows the days.
    let said = c.place.run(["run"]).ends(0).never_says("is it really");
    let waiting = format!("Disposal {approval} is waiting: since the withdrawal the log shows");
    said.says(&waiting).says("1 record withdrawn; destroyed from");
}
