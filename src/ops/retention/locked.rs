//! What the store showed of a lock on objects that a disposal deletes: a store that locks keeps them, out of sight.

use jiff::Timestamp;

use crate::repo::repository::Repository;
use crate::repo::store::Listed;

/// The latest date until which the store shows any of these as locked. Where it may not be asked, none is known.
pub(super) fn latest(repo: &Repository, listed: &[&Listed]) -> Option<Timestamp> {
    let now = repo.env.clock.now();
    let until = |l: &&Listed| repo.store.locked_until(&l.key).ok().flatten().filter(|until| *until > now);
    listed.iter().filter_map(until).max()
}

/// The certificate's line.
pub(super) fn line(until: Timestamp, day: impl Fn(Timestamp) -> String) -> String {
    format!(
        "- Locked until {}: the store showed a lock on objects that were deleted, and may keep them, out of sight, until then",
        day(until)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::verify::fixture::Council;

    #[test]
    fn the_line_names_the_day_and_a_store_without_locks_shows_none() {
        let until: Timestamp = "2026-12-22T02:30:00Z".parse().unwrap();
        assert_eq!(
            line(until, |t| t.strftime("%-d %B %Y").to_string()),
            "- Locked until 22 December 2026: the store showed a lock on objects that were deleted, and may keep them, out of \
             sight, until then"
        );
        let council = Council::new();
        council.write("minutes.txt", "Minutes");
        council.backup();
        let repo = council.open();
        let listed = repo.store.list("packs").unwrap().0;
        assert!(!listed.is_empty());
        assert_eq!(latest(&repo, &listed.iter().collect::<Vec<_>>()), None);
    }
}
