//! Which packs count for what, and what is noted as needed.

use super::commit::leans_on_what_is_gone;
use super::depot::{Depot, Kept, lost_packs, present_packs, reliable_packs};
use super::session_tests::quiet_writer;
use crate::domain::log::bits::Bits;
use crate::domain::log::entry::Reason;
use crate::domain::log::state::Life;
use crate::ops::verify::fixture::Council;
use crate::repo::last_listing::Known;
use crate::repo::listing::chunks_of;
use crate::repo::writer::Stream;

fn bits(numbers: &[u32]) -> Bits {
    numbers.iter().copied().collect()
}

#[test]
fn a_pack_is_there_unless_it_is_dead_or_about_to_be_destroyed_or_was_not_seen() {
    let c = Council::new();
    (0..4).for_each(|night| {
        c.write("a.bin", Council::noise(night, 30_000));
        c.backup();
    });
    let repo = c.open();
    let (mut state, own) = (repo.state().clone(), repo.own_actors());
    assert_eq!(state.packs.len(), 8);
    let all = bits(&[0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!((present_packs(&state, |_| true), reliable_packs(&state, &own, |_| true)), (all.clone(), all));
    assert_eq!(reliable_packs(&state, &[], |_| true), bits(&[]), "another's, and nobody tested it");
    assert!(!leans_on_what_is_gone(&state, &bits(&[0, 1, 2, 7])) && !leans_on_what_is_gone(&state, &bits(&[])));
    let condemned = |reason| Life::Condemned { at: 9, time: c.env.clock.now(), reason };
    state.packs[0].life = Life::Swept { at: 9 };
    state.packs[1].life = condemned(Reason::Disposal);
    state.packs[2].life = condemned(Reason::Unreferenced);
    (3..6).for_each(|n| state.packs[n].lost = Some(9));
    state.packs[4].life = Life::Swept { at: 9 };
    assert_eq!(present_packs(&state, |_| true), bits(&[2, 3, 5, 6, 7]));
    assert_eq!(present_packs(&state, |n| n != 2 && n != 7), bits(&[3, 5, 6]));
    assert_eq!(present_packs(&state, |_| false), bits(&[]));
    assert_eq!(lost_packs(&state), bits(&[3, 5]), "seen or not");
    let gone = |n| leans_on_what_is_gone(&state, &bits(&[n, 7]));
    assert_eq!([0, 1, 2, 4, 6, 8].map(gone), [true, true, false, true, false, true], "dead, or nobody knows it");
    let index = state.indexes.iter_mut().find(|i| i.covers.contains(6)).unwrap();
    index.life = Life::Swept { at: 9 };
    assert!(leans_on_what_is_gone(&state, &bits(&[6])), "there, and nobody can find anything in it");
    assert!(!reliable_packs(&state, &own, |n| n != 7).contains(7));
}

#[test]
fn what_is_kept_is_needed_and_how_much_of_it_is_there_is_said() {
    let c = Council::new();
    c.write("plan.bin", Council::noise(1, 30_000));
    c.backup();
    let (number, _) = c.pack_of("Documents/plan.bin");
    let known = Known::new(c.entry("Documents/plan.bin"), None, None);
    let (pack, mut repo) = (bits(&[number]), c.open());
    let chunks = chunks_of(&mut repo.chunks().unwrap(), &known.entry).unwrap();
    let none = Bits::default;
    for (reliable, present, lost, kept, for_good) in [
        (pack.clone(), pack.clone(), none(), true, Kept::Whole),
        (none(), pack.clone(), none(), false, Kept::Whole),
        (none(), none(), pack.clone(), false, Kept::Lost),
        (none(), pack.clone(), pack.clone(), false, Kept::Lost),
        (none(), none(), none(), false, Kept::Broken),
    ] {
        let depot = || {
            let mut repo = c.open();
            let (writer, index, key) = (quiet_writer(&repo), repo.take_index().unwrap(), repo.chunk_key());
            Depot::new(writer, index, (reliable.clone(), present.clone(), lost.clone()), key)
        };
        let (mut first, mut second) = (depot(), depot());
        assert!(chunks.iter().all(|id| first.holds(id) == kept));
        assert!(first.needs.is_empty(), "to look is not to need");
        assert_eq!(first.keep(&known), kept);
        assert_eq!(first.needs, if kept { pack.clone() } else { none() });
        let mut page = depot();
        page.keep_page(&chunks[0]);
        assert_eq!(page.needs, first.needs);
        assert_eq!(second.keep_for_good(&known), for_good);
        assert_eq!(second.needs, if for_good == Kept::Broken { none() } else { pack.clone() });
    }
}

#[test]
fn a_piece_that_comes_twice_is_stored_once() {
    let c = Council::new();
    let mut repo = c.open();
    let (writer, index, key) = (quiet_writer(&repo), repo.take_index().unwrap(), repo.chunk_key());
    let mut depot = Depot::new(writer, index, Default::default(), key);
    let id = depot.put(Stream::Content, b"minutes").unwrap();
    assert_eq!(depot.put(Stream::Content, b"minutes").unwrap(), id);
    let written = depot.writer.flush().unwrap();
    let chunks: usize = written.iter().flat_map(|w| &w.indexed.segments).map(|s| s.chunks.len()).sum();
    assert_eq!((written.len(), chunks), (1, 1));
    depot.put(Stream::Content, b"minutes").unwrap();
    assert!(depot.writer.flush().unwrap().is_empty(), "nor once more later");
}
