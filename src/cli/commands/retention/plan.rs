//! `retention plan`: what would be destroyed on a day, with the name to approve it by, and what becomes of the rest.
//!
//! For people only the records that would go are named; `--json` and `--csv` name every record.

use std::io::{BufWriter, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::Date;
use serde_json::json;

use super::files::{create, csv_line, unwritable};
use super::review::date_command;
use super::scheme::in_words;
use super::{Ground, ground_to_look, must_be_in_force_or_tried, open_to_read, today};
use crate::cli::args::PlanArgs;
use crate::cli::failure::Failure;
use crate::cli::output::{Done, about};
use crate::cli::shell::Shell;
use crate::domain::path::RecordPath;
use crate::domain::retention::trigger::Trigger;
use crate::domain::retention::words::Said;
use crate::ops::OpsError;
use crate::ops::retention::plan::{Counts, PlanReport, Planner, Row};
use crate::ops::retention::register::Register;
use crate::ops::retention::review::{Waits, no_date, waits};
use crate::repo::error::RepoError;
use crate::service::plain::{counted, number, size};
use crate::service::words::word;

/// So many records that are still in the folders are named.
const MOST_LIVE: usize = 20;
/// So many without a day to count from.
const MOST_NO_DATE: usize = 5;

const COLUMNS: [&str; 7] = ["path", "path_b64", "set", "class", "disposition", "due", "reasons"];

pub fn run(shell: &Shell, args: &PlanArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let mut repo = open_to_read(shell, &config)?;
    let today = today(shell, &config);
    let on = args.on.unwrap_or(today);
    let ground = ground_to_look(shell, &config, &mut repo, on)?;
    must_be_in_force_or_tried(&config, &ground)?;
    if let Some(in_force) = &ground.law.in_force {
        shell.out.say(in_words(&in_force.state));
    }
    let mut table = args.csv.as_deref().map(Table::new).transpose()?;
    let planner = Planner::new(&ground.facts, &ground.law, on);
    let register = Register::load(&repo)?;
    let (mut written, mut named) = (Ok(()), Named::default());
    let report = planner.plan(&repo.state().repository, &mut |row| {
        shell.stop.check()?;
        show(shell, row);
        named.note(row, on, &register);
        if let (Some(table), Ok(())) = (&mut table, &written) {
            written = table.row(row);
        }
        if shell.out.is_closed() && table.is_none() { Err(RepoError::Interrupted.into()) } else { Ok(()) }
    });
    let report = match report {
        // Whoever read it has read enough.
        Err(OpsError::Repo(RepoError::Interrupted)) if shell.out.is_closed() && !shell.stop.is_set() => {
            return Ok(Done::ok());
        }
        other => other?,
    };
    written?;
    if let Some(table) = table {
        table.finish()?;
    }
    sum_up(shell, &ground, &report, &named, today);
    Ok(done(&report).with("trial", ground.tried.is_some()))
}

/// The fields of an issue's line, and nothing else.
pub fn object(row: &Row<'_>) -> serde_json::Value {
    let d = &row.decision;
    let object = json!({"class": d.class, "disposition": d.disposition, "due": d.due, "reasons": reasons(row)});
    about("record", &row.record.path, object)
}

/// Why, in plain words.
pub fn reasons(row: &Row<'_>) -> Vec<String> {
    let under_way = row.under_way.map(|n| format!("approved already: disposal {n}"));
    row.decision.reasons.iter().map(ToString::to_string).chain(under_way).collect()
}

fn show(shell: &Shell, row: &Row<'_>) {
    if shell.out.is_json() {
        return shell.out.object(object(row));
    }
    if row.is_offered() {
        let d = &row.decision;
        let due = d.due.map(|due| Said(due).to_string()).unwrap_or_default();
        let class = d.class.as_deref().unwrap_or_default();
        shell.out.answer(format!("{due:<18}{class:<28}{:>12}  {}", size(row.record.size), row.record.path));
    }
}

/// A table that is being written; one that is not finished goes away again.
struct Table<'a> {
    path: &'a Path,
    file: BufWriter<std::fs::File>,
    finished: bool,
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        if !self.finished {
            let _ = std::fs::remove_file(self.path);
        }
    }
}

impl<'a> Table<'a> {
    fn new(path: &'a Path) -> Result<Self, Failure> {
        let mut table = Self { path, file: BufWriter::new(create(path)?), finished: false };
        table.line(&COLUMNS)?;
        Ok(table)
    }

    fn row(&mut self, row: &Row<'_>) -> Result<(), Failure> {
        let (d, path) = (&row.decision, &row.record.path);
        let text = String::from_utf8_lossy(path.as_bytes());
        let bytes = if path.as_text().is_none() { STANDARD.encode(path.as_bytes()) } else { String::new() };
        let due = d.due.map(|d| d.to_string()).unwrap_or_default();
        let (class, reasons) = (d.class.as_deref().unwrap_or_default(), reasons(row).join("; "));
        self.line(&[&text, &bytes, &row.record.set, class, &word(&d.disposition), &due, &reasons])
    }

    fn line(&mut self, cells: &[&str]) -> Result<(), Failure> {
        self.file.write_all(csv_line(cells).as_bytes()).map_err(|e| unwritable(self.path, &e))
    }

    fn finish(mut self) -> Result<(), Failure> {
        let flushed = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        self.finished = flushed.is_ok();
        flushed.map_err(|e| unwritable(self.path, &e))
    }
}

/// Records that are not in the plan and that people can do something about, by name.
#[derive(Default)]
struct Named {
    live: Vec<RecordPath>,
    more_live: u64,
    no_date: Vec<(RecordPath, Trigger)>,
    more_no_date: u64,
}

impl Named {
    fn note(&mut self, row: &Row<'_>, on: Date, register: &Register) {
        let path = || row.record.path.clone();
        match (waits(row, on, register), no_date(&row.decision)) {
            (Some(Waits::Live | Waits::LiveOverdue), _) if self.live.len() < MOST_LIVE => self.live.push(path()),
            (Some(Waits::Live | Waits::LiveOverdue), _) => self.more_live += 1,
            (Some(Waits::NoDate), Some(trigger)) if self.no_date.len() < MOST_NO_DATE => {
                self.no_date.push((path(), trigger.clone()));
            }
            (Some(Waits::NoDate), _) => self.more_no_date += 1,
            _ => {}
        }
    }

    fn say(&self, shell: &Shell) {
        let more = |n: u64| {
            if n > 0 {
                shell.out.say(format!("    and {} more: strongroom retention review", number(n)));
            }
        };
        if !self.live.is_empty() {
            shell.out.say("Due, and still in the folders. Delete them there, and the next run sees it:");
        }
        for path in &self.live {
            shell.out.say(format!("    {path}"));
        }
        more(self.more_live);
        if !self.no_date.is_empty() {
            shell.out.say("Without a day to count from, so kept. Whoever knows the day types:");
        }
        for (path, trigger) in &self.no_date {
            shell.out.say(format!("    {}", date_command(path, trigger)));
        }
        more(self.more_no_date);
    }
}

fn sum_up(shell: &Shell, ground: &Ground, report: &PlanReport, named: &Named, today: Date) {
    let out = &shell.out;
    let (c, on) = (&report.counts, report.plan.on);
    let records = |n| counted(n, "record", "records");
    out.say(format!("Of {} on {}:", records(c.records), Said(on)));
    for (n, words) in lines(c) {
        if n > 0 {
            out.say(format!("{:>12}  {words}", number(n)));
        }
    }
    named.say(shell);
    if let Some(incident) = report.incident {
        out.warn(format!(
            "Incident {incident} is open, so nothing can be approved: very many records changed at once, or documents \
             turned into something else."
        ));
    }
    if let Some(next) = ground.law.next.as_ref().filter(|n| n.state.in_force > on) {
        out.say(format!("Another scheme is adopted and counts from {}.", Said(next.state.in_force)));
    }
    if report.plan.records.is_empty() {
        return out.say("There is nothing to approve.");
    }
    out.answer(format!("Plan {}: {}, {}.", report.id, records(c.dispose), size(report.plan.bytes())));
    if ground.tried.is_some() {
        return out.say("This is a trial: it shows what would be due, and cannot be approved.");
    }
    if on > today {
        return out.say("That day is still to come: this shows what would be due then, and cannot be approved.");
    }
    let minute = if report.needs_council { " --minute REF" } else { "" };
    if report.needs_council {
        out.say("Some of them may go only by a decision of the council: name its minute.");
    }
    out.say(format!(
        "Read the list. To approve exactly this: strongroom retention approve {} --by NAME{minute}",
        report.id
    ));
}

fn lines(c: &Counts) -> [(u64, &'static str); 7] {
    [
        (c.retain, "kept"),
        (c.held, "kept by a hold"),
        (c.live, "due, and still in the folders: somebody must delete them there first"),
        (c.review, "due, and a person decides (strongroom retention review)"),
        (c.dispose, "due to be destroyed, and named above"),
        (c.under_way, "approved already (strongroom retention disposals)"),
        (c.overdue, "of these are past the longest time their class allows"),
    ]
}

fn done(report: &PlanReport) -> Done {
    let c = &report.counts;
    Done::ok()
        .with("plan", report.id.to_string())
        .with("digest", report.digest.to_hex())
        .with("on", report.plan.on.to_string())
        .with("scheme", report.plan.scheme_at)
        .with("records", c.records)
        .with("retain", c.retain)
        .with("held", c.held)
        .with("live", c.live)
        .with("review", c.review)
        .with("dispose", c.dispose)
        .with("under_way", c.under_way)
        .with("overdue", c.overdue)
        .with("classed", c.classed)
        .with("datable", c.datable)
        .with("bytes", report.plan.bytes())
        .with("needs_council", report.needs_council)
        .with("incident", report.incident)
        .with("unreadable_notes", report.unreadable_notes)
}
