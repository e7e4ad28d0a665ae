//! The words about documents on the office computer: those that no longer open, and those that their disk has changed.

use super::{Urgency, Words};
use crate::service::causes::Notice;
use crate::service::plain::counted;
use crate::service::words::{Opened, Trouble};

/// How many records changed or went, and in which time.
pub(super) fn changes(notice: &Notice) -> String {
    let over = if notice.counts.in_week { " in seven days" } else { "" };
    format!("{}{over}", counted(notice.counts.changed, "record", "records"))
}

/// Of documents on the office computer that were sound.
pub(super) fn broken(notice: &Notice, when: &str) -> Words {
    match notice.lead.trouble {
        Trouble::ManyNotItsName => (
            "warning, several documents have turned into something else",
            format!(
                "A test on {when} found {} whose content is no longer what their names say.",
                documents(opened(notice).not_its_name)
            ),
            String::from(
                "This may be an attack. Delete nothing: sound versions are kept in the backups. Clean-up waits for you or \
                 your provider.",
            ),
            Urgency::Now,
        ),
        Trouble::NotItsName => (
            "warning, documents have turned into something else",
            format!(
                "A test on {when} found {} whose content is no longer what their names say.",
                documents(opened(notice).not_its_name)
            ),
            String::from(
                "This may be an attack. Earlier, sound versions are kept in the backups. Do not delete anything.",
            ),
            Urgency::Now,
        ),
        Trouble::LiveDiffers => (
            "documents on the office computer may be damaged",
            format!(
                "A test on {when} compared documents on the office computer with their backups. {} may be damaged: \
                 changed without being saved, or not readable.",
                match notice.counts.differing {
                    0 => String::from("Some"),
                    n => documents(n),
                }
            ),
            String::from(
                "Their backups are good: the damage happened on your office computer. Your provider can bring them \
                 back. Until then do not save them.",
            ),
            Urgency::Today,
        ),
        _ => (
            "documents can no longer be opened",
            format!(
                "A test on {when} found {} that could be opened before and cannot be opened now.",
                documents(opened(notice).damaged)
            ),
            String::from(
                "The backups are good: the damage happened on your office computer. Earlier, sound versions are kept, \
                 and your provider can bring them back.",
            ),
            Urgency::Today,
        ),
    }
}

/// So many documents; where no number is known, none is said.
fn documents(n: u64) -> String {
    if n == 0 { String::from("documents") } else { counted(n, "document", "documents") }
}

fn opened(notice: &Notice) -> Opened {
    notice.counts.opening.unwrap_or_default()
}
