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

#[test]
fn a_plan_survives_json() {
    let text = serde_json::to_string(&plan()).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan());
    assert!(serde_json::from_str::<Plan>(&text.replace("A/a", "../a")).is_err());
}

#[test]
fn only_names_of_plans_are_read() {
    for bad in ["", "2026-11-22", "2026-13-22-3f9a2c41", "2026-11-22-3f9a2c4", "2026-11-22-3f9a2c4g", "3f9a2c41"] {
        assert!(bad.parse::<PlanId>().is_err(), "{bad}");
    }
    assert_eq!(" 2026-11-22-3F9A2C41 ".parse::<PlanId>().unwrap().to_string(), "2026-11-22-3f9a2c41");
}
