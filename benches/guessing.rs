//! What a store's provider can guess from the sizes it sees: is one certain file in tonight's backup?
//!
//! Each trial is an office's first night: documents of random number, sizes and content, 64 MiB and more of them, and with
//! even chances the file that is looked for. Two guessers see names and sizes of all stored objects, and nothing else:
//! one has seen many such nights with and without the file, the other has every other document of this very night.
//!
//! `cargo bench --features testing --bench guessing [-- TRIALS]`; docs/keys-and-threats.md has its figures.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::Path;
use std::sync::Arc;

use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use strongroom::domain::path::RecordPath;
use strongroom::ops::backup::{BackupOptions, backup};
use strongroom::ops::fs::walk::Source;
use strongroom::ops::{Silent, Stop};
use strongroom::repo::create::{CreateOptions, create};
use strongroom::repo::machine::StateDir;
use strongroom::repo::repository::{Env, Repository};
use strongroom::repo::store::Store;
use strongroom::testing::{FakeClock, SeededEntropy};

/// A night's documents come to so much, and up to half as much again.
const NIGHT: u64 = 64 << 20;
/// Sizes of the file that is looked for.
const TARGETS: [usize; 3] = [20 << 10, 200 << 10, 2 << 20];
/// Of so many nights that look most like this one, the first guesser asks how many had the file.
const NEIGHBOURS: usize = 15;

/// What a guesser goes by: bytes in all, objects, the smallest pack, and all packs modulo what they are padded to.
type Seen = [f64; 4];

fn main() {
    let trials: u64 = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(1000);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("{trials} nights for each size; guessed right, of nights that nothing was learnt from");
    for target in TARGETS {
        let nights: Vec<(bool, Seen, Seen)> = (0..trials).map(|n| night(&runtime, n, target)).collect();
        let (learnt, asked) = nights.split_at(nights.len() / 2);
        let by_habit = asked.iter().filter(|(there, seen, _)| likely(learnt, seen) == *there).count();
        // Whoever has all other documents knows about what they take, and halves the difference.
        let more = |(_, seen, without): &(bool, Seen, Seen)| seen[0] - without[0] > target as f64 / 2.0;
        let by_all_others = asked.iter().filter(|night| more(night) == night.0).count();
        let percent = |right: usize| 100.0 * right as f64 / asked.len() as f64;
        println!(
            "{:5} KiB: {:.1} % by one who knows how the office writes, {:.1} % by one who has all the other documents",
            target >> 10,
            percent(by_habit),
            percent(by_all_others)
        );
    }
}

fn random(seed: &str, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(seed.as_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

fn number(seed: &str) -> u64 {
    u64::from_le_bytes(random(seed, 8).try_into().unwrap())
}

/// A night: whether the file was there, what was seen, and what the same night without it looks like under another key.
fn night(runtime: &tokio::runtime::Runtime, n: u64, target: usize) -> (bool, Seen, Seen) {
    let tmp = tempfile::tempdir().unwrap();
    let docs = tmp.path().join("Documents");
    std::fs::create_dir_all(&docs).unwrap();
    let name = format!("night {n}, {target}");
    let all = NIGHT + number(&format!("{name}: all")) % (NIGHT / 2);
    let (mut sum, mut file) = (0, 0);
    while sum < all {
        let seed = format!("{name}: {file}");
        // From a kilobyte to four megabytes, most of them small; a third of each can be compressed.
        let len = (1024.0 * 2f64.powf(number(&seed) as f64 / u64::MAX as f64 * 12.0)) as usize;
        let mut bytes = random(&seed, len);
        bytes.iter_mut().take(len / 3).for_each(|b| *b = b"the council "[usize::from(*b) % 12]);
        std::fs::write(docs.join(format!("{file}.doc")), bytes).unwrap();
        (sum, file) = (sum + len as u64, file + 1);
    }
    let without = seen(runtime, tmp.path(), &format!("{name}: another key"));
    let there = number(&format!("{name}: there")).is_multiple_of(2);
    if there {
        std::fs::write(docs.join("looked for.pdf"), random("looked for", target)).unwrap();
    }
    (there, seen(runtime, tmp.path(), &name), without)
}

/// A first backup into a store of its own, as its provider sees it.
fn seen(runtime: &tokio::runtime::Runtime, at: &Path, name: &str) -> Seen {
    let objects = Arc::new(InMemory::new());
    let root = object_store::path::Path::default();
    let store = Store::new(objects.clone(), root, runtime.handle().clone(), "memory".into(), false);
    let env = Env {
        clock: Arc::new(FakeClock::reading("2026-11-22T02:30:00Z")),
        entropy: Arc::new(SeededEntropy::new(number(name))),
    };
    let dir = StateDir::new(at.join(format!("state {}", number(name))));
    let options = CreateOptions { machine_name: "office".into(), write_only: false, single_machine: false };
    create(&store, &dir, &env, &options, |_| Ok(())).unwrap();
    let source = Source { name: RecordPath::new("Documents").unwrap(), path: at.join("Documents") };
    let mut repo = Repository::open_fresh(store, dir, env).unwrap();
    backup(&mut repo, &BackupOptions::new("documents", vec![source]), &Silent, &Stop::default()).unwrap();
    let listed: Vec<_> = runtime.block_on(objects.list(None).try_collect()).unwrap();
    let packs: Vec<u64> = listed.iter().filter(|o| o.location.as_ref().starts_with("packs/")).map(|o| o.size).collect();
    let all = listed.iter().map(|o| o.size).sum::<u64>();
    let smallest = packs.iter().min().copied().unwrap_or(0);
    [all as f64, listed.len() as f64, smallest as f64, (packs.iter().sum::<u64>() % (64 << 10)) as f64]
}

/// Whether most of the nights that look like this one had the file.
fn likely(learnt: &[(bool, Seen, Seen)], seen: &Seen) -> bool {
    let spread = |at: usize| {
        let values = || learnt.iter().map(|night| night.1[at]);
        let mean = values().sum::<f64>() / learnt.len() as f64;
        (values().map(|v| (v - mean).powi(2)).sum::<f64>() / learnt.len() as f64).sqrt().max(1.0)
    };
    let spreads: Vec<f64> = (0..seen.len()).map(spread).collect();
    let far = |night: &Seen| (0..seen.len()).map(|at| ((night[at] - seen[at]) / spreads[at]).powi(2)).sum::<f64>();
    let mut nearest: Vec<(f64, bool)> = learnt.iter().map(|(there, night, _)| (far(night), *there)).collect();
    nearest.sort_by(|a, b| a.0.total_cmp(&b.0));
    let with = nearest.iter().take(NEIGHBOURS).filter(|(_, there)| *there).count();
    2 * with > NEIGHBOURS
}
