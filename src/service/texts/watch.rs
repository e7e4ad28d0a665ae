//! The words of a watcher on another computer: what it saw from outside, or could not see.

use super::{Urgency, Words, of_sets};
use crate::service::causes::Notice;
use crate::service::plain::People;
use crate::service::words::{Trouble, Why};

/// Of what is missing, or does not fit.
pub(super) fn watched(trouble: Trouble, notice: &Notice, people: &People, when: &str) -> Words {
    let last = notice.last_good.map(|at| people.day(at));
    match trouble {
        Trouble::HistoryChanged => (
            "warning, the backups may have been tampered with",
            format!("On {when} the backups did not match what a second computer, which watches them, remembers."),
            String::from("Backups may have been removed or altered. Treat this as a possible security incident."),
            Urgency::Now,
        ),
        Trouble::Damage => (
            "the backups are damaged",
            format!("On {when} a second computer, which watches from outside, found the backups' own record damaged."),
            String::from("It is not yet known whether earlier backups can be used. Your own files are not affected."),
            Urgency::Today,
        ),
        Trouble::Quiet => (
            "the office computer is silent",
            match last {
                Some(day) => format!(
                    "Nothing has been heard from the computer that makes the backups since {day}. A second computer, which \
                     watches from outside, noticed this on {when}."
                ),
                None => format!(
                    "Nothing has ever been heard from the computer that makes the backups. A second computer, which watches \
                     from outside, noticed this on {when}."
                ),
            },
            String::from(
                "It may be switched off, disconnected or broken, and work saved since may not be protected. Earlier backups \
                 are not changed by this.",
            ),
            Urgency::Today,
        ),
        Trouble::Overdue => overdue(notice, last, when),
        Trouble::Untested => (
            "the backups were not tested for too long",
            match last {
                Some(_) => format!("On {when} the last test of the backups was longer ago than agreed."),
                None => format!("On {when} there was still no test of the backups that passed."),
            },
            match last {
                Some(day) => format!("The backups may be sound, but that was last shown on {day}."),
                None => String::from("The backups may be sound, but that has never been shown."),
            },
            Urgency::Days,
        ),
        Trouble::ClocksDiffer => (
            "a clock is wrong",
            format!(
                "On {when} the clocks of the computer that makes the backups, of the place where they are kept, and of the \
                 computer that watches did not agree."
            ),
            String::from("Backups can seem newer than they are, so that a warning comes too late."),
            Urgency::Days,
        ),
        other => unseen(other, last, when),
    }
}

fn overdue(notice: &Notice, last: Option<String>, when: &str) -> Words {
    let sets = of_sets(&notice.sets);
    let (happened, meaning) = match last {
        Some(day) => (
            format!("On {when} the newest good backup of {sets} was of {day}. That is longer ago than agreed."),
            String::from("Work saved since then is not protected. Earlier backups are not changed by this."),
        ),
        None => (
            format!("On {when} there was still no good backup of {sets}."),
            String::from("These records are not protected."),
        ),
    };
    let seen = "A second computer, which watches from outside, noticed this.";
    ("backups are overdue", format!("{happened} {seen}"), meaning, Urgency::Today)
}

/// The watcher could not look.
fn unseen(trouble: Trouble, last: Option<String>, when: &str) -> Words {
    let seen = match last {
        Some(day) => format!("Whether backups are made was last seen from outside on {day}."),
        None => String::from("Whether backups are made was never seen from outside."),
    };
    let outside = "a second computer, which watches from outside,";
    if trouble == Trouble::Failed(Why::NoRepository) {
        return (
            "the backups cannot be found",
            format!("On {when} {outside} found no backups where they should be."),
            format!("They may have been removed, or moved. {seen} Treat this as a possible security incident."),
            Urgency::Now,
        );
    }
    let reason = match trouble {
        Trouble::Failed(Why::StoreUnreachable) => "The place where backups are kept could not be reached.",
        Trouble::Failed(Why::StoreRefused) => "The place where backups are kept did not let it in.",
        Trouble::Failed(Why::WrongKey) => "Its key does not open the council's backups.",
        _ => "The reason is recorded on that computer.",
    };
    (
        "nobody can see whether backups are made",
        format!("On {when} {outside} could not look at the backups. {reason}"),
        format!("{seen} They may go on as usual."),
        Urgency::Today,
    )
}

/// What a closing letter says is over.
pub(super) fn over(notice: &Notice) -> String {
    match notice.lead.trouble {
        Trouble::HistoryChanged => String::from("The backups matched again what is remembered of them"),
        Trouble::Damage => String::from("The backups' own record was found whole again"),
        Trouble::Quiet => String::from("The computer that makes the backups was heard of again"),
        Trouble::Overdue => format!("A good backup of {} was seen again", of_sets(&notice.sets)),
        Trouble::Untested => String::from("The backups were tested again"),
        Trouble::ClocksDiffer => String::from("The clocks were found to agree again"),
        Trouble::Failed(Why::NoRepository) => String::from("The backups were found again where they should be"),
        _ => String::from("The backups could be looked at from outside again"),
    }
}
