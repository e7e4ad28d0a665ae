//! What is fed with bytes that somebody else made: every parser of stored, foreign or typed bytes, one target each.
//!
//! A target takes any bytes, ends, and breaks nothing: it panics where a promise is broken, and nowhere else. The same
//! targets are fed by libFuzzer (`fuzz/`), and by an ordinary test with the kept inputs and seeded mutations of them.

mod documents;
mod local;
mod mutate;
mod placed;
mod stored;
mod typed;

pub use mutate::mutations;

/// A parser, and how to begin.
pub struct Target {
    /// Its folder below `fuzz/corpus`.
    pub name: &'static str,
    feed: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
}

impl Target {
    const fn new(name: &'static str, feed: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Self {
        Self { name, feed, seeds }
    }

    /// Parses these bytes, whatever they are.
    pub fn feed(&self, data: &[u8]) {
        (self.feed)(data);
    }

    /// Well-formed inputs, made by the program's own code.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        (self.seeds)()
    }
}

/// The target of that name.
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|t| t.name == name)
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target::new("log-envelope", stored::envelope, stored::envelopes),
    Target::new("log-body", stored::body, stored::bodies),
    Target::new("log-fold", stored::folded, stored::logs),
    Target::new("sealed", stored::sealed, stored::sealed_ones),
    Target::new("key-bundle", stored::bundle, stored::bundles),
    Target::new("pack", stored::pack, stored::packs),
    Target::new("segment", stored::segment, stored::segments),
    Target::new("index", stored::index, stored::indexes),
    Target::new("listing-page", stored::page, stored::pages),
    Target::new("listing-root", stored::root, stored::roots),
    Target::new("object-name", typed::object_name, typed::object_names),
    Target::new("restore-place", placed::restored, stored::pages),
    Target::new("note", stored::note, stored::notes),
    Target::new("local-files", local::files, local::all),
    Target::new("store-answer", typed::store_answer, typed::store_answers),
    Target::new("config", typed::config, typed::configs),
    Target::new("scheme", typed::scheme, typed::schemes),
    Target::new("assign", typed::assign, typed::assignments),
    Target::new("pattern", typed::pattern, typed::patterns),
    Target::new("cron-line", typed::cron, typed::crons),
    Target::new("join-request", typed::request, typed::requests),
    Target::new("typed-key", typed::key, typed::keys),
    Target::new("cut-mail", documents::cut_mail, documents::messages),
    Target::new("cut-mailbox", documents::cut_mailbox, documents::mailboxes),
    Target::new("cut-zip", documents::cut_zip, documents::zips),
    Target::new("cut-plain", documents::cut_plain, documents::texts),
    Target::new("base64", documents::base64, documents::base64_texts),
    Target::new("open-office", documents::office, documents::offices),
    Target::new("open-opendocument", documents::opendocument, documents::opendocuments),
    Target::new("open-pdf", documents::pdf, documents::pdfs),
    Target::new("open-jpeg", documents::jpeg, documents::jpegs),
    Target::new("open-png", documents::png, documents::pngs),
    Target::new("open-message", documents::message, documents::messages),
    Target::new("open-mailbox", documents::mailbox, documents::mailboxes),
    Target::new("open-zip", documents::zip, documents::zips),
    Target::new("open-database", documents::database, documents::databases),
    Target::new("open-text", documents::text, documents::texts),
];
