//! `repair`: says what is damaged and what can be had back, does it, and takes a person's word for what is lost.

use serde_json::{Value, json};

use super::key::shown;
use super::{backup, verify};
use crate::cli::args::RepairArgs;
use crate::cli::failure::Failure;
use crate::cli::output::{Done, add_path};
use crate::cli::shell::Shell;
use crate::cli::telling;
use crate::config::Config;
use crate::domain::id::SnapshotId;
use crate::domain::problem::Exit;
use crate::ops::OpsError;
use crate::ops::repair::{self, Acceptance, Loss, RepairOptions, RepairReport};
use crate::ops::verify::{LossNote, LostRecord, Object};
use crate::repo::repository::Repository;
use crate::service::plain::counted;
use crate::service::runner::Job;
use crate::service::words::JobKind;

/// Losses named one by one; all are in the JSON.
const NAMED: usize = 100;

pub fn run(shell: &Shell, args: &RepairArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let _lock = shell.lock(&config)?;
    let mut repo = shell.open_fresh(&config)?;
    if !args.accept.is_empty() {
        return accept(shell, &mut repo, args);
    }
    let wishes = backup::Wishes::default();
    let sets = config.sets.iter().map(|set| backup::options(&config, set, wishes)).collect();
    let options = RepairOptions { all: args.all, sets };
    let progress = shell.progress();
    let report = if args.yes {
        repair::repair(&mut repo, &options, &progress, &shell.stop)?
    } else {
        repair::preview(&mut repo, &options, &progress, &shell.stop)?
    };
    progress.finish();
    found(shell, &report);
    if report.damaged.is_empty() && report.lost.is_empty() {
        nothing(shell, args, &report);
    } else if args.yes {
        done(shell, &report);
    } else {
        would_do(shell, &report);
    }
    lost(shell, args, &report);
    for (entry, note) in &report.accepted {
        shell.out.row(|| accepted_in_words(*entry, note.as_ref()), || accepted_as_object(*entry, note.as_ref()));
    }
    if args.yes {
        journalled(shell, &config, &report)?;
    }
    Ok(summary(args, &report))
}

/// Writes the backups of a repair down as those of any other command.
fn journalled(shell: &Shell, config: &Config, report: &RepairReport) -> Result<(), Failure> {
    let mut steps = vec![];
    for (set, made) in &report.backups {
        let set = Some(telling::set_name(set)?);
        steps.push(Job { kind: JobKind::Backup, set, run: Box::new(|| backup::outcome(made)) });
    }
    if !steps.is_empty() {
        telling::report(shell, &telling::run_jobs(shell, config, steps)?);
    }
    Ok(())
}

/// What is damaged, object by object.
fn found(shell: &Shell, report: &RepairReport) {
    for damage in &report.damaged {
        shell.out.row(|| shell.out.as_typed(&verify::in_words(damage)), || verify::as_object(damage));
    }
}

fn nothing(shell: &Shell, args: &RepairArgs, report: &RepairReport) {
    if report.sound > 0 {
        shell.out.say(format!(
            "{} called damaged and {} as stored: the log says so now.",
            counted(report.sound, "pack was", "packs were"),
            if report.sound == 1 { "is" } else { "are" }
        ));
    }
    shell.out.say(if args.all {
        "Nothing is damaged: every stored byte was read again."
    } else {
        "Nothing is known to be damaged. Looked at were names, sizes, and what was found damaged before; to read every \
         stored byte again: strongroom repair --all"
    });
    shell.out.say("A reference about damage that is still open is closed by: strongroom verify restore --all");
}

fn pieces(report: &RepairReport) -> Vec<String> {
    let parts = [
        (report.indexes, "index object made again", "index objects made again"),
        (
            report.readable,
            "piece brought over that could still be read",
            "pieces brought over that could still be read",
        ),
        (report.backups.len() as u64, "set backed up again", "sets backed up again"),
        (report.replaced, "damaged pack replaced", "damaged packs replaced"),
    ];
    parts.iter().filter(|(n, ..)| *n > 0).map(|(n, one, many)| counted(*n, one, many)).collect()
}

fn would_do(shell: &Shell, report: &RepairReport) {
    let parts = pieces(report);
    if !parts.is_empty() {
        shell.out.say(format!("A repair would do this: {}.", parts.join(", ")));
    }
    for loss in report.here.iter().take(NAMED) {
        shell.out.row(
            || format!("HERE: {}: it is on this computer as it was, and would be stored again", name(loss)),
            || as_object("here", loss),
        );
    }
    more(shell, &report.here);
    shell.out.say("Nothing was changed. To repair, which deletes nothing: strongroom repair --yes");
}

fn done(shell: &Shell, report: &RepairReport) {
    for (set, why) in &report.not_backed_up {
        shell.out.warn(format!("The set \"{set}\" could not be backed up: {why}"));
    }
    for (set, made) in report.backups.iter().filter(|(_, made)| !made.problems.is_empty()) {
        let items = counted(made.problems.len() as u64, "item", "items");
        shell.out.warn(format!("{items} of \"{}\" could not be backed up.", set));
    }
    let parts = pieces(report);
    shell.out.say(match parts.is_empty() {
        true => "Nothing could be done.".into(),
        false => format!("Done: {}.", parts.join(", ")),
    });
    for damage in &report.left {
        let beyond = matches!(damage.object, Some(Object::Note(_) | Object::Bundle(..)));
        let object = damage.object.map(|o| o.to_string()).unwrap_or_default();
        let advice = if beyond {
            "nothing here can make it again. Bring it back from an older version or another copy of the store"
        } else if report.partly {
            "this computer may not read the backups, or not prune: run strongroom repair --yes where that is allowed"
        } else {
            "it held what is lost. It stays in the store, and nothing deletes it"
        };
        shell.out.warn(format!("{object}: {advice}."));
    }
    if report.lost.is_empty() && report.left.is_empty() {
        shell.out.say(
            "Nothing that was damaged is needed any more. To have all of it tested, which also closes the open reference: \
             strongroom verify restore --all",
        );
    }
}

fn lost(shell: &Shell, args: &RepairArgs, report: &RepairReport) {
    for loss in report.lost.iter().take(if shell.out.is_json() { usize::MAX } else { NAMED }) {
        shell.out.row(|| lost_in_words(loss), || as_object("lost", loss));
    }
    more(shell, &report.lost);
    if report.lost.is_empty() && !(args.yes && only_packs(report)) {
        return;
    }
    let what = match report.lost.iter().map(|l| l.records).sum::<u64>() {
        0 => "What this was".into(),
        n => counted(n, "version of a record", "versions of records"),
    };
    shell.out.warn(if args.yes {
        format!(
            "{what} cannot be restored any more. Is there another copy: on paper, in the mail, in another office? Put it \
             back and run this again. If there is none, say so, which ends the alarm and stays on record: strongroom \
             repair --accept all --by NAME --note TEXT"
        )
    } else {
        format!("{what} could not be restored any more after a repair, as far as can be seen now.")
    });
}

/// Packs are damaged of which nobody can say what was in them.
fn only_packs(report: &RepairReport) -> bool {
    !report.partly && report.left.iter().any(|d| matches!(d.object, Some(Object::Pack(_))))
}

fn more(shell: &Shell, losses: &[Loss]) {
    if losses.len() > NAMED && !shell.out.is_json() {
        shell.out.say(format!("and {} more; --json names them all", losses.len() - NAMED));
    }
}

fn listed(snapshots: &[SnapshotId]) -> String {
    snapshots.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn name(loss: &Loss) -> String {
    match (&loss.path, loss.records) {
        (None, _) => format!("the listing of the set \"{}\"", shown(&loss.set)),
        (Some(path), 1) if loss.entry.is_some() => path.to_string(),
        (Some(path), n) => format!("a page of the listing: {} from {path} on", counted(n, "record", "records")),
    }
}

fn lost_in_words(loss: &Loss) -> String {
    format!("LOST: {}\n  as it is in snapshots {}", name(loss), listed(&loss.snapshots))
}

fn as_object(kind: &str, loss: &Loss) -> Value {
    let mut object = json!({
        "message_type": kind, "set": loss.set, "records": loss.records, "snapshots": loss.snapshots, "live": loss.live,
    });
    if let Some(path) = &loss.path {
        add_path(&mut object, path);
    }
    object
}

fn accepted_in_words(entry: u64, note: Option<&LossNote>) -> String {
    let Some(note) = note else {
        return format!("ACCEPTED (entry {entry}): its note cannot be read here");
    };
    let mut text = format!("ACCEPTED by {} (entry {entry}): {}", shown(&note.by), shown(&note.note));
    for record in note.records.iter().take(NAMED) {
        let path = record.path.as_ref().map_or_else(|| "a whole listing".into(), |p| p.0.to_string());
        let page = if record.records > 1 { format!(" and the {} after it", record.records - 1) } else { String::new() };
        text.push_str(&format!(
            "\n  {path}{page}: cannot be restored any more (snapshots {})",
            listed(&record.snapshots)
        ));
    }
    if note.records.len() > NAMED {
        text.push_str(&format!("\n  and {} more", note.records.len() - NAMED));
    }
    text
}

fn accepted_as_object(entry: u64, note: Option<&LossNote>) -> Value {
    let record = |r: &LostRecord| {
        let mut object = json!({"set": r.set, "records": r.records, "snapshots": r.snapshots});
        if let Some(path) = &r.path {
            add_path(&mut object, &path.0);
        }
        object
    };
    let records: Option<Vec<Value>> = note.map(|n| n.records.iter().map(record).collect());
    json!({
        "message_type": "accepted", "entry": entry, "by": note.map(|n| &n.by), "note": note.map(|n| &n.note),
        "records": records,
    })
}

fn summary(args: &RepairArgs, report: &RepairReport) -> Done {
    let records = |losses: &[Loss]| losses.iter().map(|l| l.records).sum::<u64>();
    Done::with_exit(if args.yes { report.exit() } else { preview_exit(report) })
        .with("objects", report.examined.objects)
        .with("bytes", report.examined.bytes)
        .with("damaged", report.damaged.len())
        .with("indexes", report.indexes)
        .with("pieces", report.readable)
        .with("replaced", report.replaced)
        .with("sound", report.sound)
        .with("here", records(&report.here))
        .with("lost", records(&report.lost))
        .with("left", report.left.len())
        .with("accepted", report.accepted.len())
        .with("repaired", args.yes)
}

/// Before a repair, damage is damage, whatever could be done about it.
fn preview_exit(report: &RepairReport) -> Exit {
    if report.damaged.is_empty() && report.lost.is_empty() { Exit::Done } else { Exit::Damage }
}

fn accept(shell: &Shell, repo: &mut Repository, args: &RepairArgs) -> Result<Done, Failure> {
    let all = args.accept.iter().any(|word| word == "all");
    let packs = if all { vec![] } else { args.accept.clone() };
    let (by, note) = (args.by.clone().unwrap_or_default(), args.note.clone().unwrap_or_default());
    let progress = shell.progress();
    let accepted = match repair::accept(repo, &Acceptance { packs, by, note }, &progress, &shell.stop) {
        Err(OpsError::NotFound(what)) => {
            return Err(Failure::said(Exit::Failed, what, "See what is lost: strongroom repair"));
        }
        other => other?,
    };
    progress.finish();
    for loss in &accepted.losses {
        shell.out.row(|| lost_in_words(loss), || as_object("lost", loss));
    }
    shell.out.say(format!(
        "Accepted (entry {} of the log). This cannot be restored any more; it is no damage from now on, and 'strongroom \
         repair' goes on naming it. To close the open reference: strongroom verify restore --all",
        accepted.entry
    ));
    Ok(Done::ok().with("entry", accepted.entry).with("records", accepted.records).with("packs", accepted.packs))
}
