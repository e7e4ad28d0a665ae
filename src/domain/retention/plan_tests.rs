use super::*;
use jiff::civil::date;

fn plan() -> Plan {
    let record = |path: &[u8]| PlannedRecord {
        set: "office".into(),
        path: RecordPath::new(path).unwrap(),
        content: ContentId::new([7; 32]),
        class: "invoices".into(),
        size: 10,
        due: date(2026, 4, 1),
        snapshots: vec![SnapshotId(3)],
    };
    Plan { on: date(2026, 11, 22), scheme_at: 9, after: 0, records: vec![record(b"A/a"), record(b"A/b\xff")] }
}

const HERE: RepositoryId = RepositoryId::new([1; 32]);

#[test]
fn what_would_go_makes_the_name_and_nothing_else() {
    let id = plan().id(&HERE);
    assert!(id.to_string().starts_with("2026-11-22-") && id.on() == Some(date(2026, 11, 22)));
    assert_eq!(id.to_string().parse::<PlanId>().unwrap(), id);
    let mut harmless = plan();
    harmless.records[0].snapshots.push(SnapshotId(8));
    assert_eq!(harmless.id(&HERE), id);
    assert_ne!(plan().id(&RepositoryId::new([2; 32])), id);
    let changes: [fn(&mut Plan); 9] = [
        |p| p.on = date(2026, 11, 23),
        |p| p.scheme_at = 10,
        |p| p.after = 3,
        |p| p.records.truncate(1),
        |p| p.records[0].path = RecordPath::new("A/c").unwrap(),
        |p| p.records[0].content = ContentId::new([8; 32]),
        |p| p.records[0].class = "other".into(),
        |p| p.records[0].due = date(2026, 4, 2),
        |p| p.records[0].set = "town".into(),
    ];
    for (at, change) in changes.iter().enumerate() {
        let mut other = plan();
        change(&mut other);
        assert_ne!(other.digest(&HERE), plan().digest(&HERE), "change {at}");
    }
}

/// What the documentation of [`Plan::digest`] says, byte by byte: certificates name plans by it for ever.
#[test]
fn the_digest_is_of_these_bytes() {
    let mut after = plan();
    after.after = 3;
    for plan in [plan(), after] {
        let mut bytes = b"strongroom plan 1\n".to_vec();
        bytes.extend([1; 32]);
        let part = |bytes: &mut Vec<u8>, text: &[u8]| {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text);
        };
        part(&mut bytes, b"2026-11-22");
        bytes.extend([9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
        for path in [&b"A/a"[..], b"A/b\xff"] {
            part(&mut bytes, b"office");
            part(&mut bytes, path);
            bytes.extend([7; 32]);
            part(&mut bytes, b"invoices");
            part(&mut bytes, b"2026-04-01");
        }
        if plan.after == 3 {
            bytes.extend([3, 0, 0, 0, 0, 0, 0, 0]);
        }
        assert_eq!(plan.digest(&HERE), Digest::of(&bytes));
        assert_eq!(plan.id(&HERE).to_string(), format!("2026-11-22-{}", Digest::of(&bytes).short()));
    }
}

#[test]
fn a_plan_takes_a_name_that_no_approval_has() {
    let renamed = |taken: &dyn Fn(&PlanId) -> Option<u64>| {
        let mut plan = plan();
        plan.rename_after(&HERE, taken);
        plan.after
    };
    let first = plan().id(&HERE);
    let second = Plan { after: 5, ..plan() }.id(&HERE);
    assert_eq!(renamed(&|_| None), 0);
    assert_eq!(renamed(&|id| (*id == first).then_some(5)), 5);
    assert_eq!(renamed(&|id| [(&first, 5), (&second, 8)].iter().find(|(name, _)| *name == id).map(|(_, at)| *at)), 8);
    assert_eq!(renamed(&|_| Some(5)), 5, "it comes to an end whatever is said");
}

#[test]
fn a_plan_is_of_what_may_go_in_order() {
    use super::super::decide::Compiled;
    use super::super::rulings::Law;
    use super::super::samples::{class, record, scheme};
    let mut records = ["Docs/c", "Docs/a", "Else/x", "Docs/b", "Docs/live"].map(record);
    (records[3].set, records[4].live) = ("annexe".into(), true);
    let law = Law { scheme: Some(scheme(vec![class("all", &["Docs/**"])])), ..Law::none(jiff::tz::TimeZone::UTC) };
    let law = Compiled::new(law).unwrap();
    let of = |on| Plan::of(&Decider::new(&law, &records, on), on, 9);
    let plan = of(date(2021, 5, 13));
    let names: Vec<String> = plan.records.iter().map(|r| format!("{} {}", r.set, r.path)).collect();
    assert_eq!(names, ["annexe Docs/b", "office Docs/a", "office Docs/c"]);
    let PlannedRecord { class, due, size, snapshots, .. } = &plan.records[0];
    assert_eq!((class.as_str(), *due, *size, &snapshots[..]), ("all", date(2021, 5, 13), 1, &[SnapshotId(3)][..]));
    assert_eq!((plan.on, plan.scheme_at, plan.after, plan.bytes()), (date(2021, 5, 13), 9, 0, 3));
    assert_eq!(of(date(2021, 5, 12)).records, [], "a day before");
    let mut huge = plan.clone();
    (huge.records[0].size, huge.records[1].size) = (u64::MAX, 7);
    assert_eq!(huge.bytes(), u64::MAX);
}

#[test]
fn a_plan_survives_json() {
    let text = serde_json::to_string(&plan()).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan());
    assert!(!text.contains("after"), "{text}");
    let after = Plan { after: 3, ..plan() };
    assert_eq!(serde_json::from_str::<Plan>(&serde_json::to_string(&after).unwrap()).unwrap(), after);
    assert!(serde_json::from_str::<Plan>(&text.replace("A/a", "../a")).is_err());
}

#[test]
fn only_names_of_plans_are_read() {
    for bad in ["", "2026-11-22", "2026-13-22-3f9a2c41", "2026-11-22-3f9a2c4", "2026-11-22-3f9a2c4g", "3f9a2c41"] {
        assert!(bad.parse::<PlanId>().is_err(), "{bad}");
    }
    assert_eq!(" 2026-11-22-3F9A2C41 ".parse::<PlanId>().unwrap().to_string(), "2026-11-22-3f9a2c41");
}
