//! The council's scheme as data: the classes of records and what each is owed.
//!
//! The keys are fixed, so that councils can share files. A scheme that [`Scheme::check`] faults is never in force.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::matching::{BadPattern, ClassPattern};
use super::period::Period;
use super::trigger::Trigger;

/// A whole scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheme {
    /// What it calls itself.
    pub scheme: SchemeHead,
    /// Its classes, in the order written.
    #[serde(rename = "class", default)]
    pub classes: Vec<Class>,
}

/// The part of a scheme that is not about a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemeHead {
    /// Its title.
    pub title: String,
}

/// One class of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Class {
    /// Its short name: lower-case letters, digits and hyphens.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// Which records belong to it; none until somebody assigns them.
    #[serde(default)]
    pub patterns: Vec<String>,
    /// How long records are kept at least.
    pub minimum: Period,
    /// From what the time counts.
    pub trigger: Trigger,
    /// By when they should be gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Period>,
    /// The law, guidance or minute it rests on.
    #[serde(default)]
    pub authority: String,
    /// How strong that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<Strength>,
    /// What becomes of them then.
    pub action: Action,
    /// Who must approve that.
    #[serde(default)]
    pub approver: Approver,
    /// For people.
    #[serde(default)]
    pub notes: String,
}

/// What becomes of a record when its minimum is over; later ones are the more careful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is offered for destruction.
    Destroy,
    /// A person decides each time.
    Review,
    /// It goes to an archive; a person does it.
    Transfer,
    /// It is kept for ever.
    Keep,
}

/// Who must approve a disposal; later ones are the more careful.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approver {
    /// The class itself is the approval.
    None,
    /// The clerk.
    #[default]
    Clerk,
    /// The council, by a minute.
    Council,
}

/// How strong an authority is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// A law sets the period.
    Statute,
    /// A regulator, an association or an archives service says so.
    Guidance,
    /// What councils do.
    Practice,
    /// Suggested, with no published source.
    Proposal,
}

macro_rules! displayed {
    ($($kind:ident { $($value:ident => $word:literal),* })*) => {$(
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$value => $word),* })
            }
        }
    )*};
}
displayed! {
    Action { Destroy => "destroy", Review => "review", Transfer => "transfer", Keep => "keep" }
    Approver { None => "none", Clerk => "clerk", Council => "council" }
    Strength { Statute => "statute", Guidance => "guidance", Practice => "practice", Proposal => "proposal" }
}

/// What makes a scheme unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("class '{id}': {what}")]
pub struct SchemeError {
    /// Which class, counted from 0 in the order written.
    pub class: usize,
    /// Its id as written.
    pub id: String,
    /// What is wrong with it.
    pub what: SchemeFault,
}

/// What can be wrong with a class without looking at any record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemeFault {
    /// The id is no id.
    #[error("the id must be lower-case letters, digits and hyphens, beginning with a letter")]
    Id,
    /// An earlier class has it.
    #[error("an earlier class has the same id; every class needs its own")]
    SameId,
    /// The pattern can fit nothing.
    #[error("pattern {at}, '{text}': {why}", at = .at + 1)]
    Pattern {
        /// Which, counted from 0.
        at: usize,
        /// As written.
        text: String,
        /// What is wrong with it.
        why: BadPattern,
    },
    /// What must be kept longest must go before that.
    #[error("the minimum ({minimum}) can end after the ceiling ({ceiling})")]
    Ceiling {
        /// The minimum.
        minimum: Period,
        /// The ceiling.
        ceiling: Period,
    },
}

/// Lower-case letters, digits and hyphens, beginning with a letter.
pub fn is_id(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

impl Scheme {
    /// Everything that makes the scheme unusable, in the order of its classes; empty: it can be adopted.
    pub fn check(&self) -> Vec<SchemeError> {
        let mut faults = vec![];
        let mut ids = HashSet::new();
        for (at, class) in self.classes.iter().enumerate() {
            let mut fault = |what| faults.push(SchemeError { class: at, id: class.id.clone(), what });
            if !is_id(&class.id) {
                fault(SchemeFault::Id);
            }
            if !ids.insert(&class.id) {
                fault(SchemeFault::SameId);
            }
            for (at, text) in class.patterns.iter().enumerate() {
                if let Err(why) = ClassPattern::new(text) {
                    fault(SchemeFault::Pattern { at, text: text.clone(), why });
                }
            }
            if let Some(ceiling) = class.ceiling.filter(|c| c.is_shorter_than(&class.minimum)) {
                fault(SchemeFault::Ceiling { minimum: class.minimum, ceiling });
            }
        }
        faults
    }

    /// The class with this id.
    pub fn class(&self, id: &str) -> Option<&Class> {
        self.classes.iter().find(|c| c.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{class, scheme};
    use super::*;

    #[test]
    fn every_fault_is_told_with_its_class() {
        let mut late = class("late", &["Docs/**"]);
        late.ceiling = Some(Period::years(5));
        let all = scheme(vec![class("a", &["A", "/B"]), class("A b", &[]), class("a", &[]), late]);
        let said: Vec<(usize, String)> = all.check().into_iter().map(|e| (e.class, e.to_string())).collect();
        let rooted = BadPattern::Rooted;
        let expected = [
            (0, format!("class 'a': pattern 2, '/B': {rooted}")),
            (1, "class 'A b': the id must be lower-case letters, digits and hyphens, beginning with a letter".into()),
            (2, "class 'a': an earlier class has the same id; every class needs its own".into()),
            (3, "class 'late': the minimum (6 years) can end after the ceiling (5 years)".into()),
        ];
        assert_eq!(said, expected);
        assert_eq!(scheme(vec![class("a", &["A"]), class("b-9", &[])]).check(), []);
        assert_eq!((all.class("late").map(|c| c.minimum), all.class("b")), (Some(Period::years(6)), None));
    }
}
