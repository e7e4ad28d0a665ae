//! What a job counted, and how documents that came back were found, in numbers: all that journal, status and notices may know of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Whether documents that came back still open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Structurally sound.
    pub sound: u64,
    /// Live, damaged, and sound before.
    pub damaged: u64,
    /// Live, no longer what their names say, and sound before.
    pub not_its_name: u64,
    /// Never sound since they are backed up.
    pub never_sound: u64,
    /// Encrypted, too large, of other kinds.
    pub not_checkable: u64,
    /// Nothing, or not all, could be examined.
    pub skipped: bool,
    /// Examinations that did not end.
    #[serde(default)]
    pub unended: u64,
    /// Documents that wait for the next test to be opened.
    #[serde(default)]
    pub waiting: u64,
}

/// What a job counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Files examined.
    pub files: u64,
    /// Bytes examined.
    pub bytes: u64,
    /// Items that failed.
    pub problems: u64,
    /// Records changed or deleted in this run; with `in_week` what was unusual in seven days: that, or what was given
    /// another ending or turned to noise.
    #[serde(default)]
    pub changed: u64,
    /// In this run: given another ending or turned to noise. Unknown in what an older program wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turned: Option<u64>,
    /// That is so over a week, and not in one night.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_week: bool,
    /// Whether documents that came back still open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<Opened>,
    /// Records that cannot be restored any more, as a person accepted.
    #[serde(default)]
    pub lost: u64,
    /// A person accepted that something stored is lost, whatever number of records that is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accepted: bool,
    /// Files on this computer that differ from their backups although nobody saved them, or cannot be read.
    #[serde(default)]
    pub differing: u64,
    /// Every live file on this computer was read again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all_live: bool,
    /// Since when there had been no backup of the set, and nobody was told, before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_since: Option<Timestamp>,
    /// Key files and index were looked at, which is where damage is put right.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub looked_around: bool,
    /// Of a look at others' work: when what is missing was last there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// The settings cannot be used, and the run went on with the last that could.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub last_settings: bool,
    /// When a person last marked documents that do not open as what they should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marked: Option<Timestamp>,
    /// Which items failed, as a number that changes with any of them: by it an acceptance holds for these and no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub which: Option<u64>,
}
