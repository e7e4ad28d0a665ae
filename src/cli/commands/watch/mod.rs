//! `watch`: from another computer, whether councils' backups are made. Reads their stores, writes to none of them.
//!
//! Each council is looked at by itself, with a time limit: one dead store stops and delays no other. People are told
//! through the journal and the outbox that a run uses, one of each for every council, in this computer's own folder.

mod look;
mod pool;
mod words;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::cli::args::WatchArgs;
use crate::cli::failure::Failure;
use crate::cli::hints::{Advice, advice, another_job};
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::wiring::System;
use crate::cli::{jobs, telling, wiring_owner};
use crate::config::{self, WatchConfig, Watched};
use crate::domain::problem::Exit;
use crate::repo::error::RepoError;
use crate::repo::local::{self, try_lock};
use crate::repo::machine::StateDir;
use crate::service::history::fold;
use crate::service::mail::{Mailer, SendError, Unusable};
use crate::service::plain::People;
use crate::service::runner::{Job, JobOutcome, RunSummary, Runner};
use crate::service::watch::{Blind, Judged, Pins, judge};
use crate::service::words::{JobKind, SetName, Trouble, Why};
use look::{Look, Looker};

/// The file with the pins of one council.
const PINS: &str = "watch.json";

pub fn run(shell: &Shell, args: &WatchArgs) -> Result<Done, Failure> {
    if args.example {
        let text = config::WATCH_EXAMPLE;
        shell.out.row(|| text.trim_end().to_owned(), || json!({"message_type": "example", "text": text}));
        return Ok(Done::ok().with("bytes", text.len()));
    }
    let config = load(shell)?;
    let _lock = try_lock(&config.state_dir.join("watch.lock"))?.ok_or_else(another_job)?;
    watch(shell, config, args)
}

/// The file that counts.
fn load(shell: &Shell) -> Result<WatchConfig, Failure> {
    match shell.home()? {
        Some(home) => {
            let system = System { state_dir: Some(home.join("watch")) };
            Ok(config::load_watch(&home.join("watch.toml"), &system)?)
        }
        None => {
            let path = config::find_watch(shell.globals.config.as_deref(), &shell.system)?;
            Ok(config::load_watch(&path, &shell.system)?)
        }
    }
}

fn watch(shell: &Shell, config: WatchConfig, args: &WatchArgs) -> Result<Done, Failure> {
    let looker = Looker { system: shell.system.clone(), handle: shell.handle.clone(), rates: shell.globals.rates() };
    let councils = Arc::new(config.councils);
    let all = Arc::clone(&councils);
    let looks = pool::all(councils.len(), args.limit.0, &shell.stop, move |n| {
        // What one store can make fail is that one's look.
        let fault = |_| Err(Failure::said(Exit::Failed, "this is a fault in Strongroom itself", ""));
        catch_unwind(AssertUnwindSafe(|| looker.look(&all[n]))).unwrap_or_else(fault)
    })?;
    let mut told = Told::default();
    let (mut exit, mut well, mut notices) = (Exit::Done, 0u64, 0);
    for (council, look) in councils.iter().zip(looks) {
        let look = look.unwrap_or_else(|| Err(too_slow(args)));
        let ended = one(shell, council, look, &mut told);
        exit = exit.worse(ended.exit);
        well += u64::from(ended.exit == Exit::Done);
        notices += ended.notices;
    }
    if councils.iter().any(|c| c.config.mail.is_none()) {
        shell.out.note("Nobody is told by e-mail: the configuration has no [notify.mail].");
    }
    wiring_owner::hand_back(&config.state_dir);
    let all = councils.len();
    shell.out.say(format!("{well} of {all} as they should be."));
    Ok(Done::with_exit(exit).with("councils", all).with("well", well).with("notices", notices))
}

fn too_slow(args: &WatchArgs) -> Failure {
    let message = format!("its store has not answered within {} seconds", args.limit.0.as_secs());
    Failure::said(Exit::Failed, message, "")
}

/// What telling people about one council meant for the next.
#[derive(Default)]
struct Told {
    /// The mail server failed: messages wait, and the next councils need not find out by themselves.
    dead: Option<String>,
}

struct Ended {
    exit: Exit,
    notices: usize,
}

/// What a look came to.
enum Found {
    Judged(Box<Judged>, usize),
    Blind(Advice),
}

/// What goes wrong with one council's own folder is said, and stops no other.
fn one(shell: &Shell, council: &Watched, look: Result<Look, Failure>, told: &mut Told) -> Ended {
    let now = shell.env.clock.now();
    let dir = StateDir::new(&council.config.state_dir);
    let (found, steps, kept) = match pins(&dir, now).and_then(|pins| Ok((pins, look?))) {
        Ok((mut pins, look)) => {
            pins.beats.retain(|actor, _| look.actors.contains(actor));
            let judged = judge(&look.seen, &council.expected, &pins, now);
            let steps = judged.outcomes(&council.expected, pins.first, now);
            let kept = remember(&dir, &mut pins, &look, &judged, now);
            (Found::Judged(Box::new(judged), look.seen.strange), steps, kept)
        }
        Err(failure) => {
            let (advice, blind) = (blindness(&failure), blind(&failure));
            let (pins, kept) = match pins(&dir, now) {
                // What is told only after a while needs a day from which to count.
                Ok(pins) => (pins.clone(), dir.save_json(PINS, &pins).map_err(Failure::from)),
                Err(_) => (Pins::new(now), Ok(())),
            };
            let outcome = blind.outcome(&pins, council.expected.max_silence, advice.exit, now);
            (Found::Blind(advice), outcome.map(|o| (None, o)).into_iter().collect(), kept)
        }
    };
    let looked = match &found {
        Found::Judged(judged, _) => judged.exit(),
        Found::Blind(advice) => advice.exit,
    };
    words::show(shell, council, &found, looked);
    let summary = tell(shell, council, steps, told, matches!(found, Found::Judged(..)));
    let mut exit = looked.worse(summary.as_ref().map_or(Exit::Done, |s| s.exit));
    if let Err(failure) = kept {
        shell.out.warn(format!("What was seen could not be remembered: {failure}"));
        exit = exit.worse(Exit::Failed);
    }
    Ended { exit, notices: summary.map_or(0, |s| s.notices.len()) }
}

/// What is remembered of a council.
fn pins(dir: &StateDir, now: Timestamp) -> Result<Pins, Failure> {
    let path = dir.file(PINS);
    let Some(bytes) = local::read(&path)? else { return Ok(Pins::new(now)) };
    serde_json::from_slice(&bytes).map_err(|_| {
        RepoError::Machine(format!(
            "{} is damaged: it is how this computer would notice that the store has gone back in time. Move it away",
            path.display()
        ))
        .into()
    })
}

/// A past that changed is not remembered: it is told until the store shows the other one again.
fn remember(dir: &StateDir, pins: &mut Pins, look: &Look, judged: &Judged, now: Timestamp) -> Result<(), Failure> {
    if judged.changed.is_none() {
        pins.take(&look.seen, &look.actors, now);
        if let Some(log) = &look.log {
            log.remember(dir)?;
        }
    }
    Ok(dir.save_json(PINS, pins)?)
}

/// In words, and with an exit code: nothing here is a matter of usage.
fn blindness(failure: &Failure) -> Advice {
    let advice = advice(failure);
    let exit = if matches!(advice.exit, Exit::Usage | Exit::Refused) { Exit::Failed } else { advice.exit };
    Advice { exit, ..advice }
}

fn blind(failure: &Failure) -> Blind {
    match jobs::failed(failure).troubles.first() {
        _ if matches!(failure, Failure::Said { exit: Exit::WrongKey, .. }) => Blind::Shut(Why::WrongKey),
        _ if matches!(failure, Failure::Said { .. }) => Blind::Shut(Why::StoreUnreachable),
        Some(Trouble::HistoryChanged) => Blind::Changed,
        Some(Trouble::Damage) => Blind::Damaged,
        Some(Trouble::Failed(Why::NoRepository)) => Blind::Gone,
        Some(Trouble::Failed(why)) => Blind::Shut(*why),
        _ => Blind::Shut(Why::Other),
    }
}

/// Journals what was found and tells people, by the rules of any run. Nothing is written while all is well and nothing is
/// open: a look an hour would fill the journal with nothing.
fn tell(
    shell: &Shell,
    council: &Watched,
    steps: Vec<(Option<SetName>, JobOutcome)>,
    told: &mut Told,
    judged: bool,
) -> Option<RunSummary> {
    let config = &council.config;
    let (journal, outbox) = (shell.journal(config), shell.outbox(config));
    let state = journal.read().map(|all| fold(&all.entries)).unwrap_or_default();
    let is_well = steps.iter().all(|(_, outcome)| outcome.troubles.is_empty());
    if is_well && state.open.is_empty() && outbox.is_empty() {
        return None;
    }
    let mut sets: Vec<SetName> = steps.iter().filter_map(|(set, _)| set.clone()).collect();
    if !judged {
        // Nobody could see whether they are still there.
        sets.extend(state.open.values().flat_map(|o| o.causes.iter().filter_map(|c| c.set.clone())));
    }
    // What is backed up elsewhere, this computer does not know.
    let people = People { email_set: true, ..telling::people(config) };
    let mailer = mailer(shell, council, told);
    let deputy = config.council.deputy.as_ref();
    let runner = Runner {
        journal: &journal,
        outbox: &outbox,
        mailer: mailer.as_deref(),
        others: &[],
        silent: &[],
        clock: &*shell.env.clock,
        entropy: &*shell.env.entropy,
        people: &people,
        sets: &sets,
        deputy_after: deputy.map(|d| SignedDuration::from_hours(24 * i64::from(d.after_days))),
        stop: &shell.stopped,
    };
    let job = |(set, outcome): (Option<SetName>, JobOutcome)| Job {
        kind: JobKind::Watch,
        set,
        run: Box::new(move || outcome.clone()),
    };
    let summary = runner.run_all(steps.into_iter().map(job).collect());
    telling::report(shell, &summary);
    let dead = summary.flush.failed.iter().map(|(_, e)| e).find(|e| e.is_about_the_server());
    told.dead = told.dead.take().or_else(|| dead.map(SendError::to_string));
    Some(summary)
}

fn mailer(shell: &Shell, council: &Watched, told: &Told) -> Option<Box<dyn Mailer>> {
    if let Some(why) = &told.dead {
        return Some(Box::new(Unusable::new(why.clone())));
    }
    telling::mailer_or_why(shell, &council.config)
}
