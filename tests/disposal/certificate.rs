//! The certificate: what it says, and that a stock tool can check it.

use std::process::Command;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use strongroom::domain::log::Entry;
use strongroom::domain::log::rulings::SchemeAdopted;
use strongroom::domain::path::RecordPath;
use strongroom::domain::retention::scheme::Scheme;
use strongroom::ops::retention::certificate::{self, ClassFacts, KeptBy};
use strongroom::ops::retention::hold::{PlaceHold, Which, place, release};
use strongroom::ops::retention::note::{self, SCHEME};
use strongroom::ops::retention::register::record_digest;
use strongroom::repo::repository::Repository;

use super::town::{SECRET, Town, noise, town_with_secret};

fn openssl(town: &Town, json: &[u8], pem: &str, signature: &[u8]) -> bool {
    let file = |name: &str, bytes: &[u8]| {
        let path = town.tmp.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let (json, key) = (file("certificate.json", json), file("KEY.pem", pem.as_bytes()));
    let signature = file("certificate.sig", signature);
    let mut command = Command::new("openssl");
    command.args(["pkeyutl", "-verify", "-pubin", "-inkey"]).arg(key).args(["-rawin", "-in"]).arg(json);
    let output = command.arg("-sigfile").arg(signature).output().expect("openssl must be installed for this test");
    output.status.success()
}

fn held_and_released(repo: &mut Repository, pattern: &str, today: Date) {
    let hold = PlaceHold {
        patterns: vec![pattern.into()],
        reason: format!("FOI about {pattern}"),
        by: "A. Clerk".into(),
        review: today,
        from: None,
        to: None,
        today,
    };
    let placed = place(repo, &hold).unwrap();
    let which = Which::One { named: placed.to_string(), zone: TimeZone::UTC };
    release(repo, &which, "A. Clerk", "answered").unwrap();
}

#[test]
fn it_says_what_was_done_and_openssl_can_check_it() {
    let (town, _) = town_with_secret();
    let scheme = serde_json::json!({"scheme": {"title": "Draft"}, "class": [{
        "id": "staff-files", "title": "Staff files", "patterns": ["Documents/HR/**"], "minimum": "6 years",
        "trigger": "modified", "authority": "Limitation Act 1980", "action": "destroy"}]});
    let mut repo = town.open();
    let scheme: strongroom::domain::retention::scheme::Scheme = serde_json::from_value(scheme).unwrap();
    let name = note::put(&repo, SCHEME, &scheme).unwrap();
    let (digest, on) = (strongroom::domain::id::Digest::of(b"x"), jiff::civil::date(2026, 3, 17));
    let adopted = SchemeAdopted { note: name, digest, minute: "12a".into(), on, in_force: on };
    let at = repo.append(|_| Ok(Some(Entry::SchemeAdopted(adopted.clone())))).unwrap().unwrap();
    let mut plan = town.plan(&[SECRET]);
    plan.scheme_at = at;
    // What was written about it while it was held stays; a hold of something else is not counted.
    for pattern in ["secret.bin", "Documents/HR/**", "plan.bin"] {
        held_and_released(&mut repo, pattern, on);
    }
    let (approval, _) = town.approve(&plan);
    assert!(certificate::read(&town.open(), approval).is_err(), "there is none before it is done");
    town.apply_now(approval).unwrap();
    let repo = town.open();
    let found = certificate::read(&repo, approval).unwrap();
    let facts = found.facts().unwrap();
    let class = ClassFacts {
        class: "staff-files".into(),
        title: "Staff files".into(),
        authority: "Limitation Act 1980".into(),
        records: 1,
        bytes: 220_000,
    };
    assert_eq!(facts.classes, [class]);
    assert_eq!((facts.approved_by.as_str(), facts.minute.as_str()), ("A. Clerk", "7c"));
    assert_eq!((facts.records, facts.bytes, facts.urgent), (1, 220_000, true));
    assert_eq!(facts.scheme, Some(("12a".into(), on)));
    assert_eq!(facts.notes_kept, 2);
    assert!(found.text.contains("- 2 sealed notes of holds and recorded dates fit these records"), "{}", found.text);
    assert!(town.is_anywhere(b"FOI about secret.bin"), "as the certificate says");
    assert!(facts.deleted_on.is_some() && facts.objects > 0 && facts.object_bytes > 0);
    assert!(facts.withdrawn <= facts.unreachable_since && facts.unreachable_since <= facts.no_longer_listed_on);
    assert_eq!(facts.digests.len(), 1);
    for text in [&found.json, &found.text] {
        assert!(!text.contains("secret.bin"), "no names: {text}");
    }
    assert!(found.text.contains("| staff-files | Staff files | Limitation Act 1980 | 1 | 220000 |"), "{}", found.text);
    let entered =
        format!("Approved by A. Clerk (minute 7c), entered by office server (key {})", facts.entered_by.short());
    assert!(found.text.contains(&entered), "{}", found.text);
    assert_eq!(facts.entered_by_name, "office server");
    assert!(
        found.text.contains("(urgent, without the time to change one's mind: order of the court)"),
        "{}",
        found.text
    );
    assert_eq!(facts.urgent_reason.as_deref(), Some("order of the court"));
    assert!(found.json.contains("\"urgent_reason\": \"order of the court\""), "{}", found.json);
    let (json, signature) = (found.json.as_bytes(), found.signature_bytes());
    assert!(openssl(&town, json, &found.public_key, &signature));
    let mut changed = json.to_vec();
    changed[json.len() / 2] ^= 1;
    assert!(!openssl(&town, &changed, &found.public_key, &signature), "a changed text is noticed");
    let another = certificate::pem(&strongroom::repo::sign::Seed::new([5; 32]).actor());
    assert!(!openssl(&town, json, &another, &signature), "another key is noticed");
}

#[test]
fn it_names_the_records_that_still_have_the_content_unless_a_person_may_be_in_them() {
    let town = Town::new();
    let copies = [("Old/plan.bin", 1), ("Maps/plan.bin", 1), ("HR/plan.bin", 1), ("Other/plan.bin", 1)];
    let personal = [("HR/smith.bin", 2), ("Maps/smith.bin", 2), ("x.bin", 3)];
    for (name, seed) in copies.into_iter().chain(personal) {
        town.write(name, noise(seed, 90_000));
    }
    town.backup();
    town.remove("Old/plan.bin");
    town.remove("HR/smith.bin");
    town.backup();
    town.test();
    let class = |id: &str, ceiling: Option<&str>| {
        let mut class = serde_json::json!({
            "id": id.to_lowercase(), "title": id, "patterns": [format!("Documents/{id}/**")], "minimum": "6 years",
            "trigger": "modified", "action": "destroy"});
        if let Some(ceiling) = ceiling {
            class["ceiling"] = ceiling.into();
        }
        class
    };
    let classes = [class("Old", None), class("Maps", None), class("HR", Some("7 years"))];
    let scheme: Scheme =
        serde_json::from_value(serde_json::json!({"scheme": {"title": "Draft"}, "class": classes})).unwrap();
    let mut repo = town.open();
    let name = note::put(&repo, SCHEME, &scheme).unwrap();
    let (digest, on) = (strongroom::domain::id::Digest::of(b"x"), jiff::civil::date(2026, 3, 17));
    let adopted = SchemeAdopted { note: name, digest, minute: "12a".into(), on, in_force: on };
    let at = repo.append(|_| Ok(Some(Entry::SchemeAdopted(adopted.clone())))).unwrap().unwrap();
    let mut plan = town.plan(&["Documents/Old/plan.bin", "Documents/HR/smith.bin"]);
    plan.scheme_at = at;
    for record in &mut plan.records {
        record.class = if record.path.as_bytes().starts_with(b"Documents/HR") { "hr".into() } else { "old".into() };
    }
    let (approval, _) = town.approve(&plan);
    town.apply_now(approval).unwrap();
    let repo = town.open();
    let found = certificate::read(&repo, approval).unwrap();
    let facts = found.facts().unwrap();
    assert_eq!((facts.content_kept_elsewhere, facts.kept_by_records), (2, 4));
    // HR has a ceiling, Other no class, and what was in a staff file is not named wherever else it lies.
    let digest = |path: &str| record_digest(&repo.register_key(), "documents", &RecordPath::new(path).unwrap());
    let wanted =
        [("HR/plan.bin", false), ("Maps/plan.bin", true), ("Maps/smith.bin", false), ("Other/plan.bin", false)];
    let wanted = wanted.map(|(name, named)| {
        let path = format!("Documents/{name}");
        KeptBy { record: digest(&path), path: named.then_some(path) }
    });
    assert_eq!(facts.kept_by, wanted);
    let said = format!(
        "- Of 2 of these records, other records that are kept still have the same content, 4 in number:\n  - digest \
         {}\n  - Documents/Maps/plan.bin\n  - digest {}\n",
        wanted[0].record, wanted[2].record
    );
    assert!(found.text.contains(&said), "{}", found.text);
    assert!(!found.json.contains("smith") && !found.text.contains("smith"));
}
