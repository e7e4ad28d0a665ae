//! `retention draft`, `lint` and `classes`: the scheme as a text, and what can be said of it.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{ground, must_be_in_force, open_to_read, today};
use crate::cli::args::{ClassesArgs, LintArgs};
use crate::cli::failure::Failure;
use crate::cli::output::{Done, shell_quoted};
use crate::cli::shell::Shell;
use crate::cli::trial::SCHEME;
use crate::config::scheme::{DRAFT, parse_scheme, read_scheme};
use crate::config::{Config, ConfigError, Environment};
use crate::domain::id::Digest;
use crate::domain::log::ruled::SchemeState;
use crate::domain::problem::Exit;
use crate::domain::retention::lint::{Finding, Severity, lint as look_at};
use crate::domain::retention::scheme::{Approver, Class, Scheme};
use crate::domain::retention::words::Said;
use crate::ops::retention::adopt::lint as look_with_records;
use crate::service::plain::counted;
use crate::service::words::word;

pub fn draft(shell: &Shell) -> Result<Done, Failure> {
    shell.out.row(|| DRAFT.trim_end().to_owned(), || json!({"message_type": "scheme", "text": DRAFT}));
    Ok(Done::ok().with("bytes", DRAFT.len()))
}

/// The scheme's file, as council.toml names it.
///
/// # Errors
/// It names none.
pub fn file_of(config: &Config) -> Result<PathBuf, Failure> {
    config.scheme.clone().ok_or_else(|| {
        if config.trial {
            return Failure::usage("this trial has no retention scheme to try", hint_of_trial(config));
        }
        let hint = "Begin with the draft: strongroom retention draft > /etc/strongroom/scheme.toml\nThen add to \
                    council.toml:\n[retention]\nscheme = \"/etc/strongroom/scheme.toml\"";
        Failure::usage("council.toml names no retention scheme", hint)
    })
}

/// Where a trial finds a scheme.
pub fn hint_of_trial(config: &Config) -> String {
    let home = config.state_dir.parent().unwrap_or(&config.state_dir);
    let file = shell_quoted(home.join(SCHEME).as_os_str().as_encoded_bytes());
    format!(
        "Begin with the draft: strongroom retention draft > {file}\nThere it is found by itself. Give folders to classes \
         (strongroom retention assign), then: strongroom retention plan"
    )
}

/// A scheme's file as it is now.
pub struct OnDisk {
    pub text: String,
    pub scheme: Scheme,
    pub digest: Digest,
}

/// Reads the scheme's file.
///
/// # Errors
/// It cannot be read, or something in it is wrong.
pub fn on_disk(shell: &Shell, file: &Path) -> Result<OnDisk, Failure> {
    // What is wrong with the file itself is said as for any other.
    let checked = read_scheme(file, &shell.system)?;
    let unreadable = |e: std::io::Error| ConfigError::Unreadable {
        what: "the retention scheme",
        file: file.display().to_string(),
        why: e.to_string(),
    };
    let bytes = shell.system.read(file).map_err(unreadable)?;
    let digest = Digest::of(&bytes);
    let text = String::from_utf8(bytes).unwrap_or_default();
    let scheme = parse_scheme(&text, &file.display().to_string())?;
    if scheme != checked {
        let message = format!("{} was changed just now", file.display());
        return Err(Failure::usage(message, "Save it, and run this again."));
    }
    Ok(OnDisk { text, scheme, digest })
}

pub fn lint(shell: &Shell, args: &LintArgs) -> Result<Done, Failure> {
    let config = match shell.config() {
        Err(Failure::Config(ConfigError::NotFound { .. })) if args.file.is_some() => None,
        other => Some(other?),
    };
    let file = match (&args.file, &config) {
        (Some(file), _) => file.clone(),
        (None, Some(config)) => file_of(config)?,
        (None, None) => return Err(Failure::usage("name the scheme's file", "")),
    };
    let scheme = read_scheme(&file, &shell.system)?;
    let findings = match &config {
        Some(config) => with_records(shell, config, &scheme)?,
        None => look_at(&scheme, None),
    };
    for finding in &findings {
        say(shell, finding);
    }
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count() as u64;
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    shell.out.say(format!(
        "{}: {}, {}, {}.",
        file.display(),
        counted(scheme.classes.len() as u64, "class", "classes"),
        counted(errors, "error", "errors"),
        counted(warnings, "warning", "warnings")
    ));
    let exit = if errors > 0 { Exit::Usage } else { Exit::Done };
    Ok(Done::with_exit(exit).with("classes", scheme.classes.len()).with("errors", errors).with("warnings", warnings))
}

/// Held against the records there are, where this computer knows them.
fn with_records(shell: &Shell, config: &Config, scheme: &Scheme) -> Result<Vec<Finding>, Failure> {
    let mut repo = match shell.open(config) {
        Ok(repo) if repo.can_read() => repo,
        Ok(_) => {
            shell.out.note("Looked at the scheme alone: this computer cannot read the records.");
            return Ok(look_at(scheme, None));
        }
        Err(failure) => {
            shell.out.note(format!("Looked at the scheme alone: {failure}"));
            return Ok(look_at(scheme, None));
        }
    };
    let (zone, progress) = (&config.council.timezone, shell.progress());
    let found = look_with_records(&mut repo, scheme, zone, today(shell, config), &progress, &shell.stop);
    progress.finish();
    Ok(found?)
}

/// One finding.
pub fn say(shell: &Shell, finding: &Finding) {
    let line = || {
        let of = finding.class.as_ref().map(|c| format!("class {c}: ")).unwrap_or_default();
        format!("{:<8} {of}{}", word(&finding.severity), finding.what)
    };
    let object = || {
        json!({"message_type": "finding", "severity": finding.severity, "class": finding.class,
            "what": finding.what.to_string()})
    };
    shell.out.row(line, object);
}

pub fn classes(shell: &Shell, args: &ClassesArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let scheme = if args.in_force { adopted(shell, &config)? } else { from_file(shell, &config)? };
    let mut assigned = 0u64;
    for class in &scheme.classes {
        assigned += u64::from(!class.patterns.is_empty());
        shell.out.row(|| line(class), || object(class));
    }
    shell.out.say(format!(
        "{}, {assigned} of them with a folder. Give one a folder: strongroom retention assign FOLDER CLASS",
        counted(scheme.classes.len() as u64, "class", "classes")
    ));
    Ok(Done::ok().with("title", scheme.scheme.title).with("classes", scheme.classes.len()).with("assigned", assigned))
}

fn adopted(shell: &Shell, config: &Config) -> Result<Scheme, Failure> {
    let mut repo = open_to_read(shell, config)?;
    let law = ground(shell, config, &mut repo, today(shell, config))?.law;
    must_be_in_force(&law)?;
    if let Some(in_force) = &law.in_force {
        shell.out.say(in_words(&in_force.state));
    }
    law.law().scheme.clone().ok_or_else(|| Failure::refused("no retention scheme is in force", ""))
}

fn from_file(shell: &Shell, config: &Config) -> Result<Scheme, Failure> {
    let file = file_of(config)?;
    let read = on_disk(shell, &file)?;
    shell.out.say(format!("\"{}\", {}", read.scheme.scheme.title, file.display()));
    match shell.open(config) {
        Ok(repo) => match repo.state().schemes.iter().rev().find(|s| s.digest == read.digest) {
            Some(state) => shell.out.say(in_words(state)),
            None => shell.out.say("This text is not adopted: it changes nothing until it is."),
        },
        Err(failure) => shell.out.note(format!("Whether it is adopted is not known: {failure}")),
    }
    Ok(read.scheme)
}

/// By which decision a scheme counts.
pub fn in_words(state: &SchemeState) -> String {
    let minute = crate::domain::path::printable(state.minute.as_bytes());
    format!("Adopted by minute {minute} of {}, in force from {}.", Said(state.on), Said(state.in_force))
}

fn line(class: &Class) -> String {
    let ceiling = class.ceiling.map(|c| format!(", at most {c}")).unwrap_or_default();
    let folders = match class.patterns.as_slice() {
        [] => "no folder yet".to_owned(),
        patterns => patterns.join("  "),
    };
    let approval = match class.approver {
        Approver::None => "without approval".to_owned(),
        who => format!("once the {who} approves"),
    };
    format!(
        "{}: {}\n    {} after {}{ceiling}, then {}, {approval}\n    {folders}",
        class.id, class.title, class.minimum, class.trigger, class.action
    )
}

fn object(class: &Class) -> serde_json::Value {
    let mut object = serde_json::to_value(class).unwrap_or_default();
    object["message_type"] = "class".into();
    object
}
