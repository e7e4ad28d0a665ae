//! The words about messages themselves: one that may be lost, and a way by which they do not get through.

use super::{Urgency, Words, reason};
use crate::service::causes::Notice;
use crate::service::plain::counted;
use crate::service::words::Trouble;

pub(super) fn messages(trouble: Trouble, notice: &Notice, when: &str) -> Words {
    match trouble {
        Trouble::Unheard => (
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
        ),
        Trouble::Failed(why) => (
            "the record cannot be kept",
            format!("On {when} Strongroom could not write down what it did. {}", reason(why)),
            String::from(
                "Backups may still be made, but Strongroom forgets what it did and whom it told: messages may come twice or \
                 not at all.",
            ),
            Urgency::Today,
        ),
        Trouble::Undelivered => (
            "messages to you were lost",
            format!(
                "On {when} {} had been given up: for 14 days none could leave this computer.",
                counted(notice.counts.problems, "message", "messages")
            ),
            String::from(
                "You may have missed a warning. Ask your provider what Strongroom says on the office computer.",
            ),
            Urgency::Today,
        ),
        _ => (
            "a message to you may be lost",
            format!("On {when} a message that was waiting to be sent was found damaged."),
            String::from(
                "You may have missed a warning. Ask your provider to look at Strongroom on the office computer.",
            ),
            Urgency::Today,
        ),
    }
}
