use super::*;
use crate::domain::id::SnapshotId;
use crate::domain::listing::{Base64Form, Content, Entry, Kind, Meta, Page, Pieces, Xattr};
use crate::repo::listing::{decode_page, encode};

fn content(size: u64, pieces: Pieces) -> Content {
    Content { size, pieces, digest: None, link_group: None }
}

/// Every kind of entry, and every way to list content.
fn page() -> Page {
    let chunk = |n: u8| ChunkId::new([n; 32]);
    let whole = content(40, Pieces::Inline(vec![Piece::Raw(chunk(1), 40)]));
    let form = Base64Form::new(76, true);
    let several = vec![Piece::Hole(9), Piece::Decoded(chunk(2), 30, 41, form), Piece::Raw(chunk(3), 7)];
    let kinds = [
        Kind::Dir,
        Kind::File(whole.clone()),
        Kind::File(Content { digest: Some(Digest::of(b"x")), link_group: Some(7), ..whole }),
        Kind::File(content(0, Pieces::Inline(vec![]))),
        Kind::File(content(57, Pieces::Inline(several))),
        Kind::File(content(1 << 40, Pieces::Listed(vec![chunk(4), chunk(5)]))),
        Kind::Symlink(b"else/where".to_vec()),
        Kind::Fifo,
        Kind::Socket,
        Kind::CharDevice(1, 3),
        Kind::BlockDevice(8, 300),
    ];
    let xattr = |name: &[u8]| Xattr { name: name.to_vec(), value: vec![0xff; 3] };
    let entries = kinds.into_iter().enumerate().map(|(n, kind)| Entry {
        path: RecordPath::new(format!("Documents/{n:02}/x")).unwrap(),
        kind,
        meta: Meta {
            mode: 0o640,
            uid: 1000,
            gid: 300_000,
            user: (n % 2 == 0).then(|| "clerk".into()),
            group: (n % 3 == 0).then(|| "b\u{fc}ro".into()),
            mtime_s: -5 * n as i64,
            mtime_ns: 999_999_999,
            xattrs: if n % 4 == 0 { vec![xattr(b"user.a"), xattr(b"user.b")] } else { vec![] },
        },
        gone: (n % 2 == 1).then_some(Gone {
            last_seen: SnapshotId(3),
            last_seen_s: 1_700_000_000,
            missed_s: 1_700_086_400,
            unreadable: n % 3 == 0,
            left_out: (n % 5 == 0).then_some(true),
        }),
        first: (n % 3 == 1).then_some(1_600_000_000),
    });
    Page { entries: entries.collect() }
}

/// What both readings say of an entry, in words.
type Said = (Vec<u8>, String, (i64, u32), Option<Gone>, Option<i64>);

fn by_entry(e: &Entry) -> Said {
    let kind = match &e.kind {
        Kind::File(c) => format!("{} {:?} {:?}", c.size, c.pieces, c.digest),
        _ => String::new(),
    };
    (e.path.as_bytes().to_vec(), kind, (e.meta.mtime_s, e.meta.mtime_ns), e.gone.clone(), e.first)
}

fn by_view(e: &EntryView<'_>) -> Said {
    let kind = match &e.kind {
        KindView::File(c) => {
            let pieces = match &c.pieces {
                PiecesView::Inline(InlineView::One(piece)) => Pieces::Inline(vec![piece.clone()]),
                PiecesView::Inline(InlineView::All(pieces)) => Pieces::Inline(pieces.clone()),
                PiecesView::Listed(lists) => Pieces::Listed(lists.clone()),
            };
            format!("{} {:?} {:?}", c.size, pieces, c.digest)
        }
        _ => String::new(),
    };
    (e.path.to_vec(), kind, (e.meta.mtime_s, e.meta.mtime_ns), e.gone.clone(), e.first)
}

/// Both readings of the same bytes; nothing where they make no sense. True where they do.
fn agree(bytes: &[u8]) -> bool {
    let entries = decode_page(bytes).map(|all| all.iter().map(by_entry).collect::<Vec<_>>());
    let views = view_page(bytes).map(|all| all.iter().map(by_view).collect::<Vec<_>>());
    let (entries, views) = (entries.map_err(|e| e.to_string()), views.map_err(|e| e.to_string()));
    assert_eq!(entries, views, "{}", hex::encode(bytes));
    entries.is_ok()
}

#[test]
fn a_view_says_what_the_entry_says() {
    assert!(agree(&encode(&page()).unwrap()));
    assert!(agree(&encode(&Page::default()).unwrap()));
}

/// Every byte of a page changed in many ways, and every length of it.
#[test]
fn what_makes_no_sense_as_a_page_makes_none_as_a_view() {
    let whole = encode(&page()).unwrap();
    let (mut made_sense, mut made_none) = (0, 0);
    let mut count = |sense: bool| *(if sense { &mut made_sense } else { &mut made_none }) += 1;
    for at in 0..whole.len() {
        count(agree(&whole[..at]));
        for flip in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x5f, 0x9f, 0xf6, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            count(agree(&bytes));
        }
        for value in [0x40, 0x60, 0x80, 0x9f, 0xa0, 0xf6, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            count(agree(&bytes));
        }
    }
    assert!(made_sense > 1_000 && made_none > 1_000, "{made_sense}, {made_none}");
}
