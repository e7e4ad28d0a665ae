//! `retention approve`, `cancel`, `apply` and `certificate`: how records go.

use std::io::Write;

use serde_json::json;

use super::adopt::agreed;
use super::disposals::{actor, stage_word};
use super::files::{create, unwritable};
use super::{can_read, open_to_read, today, with_hint};
use crate::cli::args::{ApplyArgs, ApproveArgs, CancelArgs, CertificateArgs};
use crate::cli::commands::key::shown;
use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::telling::tell_of_retention;
use crate::cli::when;
use crate::config::Config;
use crate::domain::retention::plan::PlanId;
use crate::ops::OpsError;
use crate::ops::retention::apply::{self as carry_out, ApplyOptions, ApplyReport};
use crate::ops::retention::approve::{self, ApproveOptions};
use crate::ops::retention::certificate as evidence;
use crate::ops::retention::disposals::{Stage, Wanted, disposal_meant};
use crate::repo::repository::Repository;
use crate::service::plain::{counted, size};
use crate::service::retention::{DisposalSeen, News};

/// How anybody checks a certificate.
const CHECK: &str = "openssl pkeyutl -verify -pubin -inkey public-key.pem -rawin -in certificate.json -sigfile \
                     certificate.sig";

pub fn approve(shell: &Shell, args: &ApproveArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let mut repo = open_to_read(shell, &config)?;
    if repo.state().schemes.is_empty() {
        return Err(super::nothing_adopted());
    }
    let options = ApproveOptions {
        plan: args.plan.clone(),
        by: args.by.clone(),
        minute: args.minute.clone(),
        large: args.large,
        dated: args.yes,
        zone: config.council.timezone.clone(),
        today: today(shell, &config),
    };
    let progress = shell.progress();
    let approved = approve::approve(&mut repo, &options, &progress, &shell.stop);
    progress.finish();
    let report = approved?;
    let entered = repo.state().disposal(report.approval).map(|d| actor(repo.state(), &d.actor)).unwrap_or_default();
    let (plan, number) = (&report.plan, report.approval);
    let records = counted(report.records, "record", "records");
    let minute = match args.minute.trim() {
        "" => String::new(),
        minute => format!(", minute {}", shown(minute)),
    };
    let by = shown(args.by.trim());
    shell.out.say(format!("Approved: {records}, {}. Disposal {number}.", size(report.bytes)));
    shell.out.say(format!("Entered by {entered} for {by}{minute}."));
    shell.out.say("Nothing has gone yet. The next run, or this, takes them out of listing and restore:");
    shell.out.say(format!("    strongroom retention apply {plan}"));
    shell.out.say(format!(
        "They are deleted {} days later. Until then one line brings them back:",
        approve::WINDOW.as_hours() / 24
    ));
    shell.out.say(format!("    strongroom retention cancel {plan} --by NAME --reason TEXT"));
    let disposal = DisposalSeen { approval: number, records: report.records };
    tell_of_retention(shell, &config, &[News::DisposalApproved { disposal, by_scheme: false, urgent: false }]);
    Ok(Done::ok()
        .with("approval", number)
        .with("plan", plan.to_string())
        .with("records", report.records)
        .with("bytes", report.bytes)
        .with("entered_by", entered))
}

pub fn cancel(shell: &Shell, args: &CancelArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let mut repo = shell.open(&config)?;
    let hint = "How far each disposal has gone: strongroom retention disposals";
    let approval = disposal_meant(repo.state(), &args.plan, Wanted::Open, &config.council.timezone)?;
    let cancelled = approve::cancel(&mut repo, &approval.to_string(), &args.by, &args.reason);
    let entry = cancelled.map_err(|e| with_hint(e, hint))?;
    let disposal = repo.state().disposals.iter().find(|d| d.cancelled == Some(entry));
    let (approval, records) = disposal.map_or((entry, 0), |d| (d.at, d.records));
    shell.out.say(format!("Disposal {approval} is called off. Its records are listed and restored again, and stay."));
    tell_of_retention(shell, &config, &[News::DisposalCancelled { disposal: DisposalSeen { approval, records } }]);
    Ok(Done::ok().with("approval", approval).with("entry", entry).with("records", records))
}

pub fn apply(shell: &Shell, args: &ApplyArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let _lock = shell.lock(&config)?;
    // No local file decides what is destroyed.
    let mut repo = shell.open_fresh(&config)?;
    can_read(&repo)?;
    let approval = disposal_meant(repo.state(), &args.plan, Wanted::Open, &config.council.timezone)?;
    if args.urgent && !args.yes {
        let records = repo.state().disposal(approval).map_or(0, |d| d.records);
        let records = counted(records, "record", "records");
        let question = format!("Destroy {records} of plan {} now, with no way back? Type yes: ", shown(&args.plan));
        let without = ("nothing was destroyed", "There is no way back from it. Then say so: add --yes");
        if !agreed(shell, &question, without)? {
            return Err(Failure::refused("nothing was destroyed", ""));
        }
    }
    let (zone, today, progress) = (&config.council.timezone, today(shell, &config), shell.progress());
    let recheck = |repo: &mut Repository| -> Result<(), OpsError> {
        let plan = repo.state().disposal(approval).map(|d| d.plan.clone()).unwrap_or_default();
        let plan: PlanId =
            plan.parse().map_err(|_| OpsError::InTheWay(format!("disposal {approval} names no plan")))?;
        approve::recheck(repo, approval, zone, today, &progress, &shell.stop)?.permit(&plan)
    };
    let options = ApplyOptions {
        approval,
        urgent: args.reason.clone().filter(|_| args.urgent),
        person: args.yes,
        large: args.large,
        zone: zone.clone(),
        window: approve::WINDOW,
        recheck: &recheck,
    };
    let applied = carry_out::apply(&mut repo, &options, &progress, &shell.stop);
    progress.finish();
    let report = applied.map_err(|e| with_hint(e, "How far it has gone: strongroom retention disposals"))?;
    say_applied(shell, &config, &report);
    // Told once: who runs it again is told nothing new.
    if report.stage == Stage::Done {
        let disposal = DisposalSeen { approval, records: report.records };
        tell_of_retention(shell, &config, &[News::DisposalDone { disposal }]);
    }
    let purged = &report.purged;
    Ok(Done::with_exit(report.exit())
        .with("approval", approval)
        .with("plan", report.plan.clone())
        .with("stage", stage_word(&report.stage))
        .with("records", report.records)
        .with("relisted", report.relisted)
        .with("rewritten", purged.rewritten)
        .with("deleted", purged.deleted)
        .with("bytes_deleted", purged.deleted_bytes)
        .with("refused", purged.refused)
        .with("still_listed", purged.still_listed.len())
        .with("names_left", report.names_left)
        .with("backups_at_work", purged.at_work.len()))
}

fn say_applied(shell: &Shell, config: &Config, report: &ApplyReport) {
    let (out, plan, purged) = (&shell.out, shown(&report.plan), &report.purged);
    let records = counted(report.records, "record", "records");
    match &report.stage {
        Stage::Withdrawn { deleted_from, .. } => {
            let from = when::shown(*deleted_from, &config.council.timezone);
            out.say(format!("{records} of plan {plan} can no longer be listed or restored."));
            out.say(format!("They are deleted from {from} on, when this is run again. To bring them back until then:"));
            out.say(format!("    strongroom retention cancel {plan} --by NAME --reason TEXT"));
        }
        Stage::Done => {
            let (packs, bytes) = (counted(purged.deleted, "pack", "packs"), size(purged.deleted_bytes));
            let snapshots = counted(report.relisted, "snapshot", "snapshots");
            out.say(format!("Done. Destroyed in every backup: {records} of plan {plan}."));
            out.say(format!("In this run: {snapshots} listed anew, {packs} deleted ({bytes})."));
            out.say(format!("What to keep as evidence: strongroom retention certificate {plan} --to DIR"));
        }
        // It ends there, or as an error.
        Stage::Approved | Stage::Relisted | Stage::Cancelled(_) => {
            out.say(format!("{records} of plan {plan} are on their way out. Run this again to go on."));
        }
    }
    let still = purged.still_listed.len() as u64;
    if still > 0 {
        let why = purged.refused_why.as_deref().unwrap_or("an object lock, or a key that may not delete");
        let why = crate::domain::path::printable(why.as_bytes());
        let packs = counted(still, "dead pack is", "dead packs are");
        out.warn(format!("{packs} still in the store ({why}). It is not done before they are gone: run this again."));
    }
    if report.names_left {
        out.warn("The store keeps the note with the names of the records, though it should be gone: run this again.");
    }
    if !purged.at_work.is_empty() {
        out.warn("A backup is at work, and nobody looked into what it has stored so far.");
    }
}

pub fn certificate(shell: &Shell, args: &CertificateArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let repo = open_to_read(shell, &config)?;
    let approval = disposal_meant(repo.state(), &args.plan, Wanted::Done, &config.council.timezone)?;
    let certificate = evidence::read(&repo, approval)?;
    let facts = certificate.facts()?;
    std::fs::create_dir_all(&args.to).map_err(|e| unwritable(&args.to, &e))?;
    let signature = certificate.signature_bytes();
    let files: [(&str, &[u8]); 4] = [
        ("certificate.json", certificate.json.as_bytes()),
        ("certificate.md", certificate.text.as_bytes()),
        ("certificate.sig", &signature),
        ("public-key.pem", certificate.public_key.as_bytes()),
    ];
    // All or none: what is there already is another certificate.
    if let Some((name, _)) = files.iter().find(|(name, _)| args.to.join(name).exists()) {
        let message = format!("{} is there already", args.to.join(name).display());
        return Err(Failure::refused(message, "Name an empty folder; nothing was written."));
    }
    for (name, bytes) in files {
        let path = args.to.join(name);
        let mut file = create(&path)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| unwritable(&path, &e))?;
        shell
            .out
            .row(|| path.display().to_string(), || json!({"message_type": "written", "file": path.to_string_lossy()}));
    }
    let key = actor(repo.state(), &facts.signed_by);
    shell.out.say(format!("Signed by {key}, key {}. To check it, in that folder:", facts.signed_by));
    shell.out.say(format!("    {CHECK}"));
    Ok(Done::ok().with("approval", approval).with("records", facts.records).with("signed_by", facts.signed_by.to_hex()))
}
