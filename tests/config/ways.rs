//! `[[notify.webhook]]` and `[notify.ping]`: their errors word for word, and that none of them shows an address.

use crate::errors::check;
use crate::{error, minimal, parse};

const HOST: &str = "host = \"mail.anytown-tc.gov.uk\"";

fn with(more: &str) -> String {
    format!("{HOST}\n{more}")
}

#[test]
fn an_address_is_named_by_where_it_lies() {
    check(
        HOST,
        &with("[[notify.webhook]]\nname = \"desk\"\nurl = \"https://example.org/hunter2\""),
        "
        council.toml, line 18: unknown key `url`
           |
        18 | url = …
           | ^^^
        Did you mean `url_file`?",
    );
    check(
        HOST,
        &with("[[notify.webhook]]\nname = \"desk\""),
        "
        council.toml, line 16: [[notify.webhook]] has no `url_file`
           |
        16 | [[notify.webhook]]
           | ^^^^^^^^^^^^^^^^^^
        Its address is a secret. Add: url_file = \"/path\"",
    );
    check(
        HOST,
        &with("[notify.ping]"),
        "
        council.toml, line 16: [notify.ping] has no `url_file`
           |
        16 | [notify.ping]
           | ^^^^^^^^^^^^^
        Its address is a secret. Add: url_file = \"/path\"",
    );
}

#[test]
fn each_webhook_has_a_name_and_a_reader() {
    check(
        HOST,
        &with("[[notify.webhook]]\nname = \"mail\"\nurl_env = \"URL\""),
        "
        council.toml, line 17: another way is called `mail` already
           |
        17 | name = \"mail\"
           |        ^^^^^^
        Give each webhook a name of its own; mail and ping are taken.",
    );
    check(
        HOST,
        &with("[[notify.webhook]]\nname = \"../x\"\nurl_env = \"URL\""),
        "
        council.toml, line 17: this is no name of a webhook
           |
        17 | name = \"../x\"
           |        ^^^^^^
        Write 1 to 20 small letters, digits and hyphens, a letter first, as in \"desk\".",
    );
    check(
        HOST,
        &with("[[notify.webhook]]\nname = \"desk\"\nrole = \"deputy\"\nurl_env = \"URL\""),
        "
        council.toml, line 18: there is no deputy to tell
           |
        18 | role = \"deputy\"
           |        ^^^^^^^^
        Add one to [council], or write \"clerk\".",
    );
    check(
        HOST,
        &with("[[notify.webhook]]\nname = \"desk\"\nrole = \"everybody\"\nurl_env = \"URL\""),
        "
        council.toml, line 18: this is nobody whose messages it could carry
           |
        18 | role = \"everybody\"
           |        ^^^^^^^^^^^
        Write \"provider\", \"clerk\" or \"deputy\".",
    );
}

#[test]
fn no_address_is_shown_and_several_ways_are_understood() {
    let single = error(&minimal(HOST, &with("[notify.webhook]\nname = \"desk\"")));
    assert!(single.contains("Write it as [[notify.webhook]]: there may be several."), "{single}");
    for secret in ["webhook = \"https://example.org/hunter2\"", "ping = \"https://example.org/hunter2\""] {
        let shown = error(&format!("[notify]\n{secret}\n"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    let file = "[[notify.webhook]]\nname = \"desk\"\nurl_file = \"https://example.org/hunter2\"";
    assert!(!error(&minimal(HOST, &with(file))).contains("hunter2"));
    let two = "[[notify.webhook]]\nname = \"desk\"\nurl_env = \"A\"\n[[notify.webhook]]\nname = \"panel\"\n\
               role = \"clerk\"\nurl_credential = \"b\"\n[notify.ping]\nurl_command = [\"pass\", \"show\", \"ping\"]";
    let config = parse(&minimal(HOST, &with(two)));
    let names: Vec<&str> = config.webhooks.iter().map(|w| w.name.as_str()).collect();
    assert!(names == ["desk", "panel"] && config.ping.is_some());
}
