//! `log`: what was signed, by whom and when.

use serde_json::json;

use super::key::shown;
use crate::cli::args::LogArgs;
use crate::cli::failure::Failure;
use crate::cli::keyfile;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::config::Config;
use crate::domain::log::entry::{Body, Entry, Incident, IncidentKind};
use crate::domain::log::state::{Slot, State, VoidWhy};
use crate::domain::problem::Exit;
use crate::repo::repository::Repository;
use crate::service::plain::{counted, size};

pub fn run(shell: &Shell, args: &LogArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    if let Some(n) = args.step_over {
        return step_over(shell, &config, n, args);
    }
    let repo = if args.verify { shell.open_fresh(&config)? } else { shell.open(&config)? };
    let state = repo.state();
    let zone = &config.council.timezone;
    for slot in repo.slots() {
        if shell.out.is_closed() {
            break;
        }
        let void = state.voids.iter().find(|(n, _)| *n == slot.n).map(|(_, why)| *why);
        let line = || match &slot.body {
            Some(body) => {
                let time = body.time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
                let mark = void.map(|w| format!("  VOID: {}", why(w))).unwrap_or_default();
                format!(
                    "{:>6}  {time}  {:<18}  {}  {}{mark}",
                    slot.n,
                    who(state, body),
                    body.entry.name(),
                    what(&body.entry)
                )
            }
            None => format!("{:>6}  VOID: {}", slot.n, why(VoidWhy::Unreadable)),
        };
        shell.out.row(line, || object(slot, void));
    }
    let entries = repo.slots().len();
    let voids = state.voids.len();
    if args.verify {
        shell.out.say(format!(
            "Read {} from the store: every link and signature is right{}.",
            counted(entries as u64, "entry", "entries"),
            if voids == 0 { String::new() } else { format!(", and {voids} of them are void") }
        ));
    }
    shell.out.say(format!("Check number of entry {}: {}", state.next - 1, state.link));
    let exit = if args.verify && voids > 0 { Exit::Damage } else { Exit::Done };
    Ok(Done::with_exit(exit)
        .with("entries", entries)
        .with("void", voids)
        .with("link", state.link.to_hex())
        .with("repository", state.repository.to_hex())
        .with("verified", args.verify))
}

/// Says in the log, with the recovery sheet's key, that the slots up to `n` hold no entry.
fn step_over(shell: &Shell, config: &Config, n: u64, args: &LogArgs) -> Result<Done, Failure> {
    let pinned = shell.state(config).load_machine()?.and_then(|m| m.repository);
    let given = keyfile::given(shell, args.recovery_key_file.as_deref())?;
    let id = keyfile::repository_of(pinned, None, &given)?;
    let store = shell.store(config)?;
    let mut repo = Repository::open_stepping_over(store, &given.identity, id, shell.env.clone(), n.saturating_add(1))?;
    let newest = repo.state().next.saturating_sub(1);
    let junk = repo.slots().iter().rev().take_while(|s| s.body.is_none()).count() as u64;
    if junk == 0 || newest != n {
        let what =
            format!("entry {n} is not the newest of the log, or it is a real one: there is nothing to step over");
        return Err(Failure::usage(what, "Look at the log first: strongroom log --verify"));
    }
    let incident = Incident { what: IncidentKind::VoidEntry, snapshot: None, counts: vec![n, junk] };
    let at = repo.append(|_| Ok(Some(Entry::Incident(incident.clone()))))?;
    shell.out.say(format!(
        "{} stepped over. Every computer goes on from here by itself. Somebody can write into your store: change its keys.",
        counted(junk, "entry that is none was", "entries that are none were")
    ));
    Ok(Done::with_exit(Exit::Done).with("stepped_over", junk).with("entry", at))
}

fn who(state: &State, body: &Body) -> String {
    if body.actor == state.created.root {
        return "recovery sheet".into();
    }
    state.actors.get(&body.actor).map_or_else(|| body.actor.short(), |(a, ..)| shown(&a.name))
}

fn why(void: VoidWhy) -> &'static str {
    match void {
        VoidWhy::Unreadable => "its bytes are no entry",
        VoidWhy::Misplaced => "it belongs elsewhere",
        VoidWhy::UnknownActor => "nobody who may append",
        VoidWhy::Revoked => "its author was cut off",
        VoidWhy::WrongRole => "its author may not say this",
        VoidWhy::Impossible => "it contradicts what stands before it",
    }
}

fn what(entry: &Entry) -> String {
    match entry {
        Entry::Stored(s) => {
            let bytes = s.packs.iter().map(|p| p.size).sum();
            format!("{}, {}", counted(s.packs.len() as u64, "pack", "packs"), size(bytes))
        }
        Entry::Snapshot(s) => {
            let partial = if s.problems > 0 { format!(", {} problems", s.problems) } else { String::new() };
            format!("\"{}\": {}, {}{partial}", shown(&s.set), counted(s.files, "file", "files"), size(s.bytes))
        }
        Entry::Tested(t) => format!("{}, {} failed", counted(t.documents, "document", "documents"), t.failed),
        Entry::Thinned { snapshots, rule } => {
            format!("{}, keeping {}", counted(snapshots.len() as u64, "snapshot", "snapshots"), shown(rule))
        }
        Entry::Condemned { packs, .. } | Entry::Swept { packs, .. } => counted(packs.len() as u64, "pack", "packs"),
        Entry::Quarantined { packs, indexes } => {
            let packs = counted(packs.count() as u64, "pack", "packs");
            format!("{packs}, {}", counted(indexes.len() as u64, "index object", "index objects"))
        }
        Entry::LossAccepted { packs, records, .. } => {
            let packs = counted(packs.count() as u64, "pack", "packs");
            format!("{}, {packs}", counted(*records, "version of a record", "versions of records"))
        }
        Entry::DocumentsAccepted { documents, .. } => counted(*documents, "document", "documents"),
        Entry::KeyholderAdded(k) => format!("'{}'", shown(&k.holder.name)),
        Entry::ActorAdded(a) => format!("'{}'", shown(&a.name)),
        Entry::ActorRevoked { actor, from } => format!("{} from entry {from}", actor.short()),
        Entry::Epoch(e) => e.number.to_string(),
        Entry::IncidentResolved { incident, by, note } => format!("{incident} by {}: {}", shown(by), shown(note)),
        Entry::SchemeAdopted(s) => {
            format!("minute {} of {}, in force from {}", shown(&s.minute), s.on, s.in_force)
        }
        Entry::HoldPlaced { review, .. } => format!("to be looked at again on {review}"),
        Entry::HoldReleased { hold, .. } => format!("of entry {hold}"),
        Entry::DisposalApproved(d) => {
            format!("plan {}: {}, {}", shown(&d.plan), counted(d.records, "record", "records"), size(d.bytes))
        }
        Entry::DisposalCancelled { approval, .. } => format!("approved by entry {approval}"),
        Entry::DisposalWithdrawn(d) => {
            format!("approved by entry {}{}", d.approval, if d.urgent { ", urgent" } else { "" })
        }
        Entry::Relisted { approval, roots } => {
            let snapshots = counted(roots.len() as u64, "snapshot", "snapshots");
            format!("{snapshots} without what entry {approval} approved")
        }
        Entry::DisposalDone { approval, .. } => format!("approved by entry {approval}"),
        Entry::Journal(page) => counted(page.lines, "line", "lines"),
        Entry::AccessGiven(given) => format!("from {} until {}", given.from, given.until),
        Entry::AccessEnded(ended) => format!("that entry {} gave, on {}", ended.access, ended.on),
        Entry::Restored { files, bytes, .. } => format!("{}, {}", counted(*files, "file", "files"), size(*bytes)),
        other => examined(other),
    }
}

/// What an examination showed.
fn examined(entry: &Entry) -> String {
    match entry {
        Entry::Drilled(d) => {
            let wrong = if d.failed == 0 { String::new() } else { format!(", {} did not come back", d.failed) };
            format!("{}, {} in {} s{wrong}", counted(d.files, "file", "files"), size(d.bytes), d.seconds)
        }
        Entry::KeyDrilled(k) => {
            let wrong = if k.failed == 0 { String::new() } else { format!(", {} failed", k.failed) };
            format!(
                "key of {}: {}, {}{wrong}",
                k.keyholder.short(),
                counted(k.documents, "document", "documents"),
                size(k.bytes)
            )
        }
        Entry::Checked(c) => format!("{}, {} failed", counted(c.objects, "object", "objects"), c.failed),
        Entry::Scrubbed(s) => {
            let objects = counted(s.objects, "object", "objects");
            format!("{objects}, {}, {} failed, {} left", size(s.bytes), s.failed, s.left)
        }
        Entry::Opened(o) => {
            let bad = o.damaged + o.not_its_name;
            format!("{} sound, {bad} not any more, {} never", counted(o.sound, "document", "documents"), o.never_sound)
        }
        Entry::StoreTested(t) => {
            let (broken, unproved) = (t.broken().count(), t.unproved().count());
            format!("{} looked at, {broken} not as claimed, {unproved} not shown", t.seen.len())
        }
        _ => String::new(),
    }
}

fn object(slot: &Slot, void: Option<VoidWhy>) -> serde_json::Value {
    let (link, void) = (slot.link, void.map(why));
    json!({"message_type": "entry", "n": slot.n, "link": link, "void": void, "body": slot.body})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{ChunkId, Digest, NoteName, SnapshotId};
    use crate::domain::log::rulings::{DisposalApproved, DisposalWithdrawn, Relisting, SchemeAdopted};
    use jiff::civil::date;

    #[test]
    fn rulings_are_said_in_words_and_without_names() {
        let note = NoteName::new([7; 32]);
        let (digest, minute) = (Digest::new([8; 32]), String::from("7c\x1b[2J"));
        let (on, in_force) = (date(2026, 3, 17), date(2026, 4, 14));
        let plan = DisposalApproved { plan: "2026-11-22-3f9a2c41".into(), note, records: 142, bytes: 3 << 20 };
        let new = Relisting { snapshot: SnapshotId(3), root: ChunkId::new([1; 32]), needs: Default::default() };
        let withdrawn = DisposalWithdrawn { approval: 9, urgent: true, register: note, note: None };
        for (entry, words) in [
            (Entry::SchemeAdopted(SchemeAdopted { note, digest, minute, on, in_force }), "in force from 2026-04-14"),
            (Entry::TriggerDated { note }, ""),
            (Entry::HoldPlaced { note, review: in_force }, "to be looked at again on 2026-04-14"),
            (Entry::HoldReleased { hold: 5, note }, "of entry 5"),
            (Entry::DisposalApproved(plan), "plan 2026-11-22-3f9a2c41: 142 records, 3"),
            (Entry::DisposalCancelled { approval: 9, note }, "approved by entry 9"),
            (Entry::DisposalWithdrawn(withdrawn), "approved by entry 9, urgent"),
            (Entry::Relisted { approval: 9, roots: vec![new] }, "1 snapshot without what entry 9 approved"),
            (Entry::DisposalDone { approval: 9, certificate: note }, "approved by entry 9"),
        ] {
            let said = what(&entry);
            assert!(said.contains(words) && !said.contains('\x1b'), "{said}");
            assert!(entry.name().len() <= 18, "{} does not fit its column", entry.name());
        }
    }
}
