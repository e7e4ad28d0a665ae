//! The words about what is no longer kept: clean-up, and the council's rules on keeping records.

use super::{Urgency, Words, reason};
use crate::service::words::{Trouble, Why};

/// Of old backups.
pub(super) fn clean_up(trouble: Trouble, when: &str) -> Words {
    let meaning =
        String::from("Nothing needed was deleted and backups go on, but old ones pile up until this is put right.");
    match trouble {
        Trouble::Refused => (
            "clean-up was stopped",
            format!("The clean-up of old backups on {when} was stopped by a safety check."),
            meaning,
            Urgency::Days,
        ),
        Trouble::Damage => (
            "the clean-up found damage",
            format!("The clean-up of old backups on {when} found damaged data and stopped."),
            String::from("Some records could not be brought back from the backups. Your own files are not affected."),
            Urgency::Today,
        ),
        Trouble::Failed(why) => (
            "clean-up failed",
            format!("The clean-up of old backups failed on {when}. {}", reason(why)),
            meaning,
            if why == Why::Interrupted { Urgency::IfAgain } else { Urgency::Days },
        ),
        _ => (
            "clean-up is incomplete",
            format!("The clean-up of old backups on {when} was not completed."),
            meaning,
            Urgency::Days,
        ),
    }
}

/// Of the council's rules.
pub(super) fn keeping(trouble: Trouble, when: &str) -> Words {
    let why = if let Trouble::Failed(why) = trouble { reason(why) } else { "It was not completed." };
    let urgency = if trouble == Trouble::Failed(Why::Interrupted) { Urgency::IfAgain } else { Urgency::Days };
    (
        "the rules on keeping records were not applied",
        format!("The council's rules on keeping records were not applied on {when}. {why}"),
        String::from("Nothing is destroyed too early, but what is due stays longer. Backups go on."),
        if trouble == Trouble::Damage { Urgency::Today } else { urgency },
    )
}
