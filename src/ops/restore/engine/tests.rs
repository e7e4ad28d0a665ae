use std::time::Duration;

use super::*;
use crate::domain::id::ChunkId;
use crate::domain::listing::Kind;
use crate::ops::Silent;
use crate::ops::verify::Object;
use crate::ops::verify::fixture::Council;
use crate::testing::{Fault, Plan};

/// Asks for a stop, and takes what came.
fn stopping(stop: &Stop) -> impl Fn(usize) -> Result<(), OpsError> + Sync {
    move |_| {
        stop.set();
        Ok(())
    }
}

/// Takes note of what comes; what it answers to a piece, and to what is lost, a test says.
struct Taken<'t> {
    pieces: Mutex<Vec<(u32, u64, usize)>>,
    lost: Mutex<Vec<u32>>,
    complete: Mutex<Vec<u32>>,
    answer: &'t (dyn Fn(usize) -> Result<(), OpsError> + Sync),
}

impl<'t> Taken<'t> {
    fn answering(answer: &'t (dyn Fn(usize) -> Result<(), OpsError> + Sync)) -> Self {
        Self { pieces: Mutex::default(), lost: Mutex::default(), complete: Mutex::default(), answer }
    }
}

impl Sink for Taken<'_> {
    fn piece(&self, file: u32, offset: u64, bytes: &[u8]) -> Result<(), OpsError> {
        let before = {
            let mut pieces = locked(&self.pieces);
            pieces.push((file, offset, bytes.len()));
            pieces.len() - 1
        };
        (self.answer)(before)
    }
    fn lost(&self, file: u32, _: &str) {
        let before = {
            let mut lost = locked(&self.lost);
            lost.push(file);
            lost.len() - 1
        };
        let _ = (self.answer)(before);
    }
    fn complete(&self, file: u32) -> Result<(), OpsError> {
        locked(&self.complete).push(file);
        Ok(())
    }
}

fn brought(c: &Council, names: &[&str], sink: &Taken<'_>, connections: usize, stop: &Stop) -> Result<u64, OpsError> {
    brought_from(c, names, sink, How { connections, whole: None }, Plan::none(), stop)
}

fn brought_from(
    c: &Council,
    names: &[&str],
    sink: &Taken<'_>,
    how: How<'_>,
    faults: Plan,
    stop: &Stop,
) -> Result<u64, OpsError> {
    c.faults.restart(Plan::none());
    let contents: Vec<_> = names.iter().map(|name| c.entry(&format!("Documents/{name}")).kind).collect();
    let (mut repo, mut window) = (c.open(), Window::default());
    let mut chunks = repo.chunks().unwrap();
    for kind in contents {
        let Kind::File(content) = kind else { panic!("{kind:?}") };
        window.add(&mut chunks, &content).unwrap();
    }
    c.faults.restart(faults);
    run(chunks.repository(), window, sink, how, &Silent, stop)
}

/// Files in packs of their own, one from each backup.
fn of_several_packs(names: &[&str], len: usize) -> Council {
    let c = Council::new();
    for (n, name) in (1..).zip(names) {
        c.write(name, Council::noise(n, len));
        c.backup();
    }
    c
}

fn go_on(_: usize) -> Result<(), OpsError> {
    Ok(())
}

fn is_interrupted(result: &Result<u64, OpsError>) -> bool {
    matches!(result, Err(OpsError::Repo(RepoError::Interrupted)))
}

#[test]
fn every_pack_is_fetched_once_whatever_the_order_of_the_files() {
    let c = of_several_packs(&["a", "b"], 60_000);
    c.write("c", [Council::noise(1, 60_000), Council::noise(2, 60_000), Council::noise(1, 60_000)].concat());
    c.backup();
    let sink = Taken::answering(&go_on);
    let fetched = brought(&c, &["a", "c", "b", "a"], &sink, 1, &Stop::default()).unwrap();
    assert_eq!((fetched, c.faults.count("get packs/")), (3, 3), "what is new at the seams is a pack, too");
    let mut complete = locked(&sink.complete).clone();
    complete.sort_unstable();
    assert_eq!(complete, [0, 1, 2, 3], "each once");
    let mut pieces = locked(&sink.pieces).clone();
    pieces.sort_unstable();
    let bytes = |file| pieces.iter().filter(|p| p.0 == file).map(|p| p.2).sum::<usize>();
    assert_eq!([bytes(0), bytes(1), bytes(2), bytes(3)], [60_000, 180_000, 60_000, 60_000]);
    pieces.dedup();
    assert_eq!(pieces.len(), locked(&sink.pieces).len(), "no piece comes twice");
}

#[test]
fn a_store_that_fails_ends_it_and_a_pack_that_is_gone_fails_its_test() {
    let c = of_several_packs(&["a"], 60_000);
    let (number, pack) = c.pack_of("Documents/a");
    let Object::Pack(name) = pack else { panic!("{pack:?}") };
    let (sink, stop) = (Taken::answering(&go_on), Stop::default());
    let how = |whole| How { connections: 1, whole };
    let failing = Plan::within("packs/", Fault::FailBefore);
    let failed = brought_from(&c, &["a"], &sink, how(None), failing, &stop);
    assert!(matches!(failed, Err(OpsError::Repo(RepoError::Store(_)))), "{failed:?}");
    assert!(locked(&sink.lost).is_empty() && locked(&sink.complete).is_empty(), "nothing is known to be lost");
    let whole = Whole::stated(&c.open(), &[number].into_iter().collect()).unwrap();
    for _ in 0..2 {
        assert_eq!(brought_from(&c, &["a"], &sink, how(Some(&whole)), Plan::none(), &stop).unwrap(), 1);
        assert!(locked(&whole.results)[&name].is_ok());
    }
    c.lose(Object::Pack(name));
    let whole = Whole::default();
    assert_eq!(brought_from(&c, &["a"], &sink, how(Some(&whole)), Plan::none(), &stop).unwrap(), 0);
    assert!(whole.into_results()[&name].as_ref().is_err_and(|why| why.contains("missing") || why.contains("gone")));
}

#[test]
fn an_empty_file_is_complete_and_no_pack_is_fetched_for_it() {
    let c = of_several_packs(&["a"], 5_000);
    c.write("empty", "");
    c.backup();
    for (names, packs) in [(&["empty", "empty"][..], 0), (&["a", "empty"], 1)] {
        let sink = Taken::answering(&go_on);
        assert_eq!(brought(&c, names, &sink, 3, &Stop::default()).unwrap(), packs);
        let mut complete = locked(&sink.complete).clone();
        complete.sort_unstable();
        assert_eq!(complete, [0, 1]);
    }
}

#[test]
fn a_segment_that_several_need_is_one_place() {
    let c = of_several_packs(&["a"], 60_000);
    let Kind::File(content) = c.entry("Documents/a").kind else { panic!("no file") };
    let (mut repo, mut window) = (c.open(), Window::default());
    let mut chunks = repo.chunks().unwrap();
    window.add(&mut chunks, &content).unwrap();
    let need = window.needs[0].clone();
    let mut behind = need.clone();
    behind.segment.offset += 1_000;
    let place = (need.segment.offset, need.segment.len);
    let group = [need.clone(), need, behind.clone(), behind];
    assert_eq!(places(&group), [place, (place.0 + 1_000, place.1)]);
}

#[test]
fn a_stop_ends_it_before_the_next_empty_file_the_next_pack_the_next_segment_and_the_next_loss() {
    let c = of_several_packs(&["a", "b"], 5 << 20);
    c.write("empty", "");
    c.backup();
    let stop = Stop::default();
    stop.set();
    for names in [&["empty"][..], &["a"]] {
        let sink = Taken::answering(&go_on);
        assert!(is_interrupted(&brought(&c, names, &sink, 1, &stop)), "{names:?}");
        assert_eq!((locked(&sink.complete).len(), c.faults.calls()), (0, 0), "{names:?}");
    }
    // In the middle of a pack: its other segments are not opened.
    let stop = Stop::default();
    let at_once = stopping(&stop);
    let sink = Taken::answering(&at_once);
    assert!(is_interrupted(&brought(&c, &["a"], &sink, 1, &stop)));
    let come: usize = locked(&sink.pieces).iter().map(|p| p.2).sum();
    assert!((1..4 << 20).contains(&come), "{come}");
    // What cannot be had elsewhere: a look for each costs time.
    let (_, pack) = c.pack_of("Documents/a");
    c.lose(pack);
    let stop = Stop::default();
    let at_once = stopping(&stop);
    let sink = Taken::answering(&at_once);
    assert!(is_interrupted(&brought(&c, &["a"], &sink, 1, &stop)));
    assert_eq!(*locked(&sink.lost), [0]);
}

#[test]
fn a_worker_that_fails_ends_the_others() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let c = of_several_packs(&names, 5_000);
    let slowly = |before: usize| match before {
        0 => Err(OpsError::Target("full".into())),
        _ => {
            std::thread::sleep(Duration::from_millis(200));
            Ok(())
        }
    };
    let sink = Taken::answering(&slowly);
    let ended = brought(&c, &names, &sink, 2, &Stop::default());
    assert!(matches!(ended, Err(OpsError::Target(_))), "{ended:?}");
    assert!(locked(&sink.pieces).len() <= 4, "{:?}", locked(&sink.pieces));
}

#[test]
fn of_a_damaged_pack_every_file_is_told_and_ended() {
    let c = of_several_packs(&["a"], 60_000);
    let (_, Object::Pack(name)) = c.pack_of("Documents/a") else { panic!("no pack") };
    c.damage(Object::Pack(name), |bytes| bytes.truncate(1_000));
    let sink = Taken::answering(&go_on);
    let fetched = brought(&c, &["a", "a"], &sink, 1, &Stop::default()).unwrap();
    assert_eq!((fetched, locked(&sink.pieces).len()), (0, 0));
    let (lost, complete) = (locked(&sink.lost).clone(), locked(&sink.complete).clone());
    assert!(lost.contains(&0) && lost.contains(&1) && complete == [0, 1], "{lost:?} {complete:?}");
}

/// A window of this file alone.
fn window_of(chunks: &mut crate::repo::reader::ChunkReader<'_>, kind: Kind) -> Window {
    let (Kind::File(content), mut window) = (kind, Window::default()) else { panic!("no file") };
    window.add(chunks, &content).unwrap();
    window
}

#[test]
fn what_lies_together_in_pack_and_file_comes_together_and_what_is_wrong_in_it_alone_is_lost() {
    let len = 1 << 20;
    let c = of_several_packs(&["a"], len);
    let kind = c.entry("Documents/a").kind;
    let how = How { connections: 1, whole: None };
    let mut repo = c.open();
    let mut chunks = repo.chunks().unwrap();
    let pieces = window_of(&mut chunks, kind.clone()).needs.len();
    assert!(pieces >= 4, "{pieces}");
    // The first, the last, one between, and two at once.
    for wrong in [&[][..], &[0], &[pieces - 1], &[1], &[1, pieces - 1]] {
        let (mut window, sink) = (window_of(&mut chunks, kind.clone()), Taken::answering(&go_on));
        window.sort();
        let needs = &mut window.needs;
        wrong.iter().for_each(|n| needs[*n].id = ChunkId::new([7; 32]));
        let missing: usize = wrong.iter().map(|n| needs[*n].len as usize).sum();
        run(chunks.repository(), window, &sink, how, &Silent, &Stop::default()).unwrap();
        let come = locked(&sink.pieces).clone();
        assert_eq!(come.iter().map(|(_, _, len)| len).sum::<usize>(), len - missing, "{wrong:?}");
        assert_eq!(come.len(), if wrong.is_empty() { 1 } else { pieces - wrong.len() }, "{wrong:?}");
        assert_eq!((locked(&sink.lost).len(), locked(&sink.complete).len()), (wrong.len(), 1), "{wrong:?}");
    }
    // In the file they may lie apart, in other files, or be written otherwise than they are stored.
    let need = window_of(&mut chunks, kind).needs[0].clone();
    let next = |change: fn(&mut Need)| {
        let mut next = Need { start: need.start + need.len, offset: need.offset + u64::from(need.len), ..need.clone() };
        change(&mut next);
        goes_on(&need, &next)
    };
    assert!(next(|_| {}) && !next(|n| n.file += 1) && !next(|n| n.offset += 1) && !next(|n| n.start += 1));
    assert!(!next(|n| n.written = Some((8, crate::domain::listing::Base64Form { line: 76, crlf: true, run: None }))));
}
