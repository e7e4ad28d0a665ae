//! A plan: the exact list of records that would be destroyed, with a name that holds for that list alone.
//!
//! Its digest covers what would go and by which adoption; not what may change without harm, such as newer backups
//! that hold a record too, or holds on other records.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::decide::{Decider, Disposition};
use super::record::ContentId;
use crate::domain::id::{Digest, RepositoryId, SnapshotId};
use crate::domain::path::RecordPath;

/// One record that would go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedRecord {
    /// The backup set.
    pub set: String,
    /// Where the council knew it.
    #[serde(with = "path_text")]
    pub path: RecordPath,
    /// Its last version's content.
    pub content: ContentId,
    /// Its class.
    pub class: String,
    /// Its last version's length.
    pub size: u64,
    /// Since when it may go.
    pub due: Date,
    /// The snapshots that contain a version of it.
    pub snapshots: Vec<SnapshotId>,
}

/// All records that would go on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The day it was decided for.
    pub on: Date,
    /// The log entry that adopted the scheme it was decided by.
    pub scheme_at: u64,
    /// The approval that had the name this plan would have without it; 0 where there was none. So a list that is
    /// approved, called off and approved again has two names, and no two disposals have one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after: u64,
    /// The records, by set and path.
    pub records: Vec<PlannedRecord>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands over a reference
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// What a person types to approve a plan: its day and the beginning of its digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanId(String);

/// The text names no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' names no plan. Its name is a date and eight digits, such as 2026-11-22-3f9a2c41; `retention plan` shows it"
)]
pub struct PlanIdError(pub String);

impl Plan {
    /// The records that `decider` would dispose of on `on`.
    pub fn of(decider: &Decider<'_>, on: Date, scheme_at: u64) -> Self {
        let mut records: Vec<PlannedRecord> = decider
            .all()
            .filter(|(_, decision)| decision.disposition == Disposition::Dispose)
            .filter_map(|(record, decision)| {
                Some(PlannedRecord {
                    set: record.set.to_string(),
                    path: record.path.clone(),
                    content: record.content,
                    class: decision.class?,
                    size: record.size,
                    due: decision.due?,
                    snapshots: record.snapshots.to_vec(),
                })
            })
            .collect();
        records.sort_by(|a, b| (&a.set, &a.path).cmp(&(&b.set, &b.path)));
        Self { on, scheme_at, after: 0, records }
    }

    /// How many bytes the last versions have together.
    pub fn bytes(&self) -> u64 {
        self.records.iter().fold(0, |sum, r| sum.saturating_add(r.size))
    }

    /// BLAKE3 of: the line `strongroom plan 1`, the repository's id, the day (ISO), the adoption's entry, the count
    /// of records, of each its set, path, content, class and due day (ISO), and `after` unless it is
    /// 0. Numbers are 8 bytes, the lowest first; texts and paths have their length before them as such a number.
    pub fn digest(&self, repository: &RepositoryId) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"strongroom plan 1\n");
        hasher.update(repository.as_bytes());
        part(&mut hasher, self.on.to_string().as_bytes());
        hasher.update(&self.scheme_at.to_le_bytes());
        hasher.update(&(self.records.len() as u64).to_le_bytes());
        for record in &self.records {
            part(&mut hasher, record.set.as_bytes());
            part(&mut hasher, record.path.as_bytes());
            hasher.update(record.content.as_bytes());
            part(&mut hasher, record.class.as_bytes());
            part(&mut hasher, record.due.to_string().as_bytes());
        }
        if self.after > 0 {
            hasher.update(&self.after.to_le_bytes());
        }
        Digest::new(*hasher.finalize().as_bytes())
    }

    /// Gives it a name that no approval has: `taken` says which one has a name.
    pub fn rename_after(&mut self, repository: &RepositoryId, taken: &dyn Fn(&PlanId) -> Option<u64>) {
        while let Some(at) = taken(&self.id(repository)).filter(|at| *at > self.after) {
            self.after = at;
        }
    }

    /// What a person types to mean exactly this plan of this repository.
    pub fn id(&self, repository: &RepositoryId) -> PlanId {
        PlanId(format!("{}-{}", self.on, self.digest(repository).short()))
    }
}

fn part(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

impl PlanId {
    /// The day the plan was decided for.
    pub fn on(&self) -> Option<Date> {
        self.0.rsplit_once('-')?.0.parse().ok()
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PlanId {
    type Err = PlanIdError;

    fn from_str(text: &str) -> Result<Self, PlanIdError> {
        let bad = || PlanIdError(text.to_owned());
        let (day, digits) = text.trim().rsplit_once('-').ok_or_else(bad)?;
        let day: Date = day.parse().map_err(|_| bad())?;
        let digits = digits.to_ascii_lowercase();
        if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        Ok(Self(format!("{day}-{digits}")))
    }
}

impl Serialize for PlanId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PlanId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Paths in JSON: text where they are UTF-8, else `{"hex": "…"}`.
pub mod path_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::domain::path::RecordPath;

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Form {
        Text(String),
        Bytes { hex: String },
    }

    /// Writes the path.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(path: &RecordPath, s: S) -> Result<S::Ok, S::Error> {
        match path.as_text() {
            Some(text) => s.serialize_str(text),
            None => Form::Bytes { hex: hex::encode(path.as_bytes()) }.serialize(s),
        }
    }

    /// Reads it back.
    ///
    /// # Errors
    /// When it is no record's path.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<RecordPath, D::Error> {
        use serde::de::Error;
        let bytes = match Form::deserialize(d)? {
            Form::Text(text) => text.into_bytes(),
            Form::Bytes { hex } => hex::decode(hex).map_err(D::Error::custom)?,
        };
        RecordPath::new(bytes).map_err(D::Error::custom)
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
