//! A computer with the real program: a home of its own, and its processes, which are killed and stopped.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use strongroom::ops::fs::random_tree::Rng;

use crate::support::s3::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY};

/// A process that goes on for longer hangs: that is a fault.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What befalls a process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fate {
    /// It is killed after so long.
    pub kill: Option<Duration>,
    /// It is stopped after so long, and goes on after so long.
    pub stop: Option<(Duration, Duration)>,
}

impl Fate {
    /// One in four is killed, one in five is stopped for a moment: at any time of the length that is usual.
    pub fn draw(dice: &mut Rng, usual: Duration) -> Self {
        let within = |dice: &mut Rng| Duration::from_millis(dice.below(usual.as_millis() as u64 + 1));
        let kill = (dice.below(4) == 0).then(|| within(dice));
        let stop = (dice.below(5) == 0).then(|| (within(dice), Duration::from_millis(20 + dice.below(700))));
        Self { kill, stop }
    }
}

/// A process that came to its end.
#[derive(Debug)]
pub struct Ended {
    pub words: String,
    /// None: it was killed.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
    pub took: Duration,
    pub stops: u64,
    /// The most memory it was seen to have had, in KiB.
    pub peak: u64,
}

/// A home, a folder that is backed up, and a name for both.
pub struct Computer {
    pub name: &'static str,
    place: PathBuf,
}

impl Computer {
    /// With a configuration that backs up its own folder to this server.
    pub fn new(site: &Path, name: &'static str, server: &S3Server) -> Self {
        let place = site.join(name);
        std::fs::create_dir_all(place.join("home")).unwrap();
        let computer = Self { name, place };
        std::fs::create_dir_all(computer.folder()).unwrap();
        let text = format!(
            "[council]\nname = \"Anytown\"\ndomains = [\"anytown-tc.gov.uk\"]\nclerk = {{ name = \"C\", email = \
             \"c@anytown-tc.gov.uk\" }}\nprovider = {{ name = \"P\", phone = \"01632 960000\", email = \
             \"p@example-it.co.uk\" }}\n[repository]\nurl = \"s3://{BUCKET}/anytown\"\nendpoint = \"{}\"\nallow_http = \
             true\nregion = \"eu-west-2\"\naccess_key_id_env = \"KEY\"\nsecret_access_key_env = \"SECRET\"\n[[set]]\nname \
             = \"{name}\"\nfolders = [\"{}\"]\n",
            server.url(),
            computer.folder().display(),
        );
        std::fs::write(computer.place.join("home/council.toml"), text).unwrap();
        computer
    }

    /// What it backs up; its records' paths begin with the computer's name.
    pub fn folder(&self) -> PathBuf {
        self.place.join("files").join(self.name)
    }

    fn start(&self, words: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", &self.place);
        command.env("KEY", ACCESS_KEY).env("SECRET", SECRET_KEY).current_dir(&self.place).stdin(Stdio::null());
        // Files, not pipes: nobody reads while it runs.
        command.stdout(File::create(self.place.join("out")).unwrap());
        command.stderr(File::create(self.place.join("err")).unwrap());
        command.arg("--home").arg(self.place.join("home")).args(words).spawn().unwrap()
    }

    /// Runs the program, and lets it meet its fate.
    pub fn play(&self, words: &[&str], fate: Fate) -> Ended {
        let (began, mut child, mut stop) = (Instant::now(), self.start(words), fate.stop);
        let pid = Pid::from_raw(child.id() as i32).unwrap();
        let (mut peak, mut stops) = (0, 0);
        let status: ExitStatus = loop {
            peak = peak.max(high_water(child.id()));
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            let age = began.elapsed();
            if let Some((_, length)) = stop.take_if(|(at, _)| age >= *at) {
                kill_process(pid, Signal::STOP).unwrap();
                std::thread::sleep(length);
                kill_process(pid, Signal::CONT).unwrap();
                stops += 1;
            }
            if fate.kill.is_some_and(|at| age >= at) || age > PATIENCE {
                child.kill().unwrap();
                let status = child.wait().unwrap();
                assert!(age <= PATIENCE, "{} {words:?} comes to no end: {}", self.name, self.said("err"));
                break status;
            }
            std::thread::sleep(LOOK);
        };
        let (out, err) = (self.said("out"), self.said("err"));
        let killed = status.signal() == Some(Signal::KILL.as_raw());
        assert!(killed || status.code().is_some(), "{} {words:?} ended with {status}: {err}", self.name);
        let words = format!("{}: {}", self.name, words.join(" "));
        Ended { words, code: status.code(), out, err, took: began.elapsed(), stops, peak }
    }

    /// Runs the program in peace, and it must succeed. What it said.
    pub fn must(&self, words: &[&str]) -> Ended {
        let ended = self.play(words, Fate::default());
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        ended
    }

    fn said(&self, stream: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.place.join(stream)).unwrap()).into_owned()
    }
}

/// The most memory a process has had so far, in KiB; 0 when it is gone.
fn high_water(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
