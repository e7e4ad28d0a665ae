//! Dying at every call to the store, before and after it takes effect, and between any two changes of local files; and
//! going on.

use std::cell::RefCell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use strongroom::ops::retention::disposals::Stage;
use strongroom::repo::local::dying;
use strongroom::testing::{Fault, Plan};

use super::town::{Everything, SECRET, Town, small_town_with_secret, without};

/// A town whose disposal is approved, and what must come of it.
struct Campaign {
    town: Town,
    markers: Vec<Vec<u8>>,
    expected: Everything,
    approval: u64,
    began: Instant,
}

impl Campaign {
    fn new() -> Self {
        let (town, markers) = small_town_with_secret();
        let expected = without(&town.everything(), &[SECRET]);
        let (approval, _) = town.approve(&town.plan(&[SECRET]));
        Self { town, markers, expected, approval, began: Instant::now() }
    }

    /// Wherever it stopped, every file but the record is as it was; the next run ends it, and the record is nowhere.
    fn goes_on(&self, town: &Town, why: &str) {
        let mut repo = town.look();
        let now = Town::everything_of(&mut repo);
        for (key, bytes) in &self.expected {
            assert!(now.get(key) == Some(bytes), "{why}: {key:?} is lost or changed");
        }
        let report = town.apply_now(self.approval).unwrap_or_else(|e| panic!("{why}: the next run failed: {e}"));
        assert_eq!(report.stage, Stage::Done, "{why}");
        repo.refresh().unwrap();
        drop(repo.take_index().unwrap());
        Town::assert_not_in(&Town::plain_of(&repo), &self.markers, why);
        assert_eq!(Town::everything_of(&mut repo), self.expected, "{why}");
        assert!(repo.state().voids.is_empty(), "{why}");
    }

    fn stopped_at_every_call(&self, fault: Fault) -> String {
        let calls = {
            let reference = self.town.fork();
            reference.apply_now(self.approval).unwrap();
            reference.faults.calls()
        };
        let mut died = 0;
        for call in 0..calls {
            let why = format!("{fault:?} at call {call} of {calls}");
            let town = self.town.fork();
            town.faults.restart(Plan::at(call, fault));
            died += usize::from(town.apply_now(self.approval).is_err());
            town.faults.restart(Plan::none());
            self.goes_on(&town, &why);
        }
        assert!(died * 4 > calls * 3, "most of these must hurt: {died} of {calls}");
        format!("{calls} crash points, {died} deaths, {:?}", self.began.elapsed())
    }
}

#[test]
fn stopped_before_any_call_it_loses_nothing_else_and_ends_in_the_same_state() {
    println!("{}", Campaign::new().stopped_at_every_call(Fault::StopBefore));
}

#[test]
fn stopped_after_any_call_it_loses_nothing_else_and_ends_in_the_same_state() {
    println!("{}", Campaign::new().stopped_at_every_call(Fault::StopAfter));
}

/// Has the process die when a local file is about to change, or has just changed, for the `at`th time; `torn`: with half
/// of what it wrote last. The files asked about so far.
fn die(town: &Town, at: usize, torn: bool) -> Rc<RefCell<Vec<PathBuf>>> {
    let asked = Rc::new(RefCell::new(vec![]));
    let (seen, faults, own) = (Rc::clone(&asked), town.faults.clone(), town.dir().path().to_path_buf());
    let hook = move |path: &Path| {
        let mut seen = seen.borrow_mut();
        assert!(path.starts_with(&own), "{} is none of its own", path.display());
        let now = seen.len();
        seen.push(path.to_path_buf());
        // Only what is not forced to the disk can be torn once it has its name.
        let tearable = path.to_string_lossy().ends_with(".new") || !path.ends_with("memory.json");
        if now == at && torn && tearable && path.is_file() {
            let file = File::options().write(true).open(path).unwrap();
            file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        }
        if now >= at {
            faults.stop();
        }
        now < at
    };
    dying::ask(Some(Box::new(hook)));
    asked
}

#[test]
fn stopped_between_any_two_changes_of_its_own_files_it_goes_on() {
    let campaign = Campaign::new();
    let reference = campaign.town.fork();
    let asked = die(&reference, usize::MAX, false);
    reference.apply_now(campaign.approval).unwrap();
    dying::ask(None);
    let steps = asked.borrow().clone();
    assert!(steps.iter().any(|p| p.ends_with("memory.json")), "{steps:?}");
    assert!(steps.len() > 30, "{steps:?}");
    let mut points = 0;
    for (at, path) in steps.iter().enumerate() {
        for torn in [false, true] {
            let why = format!("torn: {torn}, change {at}, {}", path.display());
            let town = campaign.town.fork();
            die(&town, at, torn);
            let outcome = town.apply_now(campaign.approval);
            dying::ask(None);
            // After the last call to the store a copy that could not be written stops nothing.
            assert!(outcome.is_err() || at + 6 > steps.len(), "{why}: it did not die");
            town.faults.restart(Plan::none());
            campaign.goes_on(&town, &why);
            points += 1;
        }
    }
    println!("{points} crash points over {} changes, {:?}", steps.len(), campaign.began.elapsed());
}
