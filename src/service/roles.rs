//! Who is told, and what a message says: two more words of the closed vocabulary.

use serde::{Deserialize, Serialize};

/// Who a notice is for. Addresses are kept by the mailer, never with a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The town clerk: plain English.
    Clerk,
    /// The clerk's deputy: plain English.
    Deputy,
    /// The IT provider: the technical side.
    Provider,
}

/// What a notice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// Something has gone wrong.
    Failure,
    /// It is still wrong a day later.
    Reminder,
    /// It is right again.
    WorkingAgain,
    /// A person has said that it is dealt with.
    Resolved,
    /// The set is no longer configured, so it is no longer looked after.
    NotConfigured,
    /// A message that a person asked for, to see that messages arrive.
    Test,
    /// Something about the council's scheme on keeping records: nothing has gone wrong.
    Retention,
    /// How things stand: once a week, whatever happened.
    Weekly,
    /// Whether the people and numbers in the settings are still right.
    Contacts,
}
