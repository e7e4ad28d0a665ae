//! An office for the table of what is never silent: a place with a mail server and a clock of its own, over a folder or a
//! bucket, to which the night comes when the test says so.

use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use jiff::Timestamp;
use rustix::process::{Pid, Signal};

use crate::front::Front;
use crate::opening::docx;
use crate::place::{Place, Said};
use crate::s3::{ACCESS_KEY, S3Server, SECRET_KEY};
use crate::smtp::{Manner, Server};

/// Where its backups lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    Folder,
    Bucket,
}

pub struct Office {
    pub place: Place,
    pub mail: Server,
    pub front: Option<Front>,
    _s3: Option<S3Server>,
    /// Hours since the first night.
    pub hour: i64,
    /// The moment it is there, where that is not to be counted from now.
    pub moment: Option<Timestamp>,
    /// What a mode keeps for its end.
    pub kept: Option<Box<dyn std::any::Any>>,
    /// Of the message that is open.
    pub reference: String,
    /// What arrived already: the same message twice is one, to a mail program too.
    seen: std::cell::RefCell<std::collections::BTreeSet<String>>,
}

/// What a person got.
#[derive(Debug, Clone)]
pub struct Letter {
    pub to: &'static str,
    pub id: String,
    pub subject: String,
    pub body: String,
}

impl Letter {
    pub fn reference(&self) -> &str {
        self.subject.rsplit("reference ").next().unwrap()
    }

    /// It comes once a week, whatever happened.
    pub fn is_weekly(&self) -> bool {
        self.subject.contains(": weekly message, ") || self.subject.contains(": weekly ")
    }

    /// Without council, day and reference.
    pub fn title(&self) -> &str {
        let rest = self.subject.strip_prefix("Anytown Town Council: ").unwrap();
        rest.rsplit_once(" on ").unwrap().0
    }
}

/// After one good night, with mail that nobody needed yet.
fn base(store: Store) -> &'static Place {
    static BASES: [OnceLock<Place>; 2] = [OnceLock::new(), OnceLock::new()];
    BASES[store as usize].get_or_init(|| {
        let metrics = "[status]\nmetrics = \"METRICS\"\n";
        let place = Place::council("[notify.mail]\nhost = \"127.0.0.1\"\nport = 1\ntls = \"none-on-loopback\"\n[schedule]\njitter = \"0 seconds\"");
        let text = String::from_utf8(place.read("home/council.toml")).unwrap();
        let metrics = metrics.replace("METRICS", &place.text("figures.prom"));
        place.write("home/council.toml", format!("{text}{metrics}").as_bytes());
        place.write("Documents/report.docx", &docx("The tree was planted. "));
        (0..120).for_each(|n| place.write(&format!("Documents/Many/{n}.txt"), format!("Letter {n}\n").as_bytes()));
        if store == Store::Bucket {
            for (name, text) in [("access", ACCESS_KEY), ("secret", SECRET_KEY)] {
                place.write(name, text.as_bytes());
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
                std::fs::set_permissions(place.path(name), mode).unwrap();
            }
            change(&place, &format!("url = \"file://{}\"", place.text("repository")), &in_bucket(&place));
        }
        let office = Office::over(place, store);
        office.place.run(["init", "--recovery-key-file", &office.place.text("sheet.txt")]).ends(0);
        office.run(&["run"]).ends(0);
        assert!(office.taken().is_empty());
        // The ports are of this time.
        office.place
    })
}

fn in_bucket(place: &Place) -> String {
    let file = |name: &str| format!("{name}_file = \"{}\"", place.text(name.split('_').next().unwrap()));
    let keys = format!("{}\n{}", file("access_key_id"), file("secret_access_key"));
    format!(
        "url = \"s3://bucket\"\nendpoint = \"http://127.0.0.1:1\"\nallow_http = true\nregion = \"x\"\nsingle_machine = true\n{keys}"
    )
}

/// Changes the configuration.
pub fn change(place: &Place, from: &str, to: &str) {
    let text = String::from_utf8(place.read("home/council.toml")).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    place.write("home/council.toml", text.replacen(from, to, 1).as_bytes());
}

/// Puts the port of now in the place of that of then.
fn new_port(place: &Place, before: &str, port: u16) {
    let text = String::from_utf8(place.read("home/council.toml")).unwrap();
    let (head, tail) = text.split_once(before).unwrap();
    let rest = tail.trim_start_matches(|c: char| c.is_ascii_digit());
    place.write("home/council.toml", format!("{head}{before}{port}{rest}").as_bytes());
}

impl Office {
    /// One of its own.
    pub fn new(store: Store) -> Self {
        Self::over(base(store).again(), store)
    }

    pub fn over(place: Place, store: Store) -> Self {
        let s3 = (store == Store::Bucket).then(|| S3Server::on(place.path("s3")));
        let front = s3.as_ref().map(|server| Front::before(server.address()));
        let mut office = Self {
            place,
            mail: Server::start(Manner::Polite),
            front,
            _s3: s3,
            hour: 0,
            moment: None,
            kept: None,
            reference: String::new(),
            seen: <_>::default(),
        };
        if let Some(front) = &office.front {
            new_port(&office.place, "endpoint = \"http://127.0.0.1:", front.port);
        }
        office.use_mail(Manner::Polite);
        office
    }

    /// From now on another mail server.
    pub fn use_mail(&mut self, manner: Manner) {
        self.mail = Server::start(manner);
        new_port(&self.place, "host = \"127.0.0.1\"\nport = ", self.mail.port);
    }

    /// From now on none: nobody listens there.
    pub fn mail_is_down(&self) {
        new_port(&self.place, "host = \"127.0.0.1\"\nport = ", 1);
    }

    pub fn front(&self) -> &Front {
        self.front.as_ref().unwrap()
    }

    /// At this office's hour.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = self.place.command();
        let later = self.moment.map_or(self.hour * 3600, |at| at.duration_since(now()).as_secs());
        command.env("STRONGROOM_TESTING_LATER", later.to_string());
        command.arg("--home").arg(self.place.path("home")).args(words);
        command
    }

    pub fn run(&self, words: &[&str]) -> Said {
        Said::of(self.command(words).output().unwrap())
    }

    /// As systemd does it: a run, and where that ends badly, the unit that tells of it.
    pub fn night(&self) -> Said {
        let said = self.run(&["run", "--last-good"]);
        if said.code != 0 {
            self.run(&["notify", "failed"]);
        }
        said
    }

    /// As [`Office::night`], by somebody whom permissions stop: root passes over them.
    pub fn humble_night(&self) -> Said {
        let run = self.command(&["run", "--last-good"]);
        let mut humble = Command::new("setpriv");
        humble.arg("--bounding-set=-dac_override,-dac_read_search").arg("--").arg(run.get_program());
        humble.args(run.get_args()).env_clear().envs(run.get_envs().filter_map(|(k, v)| Some((k, v?))));
        let root = rustix::process::geteuid().is_root();
        let said = Said::of(if root { humble.output().unwrap() } else { { run }.output().unwrap() });
        if said.code != 0 {
            self.run(&["notify", "failed"]);
        }
        said
    }

    /// Starts a run and leaves it where the store does not answer.
    pub fn hanging(&self) -> Child {
        self.front().turns(crate::front::Way::Silent);
        let mut command = self.command(&["run", "--last-good"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.front().waits_to_be_asked();
        child
    }

    /// Starts the service, has something done to it, waits until it has told people, and stops it.
    pub fn serve_and(&self, done: impl FnOnce(&Self, &Child)) -> Said {
        let out = std::fs::File::create(self.place.path("serve.out")).unwrap();
        let mut serve = self.command(&["serve"]).stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap();
        done(self, &serve);
        let told = "Ended: telling people of a failure (exit status: 0).";
        let said = || String::from_utf8_lossy(&self.place.read("serve.out")).into_owned();
        for _ in 0..3000 {
            if said().contains(told) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(said().contains(told), "{}", said());
        signal(serve.id(), Signal::TERM);
        let code = serve.wait().unwrap().code().unwrap_or(-1);
        Said { code, out: said(), err: String::new(), raw: vec![] }
    }

    /// Has the service begin a run, and leaves neither of them alive.
    pub fn power_cut(&self) {
        self.front().turns(crate::front::Way::Silent);
        let mut serve = self.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.front().waits_to_be_asked();
        let run = child_of(&serve);
        signal(serve.id(), Signal::KILL);
        signal(run, Signal::KILL);
        serve.wait().unwrap();
        while std::path::Path::new(&format!("/proc/{run}/exe")).exists() {
            std::thread::yield_now();
        }
        self.front().turns(crate::front::Way::Open);
    }

    /// What arrived since the last look, in order.
    pub fn taken(&self) -> Vec<Letter> {
        std::mem::take(&mut *self.mail.taken.lock().unwrap())
            .iter()
            .map(|raw| letter(raw))
            .filter(|letter| self.seen.borrow_mut().insert(letter.id.clone()))
            .collect()
    }
}

/// The run that a service has begun.
pub fn child_of(serve: &Child) -> u32 {
    let threads = std::fs::read_dir(format!("/proc/{}/task", serve.id())).unwrap().flatten();
    let mut children = threads.filter_map(|t| std::fs::read_to_string(t.path().join("children")).ok());
    children.find_map(|all| all.split_whitespace().next()?.parse().ok()).unwrap()
}

pub fn signal(id: u32, signal: Signal) {
    rustix::process::kill_process(Pid::from_raw(id as i32).unwrap(), signal).unwrap();
}

/// The program asks the real clock, and adds to it.
#[allow(clippy::disallowed_methods)]
fn now() -> Timestamp {
    Timestamp::now()
}

/// Nothing that is read from the council's files, and no path of this computer, leaves it.
pub fn says_no_names(text: &str) {
    for name in ["Documents/", "Many", ".txt", ".docx", ".bin", "locked", "ledger", "Letter ", "/tmp", ".tmp", "home/"]
    {
        assert!(!text.contains(name), "{name} in {text}");
    }
}

fn letter(raw: &str) -> Letter {
    let to = ["clerk@", "deputy@", "support@"].into_iter().find(|to| raw.contains(&format!("RCPT TO:<{to}")));
    let (_, mail) = raw.split_once("\nDATA\n").unwrap();
    let mail = mail_parser::MessageParser::default().parse(mail).unwrap();
    says_no_names(mail.subject().unwrap());
    says_no_names(&mail.body_text(0).unwrap());
    Letter {
        to: to.unwrap().trim_end_matches('@'),
        id: mail.message_id().unwrap().to_owned(),
        subject: mail.subject().unwrap().to_owned(),
        body: mail.body_text(0).unwrap().into_owned(),
    }
}
