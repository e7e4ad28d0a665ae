//! The words about testing: that it failed, that it is late, and what it found of the store itself.

use super::{Urgency, Words, reason};
use crate::service::causes::Notice;
use crate::service::plain::{People, counted};
use crate::service::words::{Trouble, Why};

/// Of test restores.
pub(super) fn test(trouble: Trouble, notice: &Notice, people: &People, when: &str) -> Words {
    let unproved = match notice.last_good {
        Some(at) => format!("The backups may be sound, but that was last shown on {}.", people.day(at)),
        None => String::from("The backups may be sound, but that has never been shown."),
    };
    match trouble {
        Trouble::Damage => (
            "the backups are damaged",
            match notice.counts.problems {
                0 => format!("A test on {when} found damaged data in the backups."),
                n => format!("A test on {when} found damaged data in the backups ({}).", counted(n, "item", "items")),
            },
            String::from("Some records could not be brought back from the backups. Your own files are not affected."),
            Urgency::Today,
        ),
        Trouble::PutRight => (
            "a part of the backups was put right",
            format!(
                "A test on {when} found a part of the backups' own bookkeeping damaged, and put it right at once from a \
                 copy."
            ),
            String::from(
                "No document is affected. If it happens again, the place where backups are kept may be failing.",
            ),
            Urgency::IfAgain,
        ),
        Trouble::ExaminedNothing => (
            "the test of the backups examined nothing",
            format!("The test of the backups on {when} examined nothing."),
            format!("A test that looks at nothing proves nothing. {unproved}"),
            Urgency::Days,
        ),
        Trouble::Failed(why) => (
            "the backups could not be tested",
            format!("The backups could not be tested on {when}. {}", reason(why)),
            unproved,
            if why == Why::Interrupted { Urgency::IfAgain } else { Urgency::Days },
        ),
        _ => (
            "the test of the backups is incomplete",
            format!("The test of the backups on {when} was not completed."),
            unproved,
            Urgency::Days,
        ),
    }
}

/// Of tests that are late.
pub(super) fn in_time(trouble: Trouble, notice: &Notice, people: &People, when: &str) -> Words {
    let last = match notice.last_good {
        Some(at) => format!("All of it was last found tested in time on {}.", people.day(at)),
        None => String::from("It has never been found that all of it was tested in time."),
    };
    match trouble {
        Trouble::Overdue => (
            "the backups were not tested in time",
            format!("On {when} a part of the backups had not been tested for longer than promised."),
            format!("Backups go on. That part may be sound, but nobody has shown it in time. {last}"),
            Urgency::Days,
        ),
        Trouble::LimitsTooLow => (
            "the backups cannot all be tested in time, reported",
            format!(
                "On {when} the settings were found to leave too little room for testing all of the backups in time."
            ),
            String::from(
                "Backups go on, and some of them are tested each time. The rest will be tested later than promised \
                 until your provider changes the settings.",
            ),
            Urgency::Days,
        ),
        Trouble::FallingBehind => (
            "tests of the backups are falling behind",
            format!("On {when} tests of the backups were found to be falling behind."),
            String::from(
                "Backups go on, and nothing is late yet. As tests are made now, a part will not be tested in time: your \
                 provider can put this right before it happens.",
            ),
            Urgency::Days,
        ),
        other => (
            "it is unknown whether tests are late",
            format!(
                "On {when} tests of the backups could not be counted. {}",
                if let Trouble::Failed(why) = other { reason(why) } else { "It was not completed." }
            ),
            format!("Backups go on. {last}"),
            if other == Trouble::Failed(Why::Interrupted) { Urgency::IfAgain } else { Urgency::Days },
        ),
    }
}

/// Of drills that are late.
pub(super) fn drills(trouble: Trouble, when: &str) -> Words {
    match trouble {
        Trouble::WholeOverdue => (
            "bringing everything back should be rehearsed, reported",
            format!("On {when} the last rehearsal of bringing everything back was longer ago than planned."),
            String::from(
                "Backups go on and are tested in parts. A rehearsal shows that all of it comes back, and how long that \
                 takes. Ask your provider for a day to do it.",
            ),
            Urgency::Days,
        ),
        Trouble::SampleOverdue => (
            "bringing documents back should be rehearsed, reported",
            format!("On {when} the last rehearsal of bringing documents back was longer ago than planned."),
            String::from("Backups go on and are tested in parts. Your provider can do this rehearsal at any time."),
            Urgency::Days,
        ),
        Trouble::KeysOverdue => (
            "a key to the backups should be tried, reported",
            format!("On {when} a key to the backups had not been tried for longer than planned."),
            String::from(
                "If the office computer is lost, only such a key opens the backups. If it is the sheet in the safe, \
                 fetch it when your provider asks, and type its key.",
            ),
            Urgency::Days,
        ),
        other => (
            "it is unknown whether rehearsals are late",
            format!(
                "On {when} it could not be seen whether rehearsals are late. {}",
                if let Trouble::Failed(why) = other { reason(why) } else { "It was not completed." }
            ),
            String::from("Backups go on."),
            if other == Trouble::Failed(Why::Interrupted) { Urgency::IfAgain } else { Urgency::Days },
        ),
    }
}

/// That damage is over does not bring back what it took.
pub(super) fn lost(notice: &Notice) -> Option<String> {
    (notice.lead.trouble == Trouble::Damage && notice.counts.accepted).then(|| {
        let what = match notice.counts.lost {
            0 => String::from("A part of the backups"),
            many => counted(many, "version of a document", "versions of documents"),
        };
        format!(
            "{what} cannot be restored any more. This has been accepted and is on record; your provider can say what it \
             was."
        )
    })
}

/// Of what the store does for the backups.
pub(super) fn guarded(trouble: Trouble, when: &str) -> Words {
    match trouble {
        Trouble::Unprotected => (
            "the backups are not protected as agreed",
            format!(
                "A test on {when} found that the place where backups are kept does not protect them as the settings say."
            ),
            String::from(
                "Backups go on and can be brought back, but an attacker or a wrong setting could delete them.",
            ),
            Urgency::Today,
        ),
        Trouble::Failed(why) => (
            "the protection of the backups could not be tested",
            format!("On {when} it could not be tested how the backups are protected. {}", reason(why)),
            String::from("The backups are not changed by this. They may be protected, but nobody has seen it."),
            if why == Why::Interrupted { Urgency::IfAgain } else { Urgency::Days },
        ),
        _ => (
            "it is unknown whether the backups are protected as agreed",
            format!("A test on {when} could not show that the backups are protected as the settings say."),
            String::from("Backups go on and can be brought back. They may be protected, but nobody has seen it."),
            Urgency::Days,
        ),
    }
}
