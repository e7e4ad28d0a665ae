//! What lies in the store, once its seal is off: whoever holds one key of the repository could have made it.

use std::io::Read;
use std::sync::OnceLock;

use bytes::Bytes;
use jiff::Timestamp;

use crate::domain::id::{
    ActorId, ChunkId, IndexName, KeyholderId, Link, NoteName, PackName, RepositoryId, SessionId, SnapshotId,
};
use crate::domain::listing::{Content, Entry as Record, Kind, Meta, Page, PageRef, Piece, Pieces, Root};
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::*;
use crate::domain::log::fold::{FoldError, fold};
use crate::domain::log::state::Slot;
use crate::domain::path::RecordPath;
use crate::domain::retention::rulings::HoldText;
use crate::ops::retention::certificate::Certificate;
use crate::ops::retention::note::{ApprovalNote, CancelNote, DateNote, WhyNote};
use crate::ops::verify::LossNote;
use crate::repo::chunk::{ChunkIndex, ChunkKey, Head, IndexObject, IndexedPack};
use crate::repo::compress::{content_of, frame, unframe, unframe_up_to};
use crate::repo::envelope;
use crate::repo::keys::{Bundle, KeyRing};
use crate::repo::listing::{decode, decode_page, encode};
use crate::repo::log::parse;
use crate::repo::pack::{PackBuilder, PackReader, SegmentChunk, is_sane};
use crate::repo::seal::{Identity, seal};
use crate::repo::sign::{Purpose, Seed};
use crate::repo::view::view_page;

/// Nothing unpacks to more than this here.
const MOST_RAW: usize = 1 << 20;
/// Segments of a pack that are opened: each may be as large as a segment can be.
const MOST_SEGMENTS: usize = 4;
/// Entries of a log.
const MOST_ENTRIES: usize = 64;

fn identity() -> &'static Identity {
    static KEY: OnceLock<Identity> = OnceLock::new();
    KEY.get_or_init(Identity::generate)
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Two lines, the second a signature: what is no such thing is nothing, and nobody else's signature fits.
pub(super) fn envelope(data: &[u8]) {
    let actor = Seed::new([1; 32]).actor();
    if let Some((body, signature)) = envelope::split(data) {
        assert!(body.len() + signature.len() <= data.len());
    }
    for purpose in [Purpose::Log, Purpose::Keys] {
        if let Some(body) = envelope::unwrap(data, &actor, purpose) {
            assert!(envelope::wrap(&Seed::new([1; 32]), purpose, body) == data, "a signature over something else");
        }
    }
}

pub(super) fn envelopes() -> Vec<Vec<u8>> {
    let wrapped = |purpose| envelope::wrap(&Seed::new([1; 32]), purpose, b"{\"n\":1}");
    vec![wrapped(Purpose::Log), wrapped(Purpose::Keys), b"{}\n\n".to_vec()]
}

/// What is read from an entry is what is written.
pub(super) fn body(data: &[u8]) {
    let Ok(body) = serde_json::from_slice::<Body>(data) else { return };
    let again: Option<Body> = serde_json::from_slice(&json(&body)).ok();
    assert!(again.as_ref() == Some(&body), "an entry is written otherwise than it was read");
}

pub(super) fn bodies() -> Vec<Vec<u8>> {
    let body = |(n, entry): (usize, Entry)| json(&body_of(n as u64, Link::ORIGIN, 2, entry));
    entries().into_iter().enumerate().map(body).collect()
}

fn body_of(n: u64, prev: Link, actor: u8, entry: Entry) -> Body {
    let repository = (n > 0).then(|| RepositoryId::new([9; 32]));
    let time = Timestamp::from_second(1_700_000_000 + n as i64 * 3600).unwrap_or_default();
    Body { v: FORMAT_VERSION, n, repository, prev, actor: ActorId::new([actor; 32]), nonce: String::new(), time, entry }
}

/// A log of any entries by any of its actors folds, and what it comes to can be asked for.
pub(super) fn folded(data: &[u8]) {
    let zero = body_of(0, Link::ORIGIN, 1, Entry::Created(created()));
    let mut slots = vec![Slot { n: 0, link: Link::ORIGIN.then(b"zero"), body: Some(zero) }];
    for line in data.split(|b| *b == b'\n').take(MOST_ENTRIES) {
        let (n, prev) = (slots.len() as u64, slots[slots.len() - 1].link);
        let (by, text) = line.split_first().unwrap_or((&0, &[]));
        let entry: Option<Entry> = serde_json::from_slice(text).ok();
        let body = entry.map(|entry| body_of(n, prev, by.wrapping_sub(b'0') % 8, entry));
        slots.push(Slot { n, link: prev.then(line), body });
    }
    let state = match fold(RepositoryId::new([9; 32]), &slots) {
        Ok(state) => state,
        Err(FoldError::Newer { .. }) => return,
        Err(FoldError::NoBeginning) => panic!("its beginning is right"),
    };
    assert_eq!(state.next, slots.len() as u64);
    let known = state.packs.len();
    assert!(state.needed().iter().all(|n| (n as usize) < known), "a snapshot needs a pack that nobody stored");
    let (testable, described) = (state.testable(), state.described());
    assert!(testable.iter().all(|n| state.needed().contains(n)) && described.iter().all(|n| (n as usize) < known));
    let swept = |n: u32| state.is_swept(&state.packs[n as usize].pack.name);
    assert!(!state.live_snapshots().any(|s| s.snapshot.needs.iter().any(swept)), "what is needed was swept");
    let _ = (state.notes(), state.sets(), state.stored_bytes(), state.spent_notes());
}

pub(super) fn logs() -> Vec<Vec<u8>> {
    let line = |entry: &Entry| {
        let roles = entry.roles();
        let by = match roles.first() {
            Some(Role::Root) => b'1',
            Some(Role::Tester) => b'4',
            Some(Role::Pruner) => b'5',
            Some(Role::Approver) => b'6',
            _ => b'2',
        };
        [vec![by], json(entry)].concat()
    };
    let all: Vec<Vec<u8>> = entries().iter().map(line).collect();
    vec![all.join(&b'\n'), all[..6].join(&b'\n')]
}

fn created() -> Created {
    let roles = [Role::Writer, Role::Writer, Role::Tester, Role::Pruner, Role::Approver];
    let actor = |(n, role): (usize, &Role)| Actor {
        key: ActorId::new([n as u8 + 2; 32]),
        machine: KeyholderId::new([if n == 1 { 2 } else { 1 }; 32]),
        name: "office".into(),
        roles: vec![*role],
        reads: *role == Role::Tester,
    };
    let holder =
        |n: u8| Keyholder { id: KeyholderId::new([n; 32]), name: "a".into(), recipient: "".into(), reads: true };
    Created {
        root: ActorId::new([1; 32]),
        epoch: Epoch { number: 1, reading: String::new(), writing: String::new(), bundles: vec![] },
        keyholders: vec![holder(1), holder(2)],
        actors: roles.iter().enumerate().map(actor).collect(),
        single_machine: false,
    }
}

/// A life in little: stored, committed, tested, damaged, accepted, thinned, moved, swept; rulings and incidents.
fn entries() -> Vec<Entry> {
    let bits = |numbers: &[u32]| numbers.iter().copied().collect::<Bits>();
    let (pack, index) = (|n: u8| PackName::new([n; 32]), |n: u8| IndexName::new([n; 32]));
    let stored = |n: u8| {
        Entry::Stored(Stored {
            session: SessionId::new([n; 32]),
            began: Timestamp::UNIX_EPOCH,
            packs: vec![StoredPack { name: pack(n), size: 100 }, StoredPack { name: pack(n + 50), size: 7 }],
            index: StoredIndex { name: index(n), size: 10 },
        })
    };
    let snapshot = |needs: &[u32]| {
        Entry::Snapshot(Snapshot {
            set: "documents".into(),
            root: ChunkId::new([9; 32]),
            session: SessionId::new([1; 32]),
            began: Timestamp::UNIX_EPOCH,
            needs: bits(needs),
            parent: None,
            files: 1,
            bytes: 1,
            added: 1,
            problems: 0,
            gone: 0,
            mass_change: Some(vec![1, 1, 1]),
        })
    };
    let tested = Tested {
        snapshot: Some(SnapshotId(2)),
        packs: bits(&[0]),
        documents: 1,
        bytes: 1,
        failed: 0,
        complete: false,
        keyholder: KeyholderId::new([1; 32]),
        bundles: vec![],
    };
    let note = NoteName::new([3; 32]);
    let incident = Incident { what: IncidentKind::MassChange, snapshot: Some(SnapshotId(2)), counts: vec![3] };
    vec![
        stored(1),
        snapshot(&[0, 1]),
        Entry::Proved { session: SessionId::new([1; 32]), packs: bits(&[0, 1]) },
        Entry::Tested(tested),
        stored(2),
        snapshot(&[2, 3]),
        Entry::Quarantined { packs: bits(&[1]), indexes: vec![index(1)] },
        Entry::LossAccepted { packs: bits(&[1]), records: 1, note },
        Entry::DocumentsAccepted { documents: 1, note },
        Entry::Thinned { snapshots: vec![SnapshotId(2)], rule: "last 1".into() },
        Entry::Rewritten { from: bits(&[2]), to: bits(&[3]) },
        Entry::Condemned { packs: vec![pack(1), pack(51)], indexes: vec![index(1)], reason: Reason::Unreferenced },
        Entry::Swept { packs: vec![pack(1)], indexes: vec![index(1)] },
        Entry::Incident(incident),
        Entry::IncidentResolved { incident: 14, by: "Clerk".into(), note: "seen".into() },
        Entry::HoldPlaced { note, review: jiff::civil::date(2027, 1, 1) },
        Entry::HoldReleased { hold: 16, note },
        Entry::KeyholderRemoved { keyholder: KeyholderId::new([2; 32]) },
        Entry::ActorRevoked { actor: ActorId::new([3; 32]), from: 5 },
    ]
}

/// Any bytes under any name: no key opens what was not sealed to it.
pub(super) fn sealed(data: &[u8]) {
    let stored = Bytes::copy_from_slice(data);
    let keys = std::slice::from_ref(identity());
    assert!(parse(&stored, keys).is_none(), "nobody signed that");
    assert!(PackReader::open(&PackName::new([0; 32]), stored.clone(), keys).is_err());
    if let Ok(mut reader) = PackReader::of_remains(stored, keys) {
        let _ = reader.directory();
    }
}

pub(super) fn sealed_ones() -> Vec<Vec<u8>> {
    let header = "age-encryption.org/v1\n-> X25519 YWJj\nZGVm\n--- Z2hp\n";
    vec![header.as_bytes().to_vec(), b"age-encryption.org/v1\n".to_vec()]
}

/// The keys of a bundle, whoever sealed it.
pub(super) fn bundle(data: &[u8]) {
    let Ok(bundle) = serde_json::from_slice::<Bundle>(data) else { return };
    let again: Option<Bundle> = serde_json::from_slice(&json(&bundle)).ok();
    assert!(again.as_ref() == Some(&bundle));
    if let Ok(ring) = bundle.ring() {
        let (reading, writing) = (ring.reading.len(), ring.writing.len());
        assert!((reading, writing) == (bundle.reading.len(), bundle.writing.len()), "keys are missing");
    }
}

pub(super) fn bundles() -> Vec<Vec<u8>> {
    let ring = |root| KeyRing {
        reading: vec![],
        writing: vec![],
        chunk_secret: [7; 32],
        root,
        keyholder: KeyholderId::new([5; 32]),
    };
    let made = |ring: &KeyRing| json(&Bundle::new(RepositoryId::new([9; 32]), 1, ring, ring.keyholder));
    vec![made(&ring(None)), made(&ring(Some(Seed::new([1; 32]))))]
}

/// The plain content of a pack: its directory, and what it says is in it.
pub(super) fn pack(data: &[u8]) {
    let Ok(stored) = seal(data, &[&identity().recipient()]) else { return };
    let Ok(mut reader) = PackReader::of_remains(stored.into(), std::slice::from_ref(identity())) else {
        panic!("what was sealed just now opens")
    };
    let Ok(directory) = reader.directory() else { return };
    assert!(directory.segments.iter().all(|s| is_sane(s, data.len() as u64)), "a segment outside its pack");
    let (mut some, key) = (directory, ChunkKey::new([9; 32]));
    some.segments.retain(|s| s.raw as usize <= MOST_RAW);
    some.segments.truncate(MOST_SEGMENTS);
    let _ = reader.verify_all(&some, &key);
}

pub(super) fn packs() -> Vec<Vec<u8>> {
    let key = ChunkKey::new([9; 32]);
    let mut builder = PackBuilder::plain();
    for part in [&b"agenda"[..], b"minutes of the meeting", &[0; 3000]] {
        let chunks = vec![SegmentChunk { id: key.id(part), len: part.len() as u32 }];
        builder.add(&frame(part).unwrap_or_default(), part.len() as u32, chunks).unwrap_or_default();
    }
    builder.finish().map(|(plain, _)| vec![plain]).unwrap_or_default()
}

/// No frame unpacks to more than is asked for.
pub(super) fn segment(data: &[u8]) {
    let Some((length, bytes)) = data.split_first_chunk::<4>() else { return };
    let raw = u32::from_le_bytes(*length) as usize % MOST_RAW;
    if let Ok(content) = unframe(bytes, raw) {
        assert_eq!(content.len(), raw);
    }
    if let Ok(content) = unframe_up_to(bytes, raw) {
        assert!(content.len() <= raw);
    }
    if let Ok(mut content) = content_of(bytes, raw as u64) {
        let mut all = vec![];
        if content.read_to_end(&mut all).is_ok() {
            assert!(all.len() <= raw);
        }
    }
}

pub(super) fn segments() -> Vec<Vec<u8>> {
    let framed = |raw: &[u8]| [&(raw.len() as u32).to_le_bytes()[..], &frame(raw).unwrap_or_default()].concat();
    vec![framed(b"minutes"), framed(&[7; 5000]), framed(&[]), framed(&[0; 900_000])]
}

/// What is in packs, as an index object says it.
pub(super) fn index(data: &[u8]) {
    let Ok(object) = decode::<IndexObject>(data) else { return };
    again(&object);
    let mut index = ChunkIndex::default();
    for (number, pack) in object.packs.iter().enumerate() {
        let sane: Vec<_> = pack.segments.iter().filter(|s| is_sane(s, u64::MAX)).cloned().collect();
        index.add(number as u32, &sane, |_, _| true);
        for chunk in sane.iter().flat_map(|s| &s.chunks) {
            assert!(index.find(&chunk.id).is_some(), "a chunk that was added is not found");
        }
    }
}

pub(super) fn indexes() -> Vec<Vec<u8>> {
    let key = ChunkKey::new([9; 32]);
    let mut builder = PackBuilder::plain();
    builder.add(b"frame", 6, vec![SegmentChunk { id: key.id(b"agenda"), len: 6 }]).unwrap_or_default();
    let segments = builder.finish().map(|(_, directory)| directory.segments).unwrap_or_default();
    let object = IndexObject {
        packs: vec![IndexedPack { name: PackName::new([4; 32]), segments, head: Some(Head(vec![7; 40])) }],
    };
    vec![encode(&object).unwrap_or_default(), encode(&IndexObject::default()).unwrap_or_default()]
}

/// Written once more it says the same.
fn again<T>(value: &T)
where
    T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + PartialEq,
{
    let bytes = encode(value).unwrap_or_default();
    assert!(decode::<T>(&bytes).is_ok_and(|read| read == *value), "it is written otherwise than it was read");
}

/// A page is read in place exactly as it is decoded, and its paths rise.
pub(super) fn page(data: &[u8]) {
    let (decoded, viewed) = (decode_page(data), view_page(data));
    match (&decoded, &viewed) {
        (Ok(entries), Ok(views)) => {
            assert!(entries.iter().map(|e| e.path.as_bytes()).eq(views.iter().map(|v| v.path)));
            assert!(entries.windows(2).all(|w| w[0].path < w[1].path), "one path twice");
            again(&Page { entries: entries.clone() });
        }
        (Err(_), Err(_)) => {}
        _ => panic!("decoded {decoded:?}, viewed {viewed:?}"),
    }
}

pub(super) fn pages() -> Vec<Vec<u8>> {
    let meta = Meta { mode: 0o644, mtime_s: 1_700_000_000, ..Meta::default() };
    let record = |path: &str, kind: Kind| {
        RecordPath::new(path).ok().map(|path| Record { path, kind, meta: meta.clone(), gone: None, first: None })
    };
    let raw = Piece::Raw(ChunkId::new([5; 32]), 9);
    let file = |pieces| Kind::File(Content { size: 9, pieces, digest: None, link_group: Some(1) });
    let all = [
        record("a", Kind::Dir),
        record("a/..b", file(Pieces::Inline(vec![raw.clone()]))),
        record("a/c", file(Pieces::Listed(vec![ChunkId::new([6; 32])]))),
        record("evil", Kind::Symlink(b"/etc".to_vec())),
        record("evil/passwd", file(Pieces::Inline(vec![raw]))),
        record("pipe", Kind::Fifo),
        record("up", Kind::Symlink(b"../..".to_vec())),
        record("up/outside", Kind::Dir),
    ];
    let page = |from: usize| Page { entries: all[from..].iter().flatten().cloned().collect() };
    vec![encode(&page(0)).unwrap_or_default(), encode(&page(6)).unwrap_or_default()]
}

/// Roots, and lists of pieces.
pub(super) fn root(data: &[u8]) {
    if let Ok(root) = decode::<Root>(data) {
        again(&root);
    }
    if let Ok(pieces) = decode::<Vec<Piece>>(data) {
        again(&pieces);
    }
}

pub(super) fn roots() -> Vec<Vec<u8>> {
    let first = RecordPath::new("a/b").ok();
    let pages: Vec<PageRef> =
        first.into_iter().map(|first| PageRef { id: ChunkId::new([5; 32]), first, count: 3 }).collect();
    let root = Root { set: "documents".into(), live: pages.clone(), gone: pages, ..Root::default() };
    let pieces = vec![Piece::Raw(ChunkId::new([5; 32]), 9)];
    vec![encode(&root).unwrap_or_default(), encode(&pieces).unwrap_or_default()]
}

/// What people said, as it stands in notes.
pub(super) fn note(data: &[u8]) {
    let _ = serde_json::from_slice::<ApprovalNote>(data);
    let _ = serde_json::from_slice::<Certificate>(data);
    let _ = serde_json::from_slice::<HoldText>(data);
    let _ = serde_json::from_slice::<LossNote>(data);
    let _ = serde_json::from_slice::<(DateNote, CancelNote)>(data);
    if let Ok(why) = serde_json::from_slice::<WhyNote>(data) {
        assert!(!why.in_words().chars().any(char::is_control), "a letter that moves the cursor");
    }
}

pub(super) fn notes() -> Vec<Vec<u8>> {
    let why = WhyNote { by: "Town Clerk".into(), note: "seen".into() };
    let loss = LossNote { by: why.by.clone(), note: why.note.clone(), records: vec![], chunks: vec![], seen: vec![] };
    vec![json(&why), json(&loss), br#"{"kind":"hold","pattern":"*.docx","reason":"a","by":"b"}"#.to_vec()]
}
