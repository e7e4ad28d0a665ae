//! The scheme's file: the shipped draft against the facts it was made from, every mistake word for word, folders
//! given to classes without disturbing the text, and what is proposed for two councils' folders.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "retention_scheme/assigning.rs"]
mod assigning;
#[path = "retention_scheme/errors.rs"]
mod errors;
#[path = "retention_scheme/proposals.rs"]
mod proposals;
#[path = "retention_scheme/tree.rs"]
mod tree;
#[path = "retention_scheme/unassigning.rs"]
mod unassigning;

use strongroom::config::scheme::{DRAFT, parse_scheme};
use strongroom::domain::retention::lint::{Found, lint};
use strongroom::domain::retention::period::Period;
use strongroom::domain::retention::scheme::{Action, Approver, Scheme, Strength};
use strongroom::domain::retention::trigger::Trigger;

/// The shipped scheme.
fn draft() -> Scheme {
    parse_scheme(DRAFT, "draft").unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn the_draft_is_whole_and_says_that_it_is_a_draft() {
    let scheme = draft();
    let findings = lint(&scheme, None);
    assert!(findings.iter().all(|f| matches!(f.what, Found::NotAssigned)), "{findings:?}");
    assert!(scheme.classes.len() >= 100, "{}", scheme.classes.len());
    assert!(DRAFT.starts_with(&format!("# A DRAFT TO ADOPT, not legal advice: {} record", scheme.classes.len())));
    assert!(scheme.scheme.title.starts_with("DRAFT to adopt, not legal advice"));
    for class in &scheme.classes {
        assert!(!class.authority.is_empty() && class.strength.is_some(), "{}", class.id);
        assert!(class.patterns.is_empty(), "{} matches something as shipped", class.id);
        assert_ne!(class.approver, Approver::None, "{}", class.id);
        let kept = class.minimum == Period::Indefinite;
        assert_eq!(kept, class.action == Action::Keep, "{}", class.id);
        assert!(!kept || class.ceiling.is_none(), "{}", class.id);
        assert_eq!(class.ceiling.is_some(), class.notes.contains("The ceiling is a proposal."), "{}", class.id);
    }
}

#[test]
fn every_event_and_source_of_the_draft_is_explained_at_its_top() {
    let head = DRAFT.split_once("[scheme]").unwrap().0;
    for class in draft().classes {
        let trigger = class.trigger.to_string();
        assert!(head.lines().any(|l| l.starts_with(&format!("#   {trigger} "))), "{trigger}");
    }
    for line in DRAFT.lines().filter_map(|l| l.strip_prefix("# Sources: ")) {
        for key in line.split(", ") {
            assert!(head.lines().any(|l| l.starts_with(&format!("#   {key} "))), "{key}");
        }
    }
}

/// Read off the sources named in the file, not off the file.
#[test]
fn facts_of_the_draft() {
    use Action::{Destroy, Keep, Review, Transfer};
    use Strength::{Guidance, Practice, Proposal, Statute};
    let facts = [
        ("minutes-signed", "indefinite", "created", Keep, Guidance),
        ("officer-decisions", "6 years", "last-action", Destroy, Statute),
        ("officer-decision-background", "4 years", "last-action", Destroy, Statute),
        ("paid-invoices", "6 years", "financial-year-end", Destroy, Guidance),
        ("vat-on-rents", "20 years", "financial-year-end", Destroy, Guidance),
        ("payroll", "12 years", "financial-year-end", Destroy, Guidance),
        ("paye-returns", "3 years 5 days", "financial-year-end", Destroy, Statute),
        ("tenders-unsuccessful", "3 years", "contract-start", Destroy, Statute),
        ("leases-and-tenancies", "12 years", "tenancy-end", Review, Guidance),
        ("employers-liability-certificates", "40 years", "policy-start", Destroy, Guidance),
        ("recruitment-unsuccessful", "6 months", "last-action", Destroy, Guidance),
        ("working-time-records", "2 years", "created", Destroy, Statute),
        ("pension-opt-outs", "4 years", "created", Destroy, Statute),
        ("accident-child", "21 years", "date-of-birth", Destroy, Guidance),
        ("burial-registers", "indefinite", "created", Keep, Statute),
        ("cctv-footage", "31 days", "created", Destroy, Proposal),
        ("parish-and-neighbourhood-plans", "0 days", "superseded", Transfer, Practice),
    ];
    let scheme = draft();
    for (id, minimum, trigger, action, strength) in facts {
        let class = scheme.class(id).unwrap_or_else(|| panic!("{id}"));
        assert_eq!(class.minimum, minimum.parse::<Period>().unwrap(), "{id}");
        assert_eq!(class.trigger, trigger.parse::<Trigger>().unwrap(), "{id}");
        assert_eq!((class.action, class.strength), (action, Some(strength)), "{id}");
    }
}
