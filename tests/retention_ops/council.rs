//! A council over simulated years: a folder, its own dates, a clock in hand, a scheme.

use std::fs::{self, File};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use strongroom::domain::id::{Digest, RepositoryId};
use strongroom::domain::path::RecordPath;
use strongroom::domain::retention::decide::Disposition;
use strongroom::domain::retention::plan::PlanId;
use strongroom::domain::retention::scheme::Scheme;
use strongroom::ops::retention::adopt::{AdoptOptions, AdoptReport, adopt};
use strongroom::ops::retention::approve::{ApproveOptions, ApproveReport, approve};
use strongroom::ops::retention::facts::{Facts, gather};
use strongroom::ops::retention::hold::{PlaceHold, Which, place};
use strongroom::ops::retention::law::{LoadedLaw, load};
use strongroom::ops::retention::plan::{PlanReport, Planner};
use strongroom::ops::{OpsError, Silent, Stop};
use strongroom::repo::repository::Repository;

use crate::support::world::World;

pub struct Council {
    pub world: World,
}

pub fn path(text: &str) -> RecordPath {
    RecordPath::new(text).unwrap()
}

pub fn day(text: &str) -> Date {
    text.parse().unwrap()
}

pub fn zone() -> TimeZone {
    TimeZone::get("Europe/London").unwrap()
}

/// A hold by its number or its reason.
pub fn one(named: &str) -> Which {
    Which::one(named, &zone())
}

/// A class: id, pattern, minimum, trigger, action, approver.
pub fn class(id: &str, pattern: &str, minimum: &str, trigger: &str, action: &str, approver: &str) -> serde_json::Value {
    serde_json::json!({
        "id": id, "title": id, "patterns": [pattern], "minimum": minimum, "trigger": trigger,
        "authority": "test", "action": action, "approver": approver,
    })
}

pub fn scheme(classes: &[serde_json::Value]) -> Scheme {
    serde_json::from_value(serde_json::json!({"scheme": {"title": "Test"}, "class": classes})).unwrap()
}

/// The scheme that most tests use.
pub fn usual() -> Scheme {
    scheme(&[
        class("invoices", "Documents/Finance", "6 years", "financial-year-end", "destroy", "clerk"),
        class("minutes", "Documents/Minutes", "indefinite", "created", "keep", "council"),
        class("letters", "Documents/Letters", "2 years", "modified", "destroy", "clerk"),
        class("drafts", "Documents/Drafts", "1 month", "last-seen", "destroy", "none"),
        class("staff", "Documents/Staff", "6 years", "employment-end", "destroy", "council"),
        class("plans", "Documents/Plans", "1 year", "created", "review", "clerk"),
    ])
}

impl Council {
    /// Begins on this day, at three in the afternoon.
    pub fn new(on: &str) -> Self {
        let world = World::new();
        let council = Self { world };
        council.go_to(on);
        council.world.create();
        council
    }

    pub fn go_to(&self, on: &str) {
        let at = format!("{on}T15:00:00Z");
        self.world.clock.set(at.parse().unwrap());
    }

    pub fn today(&self) -> Date {
        let now: Timestamp = strongroom::domain::clock::Clock::now(&*self.world.clock);
        now.to_zoned(zone()).date()
    }

    /// Writes a file with its own date.
    pub fn write(&self, name: &str, text: &str, on: &str) {
        self.world.write(name, text);
        let at: Timestamp = format!("{on}T12:00:00Z").parse().unwrap();
        let file = File::options().write(true).open(self.world.docs().join(name)).unwrap();
        file.set_modified(at.into()).unwrap();
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.world.docs().join(name)).unwrap();
    }

    pub fn rename(&self, from: &str, to: &str) {
        let to = self.world.docs().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::rename(self.world.docs().join(from), to).unwrap();
    }

    /// Backs up on this day.
    pub fn backup(&self, on: &str) -> u64 {
        self.go_to(on);
        self.world.backup().unwrap().snapshot.unwrap().0
    }

    pub fn open(&self) -> Repository {
        self.world.open().unwrap()
    }

    pub fn repository(&self) -> RepositoryId {
        self.open().state().repository
    }

    pub fn facts(&self) -> Facts {
        gather(&mut self.open(), &Silent, &Stop::default()).unwrap()
    }

    pub fn law(&self, on: Date) -> LoadedLaw {
        load(&self.open(), &zone(), on).unwrap()
    }

    /// The plan for a day.
    pub fn plan_on(&self, on: Date) -> PlanReport {
        let (facts, law) = (self.facts(), self.law(on));
        Planner::new(&facts, &law, on).plan(&self.repository(), &mut |_| Ok(())).unwrap()
    }

    /// Today's plan.
    pub fn plan(&self) -> PlanReport {
        self.plan_on(self.today())
    }

    /// What becomes of a record today, and why.
    pub fn decision(&self, name: &str) -> (Disposition, String) {
        let (facts, law) = (self.facts(), self.law(self.today()));
        let planner = Planner::new(&facts, &law, self.today());
        let number = facts.find("documents", &path(name)).expect(name);
        let decision = planner.row(number).decision;
        let reasons: Vec<String> = decision.reasons.iter().map(ToString::to_string).collect();
        (decision.disposition, reasons.join("; "))
    }

    pub fn adopt_with(&self, scheme: &Scheme, dry_run: bool) -> Result<AdoptReport, OpsError> {
        self.adopt_on(scheme, self.today(), dry_run)
    }

    /// By a decision of that day.
    pub fn adopt_on(&self, scheme: &Scheme, on: Date, dry_run: bool) -> Result<AdoptReport, OpsError> {
        self.adopt_as(&self.adopting(scheme, on, dry_run))
    }

    pub fn adopting(&self, scheme: &Scheme, on: Date, dry_run: bool) -> AdoptOptions {
        AdoptOptions {
            scheme: scheme.clone(),
            digest: Digest::of(b"file"),
            minute: "7c".into(),
            on,
            zone: zone(),
            today: self.today(),
            again: false,
            dry_run,
        }
    }

    pub fn adopt_as(&self, options: &AdoptOptions) -> Result<AdoptReport, OpsError> {
        adopt(&mut self.open(), options, &Silent, &Stop::default())
    }

    pub fn adopt(&self, scheme: &Scheme) -> AdoptReport {
        self.adopt_with(scheme, false).unwrap()
    }

    pub fn hold(&self, pattern: &str, reason: &str) -> u64 {
        let options = PlaceHold {
            patterns: vec![pattern.into()],
            reason: reason.into(),
            by: "Clerk".into(),
            review: self.today(),
            from: None,
            to: None,
            today: self.today(),
        };
        place(&mut self.open(), &options).unwrap()
    }

    /// By somebody who looked at the calendar.
    pub fn approve(&self, plan: &PlanId) -> Result<ApproveReport, OpsError> {
        self.approve_as(plan, true)
    }

    pub fn approve_as(&self, plan: &PlanId, dated: bool) -> Result<ApproveReport, OpsError> {
        let options = ApproveOptions {
            plan: plan.clone(),
            by: "A. Clerk".into(),
            minute: "12/2026".into(),
            large: false,
            dated,
            zone: zone(),
            today: self.today(),
        };
        approve(&mut self.open(), &options, &Silent, &Stop::default())
    }
}

/// The paths of a plan.
pub fn names(report: &PlanReport) -> Vec<String> {
    report.plan.records.iter().map(|r| r.path.to_string()).collect()
}
