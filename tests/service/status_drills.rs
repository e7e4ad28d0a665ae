//! What the status says of drills, word for word.

use jiff::SignedDuration;
use strongroom::domain::drills::{Drill, Due, Every};
use strongroom::domain::problem::Exit;
use strongroom::service::status::{DrillInput, DrillsInput, Light, StatusInput, status};

use crate::status::{now, sound};
use crate::support::{at, people};

#[test]
fn drills_word_for_word() {
    let people = people();
    let week = SignedDuration::from_hours(7 * 24);
    let due = |drill: Drill, weeks: i32, last: Option<&str>, overdue| Due {
        drill,
        every: week * weeks,
        last: last.map(at),
        until: now(),
        overdue,
    };
    let every = Every { sample: Some(week * 13), whole: Some(week * 52), key: Some(week * 52) };
    let mut input = sound(&people);
    let all = vec![
        due(Drill::Sample, 13, Some("2026-08-01T02:30:00Z"), true),
        due(Drill::Whole, 52, Some("2026-08-01T02:30:00Z"), false),
        due(Drill::Key("recovery sheet".into()), 52, None, true),
        due(Drill::Key("deputy\u{1b}[2J".into()), 1, Some("2026-10-01T02:30:00Z"), true),
    ];
    input.drills = Some(DrillsInput { every, due: all });
    let said = status(&input);
    assert_eq!((said.light, said.exit()), (Light::Amber, Exit::Done));
    for line in [
        "* Drill of a part: last on Saturday 1 August 2026, wanted every 13 weeks. Run: strongroom verify drill --sample \
         1GiB\n",
        "* Drill of the key of \"recovery sheet\": never yet, wanted every 52 weeks. Run: strongroom key drill \"recovery \
         sheet\"\n",
        "wanted every 1 week. Run: strongroom key drill",
    ] {
        assert!(said.text().contains(line), "{line}\n{}", said.text());
    }
    assert!(!said.text().contains("Drill of everything") && !said.text().contains('\x1b'), "{}", said.text());
    if let Some(drills) = &mut input.drills {
        drills.due[1].overdue = true;
        drills.every = Every { sample: None, whole: None, key: None };
    }
    let text = status(&input).text();
    let everything = "* Drill of everything: last on Saturday 1 August 2026, wanted every 52 weeks. Run: strongroom verify \
                      drill --to DIR\n";
    assert!(text.contains(everything) && !text.contains("* Drill of a part"), "{text}");
    for line in [
        "  Drills of a part are switched off: sample_drill_every = \"never\".\n",
        "  Drills of everything are switched off: drill_every = \"never\".\n",
        "  Key drills are switched off: key_drill_every = \"never\".\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    if let Some(drills) = &mut input.drills {
        drills.due = (0..8).map(|n| due(Drill::Key(format!("k{n}")), 52, None, true)).collect();
    }
    assert!(status(&input).text().contains("* And 3 other drills overdue. See: strongroom status --json\n"));
    let trial = StatusInput { trial: true, ..input };
    assert!(!status(&trial).text().contains("Drill"));
}

#[test]
fn the_last_drill_and_what_it_says_of_everything() {
    let people = people();
    let when = at("2026-11-20T02:30:00Z");
    let everything = Some((5_600_000_000, 7260));
    let drill = DrillInput { at: when, whole: false, files: 12, failed: 0, seconds: 61, everything };
    let said = status(&StatusInput { drill: Some(drill), ..sound(&people) });
    let line = "  Drill: a part came back in 61 seconds (12 files): Friday 20 November 2026 at 02:30. At that speed all there \
                is now (5.6 GB) takes 2 hours.\n";
    assert!(said.text().contains(line) && said.light == Light::Green, "{}", said.text());
    let bad = DrillInput { failed: 2, everything: None, ..drill };
    let said = status(&StatusInput { drill: Some(bad), ..sound(&people) });
    let line = "! Drill: 2 files did not come back (12 files did): Friday 20 November 2026 at 02:30.\n";
    assert!(said.text().contains(line) && said.light == Light::Red, "{}", said.text());
}
