//! `restore` and `cat`: bringing records back.
//!
//! What is meant is made certain before anything is written: a name that fits several records restores none.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use serde_json::json;

use super::ask::ask;
use super::disposed::{self, nothing};
use super::look::several;
use super::records;
use crate::cli::args::{CatArgs, Overwrite as Typed, RestoreArgs};
use crate::cli::failure::Failure;
use crate::cli::output::{ContentObjects, Done, about};
use crate::cli::shell::Shell;
use crate::cli::{when, wiring};
use crate::config::Config;
use crate::domain::path::{RecordPath, printable};
use crate::domain::pattern::Pattern;
use crate::domain::problem::Exit;
use crate::ops::OpsError;
use crate::ops::fs::place::Owner;
use crate::ops::query::{Hit, Resolved, View, Which};
use crate::ops::restore::{
    Destination, Doing, Overwrite, RestoreOptions, RestorePlan, RestoreReport, Selected, apply, cat as content, plan,
};
use crate::ops::retention::disposed::Memory;
use crate::repo::repository::Repository;
use crate::service::plain::{counted, number, size};

pub fn run(shell: &Shell, args: &RestoreArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    if args.paths.is_empty() && !args.all && !wiring::can_ask() {
        let hint = "Name a path, a name or a folder, or say --all. On a terminal, restore alone asks.";
        return Err(Failure::usage("what shall be brought back?", hint));
    }
    let mut repo = shell.open(&config)?;
    let which = when::which(&args.when, &config.council.timezone)?;
    let (selection, which, asked) = match meant(shell, &config, &mut repo, args, &which)? {
        Meant::These(selection) => (selection, which, false),
        // The very version that was chosen.
        Meant::This(hit) => {
            let which = Which { set: Some(hit.set), at: None, snapshot: Some(hit.snapshot) };
            (vec![Selected::Within(hit.path)], which, true)
        }
        Meant::Several(done) => return Ok(done),
    };
    let to = destination(shell, &config, args)?;
    let options = RestoreOptions {
        selection,
        which,
        include_deleted: args.deleted,
        to,
        overwrite: match args.overwrite {
            Typed::Never => Overwrite::Never,
            Typed::IfChanged => Overwrite::IfChanged,
            Typed::Always => Overwrite::Always,
        },
        owner: Owner::Recorded,
        connections: config.limits.upload_connections as usize,
        or_older: false,
    };
    for place in places(&options).iter().flatten().filter(|_| asked) {
        shell.out.to_stderr(&format!("It will be written to: {}", printable(place.as_os_str().as_bytes())));
    }
    bring_back(shell, &config, &mut repo, &options, args)
}

enum Meant {
    These(Vec<Selected>),
    This(Box<Hit>),
    Several(Done),
}

fn meant(
    shell: &Shell,
    config: &Config,
    repo: &mut Repository,
    args: &RestoreArgs,
    which: &Which,
) -> Result<Meant, Failure> {
    if args.all {
        return Ok(Meant::These(vec![Selected::All]));
    }
    if args.paths.is_empty() {
        let memory = Memory::load(repo)?;
        let hit = ask(shell, config, &mut View::open(repo, which)?, &memory, &mut std::io::stdin().lock())?;
        return Ok(Meant::This(Box::new(hit)));
    }
    let mut view = View::open(repo, which)?;
    let folders = records::folders(config);
    let mut selection = vec![];
    for typed in &args.paths {
        match view.resolve(typed.as_bytes(), &folders)? {
            Resolved::One(hit) => selection.push(Selected::Within(hit.path)),
            Resolved::Folder(path) => selection.push(Selected::Within(path)),
            _ if is_pattern(typed) => selection.push(Selected::Fits(Pattern::new(&typed.to_string_lossy()))),
            Resolved::Nothing => {
                drop(view);
                return Err(nothing(config, repo, typed.as_bytes(), Exit::Failed));
            }
            Resolved::Many(hits, count) => return Ok(Meant::Several(several(shell, config, &hits, count))),
        }
    }
    Ok(Meant::These(selection))
}

fn is_pattern(typed: &OsString) -> bool {
    Pattern::new(&typed.to_string_lossy()).is_wild()
}

fn destination(shell: &Shell, config: &Config, args: &RestoreArgs) -> Result<Destination, Failure> {
    let now = shell.env.clock.now().to_zoned(config.council.timezone.clone());
    let label = now.strftime("%Y-%m-%d-%H%M%S").to_string();
    if args.in_place {
        return Ok(Destination::InPlace { folders: records::folders(config), label });
    }
    let to = args.to.clone().unwrap_or_else(|| PathBuf::from(format!("restored-{label}")));
    let failed = |e| Failure::usage(format!("{}: {e}", to.display()), "Write the full path, beginning with /.");
    Ok(Destination::Folder(wiring::absolute(&to).map_err(failed)?))
}

fn bring_back(
    shell: &Shell,
    config: &Config,
    repo: &mut Repository,
    options: &RestoreOptions,
    args: &RestoreArgs,
) -> Result<Done, Failure> {
    let progress = shell.progress();
    let plan = match plan(repo, options, &progress, &shell.stop) {
        Err(error @ OpsError::NotFound(_)) => return Err(not_found(config, repo, args, error)),
        other => other?,
    };
    if !plan.held_back.is_empty() {
        shell.out.warn(
            "An incident is open: this is the last state before it. For the newest, name the snapshot: --snapshot ID",
        );
    }
    for sentence in &plan.passed_over {
        shell.out.note(printable(sentence.as_bytes()));
    }
    if args.preview {
        progress.finish();
        let done = preview(shell, &plan);
        return Ok(partly(shell, repo, options, done)?);
    }
    plan.check_way().map_err(|e| in_the_way(e, args))?;
    let report = apply(plan, repo, &progress, &shell.stop).map_err(|e| in_the_way(e, args))?;
    progress.finish();
    let done = say(shell, &report, options);
    let mut done = partly(shell, repo, options, done)?;
    if report.files + report.already + report.others + report.failed == 0 && !repo.state().disposals.is_empty() {
        shell.out.warn(
            "No file of it is in the backup now. What was withdrawn or destroyed under the retention scheme: strongroom \
             retention disposals",
        );
        done.exit = done.exit.worse(Exit::Failed);
    }
    Ok(done)
}

/// Of what is brought back a part may be withdrawn or destroyed: that is said.
fn partly(shell: &Shell, repo: &Repository, options: &RestoreOptions, done: Done) -> Result<Done, OpsError> {
    let folder = |selected: &Selected| match selected {
        Selected::All => Some(None),
        Selected::Within(path) => Some(Some(path.clone())),
        Selected::Fits(_) => None,
    };
    let folders: Vec<_> = options.selection.iter().filter_map(folder).collect();
    disposed::taken_from(shell, repo, &folders, options.which.set.as_deref(), done)
}

/// A pattern that fits nothing may fit what the scheme let go.
fn not_found(config: &Config, repo: &mut Repository, args: &RestoreArgs, error: OpsError) -> Failure {
    let patterns = args.paths.iter().filter(|typed| is_pattern(typed));
    for typed in patterns {
        match disposed::find(config, repo, typed.as_bytes()) {
            Ok(found) if found.is_empty() => {}
            _ => return nothing(config, repo, typed.as_bytes(), Exit::Failed),
        }
    }
    error.into()
}

/// What to do when something is there already.
fn in_the_way(error: OpsError, args: &RestoreArgs) -> Failure {
    let OpsError::InTheWay(message) = error else { return error.into() };
    let hint = if args.in_place {
        "Look first: --in-place --preview. To replace what differs, and keep a copy of it: --overwrite if-changed"
    } else {
        "Restore into another folder: --to DIR"
    };
    Failure::refused(message, hint)
}

fn preview(shell: &Shell, plan: &RestorePlan) -> Done {
    let mut counts = [0u64; 3];
    for item in plan.items() {
        let (at, word) = match item.doing {
            Doing::New => (0, "new"),
            Doing::Replace => (1, "replace"),
            Doing::Nothing => (2, "same"),
        };
        counts[at] += 1;
        let object = || about("planned", item.path, json!({"doing": word, "size": item.size}));
        shell.out.row(|| format!("{word:<8} {}", item.path), object);
    }
    for what in &plan.in_the_way {
        let object = || json!({"message_type": "in_the_way", "what": what});
        shell.out.row(|| format!("{:<8} {}", "IN WAY", printable(what.as_bytes())), object);
    }
    let [new, replaced, same] = counts;
    shell.out.say(format!(
        "Nothing was done. {new} would be written, {replaced} replaced, {same} are the same already; {} in the way.",
        plan.in_the_way_count
    ));
    let exit = if plan.in_the_way_count > 0 { Exit::Refused } else { Exit::Done };
    Done::with_exit(exit)
        .with("new", new)
        .with("replaced", replaced)
        .with("same", same)
        .with("in_the_way", plan.in_the_way_count)
        .with("bytes", plan.bytes)
}

fn say(shell: &Shell, report: &RestoreReport, options: &RestoreOptions) -> Done {
    for warning in &report.warnings {
        shell.out.note(printable(warning.as_bytes()));
    }
    shell.out.say(format!("Brought back {}, {}.", counted(report.files, "file", "files"), size(report.bytes)));
    if report.already > 0 {
        shell.out.say(format!("{} there already, unchanged.", counted(report.already, "file was", "files were")));
    }
    if report.copies_kept > 0 {
        let copies = counted(report.copies_kept, "copy", "copies");
        shell.out.say(format!("What was replaced is kept beside it: {copies} named …before-restore-…"));
    }
    // Where nothing came back, nothing lies.
    let came = report.files + report.already > 0 || report.failed == 0;
    for place in places(options).unwrap_or_else(|| report.folders_used.clone()).into_iter().filter(|_| came) {
        let object = || json!({"message_type": "restored_to", "folder": place.to_string_lossy()});
        shell.out.row(|| format!("It now lies at: {}", printable(place.as_os_str().as_bytes())), object);
    }
    if report.failed > 0 {
        shell.out.note(not_brought_back(report.failed, report.problems.len()));
        if !report.damaged.is_empty() {
            shell.out.note("What can be had back, and what is lost: strongroom repair --all");
        }
    }
    Done::with_exit(report.exit())
        .with("files", report.files)
        .with("bytes", report.bytes)
        .with("folders", report.folders)
        .with("already", report.already)
        .with("problems", report.failed)
        .with("damaged", report.damaged.len())
        .with("packs_fetched", report.packs_fetched)
        .with("snapshot", report.snapshots.last().map(|s| s.0))
        .with("to", report.folders_used.first().map(|f| f.to_string_lossy().into_owned()))
}

/// Where one record lies, or will.
fn places(options: &RestoreOptions) -> Option<Vec<PathBuf>> {
    let below = |base: &PathBuf, path: &RecordPath| base.join(std::ffi::OsStr::from_bytes(path.as_bytes()));
    Some(match (&options.to, options.selection.as_slice()) {
        (Destination::Folder(base), [Selected::Within(path)]) => vec![below(base, path)],
        (Destination::InPlace { folders, .. }, [Selected::Within(path)]) => folders
            .iter()
            .filter(|(name, _)| path.is_within(name.as_bytes()))
            .map(|(name, live)| {
                let rest = path.as_bytes().get(name.as_bytes().len() + 1..).unwrap_or_default();
                live.join(std::ffi::OsStr::from_bytes(rest))
            })
            .collect(),
        _ => return None,
    })
}

pub fn cat(shell: &Shell, args: &CatArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let mut repo = shell.open(&config)?;
    let which = when::which(&args.when, &config.council.timezone)?;
    let path = {
        let mut view = View::open(&mut repo, &which)?;
        match view.resolve(args.path.as_bytes(), &records::folders(&config))? {
            Resolved::One(hit) => hit.path,
            Resolved::Folder(path) => {
                let hint = "Name a file. What is in the folder: strongroom ls FOLDER";
                return Err(Failure::usage(format!("{path} is a folder"), hint));
            }
            Resolved::Many(hits, count) => return Ok(several(shell, &config, &hits, count)),
            Resolved::Nothing => {
                drop(view);
                return Err(nothing(&config, &mut repo, args.path.as_bytes(), Exit::Failed));
            }
        }
    };
    let written = if shell.out.is_json() {
        content(&mut repo, &path, &which, &mut ContentObjects::new(&shell.out), &shell.stop)
    } else {
        content(&mut repo, &path, &which, &mut std::io::BufWriter::new(shell.out.raw()), &shell.stop)
    };
    match written {
        // Who only wanted the beginning has it; a full disk is reported at the end.
        Err(_) if shell.out.is_closed() => Ok(Done::ok()),
        other => Ok(Done::ok().with("files", 1).with("bytes", other?)),
    }
}

fn not_brought_back(failed: u64, named: usize) -> String {
    let some = if (named as u64) < failed { format!("the first {}", number(named as u64)) } else { "they".into() };
    format!("{} could not be brought back; {some} are named above.", counted(failed, "item", "items"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_above_is_said_as_it_is() {
        assert_eq!(not_brought_back(3, 3), "3 items could not be brought back; they are named above.");
        let many = "12,000 items could not be brought back; the first 10,000 are named above.";
        assert_eq!(not_brought_back(12_000, 10_000), many);
    }
}
