//! `serve`: does what the schedule asks for, when it does.
//!
//! It does no work itself: each job is this program once more, as a child, so that neither a hang nor a crash of a job
//! can take the service with it. It remembers nothing either: what is due follows from schedule, journal and clock,
//! looked at again once a minute at least, so that sleep and a clock that jumps do no harm.

mod job;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{last_good, notify};
use crate::cli::failure::Failure;
use crate::cli::hints::advice;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::ways;
use crate::cli::wiring_service::{self as service, Asked};
use crate::config::Config;
use crate::domain::problem::Exit;
use crate::repo::local::try_lock;
use crate::service::history::fold;
use crate::service::schedule::{Begun, Due, Round, due, next};
use job::{DAILY, Job, Said, What};

/// The longest time without a look at the clock.
const LOOK: Duration = Duration::from_secs(60);
/// Before a run that did not even begin is tried again.
const RETRY: Duration = Duration::from_secs(15 * 60);
/// Before what waits is sent again; each message has a wait of its own, which grows.
const RESEND: Duration = Duration::from_secs(5 * 60);
/// Only one service at a time.
pub const LOCK: &str = "serve.lock";

pub fn run(shell: &Shell) -> Result<Done, Failure> {
    let config = settings(shell)?;
    let another = || {
        let hint = "One is enough: it runs all that the schedule asks for. See: strongroom schedule status";
        Failure::refused("another strongroom serve is at work on this computer", hint)
    };
    let _lock = try_lock(&config.state_dir.join(LOCK))?.ok_or_else(another)?;
    last_good::remember(shell, &config);
    let system = |e: std::io::Error| Failure::said(Exit::Failed, format!("the system gives no service: {e}"), "");
    let program = service::executable().map_err(system)?;
    let machine = shell.state(&config).load_machine().ok().flatten();
    let mut serve = Serve {
        shell,
        machine: machine.map_or_else(|| config.state_dir.display().to_string(), |m| format!("{:?}", m.id)),
        config,
        program,
        job: None,
        beside: None,
        tried: None,
        told_of_wait: None,
        sent: None,
        known: None,
        began: 0,
    };
    shell.handle.block_on(serve.run()).map_err(system)
}

/// The settings, unless they are those of a trial.
fn settings(shell: &Shell) -> Result<Config, Failure> {
    let config = shell.config()?;
    if config.trial {
        let hint = "Write a configuration first: strongroom config example";
        return Err(Failure::usage("a trial has no schedule", hint));
    }
    Ok(config)
}

struct Serve<'a> {
    shell: &'a Shell,
    config: Config,
    program: PathBuf,
    /// What makes this computer's jitter its own.
    machine: String,
    job: Option<Job>,
    /// What tells people of a job that outlived its kill.
    beside: Option<Job>,
    /// The time in the schedule that was tried last, and when.
    tried: Option<(Timestamp, Instant)>,
    /// When people were last told that a run waits and waits.
    told_of_wait: Option<Instant>,
    /// When what waits was last tried again.
    sent: Option<Instant>,
    /// The journal's length, and what it says.
    known: Option<(u64, Begun)>,
    began: u64,
}

impl Serve<'_> {
    async fn run(&mut self) -> std::io::Result<Done> {
        let mut signals = service::Signals::new()?;
        let line = self.outlook();
        service::tell_ready(&line);
        self.shell.out.say(format!("Serving. {line}"));
        self.tell_of_a_run_cut_off();
        loop {
            let wait = self.look();
            match self.is_stuck() {
                true => service::tell_stuck(&self.outlook()),
                false => service::tell_alive(&self.outlook()),
            }
            tokio::select! {
                asked = signals.next() => match asked {
                    Asked::Stop => break,
                    Asked::Reload => self.reload(),
                },
                ended = job::end_of(&mut self.job) => self.ended(ended),
                told = job::end_of(&mut self.beside) => self.told_beside(told),
                () = tokio::time::sleep(wait) => {}
            }
        }
        service::tell_stopping();
        self.shell.out.say("Asked to stop.");
        let patience = self.patience();
        for mut job in self.beside.take().into_iter().chain(self.job.take()) {
            job.stop(patience).await;
        }
        self.shell.out.say("Stopped.");
        Ok(Done::ok().with("jobs", self.began))
    }

    /// A power cut leaves nobody behind who could tell of it.
    fn tell_of_a_run_cut_off(&mut self) {
        let unfinished = self.shell.journal(&self.config).read().is_ok_and(|all| {
            use crate::service::journal::Event::RunStarted;
            let state = fold(&all.entries);
            let last = all.entries.iter().rev().find(|e| e.event == RunStarted);
            last.is_some_and(|e| state.unfinished.contains_key(&e.run))
        });
        if unfinished && self.is_free() {
            self.start(What::Tell);
        }
    }

    /// Whether no other job has the lock. If that cannot be known, the job itself shall find out and say so.
    fn is_free(&self) -> bool {
        !matches!(try_lock(&self.config.state_dir.join("run.lock")), Ok(None))
    }

    /// Starts what is due, stops what takes too long; and how long there is nothing to do.
    fn look(&mut self) -> Duration {
        self.look_beside();
        let now = self.shell.env.clock.now();
        let wait = if self.job.is_none() { self.look_at_the_schedule(now) } else { LOOK };
        let patience = self.patience();
        let Some(job) = &mut self.job else { return wait.min(self.beat()) };
        let limit = limit(&self.config, job.what);
        let said = job.keep_to(limit, patience);
        let wait = job.next_look(limit, patience);
        match said {
            Some(Said::Words(words)) => self.shell.out.warn(words),
            Some(Said::Outlived) => self.tell_beside(),
            None => {}
        }
        wait.min(self.beat())
    }

    /// Whether there is nothing left to do: a job cannot be ended by anybody, and people were told. The watchdog is told
    /// nothing more then, so that systemd's own alarm (OnFailure) goes off too.
    fn is_stuck(&self) -> bool {
        self.beside.is_none() && self.job.as_ref().is_some_and(Job::is_beyond_help)
    }

    /// The job was killed and is there all the same: something else must speak for it.
    fn tell_beside(&mut self) {
        self.shell.out.warn(
            "It was killed and has not ended: the system does not let go of it, mostly because a disk or a network share \
             does not answer. No backup is made while it is there. People are told.",
        );
        let what = What::TellBeside;
        match Job::start(&self.program, &self.shell.globals, &self.config.state_dir, what) {
            Ok(job) => self.beside = Some(job),
            Err(error) => {
                self.shell.out.warn(format!("{} could not be started: {error}", what.words()));
                if let Err(failure) = notify::not_started(self.shell, &self.config) {
                    self.shell.out.error(&advice(&failure));
                }
            }
        }
    }

    /// One that hangs as well is left alone: the next day there is another.
    fn look_beside(&mut self) {
        let (limit, patience) = (limit(&self.config, What::TellBeside), self.patience());
        match self.beside.as_mut().and_then(|job| job.keep_to(limit, patience)) {
            Some(Said::Words(words)) => self.shell.out.warn(words),
            Some(Said::Outlived) => self.beside = None,
            None => {}
        }
    }

    fn told_beside(&mut self, status: std::io::Result<std::process::ExitStatus>) {
        self.beside = None;
        let words = status.map_or_else(|e| e.to_string(), |s| s.to_string());
        self.shell.out.say(format!("Ended: {} ({words}).", What::TellBeside.words()));
    }

    fn look_at_the_schedule(&mut self, now: Timestamp) -> Duration {
        match self.due(now) {
            Some(due) if due.from > now && self.sends() => LOOK,
            Some(due) if due.from > now => until(due.from, now),
            Some(due) if self.was_tried(&due) => LOOK,
            Some(due) if self.is_free() => {
                self.tried = Some((due.slot, Instant::now()));
                self.start(What::Run(due.round));
                LOOK
            }
            Some(due) => {
                self.wait_for_another(&due, now);
                LOOK
            }
            None if self.sends() => LOOK,
            None => until(self.next_slot(now).unwrap_or(now), now),
        }
    }

    /// A message that could not leave must not wait for the next night. Not beside a run, which sends it itself.
    fn sends(&mut self) -> bool {
        let recently = self.sent.is_some_and(|at| at.elapsed() < RESEND);
        if recently || !ways::is_due(self.shell, &self.config) {
            return false;
        }
        self.sent = Some(Instant::now());
        self.start(What::Send);
        true
    }

    fn was_tried(&self, due: &Due) -> bool {
        self.tried.is_some_and(|(slot, at)| slot == due.slot && at.elapsed() < RETRY)
    }

    /// Some other job is at work, and the run waits for its end. If that takes too long, people are told, daily.
    fn wait_for_another(&mut self, due: &Due, now: Timestamp) {
        let schedule = &self.config.schedule;
        let patience = schedule.jitter + schedule.run_limit + schedule.grace;
        let told = self.told_of_wait.is_some_and(|at| at.elapsed() < DAILY);
        if now.duration_since(due.slot) > patience && !told {
            self.told_of_wait = Some(Instant::now());
            self.start(What::Tell);
        }
    }

    fn due(&mut self, now: Timestamp) -> Option<Due> {
        let journal = self.shell.journal(&self.config);
        let length = journal.length();
        let begun = match self.known {
            Some((known, begun)) if known == length => begun,
            // A journal that cannot be read must not stop the backups: the run says what is wrong with it.
            _ => journal.read().map(|all| fold(&all.entries).begun).unwrap_or_default(),
        };
        self.known = Some((length, begun));
        due(&self.config.schedule, &begun, now, &self.config.council.timezone, &self.machine)
    }

    fn next_slot(&self, now: Timestamp) -> Option<Timestamp> {
        next(&self.config.schedule, now, &self.config.council.timezone, 1).first().map(|(at, _)| *at)
    }

    /// Twice as often as the watchdog wants to hear of it.
    fn beat(&self) -> Duration {
        service::watchdog().map_or(LOOK, |every| LOOK.min(every / 2))
    }

    fn patience(&self) -> Duration {
        patience(self.config.schedule.run_limit)
    }

    fn outlook(&self) -> String {
        if let Some(job) = &self.job {
            return format!("At work: {}.", job.what.words());
        }
        let now = self.shell.env.clock.now();
        match self.next_slot(now) {
            Some(at) => {
                let local = at.to_zoned(self.config.council.timezone.clone());
                format!("The next run is due {}.", local.strftime("%A %-d %B %Y at %H:%M"))
            }
            None => "Nothing is due any more.".into(),
        }
    }

    fn start(&mut self, what: What) {
        match Job::start(&self.program, &self.shell.globals, &self.config.state_dir, what) {
            Ok(job) => {
                self.began += 1;
                self.shell.out.object(json!({"message_type": "started", "what": what.words()}));
                self.shell.out.say(format!("Begun: {}.", what.words()));
                self.job = Some(job);
            }
            Err(error) => {
                self.shell.out.warn(format!("{} could not be started: {error}", what.words()));
                self.tell_without_a_child(what);
            }
        }
    }

    /// No process could be made, so the message is made here. That a run is tried again, people need not know.
    fn tell_without_a_child(&mut self, what: What) {
        if let (What::Run(_), Err(failure)) = (what, notify::not_started(self.shell, &self.config)) {
            self.shell.out.error(&advice(&failure));
        }
    }

    fn ended(&mut self, status: std::io::Result<std::process::ExitStatus>) {
        let Some(job) = self.job.take() else { return };
        self.known = None;
        let (words, well) = match &status {
            Ok(status) => (status.to_string(), status.success()),
            Err(error) => (error.to_string(), false),
        };
        self.shell.out.object(json!({"message_type": "ended", "what": job.what.words(), "how": words}));
        self.shell.out.say(format!("Ended: {} ({words}).", job.what.words()));
        // Whatever ended it: what it could not say itself is said now, by what systemd would start.
        if !well && matches!(job.what, What::Run(_)) {
            self.start(What::Tell);
        }
    }

    fn reload(&mut self) {
        service::tell_reloading();
        let refused = match settings(self.shell) {
            Ok(new) if new.state_dir == self.config.state_dir => {
                self.config = new;
                self.known = None;
                last_good::remember(self.shell, &self.config);
                self.shell.out.say(format!("The configuration was read again. {}", self.outlook()));
                false
            }
            Ok(_) => {
                self.shell.out.warn("The state folder changed: that needs a new start of the service. The earlier configuration stays in force.");
                false
            }
            Err(failure) => {
                self.shell.out.error(&advice(&failure));
                self.shell.out.warn("The earlier configuration stays in force.");
                true
            }
        };
        service::tell_ready(&self.outlook());
        // While a job is at work the next one says it.
        if refused && self.job.is_none() {
            self.start(What::Tell);
        }
    }
}

fn until(at: Timestamp, now: Timestamp) -> Duration {
    at.duration_since(now).max(SignedDuration::from_millis(5)).unsigned_abs()
}

/// How long a job may take.
fn limit(config: &Config, what: What) -> Duration {
    match what {
        What::Run(_) => config.schedule.run_limit.unsigned_abs(),
        What::Send | What::Tell | What::TellBeside => Duration::from_secs(10 * 60),
    }
}

/// How long a job may take to end when it is asked to: as long again, and not for ever.
fn patience(run_limit: SignedDuration) -> Duration {
    run_limit.unsigned_abs().min(Duration::from_secs(5 * 60))
}

impl What {
    fn words(self) -> &'static str {
        match self {
            Self::Run(Round::Whole) => "the whole job",
            Self::Run(Round::Backups) => "backups",
            Self::Send => "sending what waits",
            Self::Tell | Self::TellBeside => "telling people of a failure",
        }
    }
}
