//! `retention why`: the reasons of one record.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

use super::{ground_to_look, open_to_read, today};
use crate::cli::args::WhyArgs;
use crate::cli::commands::disposed::nothing;
use crate::cli::commands::key::shown;
use crate::cli::commands::look::several;
use crate::cli::commands::records;
use crate::cli::failure::Failure;
use crate::cli::output::{Done, about};
use crate::cli::shell::Shell;
use crate::cli::when;
use crate::domain::path::RecordPath;
use crate::domain::problem::Exit;
use crate::domain::retention::reason::Reason;
use crate::domain::retention::scheme::Approver;
use crate::domain::retention::words::Said;
use crate::ops::OpsError;
use crate::ops::query::{Resolved, View, Which};
use crate::ops::retention::plan::Planner;
use crate::ops::retention::why::{Next, Other, Why, explain, why as by_name};
use crate::service::plain::counted;
use crate::service::words::word;

/// Snapshots that are named; more are counted.
const MOST_SNAPSHOTS: usize = 12;

pub fn why(shell: &Shell, args: &WhyArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let mut repo = open_to_read(shell, &config)?;
    let typed = args.path.as_bytes();
    let resolved = View::open(&mut repo, &Which::default())?.resolve(typed, &records::folders(&config))?;
    let on = args.on.unwrap_or_else(|| today(shell, &config));
    let path = match resolved {
        Resolved::Many(hits, count) => return Ok(several(shell, &config, &hits, count)),
        Resolved::One(hit) => Some(hit.path),
        Resolved::Folder(path) => {
            let ground = ground_to_look(shell, &config, &mut repo, on)?;
            return Ok(folder(shell, &Planner::new(&ground.facts, &ground.law, on), &path));
        }
        Resolved::Nothing => None,
    };
    let ground = ground_to_look(shell, &config, &mut repo, on)?;
    let planner = Planner::new(&ground.facts, &ground.law, on);
    let at = |path: &RecordPath| -> Vec<Why> {
        let numbers = ground.facts.records.iter().enumerate().filter(|(_, r)| r.path == *path).map(|(n, _)| n);
        numbers.map(|n| explain(&planner, repo.state(), n)).collect()
    };
    let found = match path.as_ref().map(at).filter(|found| !found.is_empty()) {
        Some(found) => found,
        // Listings of older snapshots may know what the newest do not.
        None => match by_name(&planner, repo.state(), &String::from_utf8_lossy(typed)) {
            // The register may.
            Err(OpsError::NotFound(_)) => return Err(nothing(&config, &mut repo, typed, Exit::Usage)),
            other => other?,
        },
    };
    for one in &found {
        shell.out.row(|| shell.out.as_typed(&in_words(one, &config.council.timezone)), || object(one));
    }
    Ok(Done::ok().with("records", found.len()).with("on", on.to_string()))
}

/// A folder: what becomes of all that lies in it, counted.
fn folder(shell: &Shell, planner: &Planner<'_>, path: &RecordPath) -> Done {
    let mut piles: BTreeMap<(Option<String>, String), (u64, RecordPath)> = BTreeMap::new();
    let mut records = 0u64;
    for row in planner.rows().filter(|row| row.record.path.is_within(path.as_bytes())) {
        records += 1;
        let key = (row.decision.class, word(&row.decision.disposition));
        piles.entry(key).or_insert((0, row.record.path.clone())).0 += 1;
    }
    for ((class, disposition), (count, example)) in &piles {
        let line = || {
            let class = class.as_deref().unwrap_or("no class");
            format!("{:>10}  {class:<28}{disposition:<10}such as {example}", crate::service::plain::number(*count))
        };
        let object = || {
            let object = json!({"class": class, "disposition": disposition, "records": count});
            about("pile", example, object)
        };
        shell.out.row(line, object);
    }
    shell.out.say(format!(
        "{path} is a folder with {}. Name one of them to be told why.",
        counted(records, "record", "records")
    ));
    Done::ok().with("records", records)
}

fn in_words(why: &Why, zone: &jiff::tz::TimeZone) -> String {
    let (d, record) = (&why.decision, &why.record);
    let state = match (record.unreadable, record.live) {
        (true, _) => "could not be read in the newest backup".to_owned(),
        (_, true) => "in the folders now".to_owned(),
        _ => record.last_seen.map_or("gone".into(), |at| format!("gone, last seen {}", when::shown(at, zone))),
    };
    let mut lines = vec![format!("{}  (set {}, {state})", record.path, shown(&record.set))];
    let mut add = |name: &str, text: String| lines.push(format!("  {name:<12}{text}"));
    match (&why.class, &d.matched) {
        (Some(class), matched) => {
            let by = matched.as_ref().map(|m| format!(", by {m}")).unwrap_or_default();
            add("class", format!("{}: {}{by}", class.id, class.title));
            let strength = class.strength.map(|s| format!(" ({s})")).unwrap_or_default();
            let authority = if class.authority.is_empty() { "none is given" } else { &class.authority };
            add("authority", format!("{authority}{strength}"));
            let from = d.dated.as_ref().map_or("no date is known".to_owned(), ToString::to_string);
            add("counts from", format!("{}: {from}", class.trigger));
            let ends = d.minimum_ends.map(|e| format!(", to {}", Said(e))).unwrap_or_default();
            add("minimum", format!("{}{ends}", class.minimum));
            if let Some(ceiling) = class.ceiling {
                let from = why.ceiling.map(|c| format!(", overdue from {}", Said(c))).unwrap_or_default();
                add("ceiling", format!("{ceiling}{from}"));
            }
        }
        (None, _) => add("class", "none".into()),
    }
    for hold in &why.holds {
        let reason = hold.readable.as_ref().map_or("its note cannot be read".into(), |t| shown(&t.reason));
        add("hold", format!("{}: {reason}; to be looked at on {}", hold.at, Said(hold.review)));
    }
    others(&mut add, "became", &why.moved_to);
    others(&mut add, "was", &why.moved_from);
    add("kept in", snapshots(why, zone));
    // What the lines above say is not said twice.
    let said = |r: &&Reason| matches!(r, Reason::Classed { .. } | Reason::Counts { .. });
    for reason in d.reasons.iter().filter(|r| !said(r)) {
        add("because", reason.to_string());
    }
    add("decision", format!("{}; {}", word(&d.disposition), next(&why.next)));
    lines.join("\n")
}

fn others(add: &mut impl FnMut(&str, String), name: &str, all: &[Other]) {
    for other in all {
        let live = if other.live { "in the folders now" } else { "gone" };
        add(name, format!("{} (set {}, {live})", other.path, shown(&other.set)));
    }
}

fn snapshots(why: &Why, zone: &jiff::tz::TimeZone) -> String {
    let named = why.snapshots.iter().rev().take(MOST_SNAPSHOTS);
    let all: Vec<String> = named.map(|(id, began)| format!("{id} of {}", when::shown(*began, zone))).collect();
    let more = why.snapshots.len().saturating_sub(MOST_SNAPSHOTS);
    let rest = if more > 0 { format!(" and {more} older") } else { String::new() };
    format!("{}: {}{rest}", counted(why.snapshots.len() as u64, "snapshot", "snapshots"), all.join(", "))
}

/// What happens next, in words.
fn next(next: &Next) -> String {
    match next {
        Next::Kept => "it is kept".into(),
        Next::DueOn(day) => format!("due on {}", Said(*day)),
        Next::HoldReview(hold, day) => format!("hold {hold} is to be looked at on {}", Said(*day)),
        Next::LiveSide => "somebody must delete it in its folder first".into(),
        Next::Decide => "a person decides".into(),
        Next::Approve(Approver::None) => "the plan names it; its class lets it go without a person".into(),
        Next::Approve(who) => format!("the plan names it; it waits for approval by the {who}"),
        Next::UnderWay(approval) => {
            format!("it is approved to go, by disposal {approval}: strongroom retention disposals")
        }
    }
}

fn object(why: &Why) -> Value {
    let (d, record) = (&why.decision, &why.record);
    let other = |o: &Other| about("other", &o.path, json!({"set": o.set, "live": o.live}));
    let holds: Vec<Value> = why
        .holds
        .iter()
        .map(|h| json!({"hold": h.at, "reason": h.readable.as_ref().map(|t| &t.reason), "review": h.review}))
        .collect();
    let snapshots: Vec<Value> =
        why.snapshots.iter().map(|(id, began)| json!({"snapshot": id, "began": began})).collect();
    let class = why.class.as_ref();
    about(
        "record",
        &record.path,
        json!({
            "class": d.class, "disposition": d.disposition, "due": d.due, "reasons": d.reasons, "set": &*record.set,
            "live": record.live, "unreadable": record.unreadable, "last_seen": record.last_seen,
            "matched": d.matched, "trigger": class.map(|c| c.trigger.to_string()), "dated": d.dated,
            "minimum": class.map(|c| c.minimum.to_string()), "minimum_ends": d.minimum_ends,
            "ceiling": class.and_then(|c| c.ceiling).map(|c| c.to_string()), "overdue_from": why.ceiling,
            "authority": class.map(|c| &c.authority), "approver": d.approver, "holds": holds, "snapshots": snapshots,
            "moved_to": why.moved_to.iter().map(other).collect::<Vec<_>>(),
            "moved_from": why.moved_from.iter().map(other).collect::<Vec<_>>(), "next": next(&why.next),
        }),
    )
}
