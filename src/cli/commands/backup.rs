//! `backup`: one set or all of them, now; and the step that `run` shares with it.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::cli::args::BackupArgs;
use crate::cli::failure::Failure;
use crate::cli::hints::advice;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::{jobs, stores, telling};
use crate::config::{Config, ProtectedSet};
use crate::domain::path::printable;
use crate::domain::problem::{Exit, Problem};
use crate::ops::OpsError;
use crate::ops::backup::{BackupOptions, BackupReport, MAX_LISTED_PROBLEMS, Usual, backup};
use crate::ops::fs::walk::Source;
use crate::repo::repository::Repository;
use crate::service::history::fold;
use crate::service::plain::{counted, size};
use crate::service::runner::{Job, JobOutcome};
use crate::service::words::{Counts, JobKind, Outcome, Trouble};

/// What a person may ask for besides the configuration.
#[derive(Clone, Copy, Default)]
pub struct Wishes {
    /// Read every file again.
    pub reread: bool,
    /// A folder may lie on another mount.
    pub accept_mounts: bool,
}

pub fn run(shell: &Shell, args: &BackupArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let sets: Vec<&ProtectedSet> =
        config.sets.iter().filter(|s| args.set.as_ref().is_none_or(|wanted| *wanted == s.name)).collect();
    if sets.is_empty() {
        let names: Vec<&str> = config.sets.iter().map(|s| s.name.as_str()).collect();
        let message = format!("no set is called '{}'", args.set.as_deref().unwrap_or_default());
        return Err(Failure::usage(message, format!("The configuration has: {}", names.join(", "))));
    }
    let _lock = shell.lock(&config)?;
    let mut repo = shell.open_to_add(&config)?;
    let wishes = Wishes { reread: args.reread, accept_mounts: args.accept_mounts };
    let mut total =
        Total { files: 0, bytes: 0, bytes_stored: 0, problems: 0, snapshots: vec![], incident: None, exit: Exit::Done };
    let mut steps = vec![];
    for set in sets {
        let outcome = match step(shell, &config, &mut repo, set, wishes) {
            Ok(report) => {
                total.add(&report);
                outcome(&report)
            }
            Err(e) => {
                let failure = e.into();
                let advice = advice(&failure);
                shell.out.error(&advice);
                total.exit = total.exit.worse(advice.exit);
                jobs::failed(&failure)
            }
        };
        let set = Some(telling::set_name(&set.name)?);
        steps.push(Job { kind: JobKind::Backup, set, run: Box::new(move || outcome.clone()) });
        if shell.stop.is_set() {
            // Whoever stopped it knows; what the log has of it, `status` shows.
            return Ok(total.done());
        }
    }
    let summary = telling::run_jobs(shell, &config, steps)?;
    telling::report(shell, &summary);
    total.exit = total.exit.worse(summary.exit);
    Ok(total.done())
}

/// Several backups added up.
struct Total {
    files: u64,
    bytes: u64,
    bytes_stored: u64,
    problems: u64,
    snapshots: Vec<u64>,
    incident: Option<u64>,
    exit: Exit,
}

impl Total {
    fn add(&mut self, report: &BackupReport) {
        self.files += report.files;
        self.bytes += report.bytes;
        self.bytes_stored += report.bytes_stored;
        self.problems += report.problems.len() as u64;
        self.snapshots.extend(report.snapshot.map(|s| s.0));
        self.incident = report.incident.or(self.incident);
        self.exit = self.exit.worse(exit(report));
    }

    fn done(self) -> Done {
        Done::with_exit(self.exit)
            .with("files", self.files)
            .with("bytes", self.bytes)
            .with("bytes_stored", self.bytes_stored)
            .with("problems", self.problems)
            .with("incident", self.incident)
            .with("snapshot", self.snapshots.last().copied())
            .with("snapshots", self.snapshots)
    }
}

/// What the journal and people are told of a backup that came to its end.
pub fn outcome(report: &BackupReport) -> JobOutcome {
    let counts = Counts {
        files: report.files,
        bytes: report.bytes,
        problems: report.problems.len() as u64,
        changed: report.in_week.unwrap_or(report.touched),
        turned: Some(report.turned),
        in_week: report.in_week.is_some(),
        which: which(report),
        ..Counts::default()
    };
    let mut troubles = vec![];
    if report.incident.is_some() {
        troubles.push(Trouble::MassChange);
    }
    if !report.problems.is_empty() {
        troubles.push(Trouble::Incomplete);
    }
    let outcome = if report.problems.is_empty() { Outcome::Done } else { Outcome::Incomplete };
    let said = unread(&report.problems);
    JobOutcome { snapshot: report.snapshot, said, ..JobOutcome::new(outcome, troubles, counts, exit(report)) }
}

/// The first that could not be read, and why: for the technician at this computer, who sees it in the status.
fn unread(problems: &[Problem]) -> Option<String> {
    const NAMED: usize = 3;
    let name = |p: &Problem| match &p.path {
        Some(path) => format!("{} ({})", printable(path.as_bytes()), p.detail),
        None => p.detail.clone(),
    };
    let named: Vec<String> = problems.iter().take(NAMED).map(name).collect();
    let more = problems.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let all = counted(problems.len() as u64, "item", "items");
    (!problems.is_empty()).then(|| jobs::one_line(&format!("{all} could not be read: {}{more}", named.join("; "))))
}

/// See [`Counts::which`]. None where not all are known by name.
fn which(report: &BackupReport) -> Option<u64> {
    let paths: Option<BTreeSet<&[u8]>> = report.problems.iter().map(|p| Some(p.path.as_ref()?.as_bytes())).collect();
    let mut hasher = blake3::Hasher::new();
    for path in paths.filter(|p| !p.is_empty() && report.problems.len() < MAX_LISTED_PROBLEMS)? {
        hasher.update(path).update(b"\0");
    }
    let digest = hasher.finalize();
    digest.as_bytes().first_chunk().map(|first| u64::from_le_bytes(*first))
}

/// The exit code that a report says.
pub fn exit(report: &BackupReport) -> Exit {
    if report.problems.is_empty() { Exit::Done } else { Exit::Incomplete }
}

/// Backs up one set and says what came of it.
///
/// # Errors
/// As [`backup`].
pub fn step(
    shell: &Shell,
    config: &Config,
    repo: &mut Repository,
    set: &ProtectedSet,
    wishes: Wishes,
) -> Result<BackupReport, OpsError> {
    let progress = shell.progress();
    let options = BackupOptions { usual: usual(shell, config, set), ..options(config, set, wishes) };
    let report = backup(repo, &options, &progress, &shell.stop)?;
    progress.finish();
    shell.out.say(format!(
        "Backed up \"{}\": {}, {}; {} new in the store{}.",
        set.name,
        counted(report.files, "file", "files"),
        size(report.bytes),
        size(report.bytes_stored),
        report.snapshot.map(|s| format!(" (snapshot {s})")).unwrap_or_default()
    ));
    if !report.problems.is_empty() {
        let problems = counted(report.problems.len() as u64, "item", "items");
        shell
            .out
            .warn(format!("{problems} could not be backed up; the last good version of each stays in the backup."));
    }
    if report.lost > 0 {
        shell.out.say(format!(
            "Passed over: the last version of {}, lost as a person has accepted. See: strongroom repair",
            counted(report.lost, "deleted record", "deleted records")
        ));
    }
    if !repo.lost_indexes().is_empty() {
        shell.out.warn(
            "A part of the index in the store is damaged or missing; the packs themselves said what is in them. Run: \
             strongroom verify check",
        );
    }
    if let Some(n) = report.incident {
        shell.out.warn(format!(
            "An unusual number of records changed{}. The snapshot was taken; nothing will be thinned or deleted until \
             somebody has looked and runs: strongroom incident resolve {n} --by NAME --note TEXT",
            if report.in_week.is_some() { " in seven days" } else { " at once" }
        ));
    }
    Ok(report)
}

/// What the journal has learnt of this set. One that cannot be read has learnt nothing.
fn usual(shell: &Shell, config: &Config, set: &ProtectedSet) -> Usual {
    match (shell.journal(config).read(), telling::set_name(&set.name)) {
        (Ok(all), Ok(name)) => fold(&all.entries).changes.usual(&name, shell.env.clock.now()),
        _ => Usual::default(),
    }
}

pub fn options(config: &Config, set: &ProtectedSet, wishes: Wishes) -> BackupOptions {
    let source = |f: &crate::config::Folder| Source { name: f.name.clone(), path: f.path.clone() };
    BackupOptions {
        exclude: set.exclude.iter().cloned().chain(own_folders(config, set)).collect(),
        allow_empty: set.allow_empty,
        reread: wishes.reread,
        accept_mounts: wishes.accept_mounts,
        config_text: config.source_text.clone(),
        connections: config.limits.upload_connections as usize,
        ..BackupOptions::new(&set.name, set.folders.iter().map(source).collect())
    }
}

/// The repository and this program's own folder are never backed up into themselves.
fn own_folders(config: &Config, set: &ProtectedSet) -> Vec<String> {
    let own = [Some(config.state_dir.as_path()), stores::folder(config)];
    let below = |own: &Path, folder: &Path| {
        let rest = own.strip_prefix(folder).ok()?.as_os_str();
        (!rest.is_empty()).then(|| literal(rest.as_bytes())).flatten()
    };
    set.folders.iter().flat_map(|f| own.into_iter().flatten().filter_map(move |o| below(o, &f.path))).collect()
}

/// A path below the folder as a pattern that fits it alone.
fn literal(path: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(path).ok()?;
    let escaped: String =
        text.chars().flat_map(|c| "*?[]{}!\\".contains(c).then_some('\\').into_iter().chain([c])).collect();
    Some(format!("/{escaped}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::path::RecordPath;
    use crate::domain::problem::ProblemKind;
    use crate::ops::fs::excludes::Excludes;

    #[test]
    fn the_first_that_could_not_be_read_are_named_and_the_rest_counted() {
        let problem = |p: &str| Problem::of(&RecordPath::new(p.as_bytes()).unwrap(), ProblemKind::Unreadable, "denied");
        let problems = ["docs/a", "docs/b", "docs/c", "docs/d", "docs/e"].map(problem).to_vec();
        let said = |n: usize| {
            let problems = problems.iter().take(n).cloned().collect();
            outcome(&BackupReport { problems, ..BackupReport::default() }).said
        };
        assert_eq!(said(1).as_deref(), Some("1 item could not be read: docs/a (denied)"));
        let five = "5 items could not be read: docs/a (denied); docs/b (denied); docs/c (denied); and 2 more";
        assert_eq!((said(5).as_deref(), said(0)), (Some(five), None));
    }

    /// By this an acceptance holds for these files: whichever way round they were met, and for no others.
    #[test]
    fn which_files_failed_is_one_number_that_changes_with_any_of_them() {
        let of = |paths: &[&str]| {
            let problem =
                |p: &&str| Problem::of(&RecordPath::new(p.as_bytes()).unwrap(), ProblemKind::Unreadable, "denied");
            which(&BackupReport { problems: paths.iter().map(problem).collect(), ..BackupReport::default() })
        };
        assert!(of(&["D/a", "D/b"]).is_some() && of(&["D/a", "D/b"]) == of(&["D/b", "D/a"]));
        for other in [&["D/a"][..], &["D/a", "D/c"], &["D/a", "D/b", "D/c"], &["D/a/D", "b"]] {
            assert_ne!(of(&["D/a", "D/b"]), of(other), "{other:?}");
        }
        assert_eq!(of(&[]), None);
        let nameless = Problem { path: None, kind: ProblemKind::Damaged, detail: String::new() };
        assert_eq!(which(&BackupReport { problems: vec![nameless], ..BackupReport::default() }), None);
    }

    #[test]
    fn a_backup_never_holds_itself() {
        let config = crate::config::trial(Path::new("/home/c/.local/share/strong[room]"), Path::new("/home/c"));
        let excludes = Excludes::new(&own_folders(&config, &config.sets[0])).unwrap();
        let folder = b".local/share/strong[room]";
        assert!(excludes.matches(folder, b"repository", true) && excludes.matches(folder, b"state", true));
        assert!(!excludes.matches(b".local/share/strongr", b"repository", true));
        assert!(own_folders(&config, &crate::config::trial(Path::new("/x"), Path::new("/y")).sets[0]).is_empty());
    }
}
