//! `report`: what can be shown of a year or any other time, printed or written into a folder, signed.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use crate::cli::args::{Format, ReportArgs};
use crate::cli::commands::key::shown;
use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::{stores, telling};
use crate::config::{Config, Store as Kind};
use crate::domain::problem::Exit;
use crate::ops::access;
use crate::ops::retention::certificate::pem;
use crate::repo::layout::Key;
use crate::repo::repository::Repository;
use crate::repo::sign::{Purpose, Seed};
use crate::service::pages;
use crate::service::plain::counted;
use crate::service::report::span::Span;
use crate::service::report::{self, Document, Facts, Report, Setting, csv, html, markdown};

/// How a sealed object begins.
const SEALED: &[u8] = b"age-encryption.org/v1\n-> X25519 ";

pub fn run(shell: &Shell, args: &ReportArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let now = shell.env.clock.now();
    let today = now.to_zoned(config.council.timezone.clone()).date();
    let span = match (args.year, args.from, args.to) {
        (Some(year), ..) => year,
        (None, Some(from), Some(to)) if to < from => {
            return Err(Failure::usage(
                format!("--to {to} is before --from {from}"),
                "Name the first day, then the last.",
            ));
        }
        (None, Some(from), Some(to)) => Span { from, to },
        _ => Span::year_of(today),
    };
    let repo = shell.open(&config)?;
    let people = telling::people(&config);
    let journalled = shell.journal(&config).read()?;
    let kept = pages::read(&repo, &journalled.entries, |_| true)?;
    let seed = args.dir.as_ref().and_then(|_| signer(&repo));
    let name = |key| repo.state().actors.get(&key).map(|(a, ..)| shown(&a.name)).unwrap_or_default();
    let facts = Facts {
        people: &people,
        setting: setting(&config, &repo)?,
        slots: repo.slots(),
        state: repo.state(),
        kept: &kept,
        access: access::list(&repo, today)?,
        span,
        now,
        signer: seed.as_ref().map(|s| (s.actor(), name(s.actor()))),
    };
    let report = report::report(&facts);
    let page = report::document(&report, &people.zone);
    match &args.dir {
        Some(dir) => write(shell, dir, &page, seed.as_ref())?,
        None if shell.out.is_json() => shell.out.object(object(&report)),
        None => {
            let text = rendered(&page, args.format);
            // That nobody reads on is no failure; a full disk is told at the end.
            let _ = shell.out.raw().write_all(text.as_bytes());
        }
    }
    if journalled.damaged > 0 {
        let lines = counted(journalled.damaged, "line", "lines");
        shell.out.warn(format!("{lines} of this computer's journal cannot be read: something may be missing."));
    }
    let exit = if report.lost.is_empty() && report.differences.not_in_log == 0 { Exit::Done } else { Exit::Incomplete };
    Ok(Done::with_exit(exit)
        .with("from", span.from.to_string())
        .with("to", span.to.to_string())
        .with("runs", report.total.runs.begun)
        .with("backups", report.total.backups.iter().map(|b| b.made).sum::<u64>())
        .with("failures", report.failures.len())
        .with("lost", report.lost.len())
        .with("signed_by", report.signer.as_ref().map(|(key, _)| key.to_hex())))
}

fn object(report: &Report) -> serde_json::Value {
    let mut object = json!(report);
    object["message_type"] = "report".into();
    object
}

fn rendered(page: &Document, format: Format) -> String {
    match format {
        Format::Markdown => markdown(page),
        Format::Html => html(page),
        Format::Csv => csv(page),
    }
}

/// A key of this computer that the log has, and that was not cut off.
fn signer(repo: &Repository) -> Option<Seed> {
    let seed = repo.machine.as_ref()?.seed_for(&[])?;
    repo.state().may(&seed.actor(), &[]).then(|| seed.clone())
}

fn setting(config: &Config, repo: &Repository) -> Result<Setting, Failure> {
    let names = telling::set_names(config)?;
    let sets = names.into_iter().zip(&config.sets).map(|(name, set)| (name, set.max_age.as_hours()));
    Ok(Setting {
        store: match &config.repository.store {
            Kind::Folder(_) => "a folder on this computer or its network",
            Kind::S3(_) => "a cloud store (S3)",
            Kind::Azure(_) => "a cloud store (Azure)",
            Kind::Google(_) => "a cloud store (Google)",
        },
        offsite: stores::is_offsite(config),
        lock_days: config.repository.claims.object_lock_days,
        version_days: config.repository.claims.versioning_days,
        sets: sets.collect(),
        policies: config.policy.clone(),
        sealed: sealed(repo),
        trial: config.trial,
    })
}

/// Whether the newest entry of the log lies in the store as a sealed file.
fn sealed(repo: &Repository) -> Option<bool> {
    let newest = repo.store.get(&Key::Log(repo.state().next.checked_sub(1)?)).ok()?;
    Some(newest.starts_with(SEALED))
}

fn write(shell: &Shell, dir: &Path, page: &Document, seed: Option<&Seed>) -> Result<(), Failure> {
    let unwritable = |path: &Path, e: &std::io::Error| {
        Failure::usage(format!("{}: {e}", path.display()), "Name a folder that this user may write to.")
    };
    std::fs::create_dir_all(dir).map_err(|e| unwritable(dir, &e))?;
    let mut files: Vec<(String, Vec<u8>)> = vec![];
    for (name, text) in [("report.html", html(page)), ("report.md", markdown(page)), ("report.csv", csv(page))] {
        let signature = seed.map(|seed| seed.sign(Purpose::Certificate, text.as_bytes()));
        files.push((name.to_owned(), text.into_bytes()));
        files.extend(signature.map(|s| (format!("{name}.sig"), s.to_vec())));
    }
    files.extend(seed.map(|seed| ("public-key.pem".to_owned(), pem(&seed.actor()).into_bytes())));
    // All or none: what is there already is another report.
    if let Some((name, _)) = files.iter().find(|(name, _)| dir.join(name).exists()) {
        let message = format!("{} is there already", dir.join(name).display());
        return Err(Failure::refused(message, "Name an empty folder; nothing was written."));
    }
    for (name, bytes) in files {
        let path = dir.join(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        file.and_then(|mut f| f.write_all(&bytes).and_then(|()| f.sync_all())).map_err(|e| unwritable(&path, &e))?;
        let object = || json!({"message_type": "written", "file": path.to_string_lossy()});
        shell.out.row(|| path.display().to_string(), object);
    }
    if seed.is_none() {
        shell.out.warn("The report is not signed: this computer has no key that may add to the backups.");
    }
    Ok(())
}
