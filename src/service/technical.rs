//! What the provider's technician reads, at the same moment: the cause's key, its class, counts and times.
//!
//! Still without the name of any record, folder or machine: those are on the office computer.

use jiff::Timestamp;

use crate::service::causes::Notice;
use crate::service::plain::{People, list};
use crate::service::retention::{News, RetentionNotice, Stopped};
use crate::service::texts::Letter;
use crate::service::words::{Cause, JobKind, NoticeKind, Trouble, Why, word};

/// Puts a notice into the technician's words.
pub fn for_provider(notice: &Notice, people: &People) -> Letter {
    let stamp = |at| stamp(at, people);
    let causes: Vec<String> = notice.causes.iter().map(ToString::to_string).collect();
    let sets: Vec<&str> = notice.sets.iter().map(|s| s.as_str()).collect();
    let mut lines = vec![
        format!("Strongroom technical notice {}", notice.reference),
        String::new(),
        format!("Council: {}", people.council),
        format!("Notice: {}", word(&notice.kind)),
        format!("Causes: {}", causes.join(", ")),
        format!("Sets: {}", if sets.is_empty() { String::from("all") } else { list(&sets) }),
        format!("Class: {}", class(notice.lead.trouble)),
        format!("First seen: {}", stamp(notice.since)),
        format!("This notice: {}", stamp(notice.at)),
        format!("Last found: {}", stamp(notice.found)),
        format!("Last success: {}", notice.last_good.map_or_else(|| String::from("none on record"), stamp)),
        format!(
            "Files: {}, bytes: {}, problems: {}, changed: {}",
            notice.counts.files, notice.counts.bytes, notice.counts.problems, notice.counts.changed
        ),
        format!("Exit code: {}", notice.exit),
        String::new(),
    ];
    if matches!(notice.kind, NoticeKind::Failure | NoticeKind::Reminder) {
        lines.push(format!("What to do: {}", advice(&notice.lead)));
    }
    lines.push(String::from(match notice.lead.job {
        JobKind::Watch => "Details, on the computer that watches: strongroom watch",
        _ => "Details, on the office computer: strongroom status",
    }));
    lines.push(people.and_the_clerk("told"));
    lines.extend(people.coverage());
    let subject =
        format!("{}: {} {} – reference {}", people.council, word(&notice.kind), notice.lead, notice.reference);
    Letter { subject, body: lines.join("\n") + "\n" }
}

/// The technical side of what was done about keys, rules and records, where it has one.
pub fn of_retention(notice: &RetentionNotice, people: &People) -> Option<Letter> {
    let (fact, advice) = match &notice.news {
        News::Keys(seen) => (
            format!(
                "Log entry: {}, of {}\nKeys that open: {}, computers that write: {}",
                seen.entry,
                stamp(seen.at, people),
                seen.readers,
                seen.writers
            ),
            "strongroom key list, strongroom actor list and strongroom log show what was changed. If nobody meant it, \
             somebody else has the recovery key: ring the clerk. Change the store's credentials, take away what was added \
             (strongroom key remove, strongroom actor revoke), and begin a new repository with a new sheet: whoever has \
             that key can change the list again.",
        ),
        News::AdoptedShortening { entry, in_force, records } => (
            format!(
                "Log entry: {entry}\nIn force from: {in_force}\nRecords due sooner: {}",
                records.map_or_else(|| String::from("not counted"), |n| n.to_string())
            ),
            "nothing, if the council decided this. If it did not, ring the clerk. Before that day put the former scheme's \
             file back and run: strongroom retention adopt --minute REF --on DATE. Where there was none: strongroom hold \
             place '*' --reason TEXT --by NAME --review DATE keeps everything. strongroom log shows which computer adopted \
             it.",
        ),
        News::DisposalStopped { disposal, why: Stopped::SafetyCheck } => (
            format!("Disposal: {}, records: {}", disposal.approval, disposal.records),
            "strongroom retention disposals and the output of strongroom run say which check refused. Do not override it; \
             the next run tries again.",
        ),
        _ => return None,
    };
    let (key, council, reference) = (notice.news.key(), &people.council, &notice.reference);
    let mut lines = vec![
        format!("Strongroom technical notice {reference}\n"),
        format!("Council: {council}\nNotice: {key}\n{fact}\nThis notice: {}\n", stamp(notice.at, people)),
        format!("What to do: {advice}"),
        people.and_the_clerk("told"),
    ];
    lines.extend(people.coverage());
    Some(Letter { subject: format!("{council}: {key} – reference {reference}"), body: lines.join("\n") + "\n" })
}

fn stamp(at: Timestamp, people: &People) -> String {
    at.to_zoned(people.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

fn class(trouble: Trouble) -> String {
    match trouble {
        Trouble::Failed(why) => word(&why),
        other => word(&other),
    }
}

fn advice(lead: &Cause) -> &'static str {
    match lead.trouble {
        trouble if lead.job == JobKind::Watch => advice_on_watching(trouble),
        Trouble::HistoryChanged => {
            "do not prune, do not re-initialise. Run strongroom log --verify, and look for another writer or a restored \
             bucket."
        }
        Trouble::MassChange => {
            "look at the office files before anything else; disconnect machines if this is an attack. Thinning and \
             pruning are stopped until then: strongroom incident resolve REFERENCE --by NAME --note TEXT."
        }
        Trouble::Damage if lead.job == JobKind::Notices => {
            "a waiting message on this computer was damaged and may never arrive. Look at this computer's disk, run strongroom \
             notify test, ring the clerk, and tell them what strongroom status shows."
        }
        Trouble::Damage => {
            "keep the store as it is and look into what happened to it. strongroom repair says what is damaged and what can \
             be had back; strongroom repair --yes does it. Then test everything, which also closes this: strongroom verify restore --all."
        }
        Trouble::LiveDiffers | Trouble::Spoiled | Trouble::ManyNotItsName | Trouble::NotItsName => {
            advice_on_documents(lead.trouble)
        }
        Trouble::PutRight => {
            "see in the run's output which key files or index objects were put back. The next run looks at them again and \
             closes this if they are sound; to look at once: strongroom run. If it happens again, look into the store."
        }
        Trouble::ExaminedNothing => "check that the set and the test's limits are configured as meant.",
        Trouble::Unprotected => {
            "run strongroom verify store: it says what does not hold. Set the bucket's versioning, object lock and lifecycle \
             rules as [repository] claims, or correct the claims."
        }
        Trouble::Refused => "read why the guard refused before overriding it.",
        Trouble::Overdue => {
            "see why tests were skipped; strongroom verify coverage shows what waits, and strongroom verify restore --all \
             tests everything now."
        }
        Trouble::LimitsTooLow => {
            "raise bytes_per_run, bytes_per_month or live_bytes_per_run in [verify], or promise more weeks in every_byte_within; strongroom \
             verify coverage shows the figures."
        }
        Trouble::FallingBehind => {
            "see why tests were skipped or take less than they should: strongroom verify coverage. To catch up: strongroom \
             verify restore --all."
        }
        Trouble::Quiet | Trouble::Untested | Trouble::ClocksDiffer => advice_on_watching(lead.trouble),
        Trouble::WholeOverdue | Trouble::SampleOverdue | Trouble::KeysOverdue => advice_on_drills(lead.trouble),
        Trouble::WrongClock => {
            "set the clock (timedatectl set-ntp true) and run again. If it is right now and ran ahead before: strongroom prune --yes."
        }
        Trouble::Undelivered => "run strongroom notify test, and see status and the journal for what was not told.",
        Trouble::Missed => {
            "see whether the computer was off. If it was on: strongroom schedule status, systemctl list-timers, journalctl."
        }
        Trouble::Incomplete if lead.job == JobKind::Store => {
            "strongroom verify store says what could not be shown: give the credentials rights such as \
             s3:GetBucketVersioning, or correct [repository] claims."
        }
        Trouble::Incomplete if matches!(lead.job, JobKind::Prune | JobKind::Retention) => {
            "the store refused to delete: give these credentials the right to delete, or clean up from another computer."
        }
        Trouble::Unheard => {
            "strongroom status says which way fails and since when; strongroom notify test says what each server answers."
        }
        Trouble::Incomplete => "see which items failed and why: open files, permissions, a failing disk.",
        Trouble::Failed(Why::Other) if lead.job == JobKind::Configuration => "strongroom config check shows the line.",
        Trouble::Failed(why) => advice_on_failure(why),
    }
}

fn advice_on_documents(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::LiveDiffers => {
            "look at the disk. strongroom verify restore --all names each file; to bring one back: strongroom restore PATH \
             --in-place --overwrite if-changed, which keeps what was there. Then once more strongroom verify restore --all, \
             which closes this when none differs any more."
        }
        Trouble::Spoiled => {
            "run strongroom verify restore: it names each document, its last sound version and the command that brings \
             it back. Look at the disk and at what wrote the file. If it is as it should be: strongroom verify accept."
        }
        Trouble::ManyNotItsName => {
            "treat it as an attack until it is known to be none: disconnect machines, then run strongroom verify restore, \
             which names each document and its last sound version. Thinning, pruning and disposal are stopped until the \
             incident is resolved; whoever resolves it says that what is still so by then is as it should be."
        }
        _ => {
            "treat it as a possible attack: disconnect machines, then run strongroom verify restore, which names each \
             document and its last sound version. Do not prune."
        }
    }
}

fn advice_on_watching(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::HistoryChanged => {
            "do not prune, do not re-initialise. Look on the office server (strongroom log --verify) and at the store's old \
             versions. This closes when the store shows again what is remembered. If it was meant: the manual, \
             \"watching from outside\"."
        }
        Trouble::Damage => {
            "on the office server run strongroom log --verify; bring the damaged object back from the store's old versions."
        }
        Trouble::Quiet => {
            "is the office server on, and connected? On it: systemctl status strongroom.timer, strongroom schedule status, \
             strongroom status. A new or restored server has another signing key: see strongroom actor list."
        }
        Trouble::Overdue => "on the office server run strongroom status: it says why backups fail, or who was told.",
        Trouble::Untested => "on the office server run strongroom verify restore, and see why runs do not test.",
        Trouble::ClocksDiffer => "strongroom watch says by how much; set the clocks (timedatectl set-ntp true).",
        Trouble::Failed(Why::StoreRefused) => {
            "check the watcher's credentials: they must list and read under the prefix."
        }
        Trouble::Failed(why) => advice_on_failure(why),
        _ => "strongroom watch says what it met.",
    }
}

fn advice_on_drills(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::WholeOverdue => {
            "run strongroom verify drill --to DIR, with a DIR that has room for everything. How often it is wanted: \
             drill_every in [verify]."
        }
        Trouble::SampleOverdue => {
            "run strongroom verify drill --sample 1GiB. How often it is wanted: sample_drill_every in [verify]."
        }
        _ => {
            "strongroom status names the key; run strongroom key drill NAME with whoever holds it. How often it is wanted: \
             key_drill_every in [verify]."
        }
    }
}

fn advice_on_failure(why: Why) -> &'static str {
    match why {
        Why::StoreUnreachable => "check the network, name resolution, the proxy and the store's own status.",
        Why::StoreRefused => "check the credentials' expiry and rights: read, write and list under the prefix.",
        Why::StoreFull => "raise the quota or free room in the store; do not delete objects by hand.",
        Why::NoRepository => "check the URL and prefix; do not run init over a repository that should be there.",
        Why::WrongKey => "check that key files and repository belong together; see the recovery sheet.",
        Why::LocalDiskFull => "free room for the state and scratch folders.",
        Why::SourceMissing => "check that the configured folders exist and can be read by the service's user.",
        Why::SourceEmpty => "check whether the share is connected; if it is truly empty now, say allow_empty.",
        Why::SourceNotMounted => "mount the share and see that it is mounted before the backup starts.",
        Why::Interrupted => {
            "nothing, if the computer was shut down; the next run goes on from where it stopped. If it reached run_limit, \
             see what takes so long."
        }
        Why::SourceUnreadable => "see that the service's user may read the configured folders.",
        Why::NotOpened => "run strongroom status on the office computer; it says what stands in the way.",
        Why::NotStarted => "see why the service did not start: systemctl status strongroom, journalctl -u strongroom.",
        Why::NoRecord => "see whether journal.jsonl in the state folder is a file that the service may write.",
        Why::Other => "read the journal and the service's messages on the office computer.",
    }
}
