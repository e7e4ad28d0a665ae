//! `doctor`: what could go wrong, looked at one by one. Nothing is changed but small objects under `probe/`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{doctor_machine, doctor_schedule};
use crate::cli::failure::Failure;
use crate::cli::hints::advice;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::{stores, telling, ways, wiring, wiring_limits};
use crate::config::Config;
use crate::domain::clock::Entropy;
use crate::domain::problem::{Exit, Verdict};
use crate::domain::retention::gate::CLOCK_DOUBT;
use crate::repo::layout::Key;
use crate::repo::repository::Repository;
use crate::repo::store::{Store, probe};
use crate::service::history::fold;
use crate::service::plain::{counted, size};
use crate::service::status::Reached;
use crate::service::words::Role;

use super::verify_store;

const NEWER_KERNEL: &str = "Linux 6.12 or later with Landlock switched on can.";

/// Less free room than this is a problem soon.
const LITTLE_ROOM: u64 = 1 << 30;

pub(super) struct Lines<'a> {
    pub(super) shell: &'a Shell,
    problems: u64,
    unchecked: u64,
    ok: u64,
}

impl Lines<'_> {
    pub(super) fn add(&mut self, what: &str, verdict: &Verdict, todo: &str) {
        let (word, why) = match verdict {
            Verdict::Passed => ("ok", ""),
            Verdict::Failed(why) => ("problem", why.as_str()),
            Verdict::NotChecked(why) => ("not checked", why.as_str()),
        };
        match verdict {
            Verdict::Passed => self.ok += 1,
            Verdict::Failed(_) => self.problems += 1,
            Verdict::NotChecked(_) => self.unchecked += 1,
        }
        let line = || {
            let detail = if why.is_empty() { String::new() } else { format!(": {why}") };
            let todo = if todo.is_empty() || word == "ok" { String::new() } else { format!("\n{:<13}{todo}", "") };
            self.shell.out.as_typed(&format!("{word:<12} {what}{detail}{todo}"))
        };
        let object = || json!({"message_type": "check", "what": what, "verdict": word, "why": why, "todo": todo});
        self.shell.out.row(line, object);
    }

    fn failure(&mut self, what: &str, failure: &Failure) {
        let advice = advice(failure);
        let again = || "Put that right, then run: strongroom doctor".to_owned();
        self.add(what, &Verdict::Failed(advice.message), &advice.hint.unwrap_or_else(again));
    }

    fn check(&mut self, what: &str, ok: bool, otherwise: &str, todo: &str) {
        let verdict = if ok { Verdict::Passed } else { Verdict::Failed(otherwise.into()) };
        self.add(what, &verdict, todo);
    }
}

pub fn run(shell: &Shell) -> Result<Done, Failure> {
    let config = shell.config()?;
    let mut lines = Lines { shell, problems: 0, unchecked: 0, ok: 0 };
    lines.add("the configuration can be read", &Verdict::Passed, "");
    sources(&mut lines, &config);
    this_computer(&mut lines, &config);
    store(&mut lines, &config);
    mail(&mut lines, &config);
    doctor_schedule::look(&mut lines, &config);
    doctor_machine::look(&mut lines, &config);
    let exit = if lines.problems > 0 { Exit::Failed } else { Exit::Done };
    Ok(Done::with_exit(exit).with("ok", lines.ok).with("problems", lines.problems).with("not_checked", lines.unchecked))
}

fn sources(lines: &mut Lines<'_>, config: &Config) {
    for folder in config.sets.iter().flat_map(|s| &s.folders) {
        let what = format!("{} can be read", folder.path.display());
        match std::fs::read_dir(&folder.path).map(|mut entries| entries.next().is_none()) {
            Ok(false) => lines.add(&what, &Verdict::Passed, ""),
            Ok(true) => lines.add(&what, &Verdict::NotChecked("it is empty".into()), "Is its disk or share connected?"),
            Err(e) => lines.add(&what, &Verdict::Failed(e.to_string()), "Is it connected, and may this user read it?"),
        }
    }
}

fn this_computer(lines: &mut Lines<'_>, config: &Config) {
    let state = &config.state_dir;
    room(lines, "this computer's own folder", state);
    if let Some(folder) = stores::folder(config) {
        room(lines, "the repository's folder", folder);
    }
    let others = |path: &Path| std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0);
    let todo = format!("Run: chmod -R go= {}", state.display());
    let what = "others on this computer cannot read its keys";
    match state.join("machine.json") {
        file if !file.exists() => {
            lines.add(what, &Verdict::NotChecked("there are none yet".into()), "Run: strongroom init")
        }
        file => lines.check(what, !others(&file) && !others(state), "they can", &todo),
    }
    let walls = if wiring_limits::can_wall_in() {
        Verdict::Passed
    } else {
        Verdict::NotChecked("this system cannot forbid all of it; memory, time and writing are limited".into())
    };
    lines.add("documents are examined where they reach no other file and no network", &walls, NEWER_KERNEL);
    match lines.shell.journal(config).read() {
        Err(e) => lines.failure("the journal can be read", &e.into()),
        Ok(all) => {
            let damaged = counted(all.damaged, "line is damaged", "lines are damaged");
            lines.check("the journal can be read", all.damaged == 0, &damaged, "Look at this computer's disk.");
            let lately = fold(&all.entries);
            let reached = ways::reached(config, &lately, Role::Clerk);
            let why = if reached == Reached::NoWay { "no message reaches the clerk" } else { "the clerk has had none" };
            lines.check("a test message was accepted", reached == Reached::Tried, why, "Run: strongroom notify test");
        }
    }
}

fn room(lines: &mut Lines<'_>, name: &str, path: &Path) {
    let verdict = has_room(wiring::free_bytes(path), path);
    lines.add(&format!("{name} has room"), &verdict, about_room(&verdict));
}

fn about_room(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Failed(_) => "Free some space on that disk. How much there is: df -h",
        _ => "To see how much room there is: df -h",
    }
}

fn has_room(free: Option<u64>, path: &Path) -> Verdict {
    match free {
        None => Verdict::NotChecked("the system does not say".into()),
        Some(free) if free < LITTLE_ROOM => Verdict::Failed(format!("{} are left at {}", size(free), path.display())),
        Some(_) => Verdict::Passed,
    }
}

fn store(lines: &mut Lines<'_>, config: &Config) {
    let store = match lines.shell.store(config) {
        Ok(store) => store,
        Err(failure) => return lines.failure("the store answers", &failure),
    };
    match probe(&store, &*lines.shell.env.entropy) {
        Err(e) => return lines.failure("the store answers", &e.into()),
        Ok(report) => {
            lines.add("the store answers", &Verdict::Passed, "");
            for finding in &report.findings {
                lines.add(&format!("store: {}", finding.what), &finding.verdict, finding.todo);
            }
            let single = config.repository.single_machine;
            let todo = "Use another store, or let one computer alone write: single_machine = true";
            lines.check("the store suits the configuration", report.conditional || single, "it overwrites", todo);
        }
    }
    lines.check(
        "the backup is off-site",
        stores::is_offsite(config),
        "it is on this computer or in this building",
        "Set [repository] url to a cloud store.",
    );
    match lines.shell.open(config) {
        Err(failure) => lines.failure("the keys open the repository", &failure),
        Ok(repo) => {
            lines.add("the keys open the repository", &Verdict::Passed, "");
            clock(lines, &store, &repo);
            if verify_store::is_looked_at(config) {
                let (verdict, todo) = verify_store::for_doctor(&repo, config, &telling::people(config));
                lines.add("the store protects what lies in it as claimed", &verdict, todo);
            }
        }
    }
}

/// The store's clock, as it dates what was just written, against this computer's.
fn clock(lines: &mut Lines<'_>, store: &Store, repo: &Repository) {
    let what = "this computer's clock is right";
    let now = lines.shell.env.clock.now();
    let todo = "See: timedatectl. To set the clock: timedatectl set-ntp true";
    if repo.state().newest_time > now.saturating_add(CLOCK_DOUBT).unwrap_or(now) {
        let ahead = format!("the newest entry of the log is dated {}", repo.state().newest_time);
        return lines.add(what, &Verdict::Failed(ahead), todo);
    }
    if !store.has_own_clock() {
        return lines.add(what, &Verdict::NotChecked("the store has no clock of its own".into()), todo);
    }
    let store_says = dated(store, &*lines.shell.env.entropy);
    lines.add(what, &agrees(store_says, lines.shell.env.clock.now()), todo);
}

fn agrees(store_says: Option<Timestamp>, now: Timestamp) -> Verdict {
    let apart: Option<SignedDuration> = store_says.map(|at| at.duration_since(now).abs());
    match apart {
        None => Verdict::NotChecked("the store does not say".into()),
        Some(apart) if apart > CLOCK_DOUBT => {
            Verdict::Failed(format!("it and the store's differ by {} minutes", apart.as_mins()))
        }
        Some(_) => Verdict::Passed,
    }
}

/// The store's time of day: the date it gives to something written just now.
fn dated(store: &Store, entropy: &dyn Entropy) -> Option<Timestamp> {
    let key = Key::Probe(format!("{}-clock", hex::encode(&entropy.bytes32()[..8])));
    store.create(&key, &Bytes::from_static(b"what time is it?")).ok()?;
    let (_, modified) = store.get_dated(&key).ok()?;
    // A credential that may only add leaves it there; probes are small and known.
    let _ = store.delete(&key);
    Some(modified)
}

fn mail(lines: &mut Lines<'_>, config: &Config) {
    let nobody = if config.tells_anyone() { "no way leads to the clerk" } else { "there is no [notify.mail]" };
    let todo = "Add [notify.mail] to council.toml, or a [[notify.webhook]] with role = \"clerk\".";
    lines.check("somebody is told of a failure", !config.ways_to(Role::Clerk).is_empty(), nobody, todo);
    let what = "the mail server answers, and takes user and password";
    match lines.shell.mailer(config) {
        Err(failure) => lines.failure(what, &failure),
        Ok(None) => {}
        // Nothing is sent.
        Ok(Some(mailer)) => {
            let answer = mailer.try_out().map_or_else(|e| Verdict::Failed(e.to_string()), |()| Verdict::Passed);
            lines.add(what, &answer, "Correct [notify.mail], or wait for the server; messages are kept meanwhile.");
        }
    }
    let webhooks = ways::webhooks(lines.shell, config);
    for channel in &webhooks {
        let unusable = channel.mailer.unusable().map(|e| e.to_string());
        let what = format!("the address of the webhook {} can be used", channel.outbox.way());
        lines.check(&what, unusable.is_none(), &unusable.unwrap_or_default(), "Correct [[notify.webhook]].");
    }
    let others: usize = webhooks.iter().map(|c| c.outbox.len()).sum();
    let waiting = lines.shell.outbox(config).len() + others;
    let unsent = format!("{waiting} wait");
    lines.check("no message waits to be sent", waiting == 0, &unsent, "The next run tries again; see above.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_room_is_a_problem_and_an_unknown_one_was_not_checked() {
        let has = |free| has_room(free, Path::new("/srv"));
        assert_eq!(has(Some(LITTLE_ROOM)), Verdict::Passed);
        let Verdict::Failed(why) = has(Some(LITTLE_ROOM - 1)) else { panic!("too little") };
        assert!(why.ends_with(" are left at /srv"), "{why}");
        assert_eq!(about_room(&Verdict::Failed(why)), "Free some space on that disk. How much there is: df -h");
        assert_eq!(has(None), Verdict::NotChecked("the system does not say".into()));
        assert_eq!(about_room(&has(None)), "To see how much room there is: df -h");
    }

    #[test]
    fn clocks_that_differ_by_more_than_minutes_are_a_problem_whichever_is_ahead() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1000);
        let beside = |by: SignedDuration| agrees(Some(now + by), now);
        assert_eq!((beside(CLOCK_DOUBT), beside(-CLOCK_DOUBT)), (Verdict::Passed, Verdict::Passed));
        let two = Verdict::Failed("it and the store's differ by 120 minutes".into());
        assert_eq!((beside(SignedDuration::from_hours(2)), beside(SignedDuration::from_hours(-2))), (two.clone(), two));
        assert_eq!(agrees(None, now), Verdict::NotChecked("the store does not say".into()));
    }
}
