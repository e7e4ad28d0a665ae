//! How a life begins, and how it must end.

use jiff::SignedDuration;
use strongroom::domain::log::state::Life;
use strongroom::ops::OpsError;
use strongroom::testing::Plan;

use super::ground::{Ground, HALL, KEEPER, OFFICE};
use super::jobs::Job;
use super::model::GRACE;
use super::steps::Tally;

impl Ground {
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
        // One that began by a clock far ahead is given up when the wait after its day is over.
        let late = state.open_sessions.values().find(|(_, began)| *began + GRACE <= self.now());
        assert!(late.is_none(), "{late:?}");
    }
}
