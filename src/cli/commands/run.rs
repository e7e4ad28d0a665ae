//! `run`: the whole job. Every step is journalled, one step's failure hides no other, and what went wrong reaches
//! people: also when the store does not answer, the keys do not fit, or there is no repository at all.

use std::cell::RefCell;

use serde_json::{Value, json};

use crate::cli::args::RunArgs;
use crate::cli::failure::Failure;
use crate::cli::hints::advice;
use crate::cli::jobs;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::telling;
use crate::config::Config;
use crate::domain::problem::Exit;
use crate::ops::backup::BackupReport;
use crate::ops::verify::clear_scratch;
use crate::repo::local::FileLock;
use crate::repo::repository::Repository;
use crate::service::journal::Event;
use crate::service::runner::{Ended, Job, JobOutcome, RunSummary};
use crate::service::status::{Light, Line};
use crate::service::words::{JobKind, Outcome, SetName};

use super::{backup, coverage, drill, notify, opening, prune, retention_of_run, status, trial, verify, verify_store};

pub fn run(shell: &Shell, args: &RunArgs) -> Result<Done, Failure> {
    let config = trial::or_config(shell, &args.folder)?;
    telling::set_names(&config)?;
    let _lock = lock(shell, &config)?;
    clear_scratch(&opening::scratch(&config));
    clear_scratch(&drill::place(&config));
    if config.trial {
        trial::ensure_repository(shell, &config)?;
    }
    let work = Work { shell, config: &config, opened: RefCell::new(None), counted: RefCell::default() };
    let summary = work.run()?;
    if summary.exit != Exit::Interrupted {
        notify::remember(&config);
    }
    telling::report(shell, &summary);
    let done = work.finish(&summary)?;
    if config.trial {
        trial::last_words(shell, &config, work.opened.into_inner().and_then(Result::ok))?;
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

/// What the steps of one run share.
struct Work<'a> {
    shell: &'a Shell,
    config: &'a Config,
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
}

impl Work<'_> {
    fn run(&self) -> Result<RunSummary, Failure> {
        let sets = telling::set_names(self.config)?;
        telling::run_jobs(self.shell, self.config, self.jobs(&sets))
    }

    fn jobs(&self, sets: &[SetName]) -> Vec<Job<'_>> {
        let mut all: Vec<Job<'_>> = vec![];
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
        let verify = Box::new(|| {
            self.with(|repo| {
                let (outcome, documents, bytes) = verify::of_run(self.shell, self.config, repo)?;
                let mut counted = self.counted.borrow_mut();
                counted.tested += documents;
                counted.tested_bytes += bytes;
                Ok(outcome)
            })
        });
        all.push(Job { kind: JobKind::Verify, set: None, run: verify });
        let coverage = Box::new(|| self.with(|repo| coverage::of_run(self.shell, self.config, repo)));
        all.push(Job { kind: JobKind::Coverage, set: None, run: coverage });
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
            self.shell.open(self.config).map_err(|failure| {
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

    fn finish(&self, summary: &RunSummary) -> Result<Done, Failure> {
        let opened = self.opened.borrow();
        let repo = opened.as_ref().and_then(|o| o.as_ref().ok());
        let mut status = status::work_out(self.shell, self.config, repo, None)?;
        if !summary.trouble.is_empty() {
            // What the journal could not take, the status cannot know from it.
            let text = "This run did not end well, and that could not be written down: see the lines above.".into();
            status.lines.insert(0, Line { light: Light::Red, text });
            status.light = Light::Red;
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
            .with("notices", summary.notices.len())
            .with("light", json!(status.light)))
    }
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
