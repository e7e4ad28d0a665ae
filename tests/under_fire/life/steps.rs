//! What happens in a life: edits, jobs with faults, two jobs at once, time; and what else befalls it.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use strongroom::ops::retention::note::ApprovalNote;
use strongroom::testing::{Fault, Plan};

use super::ground::{Ground, HALL, KEEPER, OFFICE};
use super::jobs::{Job, Outcome};
use super::model::Doomed;

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

/// Waits until the kernel stamps files with another time. The clocks of a life run ahead of the kernel's, so a backup
/// believes that every file was settled long ago, and two edits around it must not get the same stamp.
fn a_tick_passes(folder: &std::path::Path) {
    let probe = folder.with_extension("tick");
    let stamp = || {
        std::fs::write(&probe, b"x").unwrap();
        std::fs::metadata(&probe).unwrap().modified().unwrap()
    };
    let first = stamp();
    while stamp() == first {
        std::thread::yield_now();
    }
}

impl Ground {
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
        a_tick_passes(&folder);
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
}
