//! Whatever goes in comes out again, and a document gives the same chunks in a message as in a folder.

use std::collections::HashSet;
use std::convert::Infallible;

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::repo::cut::base64::write_back;
use crate::repo::cut::tests::{Halting, Member, fragment, gear, mail, mailbox, noise, zip};

const KINDS: [CutterKind; 3] = [CutterKind::Mail, CutterKind::Mailbox, CutterKind::Zip];

type Pieces = Vec<(Vec<u8>, Option<Written>)>;

fn pieces(data: &[u8], kind: CutterKind) -> Pieces {
    let (mut pieces, mut buffer) = (vec![], CutBuffer::new());
    let emit = |chunk: &[u8], written| {
        pieces.push((chunk.to_vec(), written));
        Ok::<_, Infallible>(())
    };
    store_slice(data, kind, &gear(), &mut buffer, emit).unwrap();
    pieces
}

fn put_together(pieces: &Pieces) -> Vec<u8> {
    let back = |(chunk, written): &(Vec<u8>, Option<Written>)| match written {
        None => chunk.clone(),
        Some((len, form)) => write_back(chunk, *form, *len as usize).expect("it is written back"),
    };
    pieces.iter().flat_map(back).collect()
}

/// Every promise that holds for any input.
fn assert_sound(data: &[u8], steps: &[usize]) {
    for kind in KINDS {
        let pieces = pieces(data, kind);
        assert!(put_together(&pieces) == data, "{kind:?} lost bytes");
        assert!(pieces.iter().all(|(chunk, _)| !chunk.is_empty() && chunk.len() <= 512 << 10));
        let (mut streamed, mut raw, mut buffer) = (vec![], vec![], CutBuffer::new());
        let reader = Halting { rest: data, steps, turn: 0, halted: false };
        let read = store_reader(
            reader,
            kind,
            &gear(),
            &mut buffer,
            |bytes| raw.extend_from_slice(bytes),
            |chunk, w| {
                streamed.push((chunk.to_vec(), w));
                Ok::<_, Infallible>(())
            },
        );
        assert_eq!(read.unwrap(), data.len() as u64);
        assert!(raw == data, "{kind:?}: the bytes as they are are told");
        assert!(streamed == pieces, "{kind:?}: reading cuts elsewhere");
        assert!(buffer.body.plain.capacity() < 4 << 20 && buffer.body.text.capacity() < 4 << 20);
    }
}

/// A body that somebody wrote: lines of any length, either ending, cut off or broken anywhere, or whole.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let broken = proptest::option::weighted(0.4, (any::<proptest::sample::Index>(), "[A-D=\r\n -]{0,4}"));
    (any::<u64>(), 1usize..40_000, 1usize..40, any::<bool>(), any::<bool>(), broken).prop_map(
        |(seed, len, quarter, crlf, ended, broken)| {
            let mut text = lines(&noise(seed, len), quarter * 4, crlf);
            if !ended {
                text.truncate(text.len() - 1 - usize::from(crlf));
            }
            if let Some((at, other)) = broken {
                let at = at.index(text.len());
                text.splice(at..(at + 2).min(text.len()), other.into_bytes());
            }
            [b"\nContent-Transfer-Encoding: base64\n\n", &text[..]].concat()
        },
    )
}

fn lines(bytes: &[u8], width: usize, crlf: bool) -> Vec<u8> {
    let end: &[u8] = if crlf { b"\r\n" } else { b"\n" };
    STANDARD.encode(bytes).as_bytes().chunks(width).flat_map(|line| [line, end].concat()).collect()
}

fn message(bytes: &[u8], width: usize, crlf: bool) -> Vec<u8> {
    let head =
        b"Subject: papers\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\n\n";
    [head, &lines(bytes, width, crlf)[..], b"--b--\n"].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_bytes_come_back(
        parts in proptest::collection::vec(prop_oneof![2 => fragment(), 1 => body()], 0..40),
        steps in proptest::collection::vec(0usize..100_000, 1..20),
    ) {
        assert_sound(&parts.concat(), &steps);
    }

    #[test]
    fn every_cut_of_a_body_is_written_back(
        seed: u64, len in 1usize..4000, quarter in 1u16..30, crlf: bool, ended: bool,
        cuts in proptest::collection::vec(1usize..700, 1..9),
    ) {
        let (bytes, form) = (noise(seed, len), Base64Form::new(quarter * 4, crlf));
        let mut text = lines(&bytes, usize::from(quarter) * 4, crlf);
        if !ended {
            text.truncate(text.len() - end_of(form).len());
        }
        let (mut from, mut back) = (0, vec![]);
        for cut in cuts.into_iter().cycle() {
            let (chunk, after) = bytes[from..].split_at(cut.min(len - from));
            if let Some((len, form)) = written(from as u64, chunk.len(), after, form, Some(text.len() as u64)) {
                back.extend(write_back(chunk, form, len as usize).unwrap());
            }
            from += chunk.len();
            if from == len {
                break;
            }
        }
        prop_assert!(back == text);
    }
}

#[test]
fn large_bodies_come_back_from_a_reader() {
    let steps = [70_000, 1, 4095, 2_000_000, 13];
    let mut broken = mail(3, &noise(3, 3_000_000));
    let middle = broken.len() / 2;
    broken[middle] = b'!';
    for data in [mailbox(6, 700_000), mail(1, &noise(1, 5_000_000)), broken] {
        assert_sound(&data, &steps);
    }
}

#[test]
fn a_document_gives_the_same_chunks_in_a_message_and_in_a_folder() {
    let pictures = [1, 2].map(|n| Member { name: "p.png", data: noise(n, 700_001), time: 1 });
    for document in [noise(5, 1_000_000), zip(&pictures, true), b"a line of a report\n".repeat(20_000)] {
        let kind = CutterKind::choose(&document[..HEAD_LEN], document.len() as u64);
        let alone: HashSet<Vec<u8>> = pieces(&document, kind).into_iter().map(|(chunk, _)| chunk).collect();
        for (width, crlf) in [(76, true), (76, false), (72, false), (64, true), (60, false)] {
            let mail = message(&document, width, crlf);
            for kind in [CutterKind::Mail, CutterKind::Mailbox] {
                let found = pieces(&mail, kind);
                assert!(put_together(&found) == mail);
                let inside: HashSet<Vec<u8>> = found.into_iter().filter(|p| p.1.is_some()).map(|p| p.0).collect();
                assert!(inside == alone, "{kind:?}, lines of {width}");
            }
        }
    }
}

#[test]
fn a_body_that_breaks_off_is_decoded_as_far_as_it_goes() {
    let mut mail = message(&noise(7, 600_000), 76, false);
    let at = mail.len() / 2;
    mail[at] = b'*';
    let found = pieces(&mail, CutterKind::Mail);
    let decoded: u64 = found.iter().filter_map(|(_, written)| *written).map(|(len, _)| u64::from(len)).sum();
    assert!(put_together(&found) == mail);
    assert!((at as u64 - 8000..=at as u64).contains(&decoded), "{decoded} of {at}");
}

#[test]
fn what_is_no_base64_stays_as_it_is() {
    for body in ["not base64 at all\n".repeat(900), "A".repeat(200_000), format!("{}\n", "QUI".repeat(25)).repeat(200)]
    {
        let mail = format!("Content-Transfer-Encoding: base64\n\n{body}");
        let found = pieces(mail.as_bytes(), CutterKind::Mail);
        assert!(put_together(&found) == mail.as_bytes() && found.iter().all(|(_, written)| written.is_none()));
    }
}
