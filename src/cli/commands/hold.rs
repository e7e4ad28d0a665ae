//! `hold …`: what must be kept whatever the scheme says, until a person releases it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::key::shown;
use super::retention::{can_read, examples, ground, pattern, today};
use crate::cli::args::{HoldCommand, HoldListArgs, PlaceArgs, ReleaseArgs};
use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::when;
use crate::config::Config;
use crate::domain::path::printable;
use crate::domain::pattern::Pattern;
use crate::domain::retention::words::Said;
use crate::ops::retention::hold::{self, Listed, PlaceHold, Touched, Which};
use crate::service::plain::{counted, list as listed};

pub fn run(shell: &Shell, command: HoldCommand) -> Result<Done, Failure> {
    let config = shell.config()?;
    match command {
        HoldCommand::Place(args) => place(shell, &config, &args),
        HoldCommand::Release(args) => release(shell, &config, &args),
        HoldCommand::List(args) => list(shell, &config, &args),
    }
}

fn place(shell: &Shell, config: &Config, args: &PlaceArgs) -> Result<Done, Failure> {
    let today = today(shell, config);
    let patterns: Result<Vec<String>, Failure> = args.patterns.iter().map(|p| pattern(config, p)).collect();
    let options = PlaceHold {
        patterns: patterns?,
        reason: args.reason.clone(),
        by: args.by.clone(),
        review: args.review,
        from: args.from,
        to: args.to,
        today,
    };
    let mut repo = shell.open(config)?;
    // First of all it is in force; what it touches can be counted afterwards.
    let number = hold::place(&mut repo, &options)?;
    shell.out.say(format!(
        "Hold {number} is in force: what it touches is kept, now and in future, until a person releases it."
    ));
    shell.out.say(format!("To be looked at again on {}. It does not end by itself.", Said(args.review)));
    let done = Done::ok().with("hold", number).with("review", args.review.to_string());
    if !repo.can_read() {
        shell.out.note("How many records it touches is not known here: this computer cannot read the backups.");
        return Ok(done);
    }
    let ground = ground(shell, config, &mut repo, today)?;
    let touched = hold::preview(&options, &ground.facts, &config.council.timezone)?;
    shell.out.say(format!("It touches {}.", touches(&touched)));
    let unmatched = hold::unmatched(&options, &ground.facts);
    match (&options.patterns[..], &unmatched[..]) {
        ([_], [_]) => {
            shell.out.warn("Nothing in the backup is called that. Check how it is spelt: strongroom find NAME");
        }
        _ => {
            for typed in &unmatched {
                let shown = printable(typed.as_bytes());
                shell.out.warn(format!(
                    "Nothing in the backup is called '{shown}'. Check how it is spelt: strongroom find NAME"
                ));
            }
        }
    }
    if touched.records == 0 && unmatched.len() < options.patterns.len() {
        shell.out.warn("Records of that name were changed on other days: look at --from and --to");
    }
    let finders: Vec<Pattern> = options.patterns.iter().map(|p| Pattern::new(p)).collect();
    let of_it = ground.facts.records.iter().filter(|r| finders.iter().any(|p| p.matches_within(&r.path)));
    let under_way: BTreeSet<u64> = of_it.filter_map(|r| ground.law.under_way(r)).collect();
    for disposal in under_way {
        shell.out.note(format!(
            "Disposal {disposal} is under way. If records of it must be found or read now, call it off: \
             strongroom retention cancel {disposal} --by NAME --reason TEXT"
        ));
    }
    let done = done.with("records", touched.records).with("live", touched.live);
    Ok(done.with("unmatched", unmatched))
}

fn touches(touched: &Touched) -> String {
    match touched.records {
        0 => "no record yet".into(),
        n if n > touched.examples.len() as u64 => {
            format!("{}, such as {}", counted(n, "record", "records"), examples(&touched.examples))
        }
        n => format!("{}: {}", counted(n, "record", "records"), examples(&touched.examples)),
    }
}

fn release(shell: &Shell, config: &Config, args: &ReleaseArgs) -> Result<Done, Failure> {
    let mut repo = shell.open(config)?;
    let which = match (&args.reason, args.all) {
        (Some(reason), true) => Which::All { reason: reason.clone() },
        (Some(reason), false) => Which::one(reason, &config.council.timezone),
        (None, _) => Which::one(args.hold.clone().unwrap_or_default(), &config.council.timezone),
    };
    let released = hold::release(&mut repo, &which, &args.by, &args.note)?;
    for number in &released {
        shell.out.say(format!("Hold {number} is released. What it kept is decided anew: strongroom retention review"));
    }
    let newest = released.iter().max().copied();
    if repo.state().disposals.iter().any(|d| d.is_open() && Some(d.at) < newest) {
        shell.out.note(
            "A disposal that was approved before the hold does not go on for what the hold kept: call it off and \
             approve it anew (strongroom retention disposals)",
        );
    }
    let done = Done::ok().with("released", released.clone());
    Ok(match released[..] {
        [number] => done.with("hold", number),
        _ => done,
    })
}

fn list(shell: &Shell, config: &Config, args: &HoldListArgs) -> Result<Done, Failure> {
    let (zone, today) = (&config.council.timezone, today(shell, config));
    let mut repo = shell.open(config)?;
    let reads = can_read(&repo).is_ok();
    let open = repo.state().open_holds().count() as u64;
    let ground = if reads && open > 0 { Some(ground(shell, config, &mut repo, today)?) } else { None };
    let all = hold::list(&repo, ground.as_ref().map(|g| &g.facts), zone, today, args.released)?;
    let due = all.iter().filter(|h| h.review_due).count() as u64;
    for one in &all {
        shell.out.row(|| line(one, zone), || object(one));
    }
    if all.is_empty() {
        shell.out.say("Nothing is held.");
    }
    if due > 0 {
        shell.out.say(format!(
            "{} to be looked at again. Still needed: leave it. Over: strongroom hold release NUMBER --by NAME --note TEXT",
            counted(due, "hold is", "holds are")
        ));
    }
    if !reads && !all.is_empty() {
        shell.out.note("What they say is not known here: this computer cannot read the backups.");
    }
    Ok(Done::ok().with("open", open).with("review_due", due))
}

fn line(one: &Listed, zone: &jiff::tz::TimeZone) -> String {
    let placed = when::shown(one.placed, zone);
    let said = match &one.text {
        Some(t) => {
            let patterns: Vec<String> = t.patterns.iter().map(|p| printable(p.as_bytes())).collect();
            let from = t.from.map(|d| format!(", changed from {}", Said(d))).unwrap_or_default();
            let to = t.to.map(|d| format!(", changed to {}", Said(d))).unwrap_or_default();
            format!("{}  (by {})\n        {}{from}{to}", shown(&t.reason), shown(&t.by), listed(&patterns))
        }
        None => "its words cannot be read here, so it keeps everything".into(),
    };
    let state = match (one.released, &one.release) {
        (Some(entry), Some(r)) => format!("released in entry {entry} by {}: {}", shown(&r.by), shown(&r.note)),
        (Some(entry), None) => format!("released in entry {entry}"),
        (None, _) if one.review_due => format!("TO BE LOOKED AT since {}", Said(one.review)),
        (None, _) => format!("to be looked at on {}", Said(one.review)),
    };
    let touched = one.touched.as_ref().map(|t| format!("; touches {}", counted(t.records, "record", "records")));
    format!("{:>6}  placed {placed}  {said}\n        {state}{}", one.at, touched.unwrap_or_default())
}

fn object(one: &Listed) -> Value {
    json!({
        "message_type": "hold", "hold": one.at, "placed": one.placed, "review": one.review,
        "review_due": one.review_due, "text": one.text, "released": one.released, "release": one.release,
        "records": one.touched.as_ref().map(|t| t.records), "live": one.touched.as_ref().map(|t| t.live),
    })
}
