//! What the clerk reads: fixed templates over closed words, numbers, dates and the configured names.
//!
//! At most 120 words, no jargon, no link, no attachment. Each says what happened, what it means, who acts and
//! their telephone number, by when, the reference, and what is not covered. The approved texts are in
//! `tests/notices/`; a changed word fails a test.

mod documents;
mod keeping;
mod messages;
mod tested;
mod watch;

use jiff::{Timestamp, ToSpan};

use documents::{broken, changes};
use keeping::{clean_up, keeping};
use messages::messages;
use tested::{drills, guarded, in_time, test};

use crate::service::causes::Notice;
use crate::service::plain::{People, counted, list};
use crate::service::words::{JobKind, NoticeKind, Role, SetName, Trouble, Why};

/// A message ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

/// By when somebody should act.
#[derive(Clone, Copy)]
enum Urgency {
    Now,
    Today,
    Days,
    IfAgain,
    IfOn,
}

/// The parts in which the troubles differ.
struct Part {
    title: String,
    happened: String,
    meaning: String,
    urgency: Urgency,
}

/// Puts a notice into the clerk's words.
pub fn for_clerk(notice: &Notice, people: &People) -> Letter {
    match notice.kind {
        NoticeKind::Failure | NoticeKind::Reminder => open(notice, people),
        NoticeKind::WorkingAgain | NoticeKind::Resolved | NoticeKind::NotConfigured => closed(notice, people),
        // None is made from a cause; what they are made from has its own words.
        NoticeKind::Test | NoticeKind::Retention | NoticeKind::Weekly | NoticeKind::Contacts => {
            test_message(people, notice.at)
        }
    }
}

/// The message of `notify test`.
pub fn test_message(people: &People, now: Timestamp) -> Letter {
    let subject = format!("{}: test message from Strongroom on {}", people.council, people.day(now));
    let mut lines = vec![
        String::from("This is a test message from Strongroom, which looks after the council's backups."),
        format!("Nothing is wrong. It was sent on {} to see that messages arrive.", people.moment(now)),
        format!("If you did not expect it, ring {}, telephone {}.", people.provider, people.phone),
    ];
    lines.extend(people.coverage());
    lines.push(String::from("There is nothing to click in this message."));
    Letter { subject, body: paragraphs(&lines) }
}

fn open(notice: &Notice, people: &People) -> Letter {
    let part = part(notice, people);
    let reminder = notice.kind == NoticeKind::Reminder;
    let is_right = notice.lead.trouble.is_over();
    let act = match part.urgency {
        Urgency::Now => String::from("Please ring them now and quote the reference."),
        Urgency::Today => String::from("Please ring them today and quote the reference."),
        Urgency::Days => {
            // The day that was named first stays.
            let until = notice.since + 120.hours();
            let by = if notice.at > until { "today".into() } else { format!("by {}", people.day(until)) };
            format!("Please ring them {by} and quote the reference.")
        }
        Urgency::IfOn => String::from("If the computer was on, please ring them today and quote the reference."),
        Urgency::IfAgain => String::from("Please ring them, quoting the reference, if you are told again tomorrow."),
    };
    let title = if reminder { format!("reminder, {}", part.title) } else { part.title };
    let mut lines = vec![format!("Reference: {}", notice.reference)];
    if reminder {
        let since = people.day(notice.since);
        let still = if is_right { "first found on" } else { "not put right since" };
        lines.push(match notice.to {
            Role::Deputy => format!("You are told as deputy: {still} {since}."),
            _ if is_right => format!("First found on {since}."),
            _ => format!("Not put right since {since}."),
        });
    }
    lines.push(format!("What happened: {}", part.happened));
    lines.push(format!("What it means: {}", part.meaning));
    lines.extend(reporting(notice, people));
    lines.push(format!("Who acts: {}, telephone {}. {act}", people.provider, people.phone));
    lines.extend(people.coverage());
    let often = if notice.lead.job == JobKind::Drills { "weekly" } else { "daily" };
    let again = if notice.lead.trouble == Trouble::Missed {
        String::from("You will be told when the next one was made in time.")
    } else if is_right {
        String::from("You will be told when a test has found it sound.")
    } else {
        format!("You will be told {often} until it is put right.")
    };
    lines.push(format!("{again} There is nothing to click in this message."));
    Letter { subject: subject(notice, people, &title), body: paragraphs(&lines) }
}

/// The clerk decides; the program never says that something need not be reported.
fn reporting(notice: &Notice, people: &People) -> Option<String> {
    let end = notice.since + 72.hours();
    let until = people.day(end);
    notice.lead.trouble.is_incident().then(|| match notice.at > end {
        true => format!("The 72 hours ended on {until}; if you have not decided about reporting, do so now."),
        false => format!("You decide by {until} whether to report it (72 hours)."),
    })
}

fn closed(notice: &Notice, people: &People) -> Letter {
    let began = people.day(notice.since);
    let (title, mut lines) = match notice.kind {
        NoticeKind::Resolved => (
            "the warning was closed",
            vec![
                format!("The warning of {began} was marked as dealt with. Backups and clean-up go on as usual."),
                format!(
                    "If you did not expect this, ring {}, telephone {}, today and quote the reference.",
                    people.provider, people.phone
                ),
            ],
        ),
        NoticeKind::NotConfigured => (
            "a set is no longer backed up",
            vec![
                format!("Strongroom no longer backs up {}: this was taken out of the settings.", of_sets(&notice.sets)),
                format!("The warning of {began} is closed. Backups made earlier are kept."),
                format!(
                    "If you did not expect this, ring {}, telephone {}, today and quote the reference.",
                    people.provider, people.phone
                ),
            ],
        ),
        _ if marked(notice).is_some() => (
            "documents were marked as they should be",
            vec![
                format!(
                    "What could not be opened any more was marked as it should be by a person on {}. The warning of \
                     {began} is closed.",
                    people.moment(marked(notice).unwrap_or(notice.at))
                ),
                format!(
                    "If you did not expect this, ring {}, telephone {}, today and quote the reference.",
                    people.provider, people.phone
                ),
            ],
        ),
        _ => (
            "working again",
            vec![
                format!("{} on {}. The problem of {began} is over.", works_again(notice), people.moment(notice.at)),
                tested::lost(notice).unwrap_or_else(|| String::from("You need do nothing.")),
                format!("Questions: {}, telephone {}.", people.provider, people.phone),
            ],
        ),
    };
    lines.insert(0, format!("Reference: {}", notice.reference));
    lines.extend(people.coverage());
    lines.push(String::from("There is nothing to click in this message."));
    Letter { subject: subject(notice, people, title), body: paragraphs(&lines) }
}

/// When a person took documents that do not open off the list, where it was so that the warning ended.
fn marked(notice: &Notice) -> Option<Timestamp> {
    let of_documents = matches!(notice.lead.trouble, Trouble::Spoiled | Trouble::NotItsName | Trouble::ManyNotItsName);
    notice.counts.marked.filter(|_| of_documents)
}

fn subject(notice: &Notice, people: &People, title: &str) -> String {
    format!("{}: {title} on {} – reference {}", people.council, people.day(notice.at), notice.reference)
}

fn works_again(notice: &Notice) -> String {
    match (notice.lead.job, notice.lead.trouble) {
        (JobKind::Watch, _) => watch::over(notice),
        (JobKind::Notices, Trouble::Unheard) => String::from("Messages got through again by every way"),
        (_, Trouble::WrongClock) => String::from("The clock of the office computer was found right again"),
        (JobKind::Notices, Trouble::Undelivered) => String::from("Messages left the office computer again"),
        (JobKind::Notices, Trouble::Failed(_)) => String::from("Strongroom could keep its record again"),
        (JobKind::Notices, _) => String::from("All waiting messages could be read again"),
        (_, Trouble::Damage) if notice.counts.accepted => {
            String::from("Everything that can still be restored was tested again and found sound")
        }
        (_, Trouble::Damage) => String::from("What was damaged was tested again and found sound"),
        (_, Trouble::Spoiled | Trouble::NotItsName | Trouble::ManyNotItsName) => {
            String::from("The documents that could not be opened any more were put right, moved or deleted")
        }
        (_, Trouble::LiveDiffers) => {
            String::from("All documents on the office computer were compared with their backups and found the same")
        }
        (_, Trouble::PutRight) => String::from("What was put right was looked at again and found sound"),
        (JobKind::Backup, Trouble::Incomplete) => format!("The backup of {} was complete", of_sets(&notice.sets)),
        (JobKind::Backup, Trouble::Missed) => format!("The backup of {} was made in time again", of_sets(&notice.sets)),
        (JobKind::Backup, _) => format!("The backup of {} worked again", of_sets(&notice.sets)),
        (JobKind::Verify, _) => String::from("The test of the backups worked again"),
        (JobKind::Thin | JobKind::Prune, _) => String::from("The clean-up of old backups worked again"),
        (JobKind::Retention, _) => String::from("The council's rules on how long records are kept were applied again"),
        (JobKind::Coverage, Trouble::LimitsTooLow) => {
            String::from("The settings were found to leave enough room for testing all of the backups in time")
        }
        (JobKind::Coverage, Trouble::FallingBehind) => {
            String::from("Tests of the backups were found to be in time again")
        }
        (JobKind::Coverage, _) => String::from("All of the backups were found to be tested in time"),
        (JobKind::Drills, Trouble::KeysOverdue) => String::from("The keys to the backups were tried and found to work"),
        (JobKind::Drills, _) => String::from("Documents were brought back in a rehearsal"),
        (JobKind::Store, _) if notice.counts.problems > 0 => {
            String::from("What can be tested of the protection of the backups was found as agreed")
        }
        (JobKind::Store, _) => String::from("The backups were found to be protected as agreed"),
        (JobKind::Configuration, _) => String::from("Strongroom could read its settings again"),
    }
}

fn part(notice: &Notice, people: &People) -> Part {
    let when = people.moment(notice.found);
    let sets = of_sets(&notice.sets);
    let (title, happened, meaning, urgency) = match (notice.lead.trouble, notice.lead.job) {
        (trouble, JobKind::Watch) => watch::watched(trouble, notice, people, &when),
        (Trouble::HistoryChanged, _) => (
            "warning, the backups may have been tampered with",
            format!("On {when} the backups did not match what this computer remembers of them."),
            String::from(
                "Backups may have been removed or altered. Nothing was deleted here, and clean-up has stopped. Treat this \
                 as a possible security incident.",
            ),
            Urgency::Now,
        ),
        (Trouble::MassChange, _) => (
            "warning, an unusual number of changes",
            format!("The backup of {sets} on {when} found an unusual number of changes: {}.", changes(notice)),
            String::from(
                "This may be an attack, or ordinary work such as moving a folder. Earlier backups are kept; clean-up waits \
                 for you.",
            ),
            Urgency::Now,
        ),
        (Trouble::ManyNotItsName | Trouble::NotItsName | Trouble::Spoiled | Trouble::LiveDiffers, _) => {
            broken(notice, &when)
        }
        (Trouble::WrongClock, _) => clock(&when),
        (trouble, JobKind::Backup) => backup(trouble, notice, people, &sets, &when),
        (trouble, JobKind::Verify) => test(trouble, notice, people, &when),
        (trouble, JobKind::Thin | JobKind::Prune) => clean_up(trouble, &when),
        (trouble, JobKind::Retention) => keeping(trouble, &when),
        (trouble, JobKind::Coverage) => in_time(trouble, notice, people, &when),
        (trouble, JobKind::Drills) => drills(trouble, &when),
        (trouble, JobKind::Store) => guarded(trouble, &when),
        (_, JobKind::Configuration) => settings(notice, &when),
        (trouble, JobKind::Notices) => messages(trouble, notice, &when),
    };
    Part { title: title.to_owned(), happened, meaning, urgency }
}

type Words = (&'static str, String, String, Urgency);

fn backup(trouble: Trouble, notice: &Notice, people: &People, sets: &str, when: &str) -> Words {
    let unprotected = match notice.last_good {
        Some(at) => format!("Work saved since the last good backup, on {}, is not protected.", people.day(at)),
        None => format!("No good backup of {sets} is known."),
    };
    match trouble {
        Trouble::Damage => (
            "the backup found damage",
            format!("The backup of {sets} on {when} found that earlier backed-up data is damaged."),
            String::from("Some records could not be brought back from the backups. Your own files are not affected."),
            Urgency::Today,
        ),
        Trouble::Refused => (
            "the backup was stopped",
            format!("The backup of {sets} on {when} was stopped by a safety check."),
            unprotected,
            Urgency::Today,
        ),
        Trouble::Missed => (
            "backups were missed",
            match notice.counts.silent_since {
                Some(since) => format!(
                    "Between {} and {when} no backup of {sets} was made. Now there is one again.",
                    people.moment(since)
                ),
                None => format!("Before {when} no backup of {sets} was made for too long. Now there is one again."),
            },
            String::from(
                "Work of those days was not protected. Either the office computer was off, or something stopped the \
                 nightly work.",
            ),
            Urgency::IfOn,
        ),
        Trouble::Incomplete => (
            "the backup is incomplete",
            format!(
                "The backup of {sets} on {when} is incomplete: {} could not be read.",
                counted(notice.counts.problems, "file", "files")
            ),
            String::from("The latest state of those files is not protected. Everything else is."),
            Urgency::Days,
        ),
        Trouble::Failed(why) => {
            let happened = format!("The backup of {sets} failed on {when}. {}", reason(why));
            let meaning = match why {
                Why::NoRepository | Why::WrongKey | Why::NotOpened => {
                    format!("{unprotected} It is not yet known whether earlier backups can be used.")
                }
                _ if notice.last_good.is_none() => unprotected,
                _ => format!("{unprotected} Earlier backups are not changed by this."),
            };
            let urgency = if why == Why::Interrupted { Urgency::IfAgain } else { Urgency::Today };
            ("the backup failed", happened, meaning, urgency)
        }
        _ => (
            "the backup found nothing",
            format!("The backup of {sets} on {when} found nothing to back up."),
            unprotected,
            Urgency::Today,
        ),
    }
}

fn clock(when: &str) -> Words {
    (
        "the office computer's clock is wrong",
        format!("On {when}, as the office computer saw it, its clock did not fit what was recorded before."),
        String::from(
            "Backups go on, but their dates may be wrong. Nothing old is cleaned up or destroyed until the clock is right.",
        ),
        Urgency::Today,
    )
}

fn settings(notice: &Notice, when: &str) -> Words {
    let meaning = match notice.counts.last_settings {
        true => "Backups go on with the last settings that worked. A change made since does not count.",
        false => "No backup is made until the settings are corrected. Earlier backups are not affected.",
    };
    (
        "the settings cannot be used",
        format!("On {when} Strongroom could not use its settings."),
        String::from(meaning),
        Urgency::Today,
    )
}

fn reason(why: Why) -> &'static str {
    match why {
        Why::StoreUnreachable => "The place where backups are kept could not be reached.",
        Why::StoreRefused => "The place where backups are kept refused this computer's password or permission.",
        Why::StoreFull => "The place where backups are kept is full.",
        Why::NoRepository => "No backups were found at the address in the settings.",
        Why::WrongKey => "This computer's key does not open the council's backups.",
        Why::LocalDiskFull => "This computer's own disk is full.",
        Why::SourceMissing => "The council's folders were not found.",
        Why::SourceEmpty => "The council's folders were empty, although they held files before.",
        Why::SourceNotMounted => "The office file storage was not connected to this computer.",
        Why::Interrupted => "The work was stopped before it had finished, perhaps by a shutdown or time limit.",
        Why::SourceUnreadable => "This computer may not read some of the council's folders.",
        Why::NotOpened => "The backups could not be opened. The reason is recorded on the office computer.",
        Why::NotStarted => "The nightly work did not start. The reason is recorded on the office computer.",
        Why::NoRecord => "Strongroom's own record on this computer cannot be used.",
        Why::Other => "The reason is recorded on the office computer.",
    }
}

fn of_sets(sets: &[SetName]) -> String {
    const SHOWN: usize = 3;
    let mut names: Vec<String> = sets.iter().take(SHOWN).map(|s| s.spoken().to_owned()).collect();
    match sets.len() {
        0 => return String::from("the council's records"),
        n if n > SHOWN => names.push(counted((n - SHOWN) as u64, "other set", "other sets")),
        _ => {}
    }
    list(&names)
}

pub(super) fn paragraphs(lines: &[String]) -> String {
    lines.join("\n\n") + "\n"
}
