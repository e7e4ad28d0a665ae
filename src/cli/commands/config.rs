//! `config …`: an example, and a check of what was written.

use serde_json::json;

use crate::cli::args::ConfigCommand;
use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::{stores, telling};
use crate::config::EXAMPLE;
use crate::config::schema::schema;
use crate::config::scheme::read_scheme;
use crate::service::plain::counted;
use crate::service::words::Role;

pub fn run(shell: &Shell, command: ConfigCommand) -> Result<Done, Failure> {
    match command {
        ConfigCommand::Example => {
            shell.out.row(|| EXAMPLE.trim_end().to_owned(), || json!({"message_type": "example", "text": EXAMPLE}));
            Ok(Done::ok().with("bytes", EXAMPLE.len()))
        }
        ConfigCommand::Check => check(shell),
        ConfigCommand::Schema => {
            let schema = schema();
            let keys = schema["properties"].as_object().map_or(0, serde_json::Map::len);
            shell.out.row(|| format!("{schema:#}"), || json!({"message_type": "schema", "schema": schema}));
            Ok(Done::ok().with("tables", keys))
        }
    }
}

fn check(shell: &Shell) -> Result<Done, Failure> {
    let config = shell.config()?;
    telling::set_names(&config)?;
    // Opening asks nothing of the store but fetches the credentials, so that a missing one is found now.
    if let Some(folder) = stores::folder(&config).filter(|f| !f.is_dir()) {
        shell.out.note(format!("The repository's folder {} is not there yet.", folder.display()));
    } else {
        shell.store(&config)?;
    }
    if let Some(scheme) = &config.scheme {
        read_scheme(scheme, &shell.system)?;
    }
    let mail = shell.mailer(&config)?.is_some();
    let sets = config.sets.len() as u64;
    shell.out.say(format!(
        "The configuration is right: {}, repository {}.",
        counted(sets, "set", "sets"),
        config.repository.url
    ));
    for set in &config.sets {
        for folder in &set.folders {
            let there = folder.path.is_dir();
            let note = if there { "" } else { " (not there now)" };
            shell.out.say(format!("  {}: {} as \"{}\"{note}", set.name, folder.path.display(), folder.name));
        }
    }
    // A repository that cannot be asked now says nothing about the limits.
    if matches!(shell.state(&config).load_machine(), Ok(Some(_)))
        && let Ok(repo) = shell.open(&config)
    {
        super::coverage::refuse_limits(&repo, &config)?;
    }
    if !config.tells_anyone() {
        shell.out.note("Nobody will be told of a failure: there is no [notify.mail].");
    } else if config.ways_to(Role::Clerk).is_empty() {
        shell.out.note(super::notify_test::NOT_THE_CLERK);
    }
    Ok(Done::ok().with("sets", sets).with("mail", mail).with("trial", config.trial))
}
