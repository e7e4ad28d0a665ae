//! Which cutter a content gets, by its leading bytes.
//!
//! A wrong guess costs space, never bytes: every cutter takes any input. The same bytes must be guessed the same
//! way wherever they lie (a folder, an attachment), or they would not be stored once.

use super::MIN_REGION;

/// How many leading bytes are worth handing to [`CutterKind::choose`]; fewer will do.
pub const HEAD_LEN: usize = 2048;

/// How content is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CutterKind {
    /// By content, usual sizes.
    Normal,
    /// By content, small chunks: databases, mail stores and disk images are edited in scattered places.
    Scattered,
    /// One message (.eml, maildir): attachments are cut out.
    Mail,
    /// Many messages in one file (mbox): attachments are cut out, small chunks between them.
    Mailbox,
    /// A zip and what is built on it (docx, xlsx, odt): members are cut out.
    Zip,
}

/// Signatures of content edited in place: where they lie and what they are.
const SCATTERED: &[(usize, &[u8])] = &[
    (0, b"SQLite format 3\0"),
    (0, b"!BDN"),                      // Outlook's .pst and .ost
    (0, b"\0\x01\0\0Standard Jet DB"), // Access, old
    (0, b"\0\x01\0\0Standard ACE DB"), // Access
    (4, b"\xef\xcd\xab\x89"),          // ESE: Exchange, Windows Search
    (0, b"QFI\xfb"),                   // qcow, qcow2
    (0, b"KDMV"),                      // VMDK, sparse
    (0, b"COWD"),                      // VMDK, ESX
    (0, b"vhdxfile"),                  // VHDX
    (0, b"conectix"),                  // VHD, dynamic
    (64, b"\x7f\x10\xda\xbe"),         // VirtualBox
    (512, b"EFI PART"),                // raw disk, GPT
    (3, b"NTFS    "),                  // raw volume
    (1080, b"\x53\xef"),               // raw volume, ext2 to ext4
];

/// Header fields with which stored messages begin, in lower case.
const FIRST_FIELDS: &[&str] = &[
    "return-path",
    "received",
    "delivered-to",
    "envelope-to",
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "date",
    "sender",
    "reply-to",
    "message-id",
    "mime-version",
    "content-type",
    "authentication-results",
    "dkim-signature",
    "received-spf",
    "thread-topic",
    "thread-index",
    "status",
    "user-agent",
    "in-reply-to",
    "references",
];

impl CutterKind {
    /// Chooses by the first bytes and the size (`u64::MAX` where it is not known).
    pub fn choose(head: &[u8], size: u64) -> Self {
        if size <= MIN_REGION {
            return Self::Normal; // one chunk, whoever cuts
        }
        if head.starts_with(b"PK\x03\x04") {
            return Self::Zip;
        }
        if head.starts_with(b"From ") {
            return Self::Mailbox;
        }
        if SCATTERED.iter().any(|(at, magic)| head.get(*at..).is_some_and(|tail| tail.starts_with(magic)))
            || is_partitioned_disk(head, size)
        {
            return Self::Scattered;
        }
        if starts_like_a_message(head) { Self::Mail } else { Self::Normal }
    }
}

/// A boot signature alone is two bytes; whole sectors and a partition table that makes sense must go with it.
fn is_partitioned_disk(head: &[u8], size: u64) -> bool {
    let Some(sector) = head.get(..512) else { return false };
    let whole = size.is_multiple_of(512) && size >= 1 << 20;
    let mut entries = sector[446..510].chunks_exact(16);
    let sane = entries.clone().all(|entry| matches!(entry[0], 0 | 0x80));
    whole && sector[510..] == [0x55, 0xaa] && sane && entries.any(|entry| entry[4] != 0)
}

fn starts_like_a_message(head: &[u8]) -> bool {
    let Some(colon) = head.iter().take(64).position(|byte| *byte == b':') else { return false };
    let name = &head[..colon];
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || !name.iter().all(is_name) {
        return false;
    }
    let family = |prefix: &[u8]| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    FIRST_FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field.as_bytes()))
        || family(b"x-")
        || family(b"arc-")
        || family(b"list-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: usize, magic: &[u8]) -> Vec<u8> {
        let mut head = vec![0; HEAD_LEN];
        head[offset..offset + magic.len()].copy_from_slice(magic);
        head
    }

    #[test]
    fn leading_bytes_decide() {
        let big = 1 << 30;
        for (head, kind) in [
            (&b"SQLite format 3\0\x10\0"[..], CutterKind::Scattered),
            (b"!BDN\x01\x02", CutterKind::Scattered),
            (b"QFI\xfb\0\0\0\x03", CutterKind::Scattered),
            (b"PK\x03\x04\x14\0", CutterKind::Zip),
            (b"From anna@example.org Mon Jan  5 10:00:00 2026\n", CutterKind::Mailbox),
            (b"Return-Path: <a@example.org>\r\n", CutterKind::Mail),
            (b"RECEIVED: from x\n", CutterKind::Mail),
            (b"X-Spam: no\n", CutterKind::Mail),
            (b"%PDF-1.7\n", CutterKind::Normal),
            (b"From the chairman:\n", CutterKind::Mailbox),
            (b"Minutes of the meeting: 3 May\n", CutterKind::Normal),
            (b": odd", CutterKind::Normal),
            (b"", CutterKind::Normal),
        ] {
            assert_eq!(CutterKind::choose(head, big), kind, "{:?}", String::from_utf8_lossy(head));
        }
        assert_eq!(CutterKind::choose(&at(512, b"EFI PART"), big), CutterKind::Scattered);
        assert_eq!(CutterKind::choose(&at(1080, b"\x53\xef"), big), CutterKind::Scattered);
        assert_eq!(CutterKind::choose(&at(3, b"NTFS    "), big), CutterKind::Scattered);
    }

    #[test]
    fn a_boot_signature_needs_a_partition_table() {
        let mut head = at(510, &[0x55, 0xaa]);
        assert_eq!(CutterKind::choose(&head, 1 << 30), CutterKind::Normal);
        head[446] = 0x80;
        head[450] = 0x83;
        assert_eq!(CutterKind::choose(&head, 1 << 30), CutterKind::Scattered);
        assert_eq!(CutterKind::choose(&head, (1 << 30) + 1), CutterKind::Normal);
    }

    #[test]
    fn what_is_one_chunk_anyway_needs_no_scanner() {
        assert_eq!(CutterKind::choose(b"PK\x03\x04", MIN_REGION), CutterKind::Normal);
    }
}
