//! A long run of real processes: three computers that back up their own folders and one that prunes and tests, over one
//! repository on an S3 server that fails now and then. They are killed at any time, and stopped for a moment. Whatever was
//! not killed ends as the manual says, nobody is told of damage, and at the end everything is there.
//!
//! `STRONGROOM_SOAK=SECONDS` says how long, `STRONGROOM_SEED=N` with which seed; processes make each run another all the
//! same.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use strongroom::ops::fs::random_tree::Rng;

use super::computer::{Computer, Ended, Fate};
use super::writer::Writer;
use crate::support::s3::S3Server;

/// How long it lasts in a usual run, in seconds.
const USUAL: u64 = 10;
/// Of a thousand requests so many fail.
const TROUBLE: u32 = 20;
/// No process may need more memory, in KiB.
const MEMORY: u64 = 256 << 10;

/// What happened.
#[derive(Clone, Debug, Default)]
struct Tally {
    processes: u64,
    succeeded: u64,
    kills: u64,
    stops: u64,
    peak: u64,
}

impl Tally {
    fn add(&mut self, ended: &Ended) {
        self.processes += 1;
        self.succeeded += u64::from(ended.code == Some(0));
        self.kills += u64::from(ended.code.is_none());
        self.stops += ended.stops;
        self.peak = self.peak.max(ended.peak);
    }

    fn join(&mut self, other: &Self) {
        self.processes += other.processes;
        self.succeeded += other.succeeded;
        self.kills += other.kills;
        self.stops += other.stops;
        self.peak = self.peak.max(other.peak);
    }
}

/// Words that say of a failure that it may pass: the store's own trouble, and others who were faster.
const REASONS: [&str; 3] = ["could not ", "nothing was lost, run again", "the store lists only "];
/// Words of damage and loss.
const ALARMS: [&str; 8] = [
    "damage",
    "missing",
    "lost",
    "gone back in time",
    "not the repository",
    "does not open",
    "destroyed",
    "cannot be read",
];
/// Words that say that there is none.
const COMFORT: [&str; 3] = ["nothing was lost", "nothing is lost", "nothing stored is lost"];

/// What is wrong with how a process ended, by the manual's exit codes.
fn wrong(ended: &Ended) -> Option<String> {
    let mut said = ended.err.to_lowercase();
    COMFORT.iter().for_each(|words| said = said.replace(words, ""));
    let fault = said.contains("panicked") || said.contains("fault in strongroom");
    let alarm = ALARMS.iter().find(|words| said.contains(**words));
    let told = REASONS.iter().any(|words| ended.err.contains(words));
    let prunes = ended.words.contains(": prune") || ended.words.ends_with(": run");
    let is_right = match ended.code {
        None | Some(0) => true,
        Some(1) => told,
        // A deletion that the store refused, and a list of it that was older than the log.
        Some(3 | 6) => prunes && told,
        Some(_) => false,
    };
    let why = match (fault, alarm, is_right) {
        (true, ..) => "it met a fault of its own".into(),
        (_, Some(alarm), _) => format!("it tells of damage or loss ('{alarm}')"),
        (.., false) => "it may not end like this".into(),
        _ => return None,
    };
    Some(format!("{why}: {ended:#?}"))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// The time that is left, and whether something was found that ends it early.
struct Season {
    end: Instant,
    over: AtomicBool,
}

impl Season {
    /// Plays rounds to the end; what happened, and the first thing that was wrong.
    fn play(&self, mut round: impl FnMut(Duration) -> Ended) -> (Tally, Option<String>) {
        let (mut tally, mut usual) = (Tally::default(), Duration::from_millis(500));
        while Instant::now() < self.end && !self.over.load(Ordering::SeqCst) {
            let ended = round(usual);
            tally.add(&ended);
            if ended.code.is_some() {
                usual = ended.took;
            }
            if let Some(words) = wrong(&ended) {
                self.over.store(true, Ordering::SeqCst);
                return (tally, Some(words));
            }
        }
        (tally, None)
    }
}

/// One round of the server that prunes and tests.
fn keep(keeper: &Computer, dice: &mut Rng, usual: Duration) -> Ended {
    let without_wait = ["prune", "--keep-last", "2", "--grace", "0", "--yes"];
    let ways: [&[&str]; 5] =
        [&without_wait, &["prune"], &["verify", "restore"], &["verify", "check"], &["verify", "scrub"]];
    let way = [0, 0, 0, 0, 1, 2, 2, 3, 4][dice.below(9) as usize];
    let fate = Fate::draw(dice, usual);
    keeper.play(ways[way], fate)
}

/// Everybody in one repository; the keeper has its sheet.
fn join(keeper: &Computer, writers: &[Writer], sheet: &str) {
    keeper.must(&["init", "--name", keeper.name, "--recovery-key-file", sheet]);
    for (n, writer) in writers.iter().enumerate() {
        let there = &writer.computer;
        // The last one may write and never read.
        let more: &[&str] = if n + 1 == writers.len() { &["--write-only-server"] } else { &[] };
        let asked = there.must(&[&["init", "--join", "--name", there.name], more].concat());
        let request = asked.out.lines().find_map(|line| line.strip_prefix("strongroom actor add ")).unwrap().to_owned();
        let added = keeper.must(&["actor", "add", &request, "--recovery-key-file", sheet]);
        let id = added.out.split_whitespace().last().unwrap().to_owned();
        there.must(&["init", "--join", "--id", &id]);
        there.must(&["backup"]);
    }
    std::fs::write(keeper.folder().join("read me.txt"), "Nothing is kept here.").unwrap();
    keeper.must(&["backup"]);
}

/// How many entries of each kind the log has, and that none is void.
fn entries(keeper: &Computer) -> impl Fn(&str) -> usize {
    let said = keeper.must(&["log", "--verify", "--json"]);
    let log: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(log.last().unwrap()["void"], 0, "{}", log.last().unwrap());
    move |kind| log.iter().filter(|entry| entry["body"]["kind"] == kind).count()
}

/// Nothing fails any more: everybody's backup succeeds at once, and everything is there.
fn end_well(keeper: &Computer, writers: &mut [Writer], to: &std::path::Path, tally: &mut Tally) {
    let mut must = |computer: &Computer, words: &[&str]| {
        let ended = computer.must(words);
        assert_eq!(wrong(&ended), None);
        tally.add(&ended);
        ended
    };
    for writer in writers.iter_mut() {
        let ended = must(&writer.computer, &["backup"]);
        writer.note(&ended);
    }
    must(keeper, &["backup"]);
    must(keeper, &["verify", "check"]);
    must(keeper, &["verify", "restore", "--all"]);
    must(keeper, &["prune", "--keep-last", "1", "--grace", "0", "--yes"]);
    must(keeper, &["verify", "check"]);
    must(keeper, &["verify", "scrub", "--all"]);
    must(keeper, &["verify", "restore", "--all"]);
    for writer in writers {
        writer.comes_back(keeper, to);
    }
}

#[test]
fn real_programs_killed_and_stopped_over_a_store_that_fails_lose_nothing() {
    let days = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / 86_400;
    let (seed, seconds) = (number("STRONGROOM_SEED").unwrap_or(days), number("STRONGROOM_SOAK").unwrap_or(USUAL));
    println!("seed {seed}, {seconds} s");
    let site = tempfile::tempdir().unwrap();
    let server = S3Server::on(site.path().join("store"));
    let keeper = Computer::new(site.path(), "keeper", &server);
    let writer = |(n, name)| Writer::new(Computer::new(site.path(), name, &server), Rng::new(seed * 8 + n));
    let mut writers: Vec<Writer> = [(1, "office"), (2, "hall"), (3, "depot")].map(writer).into();
    join(&keeper, &writers, site.path().join("sheet.txt").to_str().unwrap());

    server.trouble.make(TROUBLE, seed);
    let season = Season { end: Instant::now() + Duration::from_secs(seconds), over: AtomicBool::new(false) };
    let (mut tally, mut found) = (Tally::default(), vec![]);
    std::thread::scope(|scope| {
        let (season, keeper, mut dice) = (&season, &keeper, Rng::new(seed * 8));
        let play = |writer: &mut Writer| season.play(|usual| writer.round(|dice| Fate::draw(dice, usual)));
        let mut threads: Vec<_> = writers.iter_mut().map(|writer| scope.spawn(move || play(writer))).collect();
        threads.push(scope.spawn(move || season.play(|usual| keep(keeper, &mut dice, usual))));
        for thread in threads {
            let (happened, wrong) = thread.join().unwrap();
            tally.join(&happened);
            found.extend(wrong);
        }
    });
    server.trouble.make(0, seed);
    if !found.is_empty() {
        // The store and all homes stay, to be looked at.
        panic!("seed {seed}, {tally:?}, kept in {}: {}", site.keep().display(), found.join("\n"));
    }
    end_well(&keeper, &mut writers, &site.path().join("back"), &mut tally);

    let (count, (before, after)) = (entries(&keeper), server.trouble.made());
    let (commits, swept, tested) = (count("snapshot"), count("swept"), count("tested"));
    let gone: usize = writers.iter().map(Writer::thrown_away).sum();
    println!(
        "{commits} snapshots, {swept} sweeps and {tested} tests in the log; {} processes, {} of them succeeded, {} were \
         killed; {} stops; {before} requests failed before and {after} after their effect; {gone} deleted files brought \
         back; at most {} KiB of memory",
        tally.processes, tally.succeeded, tally.kills, tally.stops, tally.peak
    );
    assert!(tally.kills > 0 && before + after > 0, "nothing happened: {tally:?}");
    // Besides each computer's first and last.
    assert!(commits >= (writers.len() + 1) * 2 + 6, "only {commits} backups: nobody worked");
    assert!((1..MEMORY).contains(&tally.peak), "a process needed {} KiB", tally.peak);
}
