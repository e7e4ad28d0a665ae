//! What all cutters promise: nothing lost, the same cuts however bytes arrive, and the same chunks after an edit.

use std::collections::HashSet;
use std::convert::Infallible;
use std::io::{ErrorKind, Read};

use ::base64::Engine as _;
use proptest::prelude::*;

use super::*;

const KINDS: [CutterKind; 5] =
    [CutterKind::Normal, CutterKind::Scattered, CutterKind::Mail, CutterKind::Mailbox, CutterKind::Zip];

/// Bytes that look random and are the same for ever.
pub(super) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

pub(super) fn gear() -> Gear {
    Gear::new(&GearKey::new([7; 32]))
}

/// A member of a zip; its data stands for what the compressor made.
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) data: Vec<u8>,
    pub(super) time: u16,
}

/// A zip, its lengths in front of the data or behind it.
pub(super) fn zip(members: &[Member], lengths_follow: bool) -> Vec<u8> {
    let (mut whole, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let len = (member.data.len() as u32).to_le_bytes();
        let digest = blake3::hash(&member.data);
        let crc = &digest.as_bytes()[..4]; // nobody here checks it
        let at = (whole.len() as u32).to_le_bytes();
        let [time_low, time_high] = member.time.to_le_bytes();
        let common = [20, 0, if lengths_follow { 8 } else { 0 }, 0, 8, 0, time_low, time_high, 0x21, 0x5a];
        let name_len = [member.name.len() as u8, 0];
        let (front_crc, front_len) = if lengths_follow { (&[0; 4][..], [0; 4]) } else { (crc, len) };
        for part in [b"PK\x03\x04", &common[..], front_crc, &front_len, &front_len, &name_len, &[0, 0]] {
            whole.extend_from_slice(part);
        }
        whole.extend_from_slice(member.name.as_bytes());
        whole.extend_from_slice(&member.data);
        if lengths_follow {
            [b"PK\x07\x08", crc, &len, &len].iter().for_each(|part| whole.extend_from_slice(part));
        }
        for part in [b"PK\x01\x02", &[20, 0][..], &common, crc, &len, &len, &name_len, &[0; 12], &at] {
            directory.extend_from_slice(part);
        }
        directory.extend_from_slice(member.name.as_bytes());
    }
    whole.extend(directory);
    whole.extend_from_slice(b"PK\x05\x06");
    whole.extend_from_slice(&noise(members.len() as u64, 18));
    whole
}

/// A message with one attachment.
pub(super) fn mail(seed: u64, attachment: &[u8]) -> Vec<u8> {
    let body = ::base64::engine::general_purpose::STANDARD.encode(attachment);
    let mut mail = format!(
        "Return-Path: <sender{seed}@example.org>\r\nReceived: from host{seed}\r\nSubject: Papers {seed}\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_part-{seed}\"\r\n\r\n--=_part-{seed}\r\n\
         Content-Type: text/plain\r\n\r\nDear all,\r\n{}\r\n--=_part-{seed}\r\nContent-Type: application/pdf; \
         name=\"pack{seed}.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        "please find the papers.\r\n".repeat(seed as usize % 50)
    );
    for line in body.as_bytes().chunks(76) {
        mail.push_str(std::str::from_utf8(line).unwrap());
        mail.push_str("\r\n");
    }
    mail.push_str(&format!("\r\n--=_part-{seed}--\r\n"));
    mail.into_bytes()
}

/// A mailbox of such messages, every attachment sent twice.
pub(super) fn mailbox(messages: u64, size: usize) -> Vec<u8> {
    let mut whole = Vec::new();
    for n in 0..messages {
        whole.extend_from_slice(format!("From s{n}@example.org Mon Jan  5 10:00:00 2026\r\n").as_bytes());
        whole.extend(mail(n, &noise(n / 2, size)));
        whole.extend_from_slice(b"\r\n");
    }
    whole
}

/// Yields a few bytes at a time, as told, and is interrupted now and then.
pub(super) struct Halting<'d> {
    pub(super) rest: &'d [u8],
    pub(super) steps: &'d [usize],
    pub(super) turn: usize,
    pub(super) halted: bool,
}

impl Read for Halting<'_> {
    fn read(&mut self, space: &mut [u8]) -> std::io::Result<usize> {
        self.turn += 1;
        let step = self.steps[self.turn % self.steps.len()];
        if !std::mem::replace(&mut self.halted, true) && step.is_multiple_of(7) {
            return Err(ErrorKind::Interrupted.into());
        }
        self.halted = false;
        let len = (step + 1).min(space.len()).min(self.rest.len());
        let (now, later) = self.rest.split_at(len);
        space[..len].copy_from_slice(now);
        self.rest = later;
        Ok(len)
    }
}

type Chunks = Vec<(Vec<u8>, Place)>;

fn from_slice(data: &[u8], kind: CutterKind) -> Chunks {
    let gear = gear();
    cut_slice(data, kind, &gear).map(|(chunk, place)| (chunk.to_vec(), place)).collect()
}

fn from_reader(reader: impl Read, kind: CutterKind, buffer: &mut CutBuffer) -> (Chunks, u64) {
    let mut chunks = Vec::new();
    let read = cut_reader(reader, kind, &gear(), buffer, |chunk, place| {
        chunks.push((chunk.to_vec(), place));
        Ok::<_, Infallible>(())
    });
    (chunks, read.unwrap())
}

/// Every promise that holds for any input.
fn assert_sound(data: &[u8], steps: &[usize], buffer: &mut CutBuffer) {
    for kind in KINDS {
        let chunks = from_slice(data, kind);
        let whole: Vec<u8> = chunks.iter().flat_map(|(chunk, _)| chunk.iter().copied()).collect();
        assert!(whole == data, "{kind:?} lost bytes");
        assert!(chunks.iter().all(|(chunk, _)| !chunk.is_empty() && chunk.len() <= Sizes::NORMAL.max), "{kind:?}");
        let (streamed, read) = from_reader(Halting { rest: data, steps, turn: 0, halted: false }, kind, buffer);
        assert!(streamed == chunks && read == data.len() as u64, "{kind:?}: reading cuts elsewhere");
    }
}

fn shared(old: &[u8], new: &[u8], kind: CutterKind) -> (usize, usize) {
    let known: HashSet<Vec<u8>> = from_slice(old, kind).into_iter().map(|(chunk, _)| chunk).collect();
    let chunks = from_slice(new, kind);
    let same = chunks.iter().filter(|(chunk, _)| known.contains(chunk)).map(|(chunk, _)| chunk.len()).sum();
    (same, new.len())
}

/// Fragments of mail and of zips, in an order that makes no sense.
pub(super) fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let words: &[&[u8]] = &[
        b"\n",
        b"\r\n",
        b"\r",
        b"\n\n",
        b"--",
        b"--b",
        b"--b--",
        b"--c\r\n",
        b"From a 10:00\n",
        b"From ",
        b"\nFrom x\n",
        b"Content-Type: multipart/mixed; boundary=b\n",
        b"Content-Type: multipart/x;\n boundary=\"c\"\n",
        b"Content-Type: message/rfc822\n\n",
        b"Content-Transfer-Encoding: base64\n\n",
        b"PK",
        b"PK\x03\x04",
        b"PK\x01\x02",
        b"PK\x03\x04\x14\0\x08\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0a",
        b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\x20\0\0\0\x20\0\0\x01\0\0\0a",
    ];
    prop_oneof![
        6 => proptest::sample::select(words.to_vec()).prop_map(<[u8]>::to_vec),
        2 => (1usize..200).prop_map(|lines| format!("{}\n", "QUJD".repeat(19)).repeat(lines).into_bytes()),
        1 => (any::<u64>(), 0usize..40_000).prop_map(|(seed, len)| noise(seed, len)),
        1 => proptest::collection::vec(any::<u8>(), 0..300),
        1 => (1usize..30_000).prop_map(|len| vec![b'A'; len]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_is_lost_and_reading_does_not_matter(
        fragments in proptest::collection::vec(fragment(), 0..120),
        steps in proptest::collection::vec(0usize..100_000, 1..20),
    ) {
        assert_sound(&fragments.concat(), &steps, &mut CutBuffer::new());
    }
}

#[test]
fn large_content_is_cut_alike_from_a_reader() {
    let mut buffer = CutBuffer::new();
    let members = [1, 2, 3].map(|n| Member { name: "p.png", data: noise(n, 1_500_000), time: 1 });
    for data in [noise(9, 7_000_001), mailbox(30, 200_000), mail(1, &noise(1, 4_000_000)), zip(&members, true)] {
        assert_sound(&data, &[70_000, 1, 4095, 2_000_000, 13], &mut buffer);
    }
    // Where a line, a mark or the end falls on the edge of what one decision sees.
    for extra in 0..3 {
        for len in [1 << 20, (1 << 20) + (16 << 10), 2 * ((1 << 20) + (16 << 10))] {
            assert_sound(&mailbox(20, 150_000)[..len - 1 + extra], &[99_999], &mut buffer);
        }
    }
}

#[test]
fn kinds_are_chosen_from_what_was_read() {
    let gear = gear();
    for (data, kind) in [(mail(1, &noise(1, 300_000)), CutterKind::Mail), (mailbox(4, 90_000), CutterKind::Mailbox)] {
        let mut chunks = Vec::new();
        cut_auto(&data[..], data.len() as u64, &gear, &mut CutBuffer::new(), |chunk, place| {
            chunks.push((chunk.to_vec(), place));
            Ok::<_, Infallible>(())
        })
        .unwrap();
        assert!(chunks == from_slice(&data, kind));
    }
}

#[test]
fn failures_of_either_side_stop_the_cutting() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(ErrorKind::PermissionDenied.into())
        }
    }
    let gear = gear();
    let mut buffer = CutBuffer::new();
    let failed = cut_reader(Broken, CutterKind::Normal, &gear, &mut buffer, |_, _| Ok::<_, Infallible>(()));
    assert!(matches!(failed, Err(CutError::Read(error)) if error.kind() == ErrorKind::PermissionDenied));
    let refused = cut_reader(&b"abc"[..], CutterKind::Normal, &gear, &mut buffer, |_, _| Err("full"));
    assert!(matches!(refused, Err(CutError::Emit("full"))));
}

#[test]
fn an_edited_document_keeps_its_pictures() {
    for follow in [false, true] {
        let document = |text: u64, time| {
            let part = |name, seed, len| Member { name, data: noise(seed, len), time };
            let list = [
                part("[Content_Types].xml", 1, 400),
                part("word/document.xml", text, 3000 + text as usize),
                part("word/media/image1.png", 2, 300_000),
                part("word/media/image2.png", 3, 1_400_000),
                part("word/media/image3.png", 4, 40_000),
            ];
            zip(&list, follow)
        };
        let pictures = 300_000 + 1_400_000 + 40_000;
        let (same, _) = shared(&document(10, 1), &document(77, 2), CutterKind::Zip);
        assert!(same >= pictures, "{same} of {pictures} shared, lengths follow: {follow}");
    }
}

#[test]
fn an_attachment_gives_the_same_chunks_in_every_message_and_mailbox() {
    let attachment = noise(5, 200 << 10);
    let body_len = attachment.len().div_ceil(3) * 4;
    let (one, other) = (mail(1, &attachment), mail(32, &attachment));
    let (same, _) = shared(&one, &other, CutterKind::Mail);
    assert!(same >= body_len, "{same} of {body_len} shared");

    let mut archive = mailbox(3, 50_000);
    archive.extend_from_slice(b"From a@b Mon Jan  5 10:00:00 2026\r\n");
    archive.extend_from_slice(&other);
    let known: HashSet<_> = from_slice(&archive, CutterKind::Mailbox).into_iter().map(|(chunk, _)| chunk).collect();
    let body = from_slice(&one, CutterKind::Mail).into_iter().filter(|(_, place)| *place != Place::Plain);
    assert!(body.clone().count() > 0 && body.clone().all(|(chunk, _)| known.contains(&chunk)));
    let encoded: Vec<u8> = body.flat_map(|(chunk, _)| chunk).collect();
    assert_eq!(base64::base64_region(&encoded).unwrap().0, attachment);
}

#[test]
fn an_edit_in_the_middle_leaves_the_rest_shared() {
    let old = noise(6, 64 << 20);
    let mut new = old.clone();
    new.splice(32 << 20..32 << 20, *b"some new bytes");
    for kind in [CutterKind::Normal, CutterKind::Scattered] {
        let (same, all) = shared(&old, &new, kind);
        assert!(same * 100 > all * 95, "{kind:?}: {same} of {all}");
    }
}

#[test]
fn small_messages_are_gathered() {
    let message = "From a@b Mon Jan  5 10:00:00 2026\nSubject: x\n\nshort\n\n";
    let chunks = from_slice(message.repeat(20_000).as_bytes(), CutterKind::Mailbox);
    let (_, whole) = chunks.split_last().unwrap();
    assert!(whole.iter().all(|(chunk, _)| chunk.len() >= MIN_MESSAGE_RUN && chunk.starts_with(b"From ")));
}

#[test]
fn forced_cut_points_are_frozen() {
    let members = [1, 2, 3].map(|n| Member { name: "p.png", data: noise(n, 300_000), time: 1 });
    for (data, kind, expected) in [
        (
            mailbox(6, 120_000),
            CutterKind::Mailbox,
            "347 155265 8947 390 155265 8947 415 68688 95524 440 68688 95524 465 133266 30946 490 133266 30946 18",
        ),
        (mail(1, &noise(1, 400_000)), CutterKind::Mail, "326 68688 232177 152563 93944 16"),
        (zip(&members, true), CutterKind::Zip, "35 144073 155943 35 163811 128109 8096 35 201729 98287 175"),
    ] {
        let lengths: Vec<String> = from_slice(&data, kind).iter().map(|(chunk, _)| chunk.len().to_string()).collect();
        assert_eq!(lengths.join(" "), expected, "{kind:?}");
    }
}
