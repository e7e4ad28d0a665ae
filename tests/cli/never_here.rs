//! Ways to fail that lie in this computer itself.

use crate::front::Way;
use crate::mounts::Mount;
use crate::never_modes::{Mode, copy, rename};
use crate::never_office::{Store, child_of, signal};
use crate::place::{Place, noise};

pub fn of_this_computer() -> Vec<Mode> {
    let runs = [of_runs_cut_off(), of_what_never_ran_or_runs_on(), of_its_clock()];
    [of_its_files(), of_the_configuration()].into_iter().chain(runs).flatten().collect()
}

/// Its disk, and its own folder with the keys.
fn of_its_files() -> Vec<Mode> {
    vec![
        Mode::new(
            "the disk with its own folder is full",
            |o| {
                rename(o, "home/state", "state");
                let mount = Mount::tmpfs(&o.place.path("home/state"), "size=4m");
                copy(&o.place, "state/.", "home/state");
                // Until there is no room left.
                drop(std::fs::write(o.place.path("home/state/fill"), noise(8 << 20)));
                o.kept = Some(Box::new(mount));
            },
            |o| std::fs::remove_file(o.place.path("home/state/fill")).unwrap(),
        ),
        Mode::new(
            "its own folder, with the keys, is gone",
            |o| rename(o, "home/state", "state"),
            |o| {
                // What there was before, beside the record that was begun meanwhile.
                rename(o, "home/state/journal.jsonl", "journal");
                std::fs::remove_dir_all(o.place.path("home/state")).unwrap();
                rename(o, "state", "home/state");
                rename(o, "journal", "home/state/journal.jsonl");
            },
        ),
        Mode::new(
            "its own record cannot be written",
            |o| {
                rename(o, "home/state/journal.jsonl", "journal");
                std::fs::create_dir(o.place.path("home/state/journal.jsonl")).unwrap();
            },
            |o| {
                std::fs::remove_dir(o.place.path("home/state/journal.jsonl")).unwrap();
                rename(o, "journal", "home/state/journal.jsonl");
            },
        ),
        Mode::new(
            "the key fits no more",
            |o| {
                let identity = |p: &Place| {
                    let machine: serde_json::Value =
                        serde_json::from_slice(&p.read("home/state/machine.json")).unwrap();
                    machine["identity"].as_str().unwrap().to_owned()
                };
                let text = String::from_utf8(o.place.read("home/state/machine.json")).unwrap();
                let other = text.replace(&identity(&o.place), &identity(&Place::ready("")));
                rename(o, "home/state/machine.json", "machine.json");
                o.place.write("home/state/machine.json", other.as_bytes());
                drop(std::fs::remove_file(o.place.path("home/state/bundle.age")));
            },
            |o| rename(o, "machine.json", "home/state/machine.json"),
        ),
    ]
}

fn of_the_configuration() -> Vec<Mode> {
    vec![
        Mode::new(
            "the configuration is broken",
            |o| {
                o.run(&["run"]).ends(0);
                rename(o, "home/council.toml", "council.toml");
                o.place.write("home/council.toml", b"[council\n");
            },
            |o| rename(o, "council.toml", "home/council.toml"),
        ),
        Mode::new(
            "the configuration is gone",
            |o| {
                o.run(&["run"]).ends(0);
                rename(o, "home/council.toml", "council.toml");
            },
            |o| {
                rename(o, "council.toml", "home/council.toml");
            },
        )
        .by("`notify failed`, as systemd starts it", |o| o.night()),
    ]
}

fn of_runs_cut_off() -> Vec<Mode> {
    vec![
        Mode { store: Store::Bucket, ..Mode::new("the run is killed", |_| {}, |o| o.front().turns(Way::Open)) }
            .by("`notify failed`, as systemd starts it", |o| {
                let mut run = o.hanging();
                run.kill().unwrap();
                run.wait().unwrap();
                o.run(&["notify", "failed"])
            })
            .once(),
        Mode {
            store: Store::Bucket,
            ..Mode::new(
                "memory runs out and the system kills the run",
                |_| {},
                |o| {
                    o.front().turns(Way::Open);
                },
            )
        }
        .by("`serve`, which started it", |o| {
            o.front().turns(Way::Silent);
            o.serve_and(|o, serve| {
                o.front().waits_to_be_asked();
                signal(child_of(serve), rustix::process::Signal::KILL);
            })
        })
        .once(),
        Mode { store: Store::Bucket, ..Mode::new("the power goes in the middle, with `serve`", |_| {}, |_| {}) }
            .by("`serve`, when the power is back", |o| {
                o.power_cut();
                o.serve_and(|_, _| {})
            })
            .once(),
        Mode {
            store: Store::Bucket,
            ..Mode::new(
                "the power goes in the middle, with a timer",
                |o| {
                    o.hour = 1;
                    let mut run = o.hanging();
                    run.kill().unwrap();
                    run.wait().unwrap();
                    o.hour = 24;
                    o.front().turns(Way::Open);
                },
                |_| {},
            )
        }
        .by("the next run", |o| o.night())
        .once(),
    ]
}

fn of_what_never_ran_or_runs_on() -> Vec<Mode> {
    vec![
        Mode::new("the computer is off over one night", |o| o.hour = 9, |_| {})
            .by("nobody: caught up at once", |o| o.night())
            .nobody(),
        Mode::new("the computer is off, or the timer disabled, for ten days", |o| o.hour = 240, |_| {})
            .by("the next run; `status` (5) and `watch` meanwhile", |o| o.night())
            .once(),
        Mode::new("the service hangs, or does not start", |_| {}, |_| {})
            .by("`notify failed`, as systemd's watchdog starts it", |o| o.run(&["notify", "failed"]))
            .once(),
        Mode::new(
            "a job hangs and nothing ends it",
            |o| {
                let held = strongroom::repo::local::try_lock(&o.place.path("home/state/run.lock")).unwrap().unwrap();
                o.kept = Some(Box::new(held));
                o.hour = 48;
            },
            |o| drop(o.kept.take()),
        )
        .by("the next run, which finds it at work", |o| o.night()),
        Mode::new(
            "two runs at once",
            |o| {
                let held = strongroom::repo::local::try_lock(&o.place.path("home/state/run.lock")).unwrap().unwrap();
                o.kept = Some(Box::new(held));
            },
            |o| drop(o.kept.take()),
        )
        .by("nobody: the second leaves the work to the first", |o| o.night())
        .nobody(),
    ]
}

fn of_its_clock() -> Vec<Mode> {
    vec![
        Mode::new(
            "its clock runs a month ahead for a night",
            |o| o.hour = 24 * 30,
            |o| {
                o.hour = 24;
                // A person says that the clock of now is right.
                o.run(&["prune", "--yes"]).ends(0);
            },
        )
        .by("the run, which sees days without a backup", |o| o.night())
        .once(),
        Mode::new("its clock falls back by a month for a night", |o| o.hour = -24 * 30, |o| o.hour = 24)
            .by("the run, which deletes nothing", |o| o.night()),
    ]
}
