//! The service and what starts it: real processes, real signals, the real clock.

use std::fs::File;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use strongroom::service::journal::{Event, Journal};

use crate::place::{Place, Said};
use crate::smtp::{Manner, Server};

/// Long enough for a machine that is busy; nothing waits for it where all is well.
const PATIENCE: Duration = Duration::from_secs(60);

/// A service at work. It ends with the test.
pub struct Serving<'p> {
    place: &'p Place,
    child: Child,
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

impl<'p> Serving<'p> {
    pub fn start(place: &'p Place) -> Self {
        Self::start_with(place, &[])
    }

    fn start_with(place: &'p Place, variables: &[(&str, String)]) -> Self {
        let (out, err) =
            (File::create(place.path("serve.out")).unwrap(), File::create(place.path("serve.err")).unwrap());
        let mut command = place.command();
        command.envs(variables.iter().cloned());
        let child = command.arg("--home").arg(place.path("home")).arg("serve").stdout(out).stderr(err).spawn().unwrap();
        let serving = Self { place, child };
        serving.waits_for("Serving.");
        serving
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").arg(name).arg(self.child.id().to_string()).status().unwrap().success());
    }

    fn said(&self) -> String {
        ["serve.out", "serve.err"].map(|f| String::from_utf8_lossy(&self.place.read(f)).into_owned()).concat()
    }

    #[track_caller]
    fn waits_for(&self, words: &str) {
        wait(|| self.said().contains(words).then_some(()), || format!("{words:?} in\n{}", self.said()));
    }

    #[track_caller]
    pub fn stops(mut self) -> String {
        self.signal("-TERM");
        let ended = wait(|| self.child.try_wait().unwrap(), || String::from("its end"));
        assert_eq!(ended.code(), Some(0), "{}", self.said());
        self.said()
    }
}

#[track_caller]
pub fn wait<T>(mut is: impl FnMut() -> Option<T>, what: impl Fn() -> String) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = is() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain for {}", what());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn events(place: &Place) -> Vec<(jiff::Timestamp, Event)> {
    let entries = Journal::new(&place.path("home/state")).read().unwrap().entries;
    entries.into_iter().map(|e| (e.at, e.event)).collect()
}

/// When rounds began, in seconds.
fn begun(place: &Place) -> Vec<i64> {
    let rounds = events(place).into_iter().filter(|(_, e)| matches!(e, Event::RoundBegan { .. }));
    rounds.map(|(at, _)| at.as_second()).collect()
}

fn ended(place: &Place) -> usize {
    events(place).iter().filter(|(_, e)| matches!(e, Event::RunFinished { .. })).count()
}

fn mail(server: &Server) -> String {
    format!("[notify.mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none-on-loopback\"\n", server.port)
}

fn to_clerk(server: &Server) -> Vec<String> {
    let taken = server.taken.lock().unwrap();
    taken.iter().filter(|m| m.contains("RCPT TO:<clerk@anytown-tc.gov.uk>")).cloned().collect()
}

#[test]
fn the_service_runs_each_time_once_beside_nobody_and_stops_cleanly() {
    let place = Place::ready("[schedule]\nrun = \"*/3 * * * * *\"\njitter = \"0 seconds\"");
    let socket = UnixDatagram::bind(place.path("systemd")).unwrap();
    // Read all the time, as systemd does: the kernel keeps ten messages that nobody reads.
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let (told, stopped) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicBool::new(false)));
    let listener = std::thread::spawn({
        let (told, stopped) = (Arc::clone(&told), Arc::clone(&stopped));
        move || {
            let mut buffer = [0; 1024];
            loop {
                match socket.recv(&mut buffer) {
                    Ok(n) => told.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..n])),
                    Err(_) if stopped.load(Ordering::SeqCst) => return,
                    Err(_) => {}
                }
            }
        }
    });
    let systemd = [("NOTIFY_SOCKET", place.text("systemd")), ("WATCHDOG_USEC", String::from("2000000"))];
    let serving = Serving::start_with(&place, &systemd);
    place.run(["serve"]).ends(6).says("another strongroom serve is at work on this computer");
    place.run(["schedule", "status"]).ends(0).says("strongroom serve is at work.").says("Next: ");
    wait(|| (ended(&place) >= 3).then_some(()), || serving.said());
    let said = serving.stops();
    stopped.store(true, Ordering::SeqCst);
    listener.join().unwrap();
    let told = told.lock().unwrap().clone();
    for word in ["READY=1", "WATCHDOG=1", "STATUS=The next run is due", "STATUS=At work: the whole job.", "STOPPING=1"]
    {
        assert!(told.contains(word), "{word} in\n{told}");
    }
    // The children, who have ends of their own, say nothing.
    assert_eq!((told.matches("READY=1").count(), told.matches("STOPPING=1").count()), (1, 1));
    assert!(said.contains("Begun: the whole job.") && said.contains("Stopped."), "{said}");
    let slots: Vec<i64> = begun(&place).into_iter().map(|at| at / 3).collect();
    let mut once = slots.clone();
    once.dedup();
    assert_eq!(slots, once, "no time twice");
    // What was at work when it was asked to stop has ended, too.
    let started = events(&place).iter().filter(|(_, e)| *e == Event::RunStarted).count();
    assert_eq!((started, ended(&place)), (slots.len(), slots.len()));
    place.run(["doctor"]).says("ok           the last run of the schedule began").says("the next run is due");
}

#[test]
fn a_supervisor_that_does_not_read_does_not_stop_the_service() {
    let place = Place::ready("[schedule]\nrun = \"@weekly\"\njitter = \"0 seconds\"");
    let silent = UnixDatagram::bind(place.path("systemd")).unwrap();
    // More than the kernel keeps.
    let filler = UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    while filler.send_to(b"full", place.path("systemd")).is_ok() {}
    let serving = Serving::start_with(&place, &[("NOTIFY_SOCKET", place.text("systemd"))]);
    serving.waits_for("Ended: the whole job (exit status: 0).");
    serving.stops();
    drop(silent);
}

#[test]
fn what_was_missed_is_caught_up_once_and_a_run_by_hand_serves_too() {
    let place = Place::ready("[schedule]\nrun = \"@weekly\"\nbackup = \"0 12 * * 0\"\njitter = \"0 seconds\"");
    place
        .run(["schedule", "status"])
        .ends(0)
        .says("was not begun yet")
        .says("Nothing on this computer starts the runs");
    let serving = Serving::start(&place);
    serving.waits_for("Ended: the whole job (exit status: 0).");
    serving.stops();
    assert_eq!(begun(&place).len(), 1);
    place.run(["schedule", "status"]).ends(0).says("was begun.");
    // Begun again at once: there is nothing left to do.
    let serving = Serving::start(&place);
    let said = serving.stops();
    assert!(!said.contains("Begun"), "{said}");
    place.run(["run", "--backups-only"]).ends(0);
    let rounds: Vec<Event> =
        events(&place).into_iter().map(|(_, e)| e).filter(|e| matches!(e, Event::RoundBegan { .. })).collect();
    use strongroom::service::schedule::Round;
    assert_eq!(rounds, [Event::RoundBegan { round: Round::Whole }, Event::RoundBegan { round: Round::Backups }]);
    Place::new().run(["serve"]).ends(2).says("neither a council.toml nor a trial");
}

#[test]
fn a_bad_configuration_is_refused_on_reload_told_and_does_not_stop_the_backups() {
    let server = Server::start(Manner::Polite);
    let more = format!("{}[schedule]\nrun = \"@weekly\"\njitter = \"0 seconds\"", mail(&server));
    let place = Place::ready(&more);
    place.run(["run"]).ends(0);
    let serving = Serving::start(&place);
    let good = place.read("home/council.toml");
    place.write("home/council.toml", String::from_utf8_lossy(&good).replace("@weekly", "@never").as_bytes());
    serving.signal("-HUP");
    serving.waits_for("@never is not known");
    serving.waits_for("The earlier configuration stays in force.");
    wait(|| (to_clerk(&server).len() == 1).then_some(()), || serving.said());
    assert!(to_clerk(&server)[0].contains("settings"), "{:?}", to_clerk(&server));
    // A time comes while the file is broken.
    place.run(["run"]).ends(2);
    let made = place.run(["run", "--last-good", "--json"]).ends(1).says("goes on with the configuration of the last");
    assert_eq!(made.summary()["snapshots"].as_array().unwrap().len(), 1, "a backup was made all the same");
    assert!(place.run(["snapshots"]).code == 2 && to_clerk(&server).len() == 1, "still the same trouble");
    place.write("home/council.toml", &good);
    serving.signal("-HUP");
    serving.waits_for("The configuration was read again.");
    serving.stops();
    place.run(["run"]).ends(0);
    assert_eq!(to_clerk(&server).len(), 2, "working again");
}

/// Both children of the service find what was kept, though nothing but the broken file says where.
#[test]
fn with_a_state_folder_of_its_own_a_broken_configuration_is_told_as_well() {
    let server = Server::start(Manner::Polite);
    let place = Place::council("");
    let state = format!("[state]\ndir = \"{}\"\n", place.text("own"));
    place.configure("council.toml", &format!("{state}{}", mail(&server)));
    place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    place.run(["run"]).ends(0);
    let serving = Serving::start(&place);
    assert!(place.path("home/state/last-good").is_dir(), "the pointer");
    std::fs::remove_dir_all(place.path("home/state")).unwrap();
    place.write("home/council.toml", b"this is no toml");
    serving.signal("-HUP");
    serving.waits_for("Ended: telling people of a failure (exit status: 0).");
    assert!(to_clerk(&server).len() == 1 && to_clerk(&server)[0].contains("settings"), "{:?}", to_clerk(&server));
    serving.stops();
}

/// The place with a store of its own instead of the folder: an S3 server at that port, and more settings for it.
fn elsewhere(place: &Place, port: u16, keys: &str, schedule: &str) {
    let text = String::from_utf8(place.read("home/council.toml")).unwrap();
    let url = format!("url = \"file://{}\"", place.text("repository"));
    let s3 = format!(
        "url = \"s3://bucket\"\nendpoint = \"http://127.0.0.1:{port}\"\nallow_http = true\nregion = \"x\"\n{keys}"
    );
    assert!(text.contains(&url));
    place.write("home/council.toml", format!("{}\n[schedule]\n{schedule}\n", text.replace(&url, &s3)).as_bytes());
}

const AT_ONCE: &str = "run = \"@weekly\"\njitter = \"0 seconds\"\nrun_limit = \"1 second\"";

#[test]
fn a_store_that_never_answers_is_given_up_at_the_limit_and_told() {
    let (server, silent) = (Server::start(Manner::Polite), Server::start(Manner::Silent));
    let place = Place::ready(&mail(&server));
    place.write("key", b"x");
    std::fs::set_permissions(place.path("key"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let key = place.text("key");
    let keys = format!("access_key_id_file = \"{key}\"\nsecret_access_key_file = \"{key}\"");
    elsewhere(&place, silent.port, &keys, &AT_ONCE.replace("1 second", "2 seconds"));
    let serving = Serving::start(&place);
    serving.waits_for("It has taken longer than 2 seconds and is asked to end.");
    serving.waits_for("Ended: telling people of a failure (exit status: 0).");
    let said = serving.stops();
    assert!(to_clerk(&server).iter().any(|m| m.contains("backup failed")), "{said}");
    assert_eq!(begun(&place).len(), 1);
}

#[test]
fn a_run_that_does_not_end_when_asked_is_killed_and_the_clerk_told_once() {
    let server = Server::start(Manner::Polite);
    let place = Place::ready(&mail(&server));
    // A program that never prints the secret: no signal is heard meanwhile.
    let keys = "access_key_id_env = \"HOME\"\nsecret_access_key_command = [\"sleep\", \"1000\"]";
    elsewhere(&place, 9, keys, AT_ONCE);
    let serving = Serving::start(&place);
    serving.waits_for("It did not end when it was asked to, and was killed.");
    serving.waits_for("Ended: telling people of a failure (exit status: 0).");
    let said = serving.stops();
    assert_eq!(to_clerk(&server).len(), 1, "{said}");
    let words = to_clerk(&server).remove(0).replace("=\r\n", "").replace("\r\n", " ");
    assert!(words.contains("stopped before it had finished"), "{words}");
    assert_eq!(begun(&place).len(), 1);
}

/// Something hangs and holds the lock: whatever it is, it does not tell of itself.
#[test]
fn a_job_that_holds_the_lock_past_all_limits_is_told_of() {
    let server = Server::start(Manner::Polite);
    let place = Place::ready(&mail(&server));
    place.run(["run"]).ends(0);
    let state = place.path("home/state");
    let held = strongroom::repo::local::try_lock(&state.join("run.lock")).unwrap().unwrap();
    place.run(["notify", "failed"]).ends(0).says("will tell people itself");
    assert!(to_clerk(&server).is_empty());
    // The same journal, three days later.
    let journal = Journal::new(&state);
    let entries = journal.read().unwrap().entries;
    std::fs::remove_file(state.join("journal.jsonl")).unwrap();
    for mut entry in entries {
        entry.at -= jiff::SignedDuration::from_hours(72);
        journal.append(&entry).unwrap();
    }
    place.run(["notify", "failed"]).ends(0).says("The clerk was told by e-mail.");
    // Between the two lies a Monday perhaps, and with it the weekly message.
    let failed: Vec<_> = to_clerk(&server).into_iter().filter(|m| m.contains("backup failed")).collect();
    assert_eq!(failed.len(), 1, "{:?}", to_clerk(&server));
    drop(held);
}

#[test]
fn units_are_written_known_again_and_removed_but_no_edit_is_lost() {
    let place = Place::ready("");
    let root = place.text("root");
    std::fs::create_dir_all(place.path("root/etc/systemd/system")).unwrap();
    let schedule = |words: &[&str]| -> Said {
        let mut all = vec!["schedule"];
        all.extend(words);
        all.extend(["--root", root.as_str()]);
        place.run(all)
    };
    schedule(&["install", "--print"]).ends(0).says("OnCalendar=*-*-* 01:30:00 Europe/London").says("--home");
    let timer = "root/etc/systemd/system/strongroom.timer";
    assert!(!place.path(timer).exists());
    schedule(&["install"]).ends(0).says("To do: systemctl enable --now strongroom.timer").says("Next: ");
    schedule(&["status"]).ends(0).says("strongroom.timer is installed, but systemd does not start it");
    schedule(&["install"]).ends(0);
    let unit = String::from_utf8(place.read(timer)).unwrap();
    place.write(timer, unit.replace("Persistent=true", "Persistent=false").as_bytes());
    schedule(&["install"]).ends(6).says("strongroom.timer was edited or is not ours");
    schedule(&["remove"]).ends(6).says("was edited or is not ours");
    schedule(&["install", "--yes"]).ends(0);
    schedule(&["remove", "--print"]).ends(0).says("Would be removed");
    schedule(&["remove"]).ends(0).says("Removed: ");
    assert_eq!(std::fs::read_dir(place.path("root/etc/systemd/system")).unwrap().count(), 0);
    schedule(&["remove"]).ends(0).says("nothing to remove");
    // Another way to start it leaves nothing of the first, but what somebody edited.
    schedule(&["install", "--serve"]).ends(0);
    let service = "root/etc/systemd/system/strongroom-serve.service";
    assert!(place.path(service).exists() && !place.path(timer).exists());
    schedule(&["install"]).ends(0).says("To do: systemctl disable --now strongroom-serve.service").says("Removed: ");
    assert!(place.path(timer).exists() && !place.path(service).exists());
    place.write(service, b"[Service]\n");
    schedule(&["install"]).ends(0).says("strongroom-serve.service was edited or is not ours, and is left");
    std::fs::remove_file(place.path(service)).unwrap();
    schedule(&["remove"]).ends(0);
    // Without systemd.
    std::fs::remove_dir_all(place.path("root/etc/systemd")).unwrap();
    schedule(&["install"]).ends(0).says("etc/cron.d/strongroom");
    schedule(&["status"]).ends(0).says("A crontab starts the runs");
    let objects = schedule(&["status", "--json"]).ends(0).objects();
    assert!(objects.iter().any(|o| o["starters"]["cron"] == true), "{objects:?}");
}

#[test]
fn figures_are_left_for_prometheus_after_success_and_failure() {
    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("strongroom.prom");
    let place = Place::ready(&format!("[status]\nmetrics = \"{}\"", path.display()));
    let figures = || std::fs::read_to_string(&path).unwrap();
    place.run(["run"]).ends(0);
    let well = figures();
    for line in ["strongroom_stale 0", "strongroom_set_files{set=\"documents\"} 3", "# TYPE strongroom_status gauge"] {
        assert!(well.contains(line), "{line} in\n{well}");
    }
    assert!(!well.contains("Documents") && !well.contains(&place.text("")), "{well}");
    let value = |text: &str, name: &str| -> i64 {
        let line = text.lines().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("{name} in\n{text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let (last, overdue) =
        ("strongroom_set_last_success_timestamp_seconds{", "strongroom_set_overdue_timestamp_seconds{");
    assert!(value(&well, overdue) - value(&well, last) >= 7 * 86_400);
    std::fs::rename(place.path("repository"), place.path("gone")).unwrap();
    std::fs::remove_file(&path).unwrap();
    place.run(["run"]).ends(10);
    assert_eq!(value(&figures(), "strongroom_status "), 2);
    assert_eq!(value(&figures(), last), value(&well, last));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777 & !0o022, 0o644 & !0o022);
    // A folder that is not there is said, and fails nothing.
    std::fs::rename(place.path("gone"), place.path("repository")).unwrap();
    drop(file);
    place.run(["run"]).ends(0).says("The figures for Prometheus could not be written");
}

#[test]
fn the_yearly_review_of_policies_is_told_once_a_month() {
    let server = Server::start(Manner::Polite);
    let place = Place::ready(&mail(&server));
    let text = String::from_utf8(place.read("home/council.toml")).unwrap();
    let day = text.split("adopted = ").nth(1).unwrap()[..10].to_owned();
    place.write("home/council.toml", text.replacen(&day, "2024-05-13", 1).as_bytes());
    place.run(["run"]).ends(0);
    let told = to_clerk(&server);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("a policy of the council") && told[0].contains("13 May 2024"), "{told:?}");
    place.run(["run"]).ends(0);
    assert_eq!(to_clerk(&server).len(), 1);
    place.run(["status"]).says("The council's IT policy was adopted 13 May 2024 (minute FC 1): more than a year ago.");
}
