//! `verify …`: three different facts, never added up; and the step that `run` shares with `verify restore`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{coverage, drill, live, opening, verify_store};
use jiff::Timestamp;

use crate::cli::args::{VerifyArgs, VerifyCommand};
use crate::cli::failure::Failure;
use crate::cli::hints::advice_on;
use crate::cli::jobs;
use crate::cli::output::{Done, add_path};
use crate::cli::shell::Shell;
use crate::cli::{telling, when};
use crate::config::Config;
use crate::domain::coverage::LEAST_PER_RUN;
use crate::domain::path::{RecordPath, printable};
use crate::domain::problem::Exit;
use crate::ops::fs::walk::Source;
use crate::ops::verify::{self, Budget, Damage, Examined, Object, TestOptions, VerifyReport};
use crate::repo::repository::Repository;
use crate::service::journal::Event;
use crate::service::plain::{counted, size};
use crate::service::runner::JobOutcome;
use crate::service::words::{Counts, JobKind, Outcome, Trouble};

/// Records named under one damage; all are in the JSON.
const NAMED: usize = 20;

/// More than a typed limit ever lets pass: then the limit decides.
const MANY_DOCUMENTS: usize = 1_000_000;
/// The same, of bytes.
const MANY_BYTES: u64 = 1 << 50;

pub fn run(shell: &Shell, command: &VerifyCommand) -> Result<Done, Failure> {
    let config = shell.config()?;
    if let VerifyCommand::Scrub(args) = command
        && args.keyless
    {
        return keyless(shell, &config, &args.limits);
    }
    let mut repo = shell.open(&config)?;
    let args = match command {
        VerifyCommand::Coverage => return coverage::run(shell, &config, &mut repo),
        VerifyCommand::Store => return verify_store::run(shell, &config, &mut repo),
        VerifyCommand::Drill(args) => return drill::run(shell, &config, &mut repo, args),
        VerifyCommand::Accept(args) => return opening::accept(shell, args),
        VerifyCommand::Scrub(args) => &args.limits,
        VerifyCommand::Check(args) | VerifyCommand::Restore(args) => args,
    };
    if matches!(command, VerifyCommand::Check(_)) && (args.max_bytes.is_some() || args.max_duration.is_some()) {
        let hint = "Leave the limit out: it reads no content. A limit is for verify scrub and verify restore.";
        return Err(Failure::usage("verify check always looks at everything: it takes no limit", hint));
    }
    let progress = shell.progress();
    let (report, what) = match command {
        VerifyCommand::Check(_) => {
            let names = repo.can_read();
            (verify::check(&mut repo, names, &progress, &shell.stop)?, "is there with the size it should have")
        }
        VerifyCommand::Scrub(_) => {
            (verify::scrub(&mut repo, &budget(args), &progress, &shell.stop)?, "was read again and is what was stored")
        }
        _ => {
            if repo.can_read() && !args.all && args.max_bytes.is_none() && args.max_duration.is_none() {
                coverage::refuse_limits(&repo, &config)?;
            }
            let options = test_options(&config, args);
            (verify::restore(&mut repo, &options, &progress, &shell.stop)?, "came back as it was")
        }
    };
    progress.finish();
    if matches!(command, VerifyCommand::Restore(_)) && report.failed.is_empty() {
        shell.note(&config, Event::ReadingProved)?;
    }
    say(shell, &config, &report, what);
    let mut told = tell(shell, &config, command, &report, &repo)?;
    if matches!(command, VerifyCommand::Restore(_)) && !shell.stop.is_set() {
        let promise = coverage::promise(&config);
        told = match verify::coverage::look(&repo, &promise) {
            Some(found) => told.worse(coverage::tell(shell, &config, &found)?),
            None => told,
        };
    }
    let mut done = summary(&report);
    done.exit = done.exit.worse(told);
    Ok(done)
}

/// Nothing is journalled or told: this computer need not be one of the council's, and has its exit code and its words.
fn keyless(shell: &Shell, config: &Config, args: &VerifyArgs) -> Result<Done, Failure> {
    let (store, dir, progress) = (shell.store(config)?, shell.state(config), shell.progress());
    let report = verify::scrub_keyless(&store, &dir, &*shell.env.clock, &budget(args), &progress, &shell.stop)?;
    progress.finish();
    say(shell, config, &report, "has the bytes that its name stands for");
    shell.out.note(
        "Without a key nobody can say what is missing, or judge the log and the key files. On a computer of the council: \
         strongroom verify check",
    );
    Ok(summary(&report))
}

/// What a person's own examination found is journalled and told as that of a run is: damage, and that it is gone.
/// Where test restores are made, a check or scrub that found nothing is no evidence that records come back.
fn tell(
    shell: &Shell,
    config: &Config,
    command: &VerifyCommand,
    report: &VerifyReport,
    repo: &Repository,
) -> Result<Exit, Failure> {
    let reads = repo.can_read();
    let restored = matches!(command, VerifyCommand::Restore(_));
    if shell.stop.is_set() || (reads && !restored && report.failed.is_empty()) {
        return Ok(Exit::Done);
    }
    let mut found = outcome(repo, report);
    let all = matches!(command, VerifyCommand::Restore(args) if args.all);
    found.counts.all_live = all && (sources(config).is_empty() || live::is_all_sound(report));
    // A check reads nothing, so it cannot show that what was damaged is sound.
    found.examined_all &= !matches!(command, VerifyCommand::Check(_));
    telling::one_job(shell, config, JobKind::Verify, &found)
}

fn budget(args: &VerifyArgs) -> Budget {
    Budget { max_bytes: args.max_bytes.map(|b| b.0), max_duration: args.max_duration.map(|d| d.0), all: args.all }
}

/// A limit that was typed replaces the configured ones; time alone leaves the bytes free.
fn test_options(config: &Config, args: &VerifyArgs) -> TestOptions {
    let bytes = match (args.max_bytes, args.max_duration) {
        (Some(bytes), _) => Some(bytes.0),
        (None, Some(_)) => Some(MANY_BYTES),
        (None, None) => None,
    };
    let typed = args.max_bytes.is_some() || args.max_duration.is_some();
    let documents = if typed { MANY_DOCUMENTS } else { config.verify.documents_per_run as usize };
    TestOptions {
        all: args.all,
        promise: coverage::promise(config),
        bytes,
        documents_per_run: documents,
        max_duration: args.max_duration.map(|d| d.0),
        folders: sources(config),
        sound: Some(opening::options(config)),
        ..TestOptions::default()
    }
}

fn sources(config: &Config) -> Vec<Source> {
    let folders = config.sets.iter().flat_map(|s| &s.folders);
    folders.map(|f| Source { name: f.name.clone(), path: f.path.clone() }).collect()
}

fn examined(report: &VerifyReport) -> String {
    let e = &report.examined;
    let parts = [
        (e.documents, "document", "documents"),
        (e.packs, "pack", "packs"),
        (e.objects, "stored object", "stored objects"),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(n, ..)| *n > 0).map(|(n, one, many)| counted(*n, one, many)).collect();
    format!("{} ({})", said.join(", "), size(e.bytes))
}

fn say(shell: &Shell, config: &Config, report: &VerifyReport, what: &str) {
    let out = &shell.out;
    for damage in &report.failed {
        out.row(|| in_words(damage), || as_object(damage));
    }
    for problem in &report.problems {
        out.problem(problem);
    }
    let all = examined(report);
    if report.failed.is_empty() {
        out.say(format!("Examined {all}: everything {what}."));
    } else {
        out.say(format!("Examined {all}: {} found.", counted(report.failed.len() as u64, "damage", "damages")));
        // Repair has nothing to say of key files and the log.
        let small = |d: &Damage| matches!(d.object, Some(Object::Bundle(..) | Object::Entry(_))) || d.put_back;
        if report.failed.iter().all(|d| d.put_back) {
            out.warn(
                "All that was damaged was put right, and no document is affected. The next run looks at it again.",
            );
        }
        if !report.failed.iter().all(small) {
            out.warn("Stored data is damaged. What can be had back, and what is lost: strongroom repair");
        }
    }
    if report.lost > 0 {
        out.say(format!(
            "Passed over: {} that cannot be restored any more, as a person has accepted. See: strongroom repair",
            counted(report.lost, "version of a record", "versions of records")
        ));
    }
    live::say(shell, config, report);
    opening::say(shell, config, report);
    if let Some(error) = &report.ended {
        out.warn("That was found before the examination ended early, and there may be more:");
        out.error(&advice_on(error));
    }
    if report.left > 0 {
        let waits = match report.oldest {
            Some(at) => format!("what waits longest was last examined {}", when::shown(at, &config.council.timezone)),
            None => "some of it never was".to_owned(),
        };
        let left = counted(report.left, "object was", "objects were");
        out.say(format!(
            "{left} left for another time: the limits allow no more; {waits}. To examine everything: --all"
        ));
    }
    if report.untold > 0 {
        let files = counted(report.untold, "key file was", "key files were");
        out.warn(format!(
            "{files} not checked: nobody has proved yet what they should be. Prove each with its holder's key: strongroom \
             key drill NAME; that of the recovery sheet: strongroom key sheet --check"
        ));
    }
    if report.foreign > 0 {
        out.note(format!(
            "{} in the store that are not Strongroom's.",
            counted(report.foreign, "object lies", "objects lie")
        ));
    }
}

pub(super) fn in_words(damage: &Damage) -> String {
    let object = damage.object.map(|o| format!("{o}: ")).unwrap_or_default();
    let snapshots: Vec<String> = damage.snapshots.iter().map(ToString::to_string).collect();
    let mut text = format!("DAMAGE: {object}{}", printable(damage.what.as_bytes()));
    if !snapshots.is_empty() {
        text.push_str(&format!("\n  needed by snapshots {}", snapshots.join(", ")));
    }
    for record in damage.records.iter().take(NAMED) {
        text.push_str(&format!("\n  affects {record}"));
    }
    if damage.records.len() > NAMED {
        text.push_str(&format!("\n  and {} more", damage.records.len() - NAMED));
    }
    text
}

pub(super) fn as_object(damage: &Damage) -> Value {
    let record = |path| {
        let mut object = json!({});
        add_path(&mut object, path);
        object
    };
    json!({
        "message_type": "damage", "object": damage.object.map(|o| o.to_string()), "what": damage.what,
        "snapshots": damage.snapshots, "records": damage.records.iter().map(record).collect::<Vec<_>>(),
    })
}

fn summary(report: &VerifyReport) -> Done {
    let e = &report.examined;
    let done = Done::with_exit(report.exit())
        .with("files", e.documents)
        .with("bytes", e.bytes)
        .with("packs", e.packs)
        .with("objects", e.objects)
        .with("damaged", report.failed.len())
        .with("problems", report.problems.len())
        .with("left", report.left)
        .with("unchecked_key_files", report.untold)
        .with("oldest", report.oldest.map(|at| at.to_string()))
        .with("entries", report.entries.clone())
        .with("lost", report.lost)
        .with("spoiled", report.spoiled.len());
    opening::summary(live::summary(done, report), report)
}

/// The verification of a `run`: its outcome, the documents that came back, and their bytes. That everything is there is
/// looked at each time: what lies in this computer's memory, or was stored again, would hide what the store has lost.
///
/// # Errors
/// Whatever ends a verification.
pub fn of_run(
    shell: &Shell,
    config: &Config,
    repo: &mut Repository,
    told: &BTreeSet<RecordPath>,
) -> Result<(JobOutcome, u64, u64), Failure> {
    if !repo.can_read() {
        return Ok((without_reading(shell, config, repo)?, 0, 0));
    }
    let progress = shell.progress();
    let options = test_options(config, &VerifyArgs { all: false, max_bytes: None, max_duration: None });
    let mut checked = verify::look(repo, true, &progress, &shell.stop)?;
    let restored = verify::restore(repo, &options, &progress, &shell.stop);
    progress.finish();
    let (mut report, came_back) = match restored {
        Ok(report) => (report, true),
        // What the look found, it may have mended: it is told now or never.
        Err(e) => {
            checked = checked.ended_by(e)?;
            (VerifyReport { examined: checked.examined, ..VerifyReport::default() }, false)
        }
    };
    let known = |d: &Damage| d.object.is_some() && report.failed.iter().any(|k| k.object == d.object);
    // What the check says of an object says more: also whether it was put back.
    let said = |d: &Damage| matches!(d.object, Some(Object::Index(_)));
    let (_, new): (Vec<Damage>, Vec<Damage>) = checked.failed.into_iter().partition(|d| known(d) && !said(d));
    report.failed.retain(|d| !(said(d) && new.iter().any(|n| n.object == d.object)));
    report.failed.extend(new);
    // What this run's backup could not read is told by it.
    report.problems.retain(|p| !p.path.as_ref().is_some_and(|path| told.contains(path)));
    report.untold = checked.untold;
    report.ended = report.ended.or(checked.ended);
    say(shell, config, &report, "came back from the store as it was");
    let examined = if came_back { report.examined } else { Examined::default() };
    Ok((around(outcome(repo, &report)), examined.documents, examined.bytes))
}

/// A computer that may not read looks whether everything is there, and reads a part of the stored bytes again.
fn without_reading(shell: &Shell, config: &Config, repo: &mut Repository) -> Result<JobOutcome, Failure> {
    shell.out.say("This computer may not read the backups: it checks and scrubs; test restores are made elsewhere.");
    let progress = shell.progress();
    let mut checked = verify::look(repo, false, &progress, &shell.stop)?;
    let bytes = config.verify.bytes_per_run.unwrap_or(LEAST_PER_RUN);
    let budget = Budget { max_bytes: Some(bytes), ..Budget::default() };
    let scrubbed = verify::scrub(repo, &budget, &progress, &shell.stop);
    progress.finish();
    let mut scrubbed = match scrubbed {
        Ok(report) => report,
        Err(e) => {
            let ended = checked.ended_by(e)?;
            say(shell, config, &ended, "is there with the size it should have");
            return Ok(outcome(repo, &ended));
        }
    };
    say(shell, config, &checked, "is there with the size it should have");
    say(shell, config, &scrubbed, "was read again and is what was stored");
    if checked.failed.is_empty() {
        return Ok(around(outcome(repo, &scrubbed)));
    }
    checked.ended = checked.ended.or(scrubbed.ended.take());
    Ok(around(outcome(repo, &checked)))
}

/// A run looks at key files and index, whatever else it reads.
fn around(found: JobOutcome) -> JobOutcome {
    JobOutcome { counts: Counts { looked_around: true, ..found.counts }, ..found }
}

/// When a person last said of documents that they are as they should be.
fn marked(repo: &Repository) -> Option<Timestamp> {
    let (entry, _) = repo.state().documents_accepted.last()?;
    Some(repo.slots().get(usize::try_from(*entry).ok()?)?.body.as_ref()?.time)
}

fn outcome(repo: &Repository, report: &VerifyReport) -> JobOutcome {
    let lost = repo.state().open_losses().map(|l| l.records).sum();
    let e = &report.examined;
    let counts = Counts {
        // What was examined, in its own unit: a run that examined none of them has failed.
        files: [e.documents, e.packs, e.objects].into_iter().find(|n| *n > 0).unwrap_or(0),
        bytes: e.bytes,
        problems: (report.failed.len() + report.problems.len() + report.spoiled.len()) as u64,
        opening: opening::counts(report),
        lost,
        accepted: repo.state().open_losses().next().is_some(),
        marked: marked(repo),
        differing: live::differing(report),
        ..Counts::default()
    };
    let differs = (counts.differing > 0).then_some(Trouble::LiveDiffers);
    let (outcome, troubles) = match report.exit() {
        Exit::Damage => {
            let stored = match report.failed.iter().all(|d| d.put_back) {
                true => Trouble::PutRight,
                false => Trouble::Damage,
            };
            let stored = (!report.failed.is_empty()).then_some(stored);
            (Outcome::Damage, opening::troubles(report).into_iter().chain(stored).chain(differs).collect())
        }
        Exit::Incomplete => {
            let other = (counts.differing < report.problems.len() as u64).then_some(Trouble::Incomplete);
            (Outcome::Incomplete, differs.into_iter().chain(other).collect())
        }
        _ => (Outcome::Done, vec![]),
    };
    // What came with a mass change that is open was told as that.
    let waits = outcome == Outcome::Damage && Vec::is_empty(&troubles);
    let found = JobOutcome::new(outcome, troubles, counts, report.exit());
    let found = JobOutcome { examined_all: report.left == 0, waits, ..found };
    match &report.ended {
        Some(error) => jobs::ended_by(found, error),
        None => found,
    }
}
