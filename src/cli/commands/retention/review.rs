//! `retention review`: what waits for people, each kind under a heading of its own.

use serde_json::{Value, json};

use super::{ground_to_look, must_be_in_force_or_tried, open_to_read, today};
use crate::cli::args::ReviewArgs;
use crate::cli::failure::Failure;
use crate::cli::output::{Done, about, shell_quoted};
use crate::cli::shell::Shell;
use crate::domain::path::{RecordPath, printable};
use crate::domain::retention::trigger::Trigger;
use crate::domain::retention::words::Said;
use crate::ops::retention::plan::Planner;
use crate::ops::retention::register::Register;
use crate::ops::retention::review::{Pile, Waiting, Waits, review};
use crate::service::plain::{counted, number};
use crate::service::words::word;

const PILES: [(Waits, &str); 9] = [
    (Waits::Overdue, "past the longest time their class allows: they should be gone"),
    (Waits::LiveOverdue, "still in the folders though their time is over: delete them there first"),
    (Waits::Dispose, "due to be destroyed, once approved: strongroom retention plan"),
    (Waits::Review, "due, and a person decides or hands them over"),
    (Waits::Live, "due, and still in the folders: delete them there first"),
    (Waits::Held, "under a hold: their time is over, and they stay until it is released: strongroom hold list"),
    (Waits::Reappeared, "in the folders again after they were destroyed or withdrawn: delete them there, or keep them"),
    (Waits::NoDate, "without a day to count from. Whoever knows the day types the line below the name"),
    (Waits::NoClass, "without a class: strongroom retention assign"),
];

pub fn run(shell: &Shell, args: &ReviewArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let mut repo = open_to_read(shell, &config)?;
    let on = today(shell, &config);
    let ground = ground_to_look(shell, &config, &mut repo, on)?;
    must_be_in_force_or_tried(&config, &ground)?;
    let register = Register::load(&repo)?;
    let review = review(&Planner::new(&ground.facts, &ground.law, on), &register, args.most);
    let (mut done, mut all) = (Done::ok(), 0);
    for (waits, words) in PILES {
        let records = review.records(waits);
        all += records;
        done = done.with(&word(&waits).replace('-', "_"), records);
        if let Some(pile) = review.pile(waits) {
            show(shell, waits, words, pile);
        }
    }
    if all == 0 {
        shell.out.say("Nothing waits for anybody.");
    }
    Ok(done)
}

fn show(shell: &Shell, waits: Waits, words: &str, pile: &Pile) {
    let object = || {
        let class = |(id, n): (&Option<String>, &u64)| json!({"class": id, "records": n});
        let classes: Vec<Value> = pile.classes.iter().map(class).collect();
        json!({"message_type": "pile", "waits": waits, "records": pile.records, "classes": classes})
    };
    let heading = || shell.out.as_typed(&format!("{} {words}", counted(pile.records, "record", "records")));
    shell.out.row(heading, object);
    if waits != Waits::NoClass {
        for (class, n) in &pile.classes {
            let class = class.as_deref().unwrap_or("no class");
            shell.out.answer(format!("{:>10}  {class}", number(*n)));
        }
    }
    for one in &pile.listed {
        shell.out.row(|| shell.out.as_typed(&line(waits, one)), || waiting_object(waits, one));
    }
    let more = pile.records.saturating_sub(pile.listed.len() as u64);
    if more > 0 && !pile.listed.is_empty() {
        shell.out.answer(format!("            and {} more: --most {}", number(more), pile.records));
    }
}

fn line(waits: Waits, one: &Waiting) -> String {
    let path = printable(one.path.as_bytes());
    if let Some(trigger) = &one.trigger {
        return format!(
            "            {path}  [counts from {trigger}]\n                {}",
            date_command(&one.path, trigger)
        );
    }
    let since = match (one.overdue_since, one.due) {
        // What is kept on purpose should not be gone.
        (Some(day), _) if matches!(waits, Waits::Overdue | Waits::LiveOverdue) => {
            format!("  [should be gone since {}]", Said(day))
        }
        (_, Some(day)) => format!("  [due since {}]", Said(day)),
        _ => String::new(),
    };
    format!("            {path}{since}")
}

/// What somebody types who knows the day from which a record counts.
pub fn date_command(path: &RecordPath, trigger: &Trigger) -> String {
    let path = shell_quoted(path.as_bytes());
    format!("strongroom retention date {path} --trigger {trigger} --on YYYY-MM-DD --by NAME")
}

fn waiting_object(waits: Waits, one: &Waiting) -> Value {
    let trigger = one.trigger.as_ref();
    about(
        "waiting",
        &one.path,
        json!({
            "waits": waits, "set": one.set, "class": one.class, "disposition": one.disposition, "due": one.due,
            "overdue_since": one.overdue_since, "trigger": trigger.map(ToString::to_string),
            "command": trigger.map(|t| date_command(&one.path, t)),
        }),
    )
}
