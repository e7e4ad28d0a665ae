//! Small records and classes for tests of the law.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::date;

use super::record::{ContentId, RecordFacts};
use super::scheme::{Class, Scheme, SchemeHead};
use crate::domain::id::SnapshotId;
use crate::domain::path::RecordPath;

/// A gone record, last modified on 12 May 2015, of content that nothing else has.
pub(super) fn record(path: &str) -> RecordFacts {
    let time =
        |y: i16, m, d| -> Timestamp { date(y, m, d).at(12, 0, 0, 0).in_tz("Europe/London").unwrap().timestamp() };
    RecordFacts {
        set: Arc::from("office"),
        path: RecordPath::new(path).unwrap(),
        live: false,
        unreadable: false,
        created: Some(time(2015, 5, 12)),
        modified: time(2015, 5, 12),
        observed: time(2016, 1, 1),
        first_seen: time(2015, 6, 1),
        last_seen: Some(time(2016, 1, 1)),
        content: ContentId::NOTHING,
        size: 1,
        snapshots: Arc::from([SnapshotId(3)]),
    }
}

/// A class that destroys six years after the modified date.
pub(super) fn class(id: &str, patterns: &[&str]) -> Class {
    Class {
        id: id.into(),
        title: id.into(),
        patterns: patterns.iter().map(|p| (*p).to_owned()).collect(),
        minimum: "6 years".parse().unwrap(),
        trigger: "modified".parse().unwrap(),
        ceiling: None,
        authority: "minute 7c".into(),
        strength: None,
        action: super::scheme::Action::Destroy,
        approver: super::scheme::Approver::Clerk,
        notes: String::new(),
    }
}

pub(super) fn scheme(classes: Vec<Class>) -> Scheme {
    Scheme { scheme: SchemeHead { title: "Test".into() }, classes }
}
