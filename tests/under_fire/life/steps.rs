//! What happens in a life: edits, jobs with faults, two jobs at once, time, wrong clocks, lost caches, a store that goes
//! back in time, a store that rots; and how it must end.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::date;
use jiff::tz::TimeZone;
use strongroom::domain::log::Entry;
use strongroom::domain::log::rulings::DisposalApproved;
use strongroom::domain::log::state::Life;
use strongroom::domain::path::RecordPath;
use strongroom::domain::problem::Exit;
use strongroom::domain::retention::plan::{Plan as DisposalPlan, PlannedRecord};
use strongroom::domain::retention::thinning::KeepRule;
use strongroom::ops::backup::backup;
use strongroom::ops::prune::{PruneOptions, circumstances, prune, thin};
use strongroom::ops::retention::apply::{ApplyOptions, apply};
use strongroom::ops::retention::facts::gather;
use strongroom::ops::retention::hold::{PlaceHold, Which, place, release};
use strongroom::ops::retention::note::{APPROVAL, ApprovalNote};
use strongroom::ops::verify::{Budget, TestOptions, restore, scrub};
use strongroom::ops::{OpsError, Silent, Stop};
use strongroom::repo::repository::Repository;
use strongroom::testing::{Fault, Plan};

use super::ground::{Ground, HALL, KEEPER, OFFICE};
use super::model::{Doomed, GRACE};

/// What happened, and how often.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    pub fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub fn add(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    /// Everything that a life can meet was met, and often enough.
    pub fn assert_eventful(&self, lives: u64) {
        let often = ["snapshots", "swept", "thinned", "faults", "failed", "two at once"];
        let seldom = ["destroyed", "held", "back in time", "clocks", "caches", "rot"];
        for what in often.iter().chain(&seldom) {
            let least = if often.contains(what) { lives / 2 } else { lives / 20 };
            let found = self.0.get(what).copied().unwrap_or(0);
            assert!(found >= least, "{what}: {found} in {lives} lives prove nothing: {self:?}");
        }
    }
}

/// What can go wrong with a store that keeps its word on one thing: a name is created once.
const FAULTS: [Fault; 16] = [
    Fault::FailBefore,
    Fault::FailAfter,
    Fault::AlreadyExists,
    Fault::Conflict,
    Fault::NotFound,
    Fault::FlipBit(5_003),
    Fault::FlipBit(77),
    Fault::Truncate(0),
    Fault::Truncate(u64::MAX),
    Fault::EmptyList,
    Fault::DropFromList(2),
    Fault::RefuseDelete,
    Fault::DeleteInVain,
    Fault::LandLate(2),
    Fault::LandLate(9),
    Fault::LandLate(1_000),
];

/// One job of one machine.
#[derive(Debug, Clone)]
pub enum Job {
    Backup,
    /// Thins and prunes; with a person: without any wait.
    Clean {
        person: bool,
    },
    Test,
    /// Approves that this record goes.
    Approve {
        set: String,
        path: Vec<u8>,
    },
    Apply {
        approval: u64,
    },
    Hold {
        name: String,
    },
    Release {
        at: u64,
    },
}

/// What came of it: the entry of an approval or a hold, and the next entry when it ended.
type Outcome = Result<(Option<u64>, u64), OpsError>;

impl Ground {
    /// Does a job on a machine.
    fn job(&self, node: usize, job: &Job) -> Outcome {
        let (stop, newest) = (Stop::default(), KeepRule { last: 2, daily: 0, weekly: 2, monthly: 0, yearly: 0 });
        let fresh =
            || Repository::open_fresh(self.store(node), self.nodes[node].dir.clone(), self.nodes[node].env.clone());
        let mut made = None;
        let mut repo = match job {
            Job::Clean { .. } | Job::Apply { .. } => fresh()?,
            _ => self.open(node)?,
        };
        match job {
            Job::Backup => {
                let report = backup(&mut repo, &self.nodes[node].options(), &Silent, &stop)?;
                assert!(report.problems.is_empty() && report.incident.is_none(), "{report:?}");
            }
            Job::Clean { person } => {
                let grace = if *person { SignedDuration::ZERO } else { GRACE };
                let asked = circumstances(&repo, grace, *person);
                match thin(&mut repo, &newest, &TimeZone::UTC, &asked, false) {
                    Ok(_) | Err(OpsError::Refused(_)) => {}
                    Err(e) => return Err(e),
                }
                let options = PruneOptions { grace, person: *person, ..PruneOptions::default() };
                prune(&mut repo, &options, &Silent, &stop)?;
            }
            Job::Test => {
                restore(&mut repo, &TestOptions::default(), &Silent, &stop)?;
            }
            Job::Approve { set, path } => made = approve(&mut repo, set, path)?,
            Job::Apply { approval } => self.apply(&mut repo, *approval)?,
            Job::Hold { name } => {
                let (review, today) = (date(2099, 1, 1), date(2026, 1, 1));
                let (patterns, reason, by) = (vec![name.clone()], "asked for".into(), "the clerk".into());
                let hold = PlaceHold { patterns, reason, by, review, from: None, to: None, today };
                made = Some(place(&mut repo, &hold)?);
            }
            Job::Release { at } => {
                release(&mut repo, &Which::one(at.to_string(), &TimeZone::UTC), "the clerk", "over")?;
            }
        }
        Ok((made, repo.state().next))
    }

    fn apply(&self, repo: &mut Repository, approval: u64) -> Result<(), OpsError> {
        let doomed = self.model.doomed.iter().find(|d| d.approval == approval).unwrap();
        let recheck = |repo: &mut Repository| {
            let facts = gather(repo, &Silent, &Stop::default())?;
            let found = facts.find(&doomed.set, &RecordPath::new(&doomed.path[..]).unwrap());
            if found.is_some_and(|r| facts.records[r].may_be_live()) {
                return Err(OpsError::InTheWay("it is live again".into()));
            }
            Ok(())
        };
        let (urgent, person, large, zone) = (None, self.person, true, TimeZone::UTC);
        let options = ApplyOptions { approval, urgent, person, large, zone, window: GRACE, recheck: &recheck };
        apply(repo, &options, &Silent, &Stop::default()).map(|_| ())
    }

    /// A job that somebody might start now, and where.
    fn some_job(&mut self) -> (usize, Job) {
        let dice = &mut self.dice;
        let open: Vec<u64> = self.model.doomed.iter().filter(|d| !d.done).map(|d| d.approval).collect();
        match dice.below(16) {
            0..=3 => (OFFICE, Job::Backup),
            4..=5 => (HALL, Job::Backup),
            6..=8 => (KEEPER, Job::Clean { person: dice.once_in(4) }),
            9 => (KEEPER, Job::Test),
            10..=11 if !open.is_empty() => (KEEPER, Job::Apply { approval: *dice.pick(&open) }),
            12 => match self.model.holds.first() {
                Some((at, _)) if dice.once_in(2) => (KEEPER, Job::Release { at: *at }),
                _ => (KEEPER, Job::Hold { name: format!("{}.txt", dice.below(6)) }),
            },
            _ => {
                let set = *dice.pick(&["documents", "halls"]);
                let gone: Vec<_> = self.model.gone_of(set);
                let gone: Vec<_> = gone.into_iter().filter(|p| !self.model.is_doomed(set, p)).collect();
                if gone.is_empty() {
                    return (OFFICE, Job::Backup);
                }
                (KEEPER, Job::Approve { set: set.into(), path: self.dice.pick(&gone).clone() })
            }
        }
    }

    fn some_faults(&mut self) -> Plan {
        let dice = &mut self.dice;
        match dice.below(10) {
            0..=3 => Plan::none(),
            4..=7 => {
                let often = *dice.pick(&[5, 30, 100, 300]);
                Plan::random(dice.below(usize::MAX) as u64, often, &FAULTS)
            }
            8 => Plan::at(dice.below(40), Fault::StopBefore),
            _ => Plan::at(dice.below(40), Fault::StopAfter),
        }
    }

    /// What came of a job: an approval or a hold is remembered.
    fn came_of(&mut self, node: usize, job: &Job, outcome: Outcome, tally: &mut Tally) -> String {
        let met = self.nodes[node].faults.injected().len();
        (0..met).for_each(|_| tally.count("faults"));
        self.nodes[node].faults.restart(Plan::none());
        let words = format!(
            "{} {job:?}, {met} faults: {}",
            self.nodes[node].name,
            match &outcome {
                Ok((made, next)) => format!("done at {next} {made:?}"),
                Err(e) => format!("{:?} {e}", e.exit()),
            }
        );
        match outcome {
            Ok((_, next)) => self.seen[node] = self.seen[node].max(next),
            Err(_) => tally.count("failed"),
        }
        words
    }

    /// Approvals and holds are what the log says, also where the job itself came to grief after it.
    fn remember_rulings(&mut self, tally: &mut Tally) {
        let repo = self.watch();
        for disposal in &repo.state().disposals {
            if self.model.doomed.iter().any(|d| d.approval == disposal.at) {
                continue;
            }
            let note: ApprovalNote = repo.read_note(&disposal.note).unwrap();
            let record = &note.plan.records[0];
            let (set, path) = (record.set.clone(), record.path.as_bytes().to_vec());
            self.model.doomed.push(Doomed { approval: disposal.at, set, path, withdrawn: None, done: false });
            tally.count("approved");
        }
        let open: Vec<u64> = repo.state().open_holds().map(|h| h.at).collect();
        self.model.holds.retain(|(at, _)| open.contains(at));
        for hold in repo.state().open_holds() {
            if self.model.holds.iter().all(|(at, _)| *at != hold.at) {
                let text: serde_json::Value = repo.read_note(&hold.note).unwrap();
                let name = text["patterns"][0].as_str().unwrap();
                self.model.holds.push((hold.at, name.as_bytes().to_vec()));
                tally.count("held");
            }
        }
        self.watched(repo);
    }

    fn edit(&mut self) -> String {
        let node = *self.dice.pick(&[OFFICE, OFFICE, HALL]);
        let folder = self.nodes[node].set.as_ref().unwrap().1.clone();
        let mut words = vec![];
        for _ in 0..=self.dice.below(3) {
            let name = format!("{}/{}.txt", self.dice.pick(&["a", "b"]), self.dice.below(6));
            let path = folder.join(&name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            if path.exists() && self.dice.once_in(2) {
                std::fs::remove_file(&path).unwrap();
                words.push(format!("{name} is deleted"));
            } else {
                let len = *self.dice.pick(&[0, 12, 900, 40_000]);
                std::fs::write(&path, self.dice.noise(len)).unwrap();
                words.push(format!("{name} has {len} new bytes"));
            }
        }
        format!("{}: {}", self.nodes[node].name, words.join(", "))
    }

    /// One thing happens.
    pub fn step(&mut self, tally: &mut Tally) -> String {
        self.person = false;
        let words = match self.dice.below(24) {
            0..=4 => self.edit(),
            5..=12 => {
                let ((node, job), faults) = (self.some_job(), self.some_faults());
                self.person = matches!(job, Job::Clean { person: true });
                self.nodes[node].faults.restart(faults);
                let outcome = self.job(node, &job);
                self.came_of(node, &job, outcome, tally)
            }
            13..=16 => self.two_at_once(tally),
            17..=19 => {
                let hours = *self.dice.pick(&[1, 24, 24, 7 * 24, 15 * 24, 40 * 24, 400 * 24]);
                self.pass(SignedDuration::from_hours(hours));
                format!("{hours} hours pass")
            }
            20 => self.clock(tally),
            21 => self.lose_caches(tally),
            22 => self.back_in_time(tally),
            _ => self.rot(tally),
        };
        self.remember_rulings(tally);
        words
    }

    /// A job stands still at one of its calls to the store while another machine does all of its own.
    fn two_at_once(&mut self, tally: &mut Tally) -> String {
        let (one, first) = self.some_job();
        let (mut other, mut second) = self.some_job();
        while other == one {
            (other, second) = self.some_job();
        }
        let (call, faults) = (self.dice.below(30), self.some_faults());
        self.person = [&first, &second].iter().any(|job| matches!(job, Job::Clean { person: true }));
        self.nodes[one].faults.restart(Plan::none());
        self.nodes[other].faults.restart(faults);
        let pause = self.nodes[one].faults.pause_at(call);
        let ground = &*self;
        let (outcome, meanwhile) = std::thread::scope(|scope| {
            let paused = scope.spawn(|| {
                let outcome = ground.job(one, &first);
                ground.nodes[one].faults.no_pause();
                outcome
            });
            let meanwhile = pause.reached().then(|| ground.job(other, &second));
            pause.go();
            (paused.join().unwrap(), meanwhile)
        });
        if meanwhile.is_some() {
            tally.count("two at once");
        }
        let words = self.came_of(one, &first, outcome, tally);
        let beside = meanwhile.map(|outcome| self.came_of(other, &second, outcome, tally));
        self.nodes[other].faults.restart(Plan::none());
        format!("{words}; beside its call {call}: {beside:?}")
    }

    /// Some machine's clock goes wrong, or right again.
    fn clock(&mut self, tally: &mut Tally) -> String {
        let hours = [0, 0, 0, 2, -2, 75, -75, 1_000, -1_000, 10_000, -10_000, 87_660, -87_660];
        let (node, hours) = (self.dice.below(3), *self.dice.pick(&hours));
        let wrong = self.now().saturating_add(SignedDuration::from_hours(hours)).unwrap();
        self.nodes[node].clock.set(wrong);
        tally.count("clocks");
        format!("the clock of {} is {hours} hours wrong", self.nodes[node].name)
    }

    /// What a machine may lose at any time, and what may be damaged: copies.
    fn lose_caches(&mut self, tally: &mut Tally) -> String {
        let node = &self.nodes[self.dice.below(3)];
        let lost = *self.dice.pick(&["cache", "sets"]);
        let folder = node.dir.file(lost);
        tally.count("caches");
        if self.dice.once_in(2) {
            let _ = std::fs::remove_dir_all(&folder);
            return format!("{} loses {lost}", node.name);
        }
        let mut todo = vec![folder];
        let mut damaged = 0;
        while let Some(path) = todo.pop() {
            let Ok(items) = std::fs::read_dir(&path) else { continue };
            for item in items.map(|item| item.unwrap().path()) {
                if item.to_string_lossy().ends_with(".mounts.json") {
                    // What it says of a share is believed until a person says otherwise.
                } else if item.is_dir() {
                    todo.push(item);
                } else if let Ok(mut bytes) = std::fs::read(&item)
                    && !bytes.is_empty()
                {
                    let at = self.dice.below(bytes.len());
                    bytes[at] ^= 0x10;
                    std::fs::write(&item, bytes).unwrap();
                    damaged += 1;
                }
            }
        }
        format!("{damaged} files of {lost} of {} are damaged", node.name)
    }

    /// The store shows what it held some time ago: nobody who remembers more believes it or adds to it.
    fn back_in_time(&mut self, tally: &mut Tally) -> String {
        let watcher = self.watch();
        let now = (self.objects(), watcher.state().next);
        self.watched(watcher);
        let Some((older, next)) = self.older.take() else {
            let words = format!("the store as it is, up to entry {}, is kept", now.1);
            self.older = Some(now);
            return words;
        };
        self.set_objects(&older);
        let mut refused = 0;
        for node in 0..3 {
            if self.seen[node] <= next {
                continue;
            }
            let job = if self.nodes[node].set.is_some() { Job::Backup } else { Job::Clean { person: true } };
            let outcome = self.job(node, &job);
            assert!(outcome.is_err(), "{} believes a store that went back from {} to {next}", node, self.seen[node]);
            refused += 1;
            tally.count("back in time");
        }
        assert!(self.objects() == older, "something was written to a past that never was");
        self.set_objects(&now.0);
        format!("the store goes back to entry {next} of {}; {refused} machines refuse", now.1)
    }

    /// One byte of one object is wrong for a while: it is found, and nothing wrong is given back.
    fn rot(&mut self, tally: &mut Tally) -> String {
        let good = self.objects();
        let names: Vec<&String> =
            good.keys().filter(|n| ["packs", "index"].contains(&n.split('/').next().unwrap())).collect();
        if names.is_empty() {
            return "nothing rots".into();
        }
        let name = (*self.dice.pick(&names)).clone();
        let mut bytes = good[&name].to_vec();
        let at = self.dice.below(bytes.len());
        bytes[at] ^= 1;
        let mut rotten = good.clone();
        rotten.insert(name.clone(), bytes.into());
        self.set_objects(&rotten);
        let job = if self.dice.once_in(2) { (OFFICE, Job::Backup) } else { (KEEPER, Job::Test) };
        let outcome = self.job(job.0, &job.1).map_err(|e| e.exit());
        let all = Budget { all: true, ..Budget::default() };
        let found = self.open(KEEPER).map_err(OpsError::from).and_then(|mut repo| {
            let known =
                repo.state().packs.iter().any(|p| p.life == Life::Live && name.contains(&p.pack.name.to_string()));
            scrub(&mut repo, &all, &Silent, &Stop::default()).map(|report| (known, report))
        });
        match found {
            Ok((known, report)) => {
                let said = report
                    .failed
                    .iter()
                    .any(|damage| damage.object.as_ref().is_some_and(|key| key.to_string() == name));
                assert!(!known || said, "{name} rots, and scrub says {report:?}");
            }
            Err(OpsError::Nothing(_)) => {}
            Err(e) => assert_eq!(e.exit(), Exit::Damage, "{name} rots, and scrub says {e}"),
        }
        // As it was, with what was added.
        let mut after = self.objects();
        if after.contains_key(&name) {
            after.insert(name.clone(), good[&name].clone());
            self.set_objects(&after);
        }
        tally.count("rot");
        format!("{name} rotted for a while; {job:?}: {outcome:?}")
    }

    /// There is something to lose.
    pub fn begin(&mut self, tally: &mut Tally) {
        for node in [OFFICE, HALL] {
            let folder = self.nodes[node].set.as_ref().unwrap().1.join("a");
            std::fs::create_dir_all(&folder).unwrap();
            for name in 0..4 {
                std::fs::write(folder.join(format!("{name}.txt")), self.dice.noise(700)).unwrap();
            }
            self.job(node, &Job::Backup).unwrap();
        }
        self.look(tally);
    }

    /// Faults end, clocks are right: every job succeeds at once, all is there, and what nothing needs goes.
    pub fn end_well(&mut self, tally: &mut Tally) {
        self.person = true;
        for node in &self.nodes {
            node.clock.set(self.now());
            node.faults.restart(Plan::none());
        }
        let done = |ground: &mut Self, node: usize, job: Job, tally: &mut Tally| {
            let outcome = ground.job(node, &job).unwrap_or_else(|e| panic!("at the end, {job:?}: {e}"));
            ground.seen[node] = outcome.1;
            ground.look(tally);
        };
        let holds: Vec<u64> = self.model.holds.iter().map(|(at, _)| *at).collect();
        for at in holds {
            done(self, KEEPER, Job::Release { at }, tally);
        }
        self.model.holds.clear();
        for round in 0..3 {
            self.pass(SignedDuration::from_hours(15 * 24));
            if round < 2 {
                done(self, OFFICE, Job::Backup, tally);
                done(self, HALL, Job::Backup, tally);
                done(self, KEEPER, Job::Test, tally);
            }
            let open: Vec<u64> = self.model.doomed.iter().filter(|d| !d.done).map(|d| d.approval).collect();
            for approval in open {
                match self.job(KEEPER, &Job::Apply { approval }) {
                    Ok(_) | Err(OpsError::InTheWay(_)) => {}
                    Err(e) => panic!("at the end, disposal {approval}: {e}"),
                }
                self.look(tally);
            }
            done(self, KEEPER, Job::Clean { person: round == 0 }, tally);
        }
        self.nothing_left_over();
        let mut repo = self.observe().unwrap();
        self.read_everything(&mut repo, tally);
    }

    /// The store holds what the log needs, and no more.
    fn nothing_left_over(&self) {
        let (repo, objects) = (self.observe().unwrap(), self.objects());
        let state = repo.state();
        let waiting: Vec<_> = state.packs.iter().filter(|p| matches!(p.life, Life::Condemned { .. })).collect();
        assert!(waiting.is_empty(), "{waiting:?} still wait");
        let live: Vec<String> =
            state.packs.iter().filter(|p| p.life == Life::Live).map(|p| p.pack.name.to_string()).collect();
        for name in objects.keys().filter(|name| name.starts_with("packs/")) {
            assert!(live.iter().any(|live| name.contains(live)), "{name} is left over");
        }
        assert!(state.open_sessions.is_empty(), "{:?}", state.open_sessions);
    }
}

/// Approves that one record goes, without asking the law.
fn approve(repo: &mut Repository, set: &str, path: &[u8]) -> Result<Option<u64>, OpsError> {
    let facts = gather(repo, &Silent, &Stop::default())?;
    let path = RecordPath::new(path).unwrap();
    let found = facts.find(set, &path).ok_or_else(|| OpsError::NotFound("it is not listed".into()))?;
    let record = &facts.records[found];
    let (class, due) = ("staff-files".into(), date(2020, 4, 1));
    let (content, size) = (record.content, record.size);
    let planned = PlannedRecord { set: set.into(), path, content, class, size, due, snapshots: vec![] };
    let plan = DisposalPlan { on: date(2026, 11, 22), scheme_at: 0, after: 0, records: vec![planned] };
    let (by, minute) = ("the clerk".to_owned(), "7c".to_owned());
    let written = ApprovalNote { kind: APPROVAL.into(), by, minute, large: true, plan: plan.clone() };
    let note = repo.put_note(&written)?;
    let (records, bytes) = (1, plan.bytes());
    let plan = plan.id(&repo.state().repository).to_string();
    let entry = Entry::DisposalApproved(DisposalApproved { plan, note, records, bytes });
    Ok(repo.append(|_| Ok(Some(entry.clone())))?)
}
