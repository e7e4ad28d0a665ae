//! Runs the cases of `retention_cases.toml`.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use strongroom::domain::path::RecordPath;
use strongroom::domain::retention::decide::{Compiled, Decider, Decision, Disposition, decide};
use strongroom::domain::retention::record::{ContentId, RecordFacts};
use strongroom::domain::retention::rulings::{EventDate, Hold, HoldText, Law};
use strongroom::domain::retention::scheme::{Scheme, SchemeHead};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    title: String,
    record: Record,
    #[serde(default)]
    others: Vec<Record>,
    class: Option<toml::Value>,
    #[serde(default)]
    dates: Vec<Dated>,
    #[serde(default)]
    holds: Vec<Held>,
    today: Date,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    path: String,
    modified: String,
    created: Option<String>,
    observed: Option<String>,
    first_seen: Option<String>,
    last_seen: Option<String>,
    content: Option<String>,
    #[serde(default)]
    live: bool,
    #[serde(default)]
    unreadable: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dated {
    on: Date,
    trigger: String,
    #[serde(default)]
    pattern: String,
    #[serde(default = "one")]
    entry: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    #[serde(default)]
    unreadable: bool,
    #[serde(default)]
    patterns: Vec<String>,
    #[serde(default)]
    reason: String,
    from: Option<Date>,
    to: Option<Date>,
    #[serde(default = "one")]
    entry: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    disposition: Disposition,
    due: Option<Date>,
    overdue: Option<Date>,
    class: Option<String>,
    approver: Option<String>,
    because: Words,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    One(String),
    All(Vec<String>),
}

fn one() -> u64 {
    1
}

fn london() -> TimeZone {
    TimeZone::get("Europe/London").unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| {
        let day: Date = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        day.at(12, 0, 0, 0).to_zoned(london()).unwrap().timestamp()
    })
}

impl Record {
    fn facts(&self) -> RecordFacts {
        let modified = time(&self.modified);
        let known = |text: &Option<String>, or: Timestamp| match text.as_deref() {
            Some("unknown") => None,
            Some(text) => Some(time(text)),
            None => Some(or),
        };
        let last_seen = known(&self.last_seen, time("2026-01-01"));
        RecordFacts {
            set: Arc::from("office"),
            path: RecordPath::new(self.path.as_str()).unwrap(),
            live: self.live,
            unreadable: self.unreadable,
            created: known(&self.created, modified),
            modified,
            observed: known(&self.observed, last_seen.unwrap_or(time("2026-01-01"))).unwrap(),
            first_seen: known(&self.first_seen, time("2000-01-01")).unwrap(),
            last_seen: last_seen.filter(|_| !self.live),
            content: self
                .content
                .as_ref()
                .map_or(ContentId::NOTHING, |c| ContentId::new(*blake3::hash(c.as_bytes()).as_bytes())),
            size: 1,
            snapshots: Arc::from([]),
        }
    }
}

/// Fills in what a case need not say of its classes.
fn scheme(class: &toml::Value) -> Scheme {
    let classes = match class {
        toml::Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    };
    let whole = |class: toml::Value| {
        let mut table = class.as_table().unwrap().clone();
        let defaults = [("id", "records"), ("title", "Records"), ("action", "destroy")];
        for (key, value) in defaults {
            table.entry(key).or_insert(value.into());
        }
        table.entry("patterns").or_insert(toml::Value::Array(vec!["**".into()]));
        table.try_into().unwrap()
    };
    Scheme { scheme: SchemeHead { title: "Case".into() }, classes: classes.into_iter().map(whole).collect() }
}

impl Case {
    fn law(&self) -> Compiled {
        let hold = |h: &Held| Hold {
            at: h.entry,
            readable: (!h.unreadable).then(|| HoldText {
                patterns: h.patterns.clone(),
                reason: h.reason.clone(),
                by: "Clerk".into(),
                from: h.from,
                to: h.to,
            }),
            sets: vec![],
            review: self.today,
            placed: Timestamp::UNIX_EPOCH,
        };
        let dated = |d: &Dated| EventDate {
            at: d.entry,
            pattern: d.pattern.clone(),
            trigger: d.trigger.parse().unwrap(),
            on: d.on,
            by: "Clerk".into(),
        };
        let law = Law {
            scheme: self.class.as_ref().map(scheme),
            scheme_at: Some(1),
            dates: self.dates.iter().map(dated).collect(),
            holds: self.holds.iter().map(hold).collect(),
            zone: london(),
        };
        Compiled::new(law).unwrap_or_else(|e| panic!("{}: {e}", self.title))
    }

    fn wrong(&self, decision: &Decision) -> Vec<String> {
        let said: Vec<String> = decision.reasons.iter().map(ToString::to_string).collect();
        let (expect, mut wrong) = (&self.expect, vec![]);
        let mut check = |right: bool, what: String| {
            if !right {
                wrong.push(what);
            }
        };
        check(decision.disposition == expect.disposition, format!("is {:?}", decision.disposition));
        check(decision.due == expect.due, format!("due {:?}", decision.due));
        check(decision.overdue_since == expect.overdue, format!("overdue {:?}", decision.overdue_since));
        check(expect.class.is_none() || decision.class == expect.class, format!("class {:?}", decision.class));
        let approver = decision.approver.map(|a| a.to_string());
        check(expect.approver.is_none() || approver == expect.approver, format!("approver {approver:?}"));
        let words = match &expect.because {
            Words::One(word) => std::slice::from_ref(word),
            Words::All(words) => words,
        };
        for word in words {
            check(said.iter().any(|s| s.contains(word)), format!("'{word}' is not in {said:?}"));
        }
        wrong
    }
}

#[test]
fn every_case_is_decided_as_a_clerk_would_expect() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/retention_cases.toml")).unwrap();
    let file: File = toml::from_str(&text).unwrap_or_else(|e| panic!("{e}"));
    assert!(file.case.len() >= 100, "{} cases", file.case.len());
    let mut wrong = vec![];
    for case in &file.case {
        let law = case.law();
        let records: Vec<RecordFacts> = [&case.record].into_iter().chain(&case.others).map(Record::facts).collect();
        let decider = Decider::new(&law, &records, case.today);
        let decision = decider.decide(0);
        wrong.extend(case.wrong(&decision).into_iter().map(|w| format!("{}: {w}", case.title)));
        let selves: Vec<&RecordFacts> = decider.lineage().moved_selves(&records, 0).map(|i| &records[i]).collect();
        assert_eq!(decide(&records[0], &selves, &law, case.today), decision, "{}", case.title);
        // The day before it is due nothing has been reached, whatever the case.
        if let Some(eve) = decision.due.and_then(|due| due.yesterday().ok()) {
            let eve = decide(&records[0], &selves, &law, eve).disposition;
            assert!(matches!(eve, Disposition::Retain | Disposition::Held), "{}: {eve:?} the day before", case.title);
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
