//! What must not be written: asking the machine for time, chance or its environment outside the wiring;
//! tests that do not run; promises left in the code.

use super::source::{Source, closing};

const WIRING: &str = "src/cli/wiring";
const NOT_OUTSIDE_WIRING: &[&[&str]] = &[
    &["SystemTime", "::", "now"],
    &["Timestamp", "::", "now"],
    &["Zoned", "::", "now"],
    &["Utc", "::", "now"],
    &["std", "::", "env"],
    &["env", "::", "var"],
    &["env", "::", "var_os"],
    &["env", "::", "args"],
    &["getrandom", "::"],
    &["OsRng"],
    &["thread_rng"],
];
/// Looked for in the text, comments included, as whole words.
const PROMISES: &[&str] = &["TODO", "todo!", "FIXME", "unimplemented!", "for now", "For now"];

pub fn check(source: &Source, breaches: &mut Vec<String>) {
    ignored_tests(source, breaches);
    if source.path.starts_with("src/") {
        promises(source, breaches);
        if !source.path.starts_with(WIRING) {
            asks_the_machine(source, breaches);
        }
    }
}

fn ignored_tests(source: &Source, breaches: &mut Vec<String>) {
    for at in 0..source.tokens.len() {
        let conditional = source.reads(at, &["#", "[", "cfg_attr", "("])
            && (at..closing(&source.tokens, at + 1)).any(|inner| source.word(inner) == "ignore");
        if source.reads(at, &["#", "[", "ignore"]) || conditional {
            breaches.push(source.breach(source.tokens[at].line, "a test that does not run"));
        }
    }
}

fn asks_the_machine(source: &Source, breaches: &mut Vec<String>) {
    for (at, token) in source.tokens.iter().enumerate().filter(|(_, token)| !token.test) {
        let listed = NOT_OUTSIDE_WIRING.iter().any(|words| source.reads(at, words));
        let grouped = source.reads(at, &["std", "::", "{"]) && {
            let group = at + 2..closing(&source.tokens, at + 2);
            group.clone().any(|inner| source.word(inner) == "env" && ["{", ","].contains(&source.word(inner - 1)))
        };
        if listed || grouped {
            let what = format!("`{}` asks the machine; only {WIRING}* may", source.word(at));
            breaches.push(source.breach(token.line, &what));
        }
    }
}

fn promises(source: &Source, breaches: &mut Vec<String>) {
    for (number, line) in source.text.lines().enumerate() {
        for promise in PROMISES.iter().filter(|promise| has_word(line, promise)) {
            breaches.push(source.breach(number + 1, &format!("`{promise}`: do it, or leave it out")));
        }
    }
}

fn has_word(line: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word)
        .any(|(at, _)| !part(line[..at].chars().next_back()) && !part(line[at + word.len()..].chars().next()))
}
