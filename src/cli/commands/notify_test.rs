//! `notify test`: a message really sent on every way there is, and what each server answered.

use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::{telling, ways};
use crate::config::Config;
use crate::domain::problem::Exit;
use crate::service::history::fold;
use crate::service::journal::{Event, Told};
use crate::service::mail::{Accepted, Mailer, SendError};
use crate::service::outbox::Outgoing;
use crate::service::texts;
use crate::service::web::Signal;
use crate::service::words::{NoticeKind, Role, word};

/// The webhooks that there are speak to others.
pub const NOT_THE_CLERK: &str =
    "No message reaches the clerk: add [notify.mail], or a [[notify.webhook]] with role = \"clerk\".";

pub fn run(shell: &Shell) -> Result<Done, Failure> {
    let config = shell.config()?;
    let mail = shell.mailer(&config)?;
    if mail.is_none() && config.webhooks.is_empty() && config.ping.is_none() {
        return Err(super::notify::no_mail());
    }
    let mut test = Test { shell, config: &config, sent: 0, failed: 0, to_clerk: false };
    if let Some(mailer) = &mail {
        let deputy = config.council.deputy.as_ref().map(|_| Role::Deputy);
        for to in [Role::Clerk, Role::Provider].into_iter().chain(deputy) {
            let accepted = mailer.send(&test.message(to));
            test.answered("mail", "The mail server", Some(to), accepted, Some(Event::TestMessageAccepted { to }))?;
        }
    }
    for channel in ways::webhooks(shell, &config) {
        let (way, to) = (channel.outbox.way().clone(), channel.role);
        let accepted = channel.mailer.send(&test.message(to));
        let told = Told { reference: None, to, notice: NoticeKind::Test };
        let who = format!("The webhook \"{way}\"");
        test.answered(way.as_str(), &who, Some(to), accepted, Some(channel.outbox.sent(told)))?;
    }
    test.ping()?;
    if config.ways_to(Role::Clerk).is_empty() {
        shell.out.warn(NOT_THE_CLERK);
    } else if test.failed == 0 && test.to_clerk {
        shell.out.say("Now ask the clerk whether it arrived.");
    }
    let exit = if test.failed > 0 { Exit::Failed } else { Exit::Done };
    Ok(Done::with_exit(exit).with("sent", test.sent).with("failed", test.failed))
}

struct Test<'a> {
    shell: &'a Shell,
    config: &'a Config,
    sent: u64,
    failed: u64,
    /// A way took the message for the clerk.
    to_clerk: bool,
}

impl Test<'_> {
    fn message(&self, to: Role) -> Outgoing {
        let now = self.shell.env.clock.now();
        let letter = texts::test_message(&telling::people(self.config), now);
        Outgoing {
            id: format!("test-{}-{}", word(&to), hex::encode(&self.shell.env.entropy.bytes32()[..8])),
            reference: None,
            to,
            notice: NoticeKind::Test,
            subject: letter.subject,
            body: letter.body,
            created: now,
        }
    }

    fn answered(
        &mut self,
        way: &str,
        who: &str,
        to: Option<Role>,
        answer: Result<Accepted, SendError>,
        event: Option<Event>,
    ) -> Result<(), Failure> {
        let out = &self.shell.out;
        let reply = match answer {
            Ok(accepted) => accepted.reply,
            Err(error) => {
                self.failed += 1;
                // Several ways may fail, and with --json there is one error only: these are answers.
                let text = format!("{who} did not take it: {error}");
                if out.is_json() {
                    out.object(json!({"message_type": "refused", "way": way, "to": to, "reply": error.to_string()}));
                } else {
                    out.warn(text);
                }
                return Ok(());
            }
        };
        if let Some(event) = event {
            self.shell.note(self.config, event)?;
        }
        self.sent += 1;
        self.to_clerk |= to == Some(Role::Clerk);
        match to {
            Some(to) => out.say(format!("{who} took the message for the {}: {reply}", word(&to))),
            None => out.say(format!("{who}: {reply}")),
        }
        out.object(json!({"message_type": "sent", "way": way, "to": to, "reply": reply}));
        Ok(())
    }

    /// What is said must be true: how the last run ended, or that one begins, where there was none.
    fn ping(&mut self) -> Result<(), Failure> {
        let journal = self.shell.journal(self.config).read()?;
        let signal = match fold(&journal.entries).voices.last_exit {
            None => Signal::Start,
            Some(code) => ways::signal_of(self.shell, self.config, code),
        };
        let Some(answer) = ways::ping(self.shell, self.config, signal) else { return Ok(()) };
        let who = format!("The service that is pinged was told how the last run ended ({})", ways::word(signal));
        self.answered("ping", &who, None, answer, None)
    }
}
