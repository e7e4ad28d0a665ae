//! One record as a question finds it.

use jiff::Timestamp;

use crate::domain::id::SnapshotId;
use crate::domain::listing::Entry;
use crate::domain::path::RecordPath;

/// A record in one snapshot, live or gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The record's path.
    pub path: RecordPath,
    /// What the snapshot says about it.
    pub entry: Entry,
    /// Whether it was there when the snapshot was made.
    pub live: bool,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// Between which moments it disappeared.
    pub deleted_between: Option<(Timestamp, Timestamp)>,
    /// The snapshot whose listings name it: with this number it can be restored.
    pub snapshot: SnapshotId,
    /// Its protected set.
    pub set: String,
}

/// A recorded second as a moment; what cannot be one is the beginning of time.
pub fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl Hit {
    /// Puts a hit together. `began` is the snapshot's own time.
    pub fn new(entry: Entry, live: bool, began: Timestamp, snapshot: SnapshotId, set: &str) -> Self {
        let gone = entry.gone.as_ref().filter(|_| !live);
        let last_seen = gone.map_or(began, |g| moment(g.last_seen_s));
        let deleted_between = gone.filter(|g| !g.unreadable).map(|g| (last_seen, moment(g.missed_s)));
        Self { path: entry.path.clone(), live, last_seen, deleted_between, snapshot, set: set.to_owned(), entry }
    }
}
