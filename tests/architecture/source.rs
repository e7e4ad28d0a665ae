//! One Rust file as tokens. Comments and the insides of literals are gone, test code is marked.

/// A word, a mark or a literal (whose text is a lone quote).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
    /// Whether it is compiled for tests only.
    pub test: bool,
}

/// One file, ready for the rules.
pub struct Source {
    pub path: String,
    pub text: String,
    pub tokens: Vec<Token>,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let mut tokens = Reader { chars: text.chars().collect(), at: 0, line: 1, tokens: Vec::new() }.read();
        if is_test_path(path) {
            tokens.iter_mut().for_each(|token| token.test = true);
        } else {
            mark_test_items(&mut tokens);
        }
        Source { path: path.into(), text: text.into(), tokens }
    }

    /// Whether the tokens from `at` on read as `words`.
    pub fn reads(&self, at: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(offset, word)| self.word(at + offset) == *word)
    }

    /// The token's text, or nothing past the end.
    pub fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }

    pub fn breach(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

fn is_test_path(path: &str) -> bool {
    !path.starts_with("src/") || path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Marks each item under `#[cfg(test)]` (or `all(test, …)`), up to its closing brace or semicolon.
fn mark_test_items(tokens: &mut [Token]) {
    for start in 0..tokens.len() {
        let word = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
        let plain = ["#", "[", "cfg", "(", "test", ")"].iter().enumerate().all(|(n, w)| word(start + n) == *w);
        let all = ["#", "[", "cfg", "(", "all", "(", "test"].iter().enumerate().all(|(n, w)| word(start + n) == *w);
        if !(plain || all) {
            continue;
        }
        let mut at = start + 1;
        while word(at - 1) == "#" && word(at) == "[" {
            at = closing(tokens, at) + 2;
        }
        let end = item_end(tokens, at - 1);
        tokens[start..=end].iter_mut().for_each(|token| token.test = true);
    }
}

/// Where the item that starts at `at` ends: at a semicolon, or with its first block.
fn item_end(tokens: &[Token], mut at: usize) -> usize {
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            ";" => return at,
            "{" => return closing(tokens, at),
            "(" | "[" => at = closing(tokens, at) + 1,
            _ => at += 1,
        }
    }
    tokens.len() - 1
}

/// The bracket that closes the one at `open`; the last token if none does.
pub fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    tokens.len().saturating_sub(1)
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl Reader {
    fn read(mut self) -> Vec<Token> {
        while let Some(next) = self.peek(0) {
            match next {
                '/' if self.peek(1) == Some('/') => self.skip_while(|c| c != '\n'),
                '/' if self.peek(1) == Some('*') => self.block_comment(),
                '"' => self.literal('"'),
                '\'' => self.quote(),
                c if c.is_alphanumeric() || c == '_' => self.name(),
                ':' if self.peek(1) == Some(':') => {
                    self.push("::".into());
                    self.at += 2;
                }
                c => {
                    if !c.is_whitespace() {
                        self.push(c.into());
                    }
                    self.step();
                }
            }
        }
        self.tokens
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn step(&mut self) {
        if self.peek(0) == Some('\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    fn push(&mut self, text: String) {
        self.tokens.push(Token { text, line: self.line, test: false });
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.step();
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                _ => {
                    self.step();
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return;
            }
        }
    }

    /// A string or character literal, from its opening mark on, escapes respected.
    fn literal(&mut self, mark: char) {
        self.push("\"".into());
        self.step();
        while let Some(next) = self.peek(0) {
            self.step();
            match next {
                '\\' => self.step(),
                c if c == mark => return,
                _ => {}
            }
        }
    }

    /// A character literal or a lifetime.
    fn quote(&mut self) {
        if self.peek(1) == Some('\\') || self.peek(2) == Some('\'') {
            self.literal('\'');
        } else {
            self.step();
            self.skip_while(|c| c.is_alphanumeric() || c == '_');
        }
    }

    fn name(&mut self) {
        let start = self.at;
        self.skip_while(|c| c.is_alphanumeric() || c == '_');
        let name: String = self.chars[start..self.at].iter().collect();
        let hashes = (0..).take_while(|ahead| self.peek(*ahead) == Some('#')).count();
        match (name.as_str(), self.peek(hashes)) {
            ("r" | "br" | "cr", Some('"')) => self.raw_string(hashes),
            ("b" | "c", Some('"')) if hashes == 0 => self.literal('"'),
            ("b", Some('\'')) if hashes == 0 => self.literal('\''),
            _ => self.push(name),
        }
    }

    fn raw_string(&mut self, hashes: usize) {
        self.push("\"".into());
        self.at += hashes + 1;
        while self.at < self.chars.len() {
            let closes = self.peek(0) == Some('"') && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#'));
            self.step();
            if closes {
                self.at += hashes;
                return;
            }
        }
    }
}
