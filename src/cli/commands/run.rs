//! `run`: the whole job. Every step is journalled, one step's failure hides no other, and what went wrong reaches
//! people: also when the store does not answer, the keys do not fit, or there is no repository at all.

use std::cell::RefCell;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::args::RunArgs;
use crate::cli::failure::Failure;
use crate::cli::hints::advice;
use crate::cli::jobs;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::telling;
use crate::cli::ways;
use crate::config::Config;
use crate::domain::path::RecordPath;
use crate::domain::problem::Exit;
use crate::ops::backup::BackupReport;
use crate::ops::verify::clear_scratch;
use crate::repo::local::FileLock;
use crate::repo::repository::Repository;
use crate::service::history::fold;
use crate::service::journal::Event;
use crate::service::pages;
use crate::service::retention::News;
use crate::service::runner::{Ended, Job, JobOutcome, RunSummary};
use crate::service::schedule::Round;
use crate::service::status::{Light, Line};
use crate::service::web::Signal;
use crate::service::words::{Counts, JobKind, Outcome, SetName};

use super::{
    backup, coverage, drill, drills, heartbeat, last_good, opening, provider, prune, retention_of_run, status, trial,
    verify, verify_store, voices,
};

pub fn run(shell: &Shell, args: &RunArgs) -> Result<Done, Failure> {
    let (config, broken) = match trial::or_config(shell, &args.folder) {
        Ok(config) => (config, None),
        Err(failure) if args.last_good => match last_good::last_good(shell) {
            Some(config) => (config, Some(failure)),
            None => return Err(failure),
        },
        Err(failure) => return Err(failure),
    };
    let done = run_by(shell, &config, args, broken.as_ref());
    if done.is_err() {
        status::leave_figures_of_failure(shell, &config);
    }
    done
}

fn run_by(shell: &Shell, config: &Config, args: &RunArgs, broken: Option<&Failure>) -> Result<Done, Failure> {
    telling::set_names(config)?;
    let _lock = lock(shell, config)?;
    let round = if args.backups_only { Round::Backups } else { Round::Whole };
    // Backups between say nothing of the whole job, whose absence somebody waits for.
    if round == Round::Backups {
        return whole_or_backups(shell, config, round, broken);
    }
    ways::ping_quietly(shell, config, Signal::Start);
    let done = whole_or_backups(shell, config, round, broken);
    let exit = done.as_ref().map_or(Exit::Failed, |done| done.exit);
    ways::ping_quietly(shell, config, ways::signal_of(shell, config, exit as u8));
    done
}

fn whole_or_backups(shell: &Shell, config: &Config, round: Round, broken: Option<&Failure>) -> Result<Done, Failure> {
    // What cannot be written down is said by the run itself, which writes to the same journal.
    let _ = shell.note(config, Event::RoundBegan { round });
    if let Some(failure) = broken {
        shell.out.error(&advice(failure));
        shell.out.warn("This run goes on with the configuration of the last good run.");
    }
    clear_scratch(&opening::scratch(config));
    clear_scratch(&drill::place(config));
    if config.trial {
        trial::ensure_repository(shell, config)?;
    }
    let work = Work { shell, config, round, broken, opened: RefCell::new(None), counted: RefCell::default() };
    let summary = work.run()?;
    if summary.exit != Exit::Interrupted && broken.is_none() {
        last_good::remember(shell, config);
    }
    telling::report(shell, &summary);
    tell_of_policies(shell, config);
    provider::tell(shell, config, work.opened.borrow().as_ref().and_then(|o| o.as_ref().ok()));
    let kept = work.keep_journal(&summary);
    let mut done = work.finish(&summary)?;
    if !kept {
        done.exit = done.exit.worse(Exit::Incomplete);
    }
    if config.trial {
        trial::last_words(shell, config, work.opened.into_inner().and_then(Result::ok))?;
    }
    Ok(done)
}

/// That this run gave way to another job is journalled: `notify failed` must not take it for a failure.
fn lock(shell: &Shell, config: &Config) -> Result<FileLock, Failure> {
    let locked = shell.lock(config);
    if let Err(Failure::Said { exit: Exit::Refused, .. }) = &locked {
        let _ = shell.note(config, Event::RunNotBegun);
    }
    locked
}

/// Once a month, while the council's own policies wait for their yearly review.
fn tell_of_policies(shell: &Shell, config: &Config) {
    let now = shell.env.clock.now();
    let day = |at: Timestamp| at.to_zoned(config.council.timezone.clone()).date();
    let journal = shell.journal(config).read().map(|all| fold(&all.entries)).unwrap_or_default();
    let is_due = config.policy.is_due(day(now), journal.voices.began.map(day));
    if is_due && config.tells_anyone() && !config.trial {
        telling::tell_of_retention(shell, config, &[News::Policies(config.policy.reviews(day(now)))]);
    }
}

/// What the steps of one run share.
struct Work<'a> {
    shell: &'a Shell,
    config: &'a Config,
    round: Round,
    /// Why the configuration in force is not that of the file.
    broken: Option<&'a Failure>,
    /// Opened by the first step that needs it; what that met, all steps meet.
    opened: RefCell<Option<Result<Repository, Box<JobOutcome>>>>,
    counted: RefCell<Counted>,
}

/// For the summary.
#[derive(Default)]
struct Counted {
    files: u64,
    bytes: u64,
    bytes_stored: u64,
    incident: Option<u64>,
    snapshots: Vec<u64>,
    reappeared: u64,
    tested: u64,
    tested_bytes: u64,
    unchecked_key_files: u64,
    /// Records that a backup of this run could not read.
    unread: BTreeSet<RecordPath>,
}

impl Work<'_> {
    fn run(&self) -> Result<RunSummary, Failure> {
        let sets = telling::set_names(self.config)?;
        telling::run_jobs(self.shell, self.config, self.jobs(&sets))
    }

    fn jobs(&self, sets: &[SetName]) -> Vec<Job<'_>> {
        let mut all: Vec<Job<'_>> = vec![];
        if let Some(failure) = self.broken {
            let run = Box::new(move || jobs::configuration(failure));
            all.push(Job { kind: JobKind::Configuration, set: None, run });
        }
        for (set, name) in self.config.sets.iter().zip(sets) {
            let run = Box::new(move || {
                self.with(|repo| {
                    let report = backup::step(self.shell, self.config, repo, set, backup::Wishes::default())?;
                    self.count(&report);
                    Ok(backup::outcome(&report))
                })
            });
            all.push(Job { kind: JobKind::Backup, set: Some(name.clone()), run });
        }
        if self.round == Round::Backups {
            return all;
        }
        let verify = Box::new(|| {
            self.with(|repo| {
                if repo.state().snapshots.is_empty() {
                    return Ok(nothing_yet());
                }
                let (outcome, documents, bytes) =
                    verify::of_run(self.shell, self.config, repo, &self.counted.borrow().unread)?;
                let mut counted = self.counted.borrow_mut();
                counted.tested += documents;
                counted.tested_bytes += bytes;
                counted.unchecked_key_files = repo.bundles_unproved().count() as u64;
                Ok(outcome)
            })
        });
        all.push(Job { kind: JobKind::Verify, set: None, run: verify });
        let coverage = Box::new(|| self.with(|repo| coverage::of_run(self.shell, self.config, repo)));
        all.push(Job { kind: JobKind::Coverage, set: None, run: coverage });
        if !self.config.trial {
            let drills = Box::new(|| self.with(|repo| drills::of_run(self.shell, self.config, repo)));
            all.push(Job { kind: JobKind::Drills, set: None, run: drills });
        }
        if verify_store::is_looked_at(self.config) {
            let store = Box::new(|| self.with(|repo| verify_store::of_run(self.shell, self.config, repo)));
            all.push(Job { kind: JobKind::Store, set: None, run: store });
        }
        let thin = Box::new(|| self.with(|repo| prune::thin_of_run(self.shell, self.config, repo)));
        all.push(Job { kind: JobKind::Thin, set: None, run: thin });
        let prune = Box::new(|| self.with(|repo| prune::prune_of_run(self.shell, self.config, repo)));
        all.push(Job { kind: JobKind::Prune, set: None, run: prune });
        let retention = Box::new(|| {
            let reappeared = self.reappeared();
            self.with(|repo| retention_of_run::step(self.shell, self.config, repo, reappeared))
        });
        all.push(Job { kind: JobKind::Retention, set: None, run: retention });
        all
    }

    fn count(&self, report: &BackupReport) {
        let mut counted = self.counted.borrow_mut();
        counted.files += report.files;
        counted.bytes += report.bytes;
        counted.bytes_stored += report.bytes_stored;
        counted.incident = report.incident.or(counted.incident);
        counted.snapshots.extend(report.snapshot.map(|s| s.0));
        counted.reappeared += report.reappeared;
        counted.unread.extend(report.problems.iter().filter_map(|p| p.path.clone()));
    }

    /// Disposed records that are there again; unknown unless every set was backed up.
    fn reappeared(&self) -> Option<u64> {
        let counted = self.counted.borrow();
        (counted.snapshots.len() == self.config.sets.len()).then_some(counted.reappeared)
    }

    /// Does a step with the open repository; says what it met and makes an outcome of it.
    fn with(&self, step: impl FnOnce(&mut Repository) -> Result<JobOutcome, Failure>) -> JobOutcome {
        let mut opened = self.opened.borrow_mut();
        let opened = opened.get_or_insert_with(|| {
            self.shell.open_to_add(self.config).map_err(|failure| {
                self.shell.out.error(&advice(&failure));
                Box::new(jobs::not_opened(&failure))
            })
        });
        match opened {
            Err(outcome) => JobOutcome::clone(outcome),
            Ok(repo) => step(repo).unwrap_or_else(|failure| self.say(&failure)),
        }
    }

    fn say(&self, failure: &Failure) -> JobOutcome {
        self.shell.out.error(&advice(failure));
        jobs::failed(failure)
    }

    /// Puts the journal into the repository, if it is time. Where that fails the lines wait for the next run.
    fn keep_journal(&self, summary: &RunSummary) -> bool {
        let mut opened = self.opened.borrow_mut();
        let Some(Ok(repo)) = opened.as_mut().filter(|_| !self.config.trial) else { return true };
        let kept = pages::keep(repo, &self.shell.journal(self.config), &summary.run);
        if let Err(error) = &kept {
            self.shell
                .out
                .warn(format!("The journal could not be put beside the backups; the next run tries again: {error}"));
        }
        kept.is_ok()
    }

    fn finish(&self, summary: &RunSummary) -> Result<Done, Failure> {
        let opened = self.opened.borrow();
        let repo = opened.as_ref().and_then(|o| o.as_ref().ok());
        let mut status = status::look(self.shell, self.config, repo, None, |input, status| {
            voices::tell(self.shell, self.config, input, status);
            status.clone()
        })?;
        if !summary.trouble.is_empty() {
            // What the journal could not take, the status cannot know from it.
            let text = "This run did not end well, and that could not be written down: see the lines above.".into();
            status.lines.insert(0, Line { light: Light::Red, text });
            status.light = Light::Red;
        }
        if let (Some(repo), false) = (repo, summary.exit == Exit::Interrupted) {
            heartbeat::leave(self.shell, self.config, repo, status.light);
        }
        for ended in &summary.outcomes {
            self.shell.out.object(as_object(ended));
        }
        // Under quiet only what somebody must act on.
        if self.shell.out.is_json() || !self.shell.out.is_quiet() || status.light == Light::Red {
            self.shell.out.say("");
            status::show(self.shell, &status, Exit::Done);
        }
        let counted = self.counted.borrow();
        let of = |e: &Ended| e.outcome.counts.problems;
        let problems: u64 = summary.outcomes.iter().map(of).sum();
        let damaged: u64 = summary.outcomes.iter().filter(|e| e.outcome.outcome == Outcome::Damage).map(of).sum();
        Ok(Done::with_exit(summary.exit)
            .with("run", summary.run.clone())
            .with("files", counted.files)
            .with("bytes", counted.bytes)
            .with("bytes_stored", counted.bytes_stored)
            .with("problems", problems)
            .with("damaged", damaged)
            .with("incident", counted.incident)
            .with("snapshot", counted.snapshots.last().copied())
            .with("snapshots", counted.snapshots.clone())
            .with("files_tested", counted.tested)
            .with("bytes_tested", counted.tested_bytes)
            .with("unchecked_key_files", counted.unchecked_key_files)
            .with("notices", summary.notices.len())
            .with("light", json!(status.light)))
    }
}

/// There never was a backup, and the job that should have made the first has said why.
fn nothing_yet() -> JobOutcome {
    JobOutcome { waits: true, ..JobOutcome::new(Outcome::Failed, vec![], Counts::default(), Exit::Failed) }
}

/// One job's end, for programs.
fn as_object(ended: &Ended) -> Value {
    let outcome = &ended.outcome;
    json!({
        "message_type": "job", "job": ended.kind, "set": ended.set, "outcome": outcome.outcome,
        "troubles": outcome.troubles, "exit": outcome.exit as u8, "opening": outcome.counts.opening,
        "files": outcome.counts.files,
        "bytes": outcome.counts.bytes, "problems": outcome.counts.problems, "snapshot": outcome.snapshot,
    })
}
