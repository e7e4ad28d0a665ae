//! Golden times over the changes of 2026 and 2027, and another crate as the oracle for the rest.

use super::*;
use std::str::FromStr;

use proptest::prelude::*;

fn london() -> TimeZone {
    TimeZone::get("Europe/London").unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn next(line: &str, from: &str, n: usize) -> Vec<String> {
    let (line, zone) = (Line::parse(line).unwrap(), london());
    line.after(at(from), &zone)
        .take(n)
        .map(|t| t.to_zoned(zone.clone()).strftime("%m-%d %H:%M %Z").to_string())
        .collect()
}

#[test]
fn a_time_left_out_in_spring_comes_once_and_later() {
    assert_eq!(
        next("30 1 * * *", "2026-03-27T12:00:00Z", 3),
        ["03-28 01:30 GMT", "03-29 02:00 BST", "03-30 01:30 BST"]
    );
    assert_eq!(next("30 1 * * *", "2027-03-27T12:00:00Z", 2), ["03-28 02:00 BST", "03-29 01:30 BST"]);
    // Every half hour: no time twice, none out of order.
    assert_eq!(
        next("*/30 * * * *", "2026-03-29T00:00:00Z", 4),
        ["03-29 00:30 GMT", "03-29 02:00 BST", "03-29 02:30 BST", "03-29 03:00 BST"]
    );
    assert_eq!(next("0,59 1 29 3 *", "2026-03-01T00:00:00Z", 2), ["03-29 02:00 BST", "03-29 01:00 BST"]);
}

#[test]
fn a_time_repeated_in_autumn_comes_once_and_first() {
    assert_eq!(next("30 1 * * *", "2026-10-24T12:00:00Z", 2), ["10-25 01:30 BST", "10-26 01:30 GMT"]);
    assert_eq!(next("30 1 * * *", "2027-10-30T12:00:00Z", 2), ["10-31 01:30 BST", "11-01 01:30 GMT"]);
    // Asked in the middle of the second half past one.
    assert_eq!(next("30 1 * * *", "2026-10-25T01:15:00Z", 1), ["10-26 01:30 GMT"]);
    let zone = london();
    let line = Line::parse("45 1 * * *").unwrap();
    for asked in ["2026-10-25T00:45:00Z", "2026-10-25T01:15:00Z", "2026-10-25T01:45:00Z", "2026-10-25T20:00:00Z"] {
        assert_eq!(line.latest(at(asked), &zone), Some(at("2026-10-25T00:45:00Z")), "{asked}");
    }
    assert_eq!(line.latest(at("2026-10-25T00:44:59Z"), &zone), Some(at("2026-10-24T00:45:00Z")));
}

#[test]
fn crontab_s_meaning_of_days_holds() {
    // 22 November 2026 is a Sunday.
    let from = "2026-11-22T12:00:00Z";
    assert_eq!(next("0 2 * * 1", from, 1), ["11-23 02:00 GMT"]);
    for sunday in ["0 2 * * 0", "0 2 * * 7", "0 2 * * SUN", "0 2 * * sun"] {
        assert_eq!(next(sunday, from, 1), ["11-29 02:00 GMT"], "{sunday}");
    }
    assert_eq!(next("@weekly", from, 1), ["11-29 00:00 GMT"]);
    assert_eq!(
        next("0 2 * * FRI-SUN", from, 4),
        ["11-27 02:00 GMT", "11-28 02:00 GMT", "11-29 02:00 GMT", "12-04 02:00 GMT"]
    );
    assert_eq!(next("0 2 * * 1-7/3", from, 3), ["11-23 02:00 GMT", "11-26 02:00 GMT", "11-29 02:00 GMT"]);
    assert_eq!(next("30 0 2 29 2 *", from, 1), ["02-29 02:00 GMT"]);
    assert_eq!(next("0 0 1 JAN,jul *", from, 2), ["01-01 00:00 GMT", "07-01 00:00 BST"]);
}

#[test]
fn what_is_no_schedule_is_refused_in_words() {
    for (line, words) in [
        ("", "five fields, or six with seconds, not 0"),
        ("1 2 3", "not 3"),
        ("0 25 * * *", "25 is no hour: it must be from 0 to 23"),
        ("60 1 * * *", "60 is no minute"),
        ("0 1 * * 8", "8 is no weekday"),
        ("0 1 0 * *", "0 is no day: it must be from 1 to 31"),
        ("0 1 13 * FRI", "both set"),
        ("0 1 31 2 *", "no such day ever comes"),
        ("0 1 31 4,6 *", "no such day ever comes"),
        ("0 1 * * L", "'L' is no weekday"),
        ("0 1 * * SUN#1", "'SUN#1' is no weekday"),
        ("0 1 * MAYBE *", "'MAYBE' is no month"),
        ("0 5-3 * * *", "5-3 runs backwards in the field for the hour"),
        ("*/0 * * * *", "/0 is no step"),
        ("+1 * * * *", "'+1' is no minute"),
        ("@reboot", "@reboot is not known"),
        ("0 1 * * *\u{1b}", "is no weekday"),
    ] {
        let error = Line::parse(line).unwrap_err();
        assert!(error.to_string().contains(words), "{line}: {error}");
        assert!(!error.to_string().contains('\u{1b}'));
    }
}

#[test]
fn timers_and_crontabs_are_told_the_same() {
    let line = |typed: &str| Line::parse(typed).unwrap();
    assert_eq!(line("30 1 * * *").as_calendar(), "*-*-* 01:30:00");
    assert_eq!(line("0 2 * 1,7 SUN").as_calendar(), "Sun *-01,07-* 02:00:00");
    assert_eq!(line("30 1 * * *").as_crontab().unwrap(), "30 1 * * *");
    assert_eq!(line("@weekly").as_crontab().unwrap(), "0 0 * * 0");
    assert_eq!(line("5 0 2 * * *").as_crontab(), None);
}

/// A field as people write it, of numbers within `least..=most`.
fn field(least: u8, most: u8) -> impl Strategy<Value = String> {
    let number = least..=most;
    let range = (number.clone(), number.clone()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b)));
    prop_oneof![
        3 => Just(String::from("*")),
        3 => number.clone().prop_map(|n| n.to_string()),
        1 => range.clone(),
        1 => (range, 1u8..7).prop_map(|(r, s)| format!("{r}/{s}")),
        1 => (2u8..7).prop_map(|s| format!("*/{s}")),
        1 => (number.clone(), number).prop_map(|(a, b)| format!("{a},{b}")),
    ]
}

fn lines() -> impl Strategy<Value = String> {
    let days = prop_oneof![(field(1, 28), Just(String::from("*"))), (Just(String::from("*")), field(0, 6)),];
    (field(0, 59), field(0, 23), days, field(1, 12)).prop_map(|(m, h, (d, w), mo)| format!("{m} {h} {d} {mo} {w}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn another_crate_finds_the_same_times(line in lines(), from in 1_767_225_600i64..1_830_000_000) {
        let from = Timestamp::from_second(from).unwrap();
        let oracle = croner::Cron::from_str(&line).unwrap();
        let ours: Vec<Timestamp> = Line::parse(&line).unwrap().after(from, &TimeZone::UTC).take(5).collect();
        let theirs: Vec<Timestamp> =
            oracle.iter_after(from.to_zoned(TimeZone::UTC)).take(5).map(|z| z.timestamp()).collect();
        prop_assert_eq!(ours, theirs);
    }

    /// Fixed times of day over both changes of two years. (For times that repeat within the hour it has other rules.)
    #[test]
    fn another_crate_finds_the_same_moments_over_changes(hour in 0u8..4, minute in 0u8..60, year in 2026i16..2028) {
        let (line, zone) = (format!("{minute} {hour} * * *"), london());
        let oracle = croner::Cron::from_str(&line).unwrap();
        for month in [3, 10] {
            let from = civil::date(year, month, 24).at(12, 0, 0, 0).to_zoned(zone.clone()).unwrap();
            let ours: Vec<Timestamp> = Line::parse(&line).unwrap().after(from.timestamp(), &zone).take(9).collect();
            let theirs: Vec<Timestamp> = oracle.iter_after(from).take(9).map(|z| z.timestamp()).collect();
            prop_assert_eq!(ours, theirs);
        }
    }

    /// Looking back finds what looking ahead passed.
    #[test]
    fn the_latest_is_the_last_before_the_next(line in lines(), second in 0i64..86_400, change in 0usize..4) {
        let changes = ["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z", "2027-03-27T12:00:00Z", "2027-10-30T12:00:00Z"];
        let now = at(changes[change]) + SignedDuration::from_secs(second);
        let (line, zone) = (Line::parse(&line).unwrap(), london());
        let latest = line.latest(now, &zone).unwrap();
        prop_assert!(latest <= now);
        prop_assert!(line.after(latest, &zone).next().is_none_or(|t| t > now));
        prop_assert_eq!(line.after(latest - SignedDuration::from_nanos(1), &zone).next(), Some(latest));
    }
}
