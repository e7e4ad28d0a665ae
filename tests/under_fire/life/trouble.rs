//! What befalls a life beside its jobs: wrong clocks, lost caches, a store that goes back in time, a store that rots.

use jiff::SignedDuration;
use strongroom::domain::log::state::{Life, PackState};
use strongroom::domain::problem::Exit;
use strongroom::ops::verify::{Budget, scrub};
use strongroom::ops::{OpsError, Silent, Stop};

use super::ground::{Ground, KEEPER, OFFICE};
use super::jobs::Job;
use super::steps::Tally;

impl Ground {
    /// Some machine's clock goes wrong, or right again.
    pub fn clock(&mut self, tally: &mut Tally) -> String {
        let hours = [0, 0, 0, 2, -2, 75, -75, 1_000, -1_000, 10_000, -10_000, 87_660, -87_660];
        let (node, hours) = (self.dice.below(3), *self.dice.pick(&hours));
        let wrong = self.now().saturating_add(SignedDuration::from_hours(hours)).unwrap();
        self.nodes[node].clock.set(wrong);
        tally.count("clocks");
        format!("the clock of {} is {hours} hours wrong", self.nodes[node].name)
    }

    /// What a machine may lose at any time, and what may be damaged: copies.
    pub fn lose_caches(&mut self, tally: &mut Tally) -> String {
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
    pub fn back_in_time(&mut self, tally: &mut Tally) -> String {
        let watcher = self.watch();
        let now = (self.objects(), watcher.state().next);
        self.watched(watcher);
        let Some((older, next)) = self.older.take() else {
            let words = format!("the store as it is, up to entry {}, is kept", now.1);
            self.older = Some(now);
            return words;
        };
        // Requests under way land in the store as it is, not in its past.
        (0..3).for_each(|node| drop(self.store(node).list("log").unwrap()));
        let now = (self.objects(), now.1);
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
    pub fn rot(&mut self, tally: &mut Tally) -> String {
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
            // What a backup that failed had stored is needed by no snapshot: nobody misses it.
            let needed = repo.state().needed();
            let is = |(n, p): (usize, &PackState)| {
                p.life == Life::Live && needed.contains(n as u32) && name.contains(&p.pack.name.to_string())
            };
            let known = repo.state().packs.iter().enumerate().any(is);
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
}
