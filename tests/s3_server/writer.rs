//! A computer whose people work: files are written, changed, appended to and deleted between backups, and what was
//! backed up once stays known.

use std::collections::BTreeMap;
use std::path::Path;

use strongroom::ops::fs::random_tree::Rng;

use super::computer::{Computer, Ended, Fate};
use crate::support::world::{Files, files_of};

/// Fewer files than a change of all of them would need to be an incident.
const MINUTES: u64 = 14;
const PLANS: u64 = 5;
const MOST_LETTERS: usize = 12;

/// A computer, and what it is known to have stored.
pub struct Writer {
    pub computer: Computer,
    dice: Rng,
    /// Written once, never changed: content, and whether a backup since then succeeded.
    letters: BTreeMap<String, (Vec<u8>, bool)>,
    /// Letters that were backed up, and deleted after it.
    gone: BTreeMap<String, Vec<u8>>,
    written: u64,
}

impl Writer {
    pub fn new(computer: Computer, dice: Rng) -> Self {
        let mut writer = Self { computer, dice, letters: BTreeMap::new(), gone: BTreeMap::new(), written: 0 };
        (0..MINUTES).for_each(|n| writer.minutes(n));
        (0..PLANS).for_each(|n| writer.plan(n));
        writer.letter();
        writer
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.computer.folder().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn minutes(&mut self, n: u64) {
        let lines: Vec<String> = (0..1 + self.dice.below(60)).map(|line| self.line(line)).collect();
        self.put(&format!("Minutes/{n}.txt"), lines.concat().as_bytes());
    }

    fn line(&mut self, line: u64) -> String {
        format!("{line}. Resolved: to spend £{} on item {}.\n", self.dice.below(10_000), self.dice.below(1_000_000))
    }

    /// New altogether, longer, or changed in one place.
    fn plan(&mut self, n: u64) {
        let name = format!("Plans/{n}.bin");
        let mut bytes = std::fs::read(self.computer.folder().join(&name)).unwrap_or_default();
        let len = 20_000 + self.dice.below(300_000);
        match self.dice.below(3) {
            0 if bytes.len() < 600_000 => bytes.extend(self.dice.bytes(len / 10)),
            1 if bytes.len() > 5_000 => {
                let at = self.dice.below(bytes.len() as u64 - 4_000) as usize;
                bytes[at..at + 4_000].copy_from_slice(&self.dice.bytes(4_000));
            }
            _ => bytes = self.dice.bytes(len),
        }
        self.put(&name, &bytes);
    }

    fn letter(&mut self) {
        self.written += 1;
        let (name, text) = (format!("Letters/{}.txt", self.written), self.line(self.written).repeat(20).into_bytes());
        self.put(&name, &text);
        self.letters.insert(name, (text, false));
    }

    /// Goes, if it was backed up.
    fn throw_away(&mut self) {
        let safe: Vec<String> =
            self.letters.iter().filter(|(_, (_, safe))| *safe).map(|(name, _)| name.clone()).collect();
        if safe.is_empty() {
            return;
        }
        let name = self.dice.pick(&safe).clone();
        std::fs::remove_file(self.computer.folder().join(&name)).unwrap();
        let (text, _) = self.letters.remove(&name).unwrap();
        self.gone.insert(name, text);
    }

    /// Some work between two backups.
    fn work(&mut self) {
        for _ in 0..1 + self.dice.below(3) {
            match self.dice.below(8) {
                0..3 => {
                    let n = self.dice.below(MINUTES);
                    self.minutes(n);
                }
                3..5 => {
                    let n = self.dice.below(PLANS);
                    self.plan(n);
                }
                5..7 if self.letters.len() < MOST_LETTERS => self.letter(),
                _ => self.throw_away(),
            }
        }
    }

    /// Works, then backs up in one of several ways; what came of it.
    pub fn round(&mut self, fate: impl Fn(&mut Rng) -> Fate) -> Ended {
        self.work();
        let ways: [&[&str]; 4] = [&["backup"], &["backup", "--reread"], &["run", "--backups-only"], &["run"]];
        let way = [0, 0, 0, 0, 0, 1, 2, 3][self.dice.below(8) as usize];
        let fate = fate(&mut self.dice);
        let ended = self.computer.play(ways[way], fate);
        self.note(&ended);
        ended
    }

    /// What is there is safe, if that was a backup that succeeded.
    pub fn note(&mut self, ended: &Ended) {
        if ended.code == Some(0) {
            self.letters.values_mut().for_each(|(_, safe)| *safe = true);
        }
    }

    /// How many letters were backed up and deleted.
    pub fn thrown_away(&self) -> usize {
        self.gone.len()
    }

    /// What `reader` brings back of this computer's files is what is there now, and of the deleted ones what was there.
    pub fn comes_back(&self, reader: &Computer, to: &Path) {
        let name = self.computer.name;
        let bring = |more: &[&str], to: &Path| -> Files {
            let words = ["restore", "--all", "--set", name, "--to", to.to_str().unwrap()];
            reader.must(&[&words[..], more].concat());
            files_of(&to.join(name), name)
        };
        let live = bring(&[], &to.join(name));
        assert!(live == files_of(&self.computer.folder(), name), "the files of {name} are others than came back");
        let all = bring(&["--deleted"], &to.join(format!("{name} and deleted")));
        for (letter, text) in &self.gone {
            let back = all.get(format!("{name}/{letter}").as_bytes());
            assert!(back == Some(text), "{name}/{letter} was backed up and deleted, and its last version is not there");
        }
    }
}
