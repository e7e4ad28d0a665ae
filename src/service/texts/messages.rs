//! The words about messages themselves: one that may be lost, and a way by which they do not get through.

use super::{Urgency, Words};
use crate::service::words::Trouble;

pub(super) fn messages(trouble: Trouble, when: &str) -> Words {
    if trouble == Trouble::Unheard {
        return (
            "some messages do not get through",
            format!(
                "On {when} messages of one kind had not got through for a day or longer. You get this one because \
                 another way works."
            ),
            String::from(
                "Backups go on. But somebody else, or another system, may not hear of a problem. Ask your provider to \
                 look.",
            ),
            Urgency::Days,
        );
    }
    (
        "a message to you may be lost",
        format!("On {when} a message that was waiting to be sent was found damaged."),
        String::from("You may have missed a warning. Ask your provider to look at Strongroom on the office computer."),
        Urgency::Today,
    )
}
