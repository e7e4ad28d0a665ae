//! What can go wrong with a store, told apart as a technician must: what to do differs.

use std::error::Error;

/// The kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreFault {
    /// The object is not there; or, of a folder as a store, the folder itself.
    Missing,
    /// The whole bucket or container is not there: that says nothing about any object.
    Gone,
    /// An object of that name is there.
    Exists,
    /// The store refused our credentials or our right to do this.
    Denied,
    /// No space is left.
    Full,
    /// It may only be read.
    ReadOnly,
    /// It could not be reached, or did not answer in time.
    Unreachable,
    /// It cannot do what was asked (no create-if-absent, say).
    Unsupported,
    /// Anything else.
    Other,
}

const NO_LINKS: &str = "it overwrites, but cannot create a file only where none is: disks and sticks formatted as FAT \
                        or exFAT and some network shares have no hard links; format it as ext4, XFS or NTFS, or use \
                        another store";
const TOO_LARGE: &str = "the object is larger than any that this program writes";

/// A fault of the store: never of the source.
#[derive(Debug, Clone, thiserror::Error)]
#[error("could not {what} at {address}: {detail}")]
pub struct StoreError {
    fault: StoreFault,
    what: String,
    address: String,
    detail: String,
    unknown_outcome: bool,
}

impl StoreError {
    /// The kind of fault.
    pub fn fault(&self) -> StoreFault {
        self.fault
    }

    /// Whether the request may have taken effect although it failed.
    pub fn may_have_happened(&self) -> bool {
        self.unknown_outcome
    }

    /// Whether the object is larger than anything this program writes under such a name.
    pub fn is_too_large(&self) -> bool {
        self.detail == TOO_LARGE
    }

    /// Whether this computer's clock is what the store, or the connection to it, objects to.
    pub fn is_about_the_clock(&self) -> bool {
        let lower = self.detail.to_ascii_lowercase();
        CLOCK.iter().any(|words| lower.contains(words))
    }

    /// Names the place of the credentials, where they are what was refused.
    pub(super) fn with_credentials(mut self, place: Option<&str>) -> Self {
        if let (StoreFault::Denied, false, Some(place)) = (self.fault, self.is_about_the_clock(), place) {
            self.detail = format!("{} (the credentials are those of {place})", self.detail);
        }
        self
    }

    pub(super) fn too_large(what: &str, address: &str) -> Self {
        Self {
            fault: StoreFault::Other,
            what: what.into(),
            address: address.into(),
            detail: TOO_LARGE.into(),
            unknown_outcome: false,
        }
    }

    pub(super) fn timed_out(what: &str, address: &str) -> Self {
        Self {
            fault: StoreFault::Unreachable,
            what: what.into(),
            address: address.into(),
            detail: "no answer in time".into(),
            unknown_outcome: true,
        }
    }

    /// A fault found when opening the store.
    pub(super) fn opening(address: &str, detail: impl Into<String>) -> Self {
        Self {
            fault: StoreFault::Other,
            what: "open the store".into(),
            address: address.into(),
            detail: detail.into(),
            unknown_outcome: false,
        }
    }

    /// A folder used as a store, met by its files.
    pub(super) fn of_folder(what: &str, address: &str, error: &std::io::Error) -> Self {
        let detail = error.to_string();
        Self { fault: from_io(error), what: what.into(), address: address.into(), detail, unknown_outcome: false }
    }

    /// What was written is not what is there.
    pub(super) fn not_taken(address: &str) -> Self {
        let detail = "it took the bytes and shows others".into();
        Self { fault: StoreFault::Other, what: "write".into(), address: address.into(), detail, unknown_outcome: true }
    }

    /// Its list left out very many objects that are there.
    pub(crate) fn list_leaves_out(address: &str) -> Self {
        let detail =
            "its list leaves out much that it has; try again, and ask whoever runs the store if this goes on".into();
        Self { fault: StoreFault::Other, what: "list".into(), address: address.into(), detail, unknown_outcome: false }
    }

    /// The folder of a `file:///` store is not there: unmounted, perhaps.
    pub(super) fn missing_folder(address: &str) -> Self {
        Self {
            fault: StoreFault::Missing,
            what: "open the store".into(),
            address: address.into(),
            detail: "the folder is not there; if it is a disk or share, is it connected?".into(),
            unknown_outcome: false,
        }
    }

    /// A folder on a file system that has no hard links.
    pub(super) fn no_links(address: &str) -> Self {
        Self {
            fault: StoreFault::Unsupported,
            what: "try out the store".into(),
            address: address.into(),
            detail: NO_LINKS.into(),
            unknown_outcome: false,
        }
    }

    /// As the client words it: for tests of what people read.
    #[cfg(test)]
    pub(crate) fn in_words(what: &str, address: &str, detail: &str) -> Self {
        let (what, address) = (what.into(), address.into());
        Self { fault: from_text(detail), what, address, detail: detail.into(), unknown_outcome: false }
    }

    /// As the system says it: for tests of what people read.
    #[cfg(test)]
    pub(crate) fn of_io(what: &str, address: &str, kind: std::io::ErrorKind) -> Self {
        let error = std::io::Error::from(kind);
        let (what, address) = (what.into(), address.into());
        Self { fault: from_io(&error), what, address, detail: error.to_string(), unknown_outcome: false }
    }

    pub(super) fn from_object_store(what: &str, address: &str, error: &object_store::Error) -> Self {
        use object_store::Error as E;
        let io = io_cause(error);
        let fault = match error {
            E::NotFound { .. } if has(&chain(error).to_ascii_lowercase(), GONE) => StoreFault::Gone,
            E::NotFound { .. } => StoreFault::Missing,
            E::AlreadyExists { .. } | E::Precondition { .. } => StoreFault::Exists,
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => StoreFault::Denied,
            E::NotImplemented { .. } | E::NotSupported { .. } => StoreFault::Unsupported,
            _ => io.map_or_else(|| from_text(&chain(error)), from_io),
        };
        // What the store answered at once certainly did not happen; anything vaguer may have.
        let unknown_outcome = matches!(fault, StoreFault::Unreachable | StoreFault::Other | StoreFault::Exists);
        Self { fault, what: what.into(), address: address.into(), detail: chain(error), unknown_outcome }
    }
}

fn from_io(error: &std::io::Error) -> StoreFault {
    use std::io::ErrorKind as K;
    match error.kind() {
        K::StorageFull | K::QuotaExceeded => StoreFault::Full,
        K::ReadOnlyFilesystem => StoreFault::ReadOnly,
        K::PermissionDenied => StoreFault::Denied,
        K::NotFound => StoreFault::Missing,
        K::ConnectionRefused | K::ConnectionReset | K::TimedOut | K::HostUnreachable | K::NetworkUnreachable => {
            StoreFault::Unreachable
        }
        _ => StoreFault::Other,
    }
}

/// A request that seems too old or too new, and a certificate that seems over or not begun.
const CLOCK: &[&str] = &["requesttimetooskewed", "certificate expired", "certificate not valid yet"];

const DENIED: &[&str] = &[
    "403 forbidden",
    "401 unauthorized",
    "accessdenied",
    "invalidaccesskeyid",
    "signaturedoesnotmatch",
    "expiredtoken",
    "no credentials",
    "credential",
];

/// What S3, Google and Azure call a place that is not there.
const GONE: &[&str] = &["nosuchbucket", "no such bucket", "bucket does not exist", "containernotfound"];

fn has(lower: &str, words: &[&str]) -> bool {
    words.iter().any(|w| lower.contains(w))
}

/// The client hides the HTTP status; its text is all there is.
fn from_text(text: &str) -> StoreFault {
    let lower = text.to_ascii_lowercase();
    let has = |words: &[&str]| has(&lower, words);
    if has(GONE) {
        StoreFault::Gone
    } else if has(DENIED) {
        StoreFault::Denied
    } else if has(&["507 insufficient", "insufficient storage", "quota exceeded"]) {
        StoreFault::Full
    } else if has(&[
        "error sending request",
        "connect",
        "timed out",
        "timeout",
        "dns",
        "connection",
        "503 service",
        "500 internal",
    ]) {
        StoreFault::Unreachable
    } else {
        StoreFault::Other
    }
}

fn io_cause(error: &object_store::Error) -> Option<&std::io::Error> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(e) = cause {
        if let Some(io) = e.downcast_ref::<std::io::Error>() {
            return Some(io);
        }
        cause = e.source();
    }
    None
}

/// The messages of an error and its causes, each once.
fn chain(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        let more = e.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = e.source();
    }
    text
}
