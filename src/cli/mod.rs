//! Floor 5: what a person types and reads. One file a command; only `wiring` asks this computer for anything.

pub mod args;
mod commands;
mod failure;
mod hints;
mod jobs;
mod keyfile;
mod levels;
mod output;
mod progress;
mod qr;
mod sheet;
mod shell;
mod stores;
mod telling;
mod trial;
mod ways;
mod when;
mod wiring;
mod wiring_files;
mod wiring_limits;
mod wiring_owner;
mod wiring_service;
mod wiring_terminal;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser;

use args::Args;
use failure::Failure;
use hints::advice;
use output::{Done, Out};
use shell::Shell;

use crate::domain::problem::Exit;
use crate::ops::Stop;

/// The whole program: from the words typed to the exit code.
pub fn main() -> ExitCode {
    let exit = match Args::try_parse() {
        Ok(args) if matches!(args.command, args::Command::Examine) => commands::examine(),
        Ok(args) => run(args),
        Err(error) => unreadable(&error),
    };
    ExitCode::from(exit as u8)
}

/// Help, version, or words that make no command.
fn unreadable(error: &clap::Error) -> Exit {
    let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
    if exit == Exit::Usage && wiring::asks_for_json() {
        let out = Out::new(true, false, wiring_service::journalled());
        out.error(&hints::Advice { message: error.to_string(), hint: None, exit });
        out.summary(&args::name_in(&wiring::words()), &Done::failed(exit));
    } else {
        // Nobody there to read it is no reason to fail.
        let _ = error.print();
    }
    exit
}

fn run(args: Args) -> Exit {
    let journalled = wiring_service::journalled();
    if journalled.err {
        wiring_service::journal_faults();
    }
    let out = Arc::new(Out::new(args.global.json, args.global.quiet, journalled));
    let name = args.command.name();
    let (stop, stopped, asking) = (Stop::default(), Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let system = |e: std::io::Error| Failure::said(Exit::Failed, format!("the system gives no threads: {e}"), "");
    let ended = wiring::runtime().map_err(system).and_then(|runtime| {
        // A service has signals of its own.
        if !matches!(args.command, args::Command::Serve) {
            wiring::listen(runtime.handle(), &stop, &stopped, &asking).map_err(system)?;
        }
        let shell = Shell {
            globals: args.global,
            out: Arc::clone(&out),
            system: wiring::System::default(),
            env: wiring::env(),
            handle: runtime.handle().clone(),
            stop,
            stopped,
            asking,
        };
        // A fault of the program itself ends in words and a summary, too; the panic's own words stand above them.
        let command = std::panic::AssertUnwindSafe(|| commands::run(&shell, args.command));
        let ended = std::panic::catch_unwind(command).unwrap_or_else(|_| {
            let hint = "Nothing stored is lost. Give the lines above to your provider, who may report them.";
            Err(Failure::said(Exit::Failed, "this is a fault in Strongroom itself", hint))
        });
        hand_back(&shell);
        runtime.shutdown_background();
        ended
    });
    let done = ended.unwrap_or_else(|failure| {
        let advice = advice(&failure);
        out.error(&advice);
        Done::failed(advice.exit)
    });
    out.summary(name, &done);
    match out.failure() {
        // Whoever reads the output has only a part of it: that is no success.
        Some(why) => {
            out.log(levels::Level::Error, &format!("strongroom: {why}"));
            if done.exit == Exit::Done { Exit::Failed } else { done.exit }
        }
        None => done.exit,
    }
}

/// What root made in the service's folders belongs to the service.
fn hand_back(shell: &Shell) {
    if let Ok(config) = shell.config() {
        wiring_owner::hand_back(&config.state_dir);
        if let Some(folder) = stores::folder(&config) {
            wiring_owner::hand_back(folder);
        }
    }
}
