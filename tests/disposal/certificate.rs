//! The certificate: what it says, and that a stock tool can check it.

use std::process::Command;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use strongroom::domain::log::Entry;
use strongroom::domain::log::rulings::SchemeAdopted;
use strongroom::ops::retention::certificate::{self, ClassFacts};
use strongroom::ops::retention::hold::{PlaceHold, Which, place, release};
use strongroom::ops::retention::note::{self, SCHEME};
use strongroom::repo::repository::Repository;

use super::town::{SECRET, Town, town_with_secret};

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
