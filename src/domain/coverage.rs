//! Every stored byte is brought back within so many weeks: what a run must take for that, and whether it can be kept.
//!
//! Pure, without a clock. A pack's age counts from its last test; until the first, from the day on which it was stored
//! and proved. Runs are slots a rhythm apart; a pack is due in the last slot that leaves one missed run to spare.
//! What must always hold: as long as [`Forecast::keeps`] is true at every run, no age passes the promise; and before an
//! age does, for whatever reason, it was false.

use jiff::{SignedDuration, Timestamp};

/// The rhythm that is planned for where none is known.
pub const WEEKLY: SignedDuration = SignedDuration::from_hours(7 * 24);
/// No longer gap between runs is reckoned with: more than a month.
const LONGEST: SignedDuration = SignedDuration::from_hours(35 * 24);
/// The rhythm of the timer that is recommended: the best that is hoped for while none is known.
const NIGHTLY: SignedDuration = SignedDuration::from_hours(24);
/// What counts as a month for `per_month`.
pub const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Tests as near to each other as this are one run.
const ONE_RUN: SignedDuration = SignedDuration::from_hours(1);
/// Runs that the rhythm is measured from.
const MEASURED: usize = 15;
/// A date later than this from now tells of a wrong clock: it proves nothing.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_hours(24);
/// Without a limit, a run takes at least this much.
pub const LEAST_PER_RUN: u64 = 1 << 30;

/// One pack that a snapshot needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its number.
    pub number: u32,
    /// Its stored bytes.
    pub size: u64,
    /// When it was stored, and proved before that.
    pub stored: Timestamp,
    /// When it was last opened from end to end by somebody who reads.
    pub tested: Option<Timestamp>,
    /// Decides among equals.
    pub lot: u64,
}

impl Seen {
    /// From when its age counts; `None` where the date cannot be believed.
    fn since(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.tested.unwrap_or(self.stored)).filter(|at| now.duration_since(*at) >= -CLOCK_SLACK)
    }
}

/// How often runs test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// From one to the next.
    pub every: SignedDuration,
    /// It was measured.
    pub known: bool,
}

impl Rhythm {
    /// As often as runs are; while that is not known, as often as is hoped for.
    pub fn at_best(&self) -> SignedDuration {
        if self.known { self.every } else { self.every.min(NIGHTLY) }
    }

    /// Measured from the times of runs, in any order.
    pub fn of(times: impl IntoIterator<Item = Timestamp>, now: Timestamp) -> Self {
        let mut times: Vec<Timestamp> = times.into_iter().filter(|at| *at <= now).collect();
        times.sort_unstable();
        let mut runs: Vec<Timestamp> = vec![];
        for at in times {
            if runs.last().is_none_or(|last| at.duration_since(*last) >= ONE_RUN) {
                runs.push(at);
            }
        }
        let newest = &runs[runs.len().saturating_sub(MEASURED)..];
        let gap = |w: &[Timestamp]| w[1].duration_since(w[0]).as_secs().min(LONGEST.as_secs());
        let mut gaps: Vec<i64> = newest.windows(2).map(gap).collect();
        // One pause, in the holidays perhaps, says nothing about the runs to come.
        gaps.sort_unstable();
        if gaps.len() > 2 {
            gaps.pop();
        }
        match gaps.len() as i64 {
            // Two runs make no rhythm.
            0 | 1 => Self { every: WEEKLY, known: false },
            n => Self { every: SignedDuration::from_secs(gaps.iter().sum::<i64>() / n), known: true },
        }
    }
}

/// What was promised, and what may be spent on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// No byte is older than this.
    pub within: SignedDuration,
    /// A run takes no more, but always at least one pack.
    pub per_run: Option<u64>,
    /// Shared evenly among the runs of a month.
    pub per_month: Option<u64>,
    /// What runs took in the last [`MONTH`].
    pub spent: u64,
    /// How often they are.
    pub rhythm: Rhythm,
    /// When the last run tested; before the first, when the first backup was made.
    pub last: Timestamp,
    /// Now.
    pub now: Timestamp,
}

impl Terms {
    /// What one run may take, as far as that is limited.
    fn limit(&self, every: SignedDuration) -> Option<u64> {
        let runs = (MONTH.as_secs() + every.as_secs() - 1) / every.as_secs().max(1);
        let share = self.per_month.map(|m| m / u64::try_from(runs).unwrap_or(1).max(1));
        [self.per_run, share].into_iter().flatten().min()
    }

    /// What is left of the month's bytes.
    fn month_left(&self) -> Option<u64> {
        self.per_month.map(|m| m.saturating_sub(self.spent))
    }

    /// Rhythms from the last run to the next that can be counted on. A run that is late by no more than a quarter of the
    /// rhythm is still to come: so much is jitter. One that is later was missed.
    fn runs_to_next(&self, every: SignedDuration) -> i64 {
        let every = every.as_secs().max(1);
        let since = self.now.duration_since(self.last).as_secs();
        since.saturating_sub(every / 4).saturating_add(every - 1).div_euclid(every).max(1)
    }

    /// When that is; a look between two runs must not count on one at its own moment.
    fn next(&self, every: SignedDuration) -> Timestamp {
        let wait = every.as_secs().max(1).saturating_mul(self.runs_to_next(every));
        self.last.checked_add(SignedDuration::from_secs(wait)).unwrap_or(self.now)
    }

    /// At least one run was missed.
    fn is_late(&self) -> bool {
        self.runs_to_next(self.rhythm.every) > 1
    }

    /// Later runs in which something that was tested now may be tested again, one left to spare.
    fn slots(&self, every: SignedDuration) -> u64 {
        slot(self.within, every)
    }
}

/// The last slot, from now on, for what is due after so long.
fn slot(left: SignedDuration, every: SignedDuration) -> u64 {
    let every = every.as_secs().max(1);
    u64::try_from((left.as_secs() - every).div_euclid(every)).unwrap_or(0)
}

/// How long ago bytes were brought back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ages {
    /// All of them.
    pub bytes: u64,
    /// Packs they lie in.
    pub packs: u64,
    /// Never tested since they were stored.
    pub never: u64,
    /// Older than promised.
    pub overdue: u64,
    /// Last tested in this week, the one before, and so on.
    pub weeks: Vec<u64>,
    /// From when the age of the oldest counts; `None` where nothing is stored.
    pub oldest: Option<Timestamp>,
    /// Until when all ages stay within the promise if nothing is tested any more.
    pub safe_until: Option<Timestamp>,
}

/// Adds up ages. The weeks count back from now.
pub fn ages(packs: &[Seen], within: SignedDuration, now: Timestamp) -> Ages {
    let weeks = within.as_secs() / WEEKLY.as_secs();
    let mut all = Ages { weeks: vec![0; usize::try_from(weeks).unwrap_or(0)], ..Ages::default() };
    for pack in packs {
        let since = pack.since(now);
        let age = since.map(|at| now.duration_since(at).max(SignedDuration::ZERO));
        all.bytes = all.bytes.saturating_add(pack.size);
        all.packs += 1;
        if age.is_none_or(|age| age > within) {
            all.overdue = all.overdue.saturating_add(pack.size);
        }
        if pack.tested.is_none() {
            all.never = all.never.saturating_add(pack.size);
        } else if let Some(age) = age
            && let Some(week) =
                usize::try_from(age.as_secs() / WEEKLY.as_secs()).ok().and_then(|n| all.weeks.get_mut(n))
        {
            *week = week.saturating_add(pack.size);
        }
        // What has no date that can be believed is as old as anything can be.
        let at = since.unwrap_or(Timestamp::UNIX_EPOCH);
        all.oldest = Some(all.oldest.map_or(at, |oldest| oldest.min(at)));
    }
    all.safe_until = all.oldest.and_then(|at| at.checked_add(within).ok());
    all
}

/// Whether the promise can be kept, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// All bytes that must come back within the promise.
    pub bytes: u64,
    /// What each run must take from now on so that nothing comes too late.
    pub needed_per_run: u64,
    /// What runs may take within the promise; `None` without a limit.
    pub allowed: Option<u64>,
    /// The limits allow for all bytes within the promise, again and again.
    pub sustainable: bool,
    /// Nothing comes too late with these limits, things being as they are.
    pub keeps: bool,
    /// When the first byte will pass the promise, if one will.
    pub breaks: Option<Timestamp>,
    /// What this run takes at most.
    pub allowance: u64,
}

/// What falls due in each slot, and what a run must take for that.
struct Demand {
    /// Bytes due up to each slot that has any, with the earliest date in it.
    due: Vec<(u64, u64, Timestamp)>,
    every: SignedDuration,
    largest: u64,
    bytes: u64,
}

impl Demand {
    /// `order` is by slot.
    fn of(order: &[(u64, Timestamp, Seen)], every: SignedDuration) -> Self {
        let mut demand = Self { due: vec![], every, largest: 0, bytes: 0 };
        for (slot, at, pack) in order {
            demand.bytes = demand.bytes.saturating_add(pack.size);
            demand.largest = demand.largest.max(pack.size);
            match demand.due.last_mut().filter(|(last, ..)| last == slot) {
                Some((_, sum, first)) => (*sum, *first) = (demand.bytes, (*first).min(*at)),
                None => demand.due.push((*slot, demand.bytes, *at)),
            }
        }
        demand
    }

    /// The least that every run must take.
    fn rate(&self, slots: u64) -> u64 {
        let now = self.due.iter().map(|(slot, sum, _)| sum.div_ceil(slot + 1)).max().unwrap_or(0);
        now.max(self.bytes.div_ceil(slots.max(1)))
    }

    /// What a limit is worth: a pack is taken as a whole or not at all.
    fn worth(&self, limit: u64) -> u64 {
        limit.saturating_sub(self.largest.saturating_sub(1))
    }

    /// What cannot wait if later runs do `rate` each.
    fn must(&self, rate: u64) -> u64 {
        let later = |slot: u64| slot.saturating_mul(rate);
        self.due.iter().map(|(slot, sum, _)| sum.saturating_sub(later(*slot))).max().unwrap_or(0)
    }
}

/// The first slot is `from`.
fn by_slot(packs: &[Seen], terms: &Terms, every: SignedDuration, from: Timestamp) -> Vec<(u64, Timestamp, Seen)> {
    let mut order: Vec<(u64, Timestamp, Seen)> = packs
        .iter()
        .map(|pack| {
            let due = pack.since(terms.now).and_then(|at| at.checked_add(terms.within).ok()).unwrap_or(terms.now);
            (slot(due.duration_since(from), every), due, *pack)
        })
        .collect();
    order.sort_unstable_by_key(|(slot, due, pack)| (*slot, *due, pack.lot, pack.number));
    order
}

/// Works out whether the promise can be kept.
pub fn forecast(packs: &[Seen], terms: &Terms) -> Forecast {
    let every = terms.rhythm.every;
    let best = terms.rhythm.at_best();
    // While the rhythm is unknown: ready for the worst, but nothing is refused that a nightly run would do.
    let next = terms.next(best);
    let sound = promise(&Demand::of(&by_slot(packs, terms, best, next), best), terms, next);
    let from = terms.next(every).max(terms.now);
    let feared = Demand::of(&by_slot(packs, terms, every, from), every);
    let rate = feared.rate(terms.slots(every));
    let wanted = rate.saturating_add(feared.largest.saturating_sub(1)).max(LEAST_PER_RUN);
    let most = [terms.limit(every), terms.month_left()].into_iter().flatten().min();
    let typed = terms.per_run.is_some();
    let allowance = most.map_or(wanted, |most| if typed { most } else { most.min(wanted) });
    Forecast { needed_per_run: rate, allowance, ..sound }
}

fn promise(demand: &Demand, terms: &Terms, next: Timestamp) -> Forecast {
    let slots = terms.slots(demand.every).max(1);
    let worth = terms.limit(demand.every).map(|limit| demand.worth(limit));
    let allowed = worth.map(|w| w.saturating_mul(slots));
    let sustainable = allowed.is_none_or(|a| demand.bytes <= a);
    // What was spent this month may leave less for this run than for later ones.
    let first = worth.map(|w| terms.month_left().map_or(w, |left| w.min(demand.worth(left))));
    let can = |slot: u64| Some(first?.saturating_add(worth?.saturating_mul(slot)));
    let mut late = demand.due.iter().filter(|(slot, sum, _)| can(*slot).is_some_and(|can| *sum > can));
    let rare = demand.every > terms.within;
    // What is due before the next run but one comes too late if the next is missed, as one was, or was cut short, before.
    // A promise without a run to spare is broken by the next that is missed: no warning can come before that.
    let has_spare = terms.slots(terms.rhythm.every) > 0 || terms.is_late();
    let end = if has_spare { next.checked_add(demand.every).unwrap_or(next) } else { next };
    let first_due = demand.due.first().filter(|(.., at)| rare || *at < end);
    let late = late.next().or(first_due).map(|(.., at)| *at);
    let end = terms.now.checked_add(terms.within).ok();
    Forecast {
        bytes: demand.bytes,
        needed_per_run: 0,
        allowed,
        sustainable,
        keeps: sustainable && late.is_none(),
        breaks: late.or(if sustainable { None } else { end }),
        allowance: 0,
    }
}

/// What a run takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Packs, in the order in which they were chosen.
    pub packs: Vec<u32>,
    /// Their bytes.
    pub bytes: u64,
    /// Packs left for another time.
    pub left: u64,
}

/// Chooses within `allowance`, but always at least one pack: first what cannot wait, then what is `wished`, then what
/// was never tested, then what was tested longest ago.
pub fn plan(packs: &[Seen], terms: &Terms, allowance: u64, wished: &dyn Fn(u32) -> bool) -> Plan {
    let every = terms.rhythm.every;
    let order = by_slot(packs, terms, every, terms.now);
    let demand = Demand::of(&order, every);
    let rate = match terms.limit(every) {
        Some(limit) => demand.worth(limit),
        None => demand.rate(terms.slots(every)),
    };
    let must = demand.must(rate);
    let mut plan = Plan::default();
    let mut rest: Vec<Seen> = vec![];
    for (.., pack) in order {
        if plan.bytes >= must || !plan.take(&pack, allowance) {
            rest.push(pack);
        }
    }
    // A date that cannot be believed is as good as none.
    let tested = |p: &Seen| p.tested.and_then(|_| p.since(terms.now));
    rest.sort_unstable_by_key(|p| (!wished(p.number), tested(p), p.lot, p.number));
    for pack in rest {
        if !plan.take(&pack, allowance) {
            plan.left += 1;
        }
    }
    plan
}

impl Plan {
    fn take(&mut self, pack: &Seen, allowance: u64) -> bool {
        let fits = self.packs.is_empty() || self.bytes.saturating_add(pack.size) <= allowance;
        if fits {
            self.packs.push(pack.number);
            self.bytes = self.bytes.saturating_add(pack.size);
        }
        fits
    }
}

#[cfg(test)]
#[path = "coverage_tests.rs"]
mod tests;
