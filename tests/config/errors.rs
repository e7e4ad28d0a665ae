//! The errors of the configuration, word for word, with line and caret; and that none of them shows a secret.

#[path = "ways.rs"]
mod ways;

use crate::{MINIMAL, config, error, minimal, parse};

const HOST: &str = "host = \"mail.anytown-tc.gov.uk\"";
const URL: &str = "url = \"s3://bucket/prefix\"";
const FOLDER: &str = "\"/srv/council/Documents\"";

/// The whole error for the minimal file with one piece replaced.
pub fn check(from: &str, to: &str, expected: &str) {
    let expected = expected.trim_start_matches('\n').trim_end_matches([' ', '\n']);
    let found: Vec<String> = error(&minimal(from, to)).lines().map(str::to_owned).collect();
    let expected: Vec<&str> = expected.lines().map(|l| l.strip_prefix("        ").unwrap_or(l)).collect();
    assert_eq!(found, expected);
}

#[test]
fn an_unknown_key() {
    check(
        "name = \"documents\"",
        "nmae = \"documents\"",
        "
        council.toml, line 11: unknown key `nmae`
           |
        11 | nmae = …
           | ^^^^
        Did you mean `name`?",
    );
    check(
        "[council]\n",
        "[retention]\nkeep-weekly = 3\n[council]\n",
        "
        council.toml, line 2: unknown key `keep-weekly`
          |
        2 | keep-weekly = …
          | ^^^^^^^^^^^
        Did you mean `keep_weekly`?",
    );
    check(
        FOLDER,
        "{ path = \"/srv/x\", colour = \"red\" }",
        "
        council.toml, line 12: unknown key `colour`
           |
        12 | … colour = …
           |   ^^^^^^
        The keys here are: path, as.",
    );
}

#[test]
fn a_secret_in_the_file() {
    check(
        HOST,
        &format!("{HOST}\npassword = \"hunter2\""),
        "
        council.toml, line 16: `password` is written here; secrets never stand in this file
           |
        16 | password = …
           | ^^^^^^^^
        Put it into a file that only Strongroom's user can read and write `password_file = \"/path\"`, or use password_env, password_credential or password_command.",
    );
    check(
        URL,
        "url = \"s3://AKIA:hunter2@bucket/prefix\"",
        "
        council.toml, line 7: the address holds '@', '?' or '#', as if a password or signature were in it
          |
        7 | url = …
          |       ^
        Give the address alone, and the secret by a key such as secret_access_key_file.",
    );
    check(
        HOST,
        &format!("{HOST}\npasswrod = \"hunter2\""),
        "
        council.toml, line 16: unknown key `passwrod`
           |
        16 | passwrod = …
           | ^^^^^^^^
        Did you mean `password_file`?",
    );
    check(
        HOST,
        &format!("{HOST}\nuser = \"u\"\npassword_file = \"hunter2\""),
        "
        council.toml, line 17: `password_file` must be the full path of a file, beginning with /
           |
        17 | password_file = …
           |                 ^",
    );
}

#[test]
fn no_error_shows_a_secret() {
    let mail = |lines: &str| error(&minimal(HOST, &format!("{HOST}\n{lines}")));
    let store = |lines: &str| error(&minimal(URL, &format!("{URL}\n{lines}")));
    let whole = |line: &str| error(&minimal(URL, line));
    for shown in [
        mail("user = \"u\"\npassword = \"\"\"hunter2\"\"\""),
        mail("password = 'hunter2"),
        mail("PassWord = 'hunter2'"),
        mail("passphrase = 'hunter2'"),
        mail("password_env = \"hunter2!\""),
        mail("password_credential = \"../hunter2\""),
        mail("password_command = \"hunter2\""),
        mail("password_file = \"/x\"\npassword_env = \"hunter2\""),
        store("secret_access_key = \"hunter2\""),
        store("secret-access-key = \"hunter2\""),
        store("access_key_id = \"hunter2\""),
        store("session_token = \"hunter2\""),
        store("access_key = \"hunter2\""),
        store("sas_token = \"hunter2\""),
        store("service_account = { private_key = \"hunter2\" }"),
        store("endpoint = \"https://user:hunter2@host\""),
        whole("url = \"az://container?sig=hunter2\""),
        whole("url = [\"s3://AKIA:hunter2@bucket\"]"),
        error("notify = { mail = \"smtp://u:hunter2@host\" }"),
    ] {
        assert!(shown.starts_with("council.toml, line "), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn a_clerk_off_the_councils_domains() {
    check(
        "clerk@anytown-tc.gov.uk",
        "anytown.clerk@gmail.com",
        "
        council.toml, line 4: the clerk's address is not on the council's domains (anytown-tc.gov.uk)
          |
        4 | clerk = { name = \"The Clerk\", email = \"anytown.clerk@gmail.com\" }
          |                                       ^^^^^^^^^^^^^^^^^^^^^^^^^
        Notices go to the council's own mail only. Give the address there, or add the council's other domain to `domains`.",
    );
    check(
        "[\"anytown-tc.gov.uk\"]",
        "[\"anytown-tc.gov.uk\", \"GMail.com\"]",
        "
        council.toml, line 3: gmail.com is public mail, not the council's own domain
          |
        3 | domains = [\"anytown-tc.gov.uk\", \"GMail.com\"]
          |                                 ^^^^^^^^^^^
        Notices go to the council's own domain only. Use an address that the council controls.",
    );
    let deputy = "deputy = { name = \"D\", email = \"d@anytown-tc.gov.uk.example.com\" }\nprovider =";
    assert!(error(&minimal("provider =", deputy)).contains("the deputy's address is not on the council's domains"));
}

#[test]
fn folders_that_clash() {
    check(
        FOLDER,
        "\"Documents\"",
        "
        council.toml, line 12: a folder must be an absolute path
           |
        12 | folders = [\"Documents\"]  # or { path = \"…\", as = \"Documents\" }
           |            ^^^^^^^^^^^
        Write the full path, beginning with /.",
    );
    let more = |folder: &str| format!("[notify.mail]\n[[set]]\nname = \"old\"\nfolders = [{folder}]");
    let message = |folder: &str| {
        error(&minimal(
            "[notify.mail]\nhost = \"mail.anytown-tc.gov.uk\"",
            &more(folder).replace("[notify.mail]\n", ""),
        ))
    };
    assert_eq!(
        message("\"/mnt/old/Documents\""),
        "council.toml, line 16: the folder on line 12 is also called `Documents` in the backup\n   |\n\
         16 | folders = [\"/mnt/old/Documents\"]\n   |            ^^^^^^^^^^^^^^^^^^^^\n\
         Name this one: { path = \"/mnt/old/Documents\", as = \"Documents-2\" }."
    );
    for (folder, expected) in [
        ("\"/srv/council/Documents/Old\"", "/srv/council/Documents/Old lies in /srv/council/Documents of line 12"),
        ("\"/srv/council\"", "/srv/council/Documents of line 12 lies in /srv/council\n"),
        (
            "{ path = \"/srv/council/./Documents/\", as = \"D\" }",
            "/srv/council/Documents is already backed up by line 12",
        ),
        ("{ path = \"/mnt/x\", as = \"a/b\" }", "must be one name, without a slash"),
        ("{ path = \"/mnt/x\", as = \"..\" }", "must be one name, without a slash"),
        ("\"/mnt/x/../y\"", "must not lead through '..'"),
        ("\"/\"", "must be one name"),
        ("{ as = \"X\" }", "this folder has no `path`"),
        ("5", "this is a whole number; expected \"/folder\" or { path"),
        ("", "the set `old` has no folder"),
    ] {
        assert!(message(folder).contains(expected), "{}", message(folder));
    }
}

#[test]
fn what_is_missing() {
    let from = |at: &str| &MINIMAL[MINIMAL.find(at).unwrap()..];
    assert_eq!(
        error(from("[repository]")),
        "council.toml: there is no [council] table\n\
         Add [council] with name, domains, clerk and provider. `strongroom config example` shows one."
    );
    assert_eq!(
        error(&MINIMAL[..MINIMAL.find("[[set]]").unwrap()]),
        "council.toml: there is no [[set]], so nothing would be backed up\n\
         Add:\n[[set]]\nname = \"documents\"\nfolders = [\"/srv/council/Documents\"]"
    );
    check(
        "domains = [\"anytown-tc.gov.uk\"]\n",
        "",
        "
        council.toml, line 1: [council] has no `domains`
          |
        1 | [council]
          | ^^^^^^^^^
        Add: domains = [\"anytown-tc.gov.uk\"]",
    );
    assert!(error(&minimal(URL, "")).contains("line 6: [repository] has no `url`"));
    assert!(error(&minimal(HOST, "")).contains("line 14: [notify.mail] has no `host`"));
}

#[test]
fn values_that_mean_nothing() {
    check(
        "[council]\n",
        "[verify]\nbytes_per_run = \"1 gig\"\n[council]\n",
        "
        council.toml, line 2: this is not a size
          |
        2 | bytes_per_run = \"1 gig\"
          |                 ^^^^^^^
        Write a whole number and a unit: B, KB, MB, GB, TB, KiB, MiB, GiB or TiB, as in \"1 GiB\".",
    );
    check(
        "[council]\n",
        "[verify]\nevery_byte_within = \"3 months\"\n[council]\n",
        "
        council.toml, line 2: this is no number of weeks
          |
        2 | every_byte_within = \"3 months\"
          |                     ^^^^^^^^^^
        Write a whole number of weeks, as in \"12 weeks\".",
    );
    check(
        "[council]\n",
        "[retention]\nkeep_weekly = \"3\"\n[council]\n",
        "
        council.toml, line 2: this is text; expected a whole number
          |
        2 | keep_weekly = …
          |               ^",
    );
    check(
        "name = \"Anytown Town Council\"",
        "name = \"Anytown",
        "
        council.toml, line 2: invalid basic string, expected `\"`
          |
        2 | name = \"Anytown
          |                ^",
    );
    let top = |lines: &str| error(&minimal("[council]\n", &format!("{lines}\n[council]\n")));
    for (lines, expected) in [
        ("[retention]\nprune_grace_days = 0", "strongroom prune --grace 0 --yes"),
        ("[retention]\nscheme = \"scheme.toml\"", "the scheme's path must be an absolute path"),
        ("[retention]\nkeep_last = -1", "this must be from 0 to 10000"),
        ("[retention]\nkeep_weekly = 0\nkeep_monthly = 0\nkeep_yearly = 0", "nothing would be kept"),
        ("[verify]\nbytes_per_run = \"0 B\"", "this must be at least 1 MiB"),
        ("[verify]\nevery_byte_within = \"0 weeks\"", "this must be from 1 to 104 weeks"),
        ("[verify]\nevery_byte_within = \"never\"", "this is no number of weeks"),
        ("[verify]\ndrill_every = \"0 weeks\"", "this must be from 1 to 104 weeks"),
        ("[verify]\nkey_drill_every = \"yearly\"", "as in \"12 weeks\", or \"never\"."),
        ("[verify]\nbytes_per_run = \"2 GiB\"\nbytes_per_month = \"1 GiB\"", "a month would have less than one run"),
        ("[verify]\ndocuments_per_run = 0", "this must be from 1 to 100000"),
        ("[limits]\nmemory = \"1 GiB\"", "unknown key `memory`"),
        ("[limits]\nmemory = \"1 GiB\"", "It never had an effect and is gone: take the line out."),
        ("[verify]\nscratch_dir = \"/x\"", "unknown key `scratch_dir`"),
        ("[notify]\nescalate_after_days = 3", "there is no deputy to tell"),
        ("[notify]\nescalate_after_days = 0", "this must be from 1 to 90"),
        ("[elsewhere]\nemail = { by = \"x\", checked = 2026-03-17T10:00:00Z }", "this is not a day"),
        ("[elsewhere]\nemail = { checked = 2026-03-17 }", "email has no `by`"),
        ("[elsewhere]\ndocuments = { by = \"x\", checked = 2026-03-17 }", "the set `documents` is backed up here"),
    ] {
        assert!(top(lines).contains(expected), "{}", top(lines));
    }
    let council = |line: &str| error(&minimal("[council]\n", &format!("[council]\n{line}\n")));
    assert!(council("timezone = \"Mars/Olympus\"").contains("no time zone Mars/Olympus is known"));
    assert!(error(&minimal("\"*.tmp\"", "\"[a\"")).contains("this is not a pattern"));
    assert!(error(&minimal("[[set]]", "[set]")).contains("Write it as [[set]]"));
    assert!(error(&minimal("name = \"documents\"", "name = \"a b\"")).contains("cannot be the name of a set"));
}

#[test]
fn how_fast_it_may_go() {
    for (line, expected) in [
        ("upload_per_second = \"100 B\"", "this must be at least 1 KiB"),
        ("download_per_second = \"2\"", "this is not a size"),
        ("upload_per_second = 2", "this is a whole number; expected text in quotes"),
        ("upload_per_seconds = \"2 MiB\"", "Did you mean `upload_per_second`?"),
    ] {
        let said = error(&minimal("[council]\n", &format!("[limits]\n{line}\n[council]\n")));
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn stores_and_mail_servers() {
    let url = |to: &str| error(&minimal(URL, to));
    let s3 = |lines: &str| url(&format!("{URL}\n{lines}"));
    let mail = |lines: &str| error(&minimal(HOST, lines));
    for (found, expected) in [
        (url("url = \"ftp://x/y\""), "this is no address of a store"),
        (url("url = \"file://srv/x\""), "three slashes"),
        (url("url = \"s3://B_/x\""), "no name of a bucket"),
        (url("url = \"s3://bucket/a/../b\""), "the prefix after the bucket cannot be used"),
        (url("url = \"file:///x\"\nregion = \"eu-west-2\""), "`region` means nothing for file://"),
        (url("url = \"file:///x\"\nclaims = { versioning = \"30 days\" }"), "`claims` means nothing for file://"),
        (s3("claims = { }"), "nothing is claimed here"),
        (s3("claims = { object_lock = \"4 weeks\" }"), "Write a whole number of days, as in \"30 days\"."),
        (s3("claims = { object_lock = \"0 days\" }"), "this must be from 1 to 36500 days"),
        (url("url = \"gs://bucket\"\naccess_key_file = \"/k\""), "`access_key` means nothing for gs://"),
        (s3("endpoint = \"http://127.0.0.1:9000\""), "Use https://, or add: allow_http = true"),
        (s3("endpoint = \"http://10.0.0.1\"\nallow_http = true"), "in the clear"),
        (s3("endpoint = \"http://10.0.0.1\""), "this endpoint is plain HTTP"),
        (s3("allow_http = true"), "`allow_http` needs an `endpoint`"),
        (s3("access_key_id_env = \"ID\""), "the key id has no secret"),
        (s3("session_token_env = \"ID\""), "the session token has no key"),
        (url("url = \"az://container\"\naccess_key_env = \"K\"\nsas_token_env = \"S\""), "Keep one of them"),
        (mail("host = \"smtp://x\""), "this is no name of a mail server"),
        (mail("host = \"mail.x.uk\"\ntls = \"none-on-loopback\""), "mail.x.uk is not this computer"),
        (mail("host = \"x\"\ntls = \"starttls\""), "this is no way to protect mail"),
        (mail("host = \"x\"\nport = 65536"), "this must be from 1 to 65535"),
        (mail("host = \"x\"\nuser = \"u\""), "the user has no password"),
        (mail("host = \"x\"\npassword_env = \"P\""), "the password has no user"),
    ] {
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn schedules_and_policies() {
    check(
        "[state]",
        "[schedule]\nrun = \"0 25 * * *\"\n[state]",
        "
        council.toml, line 9: 25 is no hour: it must be from 0 to 23
          |
        9 | run = \"0 25 * * *\"
          |       ^^^^^^^^^^^^
        Write minute hour day month weekday, as in \"30 1 * * *\" (every night at 01:30) or \"0 2 * * SUN\", or @daily.
        ",
    );
    let schedule = |lines: &str| error(&minimal("[state]", &format!("[schedule]\n{lines}\n[state]")));
    let set = |lines: &str| error(&minimal("[[set]]", &format!("[[set]]\n{lines}")));
    let policy = |lines: &str| error(&minimal("[state]", &format!("[policy]\n{lines}\n[state]")));
    for (found, expected) in [
        (schedule("run = \"0 1 31 2 *\""), "no such day ever comes"),
        (schedule("backup = \"@reboot\""), "@reboot is not known"),
        (
            schedule("run = \"0 1 1 * *\""),
            "up to 31 days lie between two backups, but the set `documents` must have one in 7 days",
        ),
        (schedule("jitter = \"7 hours\""), "this must be from 0 seconds to 6 hours"),
        (schedule("run_limit = \"0 seconds\""), "this must be from 1 second to 1 week"),
        (schedule("grace = \"4h\""), "this is no length of time"),
        (schedule("zone = \"Europe/London\""), "unknown key `zone`"),
        (set("max_age = \"8 weeks\""), "this must be from 1 hour to 5 weeks"),
        (policy("it = { adopted = 2026-05-11 }"), "it has no `minute`"),
        (policy("retention = { adopted = \"May\", minute = \"1\" }"), "this is text; expected a date"),
    ] {
        assert!(found.contains(expected), "{found}");
    }
    let weekly = "[schedule]\nrun = \"@weekly\"\n[state]";
    assert!(config::parse(&minimal("[state]", weekly), "c").is_ok());
    let daily = minimal("[state]", weekly).replace("[[set]]", "[[set]]\nmax_age = \"2 days\"");
    assert!(error(&daily).contains("line 13: up to 7 days lie between two backups"), "{}", error(&daily));
    let both = minimal("[state]", "[schedule]\nrun = \"0 1 1 * *\"\nbackup = \"@nightly\"\n[state]");
    assert!(config::parse(&both, "c").is_ok());
}

#[test]
fn what_is_left_out_is_in_no_set() {
    let left_out =
        |folder: &str| minimal("[repository]", &format!("[left_out]\nfolders = [\"{folder}\"]\n[repository]"));
    let said = error(&left_out("/srv/council/Documents/Old"));
    assert!(said.contains("/srv/council/Documents/Old is backed up by the set `documents`"), "{said}");
    assert!(said.contains("write a pattern into the set's `exclude`"), "{said}");
    assert!(error(&left_out("/srv/council/Documents")).contains("Remove this line or the set's folder."));
    assert!(error(&left_out("Scratch")).contains("a folder must be an absolute path"));
    assert_eq!(parse(&left_out("/srv/council")).left_out, [std::path::Path::new("/srv/council")]);
}
