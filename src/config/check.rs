//! Small checks that several tables share: what is required, names, addresses, paths, numbers, sizes.

use std::ops::Range;
use std::path::{Component, PathBuf};

use toml::Spanned;

use super::error::{ConfigError, Text};
use super::raw::Opt;

/// The longest name, phone number or address, in bytes.
const LONGEST: usize = 200;
const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KIB", 1 << 10),
    ("MIB", 1 << 20),
    ("GIB", 1 << 30),
    ("TIB", 1 << 40),
];

/// The value of a key that must be there; `table` is the place and the name of where it is missed.
pub(super) fn required<'v, T>(
    t: Text<'_>,
    value: &'v Opt<T>,
    table: (Range<usize>, &str),
    example: &str,
) -> Result<&'v Spanned<T>, ConfigError> {
    let key = example.split(' ').next().unwrap_or_default();
    value.as_ref().ok_or_else(|| t.fault(table.0, format!("{} has no `{key}`", table.1), format!("Add: {example}")))
}

/// One line of words to be shown to people.
pub(super) fn one_line(t: Text<'_>, value: &Spanned<String>, what: &str) -> Result<String, ConfigError> {
    let text = value.get_ref().trim();
    let problem = if text.is_empty() {
        "is empty"
    } else if text.len() > LONGEST {
        "is too long"
    } else if crate::domain::path::printable(text.as_bytes()) != text {
        "holds line breaks or invisible characters"
    } else {
        return Ok(text.to_owned());
    };
    Err(t.fault(value.span(), format!("{what} {problem}"), ""))
}

/// `local@domain`; the domain comes back in lower case.
pub(super) fn email(t: Text<'_>, value: &Spanned<String>) -> Result<String, ConfigError> {
    let local_ok = |local: &str| {
        let clean = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
        !local.is_empty() && local.len() <= 64 && local.bytes().all(clean) && !local.split('.').any(str::is_empty)
    };
    match value.get_ref().rsplit_once('@') {
        Some((local, domain)) if local_ok(local) && is_domain(&domain.to_lowercase()) => {
            Ok(format!("{local}@{}", domain.to_lowercase()))
        }
        _ => Err(t.fault(
            value.span(),
            "this is not an e-mail address",
            "Write it as name@example.gov.uk, nothing else.",
        )),
    }
}

/// A bare domain of two labels or more, in lower case.
pub(super) fn is_domain(name: &str) -> bool {
    name.contains('.') && is_host_name(name)
}

/// Labels of letters, digits and inner hyphens, in lower case.
pub(super) fn is_host_name(name: &str) -> bool {
    let clean = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let label =
        |l: &str| (1..=63).contains(&l.len()) && l.bytes().all(clean) && !l.starts_with('-') && !l.ends_with('-');
    name.len() <= 253 && name.split('.').all(label)
}

/// Whether a host can only be this computer.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// An absolute path without `.` and `..`.
pub(super) fn absolute(t: Text<'_>, value: &Spanned<String>, what: &str) -> Result<PathBuf, ConfigError> {
    let path = PathBuf::from(value.get_ref());
    let help = "Write the full path, beginning with /.";
    if !path.is_absolute() {
        return Err(t.fault(value.span(), format!("{what} must be an absolute path"), help));
    }
    if path.components().any(|c| c == Component::ParentDir) || value.get_ref().contains('\0') {
        return Err(t.fault(value.span(), format!("{what} must not lead through '..'"), help));
    }
    Ok(path.components().collect())
}

/// A whole number within bounds, or the default.
pub(super) fn number(t: Text<'_>, value: &Opt<i64>, default: u32, range: Range<u32>) -> Result<u32, ConfigError> {
    let Some(value) = value else { return Ok(default) };
    u32::try_from(*value.get_ref()).ok().filter(|n| range.contains(n)).ok_or_else(|| {
        let message = format!("this must be from {} to {}", range.start, range.end.saturating_sub(1));
        t.fault(value.span(), message, "")
    })
}

/// `"30 days"`, from 1 to `most`.
pub(super) fn days(t: Text<'_>, value: &Opt<String>, most: u32) -> Result<Option<u32>, ConfigError> {
    let Some(typed) = value else { return Ok(None) };
    let (number, unit) = typed.get_ref().split_once(' ').unwrap_or((typed.get_ref(), ""));
    match number.parse::<u32>().ok().filter(|_| matches!(unit.trim(), "day" | "days")) {
        Some(n) if (1..=most).contains(&n) => Ok(Some(n)),
        Some(_) => Err(t.fault(typed.span(), format!("this must be from 1 to {most} days"), "")),
        None => {
            let help = "Write a whole number of days, as in \"30 days\".";
            Err(t.fault(typed.span(), "this is no number of days", help))
        }
    }
}

/// A size such as `1 GiB`, at least `least`, or the default.
pub(super) fn size(t: Text<'_>, value: &Opt<String>, default: u64, least: &str) -> Result<u64, ConfigError> {
    let Some(value) = value else { return Ok(default) };
    let Some(bytes) = parse_size(value.get_ref()) else {
        let help = "Write a whole number and a unit: B, KB, MB, GB, TB, KiB, MiB, GiB or TiB, as in \"1 GiB\".";
        return Err(t.fault(value.span(), "this is not a size", help));
    };
    if parse_size(least).is_some_and(|l| bytes < l) {
        return Err(t.fault(value.span(), format!("this must be at least {least}"), ""));
    }
    Ok(bytes)
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let unit = text[digits..].trim_start_matches(' ').to_uppercase();
    let (_, factor) = UNITS.iter().find(|(u, _)| *u == unit)?;
    text[..digits].parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("1 GiB"), Some(1 << 30));
        assert_eq!(parse_size("500MB"), Some(500_000_000));
        assert_eq!(parse_size("64 kib"), Some(65_536));
        assert_eq!(parse_size("0 B"), Some(0));
        for bad in ["", "1", "GiB", "-1 GiB", "1.5 GiB", "1 gig", "99999999999 TiB", "1 GiB ", "１ GiB"] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }

    #[test]
    fn domains_and_hosts() {
        assert!(is_domain("anytown-tc.gov.uk") && is_host_name("localhost"));
        for bad in ["localhost", "a..b", ".a.b", "a.b.", "http://a.b", "-a.b", "a b.c", "A.b", ""] {
            assert!(!is_domain(bad), "{bad}");
        }
        assert!(is_loopback("127.0.0.1") && is_loopback("[::1]") && is_loopback("localhost"));
        assert!(!is_loopback("127.0.0.1.example.com") && !is_loopback("10.0.0.1") && !is_loopback("localhost.example"));
    }

    #[test]
    fn an_address_cannot_smuggle_a_header() {
        let t = Text { file: "c", text: "" };
        let ok = |s: &str| email(t, &Spanned::new(0..0, s.to_owned()));
        assert_eq!(ok("The.Clerk@Anytown-TC.gov.uk").unwrap(), "The.Clerk@anytown-tc.gov.uk");
        for bad in ["a@b.c\nBcc: x@y.z", "a b@c.d", "<a@b.c>", "a@b", "@b.c", "a@", "a..b@c.d", "a@b.c, d@e.f", "ä@b.c"]
        {
            assert!(ok(bad).is_err(), "{bad}");
        }
    }
}
