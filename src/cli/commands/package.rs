//! `package-files`: what a package carries that is made from the program itself: manual pages, completions for shells, the
//! configuration's schema. Started by `packaging/deb.sh`.

use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::Shell as Kind;

use crate::cli::args::Args;
use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::config::schema;
use crate::domain::problem::Exit;

/// Writes them into the folder `to`.
pub fn run(shell: &Shell, to: &Path) -> Result<Done, Failure> {
    let failed = |e: std::io::Error| Failure::said(Exit::Failed, format!("{}: {e}", to.display()), "");
    let (man, completions) = (to.join("man"), to.join("completions"));
    for folder in [&man, &completions] {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let command = Args::command();
    clap_mangen::generate_to(command.clone(), &man).map_err(failed)?;
    for kind in [Kind::Bash, Kind::Zsh, Kind::Fish] {
        clap_complete::generate_to(kind, &mut seen(&command), "strongroom", &completions).map_err(failed)?;
    }
    std::fs::write(to.join("council.schema.json"), format!("{:#}\n", schema::schema())).map_err(failed)?;
    let pages = std::fs::read_dir(&man).map_err(failed)?.count();
    shell.out.say(format!("Written: {pages} manual pages, completions for 3 shells, the configuration's schema."));
    Ok(Done::ok().with("pages", pages))
}

/// The program without the commands that people do not type.
fn seen(program: &Command) -> Command {
    let shown = program.get_subcommands().filter(|c| !c.is_hide_set()).cloned();
    let about = program.get_about().cloned().unwrap_or_default();
    let bare = Command::new("strongroom").version(env!("CARGO_PKG_VERSION")).about(about);
    bare.disable_help_subcommand(true).args(program.get_arguments().cloned()).subcommands(shown)
}
