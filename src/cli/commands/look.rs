//! `snapshots`, `ls`, `find`, `history` and `diff`: looking into the backup.

use std::os::unix::ffi::OsStrExt;

use serde_json::json;

use super::disposed::{self, nothing, typed_path};
use super::key::shown;
use super::records;
use crate::cli::args::{DiffArgs, FindArgs, HistoryArgs, LsArgs, SnapshotsArgs};
use crate::cli::failure::Failure;
use crate::cli::output::{Done, about};
use crate::cli::shell::Shell;
use crate::cli::when;
use crate::config::Config;
use crate::domain::id::SnapshotId;
use crate::domain::path::RecordPath;
use crate::domain::pattern::Pattern;
use crate::domain::problem::Exit;
use crate::ops::OpsError;
use crate::ops::query::{self, ChangeKind, Hit, Resolved, View, Which};
use crate::repo::error::RepoError;
use crate::service::plain::{counted, number, size};

pub fn snapshots(shell: &Shell, args: &SnapshotsArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let repo = shell.open(&config)?;
    let zone = &config.council.timezone;
    let meant = |set: &str| args.set.as_ref().is_none_or(|s| s == set);
    let all: Vec<_> = repo.state().live_snapshots().filter(|s| meant(&s.snapshot.set)).collect();
    let header = ["snapshot", "set", "taken", "files", "size", "added"];
    if !all.is_empty() {
        let [a, b, c, d, e, f] = header;
        shell.out.answer(format!("{a:>8}  {b:<16}{c:<18}{d:>12}{e:>12}{f:>12}  notes"));
    }
    for s in &all {
        let body = &s.snapshot;
        let notes: Vec<String> = [
            (body.problems > 0).then(|| counted(body.problems, "problem", "problems")),
            s.tested.map(|t| format!("tested {}", when::shown(t, zone))),
            s.suspect.then(|| "its time is in doubt".to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect();
        let line = || {
            format!(
                "{:>8}  {:<16}{:<18}{:>12}{:>12}{:>12}  {}",
                s.id.0,
                shown(&body.set),
                when::shown(body.began, zone),
                number(body.files),
                size(body.bytes),
                size(body.added),
                notes.join(", ")
            )
        };
        let object = || {
            json!({
                "message_type": "snapshot", "snapshot": s.id, "set": body.set, "began": body.began, "time": s.time,
                "files": body.files, "bytes": body.bytes, "added": body.added, "problems": body.problems,
                "gone": body.gone, "tested": s.tested, "suspect": s.suspect,
            })
        };
        shell.out.row(line, object);
    }
    if all.is_empty() {
        shell.out.say("There is no snapshot yet. Make one: strongroom run");
    }
    Ok(Done::ok().with("snapshots", all.len()).with("bytes_stored", repo.state().stored_bytes()))
}

/// The listing goes on only while somebody reads it.
fn while_read(shell: &Shell) -> Result<(), OpsError> {
    shell.stop.check()?;
    if shell.out.is_closed() { Err(RepoError::Interrupted.into()) } else { Ok(()) }
}

/// A reader that went away is no failure.
fn unless_closed(shell: &Shell, result: Result<u64, OpsError>) -> Result<u64, Failure> {
    match result {
        Err(_) if shell.out.is_closed() => Ok(0),
        other => Ok(other?),
    }
}

/// Says which snapshots could not be opened, and which were passed over.
pub(super) fn remarks(shell: &Shell, view: &View<'_>) -> Exit {
    for problem in &view.problems {
        shell.out.problem(problem);
    }
    for chosen in view.chosen.iter().filter(|c| c.held_back) {
        shell.out.note(format!(
            "An incident is open: this is snapshot {} of \"{}\", the last before it. Newer ones: --snapshot ID",
            chosen.id,
            shown(&chosen.set)
        ));
    }
    if view.problems.is_empty() { Exit::Done } else { Exit::Damage }
}

pub fn ls(shell: &Shell, args: &LsArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let mut repo = shell.open(&config)?;
    let mut view = View::open(&mut repo, &when::which(&args.when, &config.council.timezone)?)?;
    let exit = remarks(shell, &view);
    let within = match &args.path {
        None => None,
        Some(path) => match view.resolve(path.as_bytes(), &records::folders(&config))? {
            Resolved::Nothing => {
                drop(view);
                return Err(nothing(&config, &mut repo, path.as_bytes(), Exit::Failed));
            }
            Resolved::One(hit) => {
                show(shell, &config, &hit);
                return Ok(Done::with_exit(exit).with("records", 1));
            }
            Resolved::Folder(path) => Some(path),
            Resolved::Many(hits, count) => return Ok(several(shell, &config, &hits, count)),
        },
    };
    let mut count = 0u64;
    let walked = view.ls(within.as_ref(), args.deleted, &mut |hit| {
        if args.recursive || is_child(&hit.path, within.as_ref()) {
            count += 1;
            show(shell, &config, &hit);
        }
        while_read(shell)
    });
    unless_closed(shell, walked)?;
    drop(view);
    let done = Done::with_exit(exit).with("records", count);
    Ok(disposed::taken_from(shell, &repo, &[within], args.when.set.as_deref(), done)?)
}

fn is_child(path: &RecordPath, folder: Option<&RecordPath>) -> bool {
    match (path.parent(), folder) {
        (None, None) => true,
        (Some(parent), Some(folder)) => parent == folder.as_bytes(),
        _ => false,
    }
}

fn show(shell: &Shell, config: &Config, hit: &Hit) {
    shell.out.row(|| records::line(hit, &config.council.timezone), || records::object(hit));
}

/// Several fit: lists them with numbers, touches none.
pub fn several(shell: &Shell, config: &Config, hits: &[Hit], count: u64) -> Done {
    shell.out.note(format!("{} fit; give the whole path of one:", counted(count, "record", "records")));
    for (at, hit) in hits.iter().enumerate() {
        let line = || format!("{:>4}  {}", at + 1, records::line(hit, &config.council.timezone).trim_start());
        shell.out.row(line, || records::object(hit));
    }
    Done::with_exit(Exit::Usage).with("records", count)
}

pub fn find(shell: &Shell, args: &FindArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let mut repo = shell.open(&config)?;
    let which = Which { set: args.set.clone(), ..Which::default() };
    let mut view = View::open(&mut repo, &which)?;
    let exit = remarks(shell, &view);
    let pattern = Pattern::new(&args.name.to_string_lossy());
    let (mut count, mut deleted) = (0u64, 0u64);
    let walked = view.find(&pattern, &mut |hit| {
        count += 1;
        deleted += u64::from(!hit.live);
        show(shell, &config, &hit);
        while_read(shell)
    });
    unless_closed(shell, walked)?;
    drop(view);
    let mut done = Done::with_exit(exit).with("records", count).with("deleted", deleted);
    if count == 0 && !shell.out.is_closed() {
        let disposed = disposed::find(&config, &mut repo, args.name.as_bytes())?;
        disposed::say(shell, &config, &disposed);
        if disposed.is_empty() {
            shell.out.say("Nothing in the backup has such a name, deleted files included.");
            done = done.with("destroyed_without_name", disposed::nameless(shell, &repo)?);
        }
    }
    Ok(done)
}

pub fn history(shell: &Shell, args: &HistoryArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let mut repo = shell.open(&config)?;
    let zone = &config.council.timezone;
    let path = {
        let mut view = View::open(&mut repo, &Which::default())?;
        match view.resolve(args.path.as_bytes(), &records::folders(&config))? {
            Resolved::One(hit) => Some(hit.path),
            Resolved::Folder(path) => Some(path),
            Resolved::Many(hits, count) => return Ok(several(shell, &config, &hits, count)),
            Resolved::Nothing => typed_path(&config, args.path.as_bytes()),
        }
    };
    let versions = path.map(|path| query::history(&mut repo, &path)).transpose()?.unwrap_or_default();
    if versions.is_empty() {
        return Err(nothing(&config, &mut repo, args.path.as_bytes(), Exit::Failed));
    }
    for v in &versions {
        let line = || {
            let (first, last) = (when::shown(v.first.1, zone), when::shown(v.last.1, zone));
            let changed = when::of_record(v.entry.meta.mtime_s, zone);
            let gone = if v.gone { "  [its own snapshots were thinned out]" } else { "" };
            format!(
                "snapshots {:>5} to {:<5}  seen {first} to {last}  {:>12}  changed {changed}  {}{gone}",
                v.first.0.0,
                v.last.0.0,
                size(v.entry.size()),
                v.entry.path
            )
        };
        let object = || {
            let mut object = records::entry_object("version", &v.entry);
            object["set"] = v.set.clone().into();
            object["first"] = json!({"snapshot": v.first.0, "began": v.first.1});
            object["last"] = json!({"snapshot": v.last.0, "began": v.last.1});
            object["thinned"] = v.gone.into();
            object
        };
        shell.out.row(line, object);
    }
    Ok(Done::ok().with("versions", versions.len()))
}

pub fn diff(shell: &Shell, args: &DiffArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let mut repo = shell.open(&config)?;
    let mut counts = [0u64; 4];
    let walked = query::diff(&mut repo, SnapshotId(args.a), SnapshotId(args.b), &mut |change| {
        let (at, mark, word) = match change.kind {
            ChangeKind::Added => (0, '+', "added"),
            ChangeKind::Removed => (1, '-', "removed"),
            ChangeKind::Content => (2, 'M', "content"),
            ChangeKind::Attributes => (3, 'a', "attributes"),
        };
        counts[at] += 1;
        let sizes = |e: &Option<_>| e.as_ref().map(crate::domain::listing::Entry::size);
        let object = || {
            let object = json!({"change": word, "before": sizes(&change.before), "after": sizes(&change.after)});
            about("change", &change.path, object)
        };
        shell.out.row(|| format!("{mark}  {}", change.path), object);
        while_read(shell)
    });
    unless_closed(shell, walked)?;
    let [added, removed, content, attributes] = counts;
    shell.out.say(format!(
        "{added} added, {removed} removed, {content} with other content, {attributes} with other owner, mode or time."
    ));
    Ok(Done::ok().with("added", added).with("removed", removed).with("content", content).with("attributes", attributes))
}
