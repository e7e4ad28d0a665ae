//! Which disposal is meant, and what is said of a record that one of them took.

use jiff::civil::date;
use strongroom::domain::path::RecordPath;
use strongroom::domain::pattern::Pattern;
use strongroom::domain::problem::Exit;
use strongroom::domain::retention::plan::PlanId;
use strongroom::ops::prune::{PruneOptions, prune};
use strongroom::ops::retention::approve::{ApproveOptions, approve, cancel};
use strongroom::ops::retention::disposals::{Stage, Wanted, disposal_meant, told};
use strongroom::ops::retention::disposed::{Asked, Memory};
use strongroom::ops::{Silent, Stop};

use super::town::{SECRET, Town, town_with_secret};

fn meant(town: &Town, which: &str, wanted: Wanted) -> Result<u64, (Exit, String)> {
    let zone = jiff::tz::TimeZone::get("Europe/London").unwrap();
    disposal_meant(town.open().state(), which, wanted, &zone).map_err(|e| (e.exit(), e.to_string()))
}

#[test]
fn a_name_that_fits_several_disposals_is_never_guessed_at() {
    let (town, _) = town_with_secret();
    // As repositories have them whose plans were approved before names were told apart.
    let plan = town.plan(&[SECRET]);
    let (first, _) = town.approve(&plan);
    let (second, _) = town.approve(&plan);
    let name = town.open().state().disposal(first).unwrap().plan.clone();
    let (exit, said) = meant(&town, &name, Wanted::Open).unwrap_err();
    assert_eq!(exit, Exit::Usage);
    assert!(said.starts_with(&format!("2 approved plans are called '{name}'. Type the longer name")), "{said}");
    for at in [first, second] {
        assert!(said.contains(&format!("\n  {name}-{at}  approved on ")), "{said}");
        assert_eq!(meant(&town, &format!("{name}-{at}"), Wanted::Open), Ok(at));
        assert_eq!(meant(&town, &at.to_string(), Wanted::Open), Ok(at));
    }
    cancel(&mut town.open(), &format!("{name}-{second}"), "A. Clerk", "twice").unwrap();
    assert_eq!(meant(&town, &name, Wanted::Open), Ok(first), "only one is open");
    let (_, said) = meant(&town, &name, Wanted::Done).unwrap_err();
    assert!(said.contains("called off") && said.contains("nothing has happened yet"), "{said}");
    town.apply_now(first).unwrap();
    assert_eq!(meant(&town, &name, Wanted::Done), Ok(first), "only one has a certificate");
    assert_eq!(meant(&town, "no such plan", Wanted::Done).unwrap_err().0, Exit::Usage);
}

#[test]
fn a_record_is_known_by_its_digest_once_its_name_is_forgotten() {
    let (town, _) = town_with_secret();
    let secret = RecordPath::new(SECRET).unwrap();
    let folder = RecordPath::new("Documents/HR").unwrap();
    let asked = |paths: &[&RecordPath], pattern: Option<&str>| Asked {
        paths: paths.iter().map(|p| (*p).clone()).collect(),
        pattern: pattern.map(Pattern::new),
        ..Asked::default()
    };
    let find = |asked: &Asked| Memory::load(&town.open()).unwrap().find(asked);
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    assert!(Memory::load(&town.open()).unwrap().is_empty(), "an approval alone hides nothing");
    town.apply(approval).unwrap();
    for how in [asked(&[&secret], None), asked(&[&folder], None), asked(&[], Some("SECR")), asked(&[], Some("*.bin"))] {
        let found = find(&how);
        assert!(found.len() == 1 && found[0].path == secret && found[0].records == 1, "{how:?}: {found:?}");
        assert!(matches!(found[0].disposal.stage, Stage::Withdrawn { .. }));
        assert_eq!((found[0].told.by.as_deref(), found[0].told.minute.as_str()), (Some("A. Clerk"), "7c"));
    }
    assert!(find(&asked(&[&RecordPath::new("Documents/plan.bin").unwrap()], Some("plan"))).is_empty());
    cancel(&mut town.open(), &approval.to_string(), "A. Clerk", "not yet").unwrap();
    assert!(Memory::load(&town.open()).unwrap().is_empty(), "what was called off is there again");

    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    town.apply_now(approval).unwrap();
    let found = find(&asked(&[&secret], None));
    assert_eq!((found.len(), &found[0].disposal.stage), (1, &Stage::Done));
    assert_eq!((found[0].told.by.as_deref(), found[0].told.minute.as_str()), (Some("A. Clerk"), "7c"));
    assert!(found[0].told.ended.is_some());
    assert!(find(&asked(&[], Some("secret"))).is_empty(), "no part of a name is kept");
    let by_name = |name: &str| Asked { name: Some(name.into()), folders: vec![folder.clone()], ..Asked::default() };
    assert_eq!(find(&by_name("secret.bin"))[0].path, secret);
    assert!(find(&by_name("other.bin")).is_empty());
}

#[test]
fn who_approved_what_was_called_off_is_known_after_the_names_are_pruned() {
    let (town, _) = town_with_secret();
    let (approval, note) = town.approve(&town.plan(&[SECRET]));
    cancel(&mut town.open(), &approval.to_string(), "B. Deputy", "the auditor asked for it").unwrap();
    let said = || {
        let repo = town.open();
        let told = told(&repo, repo.state().disposal(approval).unwrap()).unwrap();
        (told.by_whom(), told.cancelled.unwrap().in_words())
    };
    let wanted = (" by A. Clerk, minute 7c".to_owned(), "B. Deputy: the auditor asked for it".to_owned());
    assert_eq!(said(), wanted);
    town.clock.advance_days(30);
    prune(&mut town.open(), &PruneOptions::default(), &Silent, &Stop::default()).unwrap();
    assert!(town.open().read_note::<serde_json::Value>(&note).is_err(), "the names are gone");
    assert_eq!(said(), wanted);
    let plan: PlanId = town.open().state().disposal(approval).unwrap().plan.parse().unwrap();
    let (by, minute, zone) = ("C".into(), String::new(), jiff::tz::TimeZone::UTC);
    let options = ApproveOptions { plan, by, minute, large: false, dated: true, zone, today: date(2030, 1, 1) };
    let error = approve(&mut town.open(), &options, &Silent, &Stop::default()).unwrap_err().to_string();
    assert!(error.contains("was approved by A. Clerk, minute 7c on "), "{error}");
}
