//! What stops a disposal, in which words; and that nothing has changed then.

use jiff::civil::date;
use strongroom::domain::log::Entry;
use strongroom::domain::log::entry::{Incident, IncidentKind};
use strongroom::domain::log::rulings::DisposalApproved;
use strongroom::domain::problem::Exit;
use strongroom::ops::OpsError;
use strongroom::ops::retention::disposals::Stage;

use super::town::{SECRET, Town, town_with_secret};

/// Refused with these words, and nothing is any different.
fn refused(town: &Town, result: Result<strongroom::ops::retention::apply::ApplyReport, OpsError>, words: &str) {
    let error = result.unwrap_err();
    assert!(error.to_string().contains(words), "{error}");
    assert_eq!(error.exit(), Exit::Refused, "{error}");
    let repo = town.open();
    assert!(repo.state().disposals.iter().all(|d| d.withdrawn.is_none()), "{words}");
}

#[test]
fn a_hold_after_the_approval_stops_it() {
    let (town, _) = town_with_secret();
    let before = town.everything();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    let held = |_: &mut strongroom::repo::repository::Repository| {
        Err(OpsError::InTheWay("1 of the 1 records must stay now: held: FOI 2026-014".into()))
    };
    let result = town.apply_with(approval, |o| {
        o.urgent = Some("an order".into());
        o.recheck = &held;
    });
    refused(&town, result, "held: FOI 2026-014");
    // A hold that is placed while it is being decided: it is decided again.
    let asked = std::cell::Cell::new(0);
    let placed = |_: &mut strongroom::repo::repository::Repository| {
        asked.set(asked.get() + 1);
        match asked.get() {
            1 => {
                let mut other = town.open();
                let note = other.put_note(&"a hold").unwrap();
                other.append(|_| Ok(Some(Entry::HoldPlaced { note, review: date(2027, 1, 1) }))).unwrap();
                Ok(())
            }
            _ => Err(OpsError::InTheWay("held since a moment ago".into())),
        }
    };
    let result = town.apply_with(approval, |o| {
        o.urgent = Some("an order".into());
        o.recheck = &placed;
    });
    refused(&town, result, "held since a moment ago");
    assert_eq!(town.everything(), before);
}

#[test]
fn a_list_that_is_not_the_approved_one_stops_it() {
    let (town, _) = town_with_secret();
    let plan = town.plan(&[SECRET]);
    let (honest, note) = town.approve(&plan);
    let name = town.open().state().disposal(honest).unwrap().plan.clone();
    let enter = |plan: &str, note, records, bytes| {
        let entry = Entry::DisposalApproved(DisposalApproved { plan: plan.into(), note, records, bytes });
        town.open().append(|_| Ok(Some(entry.clone()))).unwrap().unwrap()
    };
    let mut twice = plan.clone();
    twice.records.push(twice.records[0].clone());
    let (doubled, doubled_note) = town.approve(&twice);
    let (bytes, forged) = (plan.bytes(), "2026-11-22-00000000");
    let (all, more) = (plan.records.len() as u64, twice.bytes());
    let others = [
        doubled,
        enter(&name, doubled_note, all, bytes),
        enter(&name, doubled_note, all + 1, more),
        enter(forged, note, all, bytes),
        enter(&name, note, all + 1, bytes),
        enter(&name, note, all, bytes + 1),
    ];
    for other in others {
        refused(&town, town.apply_now(other), "is not the one that its entry names");
    }
    town.apply_now(honest).unwrap();
}

#[test]
fn an_open_incident_stops_it() {
    let (town, _) = town_with_secret();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    let incident = Incident { what: IncidentKind::Damage, snapshot: None, counts: vec![1] };
    town.open().append(|_| Ok(Some(Entry::Incident(incident.clone())))).unwrap();
    refused(&town, town.apply_now(approval), "is open. Records are disposed of only when nothing is in doubt");
}

#[test]
fn clocks_in_doubt_stop_it() {
    let (mut town, _) = town_with_secret();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    let good = jiff::Timestamp::from_second(town.open().state().newest_time.as_second()).unwrap();
    town.clock.set(good.checked_sub(jiff::SignedDuration::from_hours(30)).unwrap());
    refused(&town, town.apply_now(approval), "behind the newest entry of the log");
    town.own_clock = true;
    town.clock.set(good.checked_add(jiff::SignedDuration::from_hours(24 * 400)).unwrap());
    refused(&town, town.apply_now(approval), "differs from the store's by");
    town.clock.set(good);
    assert_eq!(town.apply_now(approval).unwrap().stage, Stage::Done, "clocks that agree are no hindrance");
}

#[test]
fn a_newest_backup_that_nobody_tested_stops_it() {
    let (town, _) = town_with_secret();
    let plan = town.plan(&[SECRET]);
    let (approval, _) = town.approve(&plan);
    town.clock.advance_days(10);
    town.write("minutes.txt", "much later");
    town.backup();
    refused(&town, town.apply_now(approval), "no restore of the newest backup of 'documents'");
    town.test();
    assert_eq!(town.apply_now(approval).unwrap().stage, Stage::Done);
}

#[test]
fn very_many_records_at_once_need_a_person() {
    let (town, _) = town_with_secret();
    let names: Vec<String> = (0..120).map(|n| format!("old/{n:03}.txt")).collect();
    names.iter().for_each(|n| town.write(n, n));
    town.backup();
    names.iter().for_each(|n| town.remove(n));
    let incident = town.try_backup().unwrap().incident.unwrap();
    let resolved = Entry::IncidentResolved { incident, by: "Clerk".into(), note: "it was meant".into() };
    town.open().append(|_| Ok(Some(resolved.clone()))).unwrap();
    town.test();
    let paths: Vec<String> = names.iter().map(|n| format!("Documents/{n}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let (approval, _) = town.approve(&town.plan(&paths));
    refused(&town, town.apply_now(approval), "add --large");
    let report = town.apply_with(approval, |o| {
        o.urgent = Some("an order".into());
        o.large = true;
    });
    assert_eq!(report.unwrap().stage, Stage::Done);
    assert!(!town.is_anywhere(b"old/077.txt"));
}

#[test]
fn what_does_not_exist_or_may_not_be_done_here_is_said() {
    let (town, _) = town_with_secret();
    let error = town.apply(3).unwrap_err();
    assert!(matches!(error, OpsError::NotFound(_)), "{error}");
}
