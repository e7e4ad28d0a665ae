//! The one door to `age`: every stored object is a standard age file that stock `age -d` opens.
//!
//! age says who can read, never who wrote: what is opened here is believed only because a signed log entry,
//! or a digest that hangs on one, vouches for its bytes.

use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::str::FromStr;

use age::secrecy::ExposeSecret;
use age::stream::{StreamReader, StreamWriter};
use bytes::buf::Writer;
use bytes::{BufMut, Bytes, BytesMut};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::stretches::{HEADER, Stored};

/// Why sealing or opening failed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// None of the keys at hand opens it.
    #[error("none of the keys at hand opens it")]
    WrongKey,
    /// It is no age file, or its bytes were changed.
    #[error("its sealed bytes are damaged ({0})")]
    Damaged(String),
    /// The text is no key of a kind this version knows.
    #[error("'{0}' is not a key of a kind this version of Strongroom knows (age1… or AGE-SECRET-KEY-1…)")]
    UnknownKey(String),
    /// Sealing failed; only a fault of this program or of memory can cause it.
    #[error("sealing failed: {0}")]
    Seal(String),
}

/// How every key begins, without its dashes.
const BEGINNING: &str = "AGESECRETKEY1";

/// Somebody that things can be sealed to. Parsed by kind, so that further kinds can be added.
#[derive(Clone)]
pub struct Recipient(age::x25519::Recipient);

impl FromStr for Recipient {
    type Err = SealError;
    fn from_str(text: &str) -> Result<Self, SealError> {
        let shown: String = text.chars().take(16).collect();
        age::x25519::Recipient::from_str(text.trim()).map(Self).map_err(|_| SealError::UnknownKey(shown))
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A secret key that opens what was sealed to its recipient.
#[derive(Clone)]
pub struct Identity(age::x25519::Identity);

impl Identity {
    /// A new one, from the system's generator.
    pub fn generate() -> Self {
        Self(age::x25519::Identity::generate())
    }
    /// The recipient it belongs to.
    pub fn recipient(&self) -> Recipient {
        Recipient(self.0.to_public())
    }
    /// `AGE-SECRET-KEY-1…`
    pub fn to_secret(&self) -> SecretString {
        self.0.to_string()
    }

    /// Parses `AGE-SECRET-KEY-1…`; blanks, dashes anywhere and lower case (typed from paper) are forgiven.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`] without a word of what was typed.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let is_letter = |c: &char| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}');
        let typed = Zeroizing::new(text.chars().filter(is_letter).collect::<String>().to_uppercase());
        let letters = typed.strip_prefix(BEGINNING).unwrap_or_default();
        let tidy = Zeroizing::new(format!("AGE-SECRET-KEY-1{letters}"));
        age::x25519::Identity::from_str(&tidy).map(Self).map_err(|_| SealError::UnknownKey("what was given".into()))
    }

    /// Reads an identity file: the first line that is neither blank nor a `#` comment.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`] when no line is a key.
    pub fn from_file_text(text: &str) -> Result<Self, SealError> {
        let line = text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#'));
        Self::parse(line.unwrap_or_default())
    }
}

/// Writes an identity as text that `from_file_text` and stock `age -i` read.
pub fn identity_line(identity: &Identity) -> String {
    identity.to_secret().expose_secret().to_string()
}

/// Seals `plain` to all of `recipients`.
///
/// # Errors
/// [`SealError::Seal`].
pub fn seal(plain: &[u8], recipients: &[&Recipient]) -> Result<Vec<u8>, SealError> {
    let mut sealing = Sealing::begin(BytesMut::with_capacity(plain.len() + plain.len() / 2048 + 4096), recipients)?;
    sealing.write_all(plain).map_err(unsealed)?;
    Ok(sealing.finish()?.into())
}

/// An object that is sealed while it is written.
pub struct Sealing(StreamWriter<Writer<BytesMut>>);

impl Sealing {
    /// Begins one in an empty buffer.
    ///
    /// # Errors
    /// [`SealError::Seal`].
    pub fn begin(out: BytesMut, recipients: &[&Recipient]) -> Result<Self, SealError> {
        let all = recipients.iter().map(|r| &r.0 as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(all).map_err(|e| SealError::Seal(e.to_string()))?;
        encryptor.wrap_output(out.writer()).map(Self).map_err(unsealed)
    }

    /// The sealed object.
    ///
    /// # Errors
    /// [`SealError::Seal`].
    pub fn finish(self) -> Result<BytesMut, SealError> {
        self.0.finish().map(Writer::into_inner).map_err(unsealed)
    }
}

impl Write for Sealing {
    fn write(&mut self, plain: &[u8]) -> std::io::Result<usize> {
        self.0.write(plain)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

fn unsealed(error: std::io::Error) -> SealError {
    SealError::Seal(error.to_string())
}

/// A sealed object of which parts can be read in any order; only the parts asked for are decrypted.
pub struct Opened {
    reader: StreamReader<Stored>,
}

/// Opens a sealed object with whichever of `identities` fits.
///
/// # Errors
/// [`SealError::WrongKey`] when none fits, [`SealError::Damaged`] when it is no intact age file.
pub fn open(stored: impl Into<Stored>, identities: &[Identity]) -> Result<Opened, SealError> {
    let decryptor = age::Decryptor::new_buffered(stored.into()).map_err(from_age)?;
    let reader = decryptor.decrypt(identities.iter().map(|i| &i.0 as &dyn age::Identity)).map_err(from_age)?;
    Ok(Opened { reader })
}

/// How a sealed object begins, as far as a reader of any part of it needs it: the header, and the nonce of what follows.
pub fn head_of(stored: &[u8]) -> Option<&[u8]> {
    const LAST_LINE: &[u8] = b"\n--- ";
    let last = memchr::memmem::find(&stored[..stored.len().min(HEADER as usize)], LAST_LINE)? + LAST_LINE.len();
    let end = last + memchr::memchr(b'\n', &stored[last..])? + 1 + NONCE;
    stored.get(..end)
}

/// age derives the key of the content from as many bytes after the header.
const NONCE: usize = 16;

/// Whether the beginning is that of an age file: all that can be said without a key.
pub fn is_sealed(stored: &Bytes) -> bool {
    age::Decryptor::new_buffered(Stored::from(stored.clone())).is_ok()
}

fn from_age(error: age::DecryptError) -> SealError {
    match error {
        age::DecryptError::NoMatchingKeys => SealError::WrongKey,
        other => SealError::Damaged(other.to_string()),
    }
}

impl Opened {
    /// Everything, checked to the end.
    ///
    /// # Errors
    /// [`SealError::Damaged`].
    pub fn all(mut self) -> Result<Vec<u8>, SealError> {
        let mut plain = Vec::new();
        self.reader.read_to_end(&mut plain).map_err(damaged)?;
        Ok(plain)
    }

    /// The length of what is inside.
    ///
    /// # Errors
    /// [`SealError::Damaged`].
    pub fn len(&mut self) -> Result<u64, SealError> {
        self.reader.seek(SeekFrom::End(0)).map_err(damaged)
    }

    /// Whether nothing is inside.
    ///
    /// # Errors
    /// [`SealError::Damaged`].
    pub fn is_empty(&mut self) -> Result<bool, SealError> {
        Ok(self.len()? == 0)
    }

    /// Exactly `len` bytes from `offset`.
    ///
    /// # Errors
    /// [`SealError::Damaged`], also when it is shorter than that.
    pub fn part(&mut self, offset: u64, len: usize) -> Result<Vec<u8>, SealError> {
        let mut plain = vec![];
        self.part_into(offset, len, &mut plain)?;
        Ok(plain)
    }

    /// The same into a buffer that is used again: one that is long enough already is not cleared.
    ///
    /// # Errors
    /// As [`Opened::part`].
    pub fn part_into(&mut self, offset: u64, len: usize, plain: &mut Vec<u8>) -> Result<(), SealError> {
        self.reader.seek(SeekFrom::Start(offset)).map_err(damaged)?;
        plain.resize(len, 0);
        self.reader.read_exact(plain).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => SealError::Damaged("it is shorter than it should be".into()),
            _ => damaged(e),
        })
    }
}

fn damaged(error: std::io::Error) -> SealError {
    SealError::Damaged(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_parts_and_as_a_whole() {
        let id = Identity::generate();
        let plain: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
        let stored = Bytes::from(seal(&plain, &[&id.recipient()]).unwrap());
        assert_eq!(open(stored.clone(), std::slice::from_ref(&id)).unwrap().all().unwrap(), plain);
        let mut opened = open(stored, &[Identity::generate(), id]).unwrap();
        assert_eq!(opened.part(65_530, 100).unwrap(), plain[65_530..65_630]);
        assert_eq!(opened.len().unwrap(), 200_000);
        assert!(opened.part(199_990, 11).is_err());
    }

    #[test]
    fn the_head_of_a_sealed_object_is_all_that_its_parts_need() {
        let id = Identity::generate();
        let plain: Vec<u8> = (0..400_000u32).map(|i| (i % 251) as u8).collect();
        let stored = Bytes::from(seal(&plain, &[&Identity::generate().recipient(), &id.recipient()]).unwrap());
        let head = head_of(&stored).unwrap();
        assert!((200..1000).contains(&head.len()), "{}", head.len());
        let content = &[(300_000, 100)];
        let ranges = crate::repo::stretches::sealed_ranges(stored.len() as u64, content, false);
        let parts = ranges.iter().map(|r| (r.start, stored.slice(r.start as usize..r.end as usize)));
        let with = |head: &[u8]| {
            let parts = std::iter::once((0, Bytes::copy_from_slice(head))).chain(parts.clone()).collect();
            let stretches = crate::repo::stretches::Stretches::new(stored.len() as u64, parts);
            open(Stored::Parts(stretches), std::slice::from_ref(&id))?.part(300_000, 100)
        };
        assert_eq!(with(head).unwrap(), plain[300_000..300_100]);
        // One byte less, one wrong, another's: an error, and never other bytes.
        assert!(with(&head[..head.len() - 1]).is_err());
        for byte in 0..head.len() {
            let mut wrong = head.to_vec();
            wrong[byte] ^= 1;
            assert!(with(&wrong).is_err(), "{byte}");
        }
        let other = Bytes::from(seal(&plain, &[&id.recipient()]).unwrap());
        assert!(with(head_of(&other).unwrap()).is_err());
        assert!(head_of(b"age-encryption.org/v1\n--- no end").is_none() && head_of(b"").is_none());
    }

    #[test]
    fn two_seals_of_equal_bytes_share_no_block() {
        let id = Identity::generate();
        let (a, b) = (seal(&[7; 4096], &[&id.recipient()]).unwrap(), seal(&[7; 4096], &[&id.recipient()]).unwrap());
        let blocks: std::collections::HashSet<&[u8]> = a[a.len() - 4096..].chunks(32).collect();
        assert!(b[b.len() - 4096..].chunks(32).all(|c| !blocks.contains(c)));
    }

    #[test]
    fn a_wrong_key_and_a_flipped_bit_are_told_apart() {
        let id = Identity::generate();
        let mut stored = seal(b"minutes", &[&id.recipient()]).unwrap();
        assert!(matches!(open(Bytes::from(stored.clone()), &[Identity::generate()]), Err(SealError::WrongKey)));
        let last = stored.len() - 1;
        stored[last] ^= 1;
        assert!(matches!(open(Bytes::from(stored), &[id]).unwrap().all(), Err(SealError::Damaged(_))));
    }

    #[test]
    fn a_key_typed_from_paper_is_read() {
        let id = Identity::generate();
        let line = identity_line(&id).to_lowercase();
        let typed = format!("  {} {}\n", &line[..20], &line[20..]);
        assert_eq!(Identity::parse(&typed).unwrap().recipient().to_string(), id.recipient().to_string());
        let error = Identity::parse("AGE-SECRET-KEY-1NONSENSE").err().unwrap().to_string();
        assert!(!error.contains("NONSENSE"));
    }
}
