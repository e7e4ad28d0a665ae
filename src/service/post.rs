//! All ways by which messages leave: mail, which reaches every role, and webhooks, each of which speaks to one.
//!
//! A message is stored on each way of its own that leads to its reader; where it cannot be stored it is sent at once.
//! Whatever happens on one way, the others are tried.

use jiff::Timestamp;

use crate::domain::clock::Clock;
use crate::service::causes::Notice;
use crate::service::history::{JournalState, fold};
use crate::service::journal::{Event, Journal, JournalEntry, Told};
use crate::service::mail::Mailer;
use crate::service::outbox::{FlushReport, Outbox, Outgoing, Sending};
use crate::service::plain::People;
use crate::service::voice::{VoiceState, WayName};
use crate::service::words::{NoticeKind, Role, Trouble};
use crate::service::{technical, texts};

/// A way other than mail.
pub struct Channel {
    /// Whose messages it carries.
    pub role: Role,
    /// Where they wait.
    pub outbox: Outbox,
    /// Who takes them.
    pub mailer: Box<dyn Mailer>,
}

/// All that are configured.
#[derive(Clone, Copy)]
pub struct Ways<'a> {
    /// Where mail waits.
    pub outbox: &'a Outbox,
    /// Who takes it.
    pub mailer: Option<&'a dyn Mailer>,
    /// The others.
    pub others: &'a [Channel],
}

type Way<'a> = (&'a Outbox, &'a dyn Mailer);

/// What handing over came to.
#[derive(Debug, Default)]
pub struct Handed {
    /// To be journalled; nothing where no way took or stored it.
    pub events: Vec<Event>,
    /// What went wrong.
    pub trouble: Vec<String>,
}

impl<'a> Ways<'a> {
    /// Those that lead to this role.
    fn to(&self, role: Role) -> impl Iterator<Item = Way<'a>> {
        let mail = self.mailer.map(|mailer| (self.outbox, mailer));
        let others = self.others.iter().filter(move |c| c.role == role);
        mail.into_iter().chain(others.map(|c| (&c.outbox, &*c.mailer)))
    }

    /// Whether any leads to this role.
    pub fn leads_to(&self, role: Role) -> bool {
        self.to(role).next().is_some()
    }

    /// Whether there is any at all.
    pub fn is_any(&self) -> bool {
        self.mailer.is_some() || !self.others.is_empty()
    }

    /// Whether one of them leads nowhere while another does: then the other can say so.
    pub fn is_one_dead(&self, state: &VoiceState, now: Timestamp) -> bool {
        let ends = [Role::Clerk, Role::Provider].into_iter().flat_map(|to| self.to(to).map(move |way| (way, to)));
        let dead: Vec<bool> = ends.map(|((outbox, _), to)| state.is_dead(outbox.way(), to)).collect();
        (dead.contains(&true) || state.is_ping_dead(now)) && dead.contains(&false)
    }

    /// How many messages reached nobody: by mail, or by the others where there is no mail.
    pub fn given_up(&self, state: &JournalState) -> u64 {
        let by = |c: &Channel| state.voices.expired.get(c.outbox.way()).copied().unwrap_or_default();
        if self.mailer.is_some() { state.expired } else { self.others.iter().map(by).sum() }
    }

    /// Stores a message on each way to its reader that `may` carry it; where that is not possible, sends it at once.
    pub fn hand_over(&self, message: &Outgoing, may: impl Fn(&Outbox) -> bool) -> Handed {
        let mut handed = Handed::default();
        let queued = Event::NoticeQueued(message.told());
        for (outbox, mailer) in self.to(message.to).filter(|(outbox, _)| may(outbox)) {
            let Err(error) = outbox.put(message) else {
                if !handed.events.contains(&queued) {
                    handed.events.insert(0, queued.clone());
                }
                continue;
            };
            handed.trouble.push(error.to_string());
            match mailer.send(message) {
                Ok(_) => {
                    if !handed.events.contains(&queued) {
                        handed.events.insert(0, queued.clone());
                    }
                    handed.events.push(outbox.sent(message.told()));
                }
                Err(unsent) => handed.trouble.push(unsent.to_string()),
            }
        }
        handed
    }

    /// Sends what is due on every way: what became of the mail, and of each other.
    pub fn flush(&self, clock: &dyn Clock, journal: &Journal, run: &str) -> (FlushReport, Vec<(WayName, FlushReport)>) {
        let flush = |outbox: &Outbox, mailer| outbox.flush(&Sending { mailer, clock, journal, run });
        let mail = self.mailer.map(|mailer| flush(self.outbox, mailer)).unwrap_or_default();
        let others = self.others.iter().map(|c| (c.outbox.way().clone(), flush(&c.outbox, &*c.mailer)));
        (mail, others.collect())
    }

    /// Moves aside what is not what was written: how many files, and what went wrong.
    pub fn sweep(&self) -> (usize, Vec<String>) {
        let (mut damaged, mut trouble) = self.outbox.sweep();
        for channel in self.others {
            let (more, words) = channel.outbox.sweep();
            damaged += more;
            trouble.extend(words);
        }
        (damaged, trouble)
    }
}

/// Whether people were told, as far as a run can know: by mail, or by all else where there is no mail.
pub fn got_through(ways: &Ways<'_>, mail: &FlushReport, others: &[(WayName, FlushReport)]) -> bool {
    let well = |report: &FlushReport| report.failed.is_empty() && report.expired.is_empty();
    well(mail) && (ways.mailer.is_some() || others.iter().all(|(_, report)| well(report)))
}

/// Which ways may carry a notice. That a way is dead is not told by that way: it would arrive when it is no longer true. And
/// one unread reminder on each is enough: a dead server must not end in a heap of them.
pub fn may_carry<'a>(notice: &'a Notice, state: &'a JournalState) -> impl Fn(&Outbox) -> bool + 'a {
    let (reminder, to) = (notice.kind == NoticeKind::Reminder, notice.to);
    let unheard = notice.lead.trouble == Trouble::Unheard && (reminder || notice.kind == NoticeKind::Failure);
    move |outbox| {
        let dead = unheard && state.voices.is_dead(outbox.way(), to);
        let unread = reminder && outbox.is_waiting(&notice.reference, to);
        !(dead || unread)
    }
}

/// What telling needs outside of a run.
pub struct Post<'a> {
    /// Where it is written down.
    pub journal: &'a Journal,
    /// By which ways.
    pub ways: Ways<'a>,
    /// The time.
    pub clock: &'a dyn Clock,
    /// The fields of every message.
    pub people: &'a People,
    /// Whether there is a deputy.
    pub deputy: bool,
    /// The name under which the journal has it.
    pub run: String,
}

/// What became of it.
#[derive(Debug, Default)]
pub struct Posted {
    /// The messages that were due.
    pub notices: Vec<Told>,
    /// What became of those that were waiting for the mail server.
    pub flush: FlushReport,
    /// The same of the other ways.
    pub others: Vec<(WayName, FlushReport)>,
    /// What went wrong with the journal or the outbox.
    pub trouble: Vec<String>,
}

impl Post<'_> {
    /// What the journal says, and why it could not be read.
    pub fn state(&self) -> (JournalState, Option<String>) {
        match self.journal.read() {
            Ok(all) => (fold(&all.entries), None),
            Err(error) => (JournalState::default(), Some(error.to_string())),
        }
    }

    /// Stores the messages and sends what is due. Behind one that was stored or sent the journal gets its event.
    pub fn say(&self, messages: impl IntoIterator<Item = (Outgoing, Option<Event>)>) -> Posted {
        let mut posted = Posted::default();
        for (message, then) in messages {
            let handed = self.ways.hand_over(&message, |_| true);
            posted.trouble.extend(handed.trouble);
            let then = then.filter(|_| !handed.events.is_empty());
            for event in handed.events.into_iter().chain(then) {
                let entry = JournalEntry { at: self.clock.now(), run: self.run.clone(), event };
                posted.trouble.extend(self.journal.append(&entry).err().map(|e| e.to_string()));
            }
            posted.notices.push(message.told());
        }
        (posted.flush, posted.others) = self.ways.flush(self.clock, self.journal, &self.run);
        posted
    }
}

/// Puts a notice into words for its reader.
pub fn compose(notice: &Notice, people: &People, now: jiff::Timestamp) -> Outgoing {
    let letter = match notice.to {
        Role::Clerk | Role::Deputy => texts::for_clerk(notice, people),
        Role::Provider => technical::for_provider(notice, people),
    };
    Outgoing {
        id: notice.id.clone(),
        reference: Some(notice.reference.clone()),
        to: notice.to,
        notice: notice.kind,
        subject: letter.subject,
        body: letter.body,
        created: now,
    }
}
