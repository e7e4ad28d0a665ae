//! What the clerk and the deputy read about the council's rules on keeping records: fixed templates over numbers,
//! dates and the configured names. The same rules as for all notices; the approved texts are in `tests/notices/`.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::service::access::{AccessSeen, KeysSeen};
use crate::service::journal::Event;
use crate::service::outbox::Outgoing;
use crate::service::plain::{People, counted, date, number};
use crate::service::policy::{MONTHLY, Review};
use crate::service::post::{Post, Posted};
use crate::service::retention::{DisposalSeen, News, RetentionNotice, Stopped, notices};
use crate::service::technical;
use crate::service::texts::{Letter, paragraphs};
use crate::service::words::{NoticeKind, Role};

/// The parts in which they differ.
struct Part {
    title: String,
    happened: String,
    meaning: String,
    act: Act,
}

/// Who does what.
#[derive(Clone, Copy)]
enum Act {
    /// The clerk decides.
    Decide,
    /// Somebody may have done what they should not.
    IfUnexpected,
    /// The council decides.
    Council,
    /// Nothing.
    Questions,
}

/// Puts a notice into words for its reader.
pub fn letter(notice: &RetentionNotice, people: &People) -> Letter {
    match technical::of_retention(notice, people) {
        Some(letter) if notice.to == Role::Provider => letter,
        _ => for_clerk(notice, people),
    }
}

fn for_clerk(notice: &RetentionNotice, people: &People) -> Letter {
    let part = part(&notice.news, people, notice.at);
    let (who, phone) = (&people.provider, &people.phone);
    let act = match part.act {
        Act::Decide => format!(
            "Who acts: you decide. The list is on the office computer; for help ring {who}, telephone {phone}, and quote \
             the reference."
        ),
        Act::IfUnexpected => {
            format!("If you did not expect this, ring {who}, telephone {phone}, today and quote the reference.")
        }
        Act::Council => format!("Who acts: the council decides. For help ring {who}, telephone {phone}."),
        Act::Questions => format!("You need do nothing. Questions: {who}, telephone {phone}."),
    };
    let mut lines = vec![
        format!("Reference: {}", notice.reference),
        format!("What happened: {}", part.happened),
        format!("What it means: {}", part.meaning),
        act,
    ];
    lines.extend(people.coverage());
    let again = match notice.news.repeats() {
        Some(MONTHLY) => "You will be told monthly while this is so. ",
        Some(_) => "You will be told weekly while this is so. ",
        None => "",
    };
    lines.push(format!("{again}There is nothing to click in this message."));
    let (council, day) = (&people.council, people.day(notice.at));
    Letter {
        subject: format!("{council}: {} on {day} – reference {}", part.title, notice.reference),
        body: paragraphs(&lines),
    }
}

type Words = (String, String, String, Act);

fn part(news: &News, people: &People, at: Timestamp) -> Part {
    let today = people.day(at);
    let (title, happened, meaning, act) = match news {
        News::Proposals { records, needs_council, since } => proposals(*records, *needs_council, &people.day(*since)),
        News::HoldReviews { holds, oldest } => reviews(*holds, *oldest),
        News::AdoptedShortening { in_force, records, .. } => adopted(*in_force, *records),
        News::SchemeInForce { .. } => (
            "new rules on keeping records now count".to_owned(),
            format!("The changed rules on how long records are kept count from now on ({today})."),
            "Records that are due by them are destroyed only when that is approved, by you or as the rules say.".to_owned(),
            Act::IfUnexpected,
        ),
        News::DisposalApproved { disposal, by_scheme, urgent } => approved(*disposal, *by_scheme, *urgent, &today),
        News::DisposalCancelled { disposal } => (
            "a destruction was called off".to_owned(),
            format!(
                "The destruction of {} (number {}) was called off on {today}.",
                of(disposal.records),
                disposal.approval
            ),
            "They are kept, and can be brought back as before.".to_owned(),
            Act::IfUnexpected,
        ),
        News::DisposalStopped { disposal, why } => stopped(*disposal, *why, &today),
        News::DisposalDone { disposal } => (
            format!("{} destroyed as approved", of(disposal.records)),
            format!(
                "{} left every backup for good on {today}, as approved (number {}).",
                of(disposal.records),
                disposal.approval
            ),
            "A signed certificate says what was destroyed and by which decision. Ask for it by that number.".to_owned(),
            Act::Questions,
        ),
        News::Reappeared { records } => (
            "destroyed records are there again".to_owned(),
            format!("Records that had been destroyed were found in the council's folders again: {} ({today}).", of(*records)),
            "Somebody may have put back a copy from elsewhere. Strongroom keeps them and backs them up. Should they be \
             there?"
                .to_owned(),
            Act::Decide,
        ),
        News::Policies(reviews) => policies(reviews),
        News::Access(seen) => access(seen),
        News::Keys(seen) => keys(seen, &people.day(seen.at)),
    };
    Part { title, happened, meaning, act }
}

fn of(n: u64) -> String {
    counted(n, "record", "records")
}

fn proposals(n: u64, needs_council: bool, since: &str) -> Words {
    let council = if needs_council { " Some need a decision of the council, with its minute." } else { "" };
    (
        format!("{} due, waiting for your decision, reported", of(n)),
        format!("By the council's rules on how long records are kept, {} should now be destroyed.", of(n)),
        format!(
            "What is due was deleted from the council's folders and lies in the backups only. Nothing of it is destroyed \
             until that is approved.{council} The first has waited since {since}."
        ),
        Act::Decide,
    )
}

fn reviews(holds: u64, oldest: Date) -> Words {
    (
        "a hold should be looked at again, reported".to_owned(),
        format!(
            "The day to look again has come for {} on records; the first was {}.",
            counted(holds, "hold", "holds"),
            date(oldest)
        ),
        "A hold never ends by itself. Until somebody releases it, what it touches is kept, and so are older backups."
            .to_owned(),
        Act::Decide,
    )
}

fn adopted(in_force: Date, sooner: Option<u64>) -> Words {
    let how_many = sooner.map(|n| format!(" ({} so far)", of(n))).unwrap_or_default();
    (
        "new rules on keeping records, reported".to_owned(),
        format!(
            "The council's rules on how long records are kept were changed. Some records may go sooner than before, or for the first time{how_many}."
        ),
        format!(
            "The new rules count from {}. Until then the old ones hold, so that people can object.",
            date(in_force)
        ),
        Act::IfUnexpected,
    )
}

fn approved(disposal: DisposalSeen, by_scheme: bool, urgent: bool, today: &str) -> Words {
    let n = of(disposal.records);
    let by = if by_scheme { " by the council's rules themselves, which ask nobody about these" } else { "" };
    let then = if urgent {
        "They are then destroyed for good at once."
    } else {
        "For 14 days more it can be called off; then they are destroyed for good."
    };
    (
        format!("{n} approved for destruction"),
        format!("The destruction of {n} was approved{by} ({today}, number {}).", disposal.approval),
        format!("The records will be withdrawn, so that nobody can bring them back from the backups. {then}"),
        Act::IfUnexpected,
    )
}

fn stopped(disposal: DisposalSeen, why: Stopped, today: &str) -> Words {
    let meaning = match why {
        Stopped::Changed => {
            "It did not go on: some of them must be kept now, by a hold or because something changed. Call it off, or \
             look at the list again."
        }
        Stopped::TooMany => {
            "It did not go on: it is a large share of all records that were deleted, and nobody has said that this is \
             meant. Look at the list, then say so or call it off."
        }
        Stopped::SafetyCheck => {
            "It waits: a safety check was not passed, such as a test of the newest backup. It is tried again every night, \
             and your provider was told. The records are kept until then."
        }
    };
    (
        "an approved destruction was stopped".to_owned(),
        format!("The destruction of {} (number {}) was stopped on {today}.", of(disposal.records), disposal.approval),
        meaning.to_owned(),
        if why == Stopped::SafetyCheck { Act::Questions } else { Act::Decide },
    )
}

fn policies(reviews: &[Review; 2]) -> Words {
    let names = ["policy on information technology", "policy on keeping records"];
    let said = |(review, name): (&Review, &str)| match review {
        Review::Fresh => None,
        Review::Missing => Some(format!("No day is noted on which the council adopted its {name}.")),
        Review::Due(on) => Some(format!("The council adopted its {name} on {}, more than a year ago.", date(*on))),
    };
    let happened: Vec<String> = reviews.iter().zip(names).filter_map(said).collect();
    (
        "a policy of the council should be looked at again, reported".to_owned(),
        happened.join(" "),
        "Backups go on as usual. Both policies should be looked at once a year and the decision minuted. Then ask your \
         provider to note the day and the minute in Strongroom's settings."
            .to_owned(),
        Act::Council,
    )
}

fn access(seen: &AccessSeen) -> Words {
    let outsiders = |n| format!("{} to the council's backups", counted(n, "outsider's access", "outsiders' accesses"));
    let mut happened = vec![];
    if let Some(since) = seen.since {
        let which = outsiders(seen.passed);
        let first = date(since);
        happened.push(format!("{which} should have ended by now, the first on {first}, and no end was noted."));
    }
    if let Some(next) = seen.next {
        let which = match happened.is_empty() {
            true => outsiders(seen.ending),
            false => counted(seen.ending, "such access", "such accesses"),
        };
        happened.push(format!("{which} will end soon, the first on {}.", date(next)));
    }
    (
        "access of outsiders to the backups, reported".to_owned(),
        happened.join(" "),
        "A key that is no longer needed should not stand. Ask your provider to take it away and note that, or agree a new last \
         day."
            .to_owned(),
        Act::Decide,
    )
}

fn keys(seen: &KeysSeen, day: &str) -> Words {
    (
        "the list of keys to the backups was changed, reported".to_owned(),
        format!(
            "The list of keys and computers that may use the council's backups was changed on {day}: something was added or \
             taken away. Keys that open them now: {}. Computers that may add to them: {}.",
            number(seen.readers),
            number(seen.writers)
        ),
        "A key that opens them opens all the documents they hold. The list can only be changed with the recovery sheet from \
         your safe, or a copy of it."
            .to_owned(),
        Act::IfUnexpected,
    )
}

/// The message as it is stored and sent.
pub fn outgoing(notice: &RetentionNotice, people: &People) -> Outgoing {
    let letter = letter(notice, people);
    Outgoing {
        id: notice.id.clone(),
        reference: Some(notice.reference.clone()),
        to: notice.to,
        notice: NoticeKind::Retention,
        subject: letter.subject,
        body: letter.body,
        created: notice.at,
    }
}

/// Tells what was not told yet, at once; what cannot be sent waits in the outbox.
pub fn tell(post: &Post<'_>, news: &[News]) -> Posted {
    if !post.ways.is_any() {
        return Posted::default();
    }
    let (now, zone) = (post.clock.now(), &post.people.zone);
    let (state, trouble) = post.state();
    let due = notices(&state.retention, &state.references, news, post.deputy, now, zone);
    let mut posted = post.say(due.iter().map(|n| (outgoing(n, post.people), Some(told_of(n)))));
    posted.trouble.extend(trouble);
    posted
}

/// For the journal: this role knows.
pub fn told_of(notice: &RetentionNotice) -> Event {
    Event::RetentionTold { about: notice.about(), reference: notice.reference.clone(), to: notice.to }
}
