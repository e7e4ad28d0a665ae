//! How cost grows with work: files, bytes, snapshots, and how far away and how thin the line is. Every cell is measured in a
//! process of its own over a store in a folder; requests are counted at the store's door. On a busy machine processor
//! seconds say more than the time that passes, which is told where the line decides it.
//!
//! `cargo bench --features testing --bench growth [-- files snapshots bytes sparse stored lines] [-- files=1000,10000]`; the folder is
//! below `$GROWTH_DIR`, else the system's temporary one, and goes at the end.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod cell;
mod link;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use cell::Cell;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    if words.first().is_some_and(|w| w == "cell") {
        return child(&words[1..]);
    }
    println!("{} processors", cell::processors());
    let wanted = |table: &str| words.is_empty() || words.iter().any(|w| w.split('=').next() == Some(table));
    let sizes = |table: &str, usual: &[u32]| -> Vec<u32> {
        let typed = words.iter().find_map(|w| w.strip_prefix(table)?.strip_prefix('='));
        typed.map_or(usual.to_vec(), |t| t.split(',').map(|n| n.parse().unwrap()).collect())
    };
    if wanted("files") {
        grow("files", &sizes("files", &[1_000, 10_000, 100_000]), |dir, n, row| {
            run(dir, &format!("fill {n} 0"));
            run(dir, "create");
            row("first backup", run(dir, "backup"));
            row("unchanged", run(dir, "backup"));
            row("one back", run(dir, &format!("one {}", n / 2)));
        });
    }
    if wanted("snapshots") {
        grow("snapshots", &sizes("snapshots", &[1, 10, 100, 500]), |dir, n, row| {
            run(dir, "fill 2000 0");
            run(dir, "create");
            row("all of them", run(dir, &format!("history {n} 2000")));
            row("unchanged", run(dir, "backup"));
            row("one back", run(dir, "one 1000"));
        });
    }
    if wanted("bytes") {
        grow("MiB", &sizes("bytes", &[256, 1024, 2048]), |dir, n, row| {
            run(dir, &format!("fill {n} {}", 1 << 20));
            run(dir, "create");
            row("first backup", run(dir, "backup"));
            row("unchanged", run(dir, "backup"));
            row("one back", run(dir, &format!("one {}", n / 2)));
        });
    }
    if wanted("sparse") {
        grow("GiB, nine tenths of them holes", &sizes("sparse", &[1, 10]), |dir, n, row| {
            run(dir, &format!("sparse {n}"));
            run(dir, "create");
            row("first backup", run(dir, "backup"));
            row("unchanged", run(dir, "backup"));
        });
    }
    if wanted("stored") {
        grow("GiB besides", &sizes("stored", &[1, 10, 100]), |dir, n, row| {
            run(dir, "fill 2000 0");
            run(dir, "create");
            run(dir, "backup");
            run(dir, &format!("pretend {n}"));
            row("unchanged", run(dir, "backup"));
            row("one back", run(dir, "one 1000"));
        });
    }
    if wanted("lines") {
        for (delay, mbit) in [(0, 1000), (10, 100), (50, 100), (50, 1000), (50, 10)] {
            println!("\n{delay} ms, {mbit} Mbit/s");
            let line = format!("@{delay},{}", mbit * 125_000);
            within("lines", |dir| {
                run(dir, &format!("fill 32 {}", 1 << 20));
                run(dir, "create");
                for (what, words) in [("32 MiB first", "backup"), ("unchanged", "backup"), ("one back", "one 7")] {
                    show(what, &run(dir, &format!("{words} {line}")), None);
                }
            });
        }
    }
}

/// One table: for each size a fresh folder, and how much dearer each operation is than with the size before.
fn grow(what: &str, sizes: &[u32], cell: impl Fn(&Path, u32, &mut dyn FnMut(&str, Vec<f64>))) {
    let mut before: Option<Vec<Vec<f64>>> = None;
    for n in sizes {
        println!("\n{n} {what}");
        let mut rows = vec![];
        within(what, |dir| {
            cell(dir, *n, &mut |operation, row| {
                show(operation, &row, before.as_ref().map(|b| b[rows.len()].as_slice()));
                rows.push(row);
            });
        });
        before = Some(rows);
    }
}

fn show(operation: &str, row: &[f64], before: Option<&[f64]>) {
    let [wall, cpu, peak, requests, up, down] = row[..] else { unreachable!() };
    let ratio = before.map_or(String::new(), |b| {
        let times = |at: usize| row[at] / b[at].max(0.01);
        format!("; of the one before: processor ×{:.2}, memory ×{:.2}, requests ×{:.2}", times(1), times(2), times(3))
    });
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    println!(
        "  {operation:<14} {wall:8.2} s  {cpu:8.2} s processor  {peak:5} MiB  {requests:5} requests  {:8.2} MiB up  {:8.2} \
         MiB down{ratio}",
        mib(up),
        mib(down)
    );
}

fn within(what: &str, work: impl FnOnce(&Path)) {
    let base = std::env::var_os("GROWTH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let dir = tempfile::Builder::new().prefix(&what.replace(' ', "-")).tempdir_in(base).unwrap();
    work(dir.path());
}

fn run(dir: &Path, words: &str) -> Vec<f64> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let said = command.arg("cell").arg(dir).args(words.split(' ')).output().unwrap();
    assert!(said.status.success(), "{words}: {}", String::from_utf8_lossy(&said.stderr));
    let out = String::from_utf8(said.stdout).unwrap();
    out.split_whitespace().map(|n| n.parse().unwrap()).collect()
}

fn child(words: &[String]) {
    let line = words.iter().find_map(|w| w.strip_prefix('@')).and_then(|l| l.split_once(','));
    let (delay, rate) = line.map_or((0, 0), |(d, r)| (d.parse().unwrap(), r.parse().unwrap()));
    let number = |at: usize| words[at].parse::<u32>().unwrap();
    let cell = Cell::new(Path::new(&words[0]), delay, rate);
    let began = Instant::now();
    match words[1].as_str() {
        "create" => cell.create(),
        "fill" => cell.fill(number(2), number(3) as usize),
        "sparse" => cell.sparse(number(2)),
        "backup" => cell.backup(),
        "history" => cell.history(number(2), number(3)),
        "one" => cell.one(number(2)),
        "pretend" => cell.pretend(number(2)),
        other => unreachable!("{other}"),
    }
    println!("{}", cell.report(began));
}
