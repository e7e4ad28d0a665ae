//! The configuration as people meet it: the shipped files, the defaults, and the errors word for word.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "config/errors.rs"]
mod errors;
#[path = "config/schema.rs"]
mod schema;
#[path = "config/units.rs"]
mod units;
#[path = "config/watch.rs"]
mod watch;

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use strongroom::config::{self, Claims, Config, ConfigError, Environment, Limits, SecretPlace, Store, Tls};
use strongroom::domain::problem::Exit;
use strongroom::repo::store::Rates;

const MINIMAL: &str = include_str!("../config/council.minimal.toml");

/// A system of variables, files with modes, and one program that works.
#[derive(Default)]
struct System {
    vars: BTreeMap<&'static str, &'static str>,
    files: BTreeMap<PathBuf, (u32, Vec<u8>)>,
}

impl System {
    fn with_file(mut self, path: &str, mode: u32, bytes: &[u8]) -> Self {
        self.files.insert(path.into(), (mode, bytes.to_vec()));
        self
    }
    fn with_var(mut self, name: &'static str, value: &'static str) -> Self {
        self.vars.insert(name, value);
        self
    }
    fn file(&self, path: &Path) -> io::Result<&(u32, Vec<u8>)> {
        self.files.get(path).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
    }
}

impl Environment for System {
    fn var(&self, name: &str) -> Option<String> {
        self.vars.get(name).map(ToString::to_string)
    }
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.file(path).map(|f| f.1.clone())
    }
    fn mode(&self, path: &Path) -> io::Result<u32> {
        self.file(path).map(|f| f.0)
    }
    fn command(&self, words: &[String]) -> io::Result<Vec<u8>> {
        match words {
            [program, name] if program == "pass" => Ok(format!("secret of {name}\n").into_bytes()),
            _ => Err(io::Error::other("exit status: 1")),
        }
    }
    fn exists(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }
}

fn parse(text: &str) -> Config {
    schema::takes(text);
    config::parse(text, "council.toml").unwrap_or_else(|e| panic!("{e}"))
}

fn error(text: &str) -> String {
    let error = config::parse(text, "council.toml").unwrap_err();
    assert_eq!(error.exit(), Exit::Usage);
    schema::agrees(text, &error.to_string());
    error.to_string()
}

/// The minimal file with one piece replaced.
fn minimal(from: &str, to: &str) -> String {
    assert!(MINIMAL.contains(from), "{from}");
    MINIMAL.replacen(from, to, 1)
}

#[test]
fn the_minimal_file_means_what_the_manual_says() {
    let c = parse(MINIMAL);
    assert_eq!(c.council.clerk.email, "clerk@anytown-tc.gov.uk");
    assert_eq!(c.council.timezone.iana_name(), Some("Europe/London"));
    let Store::S3(s3) = &c.repository.store else { panic!("{:?}", c.repository) };
    assert_eq!(
        (s3.bucket.as_str(), s3.prefix.as_str(), s3.path_style, s3.allow_http),
        ("bucket", "prefix", false, false)
    );
    assert!(s3.keys.is_none() && !c.repository.single_machine);
    assert_eq!((c.repository.claims, c.verify.store_every_days), (Claims::default(), 30));
    let claimed = parse(&minimal("[repository]\n", "[repository]\nclaims = { object_lock = \"1 day\" }\n"));
    assert_eq!(claimed.repository.claims, Claims { object_lock_days: Some(1), versioning_days: None });
    assert_eq!(c.sets[0].folders[0].name.as_bytes(), b"Documents");
    assert_eq!(c.sets[0].exclude, ["~$*", "*.tmp"]);
    let r = c.retention;
    assert_eq!((r.keep_last, r.keep_daily, r.keep_weekly, r.keep_monthly, r.keep_yearly), (0, 0, 8, 12, 7));
    assert_eq!((r.prune_grace_days, c.verify.every_byte_within_weeks, c.verify.documents_per_run), (14, 12, 200));
    assert_eq!((c.verify.bytes_per_run, c.verify.bytes_per_month, c.verify.live_bytes_per_run), (None, None, None));
    let v = &c.verify;
    assert_eq!(
        (v.sample_drill_every_weeks, v.drill_every_weeks, v.key_drill_every_weeks),
        (Some(13), Some(52), Some(52))
    );
    let never = parse(&minimal(
        "[council]\n",
        "[verify]\ndrill_every = \"never\"\nkey_drill_every = \"26 weeks\"\n[council]\n",
    ));
    let v = &never.verify;
    assert_eq!((v.sample_drill_every_weeks, v.drill_every_weeks, v.key_drill_every_weeks), (Some(13), None, Some(26)));
    assert_eq!(c.limits, Limits { upload_connections: 4, rates: Rates::default() });
    let slow = parse(&format!("{MINIMAL}\n[limits]\nupload_per_second = \"2 MiB\"\ndownload_per_second = \"10 MB\""));
    let rates = Rates { up: NonZeroU64::new(2 << 20), down: NonZeroU64::new(10_000_000) };
    assert_eq!(slow.limits.rates, rates);
    let mail = c.mail.as_ref().unwrap();
    assert_eq!((mail.tls, mail.port, mail.from.as_str()), (Tls::Required, 587, "strongroom@anytown-tc.gov.uk"));
    assert_eq!(c.source_text.as_deref(), Some(MINIMAL));
    assert!(!c.trial);
}

#[test]
fn the_example_states_the_defaults() {
    let (c, plain) = (parse(config::EXAMPLE), parse(MINIMAL));
    assert_eq!((c.retention, c.limits, c.verify), (plain.retention, plain.limits, plain.verify));
    assert_eq!((c.mail, c.state_dir, c.council), (plain.mail, plain.state_dir, plain.council));
    assert_eq!((c.schedule, c.policy, c.metrics_file), (plain.schedule, plain.policy, plain.metrics_file));
    assert_eq!(c.repository, plain.repository);
}

#[test]
fn the_short_file_in_the_example_is_enough() {
    let text: Vec<&str> = config::EXAMPLE.lines().filter_map(|l| l.strip_prefix("#   ")).collect();
    let end = text.iter().position(|l| l.starts_with("password_file")).unwrap();
    assert!(parse(&text[..end].join("\n")).mail.is_some());
}

/// Every commented setting works when its "#" is taken off: the alternatives each in place of [repository].
#[test]
fn every_setting_in_the_example_works() {
    let on = |text: &str| -> String {
        let setting = |l: &str| l.starts_with('#') && l[1..].starts_with(|c: char| c.is_ascii_lowercase() || c == '[');
        text.lines().map(|l| if setting(l) { &l[1..] } else { l }).collect::<Vec<_>>().join("\n")
    };
    let example = config::EXAMPLE;
    let (begin, state) = (example.find("\n[repository]").unwrap() + 1, example.find("\n[state]").unwrap() + 1);
    let tables: Vec<String> =
        example[begin..state].split("[repository]\n").skip(1).map(|b| format!("[repository]\n{}", on(b))).collect();
    assert_eq!(tables.len(), 4);
    let mut kinds = Vec::new();
    for table in tables {
        let rest = on(&example[state..]).replace("\n[elsewhere]\nemail", "\n[elsewhere]\nwebsite");
        let c = parse(&format!("{}{table}\n{rest}", on(&example[..begin])));
        assert!(
            c.council.deputy.is_some_and(|d| d.after_days == 7) && c.mail.unwrap().login.is_some() && c.sets.len() == 2
        );
        assert_eq!(c.scheme.as_deref(), Some(Path::new("/etc/strongroom/scheme.toml")));
        assert!(c.elsewhere.contains_key("website"));
        assert_eq!(c.left_out, [Path::new("/srv/council/Scratch")]);
        assert!(c.schedule.backup.is_some() && c.metrics_file.is_some());
        assert!(c.policy.it.is_some() && c.policy.retention.is_some());
        kinds.push(match c.repository.store {
            Store::S3(s) if s.keys.is_some() && s.session_token.is_some() && s.endpoint.is_some() && s.path_style => {
                "s3"
            }
            Store::Azure(a) if a.credential.is_some() && a.account.is_some() => "az",
            Store::Google(g) if g.service_account.is_some() => "gs",
            Store::Folder(path) if path == Path::new("/srv/backup/strongroom") => "file",
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(kinds, ["s3", "az", "gs", "file"]);
}

/// A program that is newer than the file it kept must still be able to tell people that theirs is broken.
#[test]
fn a_kept_file_with_retired_keys_can_still_tell_people() {
    let old = format!("{MINIMAL}\n[limits]\nmemory = \"256 MiB\"\n[verify]\n  scratch_dir=\"/x\"\n");
    assert!(config::parse(&old, "council.toml").is_err());
    assert!(config::parse_kept(&old, "kept").unwrap().mail.is_some());
    assert!(config::parse_kept("[council]\nmemory = 1", "kept").is_err());
}

/// The error for an unknown key lists the known ones, so a key that is added must be explained too.
#[test]
fn the_example_names_every_key() {
    for (table, least) in [
        ("", 12),
        ("[council]", 6),
        ("[repository]", 13),
        ("[state]", 1),
        ("[[set]]", 6),
        ("[retention]", 7),
        ("[verify]", 2),
        ("[notify]", 2),
        ("[notify.mail]", 7),
        ("[limits]", 3),
        ("[schedule]", 5),
        ("[status]", 1),
        ("[policy]", 2),
    ] {
        let error = error(&format!("{table}\nzzzzzzzz = 1"));
        let keys =
            error.lines().find_map(|l| l.strip_prefix("The keys here are: ")).unwrap_or_else(|| panic!("{error}"));
        let keys: Vec<&str> = keys.trim_end_matches('.').split(", ").collect();
        assert!(keys.len() >= least, "{keys:?}");
        for key in keys {
            assert!(config::EXAMPLE.contains(key), "{table} {key}");
        }
    }
}

#[test]
fn no_file_in_config_is_untested() {
    let mut names: Vec<String> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("config"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let units = [
        "strongroom-failed.service",
        "strongroom-serve.service",
        "strongroom-watch.service",
        "strongroom-watch.timer",
        "strongroom.cron",
        "strongroom.service",
        "strongroom.timer",
    ];
    // The schemes in `retention` have tests of their own: retention_scheme.rs.
    let known = ["council.example.toml", "council.minimal.toml", "retention"].into_iter().chain(units);
    assert_eq!(names, known.chain(["watch.example.toml"]).collect::<Vec<_>>());
}

#[test]
fn the_trial_needs_no_file() {
    let c = config::trial(Path::new("/home/x/.strongroom"), Path::new("/home/x/Papers"));
    assert!(c.trial && c.mail.is_none() && c.source_text.is_none());
    assert_eq!(c.repository.store, Store::Folder("/home/x/.strongroom/repository".into()));
    assert_eq!(c.repository.url, "file:///home/x/.strongroom/repository");
    assert_eq!(c.state_dir, Path::new("/home/x/.strongroom/state"));
    assert_eq!((c.sets[0].name.as_str(), c.sets[0].folders[0].name.as_bytes()), ("documents", &b"Papers"[..]));
    assert_eq!(config::trial(Path::new("/h"), Path::new("/")).sets[0].folders[0].name.as_bytes(), b"Documents");
}

#[test]
fn the_file_is_found_in_order() {
    let here =
        System::default().with_file("./council.toml", 0o644, b"").with_file("/etc/strongroom/council.toml", 0o644, b"");
    assert_eq!(config::find(None, &here), Ok("./council.toml".into()));
    let named = here.with_var("STRONGROOM_CONFIG", "/v.toml");
    assert_eq!(config::find(None, &named), Ok("/v.toml".into()));
    assert_eq!(config::find(Some(Path::new("c.toml")), &named), Ok("c.toml".into()));
    let etc = System::default().with_var("STRONGROOM_CONFIG", "").with_file("/etc/strongroom/council.toml", 0o644, b"");
    assert_eq!(config::find(None, &etc), Ok("/etc/strongroom/council.toml".into()));
    assert_eq!(
        config::find(None, &System::default()).unwrap_err().to_string(),
        "no configuration was found. Looked for:\n  --config FILE (not given)\n  STRONGROOM_CONFIG (not set)\n  ./council.toml\n  \
         /etc/strongroom/council.toml\nWrite one: strongroom config example > council.toml"
    );
}

#[test]
fn loading_reads_the_file_and_knows_the_state_directory() {
    let stateless = minimal("[state]\ndir = \"/var/lib/strongroom\"\n", "");
    let system = System::default()
        .with_file("/c.toml", 0o644, stateless.as_bytes())
        .with_file("/bin.toml", 0o644, b"\xff")
        .with_var("STATE_DIRECTORY", "/var/lib/other:/var/lib/third");
    let state = |s: &System| config::load(Path::new("/c.toml"), s).unwrap().state_dir;
    assert_eq!(state(&system), Path::new("/var/lib/other"));
    assert_eq!(
        state(&System::default().with_file("/c.toml", 0o644, stateless.as_bytes())),
        Path::new("/var/lib/strongroom")
    );
    let failed = |path: &str| config::load(Path::new(path), &system).unwrap_err().to_string();
    assert_eq!(
        failed("/none.toml"),
        "the configuration /none.toml cannot be read: no such file. Check the path and who may read it"
    );
    assert!(failed("/bin.toml").contains("it is not text in UTF-8"));
}

#[test]
fn secrets_are_fetched_from_four_kinds_of_place() {
    let fetch = |key: &str, system: &System| {
        let mail = format!("host = \"mail.anytown-tc.gov.uk\"\nuser = \"u\"\n{key}");
        let c = parse(&minimal("host = \"mail.anytown-tc.gov.uk\"", &mail));
        let (_, source) = c.mail.unwrap().login.unwrap();
        source.fetch(system).map(|s| s.expose_secret().to_owned()).map_err(|e: ConfigError| e.to_string())
    };
    let system = System::default()
        .with_file("/etc/p", 0o640, b"hunter2\r\n")
        .with_file("/etc/open", 0o644, b"hunter2")
        .with_file("/etc/empty", 0o600, b"\n")
        .with_file("/etc/credstore/smtp", 0o600, b"stored")
        .with_var("SMTP", "from env");
    assert_eq!(fetch("password_file = \"/etc/p\"", &system), Ok("hunter2".into()));
    assert_eq!(fetch("password_env = \"SMTP\"", &system), Ok("from env".into()));
    assert_eq!(fetch("password_command = [\"pass\", \"smtp\"]", &system), Ok("secret of smtp".into()));
    assert_eq!(fetch("password_credential = \"smtp\"", &system), Ok("stored".into()));
    let service = system.with_var("CREDENTIALS_DIRECTORY", "/run/c").with_file("/run/c/smtp", 0o400, b"given");
    assert_eq!(fetch("password_credential = \"smtp\"", &service), Ok("given".into()));
    for (key, message) in [
        (
            "password_file = \"/etc/open\"",
            "password_file: others on this computer can read or change /etc/open\nRun: chmod o= /etc/open",
        ),
        ("password_file = \"/etc/empty\"", "password_file: the secret is empty\nPut the secret there."),
        (
            "password_file = \"/etc/none\"",
            "password_file: /etc/none cannot be read: no such file\nCheck the path, and that Strongroom's user may read it.",
        ),
        (
            "password_env = \"NONE\"",
            "password_env: the environment variable NONE is not set\nSet it for the service and in the shell, or use a file.",
        ),
        (
            "password_command = [\"false\"]",
            "password_command: the command false failed: exit status: 1\nRun it by hand to see why.",
        ),
        (
            "password_credential = \"none\"",
            "password_credential: there is no credential none\nPut it into /etc/credstore/none (mode 600) and \
             LoadCredential=none into the service.",
        ),
    ] {
        assert_eq!(fetch(key, &service), Err(format!("council.toml, line 17, {message}")));
    }
    let c =
        parse(&minimal("host = \"mail.anytown-tc.gov.uk\"", "host = \"h\"\nuser = \"u\"\npassword_file = \"/etc/p\""));
    assert_eq!(c.mail.unwrap().login.unwrap().1.place, SecretPlace::File("/etc/p".into()));
}

#[test]
fn what_a_host_and_a_protection_imply() {
    let mail = |lines: &str| parse(&minimal("host = \"mail.anytown-tc.gov.uk\"", lines)).mail.unwrap();
    let plain = mail("host = \"127.0.0.1\"\ntls = \"none-on-loopback\"");
    assert_eq!((plain.tls, plain.port), (Tls::NoneOnLoopback, 25));
    assert_eq!(mail("host = \"Mail.X.uk\"\ntls = \"implicit\"").port, 465);
    assert_eq!(mail("host = \"x\"\nport = 2525").port, 2525);
    let local = "url = \"s3://bucket\"\nendpoint = \"http://localhost:9000\"\nallow_http = true";
    let Store::S3(s3) = parse(&minimal("url = \"s3://bucket/prefix\"", local)).repository.store else { panic!() };
    assert!(s3.allow_http && s3.path_style && s3.prefix.is_empty());
}
