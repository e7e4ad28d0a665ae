//! The trial behind `run --folder`: makes what is missing, and ends with what to do in earnest.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::output::{Out, shell_quoted};
use crate::cli::sheet::Sheet;
use crate::cli::shell::Shell;
use crate::cli::{keyfile, stores, trial, wiring};
use crate::config::{self, Config};
use crate::domain::listing::Entry;
use crate::domain::path::{RecordPath, printable};
use crate::ops::error::SourceFault;
use crate::ops::query::{View, Which};
use crate::ops::{OpsError, query::Hit};
use crate::repo::create::{CreateOptions, create};
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;
use crate::repo::store::StoreFault;

/// Where the sheet of a trial lies, beside its repository.
const SHEET: &str = "recovery-sheet.txt";

/// The configuration; with `--folder`, that of a trial which is begun here.
///
/// # Errors
/// There is a configuration file: then it says what is backed up.
pub fn or_config(shell: &Shell, folders: &[PathBuf]) -> Result<Config, Failure> {
    if folders.is_empty() {
        return shell.config();
    }
    let home = shell.home()?;
    let file = match &home {
        Some(home) => Some(home.join("council.toml")).filter(|f| f.exists()),
        None => config::find(shell.globals.config.as_deref(), &shell.system).ok(),
    };
    if let Some(file) = file {
        let message = format!("--folder is for a trial without any configuration, and there is {}", file.display());
        let hint = "Leave --folder out to run what that file says, or try it out elsewhere: --home DIR";
        return Err(Failure::usage(message, hint));
    }
    let home = home.or_else(wiring::data_home).ok_or_else(|| {
        Failure::usage("there is no home folder to keep the trial in", "Name a folder for it: --home DIR")
    })?;
    let mut absolute = vec![];
    for folder in folders {
        absolute.push(checked(folder, &home)?);
    }
    let begun = trial::begin(&home, &absolute)?;
    if shell.globals.home.is_some() {
        shell.out.in_trial(&home);
    }
    begun.ok_or_else(|| Failure::usage("no folder was named", "strongroom run --folder DIR"))
}

fn checked(folder: &Path, home: &Path) -> Result<PathBuf, Failure> {
    let missing = |what: String| OpsError::Source { folder: folder.into(), kind: SourceFault::Missing, what };
    let path = std::fs::canonicalize(folder).map_err(|e| missing(e.to_string()))?;
    if !path.is_dir() {
        return Err(missing("it is no folder".into()).into());
    }
    if path.file_name().is_none() {
        let hint = "Name the folders one by one: --folder /srv/council --folder /home";
        return Err(Failure::usage("a trial cannot back up the whole of /", hint));
    }
    if path.starts_with(home) {
        let hint = "Name another folder, or another --home.";
        return Err(Failure::usage(format!("{} lies in the trial's own folder", path.display()), hint));
    }
    Ok(path)
}

/// Makes the trial's repository and keys, the first time.
///
/// # Errors
/// The disk.
pub fn ensure_repository(shell: &Shell, config: &Config) -> Result<(), Failure> {
    let state = shell.state(config);
    let begun = state.file("init.json").exists();
    if state.load_machine()?.is_some() && !begun {
        return match shell.store(config) {
            Err(Failure::Ops(OpsError::Repo(RepoError::Store(e)))) if e.fault() == StoreFault::Missing => {
                let hint = "Bring the folder back. To begin a new trial instead, name another --home.";
                let address = &config.repository.url;
                Err(Failure::said(
                    crate::domain::problem::Exit::NoRepository,
                    format!("the repository at {address} is gone"),
                    hint,
                ))
            }
            _ => Ok(()),
        };
    }
    let store = stores::open_store(config, &shell.system, &shell.handle, shell.globals.rates(), true)?;
    let path = sheet_path(config);
    let options = CreateOptions { machine_name: "trial".into(), write_only: false, single_machine: false };
    let date = shell.env.clock.now().to_zoned(config.council.timezone.clone()).date();
    let mut kept = Ok(());
    let made = create(&store, &state, &shell.env, &options, |recovery| {
        let sheet = Sheet {
            council: "a trial",
            repository: recovery.repository,
            address: &config.repository.url,
            flags: &crate::cli::sheet::flags(&config.repository.store),
            identity: &recovery.identity,
            date,
        };
        kept = keyfile::write(&path, &sheet);
        if kept.is_ok() { Ok(()) } else { Err(RepoError::Interrupted) }
    });
    kept?;
    made?;
    shell.out.say(format!("Made a trial repository and its key: {}", home_of(config).display()));
    Ok(())
}

fn home_of(config: &Config) -> &Path {
    config.state_dir.parent().unwrap_or(&config.state_dir)
}

fn sheet_path(config: &Config) -> PathBuf {
    home_of(config).join(SHEET)
}

/// What to do in earnest, and the line that restores a file of this backup.
///
/// # Errors
/// The backup that was just made cannot be read.
pub fn last_words(shell: &Shell, config: &Config, repo: Option<Repository>) -> Result<(), Failure> {
    in_earnest(&shell.out, config);
    let example = match repo {
        Some(mut repo) if repo.can_read() && !repo.state().sets().is_empty() => example(&mut repo)?,
        _ => None,
    };
    let Some(path) = example else { return Ok(()) };
    let line = restore_line(config, &path);
    shell.out.say("\nTo bring a file back, for example:");
    shell.out.row(|| line.clone(), || json!({"message_type": "restore_line", "line": line}));
    Ok(())
}

fn in_earnest(out: &Out, config: &Config) {
    out.say(format!("\nThe recovery key of this trial is in {}", sheet_path(config).display()));
    out.say("\nFor a real set-up, write council.toml (all keys: strongroom config example) and run strongroom init:\n");
    let folders: Vec<String> =
        config.sets.iter().flat_map(|s| &s.folders).map(|f| format!("{:?}", f.path.to_string_lossy())).collect();
    for line in MINIMAL.lines() {
        out.say(format!("    {}", line.replace("{FOLDERS}", &folders.join(", "))));
    }
}

const MINIMAL: &str = r#"[council]
name = "Anytown Town Council"
domains = ["anytown-tc.gov.uk"]
clerk = { name = "The Clerk", email = "clerk@anytown-tc.gov.uk" }
provider = { name = "Example IT", phone = "01632 960000", email = "support@example-it.co.uk" }
[repository]
url = "s3://bucket/prefix"
[[set]]
name = "documents"
folders = [{FOLDERS}]
[notify.mail]
host = "mail.anytown-tc.gov.uk""#;

/// A file of the newest backup, one with a plain name if there is any among the first.
fn example(repo: &mut Repository) -> Result<Option<RecordPath>, Failure> {
    const LOOKED_AT: usize = 2000;
    let mut view = View::open(repo, &Which::default())?;
    let mut found: Option<RecordPath> = None;
    for at in 0..view.chosen.len() {
        let mut stream = view.stream(at, None, false).map_err(OpsError::from)?;
        for _ in 0..LOOKED_AT {
            let Some((entry, live)) = stream.next(&mut view.chunks).map_err(OpsError::from)? else { break };
            if is_example(&view.hit(at, entry.clone(), live), &entry) {
                let plain = entry.path.as_text() == Some(&printable(entry.path.as_bytes()));
                if plain {
                    return Ok(Some(entry.path));
                }
                found.get_or_insert(entry.path);
            }
        }
    }
    Ok(found)
}

fn is_example(hit: &Hit, entry: &Entry) -> bool {
    // A shell drops the line end of what it puts in; such a name cannot be an example.
    hit.live && entry.is_file() && !entry.path.as_bytes().ends_with(b"\n")
}

/// To be pasted anywhere: the file lands below the folder one is in. A name that begins with a dash is no option.
fn restore_line(config: &Config, path: &RecordPath) -> String {
    let quoted = |p: &Path| shell_quoted(p.as_os_str().as_encoded_bytes());
    let dash = if path.as_bytes().starts_with(b"-") { "-- " } else { "" };
    let (program, home, record) = (quoted(&wiring::program()), quoted(home_of(config)), shell_quoted(path.as_bytes()));
    format!("{program} --home {home} restore --to restored {dash}{record}")
}
