//! Ways to fail: how each is brought about, who notices, and how it is mended.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::fault_store::flip;
use crate::front::{BUSY, FULL, NO_BUCKET, READ_ONLY, REVOKED, Way};
use crate::mounts::Mount;
use crate::never_office::{Office, Store, change};
use crate::opening::docx;
use crate::place::{Place, Said, noise};
use crate::smtp::Manner;

/// One way to fail.
pub struct Mode {
    pub name: &'static str,
    pub store: Store,
    /// Who notices.
    pub by: &'static str,
    pub breaks: fn(&mut Office),
    pub night: fn(&mut Office) -> Said,
    pub mends: fn(&mut Office),
    /// Messages that are due.
    pub due: usize,
    /// It is not remembered, or does not come again, in the same night.
    pub is_once: bool,
}

const RUN: &str = "the run itself";

impl Mode {
    pub const fn new(name: &'static str, breaks: fn(&mut Office), mends: fn(&mut Office)) -> Self {
        Self { name, store: Store::Folder, by: RUN, breaks, night: |o| o.night(), mends, due: 1, is_once: false }
    }

    /// A store that turns this way.
    pub const fn store(name: &'static str, breaks: fn(&mut Office)) -> Self {
        Self { store: Store::Bucket, ..Self::new(name, breaks, |o| o.front().turns(Way::Open)) }
    }

    pub const fn by(self, by: &'static str, night: fn(&mut Office) -> Said) -> Self {
        Self { by, night, ..self }
    }

    pub const fn nobody(self) -> Self {
        Self { due: 0, ..self }
    }

    pub const fn once(self) -> Self {
        Self { is_once: true, ..self }
    }
}

pub fn rename(office: &Office, from: &str, to: &str) {
    std::fs::rename(office.place.path(from), office.place.path(to)).unwrap();
}

pub fn copy(place: &Place, from: &str, to: &str) {
    let mut copy = std::process::Command::new("cp");
    assert!(copy.arg("-a").arg(place.path(from)).arg(place.path(to)).status().unwrap().success());
}

fn mode_of(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

/// The largest of the packs.
fn pack(place: &Place) -> std::path::PathBuf {
    place.objects("packs").into_iter().max_by_key(|p| std::fs::metadata(p).unwrap().len()).unwrap()
}

fn letters(place: &Place, folder: &str, extension: &str, text: impl Fn(usize) -> Vec<u8>) {
    (0..120).for_each(|n| place.write(&format!("Documents/{folder}/{n}.{extension}"), &text(n)));
}

fn resolve(office: &mut Office) {
    let reference = office.reference.clone();
    office.run(&["incident", "resolve", &reference, "--by", "Example IT", "--note", "looked at"]).ends(0);
}

pub fn of_the_store() -> Vec<Mode> {
    vec![
        Mode::store("the store is down", |o| o.front().turns(Way::Away)),
        Mode::store("the store answers that it is overloaded", |o| o.front().turns(Way::Answers(BUSY))),
        Mode::store("the store is read-only", |o| o.front().turns(Way::ToWrites(READ_ONLY))),
        Mode::store("the store is full", |o| o.front().turns(Way::ToWrites(FULL))),
        Mode::store("the credentials were revoked", |o| o.front().turns(Way::Answers(REVOKED))),
        Mode::store("the bucket is gone", |o| o.front().turns(Way::Answers(NO_BUCKET))),
        Mode::store("the store takes longer than the run may", |o| {
            change(&o.place, "jitter = ", "run_limit = \"1 second\"\njitter = ");
            o.front().turns(Way::Silent);
        })
        .by("`serve`, which ends the run", |o| o.serve_and(|_, _| {}))
        .once(),
        Mode::new("the store refuses to delete", has_something_to_delete, |o| drop(o.kept.take())),
        Mode::new(
            "the drive with the backups is not connected",
            |o| rename(o, "repository", "away"),
            |o| {
                rename(o, "away", "repository");
            },
        ),
    ]
}

/// What nothing needs any more has waited its fortnight, and packs are put here and not taken away.
fn has_something_to_delete(office: &mut Office) {
    for (day, size) in [(1, 1_000_000), (2, 1_000_001), (8, 1_000_001), (14, 1_000_001)] {
        office.hour = 24 * day;
        office.place.write("Documents/plan.bin", &noise(size));
        assert_eq!(office.night().code, 0, "day {day}");
        assert!(office.taken().iter().all(|letter| letter.is_weekly()), "day {day}");
        if day == 2 {
            office.run(&["prune", "--keep-last", "1"]).ends(0);
        }
    }
    office.hour = 24 * 17;
    office.kept = Some(Box::new(Mount::read_only(&office.place.path("repository/packs"))));
}

pub fn of_the_source() -> Vec<Mode> {
    vec![
        Mode::new("a folder is missing", |o| rename(o, "Documents", "away"), |o| rename(o, "away", "Documents")),
        Mode::new(
            "a folder is empty that was not",
            |o| {
                rename(o, "Documents", "away");
                std::fs::create_dir(o.place.path("Documents")).unwrap();
            },
            |o| {
                std::fs::remove_dir(o.place.path("Documents")).unwrap();
                rename(o, "away", "Documents");
            },
        ),
        Mode::new(
            "some files cannot be read",
            |o| mode_of(&o.place.path("Documents/report.docx"), 0),
            |o| {
                mode_of(&o.place.path("Documents/report.docx"), 0o644);
            },
        )
        .by(RUN, |o| o.humble_night()),
        Mode::new(
            "a whole folder cannot be read",
            |o| mode_of(&o.place.path("Documents"), 0),
            |o| {
                mode_of(&o.place.path("Documents"), 0o755);
            },
        )
        .by(RUN, |o| o.humble_night()),
        Mode::new("a file changes all the time while it is read", keeps_writing, |o| {
            o.kept.take().unwrap().downcast::<Writer>().unwrap();
        }),
        Mode::new(
            "the share is not connected",
            |o| {
                rename(o, "Documents", "share");
                let mount = connect(o);
                o.run(&["backup", "--accept-mounts"]).ends(0);
                drop(mount);
            },
            |o| {
                let mount = connect(o);
                o.kept = Some(Box::new(mount));
            },
        ),
    ]
}

/// The office's share, at the folder that is backed up.
fn connect(office: &Office) -> Mount {
    let mount = Mount::tmpfs(&office.place.path("Documents"), "size=4m");
    copy(&office.place, "share/.", "Documents");
    mount
}

/// Writes on until it is dropped.
struct Writer(Arc<AtomicBool>);

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn keeps_writing(office: &mut Office) {
    office.place.write("Documents/ledger.bin", &noise(16 << 20));
    let path = office.place.path("Documents/ledger.bin");
    let stop = Arc::<AtomicBool>::default();
    office.kept = Some(Box::new(Writer(Arc::clone(&stop))));
    std::thread::spawn(move || {
        let mut file = std::fs::File::options().append(true).open(path).unwrap();
        while !stop.load(Ordering::SeqCst) {
            std::io::Write::write_all(&mut file, b"x").unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

pub fn of_what_is_stored() -> Vec<Mode> {
    of_damage().into_iter().chain(of_mass_changes()).collect()
}

/// What is stored, or was to be stored, is damaged, old or nothing.
fn of_damage() -> Vec<Mode> {
    vec![
        Mode::new(
            "stored data is damaged",
            |o| {
                let pack = pack(&o.place);
                std::fs::copy(&pack, o.place.path("sound")).unwrap();
                flip(&pack);
                o.kept = Some(Box::new(pack));
            },
            |o| {
                let pack = o.kept.take().unwrap().downcast::<std::path::PathBuf>().unwrap();
                std::fs::copy(o.place.path("sound"), *pack).unwrap();
            },
        )
        .by("the run's test", |o| o.night()),
        Mode::new(
            "the store went back in time",
            |o| {
                copy(&o.place, "repository", "old");
                o.run(&["run"]).ends(0);
                rename(o, "repository", "new");
                rename(o, "old", "repository");
            },
            |o| {
                std::fs::remove_dir_all(o.place.path("repository")).unwrap();
                rename(o, "new", "repository");
                resolve(o);
            },
        ),
        Mode::new(
            "a document opens no more",
            |o| {
                let whole = docx("The tree was planted. ");
                o.place.write("Documents/report.docx", &whole[..whole.len() / 2]);
            },
            |o| o.place.write("Documents/report.docx", &docx("The tree was planted. ")),
        )
        .by("the run's test", |o| o.night()),
        Mode::new(
            "the first night finds nothing to back up",
            |o| {
                rename(o, "repository", "away");
                rename(o, "home/state", "state");
                rename(o, "Documents", "full");
                std::fs::create_dir(o.place.path("Documents")).unwrap();
                o.run(&["init", "--recovery-key-file", &o.place.text("other.txt")]).ends(0);
            },
            |o| {
                std::fs::remove_dir(o.place.path("Documents")).unwrap();
                rename(o, "full", "Documents");
            },
        ),
    ]
}

/// Four quiet weeks, so that it is known what is usual; then two nights of a few, and a few more tonight.
fn slowly(office: &mut Office) {
    let few = |office: &Office, part: usize| {
        (24 * part..24 * (part + 1)).for_each(|n| {
            office.place.write(&format!("Documents/Many/{n}.txt"), format!("Changed {n}\n").as_bytes());
        });
    };
    let quiet = [6, 12, 18, 24, 30].map(|day| (day, None));
    for (day, part) in quiet.into_iter().chain([(31, Some(0)), (32, Some(1))]) {
        office.hour = 24 * day;
        part.into_iter().for_each(|part| few(office, part));
        assert_eq!(office.night().code, 0, "day {day}");
        assert!(office.taken().iter().all(|letter| letter.is_weekly()), "day {day}");
    }
    office.hour = 24 * 33;
    few(office, 2);
}

fn of_mass_changes() -> Vec<Mode> {
    vec![
        Mode::new(
            "very many records change",
            |o| {
                letters(&o.place, "Many", "txt", |n| format!("Changed {n}\n").into_bytes());
            },
            resolve,
        ),
        Mode::new("records change bit by bit, each night fewer than would be noticed", slowly, resolve),
        Mode::new(
            "records are renamed to a new ending",
            |o| {
                (0..30).for_each(|n| {
                    rename(o, &format!("Documents/Many/{n}.txt"), &format!("Documents/Many/{n}.txt.locked"))
                });
            },
            resolve,
        ),
        Mode::new(
            "records turn to noise",
            |o| {
                (0..30).for_each(|n| o.place.write(&format!("Documents/Many/{n}.txt"), &noise(4000 + n)));
            },
            |o| {
                letters(&o.place, "Many", "txt", |n| format!("Letter {n}\n").into_bytes());
                resolve(o);
            },
        ),
        Mode::new(
            "very many records are deleted",
            |o| std::fs::remove_dir_all(o.place.path("Documents/Many")).unwrap(),
            resolve,
        ),
    ]
}

/// Something fails while messages do not get through, and the next night they do.
fn told_late(office: &mut Office, fails: fn(&mut Office), works: fn(&mut Office)) {
    rename(office, "Documents", "away");
    fails(office);
    office.night();
    works(office);
    office.hour += 24;
}

fn documents_come_back(office: &mut Office) {
    rename(office, "away", "Documents");
}

const NEXT: &str = "the next run: the message waits until it gets through";

pub fn of_the_mail() -> Vec<Mode> {
    let mode = |name, breaks| Mode::new(name, breaks, documents_come_back).by(NEXT, |o| o.night()).once();
    vec![
        mode("the mail server is down when something fails", |o| {
            told_late(o, |o| o.mail_is_down(), |o| o.use_mail(Manner::Polite));
        }),
        mode("the mail server refuses the message", |o| {
            told_late(o, |o| o.use_mail(Manner::Refuses), |o| o.use_mail(Manner::Polite));
        }),
        mode("the mail server takes the message and hangs up without a word", |o| {
            told_late(
                o,
                |o| o.use_mail(Manner::Forgets),
                |o| {
                    let first = std::mem::take(&mut *o.mail.taken.lock().unwrap());
                    o.use_mail(Manner::Polite);
                    o.mail.taken.lock().unwrap().extend(first);
                },
            );
        }),
        mode("the password for the mail server cannot be fetched", |o| {
            told_late(
                o,
                |o| change(&o.place, "[schedule]", "user = \"clerk\"\npassword_file = \"/nowhere\"\n[schedule]"),
                |o| change(&o.place, "user = \"clerk\"\npassword_file = \"/nowhere\"\n", ""),
            );
        }),
    ]
}
