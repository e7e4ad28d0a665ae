//! How fast content is cut, by kind: the scan alone, without digests or compression.

use std::convert::Infallible;
use std::hint::black_box;

use divan::Bencher;
use divan::counter::BytesCount;
use strongroom::repo::cut::base64::{base64_region, base64_region_into, write_back};
use strongroom::repo::cut::{CutBuffer, CutterKind, Gear, GearKey, cut_reader, cut_slice, store_slice};

const LEN: usize = 64 << 20;

fn main() {
    divan::main();
}

fn gear() -> Gear {
    Gear::new(&GearKey::new([7; 32]))
}

/// Bytes that look random and are the same in every run.
fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

/// Base64-like lines of 76 characters.
fn encoded(len: usize) -> Vec<u8> {
    let mut bytes = noise(len);
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = if at % 77 == 76 { b'\n' } else { b'A' + *byte % 26 };
    }
    bytes
}

/// Messages with attachments of about 300 KiB and as much text as councils write.
fn mailbox() -> Vec<u8> {
    let body = encoded(77 * 4000);
    let text = "Dear colleagues, the papers for the meeting are attached.\n".repeat(60);
    let mut whole = Vec::with_capacity(LEN + (1 << 20));
    while whole.len() < LEN {
        whole.extend_from_slice(
            b"From a@example.org Mon Jan  5 10:00:00 2026\nReceived: from x\nContent-Type: multipart/mixed; \
              boundary=\"b0\"\n\n--b0\nContent-Type: text/plain\n\n",
        );
        whole.extend_from_slice(text.as_bytes());
        whole.extend_from_slice(b"--b0\nContent-Type: image/jpeg\nContent-Transfer-Encoding: base64\n\n");
        whole.extend_from_slice(&body);
        whole.extend_from_slice(b"\n--b0--\n\n");
    }
    whole
}

/// Members of about 300 KiB whose lengths follow their data: the slower way.
fn zip() -> Vec<u8> {
    let data = noise(300 << 10);
    let mut whole = Vec::with_capacity(LEN + (1 << 20));
    while whole.len() < LEN {
        whole.extend_from_slice(b"PK\x03\x04\x14\0\x08\0\x08\0");
        whole.extend_from_slice(&[0; 16]);
        whole.extend_from_slice(b"\x05\0\0\0a.png");
        whole.extend_from_slice(&data);
    }
    whole
}

fn scan(bencher: Bencher, data: &[u8], kind: CutterKind) {
    let gear = gear();
    bencher.counter(BytesCount::of_slice(data)).bench_local(|| {
        cut_slice(black_box(data), kind, &gear).map(|(chunk, _)| chunk.len()).fold(0, |sum, len| sum ^ len)
    });
}

#[divan::bench]
fn normal(bencher: Bencher) {
    scan(bencher, &noise(LEN), CutterKind::Normal);
}

#[divan::bench]
fn scattered(bencher: Bencher) {
    scan(bencher, &noise(LEN), CutterKind::Scattered);
}

#[divan::bench]
fn mail_one_attachment(bencher: Bencher) {
    let mut mail = b"Content-Transfer-Encoding: base64\n\n".to_vec();
    mail.extend(encoded(LEN));
    scan(bencher, &mail, CutterKind::Mail);
}

#[divan::bench]
fn mail_archive(bencher: Bencher) {
    scan(bencher, &mailbox(), CutterKind::Mailbox);
}

/// Bodies decoded, proved and cut.
#[divan::bench]
fn mail_archive_decoded(bencher: Bencher) {
    let (data, gear, mut buffer) = (mailbox(), gear(), CutBuffer::new());
    bencher.counter(BytesCount::of_slice(&data)).bench_local(|| {
        let mut decoded = 0;
        let stored = store_slice(black_box(&data), CutterKind::Mailbox, &gear, &mut buffer, |chunk, written| {
            decoded += written.map_or(0, |_| chunk.len());
            Ok::<_, Infallible>(())
        });
        (stored.is_ok(), decoded)
    });
}

#[divan::bench]
fn zip_members(bencher: Bencher) {
    scan(bencher, &zip(), CutterKind::Zip);
}

#[divan::bench]
fn normal_from_reader(bencher: Bencher) {
    let (gear, data) = (gear(), noise(LEN));
    let mut buffer = CutBuffer::new();
    bencher.counter(BytesCount::of_slice(&data)).bench_local(|| {
        cut_reader(black_box(&data[..]), CutterKind::Normal, &gear, &mut buffer, |chunk, _| {
            black_box(chunk.len());
            Ok::<_, Infallible>(())
        })
        .map_err(|error| error.to_string())
    });
}

#[divan::bench]
fn many_small_files_from_reader(bencher: Bencher) {
    let (gear, data) = (gear(), noise(4 << 20));
    let mut buffer = CutBuffer::new();
    bencher.counter(BytesCount::of_slice(&data)).bench_local(|| {
        for file in data.chunks(8 << 10) {
            let cut = cut_reader(black_box(file), CutterKind::Mail, &gear, &mut buffer, |chunk, _| {
                black_box(chunk.len());
                Ok::<_, Infallible>(())
            });
            black_box(cut.is_ok());
        }
    });
}

#[divan::bench]
fn base64_decode(bencher: Bencher) {
    let region = encoded(77 * 40_000);
    let mut decoded = Vec::new();
    bencher
        .counter(BytesCount::of_slice(&region))
        .bench_local(|| base64_region_into(black_box(&region), &mut decoded).is_some());
}

#[divan::bench]
fn base64_write_back(bencher: Bencher) {
    let region = encoded(77 * 40_000);
    let Some((decoded, form)) = base64_region(&region) else { return };
    bencher.counter(BytesCount::of_slice(&region)).bench_local(|| write_back(black_box(&decoded), form, region.len()));
}
