//! `provider access …`: the register of who outside the council may use which key, and until when.

use jiff::civil::Date;
use serde_json::json;

use super::key::shown;
use super::retention::today;
use crate::cli::args::{AccessArgs, AccessCommand, EndArgs, ProviderCommand};
use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::telling::tell_of_retention;
use crate::config::Config;
use crate::ops::access::{self, AccessText, Listed};
use crate::ops::retention::note::WhyNote;
use crate::repo::repository::Repository;
use crate::service::access::{keys_changed, seen};
use crate::service::plain::{counted, date};
use crate::service::retention::News;

pub fn run(shell: &Shell, command: &ProviderCommand) -> Result<Done, Failure> {
    let config = shell.config()?;
    let ProviderCommand::Access(command) = command;
    match command {
        AccessCommand::Add(args) => add(shell, &config, args),
        AccessCommand::End(args) => end(shell, &config, args),
        AccessCommand::List { ended } => list(shell, &config, *ended),
    }
}

fn add(shell: &Shell, config: &Config, args: &AccessArgs) -> Result<Done, Failure> {
    let from = args.from.unwrap_or_else(|| today(shell, config));
    let text = AccessText { who: args.who.clone(), key: args.key.clone(), why: args.why.clone(), by: args.by.clone() };
    let mut repo = shell.open(config)?;
    let number = access::give(&mut repo, &text, from, args.until)?;
    shell.out.say(format!("Entered as number {number}: {} until {}.", shown(args.who.trim()), date(args.until)));
    shell
        .out
        .say("This is a register: it opens nothing, and takes nothing away on that day. People are reminded then.");
    Ok(Done::ok().with("access", number).with("from", from.to_string()).with("until", args.until.to_string()))
}

fn end(shell: &Shell, config: &Config, args: &EndArgs) -> Result<Done, Failure> {
    let on = args.on.unwrap_or_else(|| today(shell, config));
    let mut repo = shell.open(config)?;
    access::end(&mut repo, args.access, on, &args.by, &args.note)?;
    shell.out.say(format!("Entered: access {} ended on {}.", args.access, date(on)));
    Ok(Done::ok().with("access", args.access).with("on", on.to_string()))
}

fn list(shell: &Shell, config: &Config, with_ended: bool) -> Result<Done, Failure> {
    let repo = shell.open(config)?;
    let all = access::list(&repo, today(shell, config))?;
    let (open, overdue) = (all.iter().filter(|a| a.ended.is_none()), all.iter().filter(|a| a.overdue));
    let (open, overdue) = (open.count() as u64, overdue.count() as u64);
    for one in all.iter().filter(|a| with_ended || a.ended.is_none()) {
        shell.out.row(|| line(one), || object(one));
    }
    if open == 0 {
        shell.out.say("Nobody outside the council has access, as far as this register says.");
    }
    if overdue > 0 {
        let n = counted(overdue, "access", "accesses");
        shell.out.say(format!(
            "{n} should have ended. Take the key away, then: strongroom provider access end NUMBER --by NAME --note TEXT"
        ));
    }
    if !repo.can_read() && !all.is_empty() {
        shell.out.note("Who they are is not known here: this computer cannot read the backups.");
    }
    Ok(Done::ok().with("open", open).with("overdue", overdue).with("entries", all.len()))
}

fn line(one: &Listed) -> String {
    let said = match &one.text {
        Some(t) => {
            let (who, key, why, by) = (shown(&t.who), shown(&t.key), shown(&t.why), shown(&t.by));
            format!("{who}: {key}\n        {why} (allowed by {by})")
        }
        None => "its words cannot be read here".into(),
    };
    let end = match (one.ended, &one.end) {
        (Some(on), end) => {
            format!(
                "ended {}{}",
                date(on),
                end.as_ref().map(|e: &WhyNote| format!(" by {}", e.in_words())).unwrap_or_default()
            )
        }
        (None, _) if one.overdue => format!("SHOULD HAVE ENDED on {}", date(one.until)),
        (None, _) => format!("until {}", date(one.until)),
    };
    format!("{:>6}  {said}\n        from {}, {end}", one.at, date(one.from))
}

fn object(one: &Listed) -> serde_json::Value {
    let mut object = json!(one);
    object["message_type"] = "access".into();
    object["access"] = one.at.into();
    object
}

/// Told weekly while an access ends soon or should have ended; and once that the list of keys and computers was changed.
pub fn tell(shell: &Shell, config: &Config, repo: Option<&Repository>) {
    let today: Date = today(shell, config);
    let Some(repo) = repo.filter(|_| config.tells_anyone() && !config.trial) else { return };
    let access = seen(repo.state(), today).map(News::Access);
    let keys = keys_changed(repo.slots(), repo.state(), &repo.own_actors(), shell.env.clock.now()).map(News::Keys);
    let news: Vec<News> = access.into_iter().chain(keys).collect();
    if !news.is_empty() {
        tell_of_retention(shell, config, &news);
    }
}
