//! The certificate of a disposal: what was destroyed, by which authority, and what was observed. No more than that.
//!
//! Destroyed records stand in it as keyed digests and by class, never by name; kept ones with the same content by name
//! where nothing about a person can be in it. Its JSON is signed as it is, by the key of the
//! actor that carried the disposal out, so that `openssl` alone can check it.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::again::Before;
pub use super::kept::KeptBy;
use super::kept::{Kept, in_words, kept_elsewhere, notes_kept};
use super::locked;
use super::note::{self, ApprovalNote, SCHEME};
use super::purge::Purged;
use super::register::{RegisterNote, record_digest};
use super::withdraw::urgent_reason;
use crate::domain::id::{ActorId, Digest, NoteName, RepositoryId};
use crate::domain::log::Role;
use crate::domain::log::state::Life;
use crate::domain::path::printable;
use crate::domain::retention::plan::Plan;
use crate::domain::retention::scheme::Scheme;
use crate::ops::{OpsError, Stop};
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;
use crate::repo::sign::{Purpose, Seed};

/// The kind of the note.
pub const CERTIFICATE: &str = "certificate";
/// What stands before the 32 bytes of an Ed25519 key in a `SubjectPublicKeyInfo`.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A certificate as it is kept: the note that ends a disposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The exact text that is signed.
    pub json: String,
    /// The signature, in base64.
    pub signature: String,
    /// The signer's public key, as PEM.
    pub public_key: String,
    /// The same for people, in Markdown.
    pub text: String,
}

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Always `strongroom-disposal-certificate-1`.
    pub format: String,
    /// The repository.
    pub repository: RepositoryId,
    /// The entry that approved the disposal.
    pub disposal: u64,
    /// The plan's name.
    pub plan: String,
    /// Who approved it.
    pub approved_by: String,
    /// By which minute, if one was named.
    pub minute: String,
    /// When the approval was entered.
    pub approved: Timestamp,
    /// Which key entered it.
    pub entered_by: ActorId,
    /// Its name in the roster.
    #[serde(default)]
    pub entered_by_name: String,
    /// The minute that adopted the scheme, and its day.
    pub scheme: Option<(String, Date)>,
    /// What was destroyed, by class.
    pub classes: Vec<ClassFacts>,
    /// How many records.
    pub records: u64,
    /// The bytes of their last versions.
    pub bytes: u64,
    /// From when on they were not listed or restored.
    pub withdrawn: Timestamp,
    /// It was urgent: there was no time to change one's mind.
    pub urgent: bool,
    /// Why.
    #[serde(default)]
    pub urgent_reason: Option<String>,
    /// From when on no snapshot named them.
    pub unreachable_since: Timestamp,
    /// When the run that said this deleted objects; nothing when an earlier run had deleted all of them.
    pub deleted_on: Option<Timestamp>,
    /// Until when the store showed a lock on deleted objects; nothing where it showed none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<Timestamp>,
    /// Stored objects that were given up for this disposal, and their bytes.
    pub objects: u64,
    /// Their bytes.
    pub object_bytes: u64,
    /// When a listing of the store showed none of those objects.
    pub no_longer_listed_on: Timestamp,
    /// Objects of backups at work at that moment, which nobody looked into.
    pub backups_at_work: u64,
    /// Records whose last version other records still have: their content is still there under other names.
    pub content_kept_elsewhere: u64,
    /// How many other records those are.
    #[serde(default)]
    pub kept_by_records: u64,
    /// Which: the first thousand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_by: Vec<KeptBy>,
    /// Notes of holds and recorded dates whose patterns fit some of these records: they stay, and may name them.
    #[serde(default)]
    pub notes_kept: u64,
    /// The records, as keyed digests of set and path.
    pub digests: Vec<Digest>,
    /// The certificate made when it was done before, by a key that was cut off later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<NoteName>,
    /// Which key signs this.
    pub signed_by: ActorId,
}

/// One class of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassFacts {
    /// Its id.
    pub class: String,
    /// Its title in the scheme.
    pub title: String,
    /// The authority the scheme names.
    pub authority: String,
    /// How many records.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The certificate of a disposal that is done.
///
/// # Errors
/// [`OpsError::NotFound`] when it is not done; a note that cannot be read; faults of the store.
pub fn read(repo: &Repository, approval: u64) -> Result<Certificate, OpsError> {
    let done = repo.state().disposal(approval).and_then(|d| d.done);
    let (_, name) = done.ok_or_else(|| OpsError::NotFound(format!("disposal {approval} is not done yet")))?;
    let unreadable = |why: String| OpsError::InTheWay(format!("the certificate cannot be read: {why}"));
    note::read(repo, CERTIFICATE, &name)?.map_err(unreadable)
}

impl Certificate {
    /// What it says.
    ///
    /// # Errors
    /// [`OpsError::InTheWay`] when it makes no sense.
    pub fn facts(&self) -> Result<Facts, OpsError> {
        serde_json::from_str(&self.json).map_err(|e| OpsError::InTheWay(format!("the certificate makes no sense: {e}")))
    }

    /// The bare signature, as stock tools want it.
    pub fn signature_bytes(&self) -> Vec<u8> {
        STANDARD.decode(&self.signature).unwrap_or_default()
    }
}

/// A public key as PEM.
pub fn pem(key: &ActorId) -> String {
    let der = [&SPKI[..], key.as_bytes()].concat();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

/// Makes, signs and stores the certificate. Its name goes into the entry that ends the disposal.
pub(super) fn make(
    repo: &mut Repository,
    approval: u64,
    note: &ApprovalNote,
    purged: &Purged,
    zone: &TimeZone,
    stop: &Stop,
) -> Result<NoteName, OpsError> {
    let scheme = scheme_of(repo, &note.plan)?;
    let kept = (kept_elsewhere(repo, &note.plan, scheme.as_ref(), stop)?, notes_kept(repo, &note.plan)?);
    let seed = repo.machine.as_ref().and_then(|m| m.seed_for(&[Role::Pruner])).cloned();
    let seed = seed.ok_or(RepoError::NoRole(Role::Pruner))?;
    let facts = gather(repo, approval, note, purged, kept, seed.actor())?;
    seal(repo, &facts, &seed, zone)
}

/// Makes another one, since the one `before` was made by a key that was cut off later. The names are deleted: what that
/// one says of classes and of who approved is repeated, the rest is what was observed now.
pub(super) fn make_again(
    repo: &Repository,
    approval: u64,
    before: &Before,
    purged: &Purged,
    zone: &TimeZone,
) -> Result<NoteName, OpsError> {
    let seed = repo.machine.as_ref().and_then(|m| m.seed_for(&[Role::Pruner])).cloned();
    let seed = seed.ok_or(RepoError::NoRole(Role::Pruner))?;
    let disposal = repo.state().disposal(approval).and_then(|d| Some((d, d.withdrawn.as_ref()?)));
    let (disposal, withdrawn) = disposal.ok_or_else(|| OpsError::InTheWay("it was not withdrawn".into()))?;
    let on = disposal.time.to_zoned(zone.clone()).date();
    let plan = Plan { on, scheme_at: u64::MAX, after: 0, records: vec![] };
    let (by, minute) =
        before.facts.as_ref().map_or_else(Default::default, |f| (f.approved_by.clone(), f.minute.clone()));
    let note = ApprovalNote { kind: note::APPROVAL.into(), by, minute, large: false, plan };
    let fresh = gather(repo, approval, &note, purged, (Kept::default(), 0), seed.actor())?;
    let (records, bytes) = (disposal.records, disposal.bytes);
    let digests = repo.read_note::<RegisterNote>(&withdrawn.register)?.records.into_iter().map(|r| r.record).collect();
    let facts = Facts { records, bytes, digests, before: Some(before.certificate), ..fresh };
    let facts = match before.facts.clone() {
        Some(f) => Facts {
            scheme: f.scheme,
            classes: f.classes,
            content_kept_elsewhere: f.content_kept_elsewhere,
            kept_by_records: f.kept_by_records,
            kept_by: f.kept_by,
            notes_kept: f.notes_kept,
            ..facts
        },
        None => facts,
    };
    seal(repo, &facts, &seed, zone)
}

fn seal(repo: &Repository, facts: &Facts, seed: &Seed, zone: &TimeZone) -> Result<NoteName, OpsError> {
    let json = serde_json::to_string_pretty(facts).map_err(|e| RepoError::Machine(e.to_string()))?;
    let signature = STANDARD.encode(seed.sign(Purpose::Certificate, json.as_bytes()));
    let (public_key, text) = (pem(&seed.actor()), words(facts, zone));
    Ok(note::put(repo, CERTIFICATE, &Certificate { json, signature, public_key, text })?)
}

fn gather(
    repo: &Repository,
    approval: u64,
    note: &ApprovalNote,
    purged: &Purged,
    (kept, notes_kept): (Kept, u64),
    signer: ActorId,
) -> Result<Facts, OpsError> {
    let state = repo.state();
    let out_of_order = || OpsError::InTheWay(format!("disposal {approval} has not come so far"));
    let disposal = state.disposal(approval).ok_or_else(out_of_order)?;
    let withdrawn = disposal.withdrawn.as_ref().ok_or_else(out_of_order)?;
    let time = |n: u64| repo.slots().get(n as usize).and_then(|s| s.body.as_ref()).map(|b| b.time);
    let scheme = state.schemes.iter().find(|s| s.at == note.plan.scheme_at);
    let key = repo.register_key();
    let dead = state.packs.iter().filter(|p| matches!(p.life, Life::Swept { at } if at > approval));
    let (objects, object_bytes) = dead.fold((0, 0u64), |(n, sum), p| (n + 1, sum.saturating_add(p.pack.size)));
    Ok(Facts {
        format: "strongroom-disposal-certificate-1".into(),
        repository: state.repository,
        disposal: approval,
        plan: disposal.plan.clone(),
        approved_by: note.by.clone(),
        minute: note.minute.clone(),
        approved: disposal.time,
        entered_by: disposal.actor,
        entered_by_name: state.actors.get(&disposal.actor).map(|(a, ..)| a.name.clone()).unwrap_or_default(),
        scheme: scheme.map(|s| (s.minute.clone(), s.on)),
        classes: classes(repo, &note.plan)?,
        records: note.plan.records.len() as u64,
        bytes: note.plan.bytes(),
        withdrawn: withdrawn.time,
        urgent: withdrawn.urgent,
        urgent_reason: urgent_reason(repo, withdrawn)?,
        unreachable_since: first_relisted(repo, approval).or_else(|| time(withdrawn.at)).unwrap_or(withdrawn.time),
        locked_until: purged.locked_until,
        deleted_on: purged.listed_at.filter(|_| purged.deleted > 0),
        objects,
        object_bytes,
        no_longer_listed_on: purged.listed_at.ok_or_else(out_of_order)?,
        backups_at_work: purged.at_work.len() as u64,
        content_kept_elsewhere: kept.destroyed,
        kept_by_records: kept.others,
        kept_by: kept.named,
        notes_kept,
        before: None,
        digests: note.plan.records.iter().map(|r| record_digest(&key, &r.set, &r.path)).collect(),
        signed_by: signer,
    })
}

/// When the listings of the newest snapshot that changed had changed: the last entry that wrote listings without it.
fn first_relisted(repo: &Repository, approval: u64) -> Option<Timestamp> {
    let at = repo.state().disposal(approval)?.relisted_at?;
    repo.slots().get(at as usize)?.body.as_ref().map(|b| b.time)
}

/// The scheme of a plan. What cannot be read is left out of the certificate, and no reason not to write one.
fn scheme_of(repo: &Repository, plan: &Plan) -> Result<Option<Scheme>, RepoError> {
    let Some(s) = repo.state().schemes.iter().find(|s| s.at == plan.scheme_at) else { return Ok(None) };
    Ok(note::read::<Scheme>(repo, SCHEME, &s.note)?.ok())
}

fn classes(repo: &Repository, plan: &Plan) -> Result<Vec<ClassFacts>, OpsError> {
    let scheme = scheme_of(repo, plan)?;
    let mut all: BTreeMap<&str, ClassFacts> = BTreeMap::new();
    for record in &plan.records {
        let class = all.entry(&record.class).or_insert_with(|| {
            let known = scheme.as_ref().and_then(|s| s.classes.iter().find(|c| c.id == record.class));
            let title = known.map(|c| c.title.clone()).unwrap_or_default();
            let authority = known.map(|c| c.authority.clone()).unwrap_or_default();
            ClassFacts { class: record.class.clone(), title, authority, records: 0, bytes: 0 }
        });
        class.records += 1;
        class.bytes = class.bytes.saturating_add(record.size);
    }
    Ok(all.into_values().collect())
}

/// The certificate for people.
fn words(facts: &Facts, zone: &TimeZone) -> String {
    let day = |t: Timestamp| t.to_zoned(zone.clone()).strftime("%-d %B %Y, %H:%M %Z").to_string();
    let mut out = String::new();
    let mut line = |text: String| {
        let _ = writeln!(out, "{text}");
    };
    line("# Certificate of disposal\n".into());
    line(format!("Plan {} (disposal {} of repository {})\n", facts.plan, facts.disposal, facts.repository));
    line("| class | title | authority | records | bytes |\n|---|---|---|---:|---:|".into());
    for c in &facts.classes {
        line(format!("| {} | {} | {} | {} | {} |", c.class, cell(&c.title), cell(&c.authority), c.records, c.bytes));
    }
    line(format!("| all | | | {} | {} |\n", facts.records, facts.bytes));
    let minute = if facts.minute.is_empty() { "no minute named".into() } else { format!("minute {}", facts.minute) };
    let (by, key) = (&facts.approved_by, facts.entered_by.short());
    let entered = match facts.entered_by_name.as_str() {
        "" => format!("key {key}"),
        name => format!("{} (key {key})", printable(name.as_bytes())),
    };
    line(format!("- Approved by {by} ({minute}), entered by {entered} on {}", day(facts.approved)));
    if let Some((minute, on)) = &facts.scheme {
        line(format!("- Under the retention scheme adopted by minute {minute} on {}", on.strftime("%-d %B %Y")));
    }
    let urgent = match (&facts.urgent_reason, facts.urgent) {
        (Some(why), true) => format!(" (urgent, without the time to change one's mind: {why})"),
        (None, true) => " (urgent, without the time to change one's mind)".to_owned(),
        (_, false) => String::new(),
    };
    line(format!("- Withdrawn from listing and restore on {}{urgent}", day(facts.withdrawn)));
    line(format!("- Named by no backup since {}", day(facts.unreachable_since)));
    match facts.deleted_on {
        Some(on) => line(format!("- Stored objects deleted on {}", day(on))),
        None => line("- No stored object was left to delete on the day of the listing below".into()),
    }
    facts.locked_until.into_iter().for_each(|until| line(locked::line(until, day)));
    line(format!(
        "- A listing of the store made on {} shows none of the {} objects ({} bytes) that were given up, nor any given up \
         before",
        day(facts.no_longer_listed_on),
        facts.objects,
        facts.object_bytes
    ));
    in_words(facts).into_iter().for_each(&mut line);
    if facts.notes_kept > 0 {
        let n = facts.notes_kept;
        line(format!(
            "- {n} sealed notes of holds and recorded dates fit these records; they are kept and may name them"
        ));
    }
    if let Some(before) = &facts.before {
        line(format!(
            "- It was certified before (note {before}), by a key that was cut off later; the names were deleted then. \
             Classes, and who approved it, are as that one says",
        ));
    }
    if facts.backups_at_work > 0 {
        let n = facts.backups_at_work;
        line(format!("- {n} objects belonged to a backup that was at work; nobody looked into them"));
    }
    line(
        "\nThis is what the program observed. It cannot see older versions that a store keeps by itself, or copies"
            .into(),
    );
    line("made outside it. The records themselves stand in the signed JSON as digests.".into());
    out
}

/// Text that cannot break a table.
fn cell(text: &str) -> String {
    text.replace('|', "/")
}
